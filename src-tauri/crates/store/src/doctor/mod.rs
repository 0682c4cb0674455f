//! The doctor: looks through a folder that nobody uses, names what is wrong in words for its owner, and mends what can be mended.
//!
//! Whatever is broken, the order of trust is the same. Messages prove themselves by their signatures, so they are taken from
//! wherever they can still be read: pages of the database, its copies, the journal. Indexes are made again from them. How far one's
//! own feed went is never taken back: when messages of one's own are lost, publishing waits until others have brought them.

mod chain;
mod database;
mod files;
mod full_text;
mod gather;
mod indexes;
mod journal;
mod pages;
mod record;
mod repair;
mod salvaged;

use std::path::Path;

use serde::Serialize;

use crate::{OpenError, folder::Folder};

pub(crate) use pages::wal_of;
pub use repair::{Lost, Repair, RepairError, repair};
pub(crate) use salvaged::place as place_salvaged;

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The form of the database, the log and the journal.
    Quick,
    /// Everything: also every index against the log, for which a second database is made beside the first.
    Full,
}

/// How many findings of one kind are named; of the others only the number is.
pub const MAX_NAMED: usize = 20;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// The key file.
    Key,
    /// The database as SQLite sees it.
    Database,
    /// The log of messages.
    Log,
    /// An index, which is made from the log.
    Index,
    /// The journal of own messages.
    Journal,
    /// One's own feed and how far it is known to go.
    OwnFeed,
    /// Other files in the folder, and who may read them.
    Files,
    /// The room on the disk.
    Disk,
    /// Pictures and other files that messages name.
    Blobs,
}

/// What mends a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Remedy {
    /// Nothing that the doctor could do.
    None,
    /// It goes away when the folder is opened.
    Opening,
    /// Putting files in order.
    Files,
    /// Making the indexes again.
    Indexes,
    /// Making the whole database again from the messages that can be read.
    Messages,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// What is wrong.
    pub what: String,
    /// What that means for the person.
    pub means: String,
    /// The one thing to do next.
    pub next: String,
    /// What `--repair` does about it.
    pub remedy: Remedy,
}

impl Finding {
    fn new(about: About, remedy: Remedy, what: impl Into<String>, means: impl Into<String>) -> Self {
        let next = match remedy {
            Remedy::None => "Nothing can be done about it here.",
            Remedy::Opening => "Start Periwinkle: that puts it right.",
            Remedy::Files | Remedy::Indexes | Remedy::Messages => "Run `peri doctor --repair`.",
        };
        Self { about, what: what.into(), means: means.into(), next: next.into(), remedy }
    }

    fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }
}

/// What the doctor saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What is wrong; empty when the folder is whole.
    pub findings: Vec<Finding>,
    /// What was looked at and how it stands, a line each.
    pub notes: Vec<String>,
    /// Messages that were read.
    pub messages: u64,
    /// Feeds that they belong to.
    pub feeds: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }

    /// The strongest remedy that is needed.
    pub fn remedy(&self) -> Remedy {
        self.findings.iter().map(|finding| finding.remedy).max().unwrap_or(Remedy::None)
    }

    fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds findings of one kind, of which only the first are named.
    fn find_some(&mut self, findings: Several) {
        let more = findings.count.saturating_sub(findings.named.len() as u64);
        let last = findings.named.last().cloned();
        self.findings.extend(findings.named);
        if let Some(last) = last.filter(|_| more > 0) {
            self.find(Finding { what: format!("And {more} more of this kind."), ..last });
        }
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

/// Findings of one kind: the first of them, and how many there are.
#[derive(Debug, Default)]
struct Several {
    named: Vec<Finding>,
    count: u64,
}

impl Several {
    fn add(&mut self, finding: impl FnOnce() -> Finding) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(finding());
        }
    }
}

/// What the doctor is doing, for whoever waits: a few words, how far, of how much (0 where that is not known).
pub type Watch<'w> = &'w (dyn Fn(&'static str, u64, u64) + Send + Sync);

/// Looks through a folder that nobody uses. Blocks for as long as it takes to read everything.
///
/// Nothing of the person's is changed. Writes that a kill left unfinished may be finished by SQLite, as by any opening, and
/// [`Depth::Full`] makes a second database under another name and removes it.
///
/// # Errors
/// When somebody uses the folder, nobody's data is in it, or the disk refuses.
pub fn examine(folder: &Path, depth: Depth, watch: Watch<'_>) -> Result<Report, OpenError> {
    let folder = lock(folder)?;
    Ok(examine_locked(&folder, depth, watch))
}

fn examine_locked(folder: &Folder, depth: Depth, watch: Watch<'_>) -> Report {
    let mut report = Report::default();
    let keys = files::examine(folder, &mut report);
    let Some(db) = database::examine(folder.path(), depth, watch, &mut report) else { return report };
    let Some(log) = chain::examine(&db, watch, &mut report) else { return report };
    if let Some(keys) = &keys {
        journal::examine(folder.path(), &db, &log, keys, &mut report);
    }
    if depth == Depth::Full && report.remedy() < Remedy::Messages {
        indexes::examine(folder.path(), &db, &log, watch, &mut report);
    }
    report
}

/// Locks a folder that holds somebody's data, whole or not.
fn lock(path: &Path) -> Result<Folder, OpenError> {
    if !files::is_somebodys(path) {
        return Err(OpenError::NotThere(path.to_owned()));
    }
    Folder::lock(path)
}
