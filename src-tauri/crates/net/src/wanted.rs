//! Addresses that the person asked to dial, and goes on asking for until the end. Pure, like [`crate::peers`].
//!
//! An address is not a peer: who answers there may change. So each is dialled by itself whenever nobody who answered there is
//! connected.

use std::time::Instant;

use feed::DeviceKey;
use libp2p::{Multiaddr, swarm::ConnectionId};

use crate::backoff::{Backoff, Jitter};

#[derive(Debug, Default)]
pub(crate) struct Wanted {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    address: Multiaddr,
    /// Who answered there last.
    device: Option<DeviceKey>,
    /// The dial under way.
    attempt: Option<ConnectionId>,
    backoff: Backoff,
}

impl Wanted {
    pub(crate) fn add(&mut self, address: Multiaddr, now: Instant) {
        if !self.entries.iter().any(|entry| entry.address == address) {
            self.entries.push(Entry { address, device: None, attempt: None, backoff: Backoff::new(now) });
        }
    }

    /// Addresses to dial now; [`Wanted::dialling`] follows for each.
    pub(crate) fn due(&self, now: Instant, is_connected: impl Fn(&DeviceKey) -> bool) -> Vec<Multiaddr> {
        let due = self.waiting(is_connected).filter(|entry| entry.backoff.is_due(now));
        due.map(|entry| entry.address.clone()).collect()
    }

    /// When to look again, if nothing happens first.
    pub(crate) fn timeout(&self, is_connected: impl Fn(&DeviceKey) -> bool) -> Option<Instant> {
        self.waiting(is_connected).map(|entry| entry.backoff.due()).min()
    }

    fn waiting(&self, is_connected: impl Fn(&DeviceKey) -> bool) -> impl Iterator<Item = &Entry> {
        let idle = self.entries.iter().filter(|entry| entry.attempt.is_none());
        idle.filter(move |entry| !entry.device.as_ref().is_some_and(&is_connected))
    }

    /// An address is being dialled.
    pub(crate) fn dialling(&mut self, address: &Multiaddr, attempt: ConnectionId) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.address == *address) {
            entry.attempt = Some(attempt);
        }
    }

    /// Somebody answered.
    pub(crate) fn connected(&mut self, attempt: ConnectionId, device: DeviceKey) {
        if let Some(entry) = self.attempt(attempt) {
            entry.attempt = None;
            entry.device = Some(device);
        }
    }

    /// Nobody answered, or nobody of ours. The address, if it was one of these attempts.
    pub(crate) fn failed(
        &mut self,
        attempt: ConnectionId,
        rejected: bool,
        now: Instant,
        jitter: &mut Jitter,
    ) -> Option<Multiaddr> {
        let entry = self.attempt(attempt)?;
        entry.attempt = None;
        match rejected {
            true => entry.backoff.rejected(now, jitter),
            false => entry.backoff.unreachable(now, jitter),
        }
        Some(entry.address.clone())
    }

    /// The last connection of a device is gone: without ever having been a link (`None`), or after a link, good or not.
    pub(crate) fn lost(&mut self, device: DeviceKey, link: Option<bool>, now: Instant, jitter: &mut Jitter) {
        for entry in self.entries.iter_mut().filter(|entry| entry.device == Some(device)) {
            match link {
                None => entry.backoff.rejected(now, jitter),
                Some(true) => entry.backoff.reset(now, jitter),
                Some(false) => entry.backoff.unreachable(now, jitter),
            }
        }
    }

    /// A device turned out to speak another protocol.
    pub(crate) fn not_ours(&mut self, device: DeviceKey, now: Instant, jitter: &mut Jitter) -> Vec<Multiaddr> {
        let mut addresses = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.device == Some(device)) {
            entry.backoff.not_ours(now, jitter);
            addresses.push(entry.address.clone());
        }
        addresses
    }

    /// An interface came, went or changed.
    pub(crate) fn network_changed(&mut self, soon: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.backoff.heard(soon));
    }

    /// Somebody is let in who was not: whoever rejected us, or was turned away, is dialled again.
    pub(crate) fn allowed(&mut self, now: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.backoff = Backoff::new(now));
    }

    fn attempt(&mut self, attempt: ConnectionId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.attempt == Some(attempt))
    }
}
