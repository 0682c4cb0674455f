//! Private messages that the reader can open: who wrote to whom and when. What they say stays sealed in the log and is
//! opened again when it is shown. A sealed `contact` of the reader's own is no such message, but a word about somebody; see
//! [`crate::stances`].

mod conversations;
mod opened;

pub use conversations::{Conversation, PrivateMessage};
pub(crate) use opened::{Opened, Unsealed, write_opened};
