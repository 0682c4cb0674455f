//! What a window is opened on: a folder in which somebody may or may not live yet.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use crate::view::{Failure, Person, StartState};
use crate::{App, Options, place};

/// A folder and the node that runs on it, from before there is a key.
pub struct Session {
    folder: PathBuf,
    options: Options,
    state: Mutex<State>,
}

enum State {
    Welcome,
    Ready(App),
    Failed(Failure),
}

impl Session {
    /// Opens a folder: starts the node where there is a key, else waits for a name. A folder that cannot be opened is a
    /// state too, because the window has to say so.
    pub async fn open(folder: PathBuf, options: Options) -> Arc<Self> {
        let state = match place::has_key(&folder) {
            false => State::Welcome,
            true => match App::start(&folder, options.clone()).await {
                Ok(app) => State::Ready(app),
                Err(failure) => State::Failed(failure),
            },
        };
        Arc::new(Self { folder, options, state: Mutex::new(state) })
    }

    /// What the window shows first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start_state(&self) -> Result<StartState, Failure> {
        let app = match &*self.state().await {
            State::Welcome => return Ok(StartState::Welcome),
            State::Failed(failure) => return Ok(StartState::Failed(failure.clone())),
            State::Ready(app) => app.clone(),
        };
        Ok(StartState::Ready(app.me().await?))
    }

    /// Makes a key and a store, starts the node and publishes the name.
    ///
    /// # Errors
    /// When the name is empty or too long, somebody lives here already, or the folder cannot be written.
    pub async fn begin(&self, name: &str) -> Result<Person, Failure> {
        let mut state = self.state().await;
        match &*state {
            // A second click on the button.
            State::Ready(app) => return Ok(app.me().await?.person),
            State::Failed(failure) => return Err(failure.clone()),
            State::Welcome => {}
        }
        let app = match place::has_key(&self.folder) {
            false => App::begin(&self.folder, self.options.clone(), Some(name), None).await?,
            // An earlier attempt got as far as the key.
            true => {
                let app = App::start(&self.folder, self.options.clone()).await?;
                if let Err(failure) = app.rename(Some(name), None).await {
                    app.shutdown().await;
                    return Err(failure);
                }
                app
            }
        };
        // It runs from here on, whatever else goes wrong.
        *state = State::Ready(app.clone());
        Ok(app.me().await?.person)
    }

    /// The running node.
    ///
    /// # Errors
    /// When there is none: no key yet, or the folder could not be opened.
    pub async fn app(&self) -> Result<App, Failure> {
        match &*self.state().await {
            State::Ready(app) => Ok(app.clone()),
            State::Failed(failure) => Err(failure.clone()),
            State::Welcome => Err(Failure::not_started(&self.folder)),
        }
    }

    /// The state, with a node that broke since it was looked at last taken for failed.
    async fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().await;
        if let State::Ready(app) = &*state
            && let Some(failure) = app.broken()
        {
            app.shutdown().await;
            *state = State::Failed(failure);
        }
        state
    }

    /// Saves and closes; the folder is free for others afterwards.
    pub async fn close(&self) {
        let state = std::mem::replace(&mut *self.state.lock().await, State::Welcome);
        if let State::Ready(app) = state {
            app.shutdown().await;
        }
    }
}
