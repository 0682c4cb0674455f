//! The desktop as [`app::App`] sees it: notifications, the page's events, and the window to the front.

use std::sync::{Mutex, PoisonError};

use app::desktop::{Desktop, Notification};
use app::view::{Change, Target};
use tauri::{AppHandle, Emitter, Manager};

use crate::changes::Changes;
use crate::notifications::Notifications;
use crate::window;

/// The event that carries some [`Change`]s.
const CHANGES: &str = "changes";
/// The event that carries a [`Target`].
const OPEN: &str = "open";

/// What a clicked notification opens: told to the page by an event, or kept until the page is there to ask.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    state: Mutex<Page>,
}

#[derive(Debug)]
enum Page {
    /// Not listening yet; this waits for it.
    Loading(Option<Target>),
    /// Listening.
    Listening,
}

impl Default for Page {
    fn default() -> Self {
        Self::Loading(None)
    }
}

impl Opened {
    /// What was opened before the page listened, once. The page subscribes first and asks then.
    pub(crate) fn take(&self) -> Option<Target> {
        match std::mem::replace(&mut *self.lock(), Page::Listening) {
            Page::Loading(target) => target,
            Page::Listening => None,
        }
    }

    /// Keeps `target` for a page that is still loading; gives it back when the page listens.
    fn keep(&self, target: Target) -> Option<Target> {
        match &mut *self.lock() {
            Page::Loading(waiting) => {
                *waiting = Some(target);
                None
            }
            Page::Listening => Some(target),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Page> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The real desktop, behind the trait that `app` asks for.
pub(crate) struct Window {
    handle: AppHandle,
    notifications: Notifications,
    changes: Changes,
}

impl Window {
    pub(crate) fn new(handle: AppHandle) -> std::io::Result<Self> {
        let opener = handle.clone();
        let notifications = Notifications::start(move |target| open(&opener, target))?;
        let teller = handle.clone();
        let changes = Changes::start(move |changes| emit(&teller, CHANGES, changes))?;
        Ok(Self { handle, notifications, changes })
    }
}

impl Desktop for Window {
    fn notify(&self, notification: Notification) {
        self.notifications.show(notification);
    }

    fn changed(&self, change: Change) {
        self.changes.note(change);
    }

    fn raise(&self) -> bool {
        window::raise(&self.handle)
    }
}

/// Brings the window to the front and shows `target` in it.
fn open(handle: &AppHandle, target: Target) {
    window::raise(handle);
    if let Some(target) = handle.state::<Opened>().keep(target) {
        emit(handle, OPEN, target);
    }
}

fn emit(handle: &AppHandle, event: &str, payload: impl serde::Serialize + Clone) {
    if let Err(error) = handle.emit(event, payload) {
        tracing::warn!("the page was not told of {event}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread() -> Target {
        Target::Thread("%a.sha256".into())
    }

    #[test]
    fn what_is_opened_while_the_page_loads_waits_for_it_once() {
        let opened = Opened::default();
        assert_eq!(opened.keep(thread()), None);
        assert_eq!(opened.take(), Some(thread()));
        assert_eq!(opened.take(), None);
    }

    #[test]
    fn a_page_that_listens_is_told_by_the_event() {
        let opened = Opened::default();
        assert_eq!(opened.take(), None);
        assert_eq!(opened.keep(thread()), Some(thread()));
        assert_eq!(opened.take(), None);
    }
}
