//! What messages mean: contents, links, the follow graph, threads, timeline rules and what deserves a notification.
//!
//! All of it is pure: functions of their arguments, no clock, no disk, no network, no randomness.
//! Contents come from strangers. Reading them never fails and never costs more than the message is long:
//! what makes no sense is [`Kind::Other`], what is too long is cut at a named bound.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod content;
mod follow;
mod link;
mod notify;
pub mod search;
mod text;
mod thread;
mod timeline;
pub mod write;

pub use content::{
    About, Blog, ChannelSubscription, Contact, Kind, MAX_BRANCHES, MAX_MENTIONS, Meaning, Mention, Post, PubAddress,
    Vote, each_searched_text, kind, outline, read, read_content,
};
pub use follow::{FollowGraph, Hops, Relation};
pub use link::{Link, MAX_LINKS, MAX_RELATION_CHARS, Target};
pub use notify::{FRESH_FOR_MS, Reason, is_fresh, notification};
pub use text::{MAX_CHANNEL_UNITS, MAX_NAME_CHARS, MAX_WARNING_CHARS, channel_name, display_name};
pub use thread::{Answer, Place, causal_order};
pub use timeline::{Card, Listed, ROLLED_UP_REPLIES, card, shown_time};
