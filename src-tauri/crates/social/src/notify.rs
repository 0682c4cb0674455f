//! Which messages deserve a notification.

use feed::{MessageId, PersonId};

use crate::{content::Kind, content::Meaning, follow::FollowGraph, follow::Relation, link::Target};

/// A message is news when its author claims to have written it at most this long before it came, in milliseconds.
/// What a first sync brings in is older.
pub const FRESH_FOR_MS: i64 = 60 * 60 * 1000;

/// Why a message deserves a notification, the most personal reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It names the reader.
    Mentioned,
    /// It answers a message of the reader's.
    Replied,
    /// Its author now follows the reader.
    Followed,
    /// Its author likes a message of the reader's.
    Liked,
    /// Somebody whom the reader follows opened a thread.
    Posted,
}

/// Whether a message that claims to be from `claimed_ms` and came at `received_ms` (Unix milliseconds) is news. A clock
/// that is ahead does not make news old.
pub fn is_fresh(claimed_ms: f64, received_ms: i64) -> bool {
    // Milliseconds of this age are exact in a float.
    claimed_ms >= (received_ms.saturating_sub(FRESH_FOR_MS)) as f64
}

/// Why `me` should be told of a message by `author`, if at all. `is_mine` says whether a message is one of `me`'s.
///
/// The caller asks only for messages that have just come and are fresh ([`is_fresh`]). People whom `me` blocks never
/// notify.
pub fn notification(
    me: &PersonId,
    graph: &FollowGraph,
    author: &PersonId,
    meaning: &Meaning,
    is_mine: impl Fn(&MessageId) -> bool,
) -> Option<Reason> {
    if author == me || graph.relation(me, author) == Relation::Blocks {
        return None;
    }
    match &meaning.kind {
        Kind::Post(post) => {
            let my_feed = Target::Feed(me.feed());
            if post.mentions.iter().any(|mention| mention.target == my_feed) {
                Some(Reason::Mentioned)
            } else if post.answers().iter().any(is_mine) {
                Some(Reason::Replied)
            } else {
                (post.root.is_none() && graph.is_following(me, author)).then_some(Reason::Posted)
            }
        }
        Kind::Contact(contact) => (PersonId::from(contact.contact) == *me && contact.relation() == Relation::Follows)
            .then_some(Reason::Followed),
        Kind::Vote(vote) => match &vote.link {
            Target::Message(id) if vote.likes && is_mine(id) => Some(Reason::Liked),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        content::{Contact, read_content},
        write::{self, PostDraft},
    };
    use feed::{Content, FeedId, json::Value};

    const ME: u8 = 1;
    const FRIEND: u8 = 2;
    const STRANGER: u8 = 3;
    const BLOCKED: u8 = 4;

    fn feed(n: u8) -> FeedId {
        FeedId::classic([n; 32])
    }

    fn reason(author: u8, content: Value) -> Option<Reason> {
        let mut graph = FollowGraph::new();
        let me = PersonId::from(feed(ME));
        graph.apply(me, 1, &Contact { contact: feed(FRIEND), following: true, blocking: false });
        graph.apply(me, 2, &Contact { contact: feed(BLOCKED), following: false, blocking: true });
        let mine = |id: &MessageId| *id == MessageId::classic([ME; 32]);
        notification(&me, &graph, &PersonId::from(feed(author)), &read_content(&Content::Object(content)), mine)
    }

    fn post(text: &str, root: Option<u8>) -> Value<'_> {
        let root = root.map(|n| MessageId::classic([n; 32]));
        write::post(&PostDraft { text: text.into(), root, ..PostDraft::default() })
    }

    #[test]
    fn people_one_follows_notify_when_they_open_a_thread() {
        assert_eq!(reason(FRIEND, post("hello", None)), Some(Reason::Posted));
        assert_eq!(reason(FRIEND, post("a reply to somebody else", Some(9))), None);
        assert_eq!(reason(STRANGER, post("hello", None)), None);
        assert_eq!(reason(ME, post("hello", None)), None);
    }

    #[test]
    fn replies_mentions_follows_and_likes_notify_whoever_sends_them() {
        let mine = MessageId::classic([ME; 32]);
        for author in [FRIEND, STRANGER] {
            assert_eq!(reason(author, post("yes", Some(ME))), Some(Reason::Replied));
            assert_eq!(reason(author, post(&format!("[@me]({})", feed(ME)), Some(ME))), Some(Reason::Mentioned));
            assert_eq!(reason(author, write::contact(&feed(ME), true, false)), Some(Reason::Followed));
            assert_eq!(reason(author, write::vote(&mine, true, "Like")), Some(Reason::Liked));
        }
        assert_eq!(reason(STRANGER, write::contact(&feed(ME), false, true)), None);
        assert_eq!(reason(STRANGER, write::contact(&feed(FRIEND), true, false)), None);
        assert_eq!(reason(STRANGER, write::vote(&mine, false, "Unlike")), None);
        assert_eq!(reason(STRANGER, write::vote(&MessageId::classic([9; 32]), true, "Like")), None);
    }

    #[test]
    fn blocked_people_never_notify() {
        let mine = MessageId::classic([ME; 32]);
        assert_eq!(reason(BLOCKED, post(&format!("{}", feed(ME)), Some(ME))), None);
        assert_eq!(reason(BLOCKED, write::vote(&mine, true, "Like")), None);
        assert_eq!(reason(BLOCKED, write::contact(&feed(ME), true, false)), None);
    }

    #[test]
    fn only_news_is_fresh() {
        let now = 1_700_000_000_000;
        assert!(is_fresh(now as f64, now));
        assert!(is_fresh(32_503_680_000_000.0, now), "a clock ahead is still news");
        assert!(!is_fresh((now - FRESH_FOR_MS - 1) as f64, now));
        assert!(!is_fresh(f64::NAN, now));
    }
}
