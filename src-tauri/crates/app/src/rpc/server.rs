//! The answering side: one task per connection, one request at a time.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncWrite, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Request, answer, line, parse, socket};
use crate::App;
use crate::view::Change;

/// Most connections at a time; further ones wait in the socket's own queue.
const MAX_CONNECTIONS: usize = 32;

/// How long to wait after a failed accept before the next.
const REST: Duration = Duration::from_millis(100);

/// How long answers may take that are under way when the node stops.
const FAREWELL: Duration = Duration::from_secs(8);

/// A bound socket; removed on drop.
pub(crate) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Server {
    /// Binds the socket of `folder`, whose lock the caller holds: a socket found there is a leftover.
    pub(crate) fn bind(folder: &Path) -> io::Result<Self> {
        let path = socket::place(folder)?;
        socket::remove(&path)?;
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until told to stop.
    pub(crate) async fn serve(self, app: App, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, stream) = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept => match accepted {
                    (Ok(place), Ok((stream, _))) => (place, stream),
                    (_, accepted) => {
                        // Out of file descriptors, most likely: those that end soon make room.
                        tracing::warn!(error = ?accepted.err(), "a local caller could not be let in");
                        tokio::time::sleep(REST).await;
                        continue;
                    }
                },
            };
            let (app, stop) = (app.clone(), stop.clone());
            connections.spawn(async move {
                if let Err(error) = converse(stream, &app, stop).await {
                    tracing::debug!(%error, "a local caller went away");
                }
                drop(place);
            });
        }
        // What was asked already is answered, so that nobody takes something published for lost.
        let answered = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, answered).await.is_err() {
            connections.shutdown().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = socket::remove(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket stays behind");
        }
    }
}

async fn converse(stream: UnixStream, app: &App, stop: CancellationToken) -> io::Result<()> {
    // Between binding and the mode of the file, and on systems that ignore that mode, the credentials decide.
    let caller = stream.peer_cred()?.uid();
    if caller != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("user {caller} is not ours")));
    }
    let (reader, mut writer) = stream.into_split();
    let mut reader = line::Reader::new(BufReader::new(reader));
    let mut changes: Option<broadcast::Receiver<Change>> = None;
    loop {
        let text = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            text = reader.next() => text?,
            change = next_change(&mut changes) => {
                notify(&mut writer, change).await?;
                continue;
            }
        };
        let Some(text) = text else { return Ok(()) };
        let reply = match parse(&text) {
            Ok((id, Request::Subscribe {})) => {
                changes.get_or_insert_with(|| app.changes());
                answer(id, Ok(serde_json::Value::Null))
            }
            Ok((id, request)) => answer(id, app.call(request).await),
            Err(reply) => *reply,
        };
        line::write(&mut writer, &reply).await?;
    }
}

/// The changes to tell next; for one who was too slow, everything that can change.
async fn next_change(changes: &mut Option<broadcast::Receiver<Change>>) -> Vec<Change> {
    let Some(changes) = changes else { return std::future::pending().await };
    match changes.recv().await {
        Ok(change) => vec![change],
        Err(broadcast::error::RecvError::Lagged(_)) => {
            vec![Change::Timeline, Change::Nearby, Change::Standing, Change::Indexing, Change::Settings]
        }
        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
    }
}

async fn notify(writer: &mut (impl AsyncWrite + Unpin), changes: Vec<Change>) -> io::Result<()> {
    #[derive(Serialize)]
    struct Notice {
        jsonrpc: &'static str,
        method: &'static str,
        params: Change,
    }
    for params in changes {
        line::write(writer, &Notice { jsonrpc: "2.0", method: "changed", params }).await?;
    }
    Ok(())
}
