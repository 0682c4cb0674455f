//! What the search screen asks and is shown.

use serde::{Deserialize, Serialize};
use specta::Type;

use super::{Person, Target};

/// What to search for.
///
/// `text` is what the person typed, in the language of the search field: words, `"phrases"`, `word*`, `-word`, `from:`, `in:`,
/// `before:`, `after:`. Nothing typed is ever wrong. The other fields narrow it further, for the controls of a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchQuery {
    /// What was typed.
    pub text: String,
    /// Whether the last word may still grow: it then finds every word that begins so.
    pub typing: bool,
    /// Only this person's posts: an id, or a name.
    pub from: Option<String>,
    /// Only this channel, with or without `#`.
    pub channel: Option<String>,
    /// Only posts shown before this day, `2026-11-21` (UTC); `2026-11` and `2026` mean their first day.
    pub before: Option<String>,
    /// Only posts shown on this day or later.
    pub after: Option<String>,
    /// In which order.
    pub order: SearchOrder,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// Most hits of the page; at most 100.
    pub limit: u32,
}

/// The order of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum SearchOrder {
    /// The newest first.
    #[default]
    Newest,
    /// The best of the newest 5,000 matches first. It is one page; there is no next one.
    Best,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchPage {
    /// The thing itself, where an id or a link was pasted and it is stored here.
    pub target: Option<Target>,
    /// People whose name or description matches, on the first page only; at most ten.
    pub people: Vec<Person>,
    /// Posts.
    pub hits: Vec<SearchHit>,
    /// Where the next older page begins; none at the end. A page may be short and still not the last.
    pub next: Option<String>,
    /// Why nothing was found, or what a pasted id is that has no screen of its own, in a sentence; on the first page only.
    pub note: Option<String>,
    /// How many stored messages are not in the search index yet; more than zero means that more may be found soon.
    pub behind: u32,
}

/// A post that matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    /// `%….sha256`.
    pub id: String,
    /// Who signed it.
    pub author: Person,
    /// When it is shown to have been written, Unix milliseconds.
    pub time: f64,
    /// The first post of its thread, where it is a reply.
    pub root: Option<String>,
    /// The channel, without `#`.
    pub channel: Option<String>,
    /// What it warns of; the snippet is of the text that it warns of.
    pub content_warning: Option<String>,
    /// The title, where it is a long text (a blog).
    pub title: Option<String>,
    /// The part of its text around the first match, in pieces, one line, without Markdown links.
    pub snippet: Vec<SnippetPart>,
}

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SnippetPart {
    /// The piece.
    pub text: String,
    /// Whether it is what was searched for.
    pub matched: bool,
}
