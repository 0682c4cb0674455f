//! The way of a message into the log: fits its chain, signature checked, durable. Each station works on batches, and the
//! next batch is prepared while the one before is under way; where they wait is in `stations.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use feed::{ChainError, FeedId, ForkProof, Head, Message, SignatureError, Verified, check_next};
use replication::{
    LinkId, Now,
    ebt::{self, Want},
};

use crate::{
    Node,
    input::{AppendFailed, LoadFailed, Ticket},
    limits,
    node::Job,
    output::{Change, Output, RejectReason},
    stations::{Appending, Candidate, Checking, Lane, Origin},
    timers::Timer,
    wire::{Run, coding},
};

impl Node {
    /// A frame of messages came: drop what is not wanted or known before any of it costs a signature check.
    pub(crate) fn on_messages(&mut self, id: LinkId, frame: u64, runs: Vec<Run<'_>>, now: Now) {
        let mut carried: BTreeMap<FeedId, u64> = BTreeMap::new();
        for run in &runs {
            let last = run.first.saturating_add(run.messages.len() as u64 - 1);
            let highest = carried.entry(run.feed).or_insert(last);
            *highest = last.max(*highest);
        }
        let carried = carried.into_iter().collect();
        self.ebt.handle_input(ebt::Input::Messages { link: id, frame, carried }, now);
        for run in runs {
            self.on_run(id, &run, now);
        }
    }

    fn on_run(&mut self, id: LinkId, run: &Run<'_>, now: Now) {
        let Some(link) = self.links.get(&id) else { return };
        let feed = run.feed;
        let takes = self.policy.want(&feed) == Want::Replicate && !self.log.is_frozen(&feed);
        // One's own messages come from others only after a loss, and never while a new one is being stored.
        let publishing = feed == self.own && self.publishing.is_storing();
        if !takes || link.refused.contains(&feed) {
            self.ebt.handle_input(ebt::Input::Refused { link: id, feed }, now);
            return;
        }
        // Our own trouble is nothing to hold against a peer.
        let rest = self.intake.rest_until.map(|until| until.saturating_duration_since(now.monotonic));
        let pause = rest.filter(|rest| !rest.is_zero()).or(publishing.then_some(limits::RETRY));
        if let Some(pause) = pause {
            self.ebt.handle_input(ebt::Input::Dropped { link: id, feed, pause }, now);
            return;
        }
        let held = self.log.tip(&feed).map_or(0, |head| head.sequence);
        let last = run.first.saturating_add(run.messages.len() as u64 - 1);
        if last <= held {
            if last > self.log.sequence(&feed) {
                self.intake.echoes.entry(feed).or_default().insert(id);
            }
            self.ebt.handle_input(ebt::Input::Known { link: id, feed, sequence: last }, now);
            return;
        }
        if !self.ebt.is_asked(id, &feed, now) {
            // Whoever was not asked could only get in the way of the one who was.
            self.ebt.handle_input(ebt::Input::Dropped { link: id, feed, pause: limits::RETRY }, now);
            return;
        }
        if run.first > held + 1 {
            self.ebt.handle_input(ebt::Input::Gap { link: id, feed }, now);
            return;
        }
        let bytes = run.messages.iter().map(|coded| coded.len()).sum();
        let lane = self.intake.lane(id, feed, run.messages.len(), bytes, self.log.in_flight(&feed));
        let mut before = None;
        for (sequence, coded) in (run.first..).zip(&run.messages) {
            let message =
                coding::decode(coded, feed, sequence, before).ok().and_then(|bytes| Message::decode(&bytes).ok());
            let Some(message) = message.filter(|message| message.author() == feed && message.sequence() == sequence)
            else {
                self.charge(id, feed);
                return self.turn_down(id, feed, limits::RETRY, now);
            };
            before = Some(message.id());
            match check_next(self.log.tip(&feed), &message) {
                Ok(()) => {
                    self.log.arrived(feed, message.head());
                    self.intake.push(message, Origin::Link(id, lane));
                }
                // Known; later ones of the run may lean on it.
                Err(ChainError::Known { .. }) => {}
                // What it contradicts is not checked yet, and may be what does not hold.
                Err(_) if self.log.in_flight(&feed) => return self.turn_down(id, feed, limits::RETRY, now),
                Err(error) => {
                    self.suspect_fork(&message, &error, Some(id));
                    self.ebt.handle_input(ebt::Input::Refused { link: id, feed }, now);
                    return;
                }
            }
        }
    }

    /// A link sent a message that does not hold: nothing more of that feed is taken on it.
    fn charge(&mut self, id: LinkId, feed: FeedId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.refused.insert(feed);
        }
        self.intake.charged.push(id);
    }

    /// Tells EBT that what a link sent of a feed was not taken: refused if the link is to blame, else dropped for `pause`.
    fn turn_down(&mut self, id: LinkId, feed: FeedId, pause: Duration, now: Now) {
        let Some(link) = self.links.get(&id) else { return };
        if link.refused.contains(&feed) {
            self.ebt.handle_input(ebt::Input::Refused { link: id, feed }, now);
            if feed == self.own {
                self.publishing.disbelieve(link.device);
            }
        } else {
            self.ebt.handle_input(ebt::Input::Dropped { link: id, feed, pause }, now);
        }
    }

    /// Makes links answer for what they sent that does not hold.
    pub(crate) fn settle_charges(&mut self, now: Now) {
        for id in std::mem::take(&mut self.intake.charged) {
            self.charge_link(id, now);
        }
    }

    /// A message names another predecessor than the durable head: if it is signed, its author forked the feed.
    pub(crate) fn suspect_fork(&mut self, message: &Message, error: &ChainError, from: Option<LinkId>) {
        let feed = message.author();
        let against_the_log = matches!(error, ChainError::Fork { .. }) && !self.log.in_flight(&feed);
        if against_the_log && !self.log.is_frozen(&feed) && self.intake.suspects.insert(feed) {
            self.intake.push(message.clone(), Origin::Suspect(from));
        }
    }

    /// Starts whatever checking and storing can start.
    pub(crate) fn run_intake(&mut self, now: Now) {
        while let Some((lane, candidates)) = self.intake.next_check() {
            let batch = candidates.iter().map(|(message, _)| message.clone()).collect();
            let candidates = candidates.into_iter().map(Some).collect();
            let ticket = self.ticket(Job::Verify);
            self.intake.checks(Checking { ticket, lane, candidates, results: None });
            self.outbox.push_back(Output::Verify { ticket, batch });
        }
        while let Some((lane, candidates)) = self.intake.next_append(now.monotonic) {
            let batch = candidates.iter().map(|(message, _)| message.clone()).collect();
            let ticket = self.ticket(Job::Append);
            self.intake.stores(Appending { ticket, lane, candidates });
            self.outbox.push_back(Output::Append { ticket, batch, own: false, ahead: lane == Lane::Live });
        }
    }

    /// Signatures of a batch are checked.
    pub(crate) fn on_verified(&mut self, ticket: Ticket, results: Vec<Result<Verified, SignatureError>>, now: Now) {
        self.intake.answered(ticket, results);
        while let Some(checked) = self.intake.next_checked() {
            self.on_checked(checked.candidates, checked.results.unwrap_or_default(), now);
        }
    }

    /// The next batch is checked. A bad signature costs that message and what was waiting behind it in its feed.
    fn on_checked(
        &mut self,
        candidates: Vec<Option<Candidate<Message>>>,
        results: Vec<Result<Verified, SignatureError>>,
        now: Now,
    ) {
        let mut lost = BTreeSet::new();
        // The newest message of the feed that the last ones were of; written down once for all of them.
        let mut checked: Option<(FeedId, Head)> = None;
        let mut results = results.into_iter();
        for candidate in candidates {
            let result = results.next();
            let Some((message, origin)) = candidate else { continue };
            let feed = message.author();
            match (origin, result) {
                (Origin::Name(link), result) => {
                    self.intake.leave(&message, origin);
                    if let Some(Ok(about)) = result {
                        self.on_name(link, &about);
                    }
                }
                (Origin::Suspect(from), result) => {
                    self.intake.leave(&message, origin);
                    if let Some(Ok(suspect)) = result {
                        self.look_into_fork(suspect);
                        continue;
                    }
                    self.intake.suspects.remove(&feed);
                    if let Some(id) = from {
                        self.charge(id, feed);
                        self.intake.unlucky.insert((id, feed));
                    }
                }
                (Origin::Evidence, result) => {
                    self.intake.leave(&message, origin);
                    self.intake.evidence = self.intake.evidence.saturating_sub(1);
                    if let Some(Ok(proof)) = result {
                        self.on_own_proven(proof.sequence());
                    }
                }
                (Origin::Contradicts(ticket), result) => {
                    self.intake.leave(&message, origin);
                    let reason = match result {
                        Some(Ok(suspect)) => {
                            if !self.log.is_frozen(&feed) && self.intake.suspects.insert(feed) {
                                self.look_into_fork(suspect);
                            }
                            RejectReason::Frozen
                        }
                        _ => RejectReason::Signature,
                    };
                    self.on_import_lost(ticket, message, Some(reason));
                }
                (origin, _) if lost.contains(&feed) => self.lose(message, origin, None),
                (origin, Some(Ok(verified))) => {
                    if let Some((before, head)) = checked.replace((feed, verified.head()))
                        && before != feed
                    {
                        self.log.is_checked(before, head);
                    }
                    self.intake.push_checked(verified, origin);
                }
                (origin, _) => {
                    lost.insert(feed);
                    self.lose(message, origin, Some(RejectReason::Signature));
                }
            }
        }
        if let Some((feed, head)) = checked {
            self.log.is_checked(feed, head);
        }
        for feed in &lost {
            self.log.drop_unchecked(feed);
        }
        self.drop_unchecked(&lost);
        self.tell_unlucky(limits::RETRY, now);
        for feed in lost {
            self.continue_waiting(feed);
        }
    }

    /// Drops what is or waits to be checked behind something that was lost.
    fn drop_unchecked(&mut self, lost: &BTreeSet<FeedId>) {
        if lost.is_empty() {
            return;
        }
        let behind = self.intake.take_unchecked(lost);
        for (message, origin) in behind {
            self.lose(message, origin, None);
        }
        for feed in lost {
            let echoes = self.intake.echoes.remove(feed).unwrap_or_default();
            self.intake.unlucky.extend(echoes.into_iter().map(|id| (id, *feed)));
        }
    }

    /// Tells those who have to hear that what they sent was lost.
    pub(crate) fn tell_unlucky(&mut self, pause: Duration, now: Now) {
        for (id, feed) in std::mem::take(&mut self.intake.unlucky) {
            self.turn_down(id, feed, pause, now);
        }
    }

    /// A message did not make it: because of itself, for a reason, or because of one before it.
    fn lose(&mut self, message: Message, origin: Origin, reason: Option<RejectReason>) {
        self.intake.leave(&message, origin);
        match origin {
            Origin::Link(id, _) => {
                let feed = message.author();
                self.intake.unlucky.insert((id, feed));
                if reason == Some(RejectReason::Signature) {
                    self.charge(id, feed);
                }
            }
            Origin::Import(ticket) => self.on_import_lost(ticket, message, reason),
            Origin::Here | Origin::Name(_) | Origin::Suspect(_) | Origin::Evidence | Origin::Contradicts(_) => {}
        }
    }

    /// A batch is durable, or nothing of it is.
    pub(crate) fn on_appended(&mut self, ticket: Ticket, result: Result<(), AppendFailed>, now: Now) {
        let Some(Appending { candidates, .. }) = self.intake.appended(ticket) else { return };
        match result {
            Ok(()) => {
                let mut stored = Vec::with_capacity(candidates.len());
                for (message, origin) in candidates {
                    self.intake.leave(&message, origin);
                    stored.push((message.into_message(), origin));
                }
                self.on_stored(stored, now);
            }
            Err(failed) => self.on_append_failed(candidates, failed, now),
        }
    }

    /// Gives up everything that was to continue what could not be stored, and rests; EBT asks for it again.
    fn on_append_failed(&mut self, candidates: Vec<Candidate<Verified>>, failed: AppendFailed, now: Now) {
        let lost: BTreeSet<FeedId> = candidates.iter().map(|(message, _)| message.author()).collect();
        let until = now.monotonic + limits::APPEND_REST;
        self.intake.rest_until = Some(until);
        self.timers.set(Timer::Intake, until);
        let reason = RejectReason::Store(failed);
        for (message, origin) in candidates {
            self.lose(message.into_message(), origin, Some(reason.clone()));
        }
        self.give_up_in_flight(lost, &reason);
        self.tell_unlucky(limits::APPEND_REST, now);
    }

    /// Gives up everything of these feeds that is not being stored already.
    pub(crate) fn give_up_in_flight(&mut self, feeds: BTreeSet<FeedId>, reason: &RejectReason) {
        for feed in &feeds {
            self.log.drop_in_flight(feed);
        }
        let behind = self.intake.take_checked(&feeds);
        for (message, origin) in behind {
            self.lose(message.into_message(), origin, Some(reason.clone()));
        }
        self.drop_unchecked(&feeds);
    }

    /// The intake has rested.
    pub(crate) fn end_rest(&mut self) {
        self.intake.rest_until = None;
    }

    /// These messages are durable: heads advance, everybody concerned is told.
    pub(crate) fn on_stored(&mut self, stored: Vec<(Message, Origin)>, now: Now) {
        let mut newest: BTreeMap<FeedId, (u64, Option<LinkId>)> = BTreeMap::new();
        // The history that a file brings is not what neighbours ask for next: it would push that out, one by one.
        let is_history = |origin: &Origin| matches!(origin, Origin::Import(_)) && stored.len() > limits::NEWS_BATCH;
        for run in stored.chunk_by(|(a, _), (b, _)| a.author() == b.author()) {
            let Some((message, origin)) = run.last() else { continue };
            let (feed, head) = (message.author(), message.head());
            let from = match origin {
                Origin::Link(link, _) => Some(*link),
                _ => None,
            };
            let recent = run.iter().filter(|(_, origin)| !is_history(origin)).map(|(message, _)| message);
            self.log.stored(feed, head, recent);
            self.log.written(feed, message.timestamp(), now.wall);
            newest.insert(feed, (head.sequence, from));
            for same in run.chunk_by(|(_, a), (_, b)| a == b) {
                if let Some((_, Origin::Import(ticket))) = same.first() {
                    self.on_import_stored(*ticket, feed, same.len() as u64);
                }
            }
        }
        self.observe(&stored, now);
        for (feed, (sequence, from)) in newest {
            if !self.log.in_flight(&feed) {
                self.intake.is_settled(&feed);
            }
            self.ebt.handle_input(ebt::Input::Appended { feed, sequence, from }, now);
            self.continue_waiting(feed);
            if feed == self.own {
                let by = from.and_then(|id| self.links.get(&id)).map(|link| link.device);
                self.on_own_grew(by, now);
            }
        }
    }

    /// A signed message contradicts the head of its feed: fetch that head, as the other half of the proof.
    fn look_into_fork(&mut self, suspect: Verified) {
        let feed = suspect.author();
        let sequence = self.log.sequence(&feed).min(suspect.sequence());
        let ticket = self.ticket(Job::Fork { suspect: Box::new(suspect) });
        let after = sequence.saturating_sub(1);
        self.outbox.push_back(Output::Load { ticket, feed, after, through: sequence, max_bytes: limits::MESSAGE });
    }

    /// The head of a suspected feed was read.
    pub(crate) fn on_fork_loaded(&mut self, suspect: Verified, result: Result<Vec<Message>, LoadFailed>, now: Now) {
        match result.ok().and_then(|messages| messages.into_iter().next()) {
            Some(ours) => self.prove_fork(ours, suspect, now),
            None => drop(self.intake.suspects.remove(&suspect.author())),
        }
    }

    fn prove_fork(&mut self, ours: Message, suspect: Verified, now: Now) {
        let feed = suspect.author();
        self.intake.suspects.remove(&feed);
        // Ours comes from the log, so its signature was checked before it went in.
        let Ok(proof) = ForkProof::new(Verified::from_store(ours), suspect) else { return };
        if !self.log.freeze(feed) {
            return;
        }
        // What is on its way must not reach the store after this: it refuses batches with messages of a forked feed.
        self.give_up_in_flight(BTreeSet::from([feed]), &RejectReason::Frozen);
        self.outbox.push_back(Output::Freeze { feed, proof });
        self.ebt.handle_input(ebt::Input::Frozen { feed }, now);
        self.tell_unlucky(limits::RETRY, now);
        self.refuse_waiting(feed);
        self.tell(Change::Person(feed.into()));
        if feed == self.own {
            self.review_standing();
        }
    }
}
