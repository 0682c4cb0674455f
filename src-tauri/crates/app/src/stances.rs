//! Whom a person blocks, in public or in private, and whom they mute.

use std::collections::BTreeSet;

use feed::PersonId;
use social::Relation;
use store::Stance;

use crate::App;
use crate::app::{WeakApp, person_id};
use crate::mailbox::Command;
use crate::view::{Failure, FailureCode};

impl App {
    /// Blocks a person: nothing flows between them and the reader from now on, and what is stored of them is hidden. In public
    /// that is a message, whose id this gives; in private nothing says so.
    ///
    /// # Errors
    /// When the id cannot be read or is one's own, or the store refuses. Where it cannot be said in public, they are blocked in
    /// private all the same.
    pub async fn block(&self, id: &str, private: bool) -> Result<Option<String>, Failure> {
        let person = self.somebody_else(id)?;
        // First, so that it acts also while nothing may be published.
        self.decide(person, Some(true), None).await?;
        if private {
            return Ok(None);
        }
        match self.sign(social::write::contact(&person.feed(), false, true)).await {
            Ok(message) => {
                self.decide(person, Some(false), None).await?;
                Ok(Some(message))
            }
            Err(failure) => Err(Failure {
                message: format!(
                    "They are blocked on this device, but it could not be said in public. {}",
                    failure.message
                ),
                ..failure
            }),
        }
    }

    /// Blocks a person no more; the id of the message that says so, where the block was said in public.
    ///
    /// # Errors
    /// When the id cannot be read or is one's own, they are not blocked, publishing has to wait where it has to be said, or the store
    /// refuses.
    pub async fn unblock(&self, id: &str) -> Result<Option<String>, Failure> {
        let person = self.somebody_else(id)?;
        let said = self.store().relation_said(&person) == Relation::Blocks;
        if !said && !self.store().stance(&person).blocked {
            return Err(Failure::new(
                FailureCode::BadInput,
                "You do not block them.",
                "Look at the id: it is that of somebody else, perhaps.",
            ));
        }
        let message = match said {
            true => Some(self.sign(social::write::contact(&person.feed(), false, false)).await?),
            false => None,
        };
        self.decide(person, Some(false), None).await?;
        Ok(message)
    }

    /// Mutes a person, or no more: nothing of theirs is in timelines, threads and news, and they are passed on as before. Nothing says
    /// so to anybody.
    ///
    /// # Errors
    /// When the id cannot be read or is one's own, or the store refuses.
    pub async fn mute(&self, id: &str, on: bool) -> Result<(), Failure> {
        let person = self.somebody_else(id)?;
        self.decide(person, None, Some(on)).await
    }

    /// The person with this id, who is not the reader.
    pub(crate) fn somebody_else(&self, id: &str) -> Result<PersonId, Failure> {
        let person = person_id(id)?;
        if person == self.id() {
            return Err(Failure::new(FailureCode::BadInput, "That is you.", "Choose somebody else's id."));
        }
        Ok(person)
    }

    /// Keeps what is said here of a person, leaves the rest of their stance, and lets the node act on all of it.
    pub(crate) async fn decide(
        &self,
        person: PersonId,
        blocked: Option<bool>,
        muted: Option<bool>,
    ) -> Result<(), Failure> {
        self.ask(|reply| Command::Decide { person, blocked, muted, reply }).await?
    }
}

/// Lets the node act on stances that were read from sealed messages of the reader's own, as long as it runs.
///
/// `told` are those of whose private block it has ever known.
pub(crate) async fn follow_sealed(
    app: WeakApp,
    mut changed: tokio::sync::watch::Receiver<u64>,
    mut told: BTreeSet<PersonId>,
) {
    loop {
        let Some(app) = app.upgrade() else { return };
        changed.borrow_and_update();
        let blocking = |(person, stance): (PersonId, Stance)| stance.blocked.then_some(person);
        let now: BTreeSet<PersonId> = app.store().stances().into_iter().filter_map(blocking).collect();
        // Those too whose block was taken back here meanwhile: a sealed word may have said it again. To act on it twice is nothing.
        for person in now.union(&told).copied() {
            // As it is stored: nothing is decided by this.
            if let Err(failure) = app.decide(person, None, None).await {
                tracing::debug!(%failure, "a stance that was read waits for the next start");
            }
        }
        told.extend(now);
        drop(app);
        if changed.changed().await.is_err() {
            return;
        }
    }
}
