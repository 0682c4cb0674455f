//! Where messages wait on their way into the log, and whose turn it is.
//!
//! There are two lanes. A live post takes the first, the history that somebody catches up with takes the second; the first goes
//! before the second at every station, so that a post never waits for the end of a bulk. Messages of one feed keep their order:
//! what follows something in the second lane goes there too, and nothing in the second lane overtakes the first.
//!
//! Room is shared by dynamic thresholds (Choudhury and Hahne, *Dynamic queue length thresholds for shared-memory packet
//! switches*, 1998): a link may have as much under way as is free. One that sends without end fills half of the room, two a third
//! each, and whoever sends little always finds some.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feed::{DeviceKey, FeedId, Message, SignatureError, Verified};
use replication::{Instant, LinkId};

use crate::{input::Ticket, limits};

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a peer, by one of the lanes.
    Link(LinkId, Lane),
    /// Written here just now.
    Here,
    /// From a file.
    Import(Ticket),
    /// The `about` with which a peer introduces itself: only its signature matters, it is not stored.
    Name(LinkId),
    /// From a file, in place of a message that is stored: a bad copy, or a fork.
    Contradicts(Ticket),
    /// It contradicts the head of its feed: if its signature holds, the feed is forked. Not stored either. The link, if it
    /// came by one, answers for the signature.
    Suspect(Option<LinkId>),
    /// Of one's own feed, from a file, while messages before it are missing: if its signature holds, they exist.
    Evidence,
}

impl Origin {
    /// The link that brought it.
    fn link(self) -> Option<LinkId> {
        match self {
            Self::Link(link, _) | Self::Name(link) => Some(link),
            Self::Suspect(link) => link,
            Self::Here | Self::Import(_) | Self::Contradicts(_) | Self::Evidence => None,
        }
    }

    fn lane(self) -> Lane {
        match self {
            Self::Link(_, lane) => lane,
            // A name is short, and waited for; of a feed that may be forked nothing is on its way, and nothing is to overtake that.
            Self::Name(_) | Self::Suspect(_) => Lane::Live,
            Self::Here | Self::Import(_) | Self::Contradicts(_) | Self::Evidence => Lane::Bulk,
        }
    }
}

/// Which way a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Little, and waited for.
    Live,
    /// Everything else.
    Bulk,
}

/// A message on its way.
pub(crate) type Candidate<M> = (M, Origin);

/// What waits in front of a station.
#[derive(Debug)]
struct Lanes<M> {
    live: VecDeque<Candidate<M>>,
    bulk: VecDeque<Candidate<M>>,
}

impl<M> Default for Lanes<M> {
    fn default() -> Self {
        Self { live: VecDeque::new(), bulk: VecDeque::new() }
    }
}

impl<M> Lanes<M> {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Candidate<M>> {
        match lane {
            Lane::Live => &mut self.live,
            Lane::Bulk => &mut self.bulk,
        }
    }

    fn take(&mut self, lane: Lane, most: usize) -> Vec<Candidate<M>> {
        let queue = self.lane(lane);
        queue.drain(..queue.len().min(most)).collect()
    }

    /// Takes out what `is_taken` says, in order.
    fn take_if(&mut self, is_taken: impl Fn(&Candidate<M>) -> bool) -> Vec<Candidate<M>> {
        let mut taken = Vec::new();
        for queue in [&mut self.live, &mut self.bulk] {
            let (out, others) = queue.drain(..).partition::<Vec<_>, _>(&is_taken);
            queue.extend(others);
            taken.extend(out);
        }
        taken
    }
}

/// A batch whose signatures are being checked.
#[derive(Debug)]
pub(crate) struct Checking {
    pub(crate) ticket: Ticket,
    pub(crate) lane: Lane,
    /// Those given up meanwhile, because one before them was lost, are gone.
    pub(crate) candidates: Vec<Option<Candidate<Message>>>,
    /// The answer, while an earlier batch is without one: chains are continued in order.
    pub(crate) results: Option<Vec<Result<Verified, SignatureError>>>,
}

/// A batch that is being made durable.
#[derive(Debug)]
pub(crate) struct Appending {
    pub(crate) ticket: Ticket,
    pub(crate) lane: Lane,
    pub(crate) candidates: Vec<Candidate<Verified>>,
}

/// Encoded bytes of one link that are on their way.
#[derive(Clone, Copy, Debug, Default)]
struct UnderWay {
    all: usize,
    live: usize,
}

/// The stations between arrival and the log.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    to_verify: Lanes<Message>,
    /// In the order in which they were asked for.
    verifying: VecDeque<Checking>,
    to_append: Lanes<Verified>,
    appending: Vec<Appending>,
    /// Since when what is to be stored waits for more to be stored with it. An answer to each check is on its way meanwhile,
    /// so it needs no timer.
    gathering_since: Option<Instant>,
    /// Encoded bytes at all stations.
    bytes: usize,
    /// Those that came by links. What a file brings has a bound of its own, and takes no room from them.
    from_links: usize,
    /// Messages in the first lane.
    live_count: usize,
    /// Those that came by each link, and how many of them take the first lane.
    under_way: BTreeMap<LinkId, UnderWay>,
    /// Feeds of which the last that came took the first lane; so did all of it that is on its way.
    live: BTreeSet<FeedId>,
    /// Links that sent a message again while it was on its way: they have to hear if it fails.
    pub(crate) echoes: BTreeMap<FeedId, BTreeSet<LinkId>>,
    /// Links that have to hear that what they sent of a feed was lost; each once, however many messages it were.
    pub(crate) unlucky: BTreeSet<(LinkId, FeedId)>,
    /// Links that sent messages that do not hold, once for each: they answer for it when everything else is settled.
    pub(crate) charged: Vec<LinkId>,
    /// Links that went while something of theirs may be under way, at most [`limits::LINKS`].
    departed: BTreeMap<LinkId, DeviceKey>,
    /// Feeds with a suspected fork that is being looked into.
    pub(crate) suspects: BTreeSet<FeedId>,
    /// Messages under way that may prove that one's own feed is longer than what is here.
    pub(crate) evidence: usize,
    /// The store could not write: nothing is taken until then.
    pub(crate) rest_until: Option<Instant>,
}

impl Intake {
    /// Whether a frame of this link is read now. One frame at a time always is.
    pub(crate) fn takes_from(&self, link: LinkId) -> bool {
        let under_way = self.under_way(link).all;
        under_way == 0 || under_way < limits::INTAKE.saturating_sub(self.from_links)
    }

    fn under_way(&self, link: LinkId) -> UnderWay {
        self.under_way.get(&link).copied().unwrap_or_default()
    }

    /// Which lane a run takes that a link sent: `count` messages, coded in `bytes`. `in_flight`: whether anything of the feed is on
    /// its way.
    pub(crate) fn lane(&mut self, link: LinkId, feed: FeedId, count: usize, bytes: usize, in_flight: bool) -> Lane {
        let is_little = count == 1 || self.under_way(link).live + bytes <= limits::LIVE_BYTES;
        // Never more than one batch takes, but for names and suspects, which are few: so the second lane gets its turn after each.
        let fits = count <= limits::LIVE_RUN && self.live_count + count <= limits::VERIFY_BATCH;
        if is_little && fits && (!in_flight || self.live.contains(&feed)) {
            self.live.insert(feed);
            return Lane::Live;
        }
        Lane::Bulk
    }

    /// Nothing of the feed is on its way any more.
    pub(crate) fn is_settled(&mut self, feed: &FeedId) {
        self.echoes.remove(feed);
        self.live.remove(feed);
    }

    /// A link goes: what it sent and is being checked still counts.
    pub(crate) fn depart(&mut self, link: LinkId, device: DeviceKey) {
        if self.bytes == 0 {
            self.departed.clear();
        } else {
            self.departed.insert(link, device);
            if self.departed.len() > limits::LINKS {
                self.departed.pop_first();
            }
        }
    }

    /// Whose a link was that went.
    pub(crate) fn departed(&self, link: LinkId) -> Option<DeviceKey> {
        self.departed.get(&link).copied()
    }

    /// Has the signature of an introduction checked.
    pub(crate) fn check_name(&mut self, link: LinkId, about: Message) {
        self.push(about, Origin::Name(link));
    }

    /// Has the signature of a message of one's own feed checked, as a sign that those before it exist.
    pub(crate) fn check_evidence(&mut self, message: Message) {
        self.evidence += 1;
        self.push(message, Origin::Evidence);
    }

    /// Whether it is being found out if one's own feed is longer than what is here.
    pub(crate) fn awaits_evidence(&self) -> bool {
        self.evidence > 0
    }

    /// Whether messages of a feed are being stored. They may become durable although what was to follow them was given up.
    pub(crate) fn is_storing(&self, feed: &FeedId) -> bool {
        let mut storing = self.appending.iter().flat_map(|appending| &appending.candidates);
        storing.any(|(message, _)| message.author() == *feed)
    }

    /// The link is gone: nobody has to hear.
    pub(crate) fn forget_link(&mut self, link: LinkId) {
        for links in self.echoes.values_mut() {
            links.remove(&link);
        }
    }

    /// Puts a message in front of the first station.
    pub(crate) fn push(&mut self, message: Message, origin: Origin) {
        let size = message.encoded().len();
        let is_live = origin.lane() == Lane::Live;
        self.bytes += size;
        self.live_count += usize::from(is_live);
        if let Some(link) = origin.link() {
            let under_way = self.under_way.entry(link).or_default();
            under_way.all += size;
            under_way.live += if is_live { size } else { 0 };
            self.from_links += size;
        }
        if !is_live {
            // Whatever brought it, what follows it in its feed stays behind it.
            self.live.remove(&message.author());
        }
        self.to_verify.lane(origin.lane()).push_back((message, origin));
    }

    /// A message is at no station any more.
    pub(crate) fn leave(&mut self, message: &Message, origin: Origin) {
        let size = message.encoded().len();
        let is_live = origin.lane() == Lane::Live;
        self.bytes -= size;
        self.live_count -= usize::from(is_live);
        let Some(link) = origin.link() else { return };
        self.from_links -= size;
        let Some(under_way) = self.under_way.get_mut(&link) else { return };
        under_way.all -= size;
        under_way.live -= if is_live { size } else { 0 };
        if under_way.all == 0 {
            self.under_way.remove(&link);
        }
    }

    /// Puts a checked message in front of the second station.
    pub(crate) fn push_checked(&mut self, verified: Verified, origin: Origin) {
        self.to_append.lane(origin.lane()).push_back((verified, origin));
    }

    /// The next batch to check, if one begins.
    pub(crate) fn next_check(&mut self) -> Option<(Lane, Vec<Candidate<Message>>)> {
        let lane = [Lane::Live, Lane::Bulk].into_iter().find(|lane| {
            let under_way = self.verifying.iter().filter(|checking| checking.lane == *lane).count();
            begins(self.to_verify.lane(*lane).len(), under_way)
        })?;
        // Something in the first lane may come before something in the second.
        if lane == Lane::Bulk && !self.to_verify.live.is_empty() {
            return None;
        }
        Some((lane, self.to_verify.take(lane, limits::VERIFY_BATCH)))
    }

    /// A batch is being checked.
    pub(crate) fn checks(&mut self, checking: Checking) {
        self.verifying.push_back(checking);
    }

    /// The answer to a check.
    pub(crate) fn answered(&mut self, ticket: Ticket, results: Vec<Result<Verified, SignatureError>>) {
        if let Some(checking) = self.verifying.iter_mut().find(|checking| checking.ticket == ticket) {
            checking.results = Some(results);
        }
    }

    /// The next batch that has its answer and whose turn it is: the second lane waits for the first, not the other way.
    pub(crate) fn next_checked(&mut self) -> Option<Checking> {
        let live = self.verifying.iter().position(|checking| checking.lane == Lane::Live);
        let at =
            live.filter(|at| self.verifying.get(*at).is_some_and(|checking| checking.results.is_some())).unwrap_or(0);
        self.verifying.get(at)?.results.as_ref()?;
        self.verifying.remove(at)
    }

    /// The next batch to store, if one begins. What is little waits for the batch under way, and goes with what comes until
    /// then; what is much is begun beside it, so that no core and no disk waits. It is gathered longer than what is to be checked:
    /// one transaction writes each page once, however many of its messages have a row there.
    pub(crate) fn next_append(&mut self, now: Instant) -> Option<(Lane, Vec<Candidate<Verified>>)> {
        let lane = [Lane::Live, Lane::Bulk].into_iter().find(|lane| self.begins_append(*lane, now))?;
        if lane == Lane::Bulk {
            self.gathering_since = None;
        }
        Some((lane, self.to_append.take(lane, limits::APPEND_BATCH)))
    }

    fn begins_append(&mut self, lane: Lane, now: Instant) -> bool {
        let waiting = self.to_append.lane(lane).len();
        let is_full = waiting >= limits::APPEND_BATCH;
        let under_way = self.appending.iter().filter(|appending| appending.lane == lane).count();
        // Something in the first lane may come before something in the second.
        if waiting == 0 || (lane == Lane::Bulk && !self.to_append.live.is_empty()) {
            return false;
        }
        if under_way > 0 {
            return is_full && under_way < limits::BATCHES;
        }
        if lane == Lane::Live {
            return true;
        }
        let since = *self.gathering_since.get_or_insert(now);
        let comes_more = !self.verifying.is_empty() || !self.to_verify.bulk.is_empty();
        is_full || !comes_more || now.saturating_duration_since(since) >= limits::APPEND_GATHER
    }

    /// A batch is being stored.
    pub(crate) fn stores(&mut self, appending: Appending) {
        self.appending.push(appending);
    }

    /// The answer to a batch that was being stored.
    pub(crate) fn appended(&mut self, ticket: Ticket) -> Option<Appending> {
        let at = self.appending.iter().position(|appending| appending.ticket == ticket)?;
        Some(self.appending.remove(at))
    }

    /// Takes out what is or waits to be checked of these feeds and came from a link or a file.
    pub(crate) fn take_unchecked(&mut self, feeds: &BTreeSet<FeedId>) -> Vec<Candidate<Message>> {
        let is_behind = |candidate: &Candidate<Message>| {
            matches!(candidate.1, Origin::Link(..) | Origin::Import(_)) && feeds.contains(&candidate.0.author())
        };
        let mut behind: Vec<Candidate<Message>> = Vec::new();
        for checking in &mut self.verifying {
            let candidates = checking.candidates.iter_mut();
            behind.extend(candidates.filter_map(|candidate| candidate.take_if(|candidate| is_behind(candidate))));
        }
        behind.extend(self.to_verify.take_if(is_behind));
        behind
    }

    /// Takes out what waits to be stored of these feeds.
    pub(crate) fn take_checked(&mut self, feeds: &BTreeSet<FeedId>) -> Vec<Candidate<Verified>> {
        let taken = self.to_append.take_if(|(message, _)| feeds.contains(&message.author()));
        if self.to_append.bulk.is_empty() {
            self.gathering_since = None;
        }
        taken
    }
}

/// Whether another batch is checked, of so many messages that wait, beside so many batches under way.
fn begins(waiting: usize, under_way: usize) -> bool {
    match under_way {
        0 => waiting > 0,
        others => waiting >= limits::BATCH_BESIDE && others < limits::BATCHES,
    }
}
