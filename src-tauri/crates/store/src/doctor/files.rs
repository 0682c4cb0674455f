//! The files of a folder, apart from what is in the database: the key, permissions, leftovers, room.

use std::{fs, path::Path, time::Duration};

use feed::KeyPair;

use super::{About, Finding, Remedy, Report};
use crate::{
    OpenError,
    backup::{self, BACKUPS, UNFINISHED, free_bytes},
    folder::{Folder, SECRET},
    journal::JOURNAL,
    schema::DATABASE,
};

/// Where the doctor makes a second database; nothing in it is needed once the doctor is done.
pub(crate) const WORKSHOP: &str = "doctor";
/// Less room than this on the disk is worth a word, in bytes: two checkpoints' worth of recent writes.
const LITTLE_ROOM: u64 = 64 << 20;
/// Older than this the newest copy is worth a word.
const OLD_COPY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether anything of somebody's lies in a folder.
pub(super) fn is_somebodys(folder: &Path) -> bool {
    [SECRET, DATABASE, JOURNAL, BACKUPS].iter().any(|name| folder.join(name).exists())
}

/// Looks at the files; gives the key where it can be read.
pub(super) fn examine(folder: &Folder, report: &mut Report) -> Option<KeyPair> {
    let keys = examine_key(folder, report);
    for path in open_to_others(folder.path()) {
        report.find(Finding::new(
            About::Files,
            Remedy::Files,
            format!("{} may be read or written by other users of this computer.", path.display()),
            "They could read your messages, or with the key file write in your name.",
        ));
    }
    for path in leftovers(folder.path()) {
        report.find(Finding::new(
            About::Files,
            Remedy::Files,
            format!("{} was left by something that was interrupted.", path.display()),
            "It takes room and is not needed.",
        ));
    }
    examine_room(folder.path(), report);
    note_copies(folder.path(), report);
    keys
}

fn examine_key(folder: &Folder, report: &mut Report) -> Option<KeyPair> {
    let lost = "Without the key nothing can be published under this name, and sealed messages cannot be read. What others wrote is \
                safe.";
    match folder.read_keys() {
        Ok(keys) => return Some(keys),
        Err(OpenError::BadKey(path)) => report.find(
            Finding::new(About::Key, Remedy::None, format!("The key file {} is damaged.", path.display()), lost)
                .with_next("Put `secret` back from a copy, then run `peri doctor` again."),
        ),
        Err(_) => report.find(
            Finding::new(
                About::Key,
                Remedy::None,
                format!("There is no readable key file `secret` in {}.", folder.path().display()),
                lost,
            )
            .with_next("Put `secret` back from a copy, then run `peri doctor` again."),
        ),
    }
    None
}

/// Private files that others may look at.
pub(super) fn open_to_others(folder: &Path) -> Vec<std::path::PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let private = [SECRET, DATABASE, JOURNAL].map(|name| folder.join(name));
        let copies = backup::copies(folder).into_iter().map(|(path, _)| path);
        let is_open = |path: &std::path::PathBuf| {
            fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
        };
        private.into_iter().chain(copies).filter(is_open).collect()
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Vec::new()
    }
}

/// Files that interrupted work left behind.
pub(super) fn leftovers(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut left = Vec::new();
    let is_unfinished = |path: &Path| {
        path.is_file() && path.to_str().is_some_and(|name| name.ends_with(".new") || name.ends_with(UNFINISHED))
    };
    for place in [folder.to_owned(), folder.join(BACKUPS)] {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        left.extend(entries.map(|entry| entry.path()).filter(|path| is_unfinished(path)));
    }
    let workshop = folder.join(WORKSHOP);
    if workshop.is_dir() {
        left.push(workshop);
    }
    left.sort();
    left
}

fn examine_room(folder: &Path, report: &mut Report) {
    let Ok(free) = free_bytes(folder) else { return };
    report.note(format!("{} MB are free on the disk.", free / 1_000_000));
    if free < LITTLE_ROOM {
        report.find(
            Finding::new(
                About::Disk,
                Remedy::None,
                format!("The disk has only {} MB left.", free / 1_000_000),
                "New messages may be refused, your own too, and no copies of the database are made.",
            )
            .with_next("Make room on the disk."),
        );
    }
}

fn note_copies(folder: &Path, report: &mut Report) {
    let copies = backup::copies(folder);
    match copies.first() {
        None => report.note("There is no copy of the database yet; a running Periwinkle makes one each day."),
        Some((path, Some(age))) if *age < OLD_COPY => {
            report.note(format!(
                "The newest copy of the database, {}, is {} hours old.",
                path.display(),
                age.as_secs() / 3600
            ));
        }
        Some((path, _)) => {
            report.note(format!("The newest copy of the database, {}, is older than a week.", path.display()))
        }
    }
}
