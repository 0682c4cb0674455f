//! Finding posts by their words, newest first, page by page.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use feed::{Content, Message, MessageId, PersonId};
use social::{
    Blog, Kind, Post,
    search::{Counter, Day, Term},
    shown_time,
};

use super::{
    ask::{any_of, phrase},
    document::{author_token, channel_token, first_of_day},
};
use crate::{Store, error::StoreError, feeds::FeedNumber, log::LogRow};

/// The most posts of a page.
pub const MAX_FOUND: usize = 100;

/// Matches that are looked at in one step beyond those asked for, and how many steps a page takes at most: where most are
/// by people whom the reader blocks, a page is shorter than asked and its cursor goes on from there.
const SPARE: usize = 8;
const MAX_STEPS: usize = 8;

/// What to find.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// What a match holds, all of it.
    pub wanted: Vec<Term>,
    /// What a match does not hold, none of it.
    pub excluded: Vec<Term>,
    /// Who wrote it, one of these; none: anybody.
    pub from: Option<Vec<PersonId>>,
    /// The channel, one of these, as [`social::channel_name`] reads them; none: any, or no channel at all.
    pub channels: Option<Vec<String>>,
    /// It is shown before this day.
    pub before: Option<Day>,
    /// It is shown on this day or later.
    pub after: Option<Day>,
    /// Where the page before ended.
    pub cursor: Option<SearchCursor>,
    /// How many at most; never more than [`MAX_FOUND`].
    pub limit: usize,
}

/// A place among the matches: everything on the next page is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchCursor(i64);

/// A text that is no place among matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a search. Take one that a page gave.")]
pub struct BadSearchCursor;

impl fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for SearchCursor {
    type Err = BadSearchCursor;

    fn from_str(text: &str) -> Result<Self, BadSearchCursor> {
        text.parse().map(Self).map_err(|_| BadSearchCursor)
    }
}

/// A page of matches.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// The matches.
    pub found: Vec<Found>,
    /// Where the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<SearchCursor>,
}

/// A message that matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: MessageId,
    /// Who signed it.
    pub author: PersonId,
    /// When it is shown to have been written, Unix milliseconds.
    pub time_ms: i64,
    /// What it says.
    pub text: FoundText,
}

/// What a message says that was found.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundText {
    /// A post.
    Post(Post),
    /// A long text; what was searched is its title and its summary.
    Blog(Blog),
}

/// A search as the index takes it.
pub(super) struct Asked {
    /// None: everything in the span of days.
    pub(super) expression: Option<String>,
    /// The first document of the span.
    pub(super) first: i64,
    /// The document after the last one of the span.
    pub(super) end: i64,
    /// Excluded terms that the expression does not know of.
    pub(super) excluded: Vec<Term>,
    /// People whom the reader blocks.
    pub(super) blocked: BTreeSet<FeedNumber>,
}

/// A match: document and row of the log.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Match {
    pub(super) doc: i64,
    #[sqlx(flatten)]
    pub(super) row: LogRow,
}

impl Store {
    /// The matches of a search, the newest day first, and within a page by time.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn search(&self, search: &Search) -> Result<SearchResult, StoreError> {
        let nothing = SearchResult { found: Vec::new(), next: None };
        let Some(asked) = self.asked(search).await? else { return Ok(nothing) };
        let limit = search.limit.clamp(1, MAX_FOUND);
        let mut end = search.cursor.map_or(asked.end, |cursor| cursor.0.min(asked.end));
        let mut found: Vec<(i64, Found)> = Vec::new();
        let mut length = limit + 1;
        let mut places = BTreeMap::new();
        for _ in 0..MAX_STEPS {
            let matches = self.matches(&asked, end, length).await?;
            let is_last = matches.len() < length;
            end = matches.last().map_or(end, |last| last.doc);
            let read = self.inner.read_filed(asked.shown(matches, &mut places)).await?;
            found.extend(asked.found(&read, &places));
            if found.len() > limit || is_last {
                let next = (found.len() > limit).then(|| {
                    found.truncate(limit);
                    found.last().map(|(doc, _)| SearchCursor(*doc))
                });
                return Ok(page(found, next.flatten()));
            }
            length = (length * SPARE).min(super::best::MAX_RANKED);
        }
        Ok(page(found, Some(SearchCursor(end))))
    }

    /// None when nothing can match.
    pub(super) async fn asked(&self, search: &Search) -> Result<Option<Asked>, StoreError> {
        let mut all = Vec::new();
        for term in &search.wanted {
            match self.expression(term).await? {
                Some(expression) => all.push(expression),
                None => return Ok(None),
            }
        }
        if let Some(from) = &search.from {
            let authors = self.inner.shared().numbers(from);
            let tokens: Vec<String> = authors.into_iter().map(|author| phrase(&[author_token(author)])).collect();
            if tokens.is_empty() {
                return Ok(None);
            }
            all.push(any_of(&tokens));
        }
        if let Some(channels) = &search.channels {
            let tokens: Vec<String> = channels.iter().map(|name| phrase(&[channel_token(name)])).collect();
            if tokens.is_empty() {
                return Ok(None);
            }
            all.push(any_of(&tokens));
        }
        let mut expression = (!all.is_empty()).then(|| all.join(" AND "));
        let mut excluded = Vec::new();
        match &mut expression {
            Some(expression) => {
                let mut none = Vec::new();
                for term in &search.excluded {
                    none.extend(self.expression(term).await?);
                }
                // However much they write, it is not walked.
                none.extend(self.loudest_blocked().into_iter().map(|author| phrase(&[author_token(author)])));
                if !none.is_empty() {
                    *expression = format!("({expression}) NOT {}", any_of(&none));
                }
            }
            // A search for nothing finds nothing.
            None if search.before.is_none() && search.after.is_none() => return Ok(None),
            None => excluded.clone_from(&search.excluded),
        }
        let first = search.after.map_or(0, |day| first_of_day(day.0));
        let end = search.before.map_or(i64::MAX, |day| first_of_day(day.0));
        let blocked = self.blocked().into_iter().collect();
        Ok(Some(Asked { expression, first, end, excluded, blocked }))
    }

    /// The newest matches below document `end`.
    pub(super) async fn matches(&self, asked: &Asked, end: i64, limit: usize) -> Result<Vec<Match>, StoreError> {
        let matching = "SELECT doc, row, feed, sequence, received, body FROM
                (SELECT rowid AS doc FROM search WHERE search MATCH ?4 AND rowid >= ?1 AND rowid < ?2
                 ORDER BY rowid DESC LIMIT ?3)
             JOIN search_docs USING (doc) JOIN log USING (row) ORDER BY doc DESC";
        let all = "SELECT doc, row, feed, sequence, received, body FROM
                (SELECT doc, row FROM search_docs WHERE doc >= ?1 AND doc < ?2 ORDER BY doc DESC LIMIT ?3)
             JOIN log USING (row) ORDER BY doc DESC";
        let query = match &asked.expression {
            Some(expression) => {
                sqlx::query_as(matching).bind(asked.first).bind(end).bind(limit as i64).bind(expression.as_str())
            }
            None => sqlx::query_as(all).bind(asked.first).bind(end).bind(limit as i64),
        };
        Ok(query.fetch_all(&self.inner.readers).await?)
    }
}

impl Asked {
    /// The rows of matches, without those of people whom the reader blocks; `places` gets their documents.
    pub(super) fn shown(&self, matches: Vec<Match>, places: &mut BTreeMap<i64, i64>) -> Vec<LogRow> {
        let shown = matches.into_iter().filter(|found| !self.blocked.contains(&found.row.feed));
        shown.inspect(|found| _ = places.insert(found.row.row, found.doc)).map(|found| found.row).collect()
    }

    /// What these messages say, with their documents, without what is excluded.
    pub(super) fn found(&self, read: &[(LogRow, Message)], places: &BTreeMap<i64, i64>) -> Vec<(i64, Found)> {
        let mut counter = Counter::default();
        let found = read.iter().filter_map(|(row, message)| {
            if !self.excluded.is_empty() {
                let Content::Object(content) = message.content() else { return None };
                counter.count(&content, &[], &self.excluded)?;
            }
            Some((*places.get(&row.row)?, found(row, message)?))
        });
        found.collect()
    }
}

/// The page of what was found, by time.
fn page(found: Vec<(i64, Found)>, next: Option<SearchCursor>) -> SearchResult {
    let mut found: Vec<Found> = found.into_iter().map(|(_, found)| found).collect();
    found.sort_by_key(|found| std::cmp::Reverse(found.time_ms));
    SearchResult { found, next }
}

/// A message as a match; none when it is nothing that full text shows.
fn found(row: &LogRow, message: &Message) -> Option<Found> {
    let text = match social::kind(message) {
        Kind::Post(post) => FoundText::Post(post),
        Kind::Blog(blog) => FoundText::Blog(blog),
        _ => return None,
    };
    let time_ms = shown_time(message.timestamp(), row.received);
    Some(Found { id: message.id(), author: PersonId::from(message.author()), time_ms, text })
}
