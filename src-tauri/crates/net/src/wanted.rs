//! Addresses that the person asked to dial. Pure, like [`crate::peers`].
//!
//! An address is not a peer: who answers there may change. So each is dialled by itself whenever nobody who answered there is
//! connected. One that is on trial is forgotten when its first dial leads to no link.

use std::time::Instant;

use feed::DeviceKey;
use libp2p::{Multiaddr, swarm::ConnectionId};

use crate::{
    backoff::{Backoff, Jitter},
    config::WANTED_ADDRESSES,
};

#[derive(Debug, Default)]
pub(crate) struct Wanted {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    address: Multiaddr,
    on_trial: bool,
    /// Who answered there last.
    device: Option<DeviceKey>,
    /// The dial under way.
    attempt: Option<ConnectionId>,
    backoff: Backoff,
}

/// What became of an address that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    Known,
    NoRoom,
}

impl Wanted {
    /// Takes an address, and dials one that is known at once.
    pub(crate) fn add(&mut self, address: Multiaddr, on_trial: bool, now: Instant) -> Added {
        if let Some(known) = self.entries.iter_mut().find(|entry| entry.address == address) {
            known.on_trial &= on_trial;
            known.backoff = Backoff::new(now);
            return Added::Known;
        }
        if self.entries.len() >= WANTED_ADDRESSES {
            return Added::NoRoom;
        }
        self.entries.push(Entry { address, on_trial, device: None, attempt: None, backoff: Backoff::new(now) });
        Added::New
    }

    pub(crate) fn remove(&mut self, address: &Multiaddr) {
        self.entries.retain(|entry| entry.address != *address);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Who answered at an address last.
    pub(crate) fn device_at(&self, address: &Multiaddr) -> Option<DeviceKey> {
        self.entries.iter().find(|entry| entry.address == *address)?.device
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

    /// A device has a link: the addresses at which it answered. They are kept from now on.
    pub(crate) fn linked(&mut self, device: DeviceKey) -> Vec<Multiaddr> {
        let entries = self.entries.iter_mut().filter(|entry| entry.device == Some(device));
        let linked = entries.map(|entry| {
            entry.on_trial = false;
            entry.address.clone()
        });
        linked.collect()
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
        let address = entry.address.clone();
        self.drop_trials(std::slice::from_ref(&address));
        Some(address)
    }

    /// The last connection of a device is gone: without ever having been a link (`None`), or after a link, good or not. The addresses
    /// at which it answered to no end.
    pub(crate) fn lost(
        &mut self,
        device: DeviceKey,
        link: Option<bool>,
        now: Instant,
        jitter: &mut Jitter,
    ) -> Vec<Multiaddr> {
        self.fruitless(device, |backoff| match link {
            None => backoff.rejected(now, jitter),
            Some(true) => backoff.reset(now, jitter),
            Some(false) => backoff.unreachable(now, jitter),
        })
    }

    /// A device turned out to speak another protocol. The addresses at which it answered.
    pub(crate) fn not_ours(&mut self, device: DeviceKey, now: Instant, jitter: &mut Jitter) -> Vec<Multiaddr> {
        self.fruitless(device, |backoff| backoff.not_ours(now, jitter))
    }

    fn fruitless(&mut self, device: DeviceKey, mut wait: impl FnMut(&mut Backoff)) -> Vec<Multiaddr> {
        let mut addresses = Vec::new();
        for entry in self.entries.iter_mut().filter(|entry| entry.device == Some(device)) {
            wait(&mut entry.backoff);
            addresses.push(entry.address.clone());
        }
        self.drop_trials(&addresses);
        addresses
    }

    fn drop_trials(&mut self, failed: &[Multiaddr]) {
        self.entries.retain(|entry| !(entry.on_trial && failed.contains(&entry.address)));
    }

    /// An interface came, went or changed.
    pub(crate) fn network_changed(&mut self, soon: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.backoff.heard(soon));
    }

    /// A device is let in that was not: where it answered, or nobody did whom we let in, is dialled again.
    pub(crate) fn allowed(&mut self, device: DeviceKey, now: Instant) {
        let concerned = self.entries.iter_mut().filter(|entry| entry.device.is_none_or(|known| known == device));
        concerned.for_each(|entry| entry.backoff = Backoff::new(now));
    }

    fn attempt(&mut self, attempt: ConnectionId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.attempt == Some(attempt))
    }
}
