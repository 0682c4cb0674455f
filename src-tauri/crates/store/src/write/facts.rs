//! What the indexes take from a message, and nothing of its text.

use std::borrow::Cow;

use feed::{FeedId, Message};
use social::{Contact, Kind, Target};

use crate::{feeds::prefix, history::take_type_name, index::target_prefix, relation::RelationKey};

/// What the indexes take from one message.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The type, as [`crate::type_name`] gives it.
    pub(crate) kind: Cow<'static, str>,
    /// Prefix of the target, relation; each pair once, in order.
    pub(crate) links: Vec<(i64, RelationKey)>,
    pub(crate) statement: Statement,
}

/// What a message states.
#[derive(Debug)]
pub(crate) enum Statement {
    /// A post; `root` is the prefix of the thread's first post, where it is a reply.
    Post {
        root: Option<i64>,
        channel: Option<String>,
    },
    /// A vote on the message with this prefix.
    Vote {
        target: i64,
        likes: bool,
    },
    Contact(Contact),
    /// Words about a person. `image` in binary.
    About {
        subject: FeedId,
        name: Option<String>,
        is_described: bool,
        image: Option<[u8; feed::TAGGED_LEN]>,
    },
    Channel {
        channel: String,
        is_subscribed: bool,
    },
    /// Nothing that an index of its own knows.
    Other,
}

impl Facts {
    /// What the indexes take from `message`.
    pub(crate) fn of(message: &Message) -> Self {
        let mut links = Vec::new();
        let mut said = social::outline(message, |relation, target| {
            links.push((target_prefix(&target), RelationKey::from(relation)));
        });
        // The same may stand there twice, and two ids may share the bytes they are found by.
        links.sort_unstable();
        links.dedup();
        let kind = take_type_name(&mut said);
        let statement = match said {
            Kind::Post(post) => {
                Statement::Post { root: post.root.map(|root| prefix(root.hash())), channel: post.channel }
            }
            Kind::Vote(vote) => match vote.link {
                Target::Message(id) => Statement::Vote { target: prefix(id.hash()), likes: vote.likes },
                _ => Statement::Other,
            },
            Kind::Contact(contact) => Statement::Contact(contact),
            Kind::About(about) => match about.about {
                Target::Feed(subject) => Statement::About {
                    subject,
                    name: about.name,
                    is_described: about.description.is_some(),
                    image: about.image.map(|image| image.to_tagged()),
                },
                _ => Statement::Other,
            },
            Kind::Channel(channel) => {
                Statement::Channel { channel: channel.channel, is_subscribed: channel.subscribed }
            }
            Kind::Pub(_) | Kind::Blog(_) | Kind::Sealed | Kind::Other(_) => Statement::Other,
        };
        Self { kind, links, statement }
    }
}
