//! Looks at people whose feed is not stored here.

use std::collections::BTreeSet;

use feed::{Message, PersonId};
use node::{Looked, NotSeen, wire::Newest};
use store::PostRow;

use crate::App;
use crate::app::person_id;
use crate::clock;
use crate::mailbox::Command;
use crate::people::People;
use crate::posts;
use crate::view::{Failure, FailureCode, Look};

/// Posts of a page in a window.
pub const LOOK_PAGE: u32 = 20;
/// The most posts of one page.
const MAX_PAGE: u32 = 256;
/// How many times somebody is asked for one page: between posts stand other messages.
const MAX_ASKS: usize = 8;

impl App {
    /// The newest posts of somebody whose feed is not stored here, as somebody near has them: shown, and kept nowhere. `before` is
    /// the `next` of the page before; a page has at most 256 posts, and may be short without being the last.
    ///
    /// # Errors
    /// When the id or the place cannot be read, their feed is stored here, they are blocked, nobody near has it, or the node is
    /// shutting down.
    pub async fn look_at(&self, id: &str, before: Option<&str>, limit: u32) -> Result<Look, Failure> {
        let person = person_id(id)?;
        if self.store().person(&person).await?.messages > 0 {
            return Err(Failure::new(
                FailureCode::BadInput,
                "What they write is stored here already.",
                "Look at their page, or at `peri log --feed` with their id.",
            ));
        }
        let mut before: u64 = before.map_or(Ok(0), str::parse).map_err(|_| {
            Failure::new(FailureCode::BadInput, "This is not a place in their feed.", "Begin again without it.")
        })?;
        let limit = limit.clamp(1, MAX_PAGE) as usize;
        let now = clock::wall();
        let mut rows: Vec<PostRow> = Vec::new();
        let mut newest: Option<Looked> = None;
        let mut next = None;
        for _ in 0..MAX_ASKS {
            let wanted = Newest { feed: person.feed(), before, most: node::limits::LOOK_MESSAGES };
            let looked = match self.ask(|reply| Command::LookAt { wanted, reply }).await? {
                Ok(looked) => looked,
                // What was seen before this is shown.
                Err(_) if newest.is_some() => break,
                Err(reason) => return Err(not_seen(reason)),
            };
            // Another device may hold less: what it has does not follow what was seen, and is another page.
            let follows = before == 0 || looked.messages.last().is_none_or(|last| last.sequence() + 1 == before);
            if newest.as_ref().is_some_and(|newest| newest.from != looked.from || !follows) {
                break;
            }
            let first = looked.messages.first().map_or(0, Message::sequence);
            for message in looked.messages.iter().rev() {
                rows.extend(PostRow::unstored(message, now));
                before = message.sequence();
                if rows.len() >= limit {
                    break;
                }
            }
            newest.get_or_insert(looked);
            next = (before > 1 && first > 0).then_some(before);
            if rows.len() >= limit || next.is_none() {
                break;
            }
        }
        let Some(newest) = newest else { return Err(not_seen(NotSeen::NobodyHasIt)) };
        let through = PersonId::from(newest.from);
        let people = People::load(self.store(), BTreeSet::from([person, through]), self.near().await?).await?;
        let who = people.view(person);
        let calls_themselves = newest.about.as_ref().and_then(named).filter(|_| !who.named);
        let posts = rows.into_iter().map(|row| crate::view::Post { author: who.clone(), ..posts::post(row, &people) });
        Ok(Look {
            posts: posts.collect(),
            through: people.view(through),
            head: newest.head as f64,
            next: next.map(|next| next.to_string()),
            person: who,
            calls_themselves,
        })
    }
}

/// The name that an `about` gives its author.
pub(crate) fn named(about: &Message) -> Option<String> {
    match social::read(about).kind {
        social::Kind::About(about) => about.name,
        _ => None,
    }
}

fn not_seen(reason: NotSeen) -> Failure {
    let (code, next) = match reason {
        NotSeen::Blocked => (FailureCode::BadInput, "Unblock them first."),
        NotSeen::NobodyNear | NotSeen::NobodyHasIt => {
            (FailureCode::NotFound, "Try again when others are near, or follow them: then it comes by itself.")
        }
        NotSeen::Busy => (FailureCode::Busy, "Wait a moment, then try again."),
    };
    Failure::new(code, format!("They cannot be looked at: {reason}."), next)
}
