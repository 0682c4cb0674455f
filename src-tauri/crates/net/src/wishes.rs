//! What the handle asks of the hub, and what the hub lets the handle see: small bounded sets behind a lock, so that asking
//! never blocks and never queues.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use feed::DeviceKey;
use libp2p::Multiaddr;
use tokio::sync::{Notify, oneshot};

use crate::{
    bytes::{ByteStream, BytesError},
    config::{BYTES_OPENINGS, WANTED_ADDRESSES},
    event::LinkId,
    net::DialError,
};

/// Where the answer to the opening of a stream of bytes goes.
pub(crate) type OpenAnswer = oneshot::Sender<Result<ByteStream, BytesError>>;

/// Shared between [`crate::Net`] and the hub.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Addresses to dial that the hub has not taken yet, and how many it has taken altogether.
    dial: Vec<Multiaddr>,
    dialled: usize,
    /// Changes of who is refused that the hub has not taken yet; the last one counts.
    refuse: BTreeMap<DeviceKey, bool>,
    /// Streams of bytes to open that the hub has not taken yet.
    open: Vec<(LinkId, OpenAnswer)>,
    shutting_down: bool,
    listening: Vec<Multiaddr>,
}

/// What has been asked since the last look.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) dial: Vec<Multiaddr>,
    pub(crate) refuse: BTreeMap<DeviceKey, bool>,
    pub(crate) open: Vec<(LinkId, OpenAnswer)>,
    pub(crate) shut_down: bool,
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and every state is a whole one.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn dial(&self, address: Multiaddr) -> Result<(), DialError> {
        let mut state = self.lock();
        if state.dialled >= WANTED_ADDRESSES {
            return Err(DialError::TooMany);
        }
        state.dialled += 1;
        state.dial.push(address);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn refuse(&self, device: DeviceKey, refuse: bool) {
        self.lock().refuse.insert(device, refuse);
        self.changed.notify_one();
    }

    pub(crate) fn open(&self, link: LinkId, answer: OpenAnswer) -> Result<(), BytesError> {
        let mut state = self.lock();
        if state.shutting_down {
            return Err(BytesError::Down);
        }
        if state.open.len() >= BYTES_OPENINGS {
            return Err(BytesError::TooMany);
        }
        state.open.push((link, answer));
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn shut_down(&self) {
        self.lock().shutting_down = true;
        self.changed.notify_one();
    }

    pub(crate) fn listening(&self) -> Vec<Multiaddr> {
        self.lock().listening.clone()
    }

    pub(crate) fn set_listening(&self, addresses: Vec<Multiaddr>) {
        self.lock().listening = addresses;
    }

    /// Waits until something was asked, then hands it over. Cancel safe.
    pub(crate) async fn asked(&self) -> Asked {
        loop {
            {
                let mut state = self.lock();
                let is_quiet = state.dial.is_empty() && state.refuse.is_empty() && state.open.is_empty();
                if state.shutting_down || !is_quiet {
                    return Asked {
                        dial: std::mem::take(&mut state.dial),
                        refuse: std::mem::take(&mut state.refuse),
                        open: std::mem::take(&mut state.open),
                        shut_down: state.shutting_down,
                    };
                }
            }
            self.changed.notified().await;
        }
    }
}
