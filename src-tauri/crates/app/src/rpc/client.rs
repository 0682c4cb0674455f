//! The calling side: what the command line uses when a node already runs on the folder.

use std::path::Path;

use serde::de::DeserializeOwned;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{Call, Reply, Request, line, socket};
use crate::view::{Change, Failure, FailureCode};

/// A connection to the node that runs on a folder.
#[derive(Debug)]
pub struct Client {
    reader: line::Reader<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    next: u64,
}

impl Client {
    /// Connects to the node that runs on `folder`; `None` where none does.
    pub async fn connect(folder: &Path) -> Option<Self> {
        let (reader, writer) = UnixStream::connect(socket::find(folder)).await.ok()?.into_split();
        Some(Self { reader: line::Reader::new(BufReader::new(reader)), writer, next: 1 })
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The node's own refusal, or that it has gone away.
    pub async fn call<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Failure> {
        let id = self.next;
        self.next += 1;
        line::write(&mut self.writer, &Call { jsonrpc: "2.0", id, request }).await.map_err(|error| gone(&error))?;
        let text =
            self.reader.next().await.map_err(|error| gone(&error))?.ok_or_else(|| gone(&"it closed the line"))?;
        let reply: Reply = serde_json::from_str(&text).map_err(Failure::internal)?;
        if let Some(error) = reply.error {
            return Err(error.data.unwrap_or_else(|| Failure::internal(error.message)));
        }
        if reply.id != id {
            return Err(Failure::internal("an answer to another question"));
        }
        serde_json::from_value(reply.result.unwrap_or_default()).map_err(Failure::internal)
    }

    /// Waits for the next change, after a [`Request::Subscribe`].
    ///
    /// # Errors
    /// When the node has gone away.
    pub async fn changed(&mut self) -> Result<Change, Failure> {
        #[derive(serde::Deserialize)]
        struct Notice {
            params: Change,
        }
        let text =
            self.reader.next().await.map_err(|error| gone(&error))?.ok_or_else(|| gone(&"it closed the line"))?;
        let notice: Notice = serde_json::from_str(&text).map_err(Failure::internal)?;
        Ok(notice.params)
    }
}

fn gone(why: &impl std::fmt::Display) -> Failure {
    Failure::new(
        FailureCode::Busy,
        format!("The node that runs on this folder did not answer: {why}."),
        "Look whether it still runs, then try again.",
    )
}
