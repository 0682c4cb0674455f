//! Desktop notifications, shown off the main thread because the desktop may take its time to answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use app::desktop::Notification;
use app::view::Target;
use notify_rust::NotificationResponse;

/// Notifications that wait to be shown. More are dropped: what they tell of is in the timeline too.
const MAX_QUEUED: usize = 32;

/// Notifications on screen whose click we wait for, each on a thread that sleeps. A click on any further one does nothing.
const MAX_AWAITED: usize = 16;

/// What happens when a notification is clicked.
type Opener = Arc<dyn Fn(Target) + Send + Sync>;

/// The way to the thread that shows notifications.
pub(crate) struct Notifications {
    queue: SyncSender<Notification>,
}

impl Notifications {
    /// Starts the thread; `open` is called with what a clicked notification tells of.
    pub(crate) fn start(open: impl Fn(Target) + Send + Sync + 'static) -> std::io::Result<Self> {
        let (queue, shown) = sync_channel(MAX_QUEUED);
        let open: Opener = Arc::new(open);
        thread::Builder::new().name("notifications".into()).spawn(move || show_all(&shown, &open))?;
        Ok(Self { queue })
    }

    /// Hands over and returns at once.
    pub(crate) fn show(&self, notification: Notification) {
        if self.queue.try_send(notification).is_err() {
            tracing::warn!("a notification was dropped: too many at once");
        }
    }
}

fn show_all(queue: &Receiver<Notification>, open: &Opener) {
    let awaited = Arc::new(AtomicUsize::new(0));
    let mut markup = None;
    for notification in queue {
        // Asked once, when first needed: a session without a notification daemon may start one for the question.
        let markup = *markup.get_or_insert_with(understands_markup);
        if let Err(error) = show(notification, markup, open, &awaited) {
            tracing::warn!("a notification could not be shown: {error}");
        }
    }
}

/// Whether the desktop reads the body as markup (Desktop Notifications Specification 1.2, “Markup”).
fn understands_markup() -> bool {
    notify_rust::get_capabilities().is_ok_and(|capabilities| capabilities.iter().any(|one| one == "body-markup"))
}

fn show(
    notification: Notification,
    markup: bool,
    open: &Opener,
    awaited: &Arc<AtomicUsize>,
) -> Result<(), Box<dyn std::error::Error>> {
    let Notification { title, body, target } = notification;
    let shown = notify_rust::Notification::new()
        .appname("Periwinkle")
        .icon("periwinkle")
        .summary(&title)
        .body(&if markup { escaped(&body) } else { body })
        .hint(notify_rust::Hint::DesktopEntry("Periwinkle".into()))
        .action("default", "Open")
        .show()?;
    if awaited.fetch_add(1, Ordering::Relaxed) >= MAX_AWAITED {
        awaited.fetch_sub(1, Ordering::Relaxed);
        return Ok(());
    }
    let (open, awaited) = (Arc::clone(open), Arc::clone(awaited));
    thread::Builder::new().name("notification".into()).spawn(move || {
        let answered = shown.wait_for_response(|response: &NotificationResponse| {
            if *response == NotificationResponse::Default {
                open(target.clone());
            }
        });
        if let Err(error) = answered {
            tracing::warn!("a notification's click cannot be heard: {error}");
        }
        awaited.fetch_sub(1, Ordering::Relaxed);
    })?;
    Ok(())
}

/// `text` as markup that shows exactly it: other people's words must not become links or pictures.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn other_peoples_words_do_not_become_markup() {
        assert_eq!(escaped("<img src=\"http://a/\"> & b"), "&lt;img src=\"http://a/\"&gt; &amp; b");
    }
}
