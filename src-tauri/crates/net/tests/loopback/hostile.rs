//! A hostile neighbour: a bare libp2p node that speaks `/periwinkle/1` as badly as it likes.

use std::time::Duration;

use feed::DeviceKey;
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, SwarmBuilder,
    futures::{AsyncWriteExt, StreamExt},
    identity::Keypair,
    noise,
    swarm::{SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use libp2p_stream::{Control, IncomingStreams};
use tokio::{sync::mpsc, task::JoinHandle};

pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/periwinkle/1");

/// A libp2p node that runs until it is dropped.
pub(crate) struct Hostile {
    pub(crate) device: DeviceKey,
    pub(crate) address: Multiaddr,
    pub(crate) control: Control,
    /// Peers with whom a connection was made (true) or closed or not made (false).
    connections: mpsc::UnboundedReceiver<bool>,
    dial: mpsc::UnboundedSender<Multiaddr>,
    task: JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hostile {
    /// A node on loopback with a key made of one byte.
    pub(crate) async fn start(seed: u8) -> Self {
        let keypair = Keypair::ed25519_from_bytes([seed; 32]).expect("any bytes will do");
        let device = feed::KeyPair::from_seed(&[seed; 32]).device_key();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .expect("tcp")
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .expect("a behaviour")
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(300)))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("loopback works");
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let control = swarm.behaviour().new_control();
        let (dial, mut dials) = mpsc::unbounded_channel::<Multiaddr>();
        let (sender, connections) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(address) = dials.recv() => {
                        let options = DialOpts::unknown_peer_id().address(address).allocate_new_port().build();
                        swarm.dial(options).expect("an address");
                    }
                    event = swarm.select_next_some() => {
                        let told = match event {
                            SwarmEvent::ConnectionEstablished { .. } => sender.send(true),
                            SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => {
                                sender.send(false)
                            }
                            _ => Ok(()),
                        };
                        if told.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Self { device, address, control, connections, dial, task }
    }

    pub(crate) fn dial(&self, address: &Multiaddr) {
        self.dial.send(address.clone()).expect("it runs");
    }

    /// Whether the next change is a connection made.
    pub(crate) async fn connected(&mut self) -> bool {
        self.connections.recv().await.expect("it runs")
    }

    /// Accepts streams of a protocol.
    pub(crate) fn accept(&mut self) -> IncomingStreams {
        self.control.accept(PROTOCOL).expect("once")
    }

    pub(crate) async fn open(&mut self, device: DeviceKey) -> Option<Stream> {
        self.open_as(device, PROTOCOL).await
    }

    /// Opens a stream of any protocol.
    pub(crate) async fn open_as(&mut self, device: DeviceKey, protocol: StreamProtocol) -> Option<Stream> {
        let key = libp2p::identity::ed25519::PublicKey::try_from_bytes(device.bytes()).expect("a key");
        let peer = PeerId::from_public_key(&key.into());
        self.control.open_stream(peer, protocol).await.ok()
    }
}

/// Writes the same bytes until the other side has had enough; how many times that was.
pub(crate) async fn pour(mut stream: Stream, bytes: Vec<u8>, pause: Duration) -> usize {
    let mut times = 0;
    while stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
        times += 1;
        tokio::time::sleep(pause).await;
    }
    times
}
