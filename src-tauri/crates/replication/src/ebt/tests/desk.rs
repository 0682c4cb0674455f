//! One machine on a desk: what goes in, what comes out.

use feed::{DeviceKey, FeedId};

use crate::{
    Instant, LinkId, Now,
    ebt::{Clock, Config, Ebt, Input, Note, Output, Want},
};

/// The device under test writes this feed.
pub(super) const ME: FeedId = FeedId::classic([0xEE; 32]);
/// Feeds of people elsewhere.
pub(super) const ANNA: FeedId = FeedId::classic([0xA0; 32]);
pub(super) const BERT: FeedId = FeedId::classic([0xB0; 32]);
/// Links, and the devices behind them.
pub(super) const ALICE: LinkId = LinkId(1);
pub(super) const BOB: LinkId = LinkId(2);
pub(super) const CAROL: LinkId = LinkId(3);

pub(super) fn key(link: LinkId) -> DeviceKey {
    DeviceKey::new([link.0 as u8; 32])
}

pub(super) const fn eager(sequence: u64) -> Note {
    Note::eager(sequence)
}

pub(super) const fn lazy(sequence: u64) -> Note {
    Note::lazy(sequence)
}

/// A machine, its clock, and the frame numbers of its links.
pub(super) struct Desk {
    pub(super) ebt: Ebt,
    pub(super) now: u64,
    frames_out: u64,
    frames_in: u64,
}

impl Desk {
    /// A machine that wants Anna's feed and holds it up to `head`.
    pub(super) fn holding(head: u64) -> Self {
        let mut desk = Self { ebt: Ebt::new(Config::new(ME)), now: 10_000, frames_out: 0, frames_in: 0 };
        desk.input(Input::Head { feed: ANNA, sequence: head });
        desk.input(Input::Want { feed: ANNA, want: Want::Replicate });
        desk
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.now), wall: 0 }
    }

    /// Gives `input`, and returns all that comes out but the saving of clocks. Notes and streams leave at once.
    pub(super) fn input(&mut self, input: Input) -> Vec<Output> {
        self.ebt.handle_input(input, self.now());
        self.drain()
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.ebt.poll_output() {
            self.frames_out += 1;
            let frame = self.frames_out;
            match &output {
                Output::SendNotes { link, .. } => {
                    self.ebt.handle_input(Input::NotesSent { link: *link, frame }, self.now());
                }
                Output::Stream { link, feed, through, .. } => {
                    let sent = Input::Sent { link: *link, frame, feed: *feed, through: *through };
                    self.ebt.handle_input(sent, self.now());
                }
                Output::SaveClock { .. } => continue,
                Output::StopStream { .. } | Output::SendLevel { .. } => {}
            }
            outputs.push(output);
        }
        outputs
    }

    /// Lets `millis` pass; returns what came out meanwhile, but the saving of clocks.
    pub(super) fn wait(&mut self, millis: u64) -> Vec<Output> {
        let until = self.now + millis;
        let mut outputs = Vec::new();
        while let Some(due) = self.ebt.poll_timeout().filter(|due| due.as_micros() <= until * 1000) {
            self.now = self.now.max(due.as_micros().div_ceil(1000));
            self.ebt.handle_timeout(self.now());
            outputs.extend(self.drain());
        }
        self.now = until;
        outputs
    }

    /// A first meeting.
    pub(super) fn meets(&mut self, link: LinkId) -> Vec<Output> {
        self.input(Input::LinkUp { link, peer: key(link), held: Clock::new(), told: Clock::new(), agreed: false })
    }

    /// A meeting of two that agree on what was told before.
    pub(super) fn meets_again(
        &mut self,
        link: LinkId,
        held: &[(FeedId, Note)],
        told: &[(FeedId, Note)],
    ) -> Vec<Output> {
        let clock = |notes: &[(FeedId, Note)]| notes.iter().copied().collect::<Clock>();
        self.input(Input::LinkUp { link, peer: key(link), held: clock(held), told: clock(told), agreed: true })
    }

    /// A note arrives.
    pub(super) fn hears(&mut self, link: LinkId, feed: FeedId, note: Note) -> Vec<Output> {
        self.frames_in += 1;
        self.input(Input::Notes { link, frame: self.frames_in, notes: vec![(feed, note)] })
    }

    /// A frame with the messages up to `through` arrives and goes into the log.
    pub(super) fn receives(&mut self, link: LinkId, feed: FeedId, through: u64) -> Vec<Output> {
        self.frames_in += 1;
        let mut out = self.input(Input::Messages { link, frame: self.frames_in, carried: vec![(feed, through)] });
        out.extend(self.input(Input::Appended { feed, sequence: through, from: Some(link) }));
        out
    }

    /// A frame arrives that the log cannot take, with one message of `feed`.
    pub(super) fn receives_only(&mut self, link: LinkId, feed: FeedId, sequence: u64) -> Vec<Output> {
        self.frames_in += 1;
        self.input(Input::Messages { link, frame: self.frames_in, carried: vec![(feed, sequence)] })
    }

    /// A message is written or imported here.
    pub(super) fn grows(&mut self, feed: FeedId, sequence: u64) -> Vec<Output> {
        self.input(Input::Appended { feed, sequence, from: None })
    }
}

pub(super) fn notes<const N: usize>(link: LinkId, notes: [(FeedId, Note); N]) -> Output {
    Output::SendNotes { link, notes: notes.into() }
}

pub(super) fn stream(link: LinkId, feed: FeedId, after: u64, through: u64) -> Output {
    Output::Stream { link, feed, after, through }
}

pub(super) fn level(link: LinkId, through: u64) -> Output {
    Output::SendLevel { link, through, except: Vec::new() }
}
