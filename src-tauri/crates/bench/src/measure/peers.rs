//! Two peers of one stack: one that has a set, and one that wants it. The same is asked of both stacks.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use app::{
    rpc::{Client, Request},
    status::Status,
    view::{Draft, Failure},
};
use feed::{Head, KeyPair, json::Value};
use rustix::process::Signal;
use serde::{Deserialize, de::IgnoredAny};
use store::Store;
use tokio::time::sleep;

use super::Setup;
use crate::{
    Error,
    dataset::Dataset,
    process::{Companion, PATIENCE},
    reference::prepare,
};

/// Whose peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    /// `peri serve`.
    Ours,
    /// `ssb-db2` and `ssb-ebt`.
    Theirs,
}

/// How often ours are asked how much they have: while much comes, and while they wait for the next message.
const LOOK: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(1)];

/// A running peer.
pub(super) struct Peer {
    companion: Companion,
    address: String,
    /// Where it listens, on 127.0.0.1.
    pub(super) port: u16,
    /// Ours are asked over their socket, the others over their standard input.
    client: Option<Client>,
    /// Messages that it had of its own before anything came.
    own: u64,
    folder: PathBuf,
}

/// The reference's first line.
#[derive(Deserialize)]
struct TheyAreReady {
    address: String,
}

/// The first line of `peri serve`.
#[derive(Deserialize)]
struct WeAreReady {
    addresses: Vec<String>,
}

impl Stack {
    /// Starts a peer on a folder. Those of the reference ask for the feeds of the set; ours know from their folder.
    pub(super) async fn start(self, setup: &Setup, set: &Dataset, folder: &Path) -> Result<Peer, Error> {
        match self {
            Self::Ours => {
                let mut command = Command::new(&setup.peri);
                command.arg("--dir").arg(folder).args(["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"]);
                let mut companion = Companion::start(command)?;
                let ready: WeAreReady = companion.says().await?;
                let address = ready.addresses.into_iter().next().unwrap_or_default();
                let port = address.split('/').nth(4).and_then(|port| port.parse().ok());
                let port = port.ok_or_else(|| Error::Wrong(format!("{address} has no port")))?;
                let client = Client::connect(folder).await;
                let client = client.ok_or_else(|| Error::Wrong("peri serve does not answer".into()))?;
                let own = if folder.join(WANTS).exists() { set.parameters.authors as u64 } else { 0 };
                Ok(Peer { companion, address, port, client: Some(client), own, folder: folder.to_owned() })
            }
            Self::Theirs => {
                let ids = setup.folder.join("run").join("ids.json");
                let authors: Vec<String> = (0..set.parameters.authors)
                    .map(|author| set.parameters.keys(author).feed_id().to_string())
                    .collect();
                fs::write(&ids, serde_json::to_vec(&authors)?).map_err(Error::disk(&ids))?;
                let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
                let mut companion = setup.reference.peer(folder, &ids, port)?;
                let ready: TheyAreReady = companion.says().await?;
                let folder = folder.to_owned();
                Ok(Peer { companion, address: ready.address, port, client: None, own: 0, folder })
            }
        }
    }

    /// A new folder of somebody who has nothing and wants every feed of the set.
    pub(super) async fn newcomer(self, folder: &Path, set: &Dataset) -> Result<(), Error> {
        // After those of the set.
        let keys = set.parameters.keys(set.parameters.authors);
        match self {
            Self::Theirs => prepare(folder, &keys),
            Self::Ours => {
                if folder.exists() {
                    fs::remove_dir_all(folder).map_err(Error::disk(folder))?;
                }
                let store = Store::create(folder, &keys, None).await?;
                store.append(follows(&keys, set)?, 1, true).await?;
                store.close().await?;
                let wants = folder.join(WANTS);
                fs::write(&wants, b"").map_err(Error::disk(&wants))
            }
        }
    }
}

/// Stands in the folder of a newcomer.
const WANTS: &str = "bench-wants";

/// Signed messages by which somebody follows all authors of a set.
fn follows(keys: &KeyPair, set: &Dataset) -> Result<Vec<feed::Verified>, Error> {
    let mut head: Option<Head> = None;
    let mut messages = Vec::new();
    for author in 0..set.parameters.authors {
        let whom = set.parameters.keys(author).feed_id().to_string();
        let content =
            Value::object([("type", "contact".into()), ("contact", whom.into()), ("following", Value::Bool(true))]);
        let message = feed::sign(keys, None, head.as_ref(), 1e12 + author as f64, &content)?;
        head = Some(message.head());
        messages.push(message);
    }
    Ok(messages)
}

impl Peer {
    /// Where others find it, by way of `port` instead of its own.
    pub(super) fn address(&self, port: u16) -> String {
        let (own, other) = (self.port.to_string(), port.to_string());
        self.address.replacen(&own, &other, 1)
    }

    /// Links to a peer.
    pub(super) async fn connect(&mut self, address: &str) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Connected {
            connected: bool,
        }
        match &mut self.client {
            Some(client) => {
                let linked = client.call::<IgnoredAny>(&Request::Connect { address: address.into() }).await;
                linked.map(drop).map_err(|failure| refused(&failure))
            }
            None => match self.companion.ask::<Connected>(&format!("connect {address}")).await?.connected {
                true => Ok(()),
                false => Err(Error::Wrong("the reference does not connect".into())),
            },
        }
    }

    /// Waits until it has so many messages of others, and where many were missing until they are indexed and on the disk. How
    /// long it took until they were there.
    pub(super) async fn has(&mut self, count: u64) -> Result<Duration, Error> {
        #[derive(Deserialize)]
        struct Has {
            received: f64,
        }
        let Some(client) = &mut self.client else {
            let has: Has = self.companion.ask(&format!("has {count}")).await?;
            return Ok(Duration::from_secs_f64(has.received));
        };
        let begun = Instant::now();
        let mut look = None;
        loop {
            let status: Status = client.call(&Request::Status {}).await.map_err(|failure| refused(&failure))?;
            let missing = (count + self.own).saturating_sub(status.messages);
            if missing == 0 {
                let received = begun.elapsed();
                // What is counted is in the database with its indexes, and on the disk with the next sync.
                if look == Some(LOOK[0]) {
                    synced(&self.folder)?;
                }
                return Ok(received);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::Wrong(format!("{missing} messages never come")));
            }
            sleep(*look.get_or_insert(LOOK[usize::from(missing == 1)])).await;
        }
    }

    /// Writes a post.
    pub(super) async fn post(&mut self, text: &str) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Posted {
            posted: u64,
        }
        match &mut self.client {
            Some(client) => {
                let draft = Draft { text: text.into(), reply_to: None, channel: None };
                let posted: Result<String, Failure> = client.call(&Request::Publish(draft)).await;
                posted.map(drop).map_err(|failure| refused(&failure))
            }
            None => match self.companion.ask::<Posted>(&format!("post {text}")).await?.posted {
                0 => Err(Error::Wrong("the reference did not post".into())),
                _ => Ok(()),
            },
        }
    }

    /// The most memory that it had until now, in bytes.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.companion.peak_bytes()
    }

    /// Ends it in good order.
    pub(super) async fn end(self) -> Result<(), Error> {
        let signal = self.client.is_some().then_some(Signal::TERM);
        self.companion.end(signal).await
    }
}

/// Everything in `folder` is on the disk, not only with the system.
fn synced(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::disk(folder))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::File::open(entry.path()).and_then(|file| file.sync_all()).map_err(Error::disk(&entry.path()))?;
        }
    }
    Ok(())
}

fn refused(failure: &Failure) -> Error {
    Error::Wrong(failure.to_string())
}

/// The two folders of a run.
pub(super) fn folders(setup: &Setup) -> [PathBuf; 2] {
    ["giver", "taker"].map(|name| setup.folder.join("run").join(name))
}
