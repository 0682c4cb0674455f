//! What the reader decided about people and said to nobody: whom they block in private, whom they mute.
//!
//! Rows of a table and no messages: a message, sealed or not, is carried by others for ever, and the moment in which it appears
//! tells whom it is about. What sealed `contact`s of one's own say, which classic applications write, is taken in all the same.

use std::collections::BTreeMap;

use feed::{FeedId, PersonId};
use social::Relation;
use sqlx::SqliteConnection;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    Standing, Store,
    error::StoreError,
    feeds::Shared,
    store::{Inner, now_ms},
    write::Writing,
};

const BLOCKED: i64 = 1;
const MUTED: i64 = 2;

/// What the reader decided about somebody without saying so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stance {
    /// Blocked in private: nothing of theirs is taken, shown or passed on, and nothing is given to them.
    pub blocked: bool,
    /// Muted: passed on as before and shown nowhere but on their own page.
    pub muted: bool,
}

impl Stance {
    /// Whether there is nothing to it.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn flags(self) -> i64 {
        i64::from(self.blocked) * BLOCKED + i64::from(self.muted) * MUTED
    }

    pub(crate) fn from_flags(flags: i64) -> Self {
        Self { blocked: flags & BLOCKED != 0, muted: flags & MUTED != 0 }
    }
}

/// What a sealed `contact` of one's own says about blocking somebody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedWord {
    pub(crate) person: PersonId,
    /// Of the message.
    pub(crate) sequence: u64,
    pub(crate) blocks: bool,
    /// When the message is shown to have been written, Unix milliseconds.
    pub(crate) time: i64,
}

type Stances = BTreeMap<PersonId, Stance>;

/// The stances that say something.
pub(crate) async fn load(db: &mut SqliteConnection) -> Result<Stances, StoreError> {
    let rows: Vec<(Vec<u8>, i64)> =
        sqlx::query_as("SELECT person, flags FROM stances WHERE flags & 3 <> 0").fetch_all(db).await?;
    rows.into_iter().map(|(person, flags)| read(&person, flags)).collect()
}

fn read(person: &[u8], flags: i64) -> Result<(PersonId, Stance), StoreError> {
    let person = FeedId::from_tagged(person).map_err(|_| StoreError::BadValue("person"))?;
    Ok((person.into(), Stance::from_flags(flags)))
}

/// Takes in sealed words of one's own, whose feed has the number `me`; part of the transaction that moves their follower on. Returns
/// the stances there are now, if any has changed.
pub(crate) fn write_sealed(
    words: &[SealedWord],
    me: FeedId,
    writing: &mut Writing<'_>,
) -> Result<Option<Stances>, StoreError> {
    let mut changed = 0;
    for word in words {
        // Passed over where a later word of one's own says otherwise in public, or where it was decided here after it.
        writing.run(
            "INSERT INTO stances (person, flags, sequence, decided)
             SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM contacts
                WHERE author = (SELECT feed FROM feeds WHERE id = ?5) AND subject = (SELECT feed FROM feeds WHERE id = ?1)
                  AND sequence > ?3)
             ON CONFLICT (person) DO UPDATE SET flags = (flags & 2) | excluded.flags, sequence = excluded.sequence,
                decided = max(excluded.decided, decided + 1)
             WHERE excluded.sequence > sequence",
            (
                word.person.feed().to_tagged(),
                i64::from(word.blocks) * BLOCKED,
                word.sequence as i64,
                word.time,
                me.to_tagged(),
            ),
        )?;
        changed += writing.changed();
    }
    if changed == 0 {
        return Ok(None);
    }
    let mut stances = Stances::new();
    writing.find("SELECT person, flags FROM stances WHERE flags & 3 <> 0", [()], |row| {
        let (person, stance) = read(&row.get::<_, Vec<u8>>(0)?, row.get(1)?)?;
        stances.insert(person, stance);
        Ok(())
    })?;
    Ok(Some(stances))
}

impl Inner {
    /// These are the stances now: what a follower read. Under the lock of all writers.
    pub(crate) fn take_stances(&self, stances: Stances) {
        self.shared_mut().set_stances(stances);
        self.stances_changed.send_modify(|times| *times += 1);
    }
}

impl Shared {
    /// Takes in all stances anew.
    fn set_stances(&mut self, stances: Stances) {
        for (person, before) in std::mem::replace(&mut self.stances, stances) {
            if before.blocked {
                self.graph.set_unsaid_block(self.me, person, false);
            }
        }
        self.lay_stances_on();
    }

    /// Tells the follow graph whom the reader blocks without saying so.
    pub(crate) fn lay_stances_on(&mut self) {
        self.forget_friends();
        for (person, _) in self.stances.iter().filter(|(_, stance)| stance.blocked) {
            self.graph.set_unsaid_block(self.me, *person, true);
        }
    }

    fn set_stance(&mut self, person: PersonId, stance: Stance) {
        self.forget_friends();
        if stance.is_none() {
            self.stances.remove(&person);
        } else {
            self.stances.insert(person, stance);
        }
        self.graph.set_unsaid_block(self.me, person, stance.blocked);
    }
}

impl Store {
    /// What the reader decided about somebody without saying so. From memory.
    pub fn stance(&self, person: &PersonId) -> Stance {
        self.inner.shared().stances.get(person).copied().unwrap_or_default()
    }

    /// Everybody about whom the reader decided something without saying so. From memory.
    pub fn stances(&self) -> BTreeMap<PersonId, Stance> {
        self.inner.shared().stances.clone()
    }

    /// Counts how often [`Self::stances`] changed by something that was read, not by [`Self::set_stance`].
    pub fn stances_changed(&self) -> watch::Receiver<u64> {
        self.inner.stances_changed.subscribe()
    }

    /// How the reader stands to somebody by what their messages say. From memory.
    pub fn relation_said(&self, person: &PersonId) -> Relation {
        self.inner.shared().graph.said(&PersonId::from(self.inner.me), person)
    }

    /// How many follows lead from the reader to somebody, up to three; none where they are further away, or blocked. From memory.
    pub fn distance(&self, person: &PersonId) -> Option<u8> {
        self.inner.shared().graph.distance(&PersonId::from(self.inner.me), person)
    }

    /// Keeps what the reader decided about somebody, all of it. As [`Self::decide_stance`].
    ///
    /// # Errors
    /// When the disk refuses; then nothing has changed.
    pub async fn set_stance(&self, person: PersonId, stance: Stance) -> Result<(), StoreError> {
        self.decide_stance(person, Some(stance.blocked), Some(stance.muted)).await
    }

    /// Keeps what the reader decided about somebody, as far as it is given, without saying it to anybody. It survives a power cut from
    /// the moment this returns. About oneself nothing is decided.
    ///
    /// What is decided about blocking stands above what sealed words of one's own said before it; what is decided about muting says
    /// nothing about blocking.
    ///
    /// # Errors
    /// When the disk refuses; then nothing has changed.
    pub async fn decide_stance(
        &self,
        person: PersonId,
        blocked: Option<bool>,
        muted: Option<bool>,
    ) -> Result<(), StoreError> {
        if person.feed() == self.inner.me {
            return Ok(());
        }
        let mut writer = std::sync::Arc::clone(&self.inner.writer).lock_owned().await;
        // Read under the lock, so that no sealed word comes in between.
        let before = self.stance(&person);
        let stance = Stance { blocked: blocked.unwrap_or(before.blocked), muted: muted.unwrap_or(before.muted) };
        // While messages of one's own are missing, those that come back are older than this.
        let sequence = match (blocked, self.standing()) {
            (None, _) => 0,
            (Some(_), Standing::Whole) => {
                let shared = self.inner.shared();
                shared.feeds.by_id(&self.inner.me).and_then(|feed| feed.head).map_or(0, |head| head.sequence as i64)
            }
            (Some(_), _) => i64::MAX,
        };
        let inner = std::sync::Arc::clone(&self.inner);
        let work = move || {
            writer.rows.transaction_synced(|writing| {
                writing.run(
                    "INSERT INTO stances (person, flags, sequence, decided) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (person) DO UPDATE SET flags = excluded.flags, sequence = max(excluded.sequence, sequence),
                        decided = max(excluded.decided, decided + 1)",
                    (person.feed().to_tagged(), stance.flags(), sequence, now_ms()),
                )
            })?;
            inner.shared_mut().set_stance(person, stance);
            Ok(())
        };
        spawn_blocking(work).await.map_err(|_| StoreError::Closing)?
    }
}
