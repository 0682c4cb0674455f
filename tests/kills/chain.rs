//! What has to be true of a feed after every crash.

use std::collections::BTreeSet;

use app::rpc::Client;
use feed::{Head, Message, Verifier, check_next};

use crate::peri::{export, until};

/// The feed as a node holds it: every message in order, each signature and link of the chain checked.
pub(crate) async fn feed(client: &mut Client, id: &str) -> Vec<Message> {
    let verifier = Verifier::new(None);
    let mut messages: Vec<Message> = export(client, Some(id))
        .await
        .into_iter()
        .map(|row| {
            verifier.verify(Message::decode(row.value.as_bytes()).expect("a message")).expect("signed").into_message()
        })
        .collect();
    messages.sort_by_key(Message::sequence);
    let mut head: Option<Head> = None;
    for message in &messages {
        check_next(head.as_ref(), message).expect("the next of its feed");
        head = Some(message.head());
    }
    messages
}

/// Checks that everything acknowledged is in the author's feed, and that a neighbour comes to hold the very same feed.
pub(crate) async fn holds(author: &mut Client, neighbour: &mut Client, id: &str, acknowledged: &BTreeSet<String>) {
    let own = feed(author, id).await;
    let ids: BTreeSet<String> = own.iter().map(|message| message.id().to_string()).collect();
    let lost: Vec<_> = acknowledged.difference(&ids).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    // Compared as sequences: if the ids differed, the wait would not end and the bytes would not be looked at.
    let theirs =
        until("the neighbour is level", async || feed(neighbour, id).await, |theirs| theirs.len() >= own.len()).await;
    let same = own.iter().zip(&theirs).all(|(own, theirs)| own.encoded() == theirs.encoded());
    assert!(same, "two versions of one feed");
}
