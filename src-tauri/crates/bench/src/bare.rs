//! Two bare peers: what libp2p itself can carry from one process to another, when the one that takes hashes and stores it as well.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    time::Instant,
};

use feed::BlobId;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncReadExt, AsyncWriteExt, StreamExt},
    multiaddr::Protocol,
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/bare/1");
/// Bytes read and written at once.
const PIECE: usize = 256 << 10;

/// The first line of the one that gives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// With its peer id.
    pub(crate) address: String,
}

/// The one line of the one that takes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Took {
    /// From opening the stream to the file being on the disk.
    pub(crate) seconds: f64,
    /// The blob's name of what came.
    pub(crate) id: String,
}

/// The same transport as the app's.
fn swarm() -> Result<Swarm<libp2p_stream::Behaviour>, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Wrong(format!("a bare peer cannot be made: {error}"));
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| wrong(&error))?
        .with_behaviour(|_| libp2p_stream::Behaviour::new())
        .map_err(|error| wrong(&error))?
        .build();
    Ok(swarm)
}

/// Gives a file to whoever asks, until it is killed.
///
/// # Errors
/// When it cannot listen, or the file cannot be read.
pub async fn give(path: &Path) -> Result<(), Error> {
    let mut swarm = swarm()?;
    let any = "/ip4/127.0.0.1/tcp/0".parse().map_err(|_| Error::Wrong("loopback is no address".into()))?;
    swarm.listen_on(any).map_err(|error| Error::Wrong(error.to_string()))?;
    let mut asked =
        swarm.behaviour().new_control().accept(PROTOCOL).map_err(|error| Error::Wrong(error.to_string()))?;
    let me = *swarm.local_peer_id();
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if let SwarmEvent::NewListenAddr { address, .. } = event {
                    let address = address.with(Protocol::P2p(me)).to_string();
                    println!("{}", serde_json::to_string(&Listening { address })?);
                }
            }
            Some((_, mut stream)) = asked.next() => {
                let mut file = File::open(path).map_err(Error::disk(path))?;
                tokio::spawn(async move {
                    let mut piece = vec![0; PIECE];
                    while let Ok(count @ 1..) = file.read(&mut piece) {
                        if stream.write_all(&piece[..count]).await.is_err() {
                            return;
                        }
                    }
                    // Whoever takes it sees whether all came.
                    let _ = stream.close().await;
                });
            }
        }
    }
}

/// Takes a file, hashes it as it comes, and ends once it is on the disk.
///
/// # Errors
/// When nobody gives it, or it cannot be written.
pub async fn take(address: &str, path: &Path) -> Result<(), Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Wrong(format!("{address}: {error}"));
    let mut swarm = swarm()?;
    let address: Multiaddr = address.parse().map_err(|error| wrong(&error))?;
    let peer: Option<PeerId> = address.iter().find_map(|part| match part {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    });
    let peer = peer.ok_or_else(|| Error::Wrong("the address names nobody".into()))?;
    let mut control = swarm.behaviour().new_control();
    swarm.dial(address).map_err(|error| wrong(&error))?;
    loop {
        if let SwarmEvent::ConnectionEstablished { .. } = swarm.select_next_some().await {
            break;
        }
    }
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let begun = Instant::now();
    let mut stream = control.open_stream(peer, PROTOCOL).await.map_err(|error| wrong(&error))?;
    // The protocol is agreed on with the first write.
    stream.flush().await?;
    let mut file = File::create(path).map_err(Error::disk(path))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        file.write_all(&piece[..count]).map_err(Error::disk(path))?;
    }
    file.sync_all().map_err(Error::disk(path))?;
    let id = BlobId::classic(hash.finalize().into()).to_string();
    println!("{}", serde_json::to_string(&Took { seconds: begun.elapsed().as_secs_f64(), id })?);
    Ok(())
}
