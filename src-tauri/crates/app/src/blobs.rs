//! Files that messages link to: added by hand, read, counted, checked, tidied.
//!
//! Their bytes never go through the local socket's JSON. A command on the same machine, of the same user, is told where the file
//! lies and reads it itself, and says itself where the file lies that is to be added: see [`App::add_blob_file`] and [`copy`].
//! That path is checked no more than any file the user could open: whoever may ask may read it anyway.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ::blobs::{Blobs, Checked, Entry, Limits, MAX_FETCHED, Plan, Reason, Spooled};
pub use ::blobs::{Size, Thumbnail};
use feed::BlobId;
use node::blob_sync::{Input, Report, Why, Wish};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::mailbox::Command;
use crate::travel::{EachError, Standing, each_blob};
use crate::view::{Failure, FailureCode};

/// How much one question of a check hashes, in bytes: about as much as a disk gives in a tenth of a second.
const CHECKED_AT_ONCE: u64 = 64 << 20;

/// Most files that a plan for tidying names; how many there are is said all the same.
pub const MAX_NAMED: usize = 100;

/// A file that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedBlob {
    /// `&….sha256`.
    pub id: String,
    /// In bytes.
    pub size: u64,
    /// Whether it was not stored here before.
    pub is_new: bool,
    /// Whether others have to ask for it by hand because it is larger than what they fetch by themselves.
    pub is_large: bool,
}

/// How far a file is that was asked for by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobFetch {
    /// `&….sha256`.
    pub id: String,
    /// What happens.
    pub state: FetchState,
    /// In bytes, once somebody near has said.
    pub size: Option<u64>,
    /// Bytes that are here.
    pub done: u64,
    /// Devices near that say they have it.
    pub sources: u64,
}

/// What happens with a file that was asked for by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FetchState {
    /// It is here.
    Stored,
    /// Bytes are on their way.
    Fetching,
    /// Nobody near gives it now.
    Waiting,
}

/// A file that is stored here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBlob {
    /// `&….sha256`.
    pub id: String,
    /// Where it lies. It is never changed in place; it may be removed at any time.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
}

/// What became of a file that was to be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BroughtBlob {
    /// It is stored here now.
    New,
    /// It was stored here before.
    Known,
    /// It is not what its name says, and was left.
    Damaged,
}

/// Some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// What they take, in bytes.
    pub bytes: u64,
}

impl Share {
    fn put(&mut self, size: u64) {
        self.count += 1;
        self.bytes += size;
    }
}

/// `peri blob usage --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobUsage {
    /// Files stored here.
    pub count: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What they may take, in bytes.
    pub limit: u64,
    /// Those added here by hand, and those that one's own messages link to: never tidied away.
    pub own: Share,
    /// Those that only other people's messages link to.
    pub others: Share,
    /// Those that no message stored here links to.
    pub unlinked: Share,
    /// What thumbnails take, in bytes.
    pub thumbnails: u64,
    /// Files that were moved aside because they are damaged.
    pub damaged: u64,
    /// What is free on the disk, in bytes.
    pub free: u64,
}

/// A part of a check of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobCheck {
    /// Files that were checked in this part.
    pub checked: u64,
    /// Bytes that were hashed in this part.
    pub bytes: u64,
    /// What was damaged and lies aside now: ids.
    pub damaged: Vec<String>,
    /// Where the next part begins; none at the end.
    pub next: Option<String>,
}

/// What would go, or went, to make room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobTidying {
    /// How many files.
    pub count: u64,
    /// What that frees, or freed, in bytes.
    pub bytes: u64,
    /// Whether it was done.
    pub done: bool,
    /// The first ones, at most [`MAX_NAMED`], in the order in which they go.
    pub first: Vec<TidyBlob>,
}

/// A file that goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TidyBlob {
    /// `&….sha256`.
    pub id: String,
    /// In bytes.
    pub size: u64,
    /// Whether a message of somebody links to it.
    pub linked: bool,
}

impl App {
    /// Adds what a reader gives, for good: it is never tidied away.
    ///
    /// # Errors
    /// When it cannot be read, is too large, finds no room, or the disk refuses.
    pub async fn add_blob(&self, source: impl Read + Send + 'static) -> Result<AddedBlob, Failure> {
        let added = self.with_blobs(move |blobs| blobs.add_pinned(source)).await?;
        self.tell(stored(added.id)).await?;
        Ok(AddedBlob {
            id: added.id.to_string(),
            size: added.size,
            is_new: added.is_new,
            is_large: added.size > MAX_FETCHED,
        })
    }

    /// Adds a file of this computer, likewise.
    ///
    /// # Errors
    /// When the path is not absolute or no regular file, and as [`Self::add_blob`].
    pub async fn add_blob_file(&self, path: &Path) -> Result<AddedBlob, Failure> {
        if !path.is_absolute() {
            return Err(Failure::new(
                FailureCode::BadInput,
                format!("{} does not say where on this computer the file is.", path.display()),
                "Give the whole path, from / on.",
            ));
        }
        let opened = path.to_owned();
        let file = tokio::task::spawn_blocking(move || open_regular(&opened)).await.map_err(Failure::internal)??;
        self.add_blob(file).await
    }

    /// Takes over a file of this computer that is said to have this id, as one that came from others: it may be tidied away.
    ///
    /// # Errors
    /// When the id or the file cannot be read, it finds no room, or the disk refuses.
    pub async fn bring_blob(&self, path: &Path, id: &str) -> Result<BroughtBlob, Failure> {
        let id = blob_id(id)?;
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open_regular(&path)).await.map_err(Failure::internal)?;
        let file = opened?;
        let brought = self.with_blobs(move |blobs| {
            if blobs.has(&id)? {
                return Ok(BroughtBlob::Known);
            }
            let added = blobs.add(file)?;
            if added.id == id {
                return Ok(BroughtBlob::New);
            }
            if added.is_new {
                // Under the name of what it really is nobody asked for it.
                blobs.remove(&added.id)?;
            }
            Ok(BroughtBlob::Damaged)
        });
        let brought = brought.await?;
        if brought == BroughtBlob::New {
            self.tell(stored(id)).await?;
        }
        Ok(brought)
    }

    /// Where a file lies.
    ///
    /// # Errors
    /// When the id cannot be read, the file is not stored here, or the disk refuses.
    pub async fn blob(&self, id: &str) -> Result<StoredBlob, Failure> {
        let id = blob_id(id)?;
        let blob = self.with_blobs(move |blobs| blobs.get(&id)).await?;
        // From / on: whoever asks may stand elsewhere.
        let path = std::path::absolute(blob.path()).map_err(|error| Failure::disk(blob.path(), &error))?;
        Ok(StoredBlob { id: id.to_string(), path, size: blob.size() })
    }

    /// A small picture of a file.
    ///
    /// # Errors
    /// When the file is not stored here, no picture or too large a one, damaged, when too many wait, or the disk refuses.
    pub async fn thumbnail(&self, id: &str, size: Size) -> Result<Thumbnail, Failure> {
        let id = blob_id(id)?;
        let thumbnail = self.blob_folder().open().await?.thumbnail(&id, size).await;
        if matches!(thumbnail, Err(::blobs::BlobError::NotHere(_))) && self.is_linked() {
            // Somebody looks at it: whoever is near and has it may bring it.
            let wish = Wish { why: Why::Seen, author: None, mentioned: crate::clock::wall() };
            self.mention(Command::Blobs(Input::Want { blob: id, wish }));
        }
        Ok(thumbnail?)
    }

    /// Asks whoever is near for a file by hand, of any size, and keeps it once it is here; how far that is. It goes on by itself, also
    /// after a restart, until it is here or removed; to ask again only looks.
    ///
    /// # Errors
    /// When the id cannot be read, there is no network, the disk refuses, or the node is shutting down.
    pub async fn fetch_blob(&self, id: &str) -> Result<BlobFetch, Failure> {
        let id = blob_id(id)?;
        let told = |state, size, done, sources| BlobFetch { id: id.to_string(), state, size, done, sources };
        let here = self
            .with_blobs(move |blobs| {
                let size = blobs.size(&id)?;
                if size.is_some() {
                    blobs.pin(&id)?;
                }
                Ok(size)
            })
            .await?;
        if let Some(size) = here {
            return Ok(told(FetchState::Stored, Some(size), size, 0));
        }
        if !self.is_linked() {
            return Err(Failure::nothing_runs("ask people near for a file"));
        }
        let wish = Wish { why: Why::ByHand, author: None, mentioned: crate::clock::wall() };
        self.tell(Command::Blobs(Input::Want { blob: id, wish })).await?;
        let look = self.look().await?;
        let fetch = look.fetches.iter().find(|fetch| fetch.blob == id);
        Ok(match fetch {
            Some(fetch) => {
                let state = if fetch.flows { FetchState::Fetching } else { FetchState::Waiting };
                told(state, fetch.size, fetch.done, fetch.sources as u64)
            }
            None => told(FetchState::Waiting, None, 0, 0),
        })
    }

    /// Removes a file, whoever links to it, and asks for it no more; false when it was neither stored here nor asked for by hand.
    ///
    /// # Errors
    /// When the id cannot be read or the disk refuses.
    pub async fn remove_blob(&self, id: &str) -> Result<bool, Failure> {
        let id = blob_id(id)?;
        // What is on its way is not wanted either.
        let was_wanted = self.look().await?.fetches.iter().any(|fetch| fetch.blob == id && fetch.why == Why::ByHand);
        self.tell(Command::Blobs(Input::GiveUp { blob: id })).await?;
        Ok(self.with_blobs(move |blobs| blobs.remove(&id)).await? || was_wanted)
    }

    /// What is kept, and whose it is.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn blob_usage(&self) -> Result<BlobUsage, Failure> {
        let usage = self.with_blobs(|blobs| blobs.usage()).await?;
        let mut told = BlobUsage {
            count: usage.count,
            bytes: usage.bytes,
            limit: usage.limit,
            thumbnails: usage.thumbnails,
            damaged: usage.damaged,
            free: usage.free,
            ..BlobUsage::default()
        };
        self.each_blob(|entry, standing| match standing {
            Standing::Own => told.own.put(entry.size),
            Standing::MayGo(Reason::Others) => told.others.put(entry.size),
            Standing::MayGo(Reason::Unlinked) => told.unlinked.put(entry.size),
        })
        .await?;
        Ok(told)
    }

    /// Hashes the next part of all files and moves aside what is damaged. `after` is the `next` of the part before.
    ///
    /// # Errors
    /// When `after` cannot be read or the disk refuses.
    pub async fn check_blobs(&self, after: Option<&str>) -> Result<BlobCheck, Failure> {
        let after = after.map(blob_id).transpose()?;
        let part: Checked = self.with_blobs(move |blobs| blobs.check(after.as_ref(), CHECKED_AT_ONCE)).await?;
        for damaged in &part.damaged {
            tracing::warn!(id = %damaged.id, "a damaged file was moved aside");
        }
        Ok(BlobCheck {
            checked: part.checked,
            bytes: part.hashed,
            damaged: part.damaged.iter().map(|damaged| damaged.id.to_string()).collect(),
            next: part.next.map(|id| id.to_string()),
        })
    }

    /// Which files would go to free so many bytes; with `remove` they do. Those that no message links to go first, then those of
    /// other people's messages, each kind by when they were used last.
    ///
    /// # Errors
    /// When it is not known yet what links to what, or the disk refuses.
    pub async fn tidy_blobs(&self, bytes: u64, remove: bool) -> Result<BlobTidying, Failure> {
        if !self.store().indexing().borrow().is_done() {
            return Err(Failure::new(
                FailureCode::Busy,
                "It is not known yet which messages link to which files: that is being looked up.",
                "Try again in a few minutes.",
            ));
        }
        let mut plan = Plan::new(bytes);
        self.each_blob(|entry, standing| {
            if let Standing::MayGo(reason) = standing {
                plan.consider(entry, reason);
            }
        })
        .await?;
        let first = plan.candidates().take(MAX_NAMED).map(|candidate| TidyBlob {
            id: candidate.id.to_string(),
            size: candidate.size,
            linked: candidate.reason == Reason::Others,
        });
        let tidying = BlobTidying {
            count: plan.candidates().count() as u64,
            bytes: plan.bytes(),
            done: remove,
            first: first.collect(),
        };
        if !remove {
            return Ok(tidying);
        }
        let bytes = self.with_blobs(move |blobs| blobs.tidy(&plan)).await?;
        Ok(BlobTidying { bytes, ..tidying })
    }

    /// Calls `each` with every file and whose it is, page by page.
    async fn each_blob(&self, each: impl FnMut(&Entry, Standing)) -> Result<(), Failure> {
        each_blob(self.store(), self.blob_folder(), each).await.map_err(|error| match error {
            EachError::Blobs(error) => error.into(),
            EachError::Store(error) => error.into(),
        })
    }

    /// Does something with the files on a thread for blocking work.
    async fn with_blobs<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Blobs) -> Result<T, ::blobs::BlobError> + Send + 'static,
    ) -> Result<T, Failure> {
        Ok(self.blob_folder().with(work).await?)
    }
}

/// Copies a file that [`App::blob`] told of, hashed on the way; how many bytes it was. A failure to write is the inner one.
///
/// # Errors
/// When the file is gone, cannot be read, or is damaged: what was written must not be used then.
pub fn copy(stored: &StoredBlob, to: impl Write) -> Result<io::Result<u64>, Failure> {
    let id = blob_id(&stored.id)?;
    let file = File::open(&stored.path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ::blobs::BlobError::NotHere(id).into(),
        _ => Failure::disk(&stored.path, &error),
    })?;
    Ok(::blobs::copy_checked(&id, file, to)?)
}

/// Writes what a reader gives beside the files of the node that runs on `folder`, for it to add; keep it until that is done.
///
/// # Errors
/// When the reader fails, gives too much, or the disk refuses.
pub fn spool(folder: &Path, source: impl Read) -> Result<Spooled, Failure> {
    Ok(::blobs::spool(folder, source, Limits::default())?)
}

/// Opens a regular file; anything else could hold us up for ever.
fn open_regular(path: &Path) -> Result<File, Failure> {
    let no_wait = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).map_err(Failure::internal)?;
    let file = File::options().read(true).custom_flags(no_wait).open(path);
    let file = file.map_err(|error| Failure::disk(path, &error))?;
    match file.metadata().map_err(|error| Failure::disk(path, &error))?.is_file() {
        true => Ok(file),
        false => Err(Failure::new(
            FailureCode::BadInput,
            format!("{} is not a file.", path.display()),
            "Choose a file; a folder has to be packed into one first.",
        )),
    }
}

/// For the loop: a file has come to be here.
fn stored(blob: BlobId) -> Command {
    Command::Blobs(Input::Report(Report::Stored { blob }))
}

fn blob_id(text: &str) -> Result<BlobId, Failure> {
    let text = text.trim();
    match feed::uri::parse(text) {
        Ok(feed::uri::Named::Blob(id)) => Ok(id),
        _ => text.parse().map_err(|_| Failure::bad_id(text, "&….sha256")),
    }
}
