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
    dialler::{Dial, Unreached},
    event::LinkId,
    streams::Beside,
};

/// Where the answer to the opening of a stream beside a link goes.
pub(crate) type OpenAnswer = oneshot::Sender<Result<ByteStream, BytesError>>;

/// Shared between [`crate::Net`] and the hub.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Addresses to dial, and to dial no more, that the hub has not taken yet; and how many it dials.
    dial: Vec<Dial>,
    forget: Vec<Multiaddr>,
    dialled: usize,
    /// Changes of who is refused that the hub has not taken yet; the last one counts.
    refuse: BTreeMap<DeviceKey, bool>,
    /// Streams beside links to open that the hub has not taken yet.
    open: Vec<(LinkId, Beside, OpenAnswer)>,
    /// What to say to everybody; a later word takes the place of one that was not said yet.
    say: Option<Vec<u8>>,
    shutting_down: bool,
    listening: Vec<Multiaddr>,
}

/// What has been asked since the last look.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) dial: Vec<Dial>,
    pub(crate) forget: Vec<Multiaddr>,
    pub(crate) refuse: BTreeMap<DeviceKey, bool>,
    pub(crate) open: Vec<(LinkId, Beside, OpenAnswer)>,
    pub(crate) say: Option<Vec<u8>>,
    pub(crate) shut_down: bool,
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and every state is a whole one.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn dial(&self, dial: Dial) -> Result<(), Unreached> {
        let mut state = self.lock();
        if state.shutting_down {
            return Err(Unreached::Down);
        }
        // Whoever waits for an answer is told by the hub, which knows whether the address is one more.
        let known = if dial.answer.is_some() { 0 } else { state.dialled };
        if known + state.dial.len() >= WANTED_ADDRESSES {
            return Err(Unreached::TooMany);
        }
        state.dial.push(dial);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn forget(&self, address: Multiaddr) {
        let mut state = self.lock();
        // What the hub takes at once it forgets first, so a dial that was asked for before must not be among it.
        for overtaken in state.dial.extract_if(.., |dial| dial.address == address) {
            if let Some(answer) = overtaken.answer {
                // Whoever asked may have gone.
                let _ = answer.send(Err(Unreached::Forgotten));
            }
        }
        // No more are dialled at once.
        if state.forget.len() < WANTED_ADDRESSES && !state.forget.contains(&address) {
            state.forget.push(address);
        }
        self.changed.notify_one();
    }

    /// How many addresses the hub dials now.
    pub(crate) fn set_dialled(&self, dialled: usize) {
        self.lock().dialled = dialled;
    }

    pub(crate) fn refuse(&self, device: DeviceKey, refuse: bool) {
        self.lock().refuse.insert(device, refuse);
        self.changed.notify_one();
    }

    pub(crate) fn open(&self, link: LinkId, what: Beside, answer: OpenAnswer) -> Result<(), BytesError> {
        let mut state = self.lock();
        if state.shutting_down {
            return Err(BytesError::Down);
        }
        if state.open.len() >= BYTES_OPENINGS {
            return Err(BytesError::TooMany);
        }
        state.open.push((link, what, answer));
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn say(&self, word: Vec<u8>) {
        self.lock().say = Some(word);
        self.changed.notify_one();
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
                let is_quiet = state.dial.is_empty()
                    && state.forget.is_empty()
                    && state.refuse.is_empty()
                    && state.open.is_empty()
                    && state.say.is_none();
                if state.shutting_down || !is_quiet {
                    // Counted until the hub says how many it has.
                    state.dialled += state.dial.len();
                    return Asked {
                        dial: std::mem::take(&mut state.dial),
                        forget: std::mem::take(&mut state.forget),
                        refuse: std::mem::take(&mut state.refuse),
                        open: std::mem::take(&mut state.open),
                        say: state.say.take(),
                        shut_down: state.shutting_down,
                    };
                }
            }
            self.changed.notified().await;
        }
    }
}
