//! Finding people by their names and what is said of them.

use std::collections::BTreeSet;

use feed::PersonId;
use social::{Kind, Target, search::Term};

use crate::{Store, error::StoreError, feeds::rows_to_json, log::LogRow};

/// The most people that one search finds.
pub const MAX_FOUND_PEOPLE: usize = 50;

/// How many of the newest words about people that match are looked at: most are out of date in people who rename often.
const LOOKED_AT: i64 = 256;

impl Store {
    /// People whose name or description, as it is now, holds all the words, those with the newest words first. With
    /// `typing` the last word may go on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn find_people(&self, terms: &[Term], limit: usize) -> Result<Vec<PersonId>, StoreError> {
        let mut all = Vec::new();
        for term in terms {
            for (at, word) in term.words.iter().enumerate() {
                let is_prefix = term.is_prefix && at + 1 == term.words.len();
                match self.person_expression(word, is_prefix).await? {
                    Some(expression) => all.push(expression),
                    None => return Ok(Vec::new()),
                }
            }
        }
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<LogRow> = sqlx::query_as(
            // Only what is still the newest word of its author on somebody.
            "SELECT row, feed, sequence, received, body FROM
                (SELECT rowid AS doc FROM search WHERE search MATCH ?1 ORDER BY rowid DESC LIMIT ?2)
             JOIN search_docs USING (doc) JOIN log USING (row)
             WHERE feed NOT IN (SELECT value FROM json_each(?3)) ORDER BY doc DESC",
        )
        .bind(all.join(" AND "))
        .bind(LOOKED_AT)
        .bind(rows_to_json(&self.blocked())?)
        .fetch_all(&self.inner.readers)
        .await?;
        let mut people = Vec::new();
        let mut seen = BTreeSet::new();
        for (row, message) in self.inner.read_filed(rows).await? {
            let Kind::About(about) = social::kind(&message) else { continue };
            let Target::Feed(subject) = about.about else { continue };
            let numbers = {
                let shared = self.inner.shared();
                (shared.feeds.number(&subject), shared.feeds.number(&message.author()))
            };
            let is_current: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM abouts
                    WHERE subject = ?1 AND author = ?2 AND ?3 IN (name_row, description_row))",
            )
            .bind(numbers.0)
            .bind(numbers.1)
            .bind(row.row)
            .fetch_one(&self.inner.readers)
            .await?;
            if is_current && seen.insert(subject) {
                people.push(PersonId::from(subject));
                if people.len() >= limit.min(MAX_FOUND_PEOPLE) {
                    break;
                }
            }
        }
        Ok(people)
    }
}
