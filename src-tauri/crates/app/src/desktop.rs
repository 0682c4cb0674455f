//! What the app may ask of a desktop: a small trait with a silent implementation and a recording one for tests.

use std::sync::{Mutex, PoisonError};

use crate::view::{Change, Target};

/// Something that deserves a person's attention while they look elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// One line: who did what.
    pub title: String,
    /// The first words of it; may be empty.
    pub body: String,
    /// What a click opens.
    pub target: Target,
}

/// The desktop around a running node. Called from the node's loop: implementations hand over and return at once.
pub trait Desktop: Send + Sync + 'static {
    /// Shows a notification.
    fn notify(&self, notification: Notification);
    /// Tells whoever shows something that it changed.
    fn changed(&self, change: Change);
    /// Brings the window to the front; false where there is none.
    fn raise(&self) -> bool;
}

/// No desktop at all: the headless node.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headless;

impl Desktop for Headless {
    fn notify(&self, _: Notification) {}
    fn changed(&self, _: Change) {}
    fn raise(&self) -> bool {
        false
    }
}

/// A desktop that remembers what it was asked for, so that tests can look.
#[derive(Debug, Default)]
pub struct Recording {
    calls: Mutex<Vec<Call>>,
}

/// One call on a [`Recording`] desktop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Desktop::notify`].
    Notify(Notification),
    /// [`Desktop::changed`].
    Changed(Change),
    /// [`Desktop::raise`].
    Raise,
}

impl Recording {
    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

impl Desktop for Recording {
    fn notify(&self, notification: Notification) {
        self.record(Call::Notify(notification));
    }
    fn changed(&self, change: Change) {
        self.record(Call::Changed(change));
    }
    fn raise(&self) -> bool {
        self.record(Call::Raise);
        true
    }
}
