//! A search in the words of FTS5. Everything is quoted here, and tokens hold no quotation marks: nothing that a person
//! types is ever read as a part of that language.

use std::cmp::Reverse;

use social::search::Term;

use super::document::person_token;
use crate::{Store, error::StoreError, feeds::FeedNumber};

/// How many words a beginning of a word is completed to. They come in the order of the alphabet, the beginning itself first
/// where it is a word; whoever types on narrows them down.
const MAX_COMPLETIONS: i64 = 96;

/// Words joined into one phrase.
pub(super) fn phrase(tokens: &[impl AsRef<str>]) -> String {
    let tokens: Vec<&str> = tokens.iter().map(AsRef::as_ref).collect();
    format!("\"{}\"", tokens.join(" "))
}

/// One of several expressions.
pub(super) fn any_of(expressions: &[String]) -> String {
    format!("({})", expressions.join(" OR "))
}

/// Most authors that one expression leaves out: those of whom most is stored. Others are left out of what it finds.
pub(super) const MAX_AUTHORS_LEFT_OUT: usize = 256;

impl Store {
    /// The people whom the reader blocks, those of whom most is stored, at most [`MAX_AUTHORS_LEFT_OUT`].
    pub(super) fn loudest_blocked(&self) -> Vec<FeedNumber> {
        let mut blocked = self.blocked();
        let shared = self.inner.shared();
        blocked.retain(|number| shared.feeds.get(*number).is_some_and(|feed| feed.messages > 0));
        blocked.sort_by_key(|number| Reverse(shared.feeds.get(*number).map_or(0, |feed| feed.messages)));
        blocked.truncate(MAX_AUTHORS_LEFT_OUT);
        blocked
    }

    /// The expression for a term; none when no stored word begins as it should.
    pub(super) async fn expression(&self, term: &Term) -> Result<Option<String>, StoreError> {
        self.completed(&term.words, term.is_prefix).await
    }

    /// The expression for a word of a name or a description.
    pub(super) async fn person_expression(&self, word: &str, is_prefix: bool) -> Result<Option<String>, StoreError> {
        self.completed(&[person_token(word)], is_prefix).await
    }

    async fn completed(&self, tokens: &[String], is_prefix: bool) -> Result<Option<String>, StoreError> {
        let Some((last, before)) = tokens.split_last().filter(|_| is_prefix) else {
            return Ok(Some(phrase(tokens)));
        };
        let completions: Vec<String> = sqlx::query_scalar(
            // One step down the index for each word. No token holds the character 1, so nothing lies between a word and
            // the word with it appended.
            "WITH RECURSIVE word (term) AS (
                SELECT (SELECT term FROM search_words WHERE term >= ?1 AND term < ?2 ORDER BY term LIMIT 1)
                UNION ALL
                SELECT (SELECT term FROM search_words WHERE term >= word.term || char(1) AND term < ?2 ORDER BY term LIMIT 1)
                FROM word WHERE word.term IS NOT NULL LIMIT ?3)
             SELECT term FROM word WHERE term IS NOT NULL",
        )
        .bind(last.as_str())
        .bind(format!("{last}\u{10ffff}"))
        .bind(MAX_COMPLETIONS)
        .fetch_all(&self.inner.readers)
        .await?;
        let phrases: Vec<String> =
            completions.into_iter().map(|completion| phrase(&[before, &[completion]].concat())).collect();
        Ok((!phrases.is_empty()).then(|| any_of(&phrases)))
    }
}
