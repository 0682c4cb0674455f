//! One way in for every question, whoever asks: the local socket and the command line use this.

use feed::Message;
use serde::Serialize;

use crate::App;
use crate::rpc::Request;
use crate::view::{Failure, FailureCode};

impl App {
    /// Answers a request as the method of its name does, as JSON.
    ///
    /// # Errors
    /// Those of the method.
    pub async fn call(&self, request: Request) -> Result<serde_json::Value, Failure> {
        match request {
            Request::Status {} => json(self.status().await),
            Request::Standing {} => json(self.standing().await),
            Request::Timeline { audience, before, limit } => json(self.timeline(audience, before, limit).await),
            Request::Thread { id } => json(self.thread(&id).await),
            Request::Person { id } => json(self.person(&id).await),
            Request::Search(query) => json(self.search(query).await),
            Request::Log { feed, kind, before, limit } => {
                json(self.log(feed.as_deref(), kind.as_deref(), before.as_deref(), limit).await)
            }
            Request::LinksTo { id, relation, before, limit } => {
                json(self.links_to(&id, relation.as_deref(), before.as_deref(), limit).await)
            }
            Request::LinksFrom { id, relation } => json(self.links_from(&id, relation.as_deref()).await),
            Request::Nearby {} => json(self.nearby().await),
            Request::Connect { address } => json(self.connect(&address).await),
            Request::ForgetAddress { address } => json(self.forget_address(&address).await),
            Request::Addresses {} => json(self.reached().await),
            Request::CheckNetwork {} => json(Ok(self.check_network().await)),
            Request::Peers {} => json(self.peers().await),
            Request::Publish(draft) => json(self.publish(draft).await),
            Request::Follow { id } => json(self.follow(&id).await),
            Request::Unfollow { id } => json(self.unfollow(&id).await),
            Request::Block { id, private } => json(self.block(&id, private).await),
            Request::Unblock { id } => json(self.unblock(&id).await),
            Request::LookAt { id, before, limit } => json(self.look_at(&id, before.as_deref(), limit).await),
            Request::Attend { attended } => json(self.attend(attended).await),
            Request::Settings {} => json(Ok(self.settings())),
            Request::Choose(chosen) => json(self.choose(chosen).await),
            Request::Mute { id, on } => json(self.mute(&id, on).await),
            Request::Like { id, on } => json(self.like(&id, on).await),
            Request::Rename { name, description } => json(self.rename(name.as_deref(), description.as_deref()).await),
            Request::Import { messages } => {
                let decoded =
                    tokio::task::spawn_blocking(move || decode(&messages)).await.map_err(Failure::internal)?;
                json(self.import(decoded?).await)
            }
            Request::Export { feed, after } => json(self.export(feed.as_deref(), after.as_deref()).await),
            Request::BlobAdd { path } => json(self.add_blob_file(&path).await),
            Request::BlobBring { path, id } => json(self.bring_blob(&path, &id).await),
            Request::Blob { id } => json(self.blob(&id).await),
            Request::BlobFetch { id } => json(self.fetch_blob(&id).await),
            Request::BlobRemove { id } => json(self.remove_blob(&id).await),
            Request::BlobUsage {} => json(self.blob_usage().await),
            Request::BlobCheck { after } => json(self.check_blobs(after.as_deref()).await),
            Request::BlobTidy { bytes, remove } => json(self.tidy_blobs(bytes, remove).await),
            Request::Raise {} => json(Ok(self.raise())),
            // A subscription belongs to a connection, which has answered already.
            Request::Subscribe {} => Ok(serde_json::Value::Null),
        }
    }
}

fn json<T: Serialize>(result: Result<T, Failure>) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(result?).map_err(Failure::internal)
}

/// The messages of a request; the command line has sorted out before what does not decode.
fn decode(messages: &[String]) -> Result<Vec<Message>, Failure> {
    if messages.len() > crate::rpc::MAX_IMPORT {
        let next = format!("Send at most {} at a time.", crate::rpc::MAX_IMPORT);
        return Err(Failure::new(FailureCode::BadInput, "These are too many messages for one request.", next));
    }
    let decode = |text: &String| {
        Message::decode(text.as_bytes()).map_err(|error| {
            Failure::new(
                FailureCode::BadInput,
                format!("A message cannot be read: {error}."),
                "Send the messages without it.",
            )
        })
    };
    messages.iter().map(decode).collect()
}
