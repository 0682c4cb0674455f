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
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
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

/// How often ours are asked how much they have while much comes.
const LOOK_ALL: Duration = Duration::from_millis(20);
/// And while they wait for the next message.
const LOOK_NEXT: Duration = Duration::from_millis(1);

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
    /// How many messages a newcomer has written: ours say whom they follow.
    pub(super) fn own(self, set: &Dataset) -> u64 {
        match self {
            Self::Ours => set.parameters.authors as u64,
            Self::Theirs => 0,
        }
    }

    /// Starts a peer on a folder, with so many messages of its own in it. Those of the reference ask for the feeds of the set; ours
    /// know from their folder.
    pub(super) async fn start(self, setup: &Setup, set: &Dataset, folder: &Path, own: u64) -> Result<Peer, Error> {
        match self {
            Self::Ours => serve(setup, folder, own).await,
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
                Ok(Peer { companion, address: ready.address, port, client: None, own, folder })
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
                Ok(store.close().await?)
            }
        }
    }
}

/// Starts `peri serve` on a folder, with so many messages of its own in it.
pub(super) async fn serve(setup: &Setup, folder: &Path, own: u64) -> Result<Peer, Error> {
    let mut command = Command::new(&setup.peri);
    command.arg("--dir").arg(folder).args(["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    let mut companion = Companion::start(command)?;
    let ready: WeAreReady = companion.says().await?;
    let address = ready.addresses.into_iter().next().unwrap_or_default();
    let port = address.split('/').nth(4).and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| Error::Wrong(format!("{address} has no port")))?;
    let client = Client::connect(folder).await;
    let client = client.ok_or_else(|| Error::Wrong("peri serve does not answer".into()))?;
    Ok(Peer { companion, address, port, client: Some(client), own, folder: folder.to_owned() })
}

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
        match &mut self.client {
            Some(client) => asked(client, &Request::Connect { address: address.into() }).await,
            None => self.told(&format!("connect {address}")).await,
        }
    }

    /// Waits until it has so many messages of others, indexed and on the disk.
    pub(super) async fn has_all(&mut self, count: u64) -> Result<(), Error> {
        if self.client.is_none() {
            return self.told(&format!("all {count}")).await;
        }
        self.wait_for(count, LOOK_ALL).await?;
        // What is counted is in the database with its indexes, and on the disk with the next sync.
        synced(&self.folder)
    }

    /// Waits until it has so many messages of others, of which one is still missing.
    pub(super) async fn has_next(&mut self, count: u64) -> Result<(), Error> {
        if self.client.is_none() {
            return self.told(&format!("next {count}")).await;
        }
        self.wait_for(count, LOOK_NEXT).await
    }

    async fn wait_for(&mut self, count: u64, look: Duration) -> Result<(), Error> {
        let Some(client) = &mut self.client else { return Ok(()) };
        let begun = Instant::now();
        loop {
            let status: Status = client.call(&Request::Status {}).await.map_err(|failure| refused(&failure))?;
            match (count + self.own).saturating_sub(status.messages) {
                0 => return Ok(()),
                missing if begun.elapsed() > PATIENCE => {
                    return Err(Error::Wrong(format!("{missing} messages never come")));
                }
                _ => sleep(look).await,
            }
        }
    }

    /// Writes a post.
    pub(super) async fn post(&mut self, text: &str) -> Result<(), Error> {
        let draft = Draft { text: text.into(), reply_to: None, channel: None };
        match &mut self.client {
            Some(client) => asked(client, &Request::Publish(draft)).await,
            None => self.told(&format!("post {text}")).await,
        }
    }

    /// Asks one of ours.
    pub(super) async fn call<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Error> {
        match &mut self.client {
            Some(client) => client.call(request).await.map_err(|failure| refused(&failure)),
            None => Err(Error::Wrong("only ours can be asked this".into())),
        }
    }

    /// The reference does something. One that cannot ends, and says why.
    async fn told(&mut self, line: &str) -> Result<(), Error> {
        self.companion.ask::<IgnoredAny>(line).await.map(drop)
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

/// Ours does something.
async fn asked(client: &mut Client, request: &Request) -> Result<(), Error> {
    client.call::<IgnoredAny>(request).await.map(drop).map_err(|failure| refused(&failure))
}

fn refused(failure: &Failure) -> Error {
    Error::Wrong(failure.to_string())
}

/// The two folders of a run.
pub(super) fn folders(setup: &Setup) -> [PathBuf; 2] {
    ["giver", "taker"].map(|name| setup.folder.join("run").join(name))
}
