//! What strangers near write, for whoever wants to see it: looked at while they are near, and kept nowhere.
//!
//! Each look is a question like that of [`App::look_at`], so nothing of a stranger's reaches the disk, whatever they send. They are
//! looked at when they come near, and when they say that they wrote something new.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use feed::{Message, MessageId, PersonId};
use node::{Looked, NotSeen, wire::Newest};
use store::PostRow;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::App;
use crate::app::WeakApp;
use crate::clock;
use crate::looking;
use crate::mailbox::Command;
use crate::people::blocks;
use crate::view::{Change, Failure};

/// How soon somebody is looked at again: no more often than their device answers for good. Twice as long each time that it brings nothing
/// new, though they say that there is something.
const AGAIN: Duration = Duration::from_secs(3);
/// The longest that this becomes.
const AGAIN_MAX: Duration = Duration::from_secs(300);
/// Changes come in crowds, and one look at who is near answers all of them.
const GATHERED: Duration = Duration::from_millis(300);
/// How many are looked at at once; the node takes one more, for a person who waits.
const AT_ONCE: usize = node::limits::LOOKS - 1;
/// The newest posts of one stranger that are shown.
const POSTS: usize = 20;

/// A look that has ended; none when the node is shutting down.
type Ended = (PersonId, Option<Result<Looked, NotSeen>>);

/// The strangers near, and what they wrote.
#[derive(Default)]
pub(crate) struct Strangers {
    seen: Mutex<Seen>,
    /// Whether they are wanted may have changed.
    chosen: Notify,
}

#[derive(Default)]
struct Seen {
    people: BTreeMap<PersonId, Stranger>,
}

/// Somebody near of whom nothing is stored.
#[derive(Default)]
struct Stranger {
    /// The newest message they say they have.
    newest: u64,
    /// Up to which of their messages was seen.
    head: u64,
    /// When they may be looked at, and how long they rest after a look that brings nothing.
    free: Option<Instant>,
    rest: Duration,
    is_being_looked_at: bool,
    /// What they call themselves, in signed words of their own.
    name: Option<String>,
    /// Their newest posts that begin a thread, newest first.
    posts: Vec<PostRow>,
}

impl Stranger {
    /// When to look at them next, if there is something to see. Whoever was never looked at comes before all others.
    fn due(&self, now: Instant) -> Option<Instant> {
        match self.free {
            _ if self.is_being_looked_at => None,
            None => Some(now),
            Some(at) => (self.newest > self.head).then_some(at),
        }
    }
}

impl Seen {
    /// These strangers are near, with the newest message that each says they have. Whether posts that were shown are gone.
    fn meet(&mut self, near: &BTreeMap<PersonId, u64>) -> bool {
        let mut is_gone = false;
        self.people.retain(|person, stranger| {
            let stays = near.contains_key(person);
            is_gone |= !stays && !stranger.posts.is_empty();
            stays
        });
        for (person, newest) in near {
            self.people.entry(*person).or_default().newest = *newest;
        }
        is_gone
    }

    /// At most so many who are to be looked at now; [`Self::looked`] follows for each.
    fn take_due(&mut self, most: usize, now: Instant) -> Vec<PersonId> {
        let due = self.people.iter().filter(|(_, stranger)| stranger.due(now).is_some_and(|at| at <= now));
        // Whoever has waited longest, so that nobody keeps the others from it.
        let mut due: Vec<(Option<Instant>, PersonId)> =
            due.map(|(person, stranger)| (stranger.free, *person)).collect();
        due.sort_unstable();
        due.truncate(most);
        for (_, person) in &due {
            if let Some(stranger) = self.people.get_mut(person) {
                stranger.is_being_looked_at = true;
            }
        }
        due.into_iter().map(|(_, person)| person).collect()
    }

    /// When somebody is to be looked at next.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        self.people.values().filter_map(|stranger| stranger.due(now)).min()
    }

    /// Somebody was looked at. Whether there is something else to show now.
    fn looked(&mut self, person: PersonId, seen: Option<Looked>, wall: i64, now: Instant) -> bool {
        // They may have gone meanwhile.
        let Some(stranger) = self.people.get_mut(&person) else { return false };
        stranger.is_being_looked_at = false;
        // Not what they say that they have: whoever was asked may say anything of somebody else's feed.
        let head = |seen: &Looked| seen.messages.last().map_or(0, Message::sequence);
        let seen = seen.filter(|seen| head(seen) > stranger.head);
        stranger.rest = match seen {
            Some(_) => AGAIN,
            None => (stranger.rest * 2).clamp(AGAIN, AGAIN_MAX),
        };
        stranger.free = Some(now + stranger.rest);
        let Some(seen) = seen else { return false };
        stranger.head = head(&seen);
        stranger.name = seen.about.as_ref().and_then(looking::named).or(stranger.name.take());
        // When each is shown to have been written was fixed when it was first seen.
        let known: BTreeMap<MessageId, i64> = stranger.posts.iter().map(|row| (row.id, row.time_ms)).collect();
        let posts = seen.messages.iter().rev().filter_map(|message| PostRow::unstored(message, wall));
        let posts = posts.filter(|row| row.post.root.is_none()).take(POSTS);
        stranger.posts =
            posts.map(|row| PostRow { time_ms: *known.get(&row.id).unwrap_or(&row.time_ms), ..row }).collect();
        true
    }
}

impl Strangers {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing panics while it holds the lock, and every state is a whole one.
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// They are wanted from now on, or not.
    pub(crate) fn want(&self, is_wanted: bool) {
        if !is_wanted {
            // Now, not when they are next reviewed: whoever looks again at once sees none.
            self.seen().people.clear();
        }
        self.chosen.notify_one();
    }

    /// Their posts that are shown below `before` and not below `from`, Unix milliseconds, with what each author calls themselves; of more
    /// than `most` the newest.
    pub(crate) fn posts(&self, before: Option<i64>, from: Option<i64>, most: usize) -> Vec<(PostRow, Option<String>)> {
        let is_within = |post: &PostRow| {
            before.is_none_or(|time| post.time_ms < time) && from.is_none_or(|time| post.time_ms >= time)
        };
        let seen = self.seen();
        let all =
            seen.people.values().flat_map(|stranger| stranger.posts.iter().map(move |post| (post, &stranger.name)));
        let mut within: Vec<_> = all.filter(|(post, _)| is_within(post)).collect();
        within.sort_by_key(|(post, _)| std::cmp::Reverse(post.time_ms));
        within.truncate(most);
        within.into_iter().map(|(post, name)| (post.clone(), name.clone())).collect()
    }
}

/// Looks at strangers as they come near and write, as long as the node runs and they are wanted.
pub(crate) async fn follow(app: WeakApp, mut changes: broadcast::Receiver<Change>, ended: CancellationToken) {
    let mut looks = JoinSet::new();
    loop {
        let Some(running) = app.upgrade() else { return };
        let next = running.review_strangers(&mut looks).await;
        let strangers = running.strangers();
        drop(running);
        tokio::select! {
            () = ended.cancelled() => return,
            () = somebody_moved(&mut changes) => {}
            () = strangers.chosen.notified() => {}
            Some(look) = looks.join_next() => {
                let Some(running) = app.upgrade() else { return };
                if let Ok((person, Some(result))) = look {
                    running.looked_at_stranger(person, result);
                }
            }
            () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now).into()), if next.is_some() => {}
        }
    }
}

/// Waits until somebody came, went, said something, or stands otherwise to the reader, and a moment for more of that.
async fn somebody_moved(changes: &mut broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Nearby | Change::Person(_)) | Err(broadcast::error::RecvError::Lagged(_)) => break,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
    tokio::time::sleep(GATHERED).await;
    // What came meanwhile is answered by the same look.
    while changes.try_recv().is_ok() {}
}

impl App {
    /// Looks at whom it is time to look at; when that will be next.
    async fn review_strangers(&self, looks: &mut JoinSet<Ended>) -> Option<Instant> {
        let strangers = self.strangers();
        let near = match self.settings().shows_strangers {
            true => self.strangers_near().await.inspect_err(|failure| tracing::debug!(%failure, "nobody is looked at")),
            false => Ok(BTreeMap::new()),
        };
        let now = Instant::now();
        let (is_gone, due, next) = {
            let mut seen = strangers.seen();
            let is_gone = seen.meet(&near.ok()?);
            let due = seen.take_due(AT_ONCE.saturating_sub(looks.len()), now);
            (is_gone, due, seen.next_due(now))
        };
        if is_gone {
            self.announce(Change::Timeline);
        }
        for person in due {
            let app = self.clone();
            looks.spawn(async move {
                let wanted = Newest { feed: person.feed(), before: 0, most: node::limits::LOOK_MESSAGES };
                (person, app.ask(|reply| Command::LookAt { wanted, reply }).await.ok())
            });
        }
        // Where as many as may be are under way, the end of one of them comes first.
        next.filter(|_| looks.len() < AT_ONCE)
    }

    fn looked_at_stranger(&self, person: PersonId, result: Result<Looked, NotSeen>) {
        let strangers = self.strangers();
        let is_new = strangers.seen().looked(person, result.ok(), clock::wall(), Instant::now());
        if is_new {
            self.announce(Change::Timeline);
        }
    }

    /// Those near of whom nothing is stored or wanted, with the newest message that each says they have.
    async fn strangers_near(&self) -> Result<BTreeMap<PersonId, u64>, Failure> {
        let mut near = BTreeMap::new();
        for peer in self.look().await?.peers {
            let person = peer.person;
            let is_close = self.store().distance(&person).is_some_and(|hops| hops <= node::limits::HOPS);
            let is_kept_away = self.store().stance(&person).muted || blocks(self.store(), &person).is_some();
            if is_close || is_kept_away || self.wanted().lock().await.contains(&person.feed()) {
                continue;
            }
            if self.store().newest(person.feed(), 0, 1, 1).await?.is_none() {
                near.insert(person, peer.newest.unwrap_or(0));
            }
        }
        Ok(near)
    }
}

#[cfg(test)]
mod tests {
    use feed::KeyPair;
    use social::write;

    use super::*;

    const WALL: i64 = 1_790_000_000_000;

    fn keys(seed: u8) -> KeyPair {
        KeyPair::from_seed(&[seed; 32])
    }

    fn person(seed: u8) -> PersonId {
        PersonId::from(keys(seed).feed_id())
    }

    /// What somebody wrote who posts and answers in turn, and named themselves first.
    fn seen(seed: u8, messages: u64) -> Looked {
        let keys = keys(seed);
        let mut all: Vec<Message> = Vec::new();
        for number in 0..messages {
            let root = all.first().filter(|_| number % 2 == 1).map(Message::id);
            let draft = write::PostDraft { text: format!("post {number}"), root, ..write::PostDraft::default() };
            let content = if number == 0 {
                write::about_self(&keys.feed_id(), Some("Wren"), None, None)
            } else {
                write::post(&draft)
            };
            let previous = all.last().map(Message::head);
            let time = (WALL + number as i64) as f64;
            all.push(feed::sign(&keys, None, previous.as_ref(), time, &content).expect("valid").into_message());
        }
        let about = all.first().cloned();
        Looked { from: keys.device_key(), head: messages, messages: all, about }
    }

    #[test]
    fn somebody_is_looked_at_when_they_come_and_when_they_wrote_something() {
        let mut all = Seen::default();
        let start = Instant::now();
        assert!(!all.meet(&BTreeMap::from([(person(1), 5)])));
        assert_eq!(all.take_due(3, start), [person(1)]);
        assert_eq!((all.take_due(3, start), all.next_due(start)), (Vec::new(), None), "once at a time");
        assert!(all.looked(person(1), Some(seen(1, 5)), WALL, start));
        assert_eq!(all.next_due(start), None, "everything was seen");
        all.meet(&BTreeMap::from([(person(1), 6)]));
        assert_eq!(all.next_due(start), Some(start + AGAIN));
        assert_eq!(all.take_due(3, start + AGAIN), [person(1)]);
        assert!(!all.looked(person(1), None, WALL, start + AGAIN), "what was seen stays");
        assert_eq!(all.next_due(start), Some(start + 3 * AGAIN), "tried again, after twice as long");
        assert!(!all.looked(person(1), Some(seen(1, 5)), WALL, start + AGAIN), "an old answer is no news");
        assert_eq!(all.next_due(start), Some(start + 5 * AGAIN), "and later each time");
        assert!(all.looked(person(1), Some(seen(1, 6)), WALL, start + 5 * AGAIN));
        all.meet(&BTreeMap::from([(person(1), 7)]));
        assert_eq!(all.next_due(start), Some(start + 6 * AGAIN), "until there is something");
    }

    #[test]
    fn strangers_who_never_have_what_they_say_keep_nobody_else_from_being_looked_at() {
        let mut all = Seen::default();
        let mut now = Instant::now();
        let near: BTreeMap<PersonId, u64> = (1..=9).map(|seed| (person(seed), u64::MAX)).collect();
        all.meet(&near);
        let mut looked = BTreeMap::new();
        for _ in 0..30 {
            for person in all.take_due(AT_ONCE, now) {
                *looked.entry(person).or_insert(0) += 1;
                now += Duration::from_secs(1);
                all.looked(person, None, WALL, now);
            }
            now += Duration::from_secs(1);
        }
        let (fewest, most) = (looked.values().min().copied(), looked.values().max().copied());
        assert_eq!(looked.len(), 9);
        assert!(fewest >= Some(2) && most <= Some(6), "{looked:?}");
    }

    #[test]
    fn a_post_from_the_future_comes_up_once() {
        let strangers = Strangers::default();
        strangers.seen().meet(&BTreeMap::from([(person(1), 0)]));
        let first_seen = WALL - 1_000_000;
        strangers.seen().looked(person(1), Some(seen(1, 3)), first_seen, Instant::now());
        assert_eq!(strangers.posts(None, None, 9)[0].0.time_ms, first_seen);
        strangers.seen().looked(person(1), Some(seen(1, 5)), first_seen + 500, Instant::now());
        let times: Vec<i64> = strangers.posts(None, None, 9).iter().map(|(row, _)| row.time_ms - first_seen).collect();
        assert_eq!(times, [500, 0]);
    }

    #[test]
    fn only_the_newest_posts_that_begin_something_are_shown_and_go_with_their_author() {
        let strangers = Strangers::default();
        let now = Instant::now();
        strangers.seen().meet(&BTreeMap::from([(person(1), 0)]));
        strangers.seen().looked(person(1), Some(seen(1, 60)), WALL + 1_000, now);
        let posts = strangers.posts(None, None, 99);
        assert_eq!(posts.len(), POSTS);
        assert_eq!(strangers.posts(None, None, 3).len(), 3);
        assert!(posts.iter().all(|(row, name)| row.post.root.is_none() && name.as_deref() == Some("Wren")));
        assert_eq!(posts[0].0.post.text, "post 58");
        let times = |before, from| {
            strangers.posts(before, from, 99).iter().map(|(row, _)| row.time_ms - WALL).collect::<Vec<_>>()
        };
        assert_eq!(times(Some(WALL + 56), Some(WALL + 50)), [54, 52, 50], "below the one, from the other on");
        assert!(strangers.seen().meet(&BTreeMap::new()));
        assert_eq!(strangers.posts(None, None, 99).len(), 0);
        assert!(!strangers.seen().looked(person(1), Some(seen(1, 60)), WALL, now), "gone before the answer came");
    }
}
