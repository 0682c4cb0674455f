//! What a person says: posts, follows, likes, names; and what they bring in by hand.

use std::collections::BTreeSet;

use feed::{FeedId, Message, json};

use node::RejectReason;
use social::Relation;

use crate::app::{Answer, message_id};
use crate::mailbox::Command;
use crate::view::{Draft, Failure, FailureCode};
use crate::{App, posts, status};

impl App {
    /// Signs and publishes a post; its id. Returns once it is durable.
    ///
    /// # Errors
    /// When the text is empty or too long, the post it answers is not stored here, or publishing has to wait.
    pub async fn publish(&self, draft: Draft) -> Result<String, Failure> {
        if draft.text.trim().is_empty() {
            return Err(Failure::new(FailureCode::BadInput, "There is nothing to publish.", "Write something first."));
        }
        let channel = draft.channel.as_deref().map(str::trim).filter(|channel| !channel.is_empty());
        let channel = channel.map(posts::channel).transpose()?;
        let (root, branch) = match draft.reply_to.as_deref().map(message_id).transpose()? {
            None => (None, Vec::new()),
            Some(answered) => {
                let (root, branch) = self.answers(answered).await?;
                (Some(root), branch)
            }
        };
        let draft = social::write::PostDraft { text: draft.text, root, branch, channel, content_warning: None };
        self.sign(social::write::post(&draft)).await
    }

    /// Follows a person; the id of the message that says so. Whom one follows one does not block any more.
    ///
    /// # Errors
    /// When the id cannot be read or is one's own, or publishing has to wait.
    pub async fn follow(&self, id: &str) -> Result<String, Failure> {
        let person = self.somebody_else(id)?;
        let message = self.sign(social::write::contact(&person.feed(), true, false)).await?;
        if self.store().stance(&person).blocked {
            self.decide(person, Some(false), None).await?;
        }
        Ok(message)
    }

    /// Follows a person no more; the id of the message that says so. It unblocks nobody.
    ///
    /// # Errors
    /// As [`Self::follow`], and when the person blocks them in public: one statement replaces the other.
    pub async fn unfollow(&self, id: &str) -> Result<String, Failure> {
        let person = self.somebody_else(id)?;
        if self.store().relation_said(&person) == Relation::Blocks {
            return Err(Failure::new(
                FailureCode::BadInput,
                "You block them; there is nothing to unfollow.",
                "To take the block back, unblock them.",
            ));
        }
        self.sign(social::write::contact(&person.feed(), false, false)).await
    }

    /// Likes a post, or takes that back; the id of the message that says so.
    ///
    /// # Errors
    /// When the id cannot be read or publishing has to wait.
    pub async fn like(&self, id: &str, on: bool) -> Result<String, Failure> {
        let id = message_id(id)?;
        self.sign(social::write::vote(&id, on, if on { "Like" } else { "Unlike" })).await
    }

    /// Says one's own name, description or both; the id of the message that says so.
    ///
    /// # Errors
    /// When the name is empty or too long, nothing is said, or publishing has to wait.
    pub async fn rename(&self, name: Option<&str>, description: Option<&str>) -> Result<String, Failure> {
        let name = name.map(valid_name).transpose()?;
        if name.is_none() && description.is_none() {
            return Err(Failure::new(FailureCode::BadInput, "Nothing was said.", "Give a name or a description."));
        }
        self.sign(social::write::about_self(&self.id().feed(), name.as_deref(), description, None)).await
    }

    pub(crate) async fn sign(&self, content: json::Value<'static>) -> Result<String, Failure> {
        if self.own_is_doubted().await? {
            return Err(Failure::new(
                FailureCode::Recovering,
                "Newer messages of your feed may exist than the old app's log still had, so nothing is published.",
                "Go near somebody who follows you, with `peri serve` or the window open: they bring what is missing.",
            ));
        }
        let published = self.ask(|reply| Command::Publish { content, reply }).await?;
        Ok(published.map_err(Failure::from)?.to_string())
    }

    /// Checks and stores messages, at most [`node::limits::IMPORT_BATCH`]. The feeds of which something is stored afterwards
    /// count as asked for.
    ///
    /// # Errors
    /// When the node is shutting down or the wish for a feed cannot be stored. A refused message is no error.
    pub async fn import(&self, messages: Vec<Message>) -> Result<status::Imported, Failure> {
        self.begin_import(messages).await?.finish().await
    }

    /// Hands messages over to be checked and stored, as [`Self::import`], without waiting for it: the next ones may be made
    /// ready or handed over meanwhile. Few at a time: each keeps its messages in memory.
    ///
    /// # Errors
    /// When the node is shutting down.
    pub async fn begin_import(&self, messages: Vec<Message>) -> Result<Import, Failure> {
        let mut feeds: BTreeSet<FeedId> = BTreeSet::new();
        for run in messages.chunk_by(|a, b| a.author() == b.author()) {
            feeds.extend(run.first().map(|message| message.author()));
        }
        let answer = self.hand_over(|reply| Command::Import { messages, reply }).await?;
        Ok(Import { app: self.clone(), feeds, answer })
    }

    /// Remembers those of these feeds of which something is stored as asked for by hand.
    async fn keep(&self, mut feeds: BTreeSet<FeedId>) -> Result<(), Failure> {
        let mut wanted = self.wanted().lock().await;
        feeds.retain(|feed| !wanted.contains(feed));
        if !feeds.is_empty() {
            wanted.extend(self.ask(|reply| Command::Keep { feeds: feeds.into_iter().collect(), reply }).await??);
        }
        Ok(())
    }
}

/// Messages that are being checked and stored.
pub struct Import {
    app: App,
    feeds: BTreeSet<FeedId>,
    answer: Answer<node::Imported>,
}

impl Import {
    /// Waits until all of them are decided.
    ///
    /// # Errors
    /// As [`App::import`].
    pub async fn finish(self) -> Result<status::Imported, Failure> {
        let imported = self.app.answer(self.answer).await?;
        self.app.keep(self.feeds).await?;
        let mut outcome = status::Imported {
            stored: imported.stored,
            known: imported.known,
            waiting: imported.waiting,
            ..status::Imported::default()
        };
        for rejected in imported.rejected {
            match rejected.reason {
                RejectReason::NoRoom => outcome.no_room += 1,
                RejectReason::Store(failed) => outcome.failed = Some(failed.reason),
                reason => outcome.rejected.push(status::Rejected {
                    feed: rejected.feed.to_string(),
                    sequence: rejected.sequence,
                    blocked: matches!(reason, RejectReason::Blocked),
                    reason: reason.to_string(),
                }),
            }
        }
        Ok(outcome)
    }
}

/// A name as it is published: trimmed, with something to see, on one line.
pub(crate) fn valid_name(name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let refuse = |message: &str, next: String| Err(Failure::new(FailureCode::BadInput, message, next));
    if name.chars().count() > social::MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let next = format!("Choose one of at most {} characters, on one line.", social::MAX_NAME_CHARS);
        return refuse("This name is too long or does not stand on one line.", next);
    }
    match social::display_name(name) {
        Some(_) => Ok(name.to_owned()),
        None => refuse("A name needs at least one letter.", "Give the name people know you by.".to_owned()),
    }
}
