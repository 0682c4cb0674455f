//! How a message lies in the log, and how it is read back.

use feed::{FeedId, Message, MessageId, packed};

use crate::error::StoreError;

/// Writes the body of a message as the log keeps it, packed, to the end of `bodies`. Those from before are compact JSON, which
/// stays readable.
pub(crate) fn pack_body(message: &Message, bodies: &mut Vec<u8>) {
    packed::pack(bodies, message.encoded(), message.author(), message.sequence());
}

/// Reads a message of `author` at `sequence` back from the body that the log keeps.
///
/// A body that changed on the disk and still reads as a message has another id: whoever asked by an id compares it.
///
/// # Errors
/// When the body is damaged: no message, or not the one that belongs there.
pub(crate) fn read_body(author: FeedId, sequence: u64, body: &[u8]) -> Result<Message, StoreError> {
    let damaged = || StoreError::Damaged { feed: author, sequence };
    let encoded = packed::unpack(body, author, sequence).map_err(|_| damaged())?;
    let message = Message::decode(&encoded).map_err(|_| damaged())?;
    if message.author() != author || message.sequence() != sequence {
        return Err(damaged());
    }
    Ok(message)
}

/// What stands before the id of the message before, in every encoded text but a feed's first.
const BEFORE_PREVIOUS: &[u8] = b"{\"previous\":\"";
/// How long the text of a message's id is: sigil, base64 and `.sha256`.
const ID_CHARACTERS: usize = 1 + 44 + 7;

/// The id of the message before the one with this body, without reading the rest; none for the first, or a damaged one.
pub(crate) fn read_previous(author: FeedId, sequence: u64, body: &[u8]) -> Option<MessageId> {
    let encoded = packed::unpack(body, author, sequence).ok()?;
    let id = encoded.strip_prefix(BEFORE_PREVIOUS)?.get(..ID_CHARACTERS)?;
    std::str::from_utf8(id).ok()?.parse().ok()
}
