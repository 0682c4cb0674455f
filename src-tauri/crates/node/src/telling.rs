//! What new messages mean for the person: what changed on screen, and what is worth a notification.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;

use feed::{DeviceKey, FeedId, Message, MessageId, PersonId};
use memchr::{memchr, memmem::Finder};
use replication::{Instant, Now, blobs, ebt};
use social::{Kind, Meaning, Target};

use crate::{
    Node,
    blobs::names_a_blob,
    limits,
    output::{Change, CloseReason, Notification, Output, RejectReason},
    policy::Changed,
    stations::Origin,
    timers::Timer,
};

/// What waits to be told.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    /// By kind.
    changes: BTreeMap<u8, BTreeSet<Change>>,
    /// When a change of each kind was last told.
    told_at: BTreeMap<u8, Instant>,
    /// Messages from the links since it was last quiet for [`limits::NEWS_QUIET`], and when the newest came.
    burst: (usize, Instant),
    /// When the newest notifications left; at most [`limits::NOTIFICATIONS`].
    notified_at: VecDeque<Instant>,
    /// The newest notification that came too soon after others, standing for all of those.
    held_back: Option<Notification>,
    /// The newest own messages, so that answers are recognised, and their order.
    own_ids: BTreeSet<MessageId>,
    own_order: VecDeque<MessageId>,
}

impl Telling {
    /// Remembers an own message.
    pub(crate) fn remember_own(&mut self, id: MessageId) {
        if !self.own_ids.insert(id) {
            return;
        }
        self.own_order.push_back(id);
        if self.own_order.len() > limits::OWN_IDS
            && let Some(oldest) = self.own_order.pop_front()
        {
            self.own_ids.remove(&oldest);
        }
    }
}

/// Changes of one kind wait for each other, not for those of other kinds.
fn kind_of(change: &Change) -> u8 {
    match change {
        Change::Timeline => 0,
        Change::Thread(_) => 1,
        Change::Person(_) => 2,
        Change::Nearby => 3,
        Change::Standing => 4,
        Change::Blob(_) => 5,
    }
}

impl Node {
    /// Something that a page may show has changed.
    pub(crate) fn tell(&mut self, change: Change) {
        self.telling.changes.entry(kind_of(&change)).or_default().insert(change);
    }

    /// Tells the changes whose time has come: the first of a kind at once, later ones together.
    pub(crate) fn flush_changes(&mut self, now: Now) {
        if self.telling.changes.is_empty() {
            return;
        }
        let all = self.telling.changes.values().map(BTreeSet::len).sum::<usize>() >= limits::CHANGES;
        let mut next: Option<Instant> = None;
        let told_at = &mut self.telling.told_at;
        let outbox = &mut self.outbox;
        self.telling.changes.retain(|kind, changes| {
            let due = told_at.get(kind).map(|at| *at + limits::CHANGE_INTERVAL);
            if let Some(due) = due.filter(|due| now.monotonic < *due && !all) {
                next = Some(next.map_or(due, |at| at.min(due)));
                return true;
            }
            told_at.insert(*kind, now.monotonic);
            outbox.extend(std::mem::take(changes).into_iter().map(Output::Changed));
            false
        });
        match next {
            Some(at) => self.timers.set(Timer::Changes, at),
            None => self.timers.cancel(Timer::Changes),
        }
    }

    /// Reads what became durable: the follow graph, what changed on screen, what is news.
    pub(crate) fn observe(&mut self, stored: &[(Message, Origin)], now: Now) {
        let bulk = stored.len() > limits::NEWS_BATCH;
        let came = stored.iter().filter(|(_, origin)| matches!(origin, Origin::Link(..))).count();
        self.catching_up.stored(came as u64, now.monotonic);
        let news = self.is_news(came, now);
        let mut wants_changed = false;
        for (message, origin) in stored {
            if message.author() == self.own {
                self.telling.remember_own(message.id());
            }
            if bulk && !may_move_people(message.encoded()) {
                self.observe_in_bulk(message, now);
                continue;
            }
            let meaning = social::read(message);
            self.want_blobs_of(message, &meaning, now);
            if let Kind::Contact(contact) = &meaning.kind {
                wants_changed |= self.policy.apply(message.author().into(), message.sequence(), contact);
            }
            self.tell_meaning(message, &meaning);
            if news && matches!(origin, Origin::Link(..)) && social::is_fresh(message.timestamp(), now.wall) {
                self.consider_notification(message, &meaning, now);
            }
        }
        if wants_changed {
            self.refresh_wants(now);
        }
    }

    /// Whether so many messages from the links are news, not a part of history that is being caught up with.
    fn is_news(&mut self, came: usize, now: Now) -> bool {
        let (count, last) = &mut self.telling.burst;
        if came > 0 {
            let quiet = now.monotonic.saturating_duration_since(*last) >= limits::NEWS_QUIET;
            *count = if quiet { came } else { count.saturating_add(came) };
            *last = now.monotonic;
        }
        *count <= limits::NEWS_BATCH
    }

    fn tell_meaning(&mut self, message: &Message, meaning: &Meaning) {
        match &meaning.kind {
            Kind::Post(post) => {
                self.tell(Change::Timeline);
                if let Some(root) = post.root {
                    self.tell(Change::Thread(root));
                }
            }
            Kind::Vote(vote) => {
                self.tell(Change::Timeline);
                if let Target::Message(id) = vote.link {
                    self.tell(Change::Thread(id));
                }
            }
            Kind::About(about) => {
                if let Target::Feed(feed) = about.about {
                    self.tell(Change::Person(feed.into()));
                }
            }
            Kind::Contact(contact) => {
                self.tell(Change::Person(message.author().into()));
                self.tell(Change::Person(contact.contact.into()));
            }
            _ => {}
        }
    }

    /// Of history nothing is parsed again: the thread of a reply stands after one key of the exact bytes.
    fn observe_in_bulk(&mut self, message: &Message, now: Now) {
        if names_a_blob(message.encoded()) {
            self.want_blobs_of(message, &social::read(message), now);
        }
        self.tell(Change::Timeline);
        if let Some(root) = root(message.encoded()) {
            self.tell(Change::Thread(root));
        }
    }

    fn consider_notification(&mut self, message: &Message, meaning: &Meaning, now: Now) {
        let author = message.author().into();
        if self.policy.is_muted(&author) {
            return;
        }
        let own_ids = &self.telling.own_ids;
        let is_mine = |id: &MessageId| own_ids.contains(id);
        let Some(reason) = social::notification(&self.me, self.policy.graph(), &author, meaning, is_mine) else {
            return;
        };
        let root = match &meaning.kind {
            Kind::Post(post) => post.root,
            Kind::Vote(vote) => match vote.link {
                Target::Message(id) => Some(id),
                _ => None,
            },
            _ => None,
        };
        let id = message.id();
        let news = Notification { reason, person: author, message: id, root: root.unwrap_or(id), more: 0 };
        self.notify(news, now);
    }

    fn notify(&mut self, mut news: Notification, now: Now) {
        while let Some(first) = self.telling.notified_at.front()
            && *first + limits::NOTIFICATION_INTERVAL <= now.monotonic
        {
            self.telling.notified_at.pop_front();
        }
        if let Some(held_back) = &self.telling.held_back {
            news.more = held_back.more.saturating_add(1);
        }
        match self.telling.notified_at.front() {
            Some(first) if self.telling.notified_at.len() >= limits::NOTIFICATIONS => {
                self.timers.set(Timer::Notifications, *first + limits::NOTIFICATION_INTERVAL);
                self.telling.held_back = Some(news);
            }
            _ => {
                self.telling.held_back = None;
                self.telling.notified_at.push_back(now.monotonic);
                self.outbox.push_back(Output::Notify(news));
            }
        }
    }

    /// What was held back may leave.
    pub(crate) fn release_notification(&mut self, now: Now) {
        if let Some(news) = self.telling.held_back.take() {
            self.telling.notified_at.pop_front();
            self.telling.notified_at.push_back(now.monotonic);
            self.outbox.push_back(Output::Notify(news));
        }
    }

    /// The person asks for a feed, or brings it in.
    pub(crate) fn ask_for(&mut self, feed: FeedId) {
        if self.policy.ask_for(feed) {
            self.asked = true;
        }
    }

    /// The person decided about somebody without saying so.
    pub(crate) fn on_stance(&mut self, person: PersonId, blocked: bool, muted: bool, now: Now) {
        if self.policy.decide(person, blocked, muted) {
            self.refresh_wants(now);
        }
        self.tell(Change::Person(person));
        self.tell(Change::Timeline);
        self.tell(Change::Nearby);
    }

    /// Tells EBT which feeds are wanted now, and ends whatever is under way with people who are blocked now.
    pub(crate) fn refresh_wants(&mut self, now: Now) {
        self.asked = false;
        let mut blocked = BTreeSet::new();
        for Changed { feed, before, want } in self.policy.refresh() {
            self.ebt.handle_input(ebt::Input::Want { feed, want }, now);
            if want == ebt::Want::Block {
                self.blobs.handle_input(blobs::Input::Blocked { author: feed }, now);
                blocked.insert(feed);
            } else if before == ebt::Want::Block {
                let device = DeviceKey::new(*feed.key());
                // Whoever is out for what their device did comes when that is over.
                if !self.conduct.is_out(&device) {
                    self.outbox.push_back(Output::Refuse { device, refuse: false });
                }
            }
        }
        if !blocked.is_empty() {
            self.shut_out(blocked, now);
        }
    }

    /// Nothing of these feeds that is on its way goes further, but for what was given to the disk already; and nothing that waits
    /// for their people leaves.
    fn shut_out(&mut self, feeds: BTreeSet<FeedId>, now: Now) {
        let theirs: Vec<_> = self.links.iter().map(|(id, link)| (*id, link.device)).collect();
        for (id, device) in theirs.into_iter().filter(|(_, device)| feeds.contains(&device.feed())) {
            self.outbox.push_back(Output::Refuse { device, refuse: true });
            self.close(id, CloseReason::Blocked, now);
        }
        self.give_up_in_flight(feeds.clone(), &RejectReason::Blocked);
        // Last: what was given up may wait now for a better copy of what was before it.
        for feed in feeds {
            self.shut_out_waiting(feed);
        }
        self.tell_unlucky(limits::RETRY, now);
    }
}

/// Whether the exact bytes may hold a statement about a person. The encoding has no spaces and no needless escapes, so a
/// type can stand there in one way only.
fn may_move_people(encoded: &[u8]) -> bool {
    static TYPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"type\":\""));
    TYPE.find_iter(encoded).any(|at| {
        let named = &encoded[at + TYPE.needle().len()..];
        named.starts_with(b"contact\"") || named.starts_with(b"about\"")
    })
}

/// The post that the exact bytes name as the first of their thread.
fn root(encoded: &[u8]) -> Option<MessageId> {
    static ROOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"root\":\""));
    let rest = &encoded[ROOT.find(encoded)? + ROOT.needle().len()..];
    let end = memchr(b'"', rest)?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}
