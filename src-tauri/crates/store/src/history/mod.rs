//! The log as it is looked through by hand: by feed, by type, newest first.

mod kinds;
mod page;

pub use kinds::type_name;
pub(crate) use kinds::{KindRows, take_type_name};
pub use page::{HistoryPage, LogEntry, MAX_HISTORY};
