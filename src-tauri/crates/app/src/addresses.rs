//! Links to addresses that a person typed, for those whom discovery does not find: in another network, or where multicast is kept from
//! people.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use feed::{DeviceKey, PersonId};
use net::{Answered, Multiaddr, Unreached};
use store::{KeptAddress, MAX_ADDRESS_BYTES, MAX_ADDRESSES};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use crate::App;
use crate::people::{People, blocks};
use crate::view::{Failure, FailureCode, Person, Reached};

/// How long an address may take to answer: to be dialled, and to let go of a connection that it makes no link of.
const ANSWER: Duration = Duration::from_secs(20);

/// How long two devices that have a link may take to introduce themselves.
const HELLO: Duration = Duration::from_secs(10);

/// How often it is looked whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What dials, and what is kept.
pub(crate) struct Addresses {
    dialler: net::Dialler,
    kept: Mutex<Vec<KeptAddress>>,
    /// Held while an address is tried or forgotten: one after the other.
    turn: Mutex<()>,
}

impl Addresses {
    pub(crate) fn new(dialler: net::Dialler, kept: Vec<KeptAddress>) -> Self {
        Self { dialler, kept: Mutex::new(kept), turn: Mutex::default() }
    }
}

impl App {
    /// Dials an address once. Where one of ours answers, the link is kept from now on, also after a restart.
    ///
    /// # Errors
    /// When this is no address, nobody or none of ours answers there, there are too many, nothing runs that could dial, or the disk refuses.
    pub async fn connect(&self, text: &str) -> Result<Person, Failure> {
        let address = typed(text)?;
        let addresses = self.addresses().ok_or_else(nothing_dials)?;
        let _turn = addresses.turn.lock().await;
        let kept = addresses.kept.lock().await.clone();
        if kept.len() >= MAX_ADDRESSES && !kept.iter().any(|kept| kept.address == address.to_string()) {
            return Err(no_answer(&address, &Unreached::TooMany));
        }
        let answered = timeout(ANSWER, addresses.dialler.try_address(address.clone())).await;
        let answered = answered.unwrap_or_else(|_| Err(Unreached::NoAnswer("nobody answers there".into())));
        let Answered { device, is_new } = answered.map_err(|error| no_answer(&address, &error))?;
        let met = match blocks(self.store(), &device.into()) {
            Some(_) => Err(blocked()),
            None => self.introduced(device).await,
        };
        let kept = match met {
            Ok(person) => {
                let mut kept = kept;
                kept.retain(|kept| kept.address != address.to_string());
                kept.push(KeptAddress { address: address.to_string(), person });
                self.keep_addresses(addresses, kept).await.map(|()| person)
            }
            Err(failure) => Err(failure),
        };
        // What was dialled before goes on being dialled.
        if kept.is_err() && is_new {
            addresses.dialler.forget(address);
        }
        let person = kept?;
        Ok(People::load(self.store(), [person].into(), [person].into()).await?.view(person))
    }

    /// Keeps no link to an address any more. One that stands stays until it ends.
    ///
    /// # Errors
    /// When it is not kept, nothing runs that could dial, or the disk refuses.
    pub async fn forget_address(&self, text: &str) -> Result<(), Failure> {
        let address = typed(text)?;
        let addresses = self.addresses().ok_or_else(nothing_dials)?;
        let _turn = addresses.turn.lock().await;
        let mut kept = addresses.kept.lock().await.clone();
        let before = kept.len();
        kept.retain(|kept| kept.address != address.to_string());
        if kept.len() == before {
            return Err(Failure::new(
                FailureCode::NotFound,
                format!("No link is kept to {address}."),
                "Look which there are: `peri connect` lists them.",
            ));
        }
        self.keep_addresses(addresses, kept).await?;
        addresses.dialler.forget(address);
        Ok(())
    }

    /// The addresses that links are kept to.
    ///
    /// # Errors
    /// When the node is shutting down or the store cannot be read.
    pub async fn reached(&self) -> Result<Vec<Reached>, Failure> {
        self.reached_among(&self.near().await?).await
    }

    /// The same, for whoever knows who is near.
    pub(crate) async fn reached_among(&self, near: &BTreeSet<PersonId>) -> Result<Vec<Reached>, Failure> {
        let kept = match self.addresses() {
            Some(addresses) => addresses.kept.lock().await.clone(),
            None => self.store().addresses(),
        };
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let people = kept.iter().map(|kept| kept.person).collect();
        let people = People::load(self.store(), people, near.clone()).await?;
        let reached = |kept: KeptAddress| Reached { address: kept.address, person: people.view(kept.person) };
        Ok(kept.into_iter().map(reached).collect())
    }

    /// Waits until a device has introduced itself on its link.
    async fn introduced(&self, device: DeviceKey) -> Result<PersonId, Failure> {
        let begun = Instant::now();
        while begun.elapsed() < HELLO {
            let look = self.look().await?;
            let peer = look.peers.iter().find(|peer| peer.device == device);
            if let Some(peer) = peer.filter(|peer| peer.flow != node::Flow::Connecting) {
                return Ok(peer.person);
            }
            sleep(LOOK_AGAIN).await;
        }
        Err(Failure::new(
            FailureCode::Network,
            "Somebody answers there, but does not speak with this device.",
            "Perhaps they use another version, another network key, or have blocked you: ask them.",
        ))
    }

    /// Keeps these and no others, on the disk first.
    async fn keep_addresses(&self, addresses: &Addresses, kept: Vec<KeptAddress>) -> Result<(), Failure> {
        let (store, written) = (self.store().clone(), kept.clone());
        let written = spawn_blocking(move || store.keep_addresses(&written)).await.map_err(Failure::internal)?;
        written.map_err(|error| Failure::disk(self.store().folder(), &error))?;
        *addresses.kept.lock().await = kept;
        Ok(())
    }
}

/// Reads what a person types for an address: a multiaddr, or numbers and a port, which mean TCP.
pub(crate) fn typed(text: &str) -> Result<Multiaddr, Failure> {
    let text = text.trim();
    let read = match text.parse::<SocketAddr>() {
        Ok(SocketAddr::V4(address)) => format!("/ip4/{}/tcp/{}", address.ip(), address.port()).parse().ok(),
        Ok(SocketAddr::V6(address)) if address.scope_id() == 0 => {
            format!("/ip6/{}/tcp/{}", address.ip(), address.port()).parse().ok()
        }
        _ => text.parse::<Multiaddr>().ok(),
    };
    read.filter(net::is_dialable).filter(|address| address.to_string().len() <= MAX_ADDRESS_BYTES).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        Failure::new(
            FailureCode::BadInput,
            format!("{shown:?} is not an address that can be dialled."),
            "It looks like 192.168.1.20:4100 or /ip4/192.168.1.20/tcp/4100; the other device shows its own under Nearby.",
        )
    })
}

fn no_answer(address: &Multiaddr, error: &Unreached) -> Failure {
    let why = error.to_string();
    match error {
        Unreached::TooMany => Failure::new(
            FailureCode::Network,
            format!("Links are kept to {MAX_ADDRESSES} addresses already."),
            "Forget one that is not needed any more, then try again.",
        ),
        _ => Failure::new(
            FailureCode::Network,
            format!("{address} could not be reached: {}.", why.trim_end_matches('.')),
            "See that Periwinkle runs there, that the address is its present one, and that both are in one network.",
        ),
    }
}

fn blocked() -> Failure {
    Failure::new(
        FailureCode::Network,
        "You block the person who answers there.",
        "Unblock them first, if you want a link with them.",
    )
}

fn nothing_dials() -> Failure {
    Failure::nothing_runs("dial an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_port_mean_tcp() {
        let read = |text: &str| typed(text).map(|address| address.to_string()).ok();
        assert_eq!(read(" 192.168.1.20:4100 ").as_deref(), Some("/ip4/192.168.1.20/tcp/4100"));
        assert_eq!(read("[fd00::7]:4100").as_deref(), Some("/ip6/fd00::7/tcp/4100"));
        for same in ["/ip4/10.0.0.7/tcp/4100", "/ip4/10.0.0.7/udp/4100/quic-v1"] {
            assert_eq!(read(same).as_deref(), Some(same));
        }
        for bad in [
            "",
            "ada.example:4100",
            "10.0.0.7",
            "/ip4/10.0.0.7",
            "/dns/ada/tcp/1",
            "[fe80::1%2]:4100",
            "/tcp/1",
            "10.0.0.7:0",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
