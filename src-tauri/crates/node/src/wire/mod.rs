//! The link protocol: what `docs/protocol.md` says, as code.
//!
//! Everything here reads bytes from strangers: every length is checked before it is believed, nothing panics, and
//! whatever cannot be read is a [`WireError`] that closes the link.

mod blobs;
pub mod coding;
mod frame;
mod hello;
mod ids;
mod look;
mod varint;
mod word;

pub use blobs::{read_haves, read_wants, write_haves, write_wants};
pub use frame::{
    Frame, LevelBody, MessagesWriter, Run, read_level, read_messages, read_notes, read_taken, write_about, write_level,
    write_notes, write_taken,
};
pub use hello::{FEATURE_BLOBS, FEATURE_LOOK, FEATURE_TAKEN, FEATURES, HELLO_LENGTH, Hello, VERSION, clock_digest};
pub use ids::{FEEDS_PER_LINK, ReceivedIds, SentIds};
pub use look::{Answer, Ask, Newest, Tell, read_ask, read_tell, write_ask, write_tell};
pub use word::Word;

/// First byte of a frame.
pub mod kind {
    /// [`super::Hello`]: once, first.
    pub const HELLO: u8 = 1;
    /// Notes: pairs of a feed and a note.
    pub const NOTES: u8 = 2;
    /// Messages: the exact signed bytes of each.
    pub const MESSAGES: u8 = 3;
    /// Level: the frames up to a number are processed and durable.
    pub const LEVEL: u8 = 4;
    /// About: the sender's newest signed `about` about itself.
    pub const ABOUT: u8 = 5;
    /// Wants: blobs that the sender wants, or wants no more.
    pub const WANTS: u8 = 6;
    /// Haves: blobs that the receiver wants and may fetch from the sender.
    pub const HAVES: u8 = 7;
    /// Taken: the frames up to a number are taken up, not durable yet.
    pub const TAKEN: u8 = 8;
    /// Ask: the newest messages of a feed that the sender does not store.
    pub const ASK: u8 = 16;
    /// Tell: the answer to an ask.
    pub const TELL: u8 = 17;
}

/// Whether a frame belongs to the replication of feeds, whose cost is counted: introductions, blobs and looks are not.
pub fn is_replication(frame: &[u8]) -> bool {
    !matches!(frame.first(), Some(&(kind::ABOUT | kind::WANTS | kind::HAVES | kind::ASK | kind::TELL)))
}

/// A frame that cannot be read. On receiving one, close the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No bytes at all.
    #[error("an empty frame")]
    Empty,
    /// It ends in the middle of something.
    #[error("it ends too early")]
    Truncated,
    /// Longer than this kind may be.
    #[error("it is too long")]
    TooLong,
    /// A number that does not fit, or is written longer than needed.
    #[error("a number in it is not written as it should be")]
    Number,
    /// A feed's index that was never given.
    #[error("it names a feed by a number that was never given")]
    UnknownIndex,
    /// Bytes that are no feed id of a known format.
    #[error("it holds something else where a feed's id should be")]
    FeedId,
    /// Bytes that are no blob's id of a known format.
    #[error("it holds something else where a file's id should be")]
    BlobId,
    /// More feeds than one link may name.
    #[error("it names more feeds than one link may")]
    TooManyFeeds,
    /// More notes or excepted feeds than one frame may hold.
    #[error("it holds more entries than such a frame may")]
    TooManyEntries,
    /// A feed or blob that a frame may name once only.
    #[error("it names something twice")]
    Repeated,
    /// A coded message that no sender writes.
    #[error("it holds a message in a form that nobody writes")]
    Coding,
    /// A message of no bytes, or of more than any message has.
    #[error("it holds a message of an impossible length")]
    MessageLength,
    /// A hello where none belongs, or something else where a hello belongs.
    #[error("it comes out of order")]
    Order,
}
