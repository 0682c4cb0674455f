//! Epidemic broadcast trees: every feed reaches everyone who wants it, nearly without waste.
//!
//! Sources: *Scalable Secure Scuttlebutt* and the `epidemic-broadcast-trees` reference (notes, request skipping, eager and
//! lazy); *Epidemic Broadcast Trees* (Leitão, Pereira, Rodrigues 2007) for the tree and its repair.
//!
//! # The rules
//!
//! - A [`Note`] says how far one holds a feed and whether one asks for what follows (*eager*) or only tells (*lazy*).
//! - When a link comes up, each end says only what differs from what it last told the other (*skipping*). What was told
//!   and heard survives restarts; it moves only by the other side's word: a note, or a Level.
//! - Each feed is asked of one peer, its *source*: the edges from sources form a tree per feed. All others are told lazily.
//! - Hearing of more than we hold: ask, if there is no source, or a useless one; otherwise give the source
//!   [`Config::patience`], then switch, rotating through all who claim more.
//! - Hearing of less than we hold: stream if asked, else tell once.
//! - A duplicate from a peer that is not the source prunes that edge with a lazy note. A gap or a message that cannot be
//!   taken ends that feed's stream with a note, and its sender is not believed for a while. The link goes on.
//! - A source that is lost (link down, failure, “I do not want that feed”) is replaced by another peer that claims more at
//!   once, else by whoever next tells of more.
//!
//! # What it costs
//!
//! A note that tells a peer of growth is the first for its feed and peer within a second, or waits. Notes that ask or
//! prune do not wait. On an edge outside the tree both ends would tell the other of each message; the two wait differently
//! long, so that one note usually does, and a Level ([`Output::SendLevel`]) acknowledges it together with many others.
//! `docs/lab.md` has the figures, and what other choices would have cost.

mod hearing;
mod io;
mod level;
mod link;
mod linking;
mod note;
mod saving;
mod sources;
mod telling;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use feed::FeedId;

pub use io::{Input, Output, Progress, Want};
pub use note::{Clock, MAX_SEQUENCE, Note, NoteError};
pub use saving::remembered;

use self::{link::Link, sources::Source};
use crate::{Instant, LinkId, Now};

/// The most notes in one [`Output::SendNotes`]: 8,192 of at most 42 bytes stay under 344 KiB.
pub const MAX_NOTES_PER_FRAME: usize = 8_192;

/// The most feeds in [`Output::SendLevel`]'s `except`: 4,096 of 33 bytes stay under 133 KiB.
pub const MAX_LEVEL_EXCEPTIONS: usize = 4_096;

/// What a machine is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The feed that is written here: always replicated, and never asked of anyone who does not claim more of it than we hold.
    pub own: FeedId,
    /// How long a source may be silent while another peer claims more. 150 ms: switching at once costs about a tenth more
    /// payload, as messages that are on their way arrive twice; Plumtree (section 3.7) waits for the same reason.
    pub patience: Duration,
}

impl Config {
    /// The defaults, for the device that writes `own`.
    pub const fn new(own: FeedId) -> Self {
        Self { own, patience: Duration::from_millis(150) }
    }
}

/// One feed, as the machine sees it.
#[derive(Debug, Default)]
struct Feed {
    /// The newest sequence that is held durably.
    head: u64,
    want: Want,
    frozen: bool,
    source: Option<Source>,
    /// Since when somebody claims more than we hold, and when that is looked at.
    lag: Option<Lag>,
}

#[derive(Clone, Copy, Debug)]
struct Lag {
    since: Instant,
    due: Instant,
}

impl Feed {
    fn wanted(&self) -> bool {
        self.want == Want::Replicate
    }
}

/// Epidemic broadcast trees, for all feeds and links of one device.
#[derive(Debug)]
pub struct Ebt {
    config: Config,
    feeds: BTreeMap<FeedId, Feed>,
    links: BTreeMap<LinkId, Link>,
    /// Mirrors [`Feed::lag`].
    lagging: BTreeSet<(Instant, FeedId)>,
    outbox: VecDeque<Output>,
}

impl Ebt {
    /// A machine that knows no link yet, and of no feed but its own.
    pub fn new(config: Config) -> Self {
        let own = Feed { want: Want::Replicate, ..Feed::default() };
        let feeds = BTreeMap::from([(config.own, own)]);
        Self { config, feeds, links: BTreeMap::new(), lagging: BTreeSet::new(), outbox: VecDeque::new() }
    }

    /// Everything that happens goes in here; afterwards drain [`Self::poll_output`].
    pub fn handle_input(&mut self, input: Input, now: Now) {
        match input {
            Input::Want { feed, want } => self.on_want(feed, want, now),
            Input::Head { feed, sequence } => self.feeds.entry(feed).or_default().head = sequence,
            Input::Frozen { feed } => self.on_frozen(feed, now),
            Input::LinkUp { link, peer, held, told, agreed } => {
                let clocks = agreed.then_some((held, told));
                self.on_link_up(link, peer, clocks, now);
            }
            Input::LinkDown { link } => self.on_link_down(link, now),
            Input::Notes { link, frame, notes } => self.on_notes(link, frame, notes, now),
            Input::Messages { link, frame, carried } => self.on_messages(link, frame, carried, now),
            Input::Known { link, feed, sequence } => self.on_known(link, feed, sequence, now),
            Input::Gap { link, feed } => self.on_gap(link, feed, now),
            Input::Refused { link, feed } => self.on_refused(link, feed, now),
            Input::Dropped { link, feed, pause } => self.on_dropped(link, feed, pause, now),
            Input::Appended { feed, sequence, from } => self.on_appended(feed, sequence, from, now),
            Input::NotesSent { link, frame } => self.on_notes_sent(link, frame),
            Input::Sent { link, frame, feed, through } => self.on_sent(link, frame, feed, through),
            Input::Level { link, through, except } => self.on_level(link, through, except, now),
        }
        self.send_notes(now);
    }

    /// The next thing to do, in order; `None` when there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called, if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_links = self.links.values().flat_map(|link| [link.notes_due(), link.inbox.due(), link.unsaved.due]);
        of_links.flatten().chain(self.lagging.first().map(|&(due, _)| due)).min()
    }

    /// Does what has become due; afterwards drain [`Self::poll_output`].
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(due, feed)) = self.lagging.first() {
            if due > now.monotonic {
                break;
            }
            self.lagging.pop_first();
            self.on_patience_over(feed, now);
        }
        self.send_notes(now);
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            let Some(link) = self.links.get(&id) else { continue };
            let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now.monotonic);
            let (level, save) = (is_due(link.inbox.due()), is_due(link.unsaved.due));
            if level {
                self.send_level(id, now);
            }
            if save {
                self.save_clock(id);
            }
        }
    }

    /// How far `link` is from level; `None` for a link that is not up. Costs a walk over the feeds that move on the link.
    pub fn progress(&self, link: LinkId) -> Option<Progress> {
        let up = self.links.get(&link)?;
        let mut progress = Progress::default();
        for feed in &up.moving {
            let (Some(feed), Some(row)) = (self.feeds.get(feed), up.rows.get(feed)) else { continue };
            if feed.source.is_some_and(|source| source.link == link) {
                progress.to_receive = progress.to_receive.saturating_add(row.claimed.saturating_sub(feed.head));
            }
            if row.streaming() {
                progress.to_send = progress.to_send.saturating_add(row.streamed - row.left);
            }
        }
        Some(progress)
    }

    /// Looks whether messages of `feed` are to come or to go on a link, after what is known of it changed.
    fn review_movement(&mut self, id: LinkId, feed: FeedId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let known = self.feeds.get(&feed).filter(|known| known.wanted());
        let moves =
            known.zip(link.rows.get(&feed)).is_some_and(|(known, row)| row.claimed > known.head || row.streaming());
        if moves {
            link.moving.insert(feed);
        } else {
            link.moving.remove(&feed);
        }
    }

    #[cfg(test)]
    fn moving_on(&self, link: LinkId) -> usize {
        self.links.get(&link).map_or(0, |link| link.moving.len())
    }

    /// Whether messages of `feed` may come by `link`: our last note on it asks for them, or it did a moment ago and they were
    /// on their way. What comes unasked is not worth a look, whoever signed it.
    pub fn is_asked(&self, link: LinkId, feed: &FeedId, now: Now) -> bool {
        let row = self.links.get(&link).filter(|link| !link.blocked).and_then(|link| link.rows.get(feed));
        row.is_some_and(|row| {
            row.told.is_some_and(Note::asks) || row.pruned_at.is_some_and(|at| now.monotonic < at + telling::ON_THE_WAY)
        })
    }

    #[cfg(test)]
    fn rows_of(&self, link: LinkId) -> usize {
        self.links.get(&link).map_or(0, |link| link.rows.len())
    }

    /// How far the peer of `link` is known to hold `feed` by its own word, if it speaks the truth; 0 for nothing.
    pub fn claimed(&self, link: LinkId, feed: &FeedId) -> u64 {
        let row = self.links.get(&link).filter(|link| !link.blocked).and_then(|link| link.rows.get(feed));
        row.filter(|row| matches!(row.held, Some(Note::Have { .. }))).map_or(0, |row| row.claimed)
    }

    /// What we hold of `feed` durably: its newest sequence, 0 for nothing.
    pub fn head(&self, feed: &FeedId) -> u64 {
        self.feeds.get(feed).map_or(0, |feed| feed.head)
    }
}
