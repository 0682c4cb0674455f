//! What a person may choose.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::App;
use crate::mailbox::Command;
use crate::view::{Change, Failure, Settings};

/// What counts now.
#[derive(Debug)]
pub(crate) struct Chosen {
    state: Mutex<State>,
    /// What is chosen, kept and told goes in one order.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    settings: Settings,
    /// Whether somebody uses this device, whoever is told.
    attended: bool,
}

impl Chosen {
    pub(crate) fn new(stored: &store::Settings) -> Self {
        let settings = Settings { says_here: stored.says_here, shows_strangers: stored.shows_strangers };
        Self { state: Mutex::new(State { settings, attended: false }), turn: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// What was chosen.
    pub fn settings(&self) -> Settings {
        self.chosen().state().settings
    }

    /// Chooses, for now and for later.
    ///
    /// # Errors
    /// When the disk refuses, and nothing has changed; or when the node is shutting down.
    pub async fn choose(&self, settings: Settings) -> Result<(), Failure> {
        let store = self.store().clone();
        let Settings { says_here, shows_strangers } = settings;
        let keep = move || {
            let kept = store::Settings { says_here, shows_strangers };
            store.keep_settings(&kept).map_err(|error| Failure::disk(store.folder(), &error))
        };
        let _turn = self.chosen().turn.lock().await;
        tokio::task::spawn_blocking(keep).await.map_err(Failure::internal)??;
        self.chosen().state().settings = settings;
        self.strangers().want(shows_strangers);
        self.announce(Change::Settings);
        self.announce(Change::Timeline);
        self.say_whether_here().await
    }

    /// Tells those near whether somebody uses this device now, until that is told otherwise; unless they are not to know.
    ///
    /// # Errors
    /// When the node is shutting down.
    pub async fn attend(&self, attended: bool) -> Result<(), Failure> {
        let _turn = self.chosen().turn.lock().await;
        self.chosen().state().attended = attended;
        self.say_whether_here().await
    }

    async fn say_whether_here(&self) -> Result<(), Failure> {
        let state = *self.chosen().state();
        self.tell(Command::Attend(state.attended && state.settings.says_here)).await
    }
}
