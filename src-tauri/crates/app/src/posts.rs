//! Timelines and threads as screens show them.

use std::collections::BTreeSet;

use feed::{Message, MessageId, PersonId};
use store::{CardRow, PostRow, ThreadEntry, ThreadRows};

use crate::App;
use crate::app::{message_id, person_id};
use crate::history::type_of;
use crate::people::People;
use crate::view::{Audience, Card, Entry, Failure, FailureCode, Mention, Page, Post, Reason, Thread};

impl App {
    /// A page of a timeline, newest first; at most 100 cards of what is stored, and as many of what strangers near write, where they are
    /// wanted. `before` is the `next` of the page before.
    ///
    /// # Errors
    /// When the place or a name cannot be read, the node is shutting down or the store cannot be read.
    pub async fn timeline(&self, audience: Audience, before: Option<String>, limit: u32) -> Result<Page, Failure> {
        let before = before.map(|text| text.parse()).transpose().map_err(|_| {
            Failure::new(
                FailureCode::BadInput,
                "This is not a place in a timeline.",
                "Begin again at the newest posts.",
            )
        })?;
        let near = self.near().await?;
        let around: Vec<PersonId> = near.iter().copied().collect();
        let is_of_those_near = audience == Audience::Nearby;
        let audience = self::audience(audience)?;
        let query = store::Query { audience, before, limit: limit as usize, near: &around };
        let page = self.store().timeline(query).await?;

        let passing = match is_of_those_near {
            true => {
                let (before, from) = (before.map(store::Cursor::time_ms), page.next.map(store::Cursor::time_ms));
                self.strangers().posts(before, from, store::MAX_PAGE.min(limit as usize))
            }
            false => Vec::new(),
        };
        // Of somebody who was followed just now the same post may be here already.
        let stored: BTreeSet<MessageId> = page.cards.iter().map(|card| card.post.id).collect();
        let passing: Vec<_> = passing.into_iter().filter(|(row, _)| !stored.contains(&row.id)).collect();
        let posts = page.cards.iter().flat_map(|card| card.latest.iter().chain([&card.post]));
        let mut shown: BTreeSet<PersonId> = posts.map(|post| post.author).collect();
        shown.extend(page.cards.iter().filter_map(|card| card.brought_up_by));
        shown.extend(passing.iter().map(|(row, _)| row.author));
        let people = People::load(self.store(), shown, near).await?;
        let card = |card: CardRow| Card {
            post: post(card.post, &people),
            latest: card.latest.into_iter().map(|reply| post(reply, &people)).collect(),
            reason: card.brought_up_by.map(|person| Reason::Replied(people.view(person))),
            passing: false,
            calls_themselves: None,
        };
        let mut cards: Vec<Card> = page.cards.into_iter().map(card).collect();
        if !passing.is_empty() {
            cards.extend(passing.into_iter().map(|(row, name)| passing_card(row, name, &people)));
            cards.sort_by(|a, b| shown_at(b).total_cmp(&shown_at(a)));
        }
        Ok(Page { cards, next: page.next.map(|next| next.to_string()) })
    }

    /// The thread of a post, by any post in it.
    ///
    /// # Errors
    /// When the id cannot be read or nothing of the thread is stored here, the node is shutting down or the store cannot be
    /// read.
    pub async fn thread(&self, id: &str) -> Result<Thread, Failure> {
        let rows = self.stored_thread(message_id(id)?).await?;
        let authors = rows.posts().map(|post| post.author).collect();
        let people = People::load(self.store(), authors, self.near().await?).await?;
        let entry = |entry: ThreadEntry| match entry {
            ThreadEntry::Post(row) => Entry::Post(Box::new(post(*row, &people))),
            ThreadEntry::Missing(id) => Entry::Missing(id.to_string()),
        };
        Ok(Thread { root: rows.root.to_string(), entries: rows.entries.into_iter().map(entry).collect() })
    }

    /// What a reply to this post names as its root and its branches: the newest of the thread, and the post itself.
    pub(crate) async fn answers(&self, id: MessageId) -> Result<(MessageId, Vec<MessageId>), Failure> {
        let thread = self.stored_thread(id).await?;
        if !thread.posts().any(|post| post.id == id) {
            return Err(not_stored(id));
        }
        let mut branch = thread.heads();
        if !branch.contains(&id) {
            branch.insert(0, id);
        }
        Ok((thread.root, branch))
    }

    async fn stored_thread(&self, id: MessageId) -> Result<ThreadRows, Failure> {
        match self.store().thread(id).await? {
            Some(thread) => Ok(thread),
            None => {
                Err(self.store().message(id).await?.map_or_else(|| not_stored(id), |stored| no_post(&stored.message)))
            }
        }
    }
}

/// A post of a stranger near, who gives themselves this name.
fn passing_card(row: PostRow, name: Option<String>, people: &People) -> Card {
    let post = post(row, people);
    let calls_themselves = name.filter(|_| !post.author.named);
    Card { post, latest: Vec::new(), reason: None, passing: true, calls_themselves }
}

/// When what is newest of a card was written.
fn shown_at(card: &Card) -> f64 {
    card.latest.last().map_or(card.post.time, |reply| reply.time)
}

/// A message that is stored here and no post, when asked for as one.
fn no_post(message: &Message) -> Failure {
    let (id, kind) = (message.id(), type_of(message));
    Failure::new(
        FailureCode::BadInput,
        format!("{id} is stored here, but it is no post: its type is “{kind}”."),
        format!("`peri links {id} --from` shows what it belongs to."),
    )
}

fn not_stored(id: MessageId) -> Failure {
    Failure::new(
        FailureCode::NotFound,
        format!("The post {id} is not stored here."),
        "It may arrive when you meet somebody who has it.",
    )
}

fn audience(audience: Audience) -> Result<store::Audience, Failure> {
    Ok(match audience {
        Audience::All => store::Audience::All,
        Audience::Following => store::Audience::Following,
        Audience::Friends => store::Audience::Friends,
        Audience::Nearby => store::Audience::Nearby,
        Audience::Channel(name) => store::Audience::Channel(channel(&name)?),
        Audience::Person(id) => store::Audience::Person(person_id(&id)?),
    })
}

/// A channel's name as it is compared.
pub(crate) fn channel(name: &str) -> Result<String, Failure> {
    social::channel_name(name).ok_or_else(|| {
        Failure::new(
            FailureCode::BadInput,
            format!("{:?} cannot be the name of a channel.", name.chars().take(80).collect::<String>()),
            format!("Choose a word of less than {} characters.", social::MAX_CHANNEL_UNITS),
        )
    })
}

pub(crate) fn post(row: PostRow, people: &People) -> Post {
    let mention = |mention: social::Mention| {
        let link = mention.target.to_string();
        Mention { name: mention.name.unwrap_or_else(|| link.clone()), link }
    };
    Post {
        id: row.id.to_string(),
        author: people.view(row.author),
        text: row.post.text,
        content_warning: row.post.content_warning,
        channel: row.post.channel,
        root: row.post.root.map(|root| root.to_string()),
        mentions: row.post.mentions.into_iter().map(mention).collect(),
        time: row.time_ms as f64,
        sequence: row.sequence as f64,
        replies: row.replies,
        likes: row.likes,
        liked: row.liked,
    }
}
