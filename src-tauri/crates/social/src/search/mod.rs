//! Search, as far as it is pure: what a word is, what a typed query means, which part of a text to show and how well it fits.

mod query;
mod rank;
mod snippet;
mod words;

pub use query::{Day, MAX_QUERY_CHARS, MAX_TERMS, SearchTerms, Term, parse};
pub use rank::{Counted, Counter, Rarity};
pub use snippet::{Piece, SNIPPET_CHARS, readable, snippet};
pub use words::{MAX_WORD_BYTES, each_word, fold_words, is_alone, words};
