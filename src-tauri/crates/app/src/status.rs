//! What scripts and the command line are told: plain data with a fixed shape.

use serde::{Deserialize, Serialize};

use crate::view::{Flow, Indexing, LeftOut, Person, Progress};

/// `peri status --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// `@….ed25519`.
    pub id: String,
    /// Messages stored here.
    pub messages: u64,
    /// Feeds of which something is stored here.
    pub feeds: u64,
    /// Devices linked now.
    pub peers: u64,
    /// What the store occupies on disk, in bytes.
    pub bytes: u64,
    /// Whether one's own feed may grow: `whole`, `recovering` (messages of one's own are missing) or `forked`.
    pub state: String,
    /// How far catching up with the linked devices has come, while anything is known to be on its way here.
    pub progress: Option<Progress>,
    /// How far the indexes have been filled again after an update, while they are: until then older messages are missing
    /// in timelines, threads and names.
    pub indexing: Option<Indexing>,
}

/// `peri peers --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    /// The linked devices.
    pub peers: Vec<Peer>,
    /// Devices that are left out, for what they did.
    #[serde(rename = "leftOut")]
    pub left_out: Vec<LeftOut>,
    /// Where this device can be reached.
    pub addresses: Vec<String>,
}

/// A linked device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// `@….ed25519`.
    pub id: String,
    /// Whose device it is.
    pub person: Person,
    /// What it says its person's name is: unproven.
    pub calls_themselves: Option<String>,
    /// Whether somebody uses it now, as it says: unproven.
    pub here: bool,
    /// What flows.
    pub flow: Flow,
    /// Bytes of replication frames received on this link.
    pub bytes_received: u64,
    /// Bytes of replication frames sent on this link.
    pub bytes_sent: u64,
    /// Why little is read from it, if so.
    pub slowed: Option<String>,
}

/// What became of an import request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Messages that are stored now and were not before, those that had been waiting included.
    pub stored: u64,
    /// Messages that were stored here already.
    pub known: u64,
    /// Messages that were refused.
    pub rejected: Vec<Rejected>,
    /// Messages of this and earlier requests that wait because one before them is missing.
    pub waiting: u64,
    /// Messages that would have to wait like that, and for which there was no room.
    pub no_room: u64,
    /// Why messages could not be stored, if that happened. They may be sent again when it is mended.
    pub failed: Option<String>,
}

/// A message that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its author, as it says.
    pub feed: String,
    /// Its sequence, as it says.
    pub sequence: u64,
    /// Why.
    pub reason: String,
    /// Whether only because its author is blocked here.
    #[serde(default)]
    pub blocked: bool,
}

/// Rows of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// The rows, oldest receipt first.
    pub rows: Vec<Row>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// One exported message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// `%….sha256`.
    pub key: String,
    /// The message's exact JSON, as text.
    pub value: String,
    /// When it was first received here, Unix milliseconds.
    pub timestamp: i64,
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The messages, newest receipt first.
    pub rows: Vec<HistoryRow>,
    /// Where the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<String>,
}

/// One message of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// `%….sha256`.
    pub key: String,
    /// Who signed it.
    pub author: Person,
    /// The type of its content; `box` where that is sealed.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message's exact JSON, as text.
    pub value: String,
    /// When it was first received here, Unix milliseconds.
    pub timestamp: i64,
}

/// `peri links --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The links.
    pub links: Vec<Linked>,
    /// Where the next page begins; none at the end. A page may be short and still not the last.
    pub next: Option<String>,
}

/// A message and one thing that it links to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// The message, `%….sha256`.
    pub from: String,
    /// What it links to: any id.
    pub to: String,
    /// Under which relations, in the order of the alphabet: `root`, `branch`, `mentions`, `vote`, …
    pub relations: Vec<String>,
    /// Who signed the message.
    pub author: String,
    /// The type of its content.
    #[serde(rename = "type")]
    pub kind: String,
}
