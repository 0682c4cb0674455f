//! Hostile neighbours: each is somebody new, links to somebody, misbehaves in one of four ways, and goes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feed::{FeedId, KeyPair};
use net::{Net, NetEvent, NetEvents};
use node::NetworkId;
use node::wire::{Hello, SentIds, VERSION, clock_digest, write_notes};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use replication::ebt::{Clock, Note};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many there are at once.
const AT_ONCE: u64 = 3;
/// How long one waits for its link, and stays on it at most.
const STAYS: Duration = Duration::from_secs(3);
/// Between one and the next.
const PAUSE: Duration = Duration::from_millis(500);

/// Those who are about.
pub(crate) struct Hostile {
    addresses: Arc<Mutex<Vec<String>>>,
    links: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    all: JoinSet<()>,
}

impl Hostile {
    pub(crate) fn begin(addresses: Vec<String>) -> Self {
        let addresses = Arc::new(Mutex::new(addresses));
        let (links, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut all = JoinSet::new();
        for n in 0..AT_ONCE {
            let (addresses, links, over) = (Arc::clone(&addresses), Arc::clone(&links), Arc::clone(&over));
            all.spawn(async move {
                let mut random = ChaCha8Rng::seed_from_u64(n);
                while !over.load(Ordering::Relaxed) {
                    let address = {
                        let addresses = addresses.lock().expect("nobody panics");
                        addresses[(random.next_u64() % addresses.len() as u64) as usize].clone()
                    };
                    if nuisance(&address, &mut random).await {
                        links.fetch_add(1, Ordering::Relaxed);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        Self { addresses, links, over, all }
    }

    /// Where everybody is now.
    pub(crate) fn find(&self, addresses: Vec<String>) {
        *self.addresses.lock().expect("nobody panics") = addresses;
    }

    /// They leave; how many links they had.
    pub(crate) async fn end(mut self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.all.join_next().await {
            ended.expect("no panic");
        }
        self.links.load(Ordering::Relaxed)
    }
}

/// Somebody new misbehaves once; whether they got a link.
async fn nuisance(address: &str, random: &mut ChaCha8Rng) -> bool {
    let way = random.next_u64() % 4;
    if way == 0 {
        garbage(address, random).await;
        return false;
    }
    let mut seed = [0; 32];
    random.fill_bytes(&mut seed);
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    let config = net::Config { listen, mdns: false, ..net::Config::default() };
    let (net, mut events) = Net::start(&KeyPair::from_seed(&seed), config).await.expect("loopback works");
    net.dial(address.parse().expect("an address")).expect("room");
    let link = tokio::time::timeout(STAYS, linked(&mut events)).await.ok().flatten();
    if let Some(link) = link {
        let mut noise = vec![0; 40 + (random.next_u64() % 4_000) as usize];
        random.fill_bytes(&mut noise);
        let frames = match way {
            // No hello.
            1 => vec![noise],
            // A hello, then frames of every kind that cannot be read.
            2 => std::iter::once(hello()).chain((0..20).map(|kind| [vec![kind], noise.clone()].concat())).collect(),
            // A hello, then claims to hold much of what nobody wrote, and silence.
            _ => vec![hello(), claims(random)],
        };
        for frame in frames {
            // It may be cut off in the middle.
            if net.send(link, frame).is_err() {
                break;
            }
        }
        let ends = async { while !matches!(events.next().await, Some(NetEvent::LinkDown { .. }) | None) {} };
        let _ = tokio::time::timeout(STAYS, ends).await;
    }
    net.shutdown().await;
    link.is_some()
}

async fn linked(events: &mut NetEvents) -> Option<net::LinkId> {
    loop {
        if let NetEvent::LinkUp { link, .. } = events.next().await? {
            return Some(link);
        }
    }
}

/// The hello of somebody who was never met.
fn hello() -> Vec<u8> {
    let nothing = clock_digest(&Clock::new());
    let (told, held) = (nothing, nothing);
    let network = NetworkId::of(None);
    Hello { version: VERSION, features: 0, frame_limit: 1 << 20, network, generation: 1, run: 1, told, held }.encode()
}

/// Notes of a thousand feeds that do not exist.
fn claims(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut feed = || {
        let mut key = [0; 32];
        random.fill_bytes(&mut key);
        (FeedId::classic(key), Note::lazy(1_000_000))
    };
    let notes: Vec<_> = (0..1_000).map(|_| feed()).collect();
    write_notes(&notes, &mut SentIds::default()).expect("few feeds")
}

/// Bytes that are no protocol, at the bare port.
async fn garbage(address: &str, random: &mut ChaCha8Rng) {
    let mut parts = address.split('/').skip_while(|part| *part != "tcp").skip(1);
    let port: u16 = parts.next().and_then(|port| port.parse().ok()).expect("a TCP address");
    // It may have gone.
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let mut noise = vec![0; 64 << 10];
    random.fill_bytes(&mut noise);
    let flood = async { while stream.write_all(&noise).await.is_ok() {} };
    let _ = tokio::time::timeout(STAYS, flood).await;
}
