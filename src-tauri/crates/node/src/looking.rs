//! Looking at somebody whose feed is not stored here: their newest messages are asked of those who may have them, checked, shown and
//! kept nowhere. And the other side: answering such questions, within bounds.
//!
//! Nobody is asked but who may have the feed: those who said that they hold it, those who follow its person, and that person's own
//! device. Nothing that comes goes through the intake, the log or the store.

use std::collections::{BTreeMap, BTreeSet};

use feed::{DeviceKey, FeedId, Message, SignatureError, Verified};
use replication::{Instant, LinkId, Now, ebt::Want};

use crate::{
    Node,
    input::{LoadFailed, Ticket},
    introductions::name_of,
    limits,
    node::Job,
    output::Output,
    sending::Control,
    session::Link,
    timers::Timer,
    wire::{self, Answer, Ask, Newest, Tell, coding},
};

/// The newest messages of a feed, as the store has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The newest sequence.
    pub head: u64,
    /// Consecutive messages, oldest first, of together at most [`limits::LOOK_BYTES`], but at least one if there is one.
    pub messages: Vec<Message>,
    /// The author's newest words about themselves that give a name.
    pub about: Option<Message>,
}

/// What a look has seen: as somebody near has it. That it is the newest there is cannot be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Who had it.
    pub from: DeviceKey,
    /// The newest sequence that they have, by their word.
    pub head: u64,
    /// Consecutive messages, oldest first; their signatures hold.
    pub messages: Vec<Message>,
    /// The author's own words that give a name, signed likewise.
    pub about: Option<Message>,
}

/// Why a look has seen nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSeen {
    /// The person is blocked here.
    #[error("you block them")]
    Blocked,
    /// Nobody is near who may have the feed.
    #[error("nobody is near who may have what they write")]
    NobodyNear,
    /// Nobody who was asked has it, or gave it.
    #[error("nobody near has what they write")]
    NobodyHasIt,
    /// Too many looks at once.
    #[error("too much is being looked at already")]
    Busy,
}

/// The looks under way, and what is being answered.
#[derive(Debug, Default)]
pub(crate) struct Looking {
    open: BTreeMap<Ticket, Look>,
    /// Loads under way for others.
    answering: usize,
}

/// One look.
#[derive(Debug)]
struct Look {
    wanted: Newest,
    tried: BTreeSet<DeviceKey>,
    /// The link that was asked, and the number of the question there.
    on: Option<(LinkId, u64)>,
    end: Instant,
    /// What came and is being checked.
    checking: Option<Checking>,
}

#[derive(Debug)]
struct Checking {
    link: LinkId,
    from: DeviceKey,
    head: u64,
    has_about: bool,
}

/// What of an answer has to be checked.
struct Seen {
    head: u64,
    messages: Vec<Message>,
    about: Option<Message>,
}

/// How many questions of a link are answered: some at once, more as time passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: limits::ASKS, since: now }
    }

    /// Takes one, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_millis() / limits::ASK_EVERY.as_millis();
        if passed > 0 {
            self.left = limits::ASKS.min(self.left.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX)));
            self.since = now;
        }
        let has = self.left > 0;
        self.left = self.left.saturating_sub(1);
        has
    }
}

impl Node {
    /// The person looks at a feed.
    pub(crate) fn on_look(&mut self, ticket: Ticket, wanted: Newest, now: Now) {
        let refusal = if self.policy.want(&wanted.feed) == Want::Block {
            Some(NotSeen::Blocked)
        } else if self.looking.open.len() >= limits::LOOKS {
            Some(NotSeen::Busy)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.outbox.push_back(Output::Looked { ticket, result: Err(refusal) });
            return;
        }
        let most = wanted.most.clamp(1, limits::LOOK_MESSAGES);
        let end = now.monotonic + limits::LOOK_TIME;
        let wanted = Newest { most, ..wanted };
        let look = Look { wanted, tried: BTreeSet::new(), on: None, end, checking: None };
        self.looking.open.insert(ticket, look);
        self.ask_next(ticket, now);
    }

    /// Asks the next who may have it, or gives up.
    pub(crate) fn ask_next(&mut self, ticket: Ticket, now: Now) {
        let Some(look) = self.looking.open.get_mut(&ticket) else { return };
        (look.on, look.checking) = (None, None);
        let is_over = look.tried.len() >= limits::LOOK_PEERS || now.monotonic >= look.end;
        let (wanted, end) = (look.wanted, look.end);
        let tried = look.tried.clone();
        let next = if is_over { None } else { self.next_to_ask(&wanted.feed, &tried) };
        let Some(id) = next else {
            let reason = if tried.is_empty() { NotSeen::NobodyNear } else { NotSeen::NobodyHasIt };
            return self.end_look(ticket, Err(reason));
        };
        let Some(link) = self.links.get_mut(&id) else { return };
        link.asked += 1;
        let number = link.asked;
        link.sending.control.push_back(Control::Look(wire::write_ask(number, &wanted)));
        if let Some(look) = self.looking.open.get_mut(&ticket) {
            look.tried.insert(link.device);
            look.on = Some((id, number));
        }
        self.timers.set(Timer::Look(ticket), end.min(now.monotonic + limits::LOOK_PATIENCE));
    }

    /// Of those who may have a feed and were not asked: the person's own device, which has what they just wrote; then who said that they
    /// hold most of it, then whoever follows its person.
    fn next_to_ask(&self, feed: &FeedId, tried: &BTreeSet<DeviceKey>) -> Option<LinkId> {
        let person = (*feed).into();
        let rank = |id: &LinkId, link: &Link| {
            let claimed = self.ebt.claimed(*id, feed);
            if link.device.feed() == *feed {
                Some((3, 0))
            } else if claimed > 0 {
                Some((2, claimed))
            } else {
                self.policy.graph().is_following(&link.device.into(), &person).then_some((1, 0))
            }
        };
        let speaks = |link: &Link| link.is_live() && link.features & wire::FEATURE_LOOK != 0;
        let asked = self.links.iter().filter(|(_, link)| speaks(link) && !tried.contains(&link.device));
        let ranked = asked.filter_map(|(id, link)| Some((rank(id, link)?, *id)));
        ranked.max_by_key(|(rank, _)| *rank).map(|(_, id)| id)
    }

    fn end_look(&mut self, ticket: Ticket, result: Result<Looked, NotSeen>) {
        self.timers.cancel(Timer::Look(ticket));
        if self.looking.open.remove(&ticket).is_some() {
            self.outbox.push_back(Output::Looked { ticket, result });
        }
    }

    /// Whoever was asked said nothing.
    pub(crate) fn on_look_timeout(&mut self, ticket: Ticket, now: Now) {
        if self.looking.open.get(&ticket).is_some_and(|look| look.checking.is_none()) {
            self.ask_next(ticket, now);
        }
    }

    /// A link is gone: who was asked on it says nothing any more.
    pub(crate) fn look_elsewhere(&mut self, id: LinkId, now: Now) {
        let open = self.looking.open.iter();
        let lost = open.filter(|(_, look)| look.on.is_some_and(|(link, _)| link == id)).map(|(ticket, _)| *ticket);
        for ticket in lost.collect::<Vec<_>>() {
            self.ask_next(ticket, now);
        }
    }

    /// An answer came. What was not asked, or came too late, is passed over.
    pub(crate) fn on_tell(&mut self, id: LinkId, tell: &Tell<'_>, now: Now) {
        let asked = Some((id, tell.number));
        let Some((&ticket, look)) = self.looking.open.iter_mut().find(|(_, look)| look.on == asked) else { return };
        let Answer::Here { head, first, messages, about } = &tell.answer else { return self.ask_next(ticket, now) };
        let Some(seen) = read(&look.wanted, *head, *first, messages, *about) else {
            self.ask_next(ticket, now);
            return self.blame_look(id, now);
        };
        let Some(link) = self.links.get(&id) else { return };
        look.on = None;
        let from = link.device;
        look.checking = Some(Checking { link: id, from, head: seen.head, has_about: seen.about.is_some() });
        let batch: Vec<Message> = seen.messages.into_iter().chain(seen.about).collect();
        if batch.is_empty() {
            let looked = Looked { from, head: *head, messages: Vec::new(), about: None };
            return self.end_look(ticket, Ok(looked));
        }
        let job = self.ticket(Job::Look { look: ticket });
        self.outbox.push_back(Output::Verify { ticket: job, batch });
    }

    /// The signatures of what a look brought are checked.
    pub(crate) fn on_look_verified(
        &mut self,
        ticket: Ticket,
        results: Vec<Result<Verified, SignatureError>>,
        now: Now,
    ) {
        let Some(look) = self.looking.open.get_mut(&ticket) else { return };
        let Some(Checking { link, from, head, has_about }) = look.checking.take() else { return };
        let messages: Result<Vec<Message>, _> =
            results.into_iter().map(|result| result.map(Verified::into_message)).collect();
        match messages {
            Ok(mut messages) => {
                let about = if has_about { messages.pop() } else { None };
                self.end_look(ticket, Ok(Looked { from, head, messages, about }));
            }
            Err(_) => {
                self.ask_next(ticket, now);
                self.blame_look(link, now);
            }
        }
    }

    /// A link gave something that does not hold.
    fn blame_look(&mut self, id: LinkId, now: Now) {
        self.charge_link(id, now);
    }

    /// Somebody asks. Of one who asks and does not read nothing gathers: what is beyond the answers that may wait is passed over.
    pub(crate) fn on_ask(&mut self, id: LinkId, ask: Ask, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.features & wire::FEATURE_LOOK == 0 || link.sending.tells >= limits::TELLS {
            return;
        }
        link.sending.tells += 1;
        let (number, asker) = (ask.number, link.device.into());
        let may_ask = link.asks.take(now.monotonic);
        let gives = |look: &Newest| {
            self.policy.want(&look.feed) == Want::Replicate
                && self.log.sequence(&look.feed) > 0
                && !self.policy.graph().is_blocking(&look.feed.into(), &asker)
        };
        match ask.look {
            Some(_) if !may_ask || self.looking.answering >= limits::ANSWERING => {
                self.tell_look(id, &Tell { number, answer: Answer::NotNow });
            }
            Some(look) if gives(&look) => {
                self.looking.answering += 1;
                let ticket = self.ticket(Job::Newest { link: id, number });
                let Newest { feed, before, most } = look;
                self.outbox.push_back(Output::LoadNewest { ticket, feed, before, most });
            }
            _ => self.tell_look(id, &Tell { number, answer: Answer::NotHere }),
        }
    }

    /// What somebody asked for is loaded.
    pub(crate) fn on_newest_loaded(&mut self, id: LinkId, number: u64, result: Result<Held, LoadFailed>) {
        self.looking.answering = self.looking.answering.saturating_sub(1);
        let Ok(Held { head, messages, about }) = result else {
            return self.tell_look(id, &Tell { number, answer: Answer::NotNow });
        };
        let mut coded: Vec<Vec<u8>> = Vec::with_capacity(messages.len());
        let mut before = None;
        for message in &messages {
            coded.push(coding::code(message, before));
            before = Some(message.id());
        }
        let about = about.map(|about| (about.sequence(), coding::plain(about.encoded())));
        let answer = Answer::Here {
            head,
            first: messages.first().map_or(0, Message::sequence),
            messages: coded.iter().map(Vec::as_slice).collect(),
            about: about.as_ref().map(|(sequence, about)| (*sequence, about.as_slice())),
        };
        self.tell_look(id, &Tell { number, answer });
    }

    fn tell_look(&mut self, id: LinkId, tell: &Tell<'_>) {
        if let Some(link) = self.links.get_mut(&id) {
            link.sending.control.push_back(Control::Tell(wire::write_tell(tell)));
        }
    }
}

/// What of an answer is worth a check: of this feed, without a gap, each naming the one before, below where it was asked for and no
/// more than that. None where it is not what anybody honest gives.
fn read(wanted: &Newest, head: u64, first: u64, coded: &[&[u8]], about: Option<(u64, &[u8])>) -> Option<Seen> {
    if coded.len() > usize::from(wanted.most) {
        return None;
    }
    let decode = |sequence: u64, coded: &[u8], before| {
        let bytes = coding::decode(coded, wanted.feed, sequence, before).ok()?;
        let message = Message::decode(&bytes).ok()?;
        (message.author() == wanted.feed && message.sequence() == sequence).then_some(message)
    };
    let mut messages: Vec<Message> = Vec::with_capacity(coded.len());
    for (sequence, coded) in (first..).zip(coded) {
        let before = messages.last().map(Message::id);
        let message = decode(sequence, coded, before)?;
        if before.is_some() && message.previous() != before {
            return None;
        }
        messages.push(message);
    }
    let last = messages.last().map_or(0, Message::sequence);
    if last > head || (wanted.before > 0 && last >= wanted.before) {
        return None;
    }
    let about = match about {
        Some((sequence, coded)) => {
            let about = decode(sequence, coded, None)?;
            name_of(&about)?;
            Some(about)
        }
        None => None,
    };
    Some(Seen { head, messages, about })
}
