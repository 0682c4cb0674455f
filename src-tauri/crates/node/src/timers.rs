//! When the node wants to be woken, and why.

use std::collections::BTreeMap;

use replication::{Instant, LinkId};

use crate::input::Ticket;

/// Everything that a node waits for apart from inputs. EBT keeps its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The link has not said hello.
    Hello(LinkId),
    /// The link takes nothing.
    Stall(LinkId),
    /// The link's streams rest, because the store could not read.
    Loads(LinkId),
    /// The intake rests, because the store could not write.
    Intake,
    /// Something in the publish queue or a claim about one's own feed is decided by now.
    Publish,
    /// Changes may leave that had to wait for the one before.
    Changes,
    /// Notifications may leave that had to wait.
    Notifications,
    /// Whoever was asked for a look has not answered.
    Look(Ticket),
    /// What flows on the links may look different by now.
    Flow,
    /// A device that was cut off may come again.
    Release,
    /// Something is to be said to everybody.
    Word,
    /// Nothing was heard of whether somebody uses the device at the other end.
    Absent(LinkId),
    /// Of a link that was slowed more may be read again.
    Slowed(LinkId),
}

/// The alarms that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: BTreeMap<Timer, Instant>,
}

impl Timers {
    /// Sets an alarm, in place of an earlier one of the same name.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.at.insert(timer, at);
    }

    /// Sets an alarm unless it is set.
    pub(crate) fn set_first(&mut self, timer: Timer, at: Instant) {
        self.at.entry(timer).or_insert(at);
    }

    /// Sets an alarm unless it is set to an earlier moment.
    pub(crate) fn set_sooner(&mut self, timer: Timer, at: Instant) {
        let set = self.at.entry(timer).or_insert(at);
        *set = (*set).min(at);
    }

    /// Takes an alarm back.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.at.remove(&timer);
    }

    /// The next alarm.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.at.values().min().copied()
    }

    /// Takes one alarm that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let timer = self.at.iter().find(|(_, at)| **at <= now).map(|(timer, _)| *timer)?;
        self.at.remove(&timer);
        Some(timer)
    }
}
