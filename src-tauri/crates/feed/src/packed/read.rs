//! From the packed form to text.

use std::io::Write as _;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::phrases;
use super::{
    AFTER_SIGNATURE, AGAIN, AGAIN_QUOTED, AUTHOR, AUTHOR_FIRST, BEFORE_CONTENT, BEFORE_PREVIOUS, BEFORE_SIGNATURE,
    BEFORE_TIMESTAMP, FIRST_HIGH_PHRASE, FIRST_PHRASE, ID_CHARACTERS, KINDS, LAST_LOW_PHRASE, LONG_PHRASE, MAX_SEEN,
    NO_PREVIOUS, PREVIOUS, QUOTED, SEALED, SEALED_2, SEQUENCE, Seen, TIMESTAMP_TEXT,
};
use crate::{FeedId, MAX_ENCODED_BYTES};

/// Bytes that are no packed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// The first byte names a version that is not known here.
    #[error("a message is packed in version {0}, which a newer version of Periwinkle may know")]
    Version(u8),
    /// The bytes end too early.
    #[error("a packed message ends too early")]
    Truncated,
    /// A code that means nothing.
    #[error("a packed message holds a code that means nothing")]
    Code,
    /// The text would be longer than any message.
    #[error("a packed message is longer than {MAX_ENCODED_BYTES} bytes")]
    TooLarge,
}

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// Room for a message that is packed as well as messages are; more is taken when it is needed.
const USUAL: usize = 768;

/// Reads version 1, its first byte included.
pub(super) fn unpack(packed: &[u8], author: FeedId, sequence: u64) -> Result<Vec<u8>, PackedError> {
    let mut source = Source(packed);
    source.byte()?;
    let flags = source.byte()?;
    if flags & !(AUTHOR_FIRST | PREVIOUS | TIMESTAMP_TEXT | SEALED | SEALED_2) != 0 {
        return Err(PackedError::Code);
    }
    let mut seen: Vec<Seen> = Vec::with_capacity(8);
    seen.push((0, *author.key()));
    let mut text = Text(Vec::with_capacity(USUAL.max(2 * packed.len()).min(MAX_ENCODED_BYTES)));
    text.push(BEFORE_PREVIOUS)?;
    if flags & PREVIOUS == 0 {
        text.push(NO_PREVIOUS)?;
    } else {
        let previous = (1, source.array()?);
        seen.push(previous);
        text.id(&previous, true)?;
    }
    if flags & AUTHOR_FIRST == 0 {
        text.sequence(sequence)?;
    }
    text.push(AUTHOR)?;
    text.id(&seen[0], false)?;
    text.push(b"\"")?;
    if flags & AUTHOR_FIRST != 0 {
        text.sequence(sequence)?;
    }
    text.push(BEFORE_TIMESTAMP)?;
    if flags & TIMESTAMP_TEXT == 0 {
        text.number(source.leb128()?)?;
    } else {
        let length = source.byte()?;
        text.push(source.take(usize::from(length))?)?;
    }
    let signature: [u8; SIGNATURE_BYTES] = source.array()?;
    text.push(BEFORE_CONTENT)?;
    if flags & SEALED == 0 {
        text.push(b"{")?;
        text.codes(source, &mut seen)?;
        text.push(b"}")?;
    } else {
        text.push(b"\"")?;
        text.base64(source.0)?;
        text.push(if flags & SEALED_2 == 0 { b".box\"" } else { b".box2\"" })?;
    }
    text.push(BEFORE_SIGNATURE)?;
    text.base64(&signature)?;
    text.push(AFTER_SIGNATURE)?;
    Ok(text.0)
}

/// Reads the content alone of version 1, its first byte included; none if that is sealed.
pub(super) fn unpack_content(packed: &[u8], author: FeedId) -> Result<Option<Vec<u8>>, PackedError> {
    let mut source = Source(packed);
    source.byte()?;
    let flags = source.byte()?;
    let mut seen: Vec<Seen> = Vec::with_capacity(8);
    seen.push((0, *author.key()));
    if flags & PREVIOUS != 0 {
        seen.push((1, source.array()?));
    }
    if flags & TIMESTAMP_TEXT == 0 {
        source.leb128()?;
    } else {
        let length = source.byte()?;
        source.take(usize::from(length))?;
    }
    source.take(SIGNATURE_BYTES)?;
    if flags & SEALED != 0 {
        return Ok(None);
    }
    let mut text = Text(Vec::with_capacity((2 * packed.len()).min(MAX_ENCODED_BYTES)));
    text.push(b"{")?;
    text.codes(source, &mut seen)?;
    text.push(b"}")?;
    Ok(Some(text.0))
}

/// Bytes still to be read.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn byte(&mut self) -> Result<u8, PackedError> {
        let (first, rest) = self.0.split_first().ok_or(PackedError::Truncated)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], PackedError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(PackedError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackedError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(PackedError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn leb128(&mut self) -> Result<u64, PackedError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(PackedError::Code)
    }
}

/// The text so far, never longer than a message may be.
struct Text(Vec<u8>);

impl Text {
    fn push(&mut self, piece: &[u8]) -> Result<(), PackedError> {
        if self.0.len() + piece.len() > MAX_ENCODED_BYTES {
            return Err(PackedError::TooLarge);
        }
        self.0.extend_from_slice(piece);
        Ok(())
    }

    fn number(&mut self, number: u64) -> Result<(), PackedError> {
        // Writing to a vector cannot fail.
        let _ = write!(self.0, "{number}");
        self.push(b"")
    }

    fn sequence(&mut self, sequence: u64) -> Result<(), PackedError> {
        self.push(SEQUENCE)?;
        self.number(sequence)
    }

    fn base64(&mut self, bytes: &[u8]) -> Result<(), PackedError> {
        let start = self.0.len();
        let length = bytes.len().div_ceil(3) * 4;
        if start + length > MAX_ENCODED_BYTES {
            return Err(PackedError::TooLarge);
        }
        self.0.resize(start + length, 0);
        // There is exactly as much room as it takes.
        let _ = STANDARD.encode_slice(bytes, &mut self.0[start..]);
        Ok(())
    }

    fn id(&mut self, (kind, hash): &Seen, quoted: bool) -> Result<(), PackedError> {
        let (sigil, suffix) = KINDS.get(usize::from(*kind)).ok_or(PackedError::Code)?;
        // Around an id stand at most 2 quotes, its sigil and its suffix.
        if self.0.len() + ID_CHARACTERS + 3 + suffix.len() > MAX_ENCODED_BYTES {
            return Err(PackedError::TooLarge);
        }
        let mut text = [0; ID_CHARACTERS];
        // An id has exactly these characters.
        let _ = STANDARD.encode_slice(hash, &mut text);
        if quoted {
            self.0.push(b'"');
        }
        self.0.push(*sigil);
        self.0.extend_from_slice(&text);
        self.0.extend_from_slice(suffix);
        if quoted {
            self.0.push(b'"');
        }
        Ok(())
    }

    fn codes(&mut self, mut source: Source<'_>, seen: &mut Vec<Seen>) -> Result<(), PackedError> {
        loop {
            let plain = source.0.iter().position(|byte| is_code(*byte)).unwrap_or(source.0.len());
            self.push(source.take(plain)?)?;
            let Ok(code) = source.byte() else { return Ok(()) };
            match code {
                0..AGAIN => {
                    let id = (code % QUOTED, source.array()?);
                    if seen.len() < MAX_SEEN {
                        seen.push(id);
                    }
                    self.id(&id, code >= QUOTED)?;
                }
                AGAIN | AGAIN_QUOTED => {
                    let number = source.byte()?;
                    let id = *seen.get(usize::from(number)).ok_or(PackedError::Code)?;
                    self.id(&id, code == AGAIN_QUOTED)?;
                }
                FIRST_PHRASE..=LAST_LOW_PHRASE => self.phrase(usize::from(code - FIRST_PHRASE))?,
                LONG_PHRASE => {
                    let number = source.byte()?;
                    self.phrase(phrases::SHORT + usize::from(number))?;
                }
                FIRST_HIGH_PHRASE.. => {
                    let low = usize::from(LAST_LOW_PHRASE - FIRST_PHRASE) + 1;
                    self.phrase(low + usize::from(code - FIRST_HIGH_PHRASE))?;
                }
                _ => return Err(PackedError::Code),
            }
        }
    }

    fn phrase(&mut self, number: usize) -> Result<(), PackedError> {
        self.push(phrases::by_number(number).ok_or(PackedError::Code)?)
    }
}

fn is_code(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | 0xc0 | 0xc1 | 0xf5..=0xff)
}
