//! The libp2p swarm: transports, limits and the behaviours put together.

use std::time::{Duration, Instant};

use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, connection_limits,
    futures::StreamExt,
    identity::Keypair,
    memory_connection_limits, noise,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::time::timeout_at;

use crate::{
    config::{CONNECT_DEADLINE, IDLE_CONNECTION, Limits},
    net::NetError,
    now, streams,
};

/// Streams of a connection at a time: the link, one each way for words, a few for files each way, and those that end just now. More of them end the whole
/// connection (yamux), so honest peers stay far below.
const STREAMS: usize = 32;
/// Streams that are still being negotiated on a connection; further ones are dropped.
const NEGOTIATING: usize = 8;
/// How long to wait for the first address to listen on.
const FIRST_ADDRESS: Duration = Duration::from_secs(2);
/// Addresses that follow the first one so soon are reported together with it.
const MORE_ADDRESSES: Duration = Duration::from_millis(50);

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    /// After the limits, so that what they deny it never sees as established.
    pub(crate) streams: streams::Behaviour,
    /// Last, because whoever is kept out is denied by the streams.
    pub(crate) now: now::Behaviour,
}

pub(crate) fn build(keypair: Keypair, limits: &Limits) -> Result<Swarm<Behaviour>, NetError> {
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.pending_incoming))
        .with_max_pending_outgoing(Some(limits.pending_outgoing))
        .with_max_established_incoming(Some(limits.incoming))
        .with_max_established_per_peer(Some(limits.per_peer))
        .with_max_established(Some(limits.total));
    let yamux = || {
        let mut yamux = yamux::Config::default();
        yamux.set_max_num_streams(STREAMS);
        yamux
    };
    let now = now::Behaviour::new().map_err(NetError::Transport)?;
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux)
        .map_err(|error| NetError::Transport(error.to_string()))?
        .with_quic()
        .with_behaviour(|_| Behaviour {
            limits: connection_limits::Behaviour::new(connections),
            memory: memory_connection_limits::Behaviour::with_max_bytes(limits.process_bytes),
            streams: streams::Behaviour::new(limits),
            now,
        })
        .map_err(|error| NetError::Transport(error.to_string()))?
        .with_swarm_config(|config| {
            config.with_idle_connection_timeout(IDLE_CONNECTION).with_max_negotiating_inbound_streams(NEGOTIATING)
        })
        .with_connection_timeout(CONNECT_DEADLINE)
        .build();
    Ok(swarm)
}

/// Listens on what works of `addresses`, and waits for the first addresses that others can use.
pub(crate) async fn listen(swarm: &mut Swarm<Behaviour>, addresses: &[Multiaddr]) -> Result<Vec<Multiaddr>, NetError> {
    let mut failure = None;
    let mut listeners = 0;
    for address in addresses {
        match swarm.listen_on(address.clone()) {
            Ok(_) => listeners += 1,
            Err(error) => {
                tracing::debug!(%address, %error, "cannot listen");
                failure = Some((address.clone(), cause(&error)));
            }
        }
    }
    let mut listening = Vec::new();
    let mut until = Instant::now() + FIRST_ADDRESS;
    while listeners > 0 {
        match timeout_at(until.into(), swarm.select_next_some()).await {
            Ok(SwarmEvent::NewListenAddr { address, .. }) => {
                listening.push(address);
                until = Instant::now() + MORE_ADDRESSES;
            }
            Ok(SwarmEvent::ListenerClosed { addresses: closed, reason: Err(error), .. }) => {
                listeners -= 1;
                failure = closed.into_iter().next().map(|address| (address, cause(&error))).or(failure);
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    match failure {
        Some((address, reason)) if listening.is_empty() => Err(NetError::Listen { address, reason }),
        _ => Ok(listening),
    }
}

/// What an error says, or what is behind one that says nothing of its own.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    loop {
        let words = error.to_string();
        match error.source() {
            Some(source) if words.trim().is_empty() => error = source,
            _ => return words,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use libp2p::TransportError;

    use super::*;

    #[test]
    fn an_error_without_words_has_those_of_what_is_behind_it() {
        let behind = TransportError::Other(io::Error::other("the address is not ours"));
        assert_eq!(cause(&behind), "the address is not ours");
    }
}
