//! Finding people by their names and what is said of them.

use std::collections::{BTreeMap, BTreeSet};

use feed::{FeedId, Message, PersonId};
use social::{Kind, Target, search::Term};

use super::{
    ask::{MAX_AUTHORS_LEFT_OUT, any_of, phrase},
    document::naming_token,
    find::Match,
};
use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    log::LogRow,
};

/// The most people that one search finds.
pub const MAX_FOUND_PEOPLE: usize = 50;

/// How many matches one step looks at, and how many steps one search takes at most. Most are out of date in people who rename
/// often.
const STEP: usize = 256;
const MAX_STEPS: usize = 16;

/// How many matches by one author are looked at, the newest; the reader's own all. Whoever has more is left out of the next
/// step: nobody hides others by naming many, or one often.
const MAX_BY_AUTHOR: usize = 32;

/// What somebody says about somebody.
struct Word {
    subject: FeedId,
    author: FeedNumber,
    row: i64,
    /// By that person or by the reader.
    is_own: bool,
}

impl Store {
    /// People whose name or description, as it is now, holds all the words: first those who say so themselves and those whom
    /// the reader calls so, then those whom others do, and of both those with the newest words first. With `typing` the last
    /// word may go on.
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
        let limit = limit.min(MAX_FOUND_PEOPLE);
        let all = all.join(" AND ");
        let me = self.inner.shared().feeds.number(&self.inner.me);
        let blocked: BTreeSet<FeedNumber> = self.blocked().into_iter().collect();
        let mut left_out = self.loudest_blocked();
        let mut by_author: BTreeMap<FeedNumber, usize> = BTreeMap::new();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        let mut end = i64::MAX;
        for _ in 0..MAX_STEPS {
            let matches = self.said_of_people(&all, &left_out, end).await?;
            let is_last = matches.len() < STEP;
            end = matches.last().map_or(end, |last| last.doc);
            let mut rows = Vec::new();
            for Match { row, .. } in matches {
                let count = by_author.entry(row.feed).or_default();
                *count += 1;
                if *count == MAX_BY_AUTHOR + 1 && Some(row.feed) != me && left_out.len() < MAX_AUTHORS_LEFT_OUT {
                    left_out.push(row.feed);
                }
                if !blocked.contains(&row.feed) && (*count <= MAX_BY_AUTHOR || Some(row.feed) == me) {
                    rows.push(row);
                }
            }
            let read = self.inner.read_filed(rows).await?;
            for word in self.still_said(read.iter().filter_map(|read| self.word(read)).collect()).await? {
                let people = if word.is_own { &mut own } else { &mut others };
                people.push(PersonId::from(word.subject));
            }
            if is_last || own.iter().collect::<BTreeSet<_>>().len() >= limit {
                break;
            }
        }
        let mut seen = BTreeSet::new();
        own.append(&mut others);
        own.retain(|person| seen.insert(*person));
        own.truncate(limit);
        Ok(own)
    }

    /// The newest words about people below document `end` that match, without those of these authors.
    async fn said_of_people(
        &self,
        expression: &str,
        left_out: &[FeedNumber],
        end: i64,
    ) -> Result<Vec<Match>, StoreError> {
        let tokens: Vec<String> = left_out.iter().map(|author| phrase(&[naming_token(*author)])).collect();
        let expression = match tokens.is_empty() {
            true => expression.to_owned(),
            false => format!("({expression}) NOT {}", any_of(&tokens)),
        };
        let matches = sqlx::query_as(
            "SELECT doc, row, feed, sequence, received, body FROM
                (SELECT rowid AS doc FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3)
             JOIN search_docs USING (doc) JOIN log USING (row) ORDER BY doc DESC",
        );
        let matches = matches.bind(expression).bind(end).bind(STEP as i64);
        Ok(matches.fetch_all(&self.inner.readers).await?)
    }

    /// What a message says about somebody; none where it is no such message.
    fn word(&self, (row, message): &(LogRow, Message)) -> Option<Word> {
        let Kind::About(about) = social::kind(message) else { return None };
        let Target::Feed(subject) = about.about else { return None };
        let author = message.author();
        let is_own = author == subject || author == self.inner.me;
        Some(Word { subject, author: row.feed, row: row.row, is_own })
    }

    /// Those that are still the newest word of their author on somebody, in the same order.
    async fn still_said(&self, words: Vec<Word>) -> Result<Vec<Word>, StoreError> {
        let asked: Vec<_> = {
            let shared = self.inner.shared();
            words.iter().map(|word| (shared.feeds.number(&word.subject), word.author, word.row)).collect()
        };
        let current: Vec<i64> = sqlx::query_scalar(
            "SELECT value->>2 FROM json_each(?1) AS asked WHERE EXISTS (SELECT 1 FROM abouts
                WHERE subject = asked.value->>0 AND author = asked.value->>1
                  AND asked.value->>2 IN (name_row, description_row))",
        )
        .bind(rows_to_json(&asked)?)
        .fetch_all(&self.inner.readers)
        .await?;
        let current: BTreeSet<i64> = current.into_iter().collect();
        Ok(words.into_iter().filter(|word| current.contains(&word.row)).collect())
    }
}
