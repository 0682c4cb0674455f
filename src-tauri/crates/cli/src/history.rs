//! Looking through the log from a terminal: pages joined until enough is there.

use app::rpc::Request;
use app::status::{History, Links};
use app::view::Failure;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::connection::Connection;

/// As many messages as were asked for, page by page: one page is bounded, and may be short without being the last.
pub(crate) async fn log(
    node: &mut Connection,
    feed: Option<String>,
    kind: Option<String>,
    before: Option<String>,
    limit: usize,
) -> Result<History, Failure> {
    let mut all = History { rows: Vec::new(), next: before };
    loop {
        let wanted = missing(limit, all.rows.len())?;
        let (feed, kind) = (feed.clone(), kind.clone());
        let page: History = node.ask(Request::Log { feed, kind, before: all.next.take(), limit: wanted }).await?;
        all.rows.extend(page.rows);
        all.next = page.next;
        if all.next.is_none() || all.rows.len() >= limit {
            return Ok(all);
        }
    }
}

/// As many links to something as were asked for, page by page.
pub(crate) async fn links(
    node: &mut Connection,
    id: String,
    relation: Option<String>,
    before: Option<String>,
    limit: usize,
) -> Result<Links, Failure> {
    let mut all = Links { links: Vec::new(), next: before };
    loop {
        let wanted = missing(limit, all.links.len())?;
        let (id, relation) = (id.clone(), relation.clone());
        let page: Links = node.ask(Request::LinksTo { id, relation, before: all.next.take(), limit: wanted }).await?;
        all.links.extend(page.links);
        all.next = page.next;
        if all.next.is_none() || all.links.len() >= limit {
            return Ok(all);
        }
    }
}

fn missing(limit: usize, there: usize) -> Result<u32, Failure> {
    u32::try_from(limit.saturating_sub(there)).map_err(Failure::internal)
}

/// `peri log --json`: each value as it was signed.
#[derive(Debug, Serialize)]
pub(crate) struct Messages {
    messages: Vec<Message>,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Message {
    key: String,
    value: Box<RawValue>,
    timestamp: i64,
}

impl TryFrom<History> for Messages {
    type Error = Failure;

    fn try_from(history: History) -> Result<Self, Failure> {
        let messages = history.rows.into_iter().map(|row| {
            let value = RawValue::from_string(row.value).map_err(Failure::internal)?;
            Ok(Message { key: row.key, value, timestamp: row.timestamp })
        });
        Ok(Self { messages: messages.collect::<Result<_, Failure>>()?, next: history.next })
    }
}
