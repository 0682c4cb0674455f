//! `peri serve`: a node until SIGTERM.

use std::path::Path;
use std::sync::Arc;

use app::desktop::Headless;
use app::view::Failure;
use app::{App, Network, Options};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::Ended;

/// The first line on stdout.
#[derive(Serialize)]
struct Ready {
    ready: bool,
    id: String,
    addresses: Vec<String>,
}

/// Runs a node until SIGTERM, SIGINT or SIGHUP, then saves and closes. Fails when the node comes to a stop before.
pub(crate) async fn run(folder: &Path, network: Network) -> Result<(), Ended> {
    // Listened for from the start, so that a signal during the start is not lost.
    let listen = |kind| signal(kind).map_err(Failure::internal);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut hangup = listen(SignalKind::hangup())?;
    let app = App::start(folder, Options { network: Some(network), desktop: Arc::new(Headless) }).await?;
    let addresses = app.nearby().await?.addresses;
    let announced = crate::print_json(&Ready { ready: true, id: app.id().to_string(), addresses });
    if announced.is_ok() {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            () = app.ended() => {}
        }
    }
    let broken = app.broken();
    app.shutdown().await;
    broken.map_or(announced, |failure| Err(failure.into()))
}
