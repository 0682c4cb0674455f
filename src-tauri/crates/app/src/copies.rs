//! The daily copy of the database, made while a node runs; see [`store::Store::back_up`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use store::{Backup, Pace, Store};
use tokio_util::sync::CancellationToken;

/// How long after the start the first copy may begin: what a person waits for comes first.
const FIRST: Duration = Duration::from_secs(60);
/// How long between two looks whether a copy is due.
const AGAIN: Duration = Duration::from_secs(60 * 60);
/// How long closing may take for a copy that is due; what is not done by then is done next time.
const AT_CLOSE: Duration = Duration::from_secs(5);
/// Set to `off`, no daily copies are made.
const SETTING: &str = "PERIWINKLE_BACKUP";

/// Makes the copies of the days until `stop`, and one then, if it is due. Ends without one when `ended` comes first: the
/// node broke, and the folder shall be free.
pub(crate) async fn keep(store: Store, stop: CancellationToken, ended: CancellationToken) {
    if std::env::var(SETTING).is_ok_and(|setting| setting == "off") {
        return;
    }
    let mut pause = FIRST;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => break,
            () = ended.cancelled() => return,
        }
        make(&store, Pace::Unhurried, stop.cancelled()).await;
        pause = AGAIN;
    }
    make(&store, Pace::Fast, tokio::time::sleep(AT_CLOSE)).await;
}

/// Makes a copy, where one is due, unless `enough` comes first.
async fn make(store: &Store, pace: Pace, enough: impl Future<Output = ()>) {
    let stop = Arc::new(AtomicBool::new(false));
    let copying = store.back_up(pace, Arc::clone(&stop));
    tokio::pin!(copying);
    let made = tokio::select! {
        made = &mut copying => made,
        () = enough => {
            stop.store(true, Ordering::Relaxed);
            copying.await
        }
    };
    match made {
        Ok(Backup::Made { bytes }) => tracing::info!(bytes, "the database was copied"),
        Ok(Backup::NotDue | Backup::Unchanged | Backup::Stopped) => {}
        Ok(Backup::NoRoom { needed, free }) => {
            tracing::warn!(needed, free, "the disk is too full for a copy of the database");
        }
        Err(error) => tracing::error!(%error, "no copy of the database was made"),
    }
}
