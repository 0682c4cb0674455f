//! Links from the first byte to the last: greeting, live, closed.

use std::collections::{BTreeSet, VecDeque};

use feed::{BlobId, DeviceKey, FeedId};
use replication::{
    Instant, LinkId, Now, blobs,
    ebt::{self, Clock, Want},
};

use crate::{
    Node,
    ahead::{Ahead, TakenUp},
    conduct::Offence,
    input::Medium,
    limits,
    looking::Allowance,
    node::Job,
    output::{Change, CloseReason, Output},
    peers::Flow,
    presence::Heard,
    sending::{Control, Sending},
    timers::Timer,
    wire::{self, Frame, Hello, LevelBody, ReceivedIds, VERSION, clock_digest, read_level, read_notes},
};

/// One link to another device.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) device: DeviceKey,
    pub(crate) medium: Medium,
    pub(crate) phase: Phase,
    pub(crate) sending: Sending,
    pub(crate) ids: ReceivedIds,
    /// Frames of notes and of messages received so far.
    pub(crate) frames: u64,
    pub(crate) received_bytes: u64,
    pub(crate) taken_up: TakenUp,
    pub(crate) unknown_frames: u64,
    /// Frames that wait because too much of this link is on its way; while there are any, nothing more is read from it.
    pub(crate) inbox: VecDeque<Vec<u8>>,
    pub(crate) inbox_bytes: usize,
    /// Feeds of which it sent something that does not hold: nothing more of them is taken on this link.
    pub(crate) refused: BTreeSet<FeedId>,
    /// Whether little is read from it.
    pub(crate) is_slowed: bool,
    /// When its word on what it holds counts as heard: with its first notes, or, where the digests agreed and it may have
    /// nothing to say, a moment after the greeting.
    pub(crate) heard_at: Option<Instant>,
    /// What it last said of our feed.
    pub(crate) own_note: Option<ebt::Note>,
    /// What it said of our feed before anything of ours went out on this link; none where it may have that from us on an earlier
    /// link of this session.
    pub(crate) greeted_own: Option<u64>,
    /// Whether it has said anything of our feed.
    pub(crate) has_greeted: bool,
    /// The number of its process, from its hello.
    pub(crate) run: u32,
    /// What both ends can do: bits of [`wire::FEATURES`].
    pub(crate) features: u32,
    /// About frames received.
    pub(crate) abouts: u32,
    /// Questions about feeds that we asked on it.
    pub(crate) asked: u64,
    /// How many of its questions are answered.
    pub(crate) asks: Allowance,
    /// What was last told to flow.
    pub(crate) flow: Flow,
    /// What it said to everybody.
    pub(crate) said: Heard,
}

/// How far a link has come.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Not both hellos yet.
    Greeting {
        /// Our saved clocks for this device (held, told), once loaded; our hello is sent then.
        clocks: Option<(Clock, Clock)>,
        /// Its hello, once here.
        theirs: Option<Box<Hello>>,
    },
    /// Notes and messages flow.
    Live,
}

/// A frame after the hello, read.
enum Read<'a> {
    Notes(Vec<(FeedId, ebt::Note)>),
    Messages(Vec<wire::Run<'a>>),
    Level(LevelBody),
    About(&'a [u8]),
    Wants(Vec<(BlobId, Option<u8>)>),
    Haves(Vec<(BlobId, u64)>),
    Taken(u64),
    Ask(wire::Ask),
    Tell(wire::Tell<'a>),
    Unknown,
}

impl Link {
    fn new(device: DeviceKey, medium: Medium, now: Instant) -> Self {
        Self {
            device,
            medium,
            phase: Phase::Greeting { clocks: None, theirs: None },
            sending: Sending::default(),
            ids: ReceivedIds::default(),
            frames: 0,
            received_bytes: 0,
            taken_up: TakenUp::default(),
            unknown_frames: 0,
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            refused: BTreeSet::new(),
            is_slowed: false,
            heard_at: None,
            own_note: None,
            greeted_own: None,
            has_greeted: false,
            run: 0,
            features: 0,
            abouts: 0,
            asked: 0,
            asks: Allowance::new(now),
            flow: Flow::Connecting,
            said: Heard::default(),
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }
}

impl Node {
    pub(crate) fn on_link_up(&mut self, id: LinkId, device: DeviceKey, medium: Medium, now: Now) {
        let refusal = if device.feed() == self.own {
            Some(CloseReason::Myself)
        } else if self.policy.want(&device.feed()) == Want::Block {
            Some(CloseReason::Blocked)
        } else if self.conduct.is_out(&device) {
            Some(CloseReason::CutOff)
        } else {
            None
        };
        if let Some(reason) = refusal {
            if reason == CloseReason::Blocked {
                self.outbox.push_back(Output::Refuse { device, refuse: true });
            }
            self.outbox.push_back(Output::Close { link: id, reason });
            return;
        }
        // The device has proved itself anew, so an older link to it is likely dead.
        let older: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.device == device).map(|(id, _)| *id).collect();
        for older in older {
            self.close(older, CloseReason::Second, now);
        }
        if self.links.len() >= limits::LINKS && !self.displace_stranger(&device, now) {
            self.outbox.push_back(Output::Close { link: id, reason: CloseReason::TooMany });
            return;
        }
        self.links.insert(id, Link::new(device, medium, now.monotonic));
        if self.conduct.slowed(&device, now.monotonic).is_some() {
            self.slow(id, now);
        }
        self.timers.set(Timer::Hello(id), now.monotonic + limits::HELLO_PATIENCE);
        let ticket = self.ticket(Job::Clocks { link: id });
        self.outbox.push_back(Output::LoadClocks { ticket, device });
        self.tell(Change::Nearby);
    }

    /// Keys cost nothing, so strangers must not be able to take all links: somebody whom the person follows gets the link of
    /// the stranger who came last; of those, rather one whose feed is not stored either. Returns whether there is room now.
    fn displace_stranger(&mut self, newcomer: &DeviceKey, now: Now) -> bool {
        if !self.policy.is_followed(&(*newcomer).into()) {
            return false;
        }
        let strangers = self.links.iter().filter(|(_, link)| !self.policy.is_followed(&link.device.into()));
        let stored = |link: &Link| self.policy.want(&link.device.feed()) == Want::Replicate;
        let Some(id) = strangers.max_by_key(|(id, link)| (!stored(link), **id)).map(|(id, _)| *id) else {
            return false;
        };
        self.close(id, CloseReason::TooMany, now);
        true
    }

    pub(crate) fn on_link_down(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.remove(&id) else { return };
        for timer in [Timer::Hello(id), Timer::Stall(id), Timer::Loads(id), Timer::Slowed(id), Timer::Absent(id)] {
            self.timers.cancel(timer);
        }
        if link.is_live() {
            self.ebt.handle_input(ebt::Input::LinkDown { link: id }, now);
            self.blobs.handle_input(blobs::Input::LinkDown { link: id }, now);
        }
        self.intake.forget_link(id);
        self.intake.depart(id, link.device);
        self.look_elsewhere(id, now);
        self.tell(Change::Nearby);
    }

    /// Closes a link of ours, and remembers a device that sent what nobody honest sends.
    pub(crate) fn close(&mut self, id: LinkId, reason: CloseReason, now: Now) {
        let Some(device) = self.links.get(&id).map(|link| link.device) else { return };
        let offence = reason.hostile().then(|| reason.to_string());
        self.on_link_down(id, now);
        self.outbox.push_back(Output::Close { link: id, reason });
        if let Some(offence) = offence {
            self.punish(device, Offence::Protocol, offence, now);
        }
    }

    /// Our saved clocks are here: say hello.
    pub(crate) fn on_clocks_loaded(&mut self, id: LinkId, held: Clock, told: Clock, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (held, told) = ebt::remembered(held, told, self.own, link.device.feed());
        let Phase::Greeting { clocks, .. } = &mut link.phase else { return };
        let hello = Hello {
            version: VERSION,
            features: wire::FEATURES,
            frame_limit: limits::FRAME as u32,
            network: self.network_id,
            generation: self.generation,
            run: self.run,
            told: clock_digest(&told),
            held: clock_digest(&held),
        };
        *clocks = Some((held, told));
        let frame = hello.encode();
        link.sending.count(&frame);
        self.outbox.push_back(Output::Send { link: id, frame });
        self.go_live(id, now);
    }

    pub(crate) fn on_received(&mut self, id: LinkId, frame: Vec<u8>, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if wire::is_replication(&frame) {
            link.received_bytes += frame.len() as u64;
        }
        if !link.is_live() {
            self.on_greeting(id, &frame, now);
            return;
        }
        // Frames keep their order, so whatever comes behind a waiting one waits too.
        if link.inbox.is_empty() && self.intake.takes_from(id) {
            self.on_frame(id, &frame, now);
            return;
        }
        if link.inbox.is_empty() {
            self.outbox.push_back(Output::Hold { link: id, hold: true });
        }
        link.inbox_bytes += frame.len();
        link.inbox.push_back(frame);
        if link.inbox_bytes > limits::INBOX {
            self.close(id, CloseReason::Flood, now);
        }
    }

    /// Takes up frames that had to wait, one from each link in turn.
    pub(crate) fn read_inboxes(&mut self, now: Now) {
        loop {
            let waits = |(id, link): &(&LinkId, &Link)| !link.inbox.is_empty() && self.intake.takes_from(**id);
            let waiting: Vec<LinkId> = self.links.iter().filter(waits).map(|(id, _)| *id).collect();
            if waiting.is_empty() {
                return;
            }
            for id in waiting {
                let Some(link) = self.links.get_mut(&id) else { continue };
                let Some(frame) = link.inbox.pop_front() else { continue };
                link.inbox_bytes -= frame.len();
                if link.inbox.is_empty() {
                    self.outbox.push_back(Output::Hold { link: id, hold: false });
                }
                self.on_frame(id, &frame, now);
            }
        }
    }

    fn on_greeting(&mut self, id: LinkId, frame: &[u8], now: Now) {
        let hello = match Hello::decode(frame) {
            Ok(hello) => hello,
            Err(error) => return self.close(id, CloseReason::Malformed(error.to_string()), now),
        };
        if hello.version != VERSION {
            return self.close(id, CloseReason::Version { theirs: hello.version, ours: VERSION }, now);
        }
        if hello.network != self.network_id {
            return self.close(id, CloseReason::Network, now);
        }
        if (hello.frame_limit as usize) < limits::FRAME {
            let reason = format!("it takes frames of {} bytes only", hello.frame_limit);
            return self.close(id, CloseReason::Malformed(reason), now);
        }
        let Some(Link { phase: Phase::Greeting { theirs, .. }, .. }) = self.links.get_mut(&id) else { return };
        if theirs.is_some() {
            // Nothing may follow its hello before ours has arrived there, and ours has not left.
            return self.close(id, CloseReason::Malformed(wire::WireError::Order.to_string()), now);
        }
        *theirs = Some(Box::new(hello));
        self.timers.cancel(Timer::Hello(id));
        self.go_live(id, now);
    }

    /// Goes live once both hellos are there.
    fn go_live(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Phase::Greeting { clocks, theirs } = &mut link.phase else { return };
        if theirs.is_none() {
            return;
        }
        let Some((held, told)) = clocks.take() else { return };
        let Some(theirs) = theirs.take() else { return };
        link.phase = Phase::Live;
        let device = link.device;
        let agreed = clock_digest(&told) == theirs.held && clock_digest(&held) == theirs.told;
        link.heard_at = agreed.then(|| now.monotonic + limits::GREETING_GRACE);
        link.own_note = held.get(&self.own).copied();
        link.run = theirs.run;
        link.features = theirs.features & wire::FEATURES;
        link.sending.ahead = (link.features & wire::FEATURE_TAKEN != 0).then(Ahead::default);
        let (run, speaks_of_blobs) = (theirs.run, link.features & wire::FEATURE_BLOBS != 0);
        self.ebt.handle_input(ebt::Input::LinkUp { link: id, peer: device, held, told, agreed }, now);
        if speaks_of_blobs {
            self.blobs.handle_input(blobs::Input::LinkUp { link: id, device, run }, now);
        }
        self.touch_flow(now);
        self.introduce(id);
        // A moment later, because what is said before it listens is lost.
        self.speak_in(limits::WORD_REST, now);
    }

    fn on_frame(&mut self, id: LinkId, frame: &[u8], now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let read = Frame::read(frame).and_then(|frame| match frame {
            Frame::Notes(body) => read_notes(body, &mut link.ids).map(Read::Notes),
            Frame::Messages(body) => wire::read_messages(body, &mut link.ids).map(Read::Messages),
            Frame::Level(body) => read_level(body, &mut link.ids).map(Read::Level),
            Frame::About(body) => Ok(Read::About(body)),
            Frame::Wants(body) => wire::read_wants(body).map(Read::Wants),
            Frame::Haves(body) => wire::read_haves(body).map(Read::Haves),
            Frame::Taken(body) => wire::read_taken(body).map(Read::Taken),
            Frame::Ask(body) => wire::read_ask(body).map(Read::Ask),
            Frame::Tell(body) => wire::read_tell(body).map(Read::Tell),
            Frame::Unknown(_) => Ok(Read::Unknown),
        });
        if matches!(read, Ok(Read::Notes(_) | Read::Messages(_))) {
            link.frames += 1;
        }
        let number = link.frames;
        if matches!(read, Ok(Read::Messages(_))) && link.features & wire::FEATURE_TAKEN != 0 {
            link.taken_up.frame(number, frame.len());
        }
        match read {
            Ok(Read::Notes(notes)) => self.on_notes(id, number, notes, now),
            Ok(Read::Messages(runs)) => self.on_messages(id, number, runs, now),
            Ok(Read::Level(LevelBody { through, except })) => {
                self.ebt.handle_input(ebt::Input::Level { link: id, through, except }, now);
            }
            Ok(Read::About(about)) => self.on_about(id, about),
            // A link that does not speak of blobs is none of the machine's.
            Ok(Read::Wants(wants)) => self.blobs.handle_input(blobs::Input::Wants { link: id, wants }, now),
            Ok(Read::Haves(haves)) => self.blobs.handle_input(blobs::Input::Haves { link: id, haves }, now),
            Ok(Read::Taken(through)) => {
                if let Some(ahead) = self.links.get_mut(&id).and_then(|link| link.sending.ahead.as_mut()) {
                    ahead.taken(through);
                }
            }
            Ok(Read::Ask(ask)) => self.on_ask(id, ask, now),
            Ok(Read::Tell(tell)) => self.on_tell(id, &tell, now),
            Ok(Read::Unknown) => link.unknown_frames += 1,
            Err(error) => self.close(id, CloseReason::Malformed(error.to_string()), now),
        }
        self.touch_flow(now);
    }

    fn on_notes(&mut self, id: LinkId, frame: u64, notes: Vec<(FeedId, ebt::Note)>, now: Now) {
        let own = notes.iter().rev().find(|(feed, _)| *feed == self.own).map(|(_, note)| *note);
        if let Some(link) = self.links.get_mut(&id) {
            link.heard_at = Some(link.heard_at.map_or(now.monotonic, |at| at.min(now.monotonic)));
            link.own_note = own.or(link.own_note);
            let device = link.device;
            if let Some(note) = own {
                self.keep_greeting(id, device, note);
            }
            if let Some(sequence) = own.and_then(ebt::Note::sequence) {
                self.on_own_claim(device, sequence, now);
            }
        }
        self.ebt.handle_input(ebt::Input::Notes { link: id, frame, notes }, now);
    }

    /// Keeps the first word of a link on our feed: nothing of ours goes out on it before we know what it holds. Of a device
    /// that was behind us, later words are worth nothing: it may have the rest from us.
    fn keep_greeting(&mut self, id: LinkId, device: DeviceKey, note: ebt::Note) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.has_greeted) else { return };
        link.has_greeted = true;
        let sequence = note.sequence().unwrap_or(0);
        if self.supplied.len() >= limits::SUPPLIED_DEVICES || self.supplied.contains(&device) {
            return;
        }
        if sequence >= self.log.sequence(&self.own) {
            link.greeted_own = Some(sequence);
        } else {
            self.supplied.insert(device);
        }
    }

    /// Hands frames to a link while it has room and there is something to send.
    pub(crate) fn pump(&mut self, id: LinkId, now: Now) {
        loop {
            let Some(link) = self.links.get_mut(&id).filter(|link| link.is_live()) else { return };
            let sending = &mut link.sending;
            while let Some((feed, after, through)) = sending.next_load(now.monotonic, &mut self.rng) {
                let ticket = self.jobs.start(Job::Load { link: id, feed, after });
                self.outbox.push_back(Output::Load { ticket, feed, after, through, max_bytes: limits::LOAD });
            }
            if !sending.has_room() {
                self.timers.set_first(Timer::Stall(id), now.monotonic + limits::STALL_PATIENCE);
                return;
            }
            if let Some(through) = link.taken_up.say() {
                let frame = wire::write_taken(through);
                sending.count(&frame);
                self.outbox.push_back(Output::Send { link: id, frame });
                continue;
            }
            let number = sending.frames + 1;
            let cut = match sending.control.pop_front() {
                Some(Control::Notes(notes)) => wire::write_notes(&notes, &mut sending.ids).map(|frame| {
                    sending.frames = number;
                    Some((frame, vec![ebt::Input::NotesSent { link: id, frame: number }]))
                }),
                Some(Control::About(frame) | Control::Look(frame)) => Ok(Some((frame, Vec::new()))),
                Some(Control::Tell(frame)) => {
                    sending.tells = sending.tells.saturating_sub(1);
                    Ok(Some((frame, Vec::new())))
                }
                Some(Control::Blobs { frame, is_last }) => {
                    if is_last {
                        self.blobs.handle_input(blobs::Input::Told { link: id }, now);
                        self.restless = true;
                    }
                    Ok(Some((frame, Vec::new())))
                }
                Some(Control::Level(level)) => {
                    wire::write_level(&level, &mut sending.ids).map(|frame| Some((frame, Vec::new())))
                }
                None => sending.next_messages(&self.log).map(|cut| {
                    cut.map(|(frame, carried)| {
                        sending.frames = number;
                        let sent = |(feed, through)| ebt::Input::Sent { link: id, frame: number, feed, through };
                        (frame, carried.into_iter().map(sent).collect())
                    })
                }),
            };
            match cut {
                Ok(Some((frame, reports))) => {
                    sending.count(&frame);
                    self.outbox.push_back(Output::Send { link: id, frame });
                    for report in reports {
                        self.ebt.handle_input(report, now);
                    }
                    self.touch_flow(now);
                    self.drain_ebt();
                }
                Ok(None) => return,
                Err(error) => return self.close(id, CloseReason::Overfull(error.to_string()), now),
            }
        }
    }

    pub(crate) fn on_writable(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.sending.unacknowledged = 0;
        self.timers.cancel(Timer::Stall(id));
    }
}
