//! The node behind a command: the one that runs on the folder already, or one that we start for a moment.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use app::rpc::{Client, Request};
use app::view::{Failure, FailureCode};
use app::{App, Options, desktop::Headless};
use serde::de::DeserializeOwned;

/// How long to wait for another command that holds the folder for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long between two looks whether the folder is free.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where a command's questions go. The same questions, whoever answers.
pub(crate) enum Connection {
    /// A node that runs on the folder.
    There(Client),
    /// Our own, without a network.
    Here(App),
}

impl Connection {
    /// Speaks to the node on `folder`, or opens the folder.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Failure> {
        let begun = Instant::now();
        loop {
            if let Some(client) = Client::connect(folder).await {
                return Ok(Self::There(client));
            }
            match App::start(folder, alone()).await {
                // A node that is just starting has the lock and no socket yet; another command is done in a moment.
                Err(failure) if failure.code == FailureCode::Busy && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                started => return Ok(Self::Here(started?)),
            }
        }
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, request: Request) -> Result<T, Failure> {
        match self {
            Self::There(client) => client.call(&request).await,
            Self::Here(app) => serde_json::from_value(app.call(request).await?).map_err(Failure::internal),
        }
    }

    /// Lets full text take in what is stored, where nobody but us does that: a node that runs does it by itself.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        match self {
            Self::There(_) => Ok(()),
            Self::Here(app) => app.catch_up().await,
        }
    }

    /// Saves and closes what we opened.
    pub(crate) async fn close(self) {
        if let Self::Here(app) = self {
            app.shutdown().await;
        }
    }
}

/// A node without network and desktop.
pub(crate) fn alone() -> Options {
    Options { network: None, desktop: Arc::new(Headless) }
}
