//! Dialling an address that a person typed: once, with an answer; and kept to once one of ours answered there.

use std::sync::Arc;

use feed::DeviceKey;
use libp2p::{Multiaddr, multiaddr::Protocol, swarm::DialError};
use tokio::sync::oneshot;

use crate::{config::WANTED_ADDRESSES, wishes::Wishes};

/// Nothing came of dialling an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreached {
    /// There are [`WANTED_ADDRESSES`] already.
    #[error("{WANTED_ADDRESSES} addresses are dialled already; forget one of them first")]
    TooMany,
    /// Nobody answered, or none of ours; why, for a person.
    #[error("{0}")]
    NoAnswer(String),
    /// [`Dialler::forget`] came first.
    #[error("the address was forgotten meanwhile")]
    Forgotten,
    /// The network has shut down.
    #[error("the network is shut down")]
    Down,
}

/// Whether an address is one that this crate can dial: numbers, not a name, and TCP or QUIC.
pub fn is_dialable(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol> = address.iter().collect();
    let Some((Protocol::Ip4(_) | Protocol::Ip6(_), rest)) = parts.split_first() else { return false };
    match rest {
        [Protocol::Tcp(port), rest @ ..] | [Protocol::Udp(port), Protocol::QuicV1, rest @ ..] => {
            *port > 0 && matches!(rest, [] | [Protocol::P2p(_)])
        }
        _ => false,
    }
}

/// Where the answer to a dial goes.
pub(crate) type DialAnswer = oneshot::Sender<Result<Answered, Unreached>>;

/// One of ours answered at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Which device.
    pub device: DeviceKey,
    /// Whether the address was not dialled before.
    pub is_new: bool,
}

/// An address to dial.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) address: Multiaddr,
    /// Whoever waits for the first answer; the address is forgotten when there is none. None: it is dialled until the end.
    pub(crate) answer: Option<DialAnswer>,
}

/// Dials addresses that are not announced. Cheap to clone; it does not keep the network alive.
#[derive(Clone, Debug)]
pub struct Dialler(pub(crate) Arc<Wishes>);

impl Dialler {
    /// Dials an address once and says which device made a link there, at the latest after the time that connecting may take and an unused
    /// connection is kept. From then on the address is dialled again whenever that device is not connected, until [`Dialler::forget`].
    ///
    /// # Errors
    /// When nobody answered there, or none of ours; then the address is not dialled again, unless it was before.
    pub async fn try_address(&self, address: Multiaddr) -> Result<Answered, Unreached> {
        let (answer, answered) = oneshot::channel();
        self.0.dial(Dial { address, answer: Some(answer) })?;
        answered.await.unwrap_or(Err(Unreached::Down))
    }

    /// Dials an address no more. A link that stands stays.
    pub fn forget(&self, address: Multiaddr) {
        self.0.forget(address);
    }
}

/// Who waits for which address to answer.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Vec<(Multiaddr, bool, DialAnswer)>);

impl Waiting {
    pub(crate) fn add(&mut self, address: Multiaddr, answer: DialAnswer, is_new: bool) {
        self.0.push((address, is_new, answer));
    }

    /// Tells whoever waits for this address.
    pub(crate) fn answer(&mut self, address: &Multiaddr, result: &Result<DeviceKey, Unreached>) {
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(wanted, ..)| wanted == address);
        self.0 = waiting;
        for (_, is_new, answer) in due {
            // Whoever asked may have gone.
            let _ = answer.send(result.clone().map(|device| Answered { device, is_new }));
        }
    }
}

/// A dial error as a person would say it, one line.
pub(crate) fn in_words(error: &DialError) -> String {
    match error {
        // Of the addresses to dial libp2p leaves out one's own.
        DialError::LocalPeerId { .. } | DialError::NoAddresses => "this device itself answers there".into(),
        DialError::WrongPeerId { .. } => "another device answers there".into(),
        DialError::Denied { .. } => "connections with it are not allowed now".into(),
        DialError::Transport(errors) => {
            let last = errors.last().map(|(_, error)| root_cause(error)).filter(|words| !words.is_empty());
            last.unwrap_or_else(|| "nobody answers there".into())
        }
        other => other.to_string(),
    }
}

/// What the system said; libp2p wraps that several times, in errors of which some print nothing.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let words = error.to_string();
        if !words.is_empty() {
            said = words;
        }
        next = error.source();
    }
    said
}
