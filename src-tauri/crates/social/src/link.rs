//! Every id that a content mentions, with the key it stands under.

use std::{fmt, str::FromStr};

use feed::{
    BlobId, FeedId, MessageId,
    json::Value,
    uri::{self, Named},
};

/// The most links kept of one message. No valid message holds more: it has at most 8,192 UTF-16 units and an id takes
/// more than 52 of them.
pub const MAX_LINKS: usize = 160;

/// The most characters of a relation's name that are kept.
pub const MAX_RELATION_CHARS: usize = 64;

/// How deep into a content is looked for ids. A valid message cannot nest deeper than about 90: its canonical text
/// indents by two spaces a level.
const MAX_DEPTH: usize = 96;

/// Something an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A feed, which today is a person.
    Feed(FeedId),
    /// A message.
    Message(MessageId),
    /// A file.
    Blob(BlobId),
}

impl Target {
    /// Reads an id or an `ssb:` link to one; a query behind it (`?unbox=…`) is passed over.
    pub fn parse(text: &str) -> Option<Target> {
        let text = text.split('?').next().unwrap_or(text);
        match text.as_bytes().first()? {
            b'@' => FeedId::from_str(text).ok().map(Target::Feed),
            b'%' => MessageId::from_str(text).ok().map(Target::Message),
            b'&' => BlobId::from_str(text).ok().map(Target::Blob),
            b's' => match uri::parse(text).ok()? {
                Named::Feed(id) => Some(Target::Feed(id)),
                Named::Message(id) => Some(Target::Message(id)),
                Named::Blob(id) => Some(Target::Blob(id)),
            },
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Feed(id) => id.fmt(f),
            Target::Message(id) => id.fmt(f),
            Target::Blob(id) => id.fmt(f),
        }
    }
}

/// An id found in a content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The nearest key above the id that says something: `root`, `branch`, `about`, `contact`, `vote`, `image`, …;
    /// a key `link` says nothing, so the key above it counts. Ids in a text are `mentions`.
    pub relation: String,
    /// What it names.
    pub target: Target,
}

/// Every link of a content, each once, in the order of relation and target; at most [`MAX_LINKS`].
pub(crate) fn links_of(content: &Value<'_>) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    each_link(content, |relation, target| {
        // Few links, nearly always: looking through them costs less than a tree.
        if found.len() < MAX_LINKS && !found.iter().any(|link| link.target == target && link.relation == relation) {
            found.push(Link { relation: relation.to_owned(), target });
        }
    });
    found.sort_unstable();
    found
}

/// Gives every link of a content to `link`, relation and target, in the order in which they stand there. The same may come more
/// than once.
pub(crate) fn each_link(content: &Value<'_>, mut link: impl FnMut(&str, Target)) {
    let mut bounded = |relation: &str, target| {
        let end = relation.char_indices().nth(MAX_RELATION_CHARS).map_or(relation.len(), |(end, _)| end);
        link(&relation[..end], target);
    };
    collect(content, "", 0, &mut bounded);
}

fn collect(value: &Value<'_>, relation: &str, depth: usize, link: &mut dyn FnMut(&str, Target)) {
    if depth > MAX_DEPTH {
        return;
    }
    if let Some(items) = value.as_array() {
        for item in items {
            collect(item, relation, depth + 1, link);
        }
    } else if let Some(text) = value.as_str() {
        if let Some(target) = Target::parse(&text) {
            link(relation, target);
        } else if relation == "text" {
            for (target, _) in ids_in_text(&text) {
                link("mentions", target);
            }
        }
    } else {
        for (key, inner) in value.entries() {
            let key = key.to_str_lossy();
            let relation = if key == "link" && !relation.is_empty() { relation } else { &key };
            collect(inner, relation, depth + 1, link);
        }
    }
}

/// The ids that stand in a Markdown text, plain, as the target of a link or as an `ssb:` link, with the label where
/// it is a Markdown link; in the order of the text, at most [`MAX_LINKS`].
pub(crate) fn ids_in_text(text: &str) -> Vec<(Target, Option<&str>)> {
    let mut found = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    while found.len() < MAX_LINKS {
        // All of these are ASCII, so that each of their bytes is a character.
        let is_start = |byte: &u8| matches!(byte, b'@' | b'%' | b'&' | b':');
        let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(is_start)) else { break };
        let mut start = at + offset;
        if bytes[start] == b':' {
            // `ssb:` begins three bytes before its colon, but not within an id that was taken.
            match start.checked_sub(3).filter(|start| *start >= at && bytes[*start..].starts_with(b"ssb")) {
                Some(before) => start = before,
                None => {
                    at = start + 1;
                    continue;
                }
            }
        }
        match id_at(&text[start..]) {
            Some((target, length)) => {
                found.push((target, label_before(&text[..start])));
                at = start + length;
            }
            None => at += offset + 1,
        }
    }
    found
}

/// The id that `text` starts with, and its length in bytes.
fn id_at(text: &str) -> Option<(Target, usize)> {
    /// Sigil, 44 characters of base64, and the longer of `.ed25519` and `.sha256`.
    const LONGEST: usize = 1 + 44 + 8;
    /// `ssb:` links to ids of the formats read here are shorter.
    const LONGEST_URI: usize = 128;
    let bytes = text.as_bytes();
    if bytes.first() == Some(&b's') {
        if !text.starts_with("ssb:") {
            return None;
        }
        let is_part =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'-' | b'_' | b'=' | b'.' | b'%' | b'+');
        let length = bytes.iter().take(LONGEST_URI).take_while(|b| is_part(b)).count();
        // A link at the end of a sentence takes the full stop along.
        let uri = text.get(..length)?.trim_end_matches(['.', ':', '/']);
        return Target::parse(uri).map(|target| (target, uri.len()));
    }
    let length = match bytes.get(45..).unwrap_or_default() {
        rest if rest.starts_with(b".ed25519") => LONGEST,
        rest if rest.starts_with(b".sha256") => LONGEST - 1,
        _ => return None,
    };
    Target::parse(text.get(..length)?).map(|target| (target, length))
}

/// The label of a Markdown link whose target begins right after `before`: `[label](`, `[label](<`, or `[label]: `.
fn label_before(before: &str) -> Option<&str> {
    /// Longer labels are sentences, not names.
    const LONGEST_LABEL: usize = 256;
    let before = before.strip_suffix('<').unwrap_or(before);
    let before = before.strip_suffix("](").or_else(|| before.strip_suffix("]: "))?;
    let open = before.rfind('[')?;
    let label = &before[open + 1..];
    (!label.is_empty() && label.len() <= LONGEST_LABEL).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ADA: &str = "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519";
    const POST: &str = "%3R7ch5k6NUy675byPUhMT+bcdFcBOGMl/g/GRvUPvLo=.sha256";
    const BLOB: &str = "&Jdx4h2XqeM900FgjgC+ru7kAbHUsqgljXWFuzh1erKg=.sha256";

    fn links(json: &str) -> Vec<(String, String)> {
        let value = Value::parse(json.as_bytes()).expect("test content");
        links_of(&value).into_iter().map(|l| (l.relation, l.target.to_string())).collect()
    }

    fn pair(relation: &str, id: &str) -> (String, String) {
        (relation.to_owned(), id.to_owned())
    }

    #[test]
    fn every_id_is_a_link_under_its_key() {
        let content = format!(
            r#"{{"type":"post","root":"{POST}","branch":["{POST}"],"mentions":["{ADA}",{{"link":"{BLOB}","name":"x"}}],
                "tangles":{{"group":{{"root":null,"previous":["{POST}"]}}}},"note":"see {ADA}"}}"#
        );
        assert_eq!(
            links(&content),
            [
                pair("branch", POST),
                pair("mentions", ADA),
                pair("mentions", BLOB),
                pair("previous", POST),
                pair("root", POST)
            ]
        );
        assert_eq!(links(&format!(r#"{{"vote":{{"link":"{POST}","value":1}}}}"#)), [pair("vote", POST)]);
        assert_eq!(links(&format!(r#"{{"link":"{POST}"}}"#)), [pair("link", POST)]);
    }

    #[test]
    fn ids_in_a_text_are_mentions_plain_or_as_markdown_links() {
        let text = format!("hello [@ada]({ADA}), {POST}. ![shell]({BLOB}?unbox=abc) and {ADA}");
        let found: Vec<_> = ids_in_text(&text).into_iter().map(|(t, l)| (t.to_string(), l)).collect();
        assert_eq!(
            found,
            [
                (ADA.to_owned(), Some("@ada")),
                (POST.to_owned(), None),
                (BLOB.to_owned(), Some("shell")),
                (ADA.to_owned(), None)
            ]
        );
    }

    #[test]
    fn links_of_the_newer_form_are_read_in_a_text() {
        let text = "see ssb:message/classic/3R7ch5k6NUy675byPUhMT-bcdFcBOGMl_g_GRvUPvLo=.";
        let found: Vec<_> = ids_in_text(text).into_iter().map(|(t, _)| t.to_string()).collect();
        assert_eq!(found, [POST]);
    }

    #[test]
    fn what_only_looks_like_an_id_is_none() {
        for text in [
            "@AAA.ed25519",
            "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijl=.ed25519",
            "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.sha256",
            "@貝貝貝貝貝貝貝貝貝貝貝貝貝貝貝.ed25519",
            "ssb:",
            "sssss",
        ] {
            assert_eq!(ids_in_text(text), [], "{text}");
        }
    }

    #[test]
    fn a_hostile_content_gives_a_bounded_number_of_links() {
        let many: Vec<String> = (0..5_000u32)
            .map(|i| {
                let mut hash = [0; 32];
                hash[..4].copy_from_slice(&i.to_be_bytes());
                format!("\"{}\"", MessageId::classic(hash))
            })
            .collect();
        assert_eq!(links(&format!(r#"{{"{}":[{}]}}"#, "k".repeat(9_000), many.join(","))).len(), MAX_LINKS);
        let deep = format!("{}\"{ADA}\"{}", "[".repeat(60), "]".repeat(60));
        assert_eq!(links(&format!(r#"{{"a":{deep}}}"#)), [pair("a", ADA)]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_looked_through(text in ".{0,200}") {
            ids_in_text(&text);
        }

        #[test]
        fn an_id_is_found_wherever_it_stands(before in "[^@%&A-Za-z0-9+/=]{0,40}", after in "[^A-Za-z0-9+/=.]{0,40}") {
            let text = format!("{before}{ADA}{after}");
            prop_assert_eq!(ids_in_text(&text).len(), 1);
        }
    }
}
