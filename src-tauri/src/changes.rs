//! What changed, on its way to the page: gathered, so that a flood of changes is a few events and never a queue.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use app::view::Change;

/// The least time between two events. The first change after a pause is told at once.
const GAP: Duration = Duration::from_millis(60);

/// Changes of single things in one event. Beyond, the page is told to look at everything it shows.
const MOST: usize = 128;

/// The way to the thread that tells the page.
pub(crate) struct Changes {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    changes: BTreeSet<Change>,
    over: bool,
}

impl Changes {
    /// Starts the thread; `tell` is called with what changed.
    pub(crate) fn start(tell: impl Fn(Vec<Change>) + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("changes".into()).spawn(move || {
            while let Some(changes) = theirs.next() {
                tell(changes);
                thread::sleep(GAP);
            }
        })?;
        Ok(Self { shared })
    }

    /// Notes a change and returns at once.
    pub(crate) fn note(&self, change: Change) {
        self.shared.lock().add(change);
        self.shared.more.notify_one();
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.more.notify_one();
    }
}

impl Shared {
    /// Everything that changed since, as soon as there is anything; nothing once nobody tells any more.
    fn next(&self) -> Option<Vec<Change>> {
        let waits = |waiting: &mut Waiting| waiting.changes.is_empty() && !waiting.over;
        let mut waiting = self.more.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        (!waiting.changes.is_empty()).then(|| std::mem::take(&mut waiting.changes).into_iter().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, change: Change) {
        let single = matches!(change, Change::Thread(_) | Change::Person(_) | Change::Blob(_));
        if single && self.changes.len() >= MOST && !self.changes.contains(&change) {
            // These make every screen look again.
            self.changes.extend([Change::Timeline, Change::Nearby, Change::Standing]);
        } else {
            self.changes.insert(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_single_change_is_told_at_once_and_a_flood_in_few_events() {
        let (told, hear) = mpsc::channel();
        let changes = Changes::start(move |changes| told.send(changes).expect("the test listens")).expect("a thread");
        changes.note(Change::Timeline);
        assert_eq!(hear.recv_timeout(PATIENCE), Ok(vec![Change::Timeline]));
        for number in 0..10_000 {
            changes.note(Change::Thread(format!("%{number}")));
        }
        changes.note(Change::Nearby);
        drop(changes);
        let events: Vec<Vec<Change>> = hear.iter().collect();
        assert!(events.len() < 20, "{} events", events.len());
        assert!(events.iter().all(|event| event.len() <= MOST + 4));
        assert!(events.iter().flatten().any(|change| *change == Change::Nearby));
        assert!(events.iter().flatten().any(|change| *change == Change::Timeline), "the page looks at everything");
    }

    #[test]
    fn what_changed_twice_is_told_once() {
        let mut waiting = Waiting::default();
        for _ in 0..3 {
            waiting.add(Change::Timeline);
            waiting.add(Change::Person("@a".into()));
        }
        assert_eq!(waiting.changes.len(), 2);
    }
}
