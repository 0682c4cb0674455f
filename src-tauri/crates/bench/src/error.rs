//! What keeps a benchmark from being run.

use std::{io, path::Path, path::PathBuf};

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder refuses.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something written or read refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line of a set is not what was written there.
    #[error("a line of messages is damaged ({0}). Remove target/bench/data and start again.")]
    Line(#[from] serde_json::Error),
    /// A message of a set is not what was written there.
    #[error("a stored message is damaged ({0}). Remove target/bench/data and start again.")]
    Message(#[from] feed::DecodeError),
    /// A message could not be signed.
    #[error("a message could not be signed: {0}")]
    Sign(#[from] feed::SignError),
    /// A message could not be sealed.
    #[error("a message could not be sealed: {0}")]
    Seal(#[from] feed::private_box::SealError),
}

impl Error {
    /// For a `map_err` that says which file it was.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}
