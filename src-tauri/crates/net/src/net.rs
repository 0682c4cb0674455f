//! The handle of a running network, and the stream of its events.

use std::sync::Arc;

use feed::{DeviceKey, KeyPair};
use libp2p::Multiaddr;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    bytes::{Incoming, Opener},
    config::{Config, MAX_FRAME},
    dialler::{Dial, Dialler, Unreached},
    doctor::Doctor,
    event::{Closing, DownReason, LinkId, NetEvent},
    hub,
    link::{Delivery, LinkTable},
    now::MAX_WORD,
    wishes::Wishes,
};

/// Starting failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// None of the addresses to listen on works.
    #[error("cannot listen on {address}: {reason}; choose another address, or leave it out to let the system pick")]
    Listen {
        /// The last one tried.
        address: Multiaddr,
        /// What the system said.
        reason: String,
    },
    /// The key pair of this device is not an Ed25519 key pair that libp2p takes.
    #[error("the key of this device cannot be used for connections: {0}")]
    Key(String),
    /// The transports could not be made.
    #[error("the network could not be started: {0}")]
    Transport(String),
}

/// A frame was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The link is down, or never was; its `LinkDown` is on the way if it has not come yet.
    #[error("the link is down")]
    Down,
    /// [`crate::OUTGOING_BYTES`] wait already; wait for [`NetEvent::Writable`].
    #[error("the link has no room: wait until it is writable")]
    Full,
    /// The frame is empty or longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes: it has to have between 1 and {MAX_FRAME}")]
    Length(usize),
}

/// A word was not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a word of {0} bytes: it has to have between 1 and {MAX_WORD}")]
pub struct WordLength(pub usize);

/// A running network. Dropping it ends it in the background; [`Net::shutdown`] waits for that.
#[derive(Debug)]
pub struct Net {
    device: DeviceKey,
    links: Arc<LinkTable>,
    wishes: Arc<Wishes>,
    hub: JoinHandle<()>,
}

impl Net {
    /// Listens, announces this device and begins to look for others. Returns when the first addresses are known.
    ///
    /// # Errors
    ///
    /// When no address to listen on works, or the key is not usable.
    pub async fn start(keys: &KeyPair, config: Config) -> Result<(Net, NetEvents), NetError> {
        let started = hub::start(keys, config).await?;
        let net = Net { device: keys.device_key(), links: started.links, wishes: started.wishes, hub: started.task };
        Ok((net, NetEvents { receiver: started.events, incoming: Some(started.incoming) }))
    }

    /// The key that connections from here prove.
    pub fn device(&self) -> DeviceKey {
        self.device
    }

    /// Where others can reach us now; the same as all `Listening` without the `NotListening`.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.wishes.listening()
    }

    /// Queues a frame of 1 to [`MAX_FRAME`] bytes. Never blocks. [`NetEvent::Writable`] follows when it has been taken.
    ///
    /// # Errors
    ///
    /// When the link is down, when too much waits already, or when the length is not allowed.
    pub fn send(&self, link: LinkId, frame: Vec<u8>) -> Result<(), SendError> {
        if frame.is_empty() || frame.len() > MAX_FRAME {
            return Err(SendError::Length(frame.len()));
        }
        self.links.get(link).ok_or(SendError::Down)?.push(frame)
    }

    /// Ends a link after writing what was sent on it before (for at most [`crate::config::Patience::flush`]). `LinkDown` follows. When
    /// there may be another link with the same peer is up to `closing`.
    pub fn close(&self, link: LinkId, closing: Closing, reason: impl Into<String>) {
        if let Some(outgoing) = self.links.get(link) {
            outgoing.close(DownReason::ClosedHere { closing, reason: reason.into() });
        }
    }

    /// Ends a link at once: what was sent on it and is not written yet is dropped. `LinkDown` follows. There may be another link with
    /// the same peer at once.
    pub fn abort(&self, link: LinkId, reason: impl Into<String>) {
        if let Some(outgoing) = self.links.get(link) {
            outgoing.abort(DownReason::ClosedHere { closing: Closing::Busy, reason: reason.into() });
        }
    }

    /// Reads a frame every [`crate::config::SLOWED`] from a link at most, or as much as comes again.
    pub fn slow(&self, link: LinkId, slow: bool) {
        if let Some(outgoing) = self.links.get(link) {
            outgoing.slow(slow);
        }
    }

    /// Reads nothing from a link, so that its other end has to wait, or goes on. Frames that were read already, at most
    /// [`crate::config::INCOMING_BYTES`], and the next one still come. A link that is held for longer than the other end's patience is
    /// ended there.
    pub fn hold(&self, link: LinkId, hold: bool) {
        if let Some(outgoing) = self.links.get(link) {
            outgoing.hold(hold);
        }
    }

    /// Ends the connections of a device and lets it in no more, until [`Net::allow`].
    pub fn refuse(&self, device: DeviceKey) {
        self.wishes.refuse(device, true);
    }

    /// Takes back [`Net::refuse`], and looks for the device at once.
    pub fn allow(&self, device: DeviceKey) {
        self.wishes.refuse(device, false);
    }

    /// Dials an address, and again after a failure or a loss, until the end. An address that ends in `/p2p/…` counts only when
    /// that peer answers.
    ///
    /// # Errors
    ///
    /// When too many addresses are dialled already.
    pub fn dial(&self, address: Multiaddr) -> Result<(), Unreached> {
        self.wishes.dial(Dial { address, answer: None })
    }

    /// Dials addresses and says who answered.
    pub fn dialler(&self) -> Dialler {
        Dialler(Arc::clone(&self.wishes))
    }

    /// Examines the network.
    pub fn doctor(&self) -> Doctor {
        Doctor { wishes: Arc::clone(&self.wishes), links: Arc::clone(&self.links) }
    }

    /// Says something to everybody who is connected, once: whoever hears it gets [`NetEvent::Heard`] and passes it on to nobody. It is not repeated, and a
    /// word that comes before the one before it has left takes its place.
    ///
    /// # Errors
    ///
    /// When it is empty or longer than [`MAX_WORD`] bytes.
    pub fn say(&self, word: Vec<u8>) -> Result<(), WordLength> {
        if word.is_empty() || word.len() > MAX_WORD {
            return Err(WordLength(word.len()));
        }
        self.wishes.say(word);
        Ok(())
    }

    /// Opens streams of bytes beside links.
    pub fn opener(&self) -> Opener {
        Opener(Arc::clone(&self.wishes))
    }

    /// Writes what is queued, for at most [`crate::config::Patience::flush`], says goodbye on the local network and closes everything.
    /// `LinkDown` comes for each link, then the events end. They need not be drained meanwhile.
    pub async fn shutdown(mut self) {
        self.wishes.shut_down();
        // A task that panicked has nothing left to close.
        let _ = (&mut self.hub).await;
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.wishes.shut_down();
    }
}

/// What the network has to say, in order.
#[derive(Debug)]
pub struct NetEvents {
    receiver: mpsc::Receiver<Delivery>,
    incoming: Option<Incoming>,
}

impl NetEvents {
    /// The streams of bytes that peers open; the first time only. They come apart from the events, so that whoever is busy with those
    /// does not hold them up.
    pub fn incoming(&mut self) -> Option<Incoming> {
        self.incoming.take()
    }

    /// The next event; `None` when the network has shut down. Taking a `Received` gives the link room for more, so whoever
    /// does not take events makes the other side wait. Cancel safe.
    pub async fn next(&mut self) -> Option<NetEvent> {
        self.receiver.recv().await.map(Delivery::take)
    }
}
