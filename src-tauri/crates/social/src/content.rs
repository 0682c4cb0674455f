//! The kinds of content in practice, read leniently: a field that makes no sense is as if absent, a message without the
//! field that carries its meaning is [`Kind::Other`].

use std::str::FromStr;

use feed::{BlobId, Content, FeedId, Message, MessageId, json::Value};

use crate::{
    follow::Relation,
    link::{Link, Target, each_link, ids_in_text, links_of},
    text::{MAX_WARNING_CHARS, channel_name, display_name, one_line},
};

/// The most messages a post is read to answer. Clients name the newest posts of a thread, rarely more than a few.
pub const MAX_BRANCHES: usize = 32;

/// The most mentions with names kept of a post.
pub const MAX_MENTIONS: usize = 160;

/// What a message means.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// What kind of statement it is.
    pub kind: Kind,
    /// Every id found in the content, with its relation; each once, at most [`crate::MAX_LINKS`].
    pub links: Vec<Link>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A post or a reply.
    Post(Post),
    /// A name, description or picture for somebody or something.
    About(About),
    /// How its author stands to somebody.
    Contact(Contact),
    /// A reaction to a message.
    Vote(Vote),
    /// Interest in a channel.
    Channel(ChannelSubscription),
    /// The address of a public peer.
    Pub(PubAddress),
    /// A long text that is kept as a blob.
    Blog(Blog),
    /// Sealed for its recipients.
    Sealed,
    /// Any other type, by name, and known types that lack what they need.
    Other(String),
}

/// A post or a reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Post {
    /// Markdown.
    pub text: String,
    /// The first post of the thread that it belongs to; none when it opens one.
    pub root: Option<MessageId>,
    /// The posts it answers; at most [`MAX_BRANCHES`].
    pub branch: Vec<MessageId>,
    /// The thread that this post branches off into its own.
    pub fork: Option<MessageId>,
    /// The channel, as [`channel_name`] reads it.
    pub channel: Option<String>,
    /// What it warns of, one line of at most [`MAX_WARNING_CHARS`].
    pub content_warning: Option<String>,
    /// Whom and what it names, from `mentions` and from links in the text; at most [`MAX_MENTIONS`].
    pub mentions: Vec<Mention>,
}

impl Post {
    /// What it answers: the root and the branches, each once.
    pub fn answers(&self) -> Vec<MessageId> {
        let mut answers = Vec::with_capacity(1 + self.branch.len());
        for id in self.root.iter().chain(&self.branch) {
            if !answers.contains(id) {
                answers.push(*id);
            }
        }
        answers
    }
}

/// Something a post names.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// What it names.
    pub target: Target,
    /// The name given for it, without a leading `@`.
    pub name: Option<String>,
}

/// A name, description or picture for somebody or something. Anybody may name anybody; one's own word wins.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Whom or what it is about.
    pub about: Target,
    /// The name, as [`display_name`] reads it.
    pub name: Option<String>,
    /// The description: Markdown.
    pub description: Option<String>,
    /// The picture.
    pub image: Option<BlobId>,
}

/// How the author stands to somebody: replaces everything the author said about them before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Whom.
    pub contact: FeedId,
    /// Whether the author follows them.
    pub following: bool,
    /// Whether the author blocks them.
    pub blocking: bool,
}

impl Contact {
    /// The relation that the statement sets; a block wins over a follow.
    pub fn relation(&self) -> Relation {
        match self {
            Contact { blocking: true, .. } => Relation::Blocks,
            Contact { following: true, .. } => Relation::Follows,
            _ => Relation::None,
        }
    }
}

/// A reaction to something.
#[derive(Clone, Debug, PartialEq)]
pub struct Vote {
    /// To what.
    pub link: Target,
    /// Whether it is a like; otherwise it takes an earlier one back (0), or dislikes (less), which shows as no like.
    pub likes: bool,
    /// The word or sign it was given with, one line.
    pub expression: Option<String>,
}

/// Interest in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSubscription {
    /// Its name, as [`channel_name`] reads it.
    pub channel: String,
    /// Whether the author subscribes, or no longer does.
    pub subscribed: bool,
}

/// The address of a public peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PubAddress {
    /// Its host name or address, as announced: unchecked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its key.
    pub key: FeedId,
}

/// A long text that is kept as a blob.
#[derive(Clone, Debug, PartialEq)]
pub struct Blog {
    /// Its title, one line.
    pub title: String,
    /// Its summary.
    pub summary: Option<String>,
    /// A small picture.
    pub thumbnail: Option<BlobId>,
    /// The text itself.
    pub blog: BlobId,
}

/// What `message` means. Never fails.
pub fn read(message: &Message) -> Meaning {
    read_content(&message.content())
}

/// What kind of statement `message` is, for those who do not ask for its links. Never fails.
pub fn kind(message: &Message) -> Kind {
    match message.content() {
        Content::Sealed(_) => Kind::Sealed,
        Content::Object(value) => kind_of(&value),
    }
}

/// What kind of statement `message` is, for an index: a post comes without its text and mentions. Each link, its relation and
/// what it names, goes to `link`, some more than once; no valid message has more than [`crate::MAX_LINKS`]. Never fails.
pub fn outline(message: &Message, link: impl FnMut(&str, Target)) -> Kind {
    match message.content() {
        Content::Sealed(_) => Kind::Sealed,
        Content::Object(value) => {
            each_link(&value, link);
            let is_post = value.get("type").and_then(Value::as_text).is_some_and(|name| *name == "post");
            let post = if is_post { post_outline(&value).map(Kind::Post) } else { None };
            post.unwrap_or_else(|| kind_of(&value))
        }
    }
}

/// Calls `text` with every text of a content that search looks into, as [`kind`] reads them; whether it is of a kind that is found.
pub fn each_searched_text(content: &Value, mut text: impl FnMut(&str)) -> bool {
    let at = |key: &str| content.get(key).and_then(Value::as_str);
    match at("type").as_deref() {
        Some("post") => {
            let Some(said) = at("text") else { return false };
            text(&said);
            let warning = at("contentWarning").and_then(|warning| one_line(&warning, MAX_WARNING_CHARS));
            let channel = at("channel").and_then(|name| channel_name(&name));
            warning.iter().chain(&channel).for_each(|more| text(more));
            true
        }
        Some("blog") => {
            let title = at("title").and_then(|title| one_line(&title, MAX_WARNING_CHARS));
            let (Some(title), Some(_)) = (title, content.get("blog").and_then(blob_id)) else { return false };
            text(&title);
            if let Some(summary) = at("summary") {
                text(&summary);
            }
            true
        }
        _ => false,
    }
}

/// What a content means, whoever signs it. Never fails.
pub fn read_content(content: &Content) -> Meaning {
    match content {
        Content::Sealed(_) => Meaning { kind: Kind::Sealed, links: Vec::new() },
        Content::Object(value) => Meaning { kind: kind_of(value), links: links_of(value) },
    }
}

fn kind_of(content: &Value) -> Kind {
    let name = text_at(content, "type").unwrap_or_default();
    let known = match name.as_str() {
        "post" => post(content).map(Kind::Post),
        "about" => about(content).map(Kind::About),
        "contact" => contact(content).map(Kind::Contact),
        "vote" => vote(content).map(Kind::Vote),
        "channel" => channel(content).map(Kind::Channel),
        "pub" => pub_address(content).map(Kind::Pub),
        "blog" => blog(content).map(Kind::Blog),
        _ => None,
    };
    known.unwrap_or(Kind::Other(name))
}

fn post(content: &Value) -> Option<Post> {
    let text = text_at(content, "text")?;
    Some(Post { mentions: mentions(content, &text), text, ..post_outline(content)? })
}

/// A post without its text and mentions.
fn post_outline(content: &Value) -> Option<Post> {
    content.get("text")?.as_text()?;
    let mut branch = Vec::new();
    match content.get("branch") {
        Some(list) if list.as_array().is_some() => {
            let ids = list.as_array().into_iter().flatten().filter_map(message_id);
            branch.extend(ids.take(MAX_BRANCHES));
        }
        Some(one) => branch.extend(message_id(one)),
        None => {}
    }
    Some(Post {
        root: content.get("root").and_then(message_id),
        branch,
        fork: content.get("fork").and_then(message_id),
        channel: text_at(content, "channel").and_then(|name| channel_name(&name)),
        content_warning: text_at(content, "contentWarning").and_then(|warning| one_line(&warning, MAX_WARNING_CHARS)),
        ..Post::default()
    })
}

/// Those listed in `mentions` first, then those that only the text names.
fn mentions(content: &Value, text: &str) -> Vec<Mention> {
    let mut mentions: Vec<Mention> = Vec::new();
    let mut add = |target: Target, name: Option<String>| {
        if let Some(known) = mentions.iter_mut().find(|mention| mention.target == target) {
            known.name = known.name.take().or(name);
        } else if mentions.len() < MAX_MENTIONS {
            mentions.push(Mention { target, name });
        }
    };
    for item in content.get("mentions").and_then(Value::as_array).unwrap_or_default() {
        if let Some(target) = target(item) {
            add(target, text_at(item, "name").and_then(|name| mention_name(&name)));
        }
    }
    for (target, label) in ids_in_text(text) {
        add(target, label.and_then(mention_name));
    }
    mentions
}

fn mention_name(name: &str) -> Option<String> {
    display_name(name.trim_start().trim_start_matches('@'))
}

fn about(content: &Value) -> Option<About> {
    let about = About {
        about: content.get("about").and_then(target)?,
        name: text_at(content, "name").and_then(|name| display_name(&name)),
        description: text_at(content, "description"),
        image: content.get("image").and_then(blob_id),
    };
    Some(about)
}

fn contact(content: &Value) -> Option<Contact> {
    let Target::Feed(contact) = content.get("contact").and_then(target)? else { return None };
    let following = content.get("following").and_then(Value::as_bool);
    let blocking = content.get("blocking").and_then(Value::as_bool);
    // Without either it says nothing about the relation (old clients announced pubs in this way).
    if following.is_none() && blocking.is_none() {
        return None;
    }
    Some(Contact { contact, following: following == Some(true), blocking: blocking == Some(true) })
}

fn vote(content: &Value) -> Option<Vote> {
    let vote = content.get("vote")?;
    let link = vote.get("link").and_then(target)?;
    let likes = vote.get("value").and_then(Value::as_f64)? > 0.0;
    let expression = text_at(vote, "expression").and_then(|word| one_line(&word, MAX_WARNING_CHARS));
    Some(Vote { link, likes, expression })
}

fn channel(content: &Value) -> Option<ChannelSubscription> {
    let channel = text_at(content, "channel").and_then(|name| channel_name(&name))?;
    let subscribed = content.get("subscribed").and_then(Value::as_bool)?;
    Some(ChannelSubscription { channel, subscribed })
}

fn pub_address(content: &Value) -> Option<PubAddress> {
    let address = content.get("address")?;
    let Target::Feed(key) = address.get("key").and_then(target)? else { return None };
    let host = text_at(address, "host")?;
    let port = address.get("port").and_then(Value::as_f64)?;
    // A float casts to the nearest port; only a whole one comes back the same.
    let whole = port as u16;
    (f64::from(whole) == port).then_some(PubAddress { host, port: whole, key })
}

fn blog(content: &Value) -> Option<Blog> {
    Some(Blog {
        title: text_at(content, "title").and_then(|title| one_line(&title, MAX_WARNING_CHARS))?,
        summary: text_at(content, "summary"),
        thumbnail: content.get("thumbnail").and_then(blob_id),
        blog: content.get("blog").and_then(blob_id)?,
    })
}

fn text_at(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(|text| text.into_owned())
}

/// A bare id, or an object with a `link`.
fn target(value: &Value) -> Option<Target> {
    match value.as_str() {
        Some(text) => Target::parse(&text),
        None => Target::parse(&value.get("link")?.as_str()?),
    }
}

fn message_id(value: &Value) -> Option<MessageId> {
    MessageId::from_str(&value.as_str()?).ok()
}

fn blob_id(value: &Value) -> Option<BlobId> {
    match target(value)? {
        Target::Blob(id) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519";
    const POST: &str = "%3R7ch5k6NUy675byPUhMT+bcdFcBOGMl/g/GRvUPvLo=.sha256";
    const BLOB: &str = "&Jdx4h2XqeM900FgjgC+ru7kAbHUsqgljXWFuzh1erKg=.sha256";

    fn kind(json: String) -> Kind {
        kind_of(&Value::parse(json.as_bytes()).expect("test content"))
    }

    fn message(id: &str) -> MessageId {
        id.parse().expect("test id")
    }

    #[test]
    fn a_reply_is_read_with_one_branch_or_a_list() {
        for branch in [format!("\"{POST}\""), format!("[\"{POST}\",7,\"%no\"]")] {
            let Kind::Post(post) = kind(format!(
                r##"{{"type":"post","text":"hi [@Ada]({ADA})","root":"{POST}","branch":{branch},"channel":"#New People",
                    "contentWarning":" spiders\n","mentions":["{BLOB}",{{"link":"{ADA}"}}]}}"##
            )) else {
                panic!("a post");
            };
            assert_eq!((post.root, post.branch.clone()), (Some(message(POST)), vec![message(POST)]));
            assert_eq!(post.answers(), [message(POST)]);
            assert_eq!(post.channel.as_deref(), Some("newpeople"));
            assert_eq!(post.content_warning.as_deref(), Some("spiders"));
            let mentions: Vec<_> = post.mentions.iter().map(|m| (m.target.to_string(), m.name.as_deref())).collect();
            assert_eq!(mentions, [(BLOB.to_owned(), None), (ADA.to_owned(), Some("Ada"))]);
        }
    }

    #[test]
    fn an_about_may_name_anybody_and_carry_a_picture_in_two_ways() {
        for image in [format!("\"{BLOB}\""), format!("{{\"link\":\"{BLOB}\",\"size\":3}}")] {
            let read = kind(format!(r#"{{"type":"about","about":"{ADA}","name":" Ada ","image":{image}}}"#));
            let Kind::About(about) = read else { panic!("an about") };
            assert_eq!(
                (about.name.as_deref(), about.image.map(|b| b.to_string())),
                (Some("Ada"), Some(BLOB.to_owned()))
            );
        }
    }

    #[test]
    fn a_contact_without_a_word_on_following_or_blocking_is_none() {
        let with = |fields: &str| kind(format!(r#"{{"type":"contact","contact":"{ADA}"{fields}}}"#));
        assert_eq!(with(""), Kind::Other("contact".into()));
        assert_eq!(with(r#","following":"yes""#), Kind::Other("contact".into()));
        let Kind::Contact(contact) = with(r#","following":true,"blocking":true"#) else { panic!("a contact") };
        assert_eq!(contact.relation(), Relation::Blocks);
        let Kind::Contact(contact) = with(r#","blocking":false"#) else { panic!("a contact") };
        assert_eq!(contact.relation(), Relation::None);
    }

    #[test]
    fn a_vote_of_zero_takes_a_like_back() {
        let with = |value: &str| kind(format!(r#"{{"type":"vote","vote":{{"link":"{POST}","value":{value}}}}}"#));
        assert!(matches!(with("1"), Kind::Vote(Vote { likes: true, .. })));
        assert!(matches!(with("0"), Kind::Vote(Vote { likes: false, .. })));
        assert!(matches!(with("-1"), Kind::Vote(Vote { likes: false, .. })));
        assert_eq!(with("\"1\""), Kind::Other("vote".into()));
    }

    #[test]
    fn the_smaller_kinds_are_read() {
        assert_eq!(
            kind(r##"{"type":"channel","channel":"#birds","subscribed":false}"##.into()),
            Kind::Channel(ChannelSubscription { channel: "birds".into(), subscribed: false })
        );
        let address =
            |port: &str| format!(r#"{{"type":"pub","address":{{"host":"a.example","port":{port},"key":"{ADA}"}}}}"#);
        assert!(matches!(kind(address("8008")), Kind::Pub(PubAddress { port: 8008, .. })));
        for port in ["-1", "65536", "1.5", "1e400", "\"8008\""] {
            assert_eq!(kind(address(port)), Kind::Other("pub".into()), "{port}");
        }
        assert!(matches!(kind(format!(r#"{{"type":"blog","title":"t","blog":"{BLOB}"}}"#)), Kind::Blog(_)));
        assert_eq!(kind(r#"{"type":"git-update"}"#.into()), Kind::Other("git-update".into()));
    }

    #[test]
    fn an_outline_is_what_is_read_without_text_and_mentions() {
        let keys = feed::KeyPair::from_seed(&[7; 32]);
        let contents = [
            format!(
                r#"{{"type":"post","text":"see {ADA} and {POST}","root":"{POST}","branch":["{POST}"],"channel":"a b"}}"#
            ),
            format!(r#"{{"type":"post","text":7,"root":"{POST}"}}"#),
            format!(r#"{{"type":"about","about":"{ADA}","name":"Ada","description":"d"}}"#),
            format!(r#"{{"type":"vote","vote":{{"link":"{POST}","value":1}}}}"#),
        ];
        for content in contents {
            let content = Value::parse(content.as_bytes()).expect("test content");
            let message = feed::sign(&keys, None, None, 1.0, &content).expect("test message").into_message();
            let mut whole = read(&message);
            if let Kind::Post(post) = &mut whole.kind {
                (post.text, post.mentions) = (String::new(), Vec::new());
            }
            let mut links = Vec::new();
            let kind = outline(&message, |relation, target| links.push(Link { relation: relation.to_owned(), target }));
            links.sort_unstable();
            links.dedup();
            assert_eq!(Meaning { kind, links }, whole, "{content:?}");
        }
    }

    #[test]
    fn what_is_searched_is_what_is_read() {
        let blog = |fields: &str| format!(r#"{{"type":"blog","blog":"{BLOB}"{fields}}}"#);
        let contents = [
            r#"{"type":"post","text":"a b","contentWarning":" c\nd ","channel":"X Y"}"#.to_owned(),
            r#"{"type":"post","text":"\u0061","contentWarning":"","channel":7}"#.into(),
            r#"{"type":"post","text":7,"channel":"x"}"#.into(),
            r#"{"type":"about","text":"a"}"#.into(),
            r#"{"text":"a"}"#.into(),
            "[]".into(),
            blog(r#","title":" t\nu ","summary":"s""#),
            blog(r#","title":"t""#),
            blog(r#","title":"","summary":"s""#),
            r#"{"type":"blog","title":"t"}"#.into(),
        ];
        for json in contents {
            let value = Value::parse(json.as_bytes()).expect("test content");
            let mut texts = Vec::new();
            let is_found = each_searched_text(&value, |text| texts.push(text.to_owned()));
            let expected: Option<Vec<String>> = match kind_of(&value) {
                Kind::Post(post) => {
                    Some([post.text].into_iter().chain(post.content_warning).chain(post.channel).collect())
                }
                Kind::Blog(blog) => Some([blog.title].into_iter().chain(blog.summary).collect()),
                _ => None,
            };
            assert_eq!(is_found.then_some(texts), expected, "{json}");
        }
    }

    #[test]
    fn nonsense_is_other_and_never_fails() {
        for (json, name) in [
            (r#"{"type":"post"}"#, "post"),
            (r#"{"type":"post","text":{"text":"x"}}"#, "post"),
            (r#"{"type":"about","about":7}"#, "about"),
            (r#"{"type":"contact","contact":"%nothing","following":true}"#, "contact"),
            (r#"{"type":"vote","vote":[]}"#, "vote"),
            (r#"{"type":"channel","channel":"","subscribed":true}"#, "channel"),
            (r#"{"type":7}"#, ""),
            ("[]", ""),
        ] {
            assert_eq!(kind(json.into()), Kind::Other(name.into()), "{json}");
        }
        let hostile =
            format!(r#"{{"type":"post","text":"x","branch":[{}]}}"#, vec![format!("\"{POST}\""); 9_000].join(","));
        assert!(matches!(kind(hostile), Kind::Post(post) if post.branch.len() == MAX_BRANCHES));
    }
}
