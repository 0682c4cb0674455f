//! Failures in words for a person: what happened, and the one thing to do next.

use std::path::Path;

use ::blobs::BlobError;
use feed::{Fault, SignError};
use node::Refusal;
use store::{OpenError, StoreError};

use crate::place;
use crate::view::{Failure, FailureCode};

impl Failure {
    /// A failure with its two sentences.
    pub fn new(code: FailureCode, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: next.into() }
    }

    /// A file or folder that could not be used.
    pub fn disk(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound {
            let message = format!("{} is not there.", path.display());
            return Self::new(FailureCode::NotFound, message, "Check how it is written, and where it is.");
        }
        Self::new(
            FailureCode::Disk,
            format!("{} cannot be used: {error}.", path.display()),
            "Look at the folder's permissions and at the free space on its disk, then try again.",
        )
    }

    /// A file that could not be made.
    pub fn new_file(path: &Path, error: &std::io::Error) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder.filter(|_| error.kind() == std::io::ErrorKind::NotFound) {
            Some(folder) => Self::new(
                FailureCode::NotFound,
                format!("The folder {} is not there.", folder.display()),
                "Make it first, or choose another place.",
            ),
            None => Self::disk(path, error),
        }
    }

    /// A mistake of ours; `what` says where.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::new(
            FailureCode::Internal,
            format!("Something in Periwinkle went wrong: {what}."),
            "Start it again; if this comes back, please report these words.",
        )
    }

    /// No key in the folder: nobody's yet, or somebody's whose key was lost.
    pub fn not_started(folder: &Path) -> Self {
        if place::has_messages(folder) {
            return Self::new(
                FailureCode::NotStarted,
                format!("The key file `secret` is missing from {}, though there are messages.", folder.display()),
                "Put it back from a copy: without it nobody can write under this name again.",
            );
        }
        Self::new(
            FailureCode::NotStarted,
            format!("Nobody lives in {} yet.", folder.display()),
            "Begin with `peri init --name YOUR-NAME`, or open the window and give a name.",
        )
    }

    /// The folder was opened for a moment, without a network; `what` says for what there would have to be one.
    pub fn nothing_runs(what: &str) -> Self {
        Self::new(
            FailureCode::Network,
            format!("Nothing runs on this folder that could {what}."),
            "Start Periwinkle, or `peri serve`, on it and try again.",
        )
    }

    /// Another program holds the folder's lock.
    pub fn busy(folder: &Path) -> Self {
        Self::new(
            FailureCode::Busy,
            format!("Another program is using {}.", folder.display()),
            "Close it, or wait until it is done, and try again.",
        )
    }

    /// An id that cannot be read; `form` shows what one looks like.
    pub fn bad_id(text: &str, form: &str) -> Self {
        let shown: String = text.chars().take(80).collect();
        Self::new(
            FailureCode::BadInput,
            format!("{shown:?} is not an id."),
            format!("Copy the whole id; it looks like {form}."),
        )
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let code = match &error {
            OpenError::Locked(_) => FailureCode::Busy,
            OpenError::NotThere(_) => FailureCode::NotStarted,
            OpenError::AlreadyThere(_) => FailureCode::BadInput,
            _ => FailureCode::Disk,
        };
        two_sentences(code, &error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        two_sentences(FailureCode::Disk, &error.to_string())
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        let code = match &error {
            BlobError::NotHere(_) => FailureCode::NotFound,
            BlobError::TooLarge { .. } | BlobError::NoPicture | BlobError::TooManyPixels | BlobError::BadPicture(_) => {
                FailureCode::BadInput
            }
            BlobError::Busy => FailureCode::Busy,
            _ => FailureCode::Disk,
        };
        two_sentences(code, &error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Content(SignError::Fault(Fault::TooLarge(units))) = refusal {
            let fits = feed::MAX_UNITS;
            return Self::new(
                FailureCode::TooLong,
                format!(
                    "This is too long for one message: with everything around it, it takes {units} characters of {fits}."
                ),
                "Make it shorter, or write it in two parts.",
            );
        }
        if let Refusal::Store(failed) = &refusal {
            // The store knows best what to do: make room, or ask the doctor.
            return two_sentences(FailureCode::Disk, &failed.reason);
        }
        let code = match &refusal {
            Refusal::Recovering { .. } | Refusal::Forked => FailureCode::Recovering,
            Refusal::Store(_) => FailureCode::Disk,
            Refusal::Content(_) => FailureCode::BadInput,
            Refusal::Busy => FailureCode::Busy,
        };
        two_sentences(code, &refusal.to_string())
    }
}

/// Errors of the other crates say in one text what happened and then what to do; the page shows the two apart.
pub(crate) fn two_sentences(code: FailureCode, text: &str) -> Failure {
    let (message, next) = match text.rsplit_once(". ") {
        Some((message, next)) => (format!("{message}."), next.to_owned()),
        None => (text.to_owned(), String::new()),
    };
    Failure { code, message: capital(&without_numbers(&message)), next }
}

/// With a capital letter in front, unless it begins with the name of a file or folder: those begin no sentence of ours, which
/// all begin with one of these words.
fn capital(message: &str) -> String {
    const BEGINNINGS: [&str; 17] = [
        "a", "all", "an", "at", "files", "it", "mending", "message", "messages", "no", "nothing", "one", "the",
        "there", "this", "too", "your",
    ];
    let first = message.split(' ').next().unwrap_or_default();
    let mut letters = message.chars();
    match letters.next() {
        Some(letter) if BEGINNINGS.contains(&first) => letter.to_uppercase().chain(letters).collect(),
        _ => message.to_owned(),
    }
}

/// Without the numbers that SQLite gives its reasons.
fn without_numbers(message: &str) -> String {
    let message = message.replace("error returned from database: ", "");
    match message.split_once("(code: ").and_then(|(before, rest)| Some((before, rest.split_once(") ")?))) {
        Some((before, (number, after))) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{before}{after}")
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_begins_like_a_sentence_and_a_name_stays_as_it_is() {
        let message = |text| two_sentences(FailureCode::Disk, text).message;
        assert_eq!(message("the disk is full. Make room."), "The disk is full.");
        assert_eq!(message("n3 holds a key but no messages. Look."), "n3 holds a key but no messages.");
        assert_eq!(
            message("the database cannot be read: error returned from database: (code: 11) it is malformed. Look."),
            "The database cannot be read: it is malformed."
        );
    }

    #[test]
    fn what_is_not_there_is_called_so() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(Failure::disk("a/b".as_ref(), &missing).message.starts_with("a/b is not there"));
        assert!(Failure::new_file("a/b".as_ref(), &missing).message.starts_with("The folder a is not there"));
    }
}
