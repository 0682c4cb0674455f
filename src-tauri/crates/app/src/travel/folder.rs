//! The folder of files, opened when it is needed for the first time.

use std::path::PathBuf;
use std::sync::Arc;

use ::blobs::{BlobError, Blobs, Limits};
use store::Store;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

/// Shared between the loop, its tasks and whoever asks.
#[derive(Clone)]
pub(crate) struct BlobFolder {
    path: PathBuf,
    blobs: Arc<OnceCell<Blobs>>,
}

impl BlobFolder {
    pub(crate) fn of(store: &Store) -> Self {
        Self { path: store.folder().join(::blobs::FOLDER), blobs: Arc::default() }
    }

    pub(crate) async fn open(&self) -> Result<Blobs, BlobError> {
        let open = || async {
            let path = self.path.clone();
            blocking(move || Blobs::open(&path, Limits::default())).await
        };
        self.blobs.get_or_try_init(open).await.cloned()
    }

    /// Does something with the files on a thread for blocking work.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Blobs) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let blobs = self.open().await?;
        blocking(move || work(&blobs)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    spawn_blocking(work).await.unwrap_or_else(|error| {
        if error.is_panic() {
            std::panic::resume_unwind(error.into_panic());
        }
        // The program ends.
        Err(BlobError::Source(std::io::Error::other(error)))
    })
}
