//! What is to go out on one link, and in which order: notes and levels first, then live messages, then history.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{FeedId, Message};
use rand_core::Rng;
use replication::{Instant, ebt::Note};

use crate::{
    ahead::Ahead,
    limits,
    log::{Age, Log},
    wire::{LevelBody, MessagesWriter, SentIds, WireError, is_replication},
};

/// A frame of notes or a level that waits. EBT keeps at most one frame of notes waiting, and one level a second.
#[derive(Debug)]
pub(crate) enum Control {
    Notes(Vec<(FeedId, Note)>),
    Level(LevelBody),
    /// An about frame, as it is sent.
    About(Vec<u8>),
    /// A question of ours about a feed, as it is sent. There are at most [`limits::LOOKS`] open.
    Look(Vec<u8>),
    /// An answer, as it is sent. At most [`limits::TELLS`] wait.
    Tell(Vec<u8>),
    /// A frame about blobs, as it is sent. The machine has at most two of them waiting, and hears when the last has left.
    Blobs {
        frame: Vec<u8>,
        is_last: bool,
    },
}

/// The sending half of one link.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    pub(crate) ids: SentIds,
    pub(crate) control: VecDeque<Control>,
    /// Frames of notes and of messages sent so far.
    pub(crate) frames: u64,
    /// Bytes sent since the link last said that there is room.
    pub(crate) unacknowledged: usize,
    pub(crate) bytes: u64,
    /// Answers to looks that wait, or are being made ready.
    pub(crate) tells: usize,
    /// What of history is on its way; none where the peer does not say what it took up.
    pub(crate) ahead: Option<Ahead>,
    streams: BTreeMap<FeedId, Stream>,
    /// Feeds whose next message is one of the newest.
    live: Row,
    /// Feeds with messages that were read.
    loaded: Row,
    loaded_bytes: usize,
    /// Feeds whose next messages are to be read, those that were written in lately first.
    hungry: BTreeSet<(Age, FeedId)>,
    /// Feeds that the store could not read, and when it is asked again.
    resting: BTreeMap<FeedId, Instant>,
    loads: usize,
}

/// Messages of one feed that are on their way out.
#[derive(Debug)]
struct Stream {
    /// The sequence to send next.
    next: u64,
    through: u64,
    age: Age,
    place: Place,
    buffer: VecDeque<Message>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Live,
    Hungry,
    Loading,
    Loaded,
}

/// Feeds in a row, each of them once; whoever is not wanted any more leaves it at once.
#[derive(Debug, Default)]
struct Row {
    last: u64,
    feeds: BTreeMap<u64, FeedId>,
    places: BTreeMap<FeedId, u64>,
}

impl Row {
    fn push_back(&mut self, feed: FeedId) {
        if let std::collections::btree_map::Entry::Vacant(place) = self.places.entry(feed) {
            self.last += 1;
            place.insert(self.last);
            self.feeds.insert(self.last, feed);
        }
    }

    fn pop_front(&mut self) -> Option<FeedId> {
        let (_, feed) = self.feeds.pop_first()?;
        self.places.remove(&feed);
        Some(feed)
    }

    fn remove(&mut self, feed: &FeedId) {
        if let Some(place) = self.places.remove(feed) {
            self.feeds.remove(&place);
        }
    }
}

/// What a frame of messages carries: each feed and the highest sequence of it.
pub(crate) type Carried = Vec<(FeedId, u64)>;

impl Sending {
    /// Whether anything more may be handed to the link.
    pub(crate) fn has_room(&self) -> bool {
        self.unacknowledged < limits::SEND_WINDOW
    }

    /// Counts a frame that is handed to the link.
    pub(crate) fn count(&mut self, frame: &[u8]) {
        self.unacknowledged += frame.len();
        if is_replication(frame) {
            self.bytes += frame.len() as u64;
        }
    }

    /// The messages `(after, through]` of a feed are to go out: goes on with a stream that sends the one after `after` next or
    /// ends there, else replaces it.
    pub(crate) fn stream(&mut self, feed: FeedId, after: u64, through: u64, age: Age, log: &Log) {
        if through <= after {
            return;
        }
        if let Some(stream) = self.streams.get_mut(&feed)
            && (stream.through == after || stream.next == after + 1)
        {
            stream.through = stream.through.max(through);
            // Somebody long silent may have written just now.
            if age < stream.age {
                if self.hungry.remove(&(stream.age, feed)) {
                    self.hungry.insert((age, feed));
                }
                stream.age = age;
            }
            return;
        }
        self.stop(&feed);
        let live = through - after <= limits::LIVE_RUN as u64 && log.recent(&feed, after + 1).is_some();
        let place = if live { Place::Live } else { Place::Hungry };
        self.streams.insert(feed, Stream { next: after + 1, through, age, place, buffer: VecDeque::new() });
        if live { self.live.push_back(feed) } else { _ = self.hungry.insert((age, feed)) }
    }

    /// Nothing more of the feed goes out.
    pub(crate) fn stop(&mut self, feed: &FeedId) {
        if let Some(stream) = self.streams.remove(feed) {
            self.loaded_bytes -= stream.buffer.iter().map(|message| message.encoded().len()).sum::<usize>();
            self.live.remove(feed);
            self.loaded.remove(feed);
            self.hungry.remove(&(stream.age, *feed));
            self.resting.remove(feed);
        }
    }

    /// The next load to ask for: feed, the sequence before the first wanted, the last wanted.
    pub(crate) fn next_load(&mut self, now: Instant, rng: &mut impl Rng) -> Option<(FeedId, u64, u64)> {
        for (feed, _) in self.resting.extract_if(.., |_, until| *until <= now) {
            self.hungry.extend(self.streams.get(&feed).map(|stream| (stream.age, feed)));
        }
        while self.loaded_bytes + self.loads * limits::LOAD < limits::READ_AHEAD
            && let Some(&first) = self.hungry.first()
        {
            // Among those of one age in random order, so that peers who start together get different feeds from us and exchange them.
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            let after = self.hungry.range((first.0, FeedId::classic(key))..).next();
            let next = after.filter(|(age, _)| *age == first.0).copied().unwrap_or(first);
            self.hungry.remove(&next);
            let (_, feed) = next;
            let Some(stream) = self.streams.get_mut(&feed).filter(|stream| stream.place == Place::Hungry) else {
                continue;
            };
            stream.place = Place::Loading;
            self.loads += 1;
            return Some((feed, stream.next - 1, stream.through));
        }
        None
    }

    /// A load came back. If the store could not read, this stream, and no other, is tried again at the given time.
    pub(crate) fn loaded(&mut self, feed: FeedId, after: u64, result: Result<Vec<Message>, Instant>) {
        self.loads = self.loads.saturating_sub(1);
        let waits = |stream: &&mut Stream| stream.place == Place::Loading && stream.next == after + 1;
        let Some(stream) = self.streams.get_mut(&feed).filter(waits) else { return };
        let messages = match result {
            Ok(messages) => messages,
            Err(rest_until) => {
                stream.place = Place::Hungry;
                self.resting.insert(feed, rest_until);
                return;
            }
        };
        for (sequence, message) in (stream.next..=stream.through).zip(messages) {
            if message.author() != feed || message.sequence() != sequence {
                break;
            }
            self.loaded_bytes += message.encoded().len();
            stream.buffer.push_back(message);
        }
        if stream.buffer.is_empty() {
            // The store does not have what EBT was told: nothing to send.
            self.streams.remove(&feed);
            return;
        }
        stream.place = Place::Loaded;
        self.loaded.push_back(feed);
    }

    /// Cuts the next frame of messages, if there is something to send now. Live messages go before history.
    ///
    /// # Errors
    /// When the link's table of feeds is full.
    pub(crate) fn next_messages(&mut self, log: &Log) -> Result<Option<(Vec<u8>, Carried)>, WireError> {
        let mut writer = MessagesWriter::default();
        let mut carried = Carried::new();
        while writer.len() < limits::MESSAGES_FRAME
            && let Some(feed) = self.live.pop_front()
        {
            self.write_live(feed, log, &mut writer, &mut carried)?;
        }
        let may_follow = self.ahead.as_ref().is_none_or(Ahead::has_room);
        if writer.is_empty() && may_follow && (self.loaded_bytes >= limits::MESSAGES_FRAME || self.loads == 0) {
            while writer.len() < limits::MESSAGES_FRAME
                && let Some(feed) = self.loaded.pop_front()
            {
                self.write_loaded(feed, &mut writer, &mut carried)?;
            }
            if let Some(ahead) = self.ahead.as_mut().filter(|_| !writer.is_empty()) {
                ahead.sent(self.frames + 1, writer.len());
            }
        }
        Ok((!writer.is_empty()).then(|| (writer.finish(), carried)))
    }

    fn write_live(
        &mut self,
        feed: FeedId,
        log: &Log,
        writer: &mut MessagesWriter,
        carried: &mut Carried,
    ) -> Result<(), WireError> {
        let Some(stream) = self.streams.get_mut(&feed).filter(|stream| stream.place == Place::Live) else {
            return Ok(());
        };
        let first = stream.next;
        while stream.next <= stream.through
            && writer.len() < limits::MESSAGES_FRAME
            && let Some(message) = log.recent(&feed, stream.next)
        {
            writer.push(message, &mut self.ids)?;
            stream.next += 1;
        }
        if stream.next > first {
            carried.push((feed, stream.next - 1));
        }
        if stream.next > stream.through {
            self.streams.remove(&feed);
        } else if log.recent(&feed, stream.next).is_some() {
            self.live.push_back(feed);
        } else {
            stream.place = Place::Hungry;
            self.hungry.insert((stream.age, feed));
        }
        Ok(())
    }

    fn write_loaded(
        &mut self,
        feed: FeedId,
        writer: &mut MessagesWriter,
        carried: &mut Carried,
    ) -> Result<(), WireError> {
        let Some(stream) = self.streams.get_mut(&feed).filter(|stream| stream.place == Place::Loaded) else {
            return Ok(());
        };
        while writer.len() < limits::MESSAGES_FRAME
            && let Some(message) = stream.buffer.pop_front()
        {
            self.loaded_bytes -= message.encoded().len();
            writer.push(&message, &mut self.ids)?;
            stream.next += 1;
        }
        carried.push((feed, stream.next - 1));
        if !stream.buffer.is_empty() {
            self.loaded.push_back(feed);
        } else if stream.next > stream.through {
            self.streams.remove(&feed);
        } else {
            stream.place = Place::Hungry;
            self.hungry.insert((stream.age, feed));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;

    #[test]
    fn a_message_that_cannot_be_read_holds_up_its_own_feed_alone() {
        let (mut rng, log) =
            (ChaCha8Rng::seed_from_u64(1), Log::new(BTreeMap::new(), BTreeMap::new(), BTreeSet::new()));
        let now = Instant::default();
        let later = now + limits::LOAD_REST;
        let feeds: Vec<_> = (1..4).map(|n| FeedId::classic([n; 32])).collect();
        let mut sending = Sending::default();
        for feed in &feeds {
            sending.stream(*feed, 0, 9, Age::Older, &log);
        }
        let mut rest = BTreeSet::from_iter(feeds);
        let (damaged, after, _) = sending.next_load(now, &mut rng).expect("a feed");
        rest.remove(&damaged);
        sending.loaded(damaged, after, Err(later));
        while let Some((feed, ..)) = sending.next_load(now, &mut rng) {
            assert!(rest.remove(&feed), "{feed} again");
            sending.stop(&feed);
            sending.loaded(feed, 0, Ok(Vec::new()));
        }
        assert_eq!(rest, BTreeSet::new(), "the others go on");
        assert_eq!(sending.next_load(later, &mut rng), Some((damaged, 0, 9)));
    }

    #[test]
    fn who_writes_while_their_history_waits_comes_first() {
        let (mut rng, log) =
            (ChaCha8Rng::seed_from_u64(1), Log::new(BTreeMap::new(), BTreeMap::new(), BTreeSet::new()));
        let feeds: Vec<_> = (1..40).map(|n| FeedId::classic([n; 32])).collect();
        let mut sending = Sending::default();
        for feed in &feeds {
            sending.stream(*feed, 0, 9, Age::Older, &log);
        }
        sending.stream(feeds[30], 9, 10, Age::Day, &log);
        assert_eq!(sending.next_load(Instant::default(), &mut rng), Some((feeds[30], 0, 10)));
        sending.stop(&feeds[30]);
        let mut rest = BTreeSet::new();
        while let Some((feed, ..)) = sending.next_load(Instant::default(), &mut rng) {
            sending.stop(&feed);
            sending.loaded(feed, 0, Ok(Vec::new()));
            assert!(rest.insert(feed), "{feed} again");
        }
        assert_eq!(rest.len(), feeds.len() - 1, "everybody else once");
    }
}
