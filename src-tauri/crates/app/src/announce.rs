//! Tells front ends what happened: changes by id, notifications in words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use store::Store;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::desktop::{Desktop, Notification};
use crate::people::People;
use crate::view::{Change, Failure, Target};

/// Changes that a slow listener may be behind before it is told to look at everything again.
pub(crate) const CHANGES: usize = 256;

/// Notifications whose words are being looked up; the node announces few, and what comes on top of that is dropped.
const BEING_WORDED: usize = 16;

/// How often at most it is told how far the filling of indexes has come.
const BETWEEN_INDEXING: Duration = Duration::from_millis(500);

/// Most characters of a post in a notification.
const EXCERPT: usize = 160;

/// The voice of a running node.
pub(crate) struct Announcer {
    store: Store,
    desktop: Arc<dyn Desktop>,
    changes: broadcast::Sender<Change>,
    words: TaskTracker,
    places: Arc<Semaphore>,
    /// Follows the filling of indexes.
    indexing: JoinHandle<()>,
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.indexing.abort();
    }
}

impl Announcer {
    pub(crate) fn new(store: Store, desktop: Arc<dyn Desktop>, changes: broadcast::Sender<Change>) -> Self {
        let indexing = tokio::spawn(tell_indexing(store.indexing(), Arc::clone(&desktop), changes.clone()));
        let places = Arc::new(Semaphore::new(BEING_WORDED));
        Self { store, desktop, changes, words: TaskTracker::new(), places, indexing }
    }

    /// Passes a change on.
    pub(crate) fn changed(&self, change: node::Change) {
        let change = match change {
            node::Change::Timeline => Change::Timeline,
            node::Change::Thread(root) => Change::Thread(root.to_string()),
            node::Change::Person(person) => Change::Person(person.to_string()),
            node::Change::Nearby => Change::Nearby,
            node::Change::Standing => Change::Standing,
            node::Change::Blob(blob) => Change::Blob(blob.to_string()),
        };
        self.desktop.changed(change.clone());
        // Nobody may be listening.
        let _ = self.changes.send(change);
    }

    /// Finds the words for a notification and passes it on, beside the loop.
    pub(crate) fn notify(&self, notification: node::Notification) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!("too many notifications at once; one is left out");
            return;
        };
        let (store, desktop) = (self.store.clone(), Arc::clone(&self.desktop));
        self.words.spawn(async move {
            match word(&store, &notification).await {
                Ok(words) => desktop.notify(words),
                Err(failure) => tracing::warn!(%failure, "a notification was left out"),
            }
            drop(place);
        });
    }

    /// Waits for the words that are being looked up, and follows the filling of indexes no longer.
    pub(crate) async fn finish(&self) {
        self.indexing.abort();
        self.words.close();
        self.words.wait().await;
    }
}

/// Tells that indexes are being filled again, now and then, and in the end that there is more to see.
async fn tell_indexing(
    mut indexing: watch::Receiver<store::Indexing>,
    desktop: Arc<dyn Desktop>,
    changes: broadcast::Sender<Change>,
) {
    let tell = |change: Change| {
        desktop.changed(change.clone());
        // Nobody may be listening.
        let _ = changes.send(change);
    };
    if indexing.borrow_and_update().is_done() {
        return;
    }
    while indexing.changed().await.is_ok() {
        tell(Change::Indexing);
        if indexing.borrow_and_update().is_done() {
            tell(Change::Timeline);
            return;
        }
        sleep(BETWEEN_INDEXING).await;
    }
}

async fn word(store: &Store, about: &node::Notification) -> Result<Notification, Failure> {
    let name = People::load(store, [about.person].into(), BTreeSet::new()).await?.view(about.person).name;
    let text = match store.message(about.message).await?.map(|stored| social::read(&stored.message).kind) {
        Some(social::Kind::Post(post)) => post.content_warning.unwrap_or(post.text),
        _ => String::new(),
    };
    let title = match about.reason {
        social::Reason::Posted => name,
        social::Reason::Replied => format!("{name} replied to you"),
        social::Reason::Mentioned => format!("{name} mentioned you"),
        social::Reason::Followed => format!("{name} follows you now"),
        social::Reason::Liked => format!("{name} likes your post"),
    };
    let title = match about.more {
        0 => title,
        more => format!("{title}, and {more} more"),
    };
    let target = match about.reason {
        social::Reason::Followed => Target::Person(about.person.to_string()),
        _ => Target::Thread(about.root.to_string()),
    };
    Ok(Notification { title, body: excerpt(&text), target })
}

/// The beginning of a text on one line.
fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("one\n\n  two\tthree "), "one two three");
        let long = excerpt(&"é".repeat(500));
        assert_eq!(long.chars().count(), EXCERPT + 1);
        assert!(long.ends_with('…'));
    }
}
