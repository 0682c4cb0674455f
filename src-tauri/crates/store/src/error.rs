//! What can go wrong, in words that say what happened and what to do next.

use std::path::PathBuf;

use feed::FeedId;

/// Why a folder could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another Periwinkle. Close it first, or choose another folder.", .0.display())]
    Locked(PathBuf),
    /// Nobody's key is in it.
    #[error("there is no key in {}. Begin here first, or choose another folder.", .0.display())]
    NotThere(PathBuf),
    /// Somebody's key is in it already.
    #[error("{} already belongs to somebody. Open it, or choose another folder.", .0.display())]
    AlreadyThere(PathBuf),
    /// The key is there, the messages are not.
    #[error("{} holds a key but no messages: {} is missing or empty. Run `peri doctor --repair`, which makes it again from its newest copy.", .0.display(), crate::schema::DATABASE)]
    DatabaseMissing(PathBuf),
    /// The key in the folder is not the one that the messages were stored under.
    #[error("the key in {} is not the one that its messages belong to. Put the right `secret` back.", .0.display())]
    WrongKey(PathBuf),
    /// The key file cannot be read as one.
    #[error("the key file {} is damaged. Put it back from a copy.", .0.display())]
    BadKey(PathBuf),
    /// A newer version of the app has changed the database.
    #[error("{} was written by a newer version of Periwinkle. Update Periwinkle to open it.", .0.display())]
    NewerVersion(PathBuf),
    /// The disk.
    #[error("{} could not be read or written: {source}. Check that the disk is there, has room and may be written.", .path.display())]
    Disk {
        /// What was read or written.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// No sound copy could be made before the database gets the form of this version.
    #[error(transparent)]
    Backup(#[from] crate::backup::BackupError),
}

/// Why something could not be read or written after the folder was opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refuses: disk full, gone, or damaged.
    #[error("{}", refusal("read or written", is_damage(.0), .0))]
    Database(#[from] sqlx::Error),
    /// The same of a connection that writes, or reads much: disk full, gone, or damaged.
    #[error("{}", refusal("read or written", is_damage_said_directly(.0), .0))]
    Direct(#[from] rusqlite::Error),
    /// What is stored does not read back.
    #[error(
        "message {sequence} of {feed} is damaged on this disk. Close Periwinkle and run `peri doctor` to see what can be saved."
    )]
    Damaged {
        /// Whose message.
        feed: FeedId,
        /// Which one.
        sequence: u64,
    },
    /// A stored value has a form that this version never writes.
    #[error("the database holds a value that cannot be read ({0}). Close Periwinkle and run `peri doctor`.")]
    BadValue(&'static str),
    /// A file beside the database could not be written.
    #[error("the journal of own messages could not be written: {0}. Check that the disk has room and may be written.")]
    Journal(#[from] std::io::Error),
    /// A task of ours was stopped: the program is ending.
    #[error("the store is closing. Open the folder again.")]
    Closing,
}

/// What the database says, with the one thing to do about it: a full disk is another matter than a damaged one.
fn refusal(what: &str, is_damaged: bool, error: &dyn std::fmt::Display) -> String {
    match is_damaged {
        true => format!(
            "the database is damaged: {error}. Close Periwinkle and run `peri doctor` to see what can be saved."
        ),
        false => {
            format!("the database could not be {what}: {error}. Check that the disk has room and may be written.")
        }
    }
}

/// Whether SQLite found the file damaged, or no database at all (<https://www.sqlite.org/rescode.html>).
fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<u32>().ok()),
        _ => None,
    };
    // The low byte is the kind; the rest says more about it.
    matches!(code.map(|code| code & 0xff), Some(CORRUPT | NOT_A_DATABASE))
}

fn is_damage_said_directly(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Why a batch was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// A message is not the next one of its feed. The caller checks this before; here nothing may slip through.
    #[error("message {sequence} of {feed} does not continue what is stored: {reason}")]
    NotNext {
        /// Whose message.
        feed: FeedId,
        /// Which one.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// The feed was forked.
    #[error("{0} was forked: two different messages were signed at one place. Nothing more of it is stored.")]
    Frozen(FeedId),
    /// Messages of one's own are missing here, so nothing new may be signed.
    #[error(
        "messages of your own are missing here. Meet a friend who has them; publishing goes on when they have arrived."
    )]
    Recovering,
    /// A message that was to be stored as one's own is somebody else's.
    #[error("a message of {0} was to be stored as one's own")]
    NotOwn(FeedId),
    /// The disk or the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        AppendError::Store(error.into())
    }
}
