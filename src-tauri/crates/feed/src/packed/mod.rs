//! Messages in few bytes: the compact canonical text without what every message repeats, and with raw bytes for base64.
//!
//! The author and the sequence are given from outside, because whoever keeps or sends a message knows them anyway. The
//! form is lossless for every valid message, and quick: no general compression, one pass in either direction.
//!
//! # Version 1
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 1 | flags, the sum of: 1 the author stands before the sequence; 2 there is a previous message; 4 the timestamp is a text; 8 the content is sealed; 16 its ending is `.box2`, not `.box` |
//! | 32 | the hash of the previous message, if there is one |
//! | … | the timestamp: a LEB128 number of at most 15 decimal digits, or one byte of length and the text |
//! | 64 | the signature |
//! | … | the content, to the end: the bytes that a sealed one is the base64 of, or else the text between its braces in codes |
//!
//! JSON that `JSON.stringify` made holds no control character, and UTF-8 neither `C0`, `C1` nor `F5` to `FF`: those bytes
//! are codes, everything else stands for itself.
//!
//! | code | what |
//! |---|---|
//! | `00` `01` `02` | the id of a feed, a message, a blob: 32 bytes follow |
//! | `03` `04` `05` | the same between quotes |
//! | `06` `07` | an id that was there before, bare or between quotes: one byte follows, its number |
//! | `08`–`1F`, `F5`–`FE` | phrases 0 to 33 |
//! | `FF` | a phrase from 34 on: one byte follows, its number less 34 |
//! | `C0` `C1` | never |
//!
//! Ids are numbered as they come: 0 is the author, 1 the previous message if there is one, then each id that is written
//! out in the content, up to [`MAX_SEEN`] in all.
//!
//! What does not have this shape is kept as it is. A packed form that begins with `{` is the plain text, for ever.

mod phrases;
mod read;
mod write;

use crate::{FeedId, MAX_ENCODED_BYTES, message::content_text};

pub use self::read::PackedError;

/// The first byte of this version.
const VERSION: u8 = 1;

/// The author stands before the sequence.
const AUTHOR_FIRST: u8 = 1;
/// There is a previous message.
const PREVIOUS: u8 = 2;
/// The timestamp is a text.
const TIMESTAMP_TEXT: u8 = 4;
/// The content is sealed.
const SEALED: u8 = 8;
/// The sealed content ends in `.box2`.
const SEALED_2: u8 = 16;

/// Timestamps of so many digits are numbers; any double prints them as they are.
const TIMESTAMP_DIGITS: usize = 15;

/// The code of an id whose sigil and suffix are those of the kind with this number; 3 more between quotes.
const KINDS: [(u8, &[u8]); 3] = [(b'@', b".ed25519"), (b'%', b".sha256"), (b'&', b".sha256")];
const QUOTED: u8 = 3;
const AGAIN: u8 = 6;
const AGAIN_QUOTED: u8 = 7;
const FIRST_PHRASE: u8 = 8;
const LAST_LOW_PHRASE: u8 = 0x1f;
const FIRST_HIGH_PHRASE: u8 = 0xf5;
const LONG_PHRASE: u8 = 0xff;

/// Most ids that are remembered within one message.
const MAX_SEEN: usize = 32;

/// Base64 characters of 32 bytes.
const ID_CHARACTERS: usize = 44;

const BEFORE_PREVIOUS: &[u8] = b"{\"previous\":";
const NO_PREVIOUS: &[u8] = b"null";
const SEQUENCE: &[u8] = b",\"sequence\":";
const AUTHOR: &[u8] = b",\"author\":\"";
const BEFORE_TIMESTAMP: &[u8] = b",\"timestamp\":";
const BEFORE_CONTENT: &[u8] = b",\"hash\":\"sha256\",\"content\":";
const BEFORE_SIGNATURE: &[u8] = b",\"signature\":\"";
const AFTER_SIGNATURE: &[u8] = b".sig.ed25519\"}";

/// An id that may come again: the number of its kind, its 32 bytes.
type Seen = (u8, [u8; 32]);

/// Packs the compact canonical text of message `sequence` of `author`, to the end of `out`.
///
/// [`unpack`] gives exactly these bytes again. What is no such text is kept as it is, which [`unpack`] takes only if it
/// begins with `{`, as all messages do.
pub fn pack(out: &mut Vec<u8>, encoded: &[u8], author: FeedId, sequence: u64) {
    let start = out.len();
    if write::pack(encoded, author, sequence, out).is_none() {
        out.truncate(start);
        out.extend_from_slice(encoded);
    }
}

/// The JSON text of the content alone, for whoever asks thousands of messages what they say: about half of the work of [`unpack`], and
/// none of that of reading a message. None for a sealed one.
///
/// It is no sign that the bytes are a whole message: whatever is shown has to be read as one.
///
/// # Errors
/// As [`unpack`], as far as the content shows it.
pub fn unpack_content(packed: &[u8], author: FeedId) -> Result<Option<Vec<u8>>, PackedError> {
    match packed.first() {
        Some(b'{') if packed.len() > MAX_ENCODED_BYTES => Err(PackedError::TooLarge),
        Some(b'{') => Ok(content_text(packed).filter(|text| text.starts_with(b"{")).map(<[u8]>::to_vec)),
        Some(&VERSION) => read::unpack_content(packed, author),
        Some(&version) => Err(PackedError::Version(version)),
        None => Err(PackedError::Truncated),
    }
}

/// The text that was packed, for the same `author` and `sequence`.
///
/// Whatever the bytes are, this gives at most [`MAX_ENCODED_BYTES`] and takes time in proportion. It does not check that
/// they are a message: [`crate::Message::decode`] does.
///
/// # Errors
/// When the bytes are no packed form that this version can read.
pub fn unpack(packed: &[u8], author: FeedId, sequence: u64) -> Result<Vec<u8>, PackedError> {
    let text = match packed.first() {
        Some(b'{') => packed.to_vec(),
        Some(&VERSION) => read::unpack(packed, author, sequence)?,
        Some(&version) => return Err(PackedError::Version(version)),
        None => return Err(PackedError::Truncated),
    };
    if text.len() > MAX_ENCODED_BYTES { Err(PackedError::TooLarge) } else { Ok(text) }
}
