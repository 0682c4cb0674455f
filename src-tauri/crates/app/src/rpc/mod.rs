//! The local door of a running node: JSON-RPC 2.0 over a Unix socket.
//!
//! One JSON object per line, at most [`MAX_LINE`] bytes; one answer per request, in order; no batches. The socket is 0600 in a
//! 0700 folder, and a caller of another user is turned away by its credentials. A failure is an `error` with code
//! [`REFUSED`] whose `data` is a [`Failure`]. After `subscribe` the line carries `changed` notifications as well.

mod client;
mod line;
mod server;
mod socket;

pub use client::Client;
pub(crate) use server::Server;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::view::{Audience, Draft, Failure, SearchQuery, Settings};

/// Longest line in either direction, in bytes. A full import request fits, twice as long for standing in JSON strings.
pub const MAX_LINE: usize = 16 << 20;

/// Most messages in one import request.
pub const MAX_IMPORT: usize = 4_096;

/// An import request is complete when its messages have this many bytes.
pub const MAX_IMPORT_BYTES: usize = 4 << 20;

/// The application's error code (JSON-RPC 2.0, section 5.1: -32000 to -32099 are the server's own).
pub const REFUSED: i64 = -32000;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;

/// Everything that can be asked of a running node. Each answer is the type that [`crate::App`]'s method of that name returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Request {
    /// What the node is and holds.
    Status {},
    /// Whether one's own feed may grow.
    Standing {},
    /// A page of a timeline.
    Timeline {
        /// Whose posts.
        audience: Audience,
        /// Where the page begins.
        before: Option<String>,
        /// Most cards.
        limit: u32,
    },
    /// A thread, by any post in it.
    Thread {
        /// `%….sha256`.
        id: String,
    },
    /// A person's page.
    Person {
        /// `@….ed25519`.
        id: String,
    },
    /// A page of what is found by a search.
    Search(SearchQuery),
    /// A page of the log.
    Log {
        /// One feed only.
        feed: Option<String>,
        /// One type of content only.
        kind: Option<String>,
        /// The `next` of the page before.
        before: Option<String>,
        /// Most messages.
        limit: u32,
    },
    /// A page of what links to something.
    LinksTo {
        /// Any id.
        id: String,
        /// One relation only.
        relation: Option<String>,
        /// The `next` of the page before.
        before: Option<String>,
        /// Most links.
        limit: u32,
    },
    /// What a message links to.
    LinksFrom {
        /// `%….sha256`.
        id: String,
        /// One relation only.
        relation: Option<String>,
    },
    /// The people on this network.
    Nearby {},
    /// What the network doctor finds out.
    CheckNetwork {},
    /// The links and what went over them.
    Peers {},
    /// Dials an address, and keeps a link to who answers there.
    Connect {
        /// A multiaddr, or numbers and a port.
        address: String,
    },
    /// Keeps no link to an address any more.
    ForgetAddress {
        /// As it is listed.
        address: String,
    },
    /// The addresses that links are kept to.
    Addresses {},
    /// Signs and publishes a post.
    Publish(Draft),
    /// Follows a person.
    Follow {
        /// `@….ed25519`.
        id: String,
    },
    /// Follows a person no more.
    Unfollow {
        /// `@….ed25519`.
        id: String,
    },
    /// Blocks a person.
    Block {
        /// `@….ed25519`.
        id: String,
        /// Whether no message says so.
        private: bool,
    },
    /// Blocks a person no more.
    Unblock {
        /// `@….ed25519`.
        id: String,
    },
    /// Tells those near whether somebody uses this device, until that is told otherwise.
    Attend {
        /// Whether somebody does.
        attended: bool,
    },
    /// What was chosen.
    Settings {},
    /// Chooses, for now and for later.
    Choose(Settings),
    /// Mutes a person, or no more.
    Mute {
        /// `@….ed25519`.
        id: String,
        /// Whether they are muted from now on.
        on: bool,
    },
    /// Looks at a person whose feed is not stored here.
    LookAt {
        /// `@….ed25519`.
        id: String,
        /// The `next` of the page before.
        before: Option<String>,
        /// Most posts.
        limit: u32,
    },
    /// Likes a post, or takes that back.
    Like {
        /// `%….sha256`.
        id: String,
        /// Whether it is liked from now on.
        on: bool,
    },
    /// Says one's own name and description.
    Rename {
        /// The new name.
        name: Option<String>,
        /// The new description.
        description: Option<String>,
    },
    /// Brings in messages, each as its compact canonical JSON; at most [`MAX_IMPORT`].
    Import {
        /// The messages.
        messages: Vec<String>,
    },
    /// The next rows of an export.
    Export {
        /// One feed only.
        feed: Option<String>,
        /// The `next` of the page before.
        after: Option<String>,
    },
    /// Adds a file of this computer, never to be tidied away.
    BlobAdd {
        /// Where it is, from `/` on.
        path: PathBuf,
    },
    /// Takes over a file of this computer, if it is what its id says; it may be tidied away.
    BlobBring {
        /// Where it is, from `/` on.
        path: PathBuf,
        /// `&….sha256`.
        id: String,
    },
    /// Where a stored file lies, for the caller to read.
    Blob {
        /// `&….sha256`.
        id: String,
    },
    /// Asks whoever is near for a file, of any size; how far that is. It goes on by itself.
    BlobFetch {
        /// `&….sha256`.
        id: String,
    },
    /// Removes a stored file; one that is on its way is not wanted any more.
    BlobRemove {
        /// `&….sha256`.
        id: String,
    },
    /// What files take, and whose they are.
    BlobUsage {},
    /// Checks the next part of the stored files.
    BlobCheck {
        /// The `next` of the part before.
        after: Option<String>,
    },
    /// Which files would go to make room; with `remove` they do.
    BlobTidy {
        /// How much room, in bytes.
        bytes: u64,
        /// Whether they go.
        remove: bool,
    },
    /// Brings the window to the front.
    Raise {},
    /// Asks for `changed` notifications on this connection.
    Subscribe {},
}

/// The methods, for telling an unknown one from one with wrong parameters.
const METHODS: &[&str] = &[
    "status",
    "standing",
    "timeline",
    "thread",
    "person",
    "search",
    "log",
    "links_to",
    "links_from",
    "nearby",
    "check_network",
    "peers",
    "connect",
    "forget_address",
    "addresses",
    "publish",
    "follow",
    "unfollow",
    "block",
    "unblock",
    "attend",
    "settings",
    "choose",
    "mute",
    "look_at",
    "like",
    "rename",
    "import",
    "export",
    "blob_add",
    "blob_bring",
    "blob",
    "blob_fetch",
    "blob_remove",
    "blob_usage",
    "blob_check",
    "blob_tidy",
    "raise",
    "subscribe",
];

/// A request with its envelope.
#[derive(Debug, Serialize)]
struct Call<'a> {
    jsonrpc: &'static str,
    id: u64,
    #[serde(flatten)]
    request: &'a Request,
}

/// An answer with its envelope.
#[derive(Debug, Serialize, Deserialize)]
struct Reply {
    jsonrpc: String,
    id: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ReplyError>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ReplyError {
    code: i64,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Failure>,
}

/// Reads one line as a request; on failure the answer that says why.
fn parse(line: &str) -> Result<(serde_json::Value, Request), Box<Reply>> {
    let value: serde_json::Value = serde_json::from_str(line)
        .map_err(|error| refusal(serde_json::Value::Null, PARSE_ERROR, format!("not JSON: {error}")))?;
    let id = value.get("id").cloned().unwrap_or(serde_json::Value::Null);
    if value.get("jsonrpc").and_then(|version| version.as_str()) != Some("2.0") {
        return Err(refusal(id, INVALID_REQUEST, "not a JSON-RPC 2.0 request".to_owned()));
    }
    match value.get("method").and_then(|method| method.as_str()) {
        None => return Err(refusal(id, INVALID_REQUEST, "no method".to_owned())),
        Some(method) if !METHODS.contains(&method) => {
            return Err(refusal(id, METHOD_NOT_FOUND, format!("no method {method:?}")));
        }
        Some(_) => {}
    }
    match serde_json::from_value(value) {
        Ok(request) => Ok((id, request)),
        Err(error) => Err(refusal(id, INVALID_PARAMS, error.to_string())),
    }
}

fn refusal(id: serde_json::Value, code: i64, message: String) -> Box<Reply> {
    let error = ReplyError { code, message, data: None };
    Box::new(Reply { jsonrpc: "2.0".to_owned(), id, result: None, error: Some(error) })
}

fn answer(id: serde_json::Value, result: Result<serde_json::Value, Failure>) -> Reply {
    match result {
        Ok(result) => Reply { jsonrpc: "2.0".to_owned(), id, result: Some(result), error: None },
        Err(failure) => Reply {
            jsonrpc: "2.0".to_owned(),
            id,
            result: None,
            error: Some(ReplyError { code: REFUSED, message: failure.to_string(), data: Some(failure) }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &str) -> i64 {
        parse(line).expect_err("refused").error.expect("an error").code
    }

    #[test]
    fn a_request_survives_its_envelope() {
        let requests = [
            Request::Status {},
            Request::Follow { id: "@x".into() },
            Request::Publish(Draft { text: "hi".into(), reply_to: None, channel: Some("tea".into()) }),
            Request::Timeline { audience: Audience::Channel("tea".into()), before: None, limit: 3 },
        ];
        for request in requests {
            let line = serde_json::to_string(&Call { jsonrpc: "2.0", id: 7, request: &request }).expect("serialises");
            let (id, read) = parse(&line).unwrap_or_else(|reply| panic!("{line}: {reply:?}"));
            assert_eq!((id, read), (7.into(), request));
        }
    }

    #[test]
    fn what_is_no_request_is_answered_with_the_standards_codes() {
        assert_eq!(code("{"), PARSE_ERROR);
        assert_eq!(code("[]"), INVALID_REQUEST);
        assert_eq!(code(r#"{"id":1,"method":"status","params":{}}"#), INVALID_REQUEST);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1}"#), INVALID_REQUEST);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"steal"}"#), METHOD_NOT_FOUND);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"follow","params":{"id":5}}"#), INVALID_PARAMS);
    }

    #[test]
    fn every_method_is_listed() {
        let unknown = serde_json::from_value::<Request>(serde_json::json!({"method": "?"})).expect_err("no method");
        let unknown = unknown.to_string();
        let known: Vec<&str> = unknown.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, METHODS, "{unknown}");
        for method in METHODS {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":5}}"#);
            assert_eq!(code(&line), INVALID_PARAMS, "{method}");
        }
    }
}
