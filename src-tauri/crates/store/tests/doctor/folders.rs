//! Folders to damage, and what is in them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use feed::{FeedId, MessageId, Verified};
use store::{
    Store,
    doctor::{Depth, Repair, RepairError, Report, examine, repair},
};

use crate::people::{Signer, alice, signer};

pub(crate) const DATABASE: &str = "periwinkle.sqlite";
pub(crate) const JOURNAL: &str = "own.journal";

/// When messages arrive here, Unix milliseconds.
pub(crate) const NOW: i64 = 1_600_000_000_000;

/// Whose folder it is, and everything that was ever in it.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) alice: Signer,
    pub(crate) messages: BTreeMap<MessageId, (FeedId, u64)>,
}

/// Makes a folder of Alice's with `count` messages of ten people; every seventh is her own, some name others and some like hers.
pub(crate) async fn make(folder: &Path, count: usize) -> Content {
    let mut people: Vec<Signer> = (2..11).map(signer).collect();
    let mut alice = alice();
    let store = Store::create(folder, &alice.keys, None).await.unwrap();
    let mut messages = BTreeMap::new();
    let (mut newest, mut own): (Option<MessageId>, Option<MessageId>) = (None, None);
    let mut others: Vec<Verified> = Vec::new();
    for n in 0..count {
        let text = format!("message {n}: {}", "tide and wind ".repeat(n % 40));
        let message = match (n % 7, newest) {
            (0, _) => alice.posts(&text),
            (1, Some(post)) => people[n % 9].replies(post, post, &text),
            (2, Some(post)) => people[n % 9].likes(own.filter(|_| n % 2 == 0).unwrap_or(post), true),
            (3, _) => {
                let other = people[(n + 1) % 9].clone();
                people[n % 9].follows(&other)
            }
            (4, _) => {
                let me = people[n % 9].feed();
                people[n % 9].names(me, &format!("Person {n}"))
            }
            (5, _) => people[n % 9].posts_to("tea", &text),
            _ => people[n % 9].posts(&text),
        };
        messages.insert(message.id(), (message.author(), message.sequence()));
        if n % 7 == 6 {
            newest = Some(message.id());
        }
        if n % 7 == 0 {
            own = Some(message.id());
            store.append(std::mem::take(&mut others), NOW + n as i64, false).await.unwrap();
            store.append(vec![message], NOW + n as i64, true).await.unwrap();
        } else {
            others.push(message);
        }
    }
    store.append(others, NOW + count as i64, false).await.unwrap();
    store.catch_up().await.unwrap();
    store.close().await.unwrap();
    Content { alice, messages }
}

/// A copy of a closed folder.
pub(crate) fn copy(from: &Path) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("folder");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            match fs::copy(entry.path(), to.join(entry.file_name())) {
                // SQLite takes its own files away when the last connection closes, a moment after the store.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => _ = copied.unwrap(),
            }
        }
    }
    (home, to)
}

pub(crate) async fn look(folder: &Path) -> Report {
    let folder = folder.to_owned();
    let looking = move || examine(&folder, Depth::Full, &|_, _, _| {}).unwrap();
    tokio::task::spawn_blocking(looking).await.unwrap()
}

pub(crate) async fn try_mend(folder: &Path) -> Result<Repair, RepairError> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || repair(&folder, &|_, _, _| {})).await.unwrap()
}

pub(crate) async fn mend(folder: &Path) -> Repair {
    try_mend(folder).await.unwrap()
}

/// What is stored, in the order of receipt.
pub(crate) async fn stored(store: &Store) -> Vec<MessageId> {
    let mut export = store.export(None);
    let mut all = Vec::new();
    loop {
        let next = export.next().await.unwrap();
        if next.is_empty() {
            return all;
        }
        all.extend(next.iter().map(|message| message.key));
    }
}

/// What the findings say.
pub(crate) fn words(report: &Report) -> String {
    report.findings.iter().map(|finding| format!("{} {} {}\n", finding.what, finding.means, finding.next)).collect()
}
