//! Messages from files: any order within reason, every one checked, every refusal named.

use std::collections::{BTreeMap, VecDeque};

use feed::{ChainError, FeedId, Head, Message, check_next};
use replication::ebt::Want;

use crate::{
    Node,
    input::{AppendFailed, LoadFailed, Ticket},
    limits,
    node::Job,
    output::{Imported, Output, RejectReason, Rejected},
    stations::Origin,
};

/// Imports under way, and messages that wait for the ones before them.
#[derive(Debug, Default)]
pub(crate) struct Importing {
    open: BTreeMap<Ticket, Batch>,
    waiting: BTreeMap<(FeedId, u64), Message>,
    waiting_bytes: usize,
}

/// What became of one import so far.
#[derive(Debug, Default)]
struct Batch {
    stored: u64,
    known: u64,
    rejected: Vec<Rejected>,
    /// Messages that are being compared, checked or stored.
    outstanding: u64,
    /// Messages in whose places others are stored, by feed, ascending.
    to_compare: BTreeMap<FeedId, VecDeque<Message>>,
}

/// Messages of one feed, each the next of the one before.
struct ImportRun {
    feed: FeedId,
    tip: Option<Head>,
    count: u64,
}

impl Importing {
    fn reject(&mut self, ticket: Ticket, message: &Message, reason: RejectReason) {
        let rejected = Rejected { feed: message.author(), sequence: message.sequence(), reason };
        if let Some(batch) = self.open.get_mut(&ticket) {
            batch.rejected.push(rejected);
        }
    }

    fn known(&mut self, ticket: Ticket) {
        if let Some(batch) = self.open.get_mut(&ticket) {
            batch.known += 1;
        }
    }

    /// One message of an import is decided.
    fn settled(&mut self, ticket: Ticket) {
        if let Some(batch) = self.open.get_mut(&ticket) {
            batch.outstanding = batch.outstanding.saturating_sub(1);
        }
    }

    /// Keeps a message until the ones before it have come.
    fn wait(&mut self, ticket: Ticket, message: Message) {
        let key = (message.author(), message.sequence());
        if let Some(other) = self.waiting.get(&key) {
            if *other == message {
                self.known(ticket);
            } else {
                let reason = RejectReason::Chain("another message with this sequence waits already".into());
                self.reject(ticket, &message, reason);
            }
        } else if self.make_room(ticket, &message) {
            self.waiting_bytes += message.encoded().len();
            self.waiting.insert(key, message);
        } else {
            self.reject(ticket, &message, RejectReason::NoRoom);
        }
    }

    /// Makes room for a message that has to wait: those of its feed that come later give way, the last first, so that what waits
    /// is what is needed next. Returns whether there is room.
    fn make_room(&mut self, ticket: Ticket, message: &Message) -> bool {
        let (feed, sequence) = (message.author(), message.sequence());
        while self.waiting_bytes + message.encoded().len() > limits::WAITING {
            let later = self.waiting.range((feed, sequence)..=(feed, u64::MAX)).next_back();
            let Some(later) = later.map(|(key, _)| *key).and_then(|key| self.waiting.remove(&key)) else {
                return false;
            };
            self.waiting_bytes -= later.encoded().len();
            self.reject(ticket, &later, RejectReason::NoRoom);
        }
        true
    }

    /// Takes the waiting message of a feed with the lowest sequence, if that is at most `through`.
    fn take(&mut self, feed: FeedId, through: u64) -> Option<Message> {
        let key = *self.waiting.range((feed, 0)..=(feed, through)).next()?.0;
        let message = self.waiting.remove(&key)?;
        self.waiting_bytes -= message.encoded().len();
        Some(message)
    }
}

impl Node {
    pub(crate) fn on_import(&mut self, ticket: Ticket, mut messages: Vec<Message>) {
        self.importing.open.insert(ticket, Batch::default());
        messages.sort_by_key(|message| (message.author(), message.sequence()));
        let mut feeds: Vec<FeedId> = Vec::new();
        let mut run = None;
        for message in messages {
            let feed = message.author();
            if feeds.last() != Some(&feed) {
                feeds.push(feed);
                self.end_run(ticket, run.take());
                run = self.begin_run(feed);
            }
            match &mut run {
                Some(run) if check_next(run.tip.as_ref(), &message).is_ok() => {
                    run.tip = Some(message.head());
                    run.count += 1;
                    self.intake.push(message, Origin::Import(ticket));
                }
                _ => {
                    self.end_run(ticket, run.take());
                    self.admit(ticket, message);
                    run = self.begin_run(feed);
                }
            }
        }
        self.end_run(ticket, run);
        for feed in feeds {
            self.continue_waiting(feed);
        }
        self.compare_known(ticket);
    }

    /// Looks once at what decides about the messages of a feed that come now; `None` when each has to be looked at.
    fn begin_run(&self, feed: FeedId) -> Option<ImportRun> {
        let takes = self.policy.want(&feed) != Want::Block && !self.log.is_frozen(&feed);
        takes.then(|| ImportRun { feed, tip: self.log.tip(&feed).copied(), count: 0 })
    }

    /// Writes down how far a run has come.
    fn end_run(&mut self, ticket: Ticket, run: Option<ImportRun>) {
        let Some(ImportRun { feed, tip: Some(tip), count: count @ 1.. }) = run else { return };
        self.log.arrived(feed, tip);
        if let Some(batch) = self.importing.open.get_mut(&ticket) {
            batch.outstanding += count;
        }
    }

    /// Asks for the stored messages in whose places imported ones stand.
    fn compare_known(&mut self, ticket: Ticket) {
        let Some(batch) = self.importing.open.get_mut(&ticket) else { return };
        let stored = std::mem::take(&mut batch.to_compare);
        for (feed, messages) in stored {
            self.load_to_compare(ticket, feed, messages);
        }
    }

    fn load_to_compare(&mut self, ticket: Ticket, feed: FeedId, messages: VecDeque<Message>) {
        let (Some(first), Some(last)) = (messages.front(), messages.back()) else { return };
        let (after, through) = (first.sequence().saturating_sub(1), last.sequence());
        let ticket = self.ticket(Job::Compare { import: ticket, messages });
        self.outbox.push_back(Output::Load { ticket, feed, after, through, max_bytes: limits::FRAME });
    }

    /// The stored messages are here: what equals them is known, what does not is looked into.
    pub(crate) fn on_compare_loaded(
        &mut self,
        ticket: Ticket,
        mut messages: VecDeque<Message>,
        result: Result<Vec<Message>, LoadFailed>,
    ) {
        let stored = match result {
            Ok(stored) if !stored.is_empty() => stored,
            other => {
                let reason = other.err().map_or_else(|| "it cannot be read back".into(), |failed| failed.reason);
                for message in messages {
                    let failed = RejectReason::Store(AppendFailed { reason: reason.clone() });
                    self.on_import_lost(ticket, message, Some(failed));
                }
                return;
            }
        };
        for ours in stored {
            while let Some(message) = messages.pop_front_if(|message| message.sequence() <= ours.sequence()) {
                if message == ours {
                    self.importing.known(ticket);
                    self.importing.settled(ticket);
                } else {
                    self.intake.push(message, Origin::Contradicts(ticket));
                }
            }
        }
        if let Some(feed) = messages.front().map(Message::author) {
            self.load_to_compare(ticket, feed, messages);
        }
    }

    /// Lets a message in if it is the next of its feed; else it waits, is known, or is refused.
    fn admit(&mut self, ticket: Ticket, message: Message) {
        let feed = message.author();
        let is_blocked = self.policy.want(&feed) == Want::Block;
        match check_next(self.log.tip(&feed), &message) {
            // Also of somebody blocked: what is stored is not refused.
            Err(ChainError::Known { .. }) if !is_blocked || message.sequence() <= self.log.sequence(&feed) => {
                self.admit_known(ticket, message);
            }
            _ if is_blocked => self.importing.reject(ticket, &message, RejectReason::Blocked),
            _ if self.log.is_frozen(&feed) => self.importing.reject(ticket, &message, RejectReason::Frozen),
            Ok(()) => {
                self.log.arrived(feed, message.head());
                if let Some(batch) = self.importing.open.get_mut(&ticket) {
                    batch.outstanding += 1;
                }
                self.intake.push(message, Origin::Import(ticket));
            }
            Err(ChainError::Gap { .. }) => {
                if feed == self.own {
                    self.intake.check_evidence(message.clone());
                }
                self.importing.wait(ticket, message);
            }
            // What it contradicts may turn out not to hold itself.
            Err(ChainError::Fork { .. }) if self.log.in_flight(&feed) => self.importing.wait(ticket, message),
            Err(error) => {
                self.suspect_fork(&message, &error, None);
                self.importing.reject(ticket, &message, RejectReason::Chain(error.to_string()));
            }
        }
    }

    /// A message stands in the place of one that is here: it is compared, now or when that one is durable.
    fn admit_known(&mut self, ticket: Ticket, message: Message) {
        let feed = message.author();
        if message.sequence() > self.log.sequence(&feed) {
            return self.importing.wait(ticket, message);
        }
        let known = self.log.recent(&feed, message.sequence()).is_some_and(|ours| *ours == message);
        match self.importing.open.get_mut(&ticket) {
            Some(batch) if known => batch.known += 1,
            Some(batch) => {
                batch.outstanding += 1;
                batch.to_compare.entry(feed).or_default().push_back(message);
            }
            // It waited for an import that was answered long ago.
            None => {}
        }
    }

    /// A feed is forked: what waits of it is refused, and gives its room to others. It counts for the import that is under way.
    pub(crate) fn refuse_waiting(&mut self, feed: FeedId) {
        let ticket = self.importing.open.keys().next_back().copied().unwrap_or(Ticket(0));
        while let Some(message) = self.importing.take(feed, u64::MAX) {
            self.importing.reject(ticket, &message, RejectReason::Frozen);
        }
    }

    /// A feed is blocked: what waits of it is refused, but for copies of what is stored by now.
    pub(crate) fn shut_out_waiting(&mut self, feed: FeedId) {
        let ticket = self.importing.open.keys().next_back().copied().unwrap_or(Ticket(0));
        while let Some(message) = self.importing.take(feed, u64::MAX) {
            self.admit(ticket, message);
        }
        self.compare_known(ticket);
    }

    /// Lets in what waited for the newest message of a feed. It counts for the import that is under way.
    pub(crate) fn continue_waiting(&mut self, feed: FeedId) {
        let ticket = self.importing.open.keys().next_back().copied().unwrap_or(Ticket(0));
        loop {
            let next = self.log.tip(&feed).map_or(0, |head| head.sequence) + 1;
            let Some(message) = self.importing.take(feed, next) else { break };
            let fits = check_next(self.log.tip(&feed), &message);
            // Whether it is a better copy of what is on its way, or a worse one, shows when that has arrived.
            let undecided = message.sequence() > self.log.sequence(&feed) && self.log.in_flight(&feed);
            if undecided && fits.is_err() {
                self.importing.wait(ticket, message);
                break;
            }
            self.admit(ticket, message);
        }
        self.compare_known(ticket);
    }

    /// Imported messages of a feed are durable. The feed counts as asked for.
    pub(crate) fn on_import_stored(&mut self, ticket: Ticket, feed: FeedId, count: u64) {
        if let Some(batch) = self.importing.open.get_mut(&ticket) {
            batch.stored += count;
            batch.outstanding = batch.outstanding.saturating_sub(count);
        }
        self.ask_for(feed);
    }

    /// An imported message was refused; without a reason of its own it waits for a better one in place of the one before.
    pub(crate) fn on_import_lost(&mut self, ticket: Ticket, message: Message, reason: Option<RejectReason>) {
        self.importing.settled(ticket);
        match reason {
            Some(reason) => self.importing.reject(ticket, &message, reason),
            None => self.importing.wait(ticket, message),
        }
    }

    /// Answers the imports that have come to an end.
    pub(crate) fn finish_imports(&mut self) {
        let done: Vec<Ticket> =
            self.importing.open.iter().filter(|(_, batch)| batch.outstanding == 0).map(|(ticket, _)| *ticket).collect();
        for ticket in done {
            let Some(Batch { stored, known, rejected, .. }) = self.importing.open.remove(&ticket) else { continue };
            let waiting = self.importing.waiting.len() as u64;
            self.outbox.push_back(Output::Imported(Imported { ticket, stored, known, rejected, waiting }));
        }
    }
}
