//! From text to the packed form.

use std::io::Write as _;

use super::phrases;
use super::{
    AFTER_SIGNATURE, AGAIN, AGAIN_QUOTED, AUTHOR, AUTHOR_FIRST, BEFORE_CONTENT, BEFORE_PREVIOUS, BEFORE_SIGNATURE,
    BEFORE_TIMESTAMP, FIRST_HIGH_PHRASE, FIRST_PHRASE, ID_CHARACTERS, KINDS, LAST_LOW_PHRASE, LONG_PHRASE, MAX_SEEN,
    NO_PREVIOUS, PREVIOUS, QUOTED, SEALED, SEALED_2, SEQUENCE, Seen, TIMESTAMP_DIGITS, TIMESTAMP_TEXT, VERSION,
};
use crate::{FeedId, base64};

/// What a byte of a content asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// It stands for itself.
    Plain,
    /// A phrase or an id may begin here.
    Begins,
    /// It would be taken for a code.
    Code,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=0x1f | 0xc0 | 0xc1 | 0xf5..=0xff => Class::Code,
            b'@' | b'%' | b'&' => Class::Begins,
            byte if phrases::begins(byte) => Class::Begins,
            _ => Class::Plain,
        };
        byte += 1;
    }
    classes
};

/// Writes to the end of `out`; `None` for a text that does not have the shape, with anything behind what was there.
pub(super) fn pack(encoded: &[u8], author: FeedId, sequence: u64, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let mut flags = 0;
    let mut seen = Seens::new(*author.key());
    let rest = encoded.strip_prefix(BEFORE_PREVIOUS)?;
    let rest = match rest.strip_prefix(NO_PREVIOUS) {
        Some(rest) => rest,
        None => {
            let ((1, hash), length) = id(rest.strip_prefix(b"\"")?)? else { return None };
            seen.push((1, hash));
            flags |= PREVIOUS;
            rest.get(1 + length..)?.strip_prefix(b"\"")?
        }
    };
    let (rest, author_first) = whose(rest, author, sequence)?;
    flags |= if author_first { AUTHOR_FIRST } else { 0 };
    let rest = rest.strip_prefix(BEFORE_TIMESTAMP)?;
    let (timestamp, rest) = rest.split_at(rest.iter().position(|byte| *byte == b',')?);
    let number = whole(timestamp);
    flags |= if number.is_none() { TIMESTAMP_TEXT } else { 0 };
    let content = rest.strip_prefix(BEFORE_CONTENT)?.strip_suffix(AFTER_SIGNATURE)?;
    let (content, signature) = content.split_at(content.len().checked_sub(88)?);
    let signature: [u8; 64] = base64::decode_array(signature)?;
    let content = content.strip_suffix(BEFORE_SIGNATURE)?;

    out.extend_from_slice(&[VERSION, 0]);
    if flags & PREVIOUS != 0 {
        out.extend_from_slice(&seen.ids[1].1);
    }
    match number {
        Some(number) => leb128(out, number),
        None => {
            out.push(u8::try_from(timestamp.len()).ok()?);
            out.extend_from_slice(timestamp);
        }
    }
    out.extend_from_slice(&signature);
    match content {
        [b'"', sealed @ .., b'"'] => {
            flags |= SEALED;
            let body = match sealed.strip_suffix(b".box2") {
                Some(body) => {
                    flags |= SEALED_2;
                    body
                }
                None => sealed.strip_suffix(b".box")?,
            };
            out.extend_from_slice(&base64::decode(std::str::from_utf8(body).ok()?)?);
        }
        [b'{', inner @ .., b'}'] => codes(inner, &mut seen, out)?,
        _ => return None,
    }
    out[start + 1] = flags;
    (out.len() - start < encoded.len()).then_some(())
}

/// Steps over sequence and author, which must be these; whether the author came first.
fn whose(text: &[u8], author: FeedId, sequence: u64) -> Option<(&[u8], bool)> {
    let mut buffer = [0; 24];
    let mut left = &mut buffer[..];
    write!(left, "{sequence}").ok()?;
    let length = 24 - left.len();
    let sequence = buffer.get(..length)?;
    let after_sequence = |text: &'_ [u8]| -> Option<usize> {
        let rest = text.strip_prefix(SEQUENCE)?.strip_prefix(sequence)?;
        Some(text.len() - rest.len())
    };
    let after_author = |text: &'_ [u8]| -> Option<usize> {
        let ((0, key), length) = id(text.strip_prefix(AUTHOR)?)? else { return None };
        let rest = text.get(AUTHOR.len() + length..)?.strip_prefix(b"\"")?;
        (key == *author.key()).then_some(text.len() - rest.len())
    };
    if let Some(at) = after_sequence(text) {
        let rest = text.get(at..)?;
        return Some((rest.get(after_author(rest)?..)?, false));
    }
    let rest = text.get(after_author(text)?..)?;
    Some((rest.get(after_sequence(rest)?..)?, true))
}

/// A timestamp that is a whole number, written as every whole number is.
fn whole(text: &[u8]) -> Option<u64> {
    let plain = match text {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < TIMESTAMP_DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    plain.then(|| text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn leb128(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The ids that were written out.
struct Seens {
    ids: [Seen; MAX_SEEN],
    count: usize,
}

impl Seens {
    fn new(author: [u8; 32]) -> Self {
        let mut ids = [(0, [0; 32]); MAX_SEEN];
        ids[0] = (0, author);
        Self { ids, count: 1 }
    }

    fn push(&mut self, id: Seen) {
        if let Some(place) = self.ids.get_mut(self.count) {
            *place = id;
            self.count += 1;
        }
    }

    fn find(&self, id: &Seen) -> Option<u8> {
        self.ids[..self.count].iter().position(|seen| seen == id).and_then(|at| u8::try_from(at).ok())
    }
}

/// The id that `text` begins with, and the length of its text.
fn id(text: &[u8]) -> Option<(Seen, usize)> {
    let sigil = text.first()?;
    let kind = KINDS.iter().position(|(of, _)| of == sigil)?;
    let length = 1 + ID_CHARACTERS + KINDS[kind].1.len();
    let body = text.get(1..length)?;
    let hash = base64::decode_array(body.strip_suffix(KINDS[kind].1)?)?;
    Some(((u8::try_from(kind).ok()?, hash), length))
}

/// Writes a content between its braces; `None` when it holds a byte that is a code.
fn codes(text: &[u8], seen: &mut Seens, out: &mut Vec<u8>) -> Option<()> {
    let mut at = 0;
    let mut copied = 0;
    while let Some(&byte) = text.get(at) {
        match CLASSES[usize::from(byte)] {
            Class::Plain => {
                at += 1;
                continue;
            }
            Class::Code => return None,
            Class::Begins => {}
        }
        let rest = &text[at..];
        let quoted = byte == b'"';
        let bare = if quoted { &rest[1..] } else { rest };
        let found = id(bare).filter(|(_, length)| !quoted || bare.get(*length) == Some(&b'"'));
        if let Some((id, length)) = found {
            out.extend_from_slice(&text[copied..at]);
            match seen.find(&id) {
                Some(number) => out.extend_from_slice(&[if quoted { AGAIN_QUOTED } else { AGAIN }, number]),
                None => {
                    out.push(id.0 + if quoted { QUOTED } else { 0 });
                    out.extend_from_slice(&id.1);
                    seen.push(id);
                }
            }
            at += if quoted { length + 2 } else { length };
            copied = at;
        } else if let Some((number, length)) = phrases::longest(rest) {
            out.extend_from_slice(&text[copied..at]);
            phrase(number, out)?;
            at += length;
            copied = at;
        } else {
            at += 1;
        }
    }
    out.extend_from_slice(&text[copied..]);
    Some(())
}

fn phrase(number: usize, out: &mut Vec<u8>) -> Option<()> {
    let low = usize::from(LAST_LOW_PHRASE - FIRST_PHRASE) + 1;
    if let Some(long) = number.checked_sub(phrases::SHORT) {
        out.extend_from_slice(&[LONG_PHRASE, u8::try_from(long).ok()?]);
    } else if let Some(high) = number.checked_sub(low) {
        out.push(FIRST_HIGH_PHRASE + u8::try_from(high).ok()?);
    } else {
        out.push(FIRST_PHRASE + u8::try_from(number).ok()?);
    }
    Some(())
}
