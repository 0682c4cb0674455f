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
        Self::new(
            FailureCode::Disk,
            format!("{} cannot be used: {error}.", path.display()),
            "Look at the folder's permissions and at the free space on its disk, then try again.",
        )
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
    let mut letters = message.chars();
    let message = letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    Failure { code, message, next }
}
