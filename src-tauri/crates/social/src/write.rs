//! Contents as this app writes them. The feed signs them; whether they fit into a message is checked there.

use feed::{BlobId, FeedId, MessageId, json::Value};

use crate::link::{Target, ids_in_text};

/// A post or reply to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostDraft {
    /// Markdown.
    pub text: String,
    /// The first post of the thread, for a reply.
    pub root: Option<MessageId>,
    /// The posts it answers, for a reply: the newest ones of the thread.
    pub branch: Vec<MessageId>,
    /// The channel, without `#`.
    pub channel: Option<String>,
    /// What it warns of.
    pub content_warning: Option<String>,
}

/// A post. The ids in its text become its `mentions`, with the labels that the text gives them.
pub fn post(draft: &PostDraft) -> Value<'static> {
    let mut fields = vec![("type", Value::from("post")), ("text", Value::from(draft.text.clone()))];
    if let Some(channel) = &draft.channel {
        fields.push(("channel", Value::from(channel.clone())));
    }
    if let Some(root) = &draft.root {
        fields.push(("root", id(root)));
        let branch = match draft.branch.as_slice() {
            [] => id(root),
            [one] => id(one),
            many => Value::Array(many.iter().map(id).collect()),
        };
        fields.push(("branch", branch));
    }
    let mentions = mentions(&draft.text);
    if !mentions.is_empty() {
        fields.push(("mentions", Value::Array(mentions)));
    }
    if let Some(warning) = &draft.content_warning {
        fields.push(("contentWarning", Value::from(warning.clone())));
    }
    Value::object(fields)
}

fn mentions(text: &str) -> Vec<Value<'static>> {
    let mut seen: Vec<Target> = Vec::new();
    let mut mentions = Vec::new();
    for (target, label) in ids_in_text(text) {
        if seen.contains(&target) {
            continue;
        }
        seen.push(target);
        let mut fields = vec![("link", id(&target))];
        if let Some(label) = label {
            fields.push(("name", Value::from(label.trim_start_matches('@').to_owned())));
        }
        mentions.push(Value::object(fields));
    }
    mentions
}

/// What somebody says of themselves; absent fields leave earlier words as they are.
pub fn about_self(
    me: &FeedId,
    name: Option<&str>,
    description: Option<&str>,
    image: Option<&BlobId>,
) -> Value<'static> {
    let mut fields = vec![("type", Value::from("about")), ("about", id(me))];
    if let Some(name) = name {
        fields.push(("name", Value::from(name.to_owned())));
    }
    if let Some(description) = description {
        fields.push(("description", Value::from(description.to_owned())));
    }
    if let Some(image) = image {
        fields.push(("image", id(image)));
    }
    Value::object(fields)
}

/// How the author stands to somebody; replaces everything said about them before.
pub fn contact(person: &FeedId, following: bool, blocking: bool) -> Value<'static> {
    Value::object([
        ("type", Value::from("contact")),
        ("contact", id(person)),
        ("following", Value::Bool(following)),
        ("blocking", Value::Bool(blocking)),
    ])
}

/// A like, or, with `likes` false, taking it back.
pub fn vote(link: &MessageId, likes: bool, expression: &str) -> Value<'static> {
    let vote = Value::object([
        ("link", id(link)),
        ("value", Value::Number(if likes { 1.0 } else { 0.0 })),
        ("expression", Value::from(expression.to_owned())),
    ]);
    Value::object([("type", Value::from("vote")), ("vote", vote)])
}

/// Interest in a channel, named without `#`.
pub fn channel(name: &str, subscribed: bool) -> Value<'static> {
    Value::object([
        ("type", Value::from("channel")),
        ("channel", Value::from(name.to_owned())),
        ("subscribed", Value::Bool(subscribed)),
    ])
}

fn id(id: &impl ToString) -> Value<'static> {
    Value::from(id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Kind, Post, read_content};
    use feed::Content;

    fn meaning(value: Value) -> Kind {
        read_content(&Content::Object(value)).kind
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (ada, first, second) = (FeedId::classic([1; 32]), MessageId::classic([2; 32]), MessageId::classic([3; 32]));
        let draft = PostDraft {
            text: format!("[@Ada]({ada}) hello"),
            root: Some(first),
            branch: vec![first, second],
            channel: Some("birds".into()),
            content_warning: Some("noise".into()),
        };
        let Kind::Post(Post { root, branch, channel, content_warning, mentions, text, .. }) = meaning(post(&draft))
        else {
            panic!("a post");
        };
        assert_eq!((root, branch, text), (draft.root, draft.branch, draft.text));
        assert_eq!((channel, content_warning), (draft.channel, draft.content_warning));
        assert_eq!(mentions.first().and_then(|m| m.name.as_deref()), Some("Ada"));

        assert!(matches!(meaning(contact(&ada, true, false)), Kind::Contact(c) if c.contact == ada && c.following));
        assert!(matches!(meaning(vote(&first, true, "Like")), Kind::Vote(v) if v.likes));
        assert!(matches!(meaning(vote(&first, false, "Unlike")), Kind::Vote(v) if !v.likes));
        let named = about_self(&ada, Some("Ada"), None, Some(&BlobId::classic([4; 32])));
        assert!(matches!(meaning(named), Kind::About(a) if a.about == Target::Feed(ada) && a.image.is_some()));
        assert!(matches!(meaning(super::channel("birds", true)), Kind::Channel(c) if c.subscribed));
    }

    #[test]
    fn a_plain_post_has_a_type_and_a_text_and_nothing_else() {
        let draft = PostDraft { text: "hello".into(), ..PostDraft::default() };
        assert_eq!(post(&draft).to_compact(), r#"{"type":"post","text":"hello"}"#);
    }
}
