//! One message of a feed, decoded and structurally sound.

mod decode;
mod fault;
mod sign;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub(crate) use decode::content_text;
pub use fault::{DecodeError, Fault};
pub use sign::{SignError, sign};

use crate::{FeedId, Head, MessageId, json};

/// The largest message: this many UTF-16 units of canonical text, signature included.
pub const MAX_UNITS: usize = 8192;

/// The largest sequence: `Number.MAX_SAFE_INTEGER`, beyond which numbers of JavaScript no longer count.
pub const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// How many UTF-16 units the `type` of a content takes.
pub const TYPE_UNITS: std::ops::RangeInclusive<usize> = 3..=52;

/// No message is longer than this in bytes: a UTF-16 unit takes at most three bytes of UTF-8.
pub const MAX_ENCODED_BYTES: usize = 3 * MAX_UNITS;

/// What ends the canonical text of a signed message, around the 88 characters of the signature.
const SIGNATURE_OPEN: &[u8] = b",\n  \"signature\": \"";
const SIGNATURE_CLOSE: &[u8] = b".sig.ed25519\"\n}";
const SIGNATURE_CHARACTERS: usize = 88;

/// A message: its fields, ids and size are sound and its id is computed. Its signature has *not* been checked; that
/// is what [`crate::Verified`] stands for. Cheap to clone.
#[derive(Clone)]
pub struct Message(Arc<Inner>);

struct Inner {
    encoded: Box<[u8]>,
    id: MessageId,
    author: FeedId,
    sequence: u64,
    previous: Option<MessageId>,
    timestamp: f64,
    signature: [u8; 64],
}

/// What an author said.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// An object with a `type`, for everybody.
    Object(json::Value<'a>),
    /// A sealed text that ends in `.box` or `.box2`.
    Sealed(Cow<'a, str>),
}

impl Message {
    /// Reads a message from any JSON text, as V8's `JSON.parse` would, and makes it canonical.
    ///
    /// # Errors
    /// When the text is not JSON or not a structurally sound message; see [`Fault`].
    pub fn from_json(text: &[u8]) -> Result<Self, DecodeError> {
        decode::from_json(text)
    }

    /// Reads a message from the wire or the store: the bytes must be the compact canonical text, exactly.
    ///
    /// # Errors
    /// As [`Self::from_json`], and when the bytes are any other text of the same message.
    pub fn decode(encoded: &[u8]) -> Result<Self, DecodeError> {
        decode::decode(encoded)
    }

    /// Reads the compact canonical text of a message at the front of a longer text, and how many bytes it takes.
    ///
    /// `None` settles nothing: there may be a message that is rare in some way, which [`Self::from_json`] reads, or says
    /// what is wrong with.
    pub fn decode_front(text: &[u8]) -> Option<(Self, usize)> {
        decode::decode_front(text)
    }

    /// The compact canonical text, `JSON.stringify(value)`: what wire, store and export carry.
    pub fn encoded(&self) -> &[u8] {
        &self.0.encoded
    }

    /// The canonical text, `JSON.stringify(value, null, 2)`: what the id is the hash of.
    pub fn canonical_text(&self) -> String {
        // The encoded text is UTF-8, and the layout adds ASCII only.
        String::from_utf8_lossy(&json::indent(&self.0.encoded)).into_owned()
    }

    /// Writes the canonical text without the signature, what is signed, after what is in `text` already.
    pub(crate) fn write_unsigned_text(&self, text: &mut Vec<u8>) {
        json::indent_into(&self.0.encoded, text);
        let tail = SIGNATURE_OPEN.len() + SIGNATURE_CHARACTERS + SIGNATURE_CLOSE.len();
        text.truncate(text.len().saturating_sub(tail));
        text.extend_from_slice(b"\n}");
    }

    /// SHA-256 of the canonical text by the latin1 rule: of each UTF-16 unit, the low byte.
    pub fn id(&self) -> MessageId {
        self.0.id
    }

    /// The feed that the message says it belongs to.
    pub fn author(&self) -> FeedId {
        self.0.author
    }

    /// Its place in the feed: 1 for the first, at most [`MAX_SEQUENCE`].
    pub fn sequence(&self) -> u64 {
        self.0.sequence
    }

    /// The message before it; `None` exactly for the first.
    pub fn previous(&self) -> Option<MessageId> {
        self.0.previous
    }

    /// When the author says it was written, in milliseconds since 1970. Finite, but a mere claim: it may be negative,
    /// fractional, far in the future, or before the timestamp of an earlier message.
    pub fn timestamp(&self) -> f64 {
        self.0.timestamp
    }

    /// The Ed25519 signature, `R` and then `S`.
    pub(crate) fn signature(&self) -> &[u8; 64] {
        &self.0.signature
    }

    /// The message as a head: what the next one has to name.
    pub fn head(&self) -> Head {
        Head { id: self.id(), sequence: self.sequence() }
    }

    /// What the author said, parsed anew at each call.
    pub fn content(&self) -> Content<'_> {
        decode::content(&self.0.encoded)
    }
}

/// The same message: the same bytes. (Two texts with one id differ, by the latin1 rule.)
impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.0.encoded == other.0.encoded
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of {} ({})", self.sequence(), self.author(), self.id())
    }
}
