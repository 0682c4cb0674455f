//! Full text: what is found by which words, and how it is asked for.

mod ask;
mod best;
mod document;
mod find;
mod people;

pub use best::MAX_RANKED;
pub(crate) use document::{Document, first_document_after, write_documents};
pub use find::{BadSearchCursor, Found, FoundText, MAX_FOUND, Search, SearchCursor, SearchResult};
pub use people::MAX_FOUND_PEOPLE;
