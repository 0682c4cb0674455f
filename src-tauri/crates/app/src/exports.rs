//! What scripts ask: status, links, exports.

use std::collections::BTreeSet;

use feed::{FeedId, PersonId};

use crate::app::person_id;
use crate::people::People;
use crate::status::{Exported, Peer, Peers, Row, Status};
use crate::view::{Failure, FailureCode, Indexing};
use crate::{App, people};

/// Bytes of messages after which an export page is complete; with its envelope it stays far below a line's bound.
const EXPORT_PAGE: usize = 2 << 20;

impl App {
    /// What the node is and holds.
    ///
    /// # Errors
    /// When the node is shutting down or the folder cannot be read.
    pub async fn status(&self) -> Result<Status, Failure> {
        let look = self.look().await?;
        let totals = self.store().totals().await?;
        let state = match look.standing {
            node::Standing::Whole if self.own_is_doubted().await? => "recovering",
            node::Standing::Whole => "whole",
            node::Standing::Recovering { .. } => "recovering",
            node::Standing::Forked => "forked",
        };
        Ok(Status {
            id: self.id().to_string(),
            messages: totals.messages,
            feeds: totals.feeds,
            peers: look.peers.len() as u64,
            bytes: totals.bytes,
            state: state.to_owned(),
            progress: look.progress.as_ref().map(people::progress),
            indexing: self.indexing(),
        })
    }

    /// How far the indexes have been filled again after an update; none when they are whole.
    pub fn indexing(&self) -> Option<Indexing> {
        let indexing = *self.store().indexing().borrow();
        let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
        (!indexing.is_done()).then(|| Indexing { done: count(indexing.done), total: count(indexing.total) })
    }

    /// The links, and what went over them.
    ///
    /// # Errors
    /// When the node is shutting down or the store cannot be read.
    pub async fn peers(&self) -> Result<Peers, Failure> {
        let look = self.look().await?;
        let near: BTreeSet<PersonId> = look.peers.iter().map(|peer| peer.person).collect();
        let out = look.left_out.iter().map(|out| PersonId::from(out.device));
        let people = People::load(self.store(), near.iter().copied().chain(out).collect(), near).await?;
        let left_out = look.left_out.iter().map(|out| people::left_out(&people, out)).collect();
        let peer = |peer: &node::PeerView| Peer {
            id: peer.device.feed().to_string(),
            person: people.view(peer.person),
            calls_themselves: peer.calls_themselves.clone(),
            here: peer.is_here,
            flow: people::flow(peer.flow),
            bytes_received: peer.received_bytes,
            bytes_sent: peer.sent_bytes,
            slowed: peer.slowed.clone(),
        };
        Ok(Peers { peers: look.peers.iter().map(peer).collect(), left_out, addresses: look.addresses })
    }

    /// The next rows of an export of everything, or of one feed, in the order of receipt.
    ///
    /// # Errors
    /// When an id or the place cannot be read, or the store cannot.
    pub async fn export(&self, feed: Option<&str>, after: Option<&str>) -> Result<Exported, Failure> {
        let feed: Option<FeedId> = feed.map(person_id).transpose()?.map(|person| person.feed());
        let after = after.map(str::parse).transpose().map_err(|_| {
            let next = "Begin again without it.";
            Failure::new(FailureCode::BadInput, "This is not a place in an export.", next)
        })?;
        let mut export = self.store().export(feed).after(after.unwrap_or(0));
        let mut page = Exported::default();
        let mut bytes = 0;
        loop {
            let rows = export.next().await?;
            if rows.is_empty() {
                return Ok(page);
            }
            for row in rows {
                bytes += row.value.len();
                let value = String::from_utf8(row.value).map_err(Failure::internal)?;
                page.rows.push(Row { key: row.key.to_string(), value, timestamp: row.received_ms });
                if bytes >= EXPORT_PAGE {
                    page.next = Some(row.position.to_string());
                    return Ok(page);
                }
            }
        }
    }
}
