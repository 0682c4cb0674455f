//! How devices behave: whoever breaks the protocol is slowed, then cut off, then refused for a while. Pure.
//!
//! Each offence has points, which halve every [`limits::CONDUCT_HALVES`]. So a rare accident is forgotten, and what goes on is not. What is
//! kept is about devices, not links: a new link is no new beginning.

use std::{collections::BTreeMap, time::Duration};

use feed::DeviceKey;
use replication::{Instant, LinkId, Now, ebt::Want};

use crate::{
    Node, limits,
    output::{Change, CloseReason, Output},
    timers::Timer,
};

/// What a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offence {
    /// It sent a message that does not hold.
    Message,
    /// The transport ended the link for something that a bad line may have caused as well: too slow, too long, no first frame.
    Transport,
    /// It sent what nobody honest sends.
    Protocol,
}

impl Offence {
    fn points(self) -> u32 {
        match self {
            Self::Message => limits::CONDUCT_MESSAGE,
            Self::Transport => limits::CONDUCT_TRANSPORT,
            Self::Protocol => limits::CONDUCT_CUT,
        }
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    None,
    /// Less is read from it.
    Slow,
    /// It is cut off until then.
    Out(Instant),
}

/// A device that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub device: DeviceKey,
    /// What it calls itself, as [`crate::PeerView::calls_themselves`].
    pub calls_themselves: Option<String>,
    /// What it did last, in words for the person.
    pub reason: String,
    /// For how long yet.
    pub remaining: Duration,
    /// Whether it was cut off so often that it is refused for long.
    pub is_refused: bool,
}

#[derive(Debug)]
struct Record {
    points: u32,
    /// Since when those points count.
    since: Instant,
    /// How often it was cut off within [`limits::CONDUCT_REMEMBERS`], and when the last time was over.
    cuts: u32,
    served: Instant,
    out_until: Option<Instant>,
    reason: String,
}

/// What is remembered of devices that misbehaved.
#[derive(Debug, Default)]
pub(crate) struct Conduct {
    records: BTreeMap<DeviceKey, Record>,
    /// Devices that were out and are forgotten for want of room: they may come again.
    forgotten: Vec<DeviceKey>,
}

impl Record {
    /// How often the points have halved.
    fn halvings(&self, now: Instant) -> u32 {
        let halvings = now.saturating_duration_since(self.since).as_secs() / limits::CONDUCT_HALVES.as_secs();
        u32::try_from(halvings).unwrap_or(u32::MAX)
    }

    /// The points that are left.
    fn points(&self, now: Instant) -> u32 {
        self.points.checked_shr(self.halvings(now)).unwrap_or(0)
    }

    /// Forgets what is over; the time since the last halving counts on.
    fn settle(&mut self, now: Instant) {
        let halvings = self.halvings(now);
        self.points = self.points(now);
        self.since = if self.points == 0 { now } else { self.since + limits::CONDUCT_HALVES.saturating_mul(halvings) };
    }

    fn is_over(&self, now: Instant) -> bool {
        let was_cut_lately = self.cuts > 0 && now.saturating_duration_since(self.served) < limits::CONDUCT_REMEMBERS;
        self.out_until.is_none() && self.points(now) == 0 && !was_cut_lately
    }
}

impl Conduct {
    /// A device did something; what follows. `reason` is what it did, in words for the person.
    pub(crate) fn charge(&mut self, device: DeviceKey, offence: Offence, reason: String, now: Instant) -> Verdict {
        self.make_room(&device, now);
        let new = || Record { points: 0, since: now, cuts: 0, served: now, out_until: None, reason: String::new() };
        let record = self.records.entry(device).or_insert_with(new);
        record.settle(now);
        record.points = record.points.saturating_add(offence.points());
        record.reason = reason;
        if record.points < limits::CONDUCT_CUT {
            return if record.points >= limits::CONDUCT_SLOW { Verdict::Slow } else { Verdict::None };
        }
        if now.saturating_duration_since(record.served) >= limits::CONDUCT_REMEMBERS {
            record.cuts = 0;
        }
        (record.cuts, record.points) = (record.cuts.saturating_add(1), 0);
        let time = match record.cuts {
            cuts if cuts >= limits::CONDUCT_CUTS => limits::REFUSED,
            cuts => limits::CUT_OFF.saturating_mul(1 << (cuts - 1)),
        };
        // What is about to be told of a link that is gone does not shorten what was said.
        let until = record.out_until.map_or(now + time, |known| known.max(now + time));
        (record.out_until, record.served) = (Some(until), until);
        Verdict::Out(until)
    }

    /// Whether a device is out.
    pub(crate) fn is_out(&self, device: &DeviceKey) -> bool {
        self.records.get(device).is_some_and(|record| record.out_until.is_some())
    }

    /// What a device did last, in words for the person.
    pub(crate) fn reason(&self, device: &DeviceKey) -> Option<&str> {
        self.records.get(device).map(|record| record.reason.as_str())
    }

    /// Why little is read from a device, if so.
    pub(crate) fn slowed(&self, device: &DeviceKey, now: Instant) -> Option<&str> {
        let record = self.records.get(device)?;
        (record.points(now) >= limits::CONDUCT_SLOW).then_some(record.reason.as_str())
    }

    /// Devices whose time is over: they may come again.
    pub(crate) fn released(&mut self, now: Instant) -> Vec<DeviceKey> {
        let mut released = std::mem::take(&mut self.forgotten);
        for (device, record) in &mut self.records {
            if record.out_until.is_some_and(|until| until <= now) {
                record.out_until = None;
                released.push(*device);
            }
        }
        released
    }

    /// When the next device may come again.
    pub(crate) fn next_release(&self) -> Option<Instant> {
        self.records.values().filter_map(|record| record.out_until).min()
    }

    /// The devices that are out; `name` says what they call themselves.
    pub(crate) fn left_out(&self, now: Instant, name: impl Fn(&DeviceKey) -> Option<String>) -> Vec<LeftOut> {
        let out = self.records.iter().filter_map(|(device, record)| {
            Some(LeftOut {
                device: *device,
                calls_themselves: name(device),
                reason: record.reason.clone(),
                remaining: record.out_until?.saturating_duration_since(now),
                is_refused: record.cuts >= limits::CONDUCT_CUTS,
            })
        });
        out.collect()
    }

    /// Keeps to [`limits::CONDUCT_DEVICES`]: those of whom nothing counts any more go, else the one that would be out for the shortest
    /// time, one that is not out first.
    fn make_room(&mut self, device: &DeviceKey, now: Instant) {
        if self.records.len() < limits::CONDUCT_DEVICES || self.records.contains_key(device) {
            return;
        }
        self.records.retain(|_, record| !record.is_over(now));
        if self.records.len() >= limits::CONDUCT_DEVICES
            && let Some(least) =
                self.records.iter().min_by_key(|(_, record)| record.out_until).map(|(device, _)| *device)
        {
            let was_out = self.records.remove(&least).is_some_and(|record| record.out_until.is_some());
            self.forgotten.extend(was_out.then_some(least));
        }
    }
}

impl Node {
    /// A link sent something that does not hold.
    pub(crate) fn charge_link(&mut self, id: LinkId, now: Now) {
        let device = self.links.get(&id).map(|link| link.device).or_else(|| self.intake.departed(id));
        let Some(device) = device else { return };
        let reason = CloseReason::TooManyRefused;
        match self.conduct.charge(device, Offence::Message, reason.to_string(), now.monotonic) {
            Verdict::None => {}
            Verdict::Slow => self.slow(id, now),
            Verdict::Out(_) => {
                if self.links.contains_key(&id) {
                    self.on_link_down(id, now);
                    self.outbox.push_back(Output::Close { link: id, reason });
                }
                self.shut(device, now);
            }
        }
    }

    /// A device did something for which its link is closed already.
    pub(crate) fn punish(&mut self, device: DeviceKey, offence: Offence, reason: String, now: Now) {
        if let Verdict::Out(_) = self.conduct.charge(device, offence, reason, now.monotonic) {
            self.shut(device, now);
        }
    }

    /// A link is down; what the other end did, if the transport ended it for that.
    pub(crate) fn on_link_lost(&mut self, id: LinkId, misconduct: Option<String>, now: Now) {
        let device = self.links.get(&id).map(|link| link.device);
        self.on_link_down(id, now);
        if let (Some(device), Some(reason)) = (device, misconduct) {
            self.punish(device, Offence::Transport, reason, now);
        }
    }

    /// Lets a device in no more for now.
    fn shut(&mut self, device: DeviceKey, now: Now) {
        self.outbox.push_back(Output::Refuse { device, refuse: true });
        self.release(now);
        self.tell(Change::Nearby);
    }

    /// The time of some devices may be over.
    pub(crate) fn release(&mut self, now: Now) {
        for device in self.conduct.released(now.monotonic) {
            // Whoever was blocked meanwhile stays out for that.
            if self.policy.want(&device.feed()) != Want::Block {
                self.outbox.push_back(Output::Refuse { device, refuse: false });
            }
            self.tell(Change::Nearby);
        }
        self.await_release();
    }

    fn await_release(&mut self) {
        match self.conduct.next_release() {
            Some(at) => self.timers.set(Timer::Release, at),
            None => self.timers.cancel(Timer::Release),
        }
    }

    /// Reads less from a link, until its device is trusted again.
    pub(crate) fn slow(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        self.timers.set(Timer::Slowed(id), now.monotonic + limits::CONDUCT_HALVES);
        if !std::mem::replace(&mut link.is_slowed, true) {
            self.outbox.push_back(Output::Slow { link: id, slow: true });
            self.tell(Change::Nearby);
        }
    }

    /// Some of what a slowed device did is forgotten.
    pub(crate) fn review_slowed(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if self.conduct.slowed(&link.device, now.monotonic).is_some() {
            return self.slow(id, now);
        }
        link.is_slowed = false;
        self.outbox.push_back(Output::Slow { link: id, slow: false });
        self.tell(Change::Nearby);
    }

    /// The devices that are left out, for what they did.
    pub fn left_out(&self, now: Now) -> Vec<LeftOut> {
        self.conduct.left_out(now.monotonic, |device| self.introductions.name(device).map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(seed: u8) -> DeviceKey {
        DeviceKey::new([seed; 32])
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    fn charge(conduct: &mut Conduct, offence: Offence, seconds: u64) -> Verdict {
        conduct.charge(device(1), offence, format!("{offence:?}"), at(seconds))
    }

    #[test]
    fn messages_that_do_not_hold_slow_and_then_cut_off() {
        let mut conduct = Conduct::default();
        let verdicts: Vec<Verdict> = (0..16).map(|_| charge(&mut conduct, Offence::Message, 10)).collect();
        assert_eq!(verdicts[..3], [Verdict::None; 3]);
        assert_eq!(verdicts[3..15], [Verdict::Slow; 12]);
        assert_eq!(verdicts[15], Verdict::Out(at(10) + limits::CUT_OFF));
        assert!(conduct.is_out(&device(1)) && !conduct.is_out(&device(2)));
        assert_eq!(conduct.next_release(), Some(at(10) + limits::CUT_OFF));
        assert_eq!(conduct.released(at(69)), []);
        assert_eq!(conduct.released(at(70)), [device(1)]);
        assert!(!conduct.is_out(&device(1)));
    }

    #[test]
    fn what_is_rare_is_forgotten() {
        let mut conduct = Conduct::default();
        for time in 0..100 {
            assert_eq!(charge(&mut conduct, Offence::Message, 59 * time), Verdict::None, "time {time}");
        }
        charge(&mut conduct, Offence::Transport, 7_000);
        assert_eq!(conduct.slowed(&device(1), at(7_000)), Some("Transport"));
        assert_eq!(conduct.slowed(&device(1), at(7_000) + limits::CONDUCT_HALVES), None);
        assert_eq!(conduct.slowed(&device(1), at(7_000 + 60 * 1_000)), None, "however long ago");
    }

    #[test]
    fn each_time_is_longer_and_the_fourth_within_an_hour_is_for_an_hour() {
        let mut conduct = Conduct::default();
        let mut now = 0;
        for (cut, seconds) in [(1, 60), (2, 120), (3, 240), (4, 3_600), (5, 3_600)] {
            assert_eq!(charge(&mut conduct, Offence::Protocol, now), Verdict::Out(at(now + seconds)), "cut {cut}");
            let [left_out] = conduct.left_out(at(now), |_| None).try_into().expect("one");
            assert_eq!((left_out.is_refused, left_out.remaining.as_secs()), (cut >= 4, seconds));
            now += seconds - 1;
            assert_eq!(conduct.released(at(now)), []);
            now += 1;
            assert_eq!(conduct.released(at(now)), [device(1)]);
        }
        now += 3_600;
        assert_eq!(
            charge(&mut conduct, Offence::Protocol, now),
            Verdict::Out(at(now + 60)),
            "a quiet hour is a new beginning"
        );
    }

    #[test]
    fn ten_thousand_devices_take_the_room_of_a_thousand_and_push_out_nobody_who_is_out_for_long() {
        let mut conduct = Conduct::default();
        for now in [0, 60, 180, 420] {
            conduct.released(at(now));
            charge(&mut conduct, Offence::Protocol, now);
        }
        for number in 0..10_000_u32 {
            let mut key = [9; 32];
            key[..4].copy_from_slice(&number.to_le_bytes());
            conduct.charge(DeviceKey::new(key), Offence::Protocol, String::new(), at(420));
        }
        assert_eq!(conduct.records.len(), limits::CONDUCT_DEVICES);
        assert!(conduct.is_out(&device(1)), "refused for an hour");
        let released = conduct.released(at(420)).len();
        assert_eq!(released, 10_000 + 1 - limits::CONDUCT_DEVICES, "whoever is forgotten may come again");
    }
}
