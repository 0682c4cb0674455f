//! The doctor: the store's, and the files that messages link to. For a folder on which no node runs.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use ::blobs::{Blobs, FOLDER, Limits};
use store::OpenError;
use store::doctor::{self, RepairError};
pub use store::doctor::{About, Depth, Finding, Lost, Remedy, Repair, Report};

use crate::failure::two_sentences;
use crate::view::{Failure, FailureCode};

/// What the doctor is doing, for whoever waits: a few words, how far, of how much (0 where that is not known).
pub type Watch = Arc<dyn Fn(&'static str, u64, u64) + Send + Sync>;

/// Looks through a folder; see [`store::doctor::examine`].
///
/// # Errors
/// When somebody uses the folder, nobody's data is in it, or the disk refuses.
pub async fn examine(folder: &Path, depth: Depth, watch: Watch) -> Result<Report, Failure> {
    let folder = folder.to_owned();
    let work = move || {
        let mut report = doctor::examine(&folder, depth, &*watch)?;
        if depth == Depth::Full {
            examine_blobs(&folder, &watch, &mut report);
        }
        Ok::<_, Failure>(report)
    };
    tokio::task::spawn_blocking(work).await.map_err(Failure::internal)?
}

/// Mends a folder; see [`store::doctor::repair`].
///
/// # Errors
/// When somebody uses the folder, its key is missing, or the disk is too full or refuses. What was there is still there.
pub async fn repair(folder: &Path, watch: Watch) -> Result<Repair, Failure> {
    let folder = folder.to_owned();
    let work = move || {
        let mut repair = doctor::repair(&folder, &*watch)?;
        // Damaged ones are moved aside by this, so it is done once, and they are told of as they were.
        examine_blobs(&folder, &watch, &mut repair.before);
        Ok::<_, Failure>(repair)
    };
    tokio::task::spawn_blocking(work).await.map_err(Failure::internal)?
}

fn examine_blobs(folder: &Path, watch: &Watch, report: &mut Report) {
    let path = folder.join(FOLDER);
    if !path.is_dir() {
        return;
    }
    let checked = Blobs::open(&path, Limits::default()).and_then(|blobs| {
        blobs.scan(|progress| {
            watch("Checking files", progress.hashed, progress.bytes);
            ControlFlow::Continue(())
        })
    });
    match checked {
        Ok(checked) => {
            report.notes.push(format!("Files: {} were checked, {} MB.", checked.checked, checked.hashed / 1_000_000));
            for damaged in checked.damaged.iter().take(doctor::MAX_NAMED) {
                report.findings.push(Finding {
                    about: About::Blobs,
                    what: format!("The file {} is damaged; it was moved aside.", damaged.id),
                    means: "Posts that show it show a gap until it has come back. Nothing else is affected.".into(),
                    next: "Ask people near for it with `peri blob fetch`, or add the file again with `peri blob add`."
                        .into(),
                    remedy: Remedy::None,
                });
            }
        }
        Err(error) => report.notes.push(format!("Files were not checked: {error}")),
    }
}

impl From<RepairError> for Failure {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::Open(OpenError::NotThere(folder)) => Self::new(
                FailureCode::NotStarted,
                format!("There is no key file `secret` in {}, so it cannot be mended.", folder.display()),
                "Put `secret` back from a copy, then run `peri doctor --repair` again.",
            ),
            RepairError::Open(error) => error.into(),
            RepairError::Store(error) => error.into(),
            error => two_sentences(FailureCode::Disk, &error.to_string()),
        }
    }
}
