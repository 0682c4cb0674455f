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
    /// A program could not be started.
    #[error("{name} could not be started: {source}. `cargo xtask bench` builds what is measured.")]
    Start {
        /// Which.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A program failed.
    #[error("{name} ended with {status}: {said}")]
    Child {
        /// Which.
        name: String,
        /// How it ended.
        status: String,
        /// The last that it wrote to stderr.
        said: String,
    },
    /// A line is not what was written there.
    #[error(
        "a line is not what it should be ({0}). If it is one of messages: remove target/bench/data and start again."
    )]
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
    /// A store could not be made or opened.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// A store could not be read.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// A store takes no message.
    #[error(transparent)]
    Append(#[from] store::AppendError),
    /// What came out is not what went in, so that a figure would mean nothing.
    #[error("{0}")]
    Wrong(String),
}

impl Error {
    /// For a `map_err` that says which file it was.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { path, source }
    }
}
