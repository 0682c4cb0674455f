//! Timelines: threads rolled up into cards, newest first, page by page.
//!
//! A card stands where the newest post of its thread stands that the audience covers. So a page is a walk down the
//! index by time that takes each thread where it first meets it, and passes over threads that have a newer post above
//! the cursor: those were on an earlier page. How much is walked for one page is bounded, whatever the history.

use std::{collections::BTreeMap, collections::BTreeSet, fmt, str::FromStr};

use feed::PersonId;
use social::{Listed, card};

use crate::{
    Store,
    error::StoreError,
    feeds::{FeedNumber, rows_to_json},
    query::PostRow,
};

/// The most cards of a page.
pub const MAX_PAGE: usize = 100;
/// Rows of the first step of a walk, enough for most pages; later steps are four times as long, up to [`LONGEST_SPAN`].
const FIRST_SPAN: usize = 128;
const LONGEST_SPAN: usize = 2048;
/// Steps of one walk. A page that has not filled by then is shorter than asked, and its cursor goes on from there.
const MAX_SPANS: usize = 10;
/// Up to this many people their newest posts are looked up one by one, to jump over a stretch in which none wrote.
const MAX_JUMP_PEOPLE: usize = 2048;

/// Which posts a timeline shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everything stored here.
    All,
    /// The reader and the people they follow.
    Following,
    /// Following, and the people those follow.
    Friends,
    /// The reader and the people of [`Query::near`].
    Nearby,
    /// One channel, by its name as [`social::channel_name`] reads it.
    Channel(String),
    /// One person's posts.
    Person(PersonId),
}

/// What to show of a timeline.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Whose posts.
    pub audience: Audience,
    /// Where the page before ended; none for the first page.
    pub before: Option<Cursor>,
    /// How many cards at most; never more than [`MAX_PAGE`].
    pub limit: usize,
    /// Who is on this network now.
    pub near: &'a [PersonId],
}

/// A place in a timeline: everything on the next page is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    time: i64,
    row: i64,
}

impl Cursor {
    /// Above everything.
    pub(crate) const TOP: Cursor = Cursor { time: i64::MAX, row: i64::MAX };

    /// The place above everything that is shown at `time_ms`, Unix milliseconds, or before.
    pub fn shown_at(time_ms: i64) -> Self {
        Self { time: time_ms, row: i64::MAX }
    }

    /// The place of something that is shown at `time`, told apart by `row` from what is shown at the same moment.
    pub(crate) fn at(time: i64, row: i64) -> Self {
        Self { time, row }
    }

    /// When what stands just above the place is shown to have been written, Unix milliseconds.
    pub fn time_ms(self) -> i64 {
        self.time
    }

    /// The time and the row.
    pub(crate) fn parts(self) -> (i64, i64) {
        (self.time, self.row)
    }
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no place in a timeline. Take one that a page gave.")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.time, self.row)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (time, row) = text.split_once('.').ok_or(BadCursor)?;
        Ok(Self { time: time.parse().map_err(|_| BadCursor)?, row: row.parse().map_err(|_| BadCursor)? })
    }
}

/// One card of a timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct CardRow {
    /// The thread's first post, or the newest reply where the first is not stored here or of somebody blocked.
    pub post: PostRow,
    /// Its newest replies that this audience covers, oldest first, at most [`social::ROLLED_UP_REPLIES`].
    pub latest: Vec<PostRow>,
    /// Who brought it up, where that is not the author of the first post.
    pub brought_up_by: Option<PersonId>,
}

/// A page of a timeline, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The cards.
    pub cards: Vec<CardRow>,
    /// Where the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<Cursor>,
}

/// An audience, ready for the index.
struct Scope {
    walk: Walk,
    people: BTreeSet<FeedNumber>,
    /// Whether `people` are the only ones shown; otherwise they are the ones left out.
    is_only: bool,
    /// `people` for statements.
    people_json: String,
    /// Whose first posts are not shown above replies of others.
    hidden: BTreeSet<PersonId>,
}

/// Which index is walked.
enum Walk {
    Everyone,
    Author(FeedNumber),
    Channel(String),
}

impl Scope {
    fn covers(&self, author: FeedNumber) -> bool {
        self.people.contains(&author) == self.is_only
    }
}

/// The entry of a post in the timeline.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
struct Spot {
    time: i64,
    row: i64,
    author: FeedNumber,
    thread: i64,
    is_reply: bool,
}

impl Spot {
    fn cursor(&self) -> Cursor {
        Cursor { time: self.time, row: self.row }
    }
}

impl Store {
    /// A page of a timeline.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn timeline(&self, query: Query<'_>) -> Result<Page, StoreError> {
        let Some(scope) = self.scope(&query)? else { return Ok(Page { cards: Vec::new(), next: None }) };
        let limit = query.limit.clamp(1, MAX_PAGE);
        let (mut spots, end) = self.walk(&scope, query.before, limit).await?;
        let next = if spots.len() > limit {
            spots.truncate(limit);
            spots.last().map(Spot::cursor)
        } else {
            end
        };
        Ok(Page { cards: self.cards(&scope, &spots).await?, next })
    }

    /// Whom an audience covers, as a JSON list of numbers, whether those are the only ones or the ones left out, and its
    /// channel; none when nobody can be in it.
    pub(crate) fn covered(
        &self,
        audience: &Audience,
        near: &[PersonId],
    ) -> Result<Option<(String, bool, Option<String>)>, StoreError> {
        let scope = self.scope(&Query { audience: audience.clone(), before: None, limit: 1, near })?;
        Ok(scope.map(|scope| {
            let channel = match scope.walk {
                Walk::Channel(name) => Some(name),
                Walk::Everyone | Walk::Author(_) => None,
            };
            (scope.people_json, scope.is_only, channel)
        }))
    }

    /// None when nobody can be in the audience.
    fn scope(&self, query: &Query<'_>) -> Result<Option<Scope>, StoreError> {
        let me = PersonId::from(self.inner.me);
        let blocked: BTreeSet<FeedNumber> = self.blocked().into_iter().collect();
        let hidden: BTreeSet<FeedNumber> = self.hidden().into_iter().collect();
        let shared = self.inner.shared();
        let number = |person: &PersonId| shared.feeds.number(&person.feed());
        let with_me = |people: &mut dyn Iterator<Item = PersonId>| {
            let people = people.filter_map(|person| number(&person)).chain(number(&me));
            people.filter(|person| !hidden.contains(person)).collect::<BTreeSet<_>>()
        };
        let (walk, people, is_only) = match &query.audience {
            Audience::All => (Walk::Everyone, hidden.clone(), false),
            Audience::Channel(name) => (Walk::Channel(name.clone()), hidden.clone(), false),
            Audience::Following => (Walk::Everyone, with_me(&mut shared.graph.follows(&me)), true),
            Audience::Friends => (Walk::Everyone, shared.friends().difference(&hidden).copied().collect(), true),
            Audience::Nearby => (Walk::Everyone, with_me(&mut query.near.iter().copied()), true),
            // Who looks at somebody's own page wants to see them.
            Audience::Person(person) => match number(person).filter(|person| !blocked.contains(person)) {
                Some(person) => (Walk::Author(person), [person].into(), true),
                None => return Ok(None),
            },
        };
        let people_json = rows_to_json(&people)?;
        let hidden = match walk {
            Walk::Author(_) => BTreeSet::new(),
            Walk::Everyone | Walk::Channel(_) => {
                hidden.iter().filter_map(|number| Some(shared.feeds.get(*number)?.id.into())).collect()
            }
        };
        Ok((!is_only || !people.is_empty()).then_some(Scope { walk, people, is_only, people_json, hidden }))
    }

    /// The newest post of each thread below `before`, up to `limit` and one more, and where to go on; none at the end.
    async fn walk(
        &self,
        scope: &Scope,
        before: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<Spot>, Option<Cursor>), StoreError> {
        let mut position = before.unwrap_or(Cursor::TOP);
        let mut spots = Vec::new();
        let mut threads = BTreeSet::new();
        let mut length = FIRST_SPAN;
        for _ in 0..MAX_SPANS {
            let span = self.span(&scope.walk, position, length).await?;
            let Some(last) = span.last().filter(|_| span.len() == length).map(Spot::cursor) else {
                self.take_newest(scope, before, span, &mut threads, &mut spots).await?;
                return Ok((spots, None));
            };
            position = last;
            let is_barren = !span.iter().any(|spot| scope.covers(spot.author));
            self.take_newest(scope, before, span, &mut threads, &mut spots).await?;
            if spots.len() > limit {
                break;
            }
            if is_barren && scope.is_only && scope.people.len() <= MAX_JUMP_PEOPLE {
                match self.newest_below(&scope.people_json, position).await? {
                    Some(below) => position = below,
                    None => return Ok((spots, None)),
                }
            }
            length = (4 * length).min(LONGEST_SPAN);
        }
        Ok((spots, Some(position)))
    }

    /// Of the posts in `span` takes those that the scope covers and that are the newest so covered of their thread.
    async fn take_newest(
        &self,
        scope: &Scope,
        before: Option<Cursor>,
        span: Vec<Spot>,
        threads: &mut BTreeSet<i64>,
        spots: &mut Vec<Spot>,
    ) -> Result<(), StoreError> {
        // What comes later of a thread that was met is older, whether it was taken or not.
        let first_met: Vec<Spot> =
            span.into_iter().filter(|spot| scope.covers(spot.author) && threads.insert(spot.thread)).collect();
        let Some(before) = before else {
            spots.extend(first_met);
            return Ok(());
        };
        let asked: Vec<i64> = first_met.iter().map(|spot| spot.thread).collect();
        let above = "SELECT key FROM json_each(?1) AS asked WHERE EXISTS (SELECT 1 FROM timeline
             WHERE thread = asked.value AND (time, row) >= (?2, ?3)
               AND (author IN (SELECT value FROM json_each(?4))) = ?5)";
        let above_in_channel = "SELECT key FROM json_each(?1) AS asked WHERE EXISTS (SELECT 1 FROM timeline
             WHERE thread = asked.value AND (time, row) >= (?2, ?3)
               AND (author IN (SELECT value FROM json_each(?4))) = ?5 AND channel = ?6)";
        let (statement, channel) = match &scope.walk {
            Walk::Channel(name) => (above_in_channel, Some(name)),
            _ => (above, None),
        };
        let mut query = sqlx::query_scalar(statement)
            .bind(rows_to_json(&asked)?)
            .bind(before.time)
            .bind(before.row)
            .bind(scope.people_json.as_str())
            .bind(scope.is_only);
        if let Some(channel) = channel {
            query = query.bind(channel.as_str());
        }
        let shown: BTreeSet<i64> = query.fetch_all(&self.inner.readers).await?.into_iter().collect();
        let is_new = |at: &usize| !shown.contains(&(*at as i64));
        spots.extend(first_met.iter().enumerate().filter(|(at, _)| is_new(at)).map(|(_, spot)| *spot));
        Ok(())
    }

    /// The next `length` entries below `position`.
    async fn span(&self, walk: &Walk, position: Cursor, length: usize) -> Result<Vec<Spot>, StoreError> {
        let query = match walk {
            Walk::Everyone => sqlx::query_as(
                "SELECT time, row, author, thread, is_reply FROM timeline
                 WHERE (time, row) < (?1, ?2) ORDER BY time DESC, row DESC LIMIT ?3",
            ),
            Walk::Author(_) => sqlx::query_as(
                "SELECT time, row, author, thread, is_reply FROM timeline
                 WHERE author = ?4 AND (time, row) < (?1, ?2) ORDER BY time DESC, row DESC LIMIT ?3",
            ),
            Walk::Channel(_) => sqlx::query_as(
                "SELECT time, row, author, thread, is_reply FROM timeline
                 WHERE channel = ?4 AND (time, row) < (?1, ?2) ORDER BY time DESC, row DESC LIMIT ?3",
            ),
        };
        let query = query.bind(position.time).bind(position.row).bind(length as i64);
        let query = match walk {
            Walk::Everyone => query,
            Walk::Author(author) => query.bind(*author),
            Walk::Channel(name) => query.bind(name.as_str()),
        };
        Ok(query.fetch_all(&self.inner.readers).await?)
    }

    /// Right above the newest post below `position` that one of `people` wrote.
    async fn newest_below(&self, people: &str, position: Cursor) -> Result<Option<Cursor>, StoreError> {
        let newest: Option<(Option<i64>, Option<i64>)> = sqlx::query_as(
            "SELECT
                (SELECT time FROM timeline WHERE author = person.value AND (time, row) < (?2, ?3)
                 ORDER BY time DESC, row DESC LIMIT 1) AS time,
                (SELECT row FROM timeline WHERE author = person.value AND (time, row) < (?2, ?3)
                 ORDER BY time DESC, row DESC LIMIT 1) AS row
             FROM json_each(?1) AS person ORDER BY time DESC, row DESC LIMIT 1",
        )
        .bind(people)
        .bind(position.time)
        .bind(position.row)
        .fetch_optional(&self.inner.readers)
        .await?;
        Ok(newest.and_then(|(time, row)| Some(Cursor { time: time?, row: row?.saturating_add(1) })))
    }

    /// Rolls the threads of these posts up.
    async fn cards(&self, scope: &Scope, spots: &[Spot]) -> Result<Vec<CardRow>, StoreError> {
        let replies: Vec<&Spot> = spots.iter().filter(|spot| spot.is_reply).collect();
        let threads: BTreeSet<i64> = replies.iter().map(|spot| spot.thread).collect();
        let roots: Vec<(i64, i64)> =
            sqlx::query_as("SELECT prefix, row FROM json_each(?1) AS thread JOIN message_ids ON prefix = thread.value")
                .bind(rows_to_json(&threads)?)
                .fetch_all(&self.inner.readers)
                .await?;
        // One earlier reply makes two with the newest.
        const { assert!(social::ROLLED_UP_REPLIES == 2) };
        let asked: Vec<_> = replies.iter().map(|spot| (spot.row, spot.thread, spot.time)).collect();
        let earlier: Vec<(i64, Option<i64>)> = sqlx::query_as(
            "SELECT newest.value->>0, (SELECT row FROM timeline
                WHERE thread = newest.value->>1 AND (time, row) < (newest.value->>2, newest.value->>0) AND is_reply = 1
                  AND (author IN (SELECT value FROM json_each(?2))) = ?3
                ORDER BY time DESC, row DESC LIMIT 1)
             FROM json_each(?1) AS newest",
        )
        .bind(rows_to_json(&asked)?)
        .bind(scope.people_json.as_str())
        .bind(scope.is_only)
        .fetch_all(&self.inner.readers)
        .await?;
        let earlier: BTreeMap<i64, i64> =
            earlier.into_iter().filter_map(|(row, earlier)| Some((row, earlier?))).collect();

        let rows: BTreeSet<i64> = spots
            .iter()
            .map(|spot| spot.row)
            .chain(roots.iter().map(|(_, row)| *row))
            .chain(earlier.values().copied())
            .collect();
        let posts = self.posts(&rows.into_iter().collect::<Vec<_>>()).await?;
        let listed = |row: i64| posts.get(&row).map(|post| Listed { author: post.author, row: post });
        let cards = spots.iter().filter_map(|spot| {
            let newest = listed(spot.row)?;
            // Two messages may share the bytes that threads are found by: the whole id decides.
            let wanted = newest.row.post.root;
            let root = roots.iter().filter(|(thread, _)| *thread == spot.thread).filter_map(|(_, row)| listed(*row));
            let root =
                root.into_iter().find(|post| Some(post.row.id) == wanted && !scope.hidden.contains(&post.author));
            let before = earlier.get(&spot.row).and_then(|row| posts.get(row)).filter(|post| post.post.root == wanted);
            let rolled = card(root, newest, !spot.is_reply, before);
            Some(CardRow {
                post: rolled.post.clone(),
                latest: rolled.latest.into_iter().cloned().collect(),
                brought_up_by: rolled.brought_up_by,
            })
        });
        Ok(cards.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_nothing_else_is_one() {
        for cursor in [Cursor::TOP, Cursor { time: -5, row: 7 }, Cursor { time: 0, row: 0 }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", ".", "1", "1.", ".1", "1.2.3", "a.b", "1.99999999999999999999", "1 .2", "' OR 1=1"] {
            assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text}");
        }
    }
}
