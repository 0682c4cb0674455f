//! Private messages that the reader can open: who wrote to whom and when. What they say stays sealed in the log and is
//! opened again when it is shown.

mod conversations;
mod opened;

pub use conversations::{Conversation, PrivateMessage};
pub(crate) use opened::{Opened, write_opened};
