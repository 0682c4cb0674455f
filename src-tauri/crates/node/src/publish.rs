//! One's own feed: signing, and the care that it never forks.
//!
//! A message is signed only when the one before is durable, when nobody near is known to hold newer messages of this feed,
//! and, in a session's first moments, when those near have had the time to say so.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use feed::{DeviceKey, Verified, json};
use replication::{Instant, Now};

use crate::{
    Node, Standing,
    input::{AppendFailed, Ticket},
    introductions::name_of,
    limits,
    node::Job,
    output::{Change, Output, Refusal},
    stations::Origin,
    timers::Timer,
};

/// What waits to be published, and what is known of one's own feed elsewhere.
#[derive(Debug)]
pub(crate) struct Publishing {
    queue: VecDeque<Wish>,
    /// Signed and being stored.
    storing: Option<(Ticket, Verified)>,
    /// When the first publish need not wait for peers any more.
    opens: Instant,
    open: bool,
    standing: Standing,
    /// Up to which sequence messages of this feed are proven to exist: by what the store knew at the start, and by signed
    /// messages that were seen since.
    proven: u64,
    /// The store stands on another chain than what was signed here.
    forked: bool,
    /// What was last told to be worth remembering, see [`Node::missing_through`].
    remembered: u64,
    /// What devices say of this feed that nothing has proven yet. Forgotten with the session.
    claims: BTreeMap<DeviceKey, Claim>,
}

/// Something to publish.
#[derive(Debug)]
struct Wish {
    ticket: Ticket,
    content: json::Value<'static>,
    since: Instant,
}

/// A device says that it holds more of our feed than we do.
#[derive(Debug)]
struct Claim {
    /// Its newest word, which may be lower than an earlier one.
    sequence: u64,
    /// When it said so first, or last sent messages of ours that hold. It is believed for a while from then on.
    since: Instant,
    believed: bool,
}

impl Publishing {
    pub(crate) fn new(standing: Standing, offline: bool, now: Instant) -> Self {
        let proven = match standing {
            Standing::Recovering { expected } => expected,
            Standing::Whole | Standing::Forked => 0,
        };
        Self {
            queue: VecDeque::new(),
            storing: None,
            opens: now + limits::PUBLISH_PATIENCE,
            open: offline,
            standing,
            proven,
            forked: standing == Standing::Forked,
            remembered: proven,
            claims: BTreeMap::new(),
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether an own message is signed and not durable yet.
    pub(crate) fn is_storing(&self) -> bool {
        self.storing.is_some()
    }

    /// What a device sent as ours was not ours: its word does not count.
    pub(crate) fn disbelieve(&mut self, device: DeviceKey) {
        if let Some(claim) = self.claims.get_mut(&device) {
            claim.believed = false;
        }
    }

    /// The highest sequence of our feed that is believed to exist.
    fn expected(&self) -> u64 {
        let claimed = self.claims.values().filter(|claim| claim.believed).map(|claim| claim.sequence).max();
        self.proven.max(claimed.unwrap_or(0))
    }
}

impl Node {
    pub(crate) fn on_publish(&mut self, ticket: Ticket, content: json::Value<'static>, now: Now) {
        if self.publishing.queue.len() >= limits::PUBLISH_QUEUE {
            self.outbox.push_back(Output::Published { ticket, result: Err(Refusal::Busy) });
            return;
        }
        self.publishing.queue.push_back(Wish { ticket, content, since: now.monotonic });
    }

    /// Publishes what may be published now, refuses what has waited long enough, and sets the alarm for the rest.
    pub(crate) fn run_publishing(&mut self, now: Now) {
        self.lapse_claims(now);
        while let Some(wish) = self.publishing.queue.front() {
            let waited = now.monotonic.saturating_duration_since(wish.since);
            let refusal = match self.publishing.standing {
                Standing::Forked => Some(Refusal::Forked),
                Standing::Recovering { expected } if waited >= limits::RECOVERY_PATIENCE => {
                    Some(Refusal::Recovering { have: self.log.sequence(&self.own), expected })
                }
                Standing::Recovering { .. } => break,
                Standing::Whole => None,
            };
            let may_sign = self.publishing.storing.is_none() && !self.own_is_on_its_way() && self.peers_were_heard(now);
            if refusal.is_none() && !may_sign {
                break;
            }
            let Some(wish) = self.publishing.queue.pop_front() else { break };
            match refusal {
                Some(refusal) => self.outbox.push_back(Output::Published { ticket: wish.ticket, result: Err(refusal) }),
                None => self.sign(wish, now),
            }
        }
        self.set_publish_timer();
    }

    /// Whether own messages are coming in, or may turn out to be missing.
    fn own_is_on_its_way(&self) -> bool {
        self.log.in_flight(&self.own) || self.intake.is_storing(&self.own) || self.intake.awaits_evidence()
    }

    /// Whether those near have had the chance to say that they hold newer messages of ours.
    fn peers_were_heard(&mut self, now: Now) -> bool {
        self.publishing.open |= self.opens_at() <= now.monotonic;
        self.publishing.open
    }

    /// When the first publish may go out: once everybody near was heard, or when that has taken too long.
    fn opens_at(&self) -> Instant {
        let opens = self.publishing.opens;
        let heard = self.links.values().map(|link| link.heard_at.unwrap_or(opens)).max();
        heard.map_or(opens, |heard| heard.min(opens))
    }

    fn sign(&mut self, wish: Wish, now: Now) {
        let head = self.log.durable(&self.own);
        // Milliseconds of this age are exact in a float.
        let signed = feed::sign(&self.keys, self.network.as_ref(), head, now.wall as f64, &wish.content);
        match signed {
            Ok(message) => {
                self.publishing.storing = Some((wish.ticket, message.clone()));
                let ticket = self.ticket(Job::AppendOwn);
                self.outbox.push_back(Output::Append { ticket, batch: vec![message], own: true, ahead: true });
            }
            Err(error) => {
                self.outbox.push_back(Output::Published { ticket: wish.ticket, result: Err(Refusal::Content(error)) });
            }
        }
    }

    /// The own message is durable, or it is not and never was.
    pub(crate) fn on_own_appended(&mut self, result: Result<(), AppendFailed>, now: Now) {
        let Some((ticket, message)) = self.publishing.storing.take() else { return };
        match result {
            Ok(()) => {
                let message = message.into_message();
                if name_of(&message).is_some() && message.encoded().len() <= limits::ABOUT {
                    self.introduce_anew(message.clone());
                }
                let id = message.id();
                self.speak_in(Duration::ZERO, now);
                self.on_stored(vec![(message, Origin::Here)], now);
                self.outbox.push_back(Output::Published { ticket, result: Ok(id) });
            }
            Err(failed) => self.outbox.push_back(Output::Published { ticket, result: Err(Refusal::Store(failed)) }),
        }
    }

    /// A device says how much of our feed it holds. Only its newest word counts.
    pub(crate) fn on_own_claim(&mut self, device: DeviceKey, sequence: u64, now: Now) {
        if let Some(claim) = self.publishing.claims.get_mut(&device) {
            claim.sequence = sequence;
        } else if sequence > self.log.sequence(&self.own) {
            self.make_room_for_claim();
            self.publishing.claims.insert(device, Claim { sequence, since: now.monotonic, believed: true });
        }
        self.review_standing();
    }

    /// Forgets a claim if there are too many: rather one that is not believed, rather a stranger's, rather an old one.
    fn make_room_for_claim(&mut self) {
        let claims = &self.publishing.claims;
        if claims.len() < limits::LINKS {
            return;
        }
        let worth = |(device, claim): &(&DeviceKey, &Claim)| {
            (claim.believed, self.policy.is_followed(&(**device).into()), claim.since)
        };
        if let Some(device) = claims.iter().min_by_key(worth).map(|(device, _)| *device) {
            self.publishing.claims.remove(&device);
        }
    }

    /// Until when a claim is believed that brings nothing.
    fn believed_until(&self, device: &DeviceKey, claim: &Claim) -> Instant {
        let followed = self.policy.is_followed(&(*device).into());
        claim.since + if followed { limits::FRIENDS_CLAIM_PATIENCE } else { limits::CLAIM_PATIENCE }
    }

    /// A claim that brought nothing for long is not believed any more.
    fn lapse_claims(&mut self, now: Now) {
        let believed = self.publishing.claims.iter().filter(|(_, claim)| claim.believed);
        let lapsed: Vec<DeviceKey> = believed
            .filter(|(device, claim)| self.believed_until(device, claim) <= now.monotonic)
            .map(|(device, _)| *device)
            .collect();
        for device in &lapsed {
            self.publishing.disbelieve(*device);
        }
        if !lapsed.is_empty() {
            self.review_standing();
        }
    }

    /// Up to which sequence own messages are proven to be missing here: the store knows them, or a signed message of one's own
    /// beyond them was seen. The driver keeps it, so that a restart does not publish over what others hold. What people only
    /// say is not in it, friends or not: otherwise one lie would silence a feed for ever. [`Change::Standing`] tells when it
    /// changes.
    pub fn missing_through(&self) -> Option<u64> {
        let proven = self.publishing.proven;
        (proven > self.log.sequence(&self.own)).then_some(proven)
    }

    /// A signed message shows that our feed reaches at least this far.
    pub(crate) fn on_own_proven(&mut self, sequence: u64) {
        self.publishing.proven = self.publishing.proven.max(sequence);
        self.review_standing();
    }

    /// Our feed grew. If it did so by messages that a device sent, that device speaks the truth, and what it and others say is
    /// worth waiting for a while longer.
    pub(crate) fn on_own_grew(&mut self, by: Option<DeviceKey>, now: Now) {
        let have = self.log.sequence(&self.own);
        if let Some(by) = by {
            for (device, claim) in &mut self.publishing.claims {
                claim.believed |= *device == by;
                if claim.believed {
                    claim.since = now.monotonic;
                }
            }
            // They have come true, and the next word of these devices is worth as much as a first one.
            self.publishing.claims.retain(|_, claim| claim.sequence > have);
        }
        self.review_standing();
    }

    /// Works out whether our feed may grow, after it grew, was claimed to be longer, or was found to be forked.
    pub(crate) fn review_standing(&mut self) {
        let have = self.log.sequence(&self.own);
        let expected = self.publishing.expected();
        let standing = if self.publishing.forked || self.log.is_frozen(&self.own) {
            Standing::Forked
        } else if expected > have {
            Standing::Recovering { expected }
        } else {
            Standing::Whole
        };
        let remembered = self.publishing.proven;
        let before = std::mem::replace(&mut self.publishing.standing, standing);
        if before != standing || std::mem::replace(&mut self.publishing.remembered, remembered) != remembered {
            self.tell(Change::Standing);
        }
    }

    fn set_publish_timer(&mut self) {
        let publishing = &self.publishing;
        let believed = publishing.claims.iter().filter(|(_, claim)| claim.believed);
        let lapse = believed.map(|(device, claim)| self.believed_until(device, claim)).min();
        let wish =
            publishing.queue.front().filter(|_| publishing.storing.is_none()).map(|wish| match publishing.standing {
                Standing::Recovering { .. } => wish.since + limits::RECOVERY_PATIENCE,
                Standing::Whole | Standing::Forked => self.opens_at(),
            });
        // An own message that is on its way in wakes us by itself.
        let wish = wish.filter(|_| !self.own_is_on_its_way());
        match lapse.into_iter().chain(wish).min() {
            Some(at) => self.timers.set(Timer::Publish, at),
            None => self.timers.cancel(Timer::Publish),
        }
    }
}
