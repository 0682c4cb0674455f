//! Room for files that nobody asked for by hand: the ones longest unused go first.

use ::blobs::{BlobError, Blobs, Entry, MAX_LISTED, Partial, Plan, Reason};
use feed::BlobId;
use store::{Store, StoreError};

use super::{BlobFolder, Fetch};

/// How much room is made at least, in bytes: looking at all files takes a while.
const AT_ONCE: u64 = 64 << 20;

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Own,
    MayGo(Reason),
}

/// Begins to take in a blob; where the quota is used up, others go for it.
pub(super) async fn begin(store: &Store, folder: &BlobFolder, fetch: &Fetch) -> Result<Partial, BlobError> {
    let Fetch { blob, size, by_hand, .. } = *fetch;
    let begin = move |blobs: &Blobs| blobs.begin(&blob, size, by_hand);
    match folder.with(begin).await {
        Err(BlobError::NoRoom { .. }) if make_room(store, folder, size).await? => folder.with(begin).await,
        result => result,
    }
}

/// Lets files go that are not the person's own, until so many bytes are free. Whether any went.
pub(super) async fn make_room(store: &Store, folder: &BlobFolder, bytes: u64) -> Result<bool, BlobError> {
    // Until it is known which messages link to which files, what is one's own is not known.
    if !store.indexing().borrow().is_done() {
        return Ok(false);
    }
    let mut plan = Plan::new(bytes.max(AT_ONCE));
    let seen = each_blob(store, folder, |entry, standing| {
        if let Standing::MayGo(reason) = standing {
            plan.consider(entry, reason);
        }
    });
    match seen.await {
        Ok(()) => {}
        Err(EachError::Blobs(error)) => return Err(error),
        Err(EachError::Store(error)) => {
            tracing::warn!(%error, "it cannot be looked up whose files there are: none goes");
            return Ok(false);
        }
    }
    let freed = folder.with(move |blobs| blobs.tidy(&plan)).await?;
    tracing::info!(freed, "files that were not used for long made room for a new one");
    Ok(freed > 0)
}

/// Why not every file could be looked at.
#[derive(Debug)]
pub(crate) enum EachError {
    Blobs(BlobError),
    Store(StoreError),
}

/// Calls `each` with every file and whose it is, page by page.
pub(crate) async fn each_blob(
    store: &Store,
    folder: &BlobFolder,
    mut each: impl FnMut(&Entry, Standing),
) -> Result<(), EachError> {
    let mut after = None;
    loop {
        let page: Vec<(Entry, bool)> = folder
            .with(move |blobs| {
                let with_pin = |entry: Entry| Ok((entry, blobs.is_pinned(&entry.id)?));
                blobs.list(after.as_ref())?.into_iter().map(with_pin).collect()
            })
            .await
            .map_err(EachError::Blobs)?;
        let ids: Vec<BlobId> = page.iter().map(|(entry, _)| entry.id).collect();
        let links = store.blob_links(&ids).await.map_err(EachError::Store)?;
        for (entry, is_pinned) in &page {
            let links = links.get(&entry.id).copied().unwrap_or_default();
            each(
                entry,
                match links {
                    _ if *is_pinned || links.is_own => Standing::Own,
                    links if links.messages > 0 => Standing::MayGo(Reason::Others),
                    _ => Standing::MayGo(Reason::Unlinked),
                },
            );
        }
        if page.len() < MAX_LISTED {
            return Ok(());
        }
        after = ids.last().copied();
    }
}
