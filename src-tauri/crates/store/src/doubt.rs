//! A feed that may be longer than its person knows: its key came from elsewhere, or what showed how far it went was lost.
//!
//! A message of one's own that is proven to exist is expected (see [`Store::expect_own`]), and only it ends the waiting. Where
//! nothing is proven, but a log ended in damage or the journal is gone, that would be wrong: perhaps there is nothing to wait for. Such a feed is
//! doubted until somebody was near who holds it, and no more of it than we do.
//!
//! The doubt is a file of its own, so that no repair of the database loses it. Whoever knows better may remove it.

use std::{
    fs, io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use feed::Head;

use crate::{
    Store,
    error::StoreError,
    folder::{sync_folder_of, write_whole},
};

/// The name of the file in the folder.
const FILE: &str = "own.doubted";

/// What is in it.
const WORDS: &str = "\
Newer messages of this feed may exist than are here: its key came from another app whose log was damaged, or the
journal that showed how far the feed went was lost or damaged.
Nothing is published until somebody was near who holds this feed. Then Periwinkle removes this file.
Remove it yourself only if you are certain that nothing is missing: a feed with two messages of one number is
forked, and that cannot be mended.
";

/// Whether one's own feed is doubted.
#[derive(Debug)]
pub(crate) struct Doubt(AtomicBool);

impl Doubt {
    /// As it was left in a folder.
    pub(crate) fn load(folder: &Path) -> io::Result<Self> {
        Ok(Self(AtomicBool::new(folder.join(FILE).try_exists()?)))
    }

    /// Writes down whether the feed in a folder is doubted, before its store is opened.
    pub(crate) fn begin(folder: &Path, is_doubted: bool) -> io::Result<()> {
        match is_doubted {
            true => write_whole(&folder.join(FILE), WORDS.as_bytes()),
            false => end(folder),
        }
    }

    /// Whether nothing may be published yet.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn end(folder: &Path) -> io::Result<()> {
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Ok(()) => sync_folder_of(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Whether one's own feed may be longer than anything here shows; then nothing of one's own is stored.
    pub fn own_is_doubted(&self) -> bool {
        self.inner.doubt.is_open()
    }

    /// Ends the doubt: somebody who holds one's own feed has no more of it than is here.
    ///
    /// # Errors
    /// When the disk refuses; then it is doubted still.
    pub async fn trust_own(&self) -> Result<(), StoreError> {
        if self.own_is_doubted() {
            let folder = self.folder().to_owned();
            let ended = tokio::task::spawn_blocking(move || end(&folder)).await.map_err(|_| StoreError::Closing)?;
            ended?;
            self.inner.doubt.0.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// The newest message of one's own that is stored here.
    pub fn own_head(&self) -> Option<Head> {
        self.inner.shared().feeds.by_id(&self.inner.me).and_then(|feed| feed.head)
    }
}
