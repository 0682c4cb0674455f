//! The indexes that follow the log against it: which messages are of which type, and which are in full text. How full text holds
//! together within itself is part of SQLite's own check.

use std::collections::BTreeMap;

use rusqlite::Connection;
use social::Meaning;

use super::{About, Finding, Remedy, Report, Several};
use crate::{
    error::StoreError,
    feeds::FeedNumber,
    followers::Follower,
    history::{KindRows, type_name},
    search::Document,
};

/// What followers should hold, and what full text does hold.
pub(super) struct Followers {
    /// Up to which row each has come; the rows after it are still to come.
    reached: BTreeMap<&'static str, i64>,
    /// A bit for each row of the log that is in full text.
    texts: Vec<u8>,
    missing: Several,
    surplus: Several,
}

impl Followers {
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let mut reached = BTreeMap::new();
        let mut statement = db.prepare("SELECT row FROM followers WHERE name = ?1 AND version = ?2")?;
        for follower in Follower::ALL {
            let mut rows = statement.query(follower.version())?;
            // One that was filled by other rules begins anew by itself.
            reached.insert(follower.version().0, rows.next()?.map_or(Ok(0), |row| row.get(0))?);
        }
        let newest: i64 = db.query_row("SELECT coalesce(max(row), 0) FROM log", [], |row| row.get(0))?;
        let mut texts = vec![0; newest.max(0) as usize / 8 + 1];
        let mut surplus = Several::default();
        let mut statement = db.prepare("SELECT row FROM search_docs")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row: i64 = row.get(0)?;
            match usize::try_from(row).ok().and_then(|row| Some((texts.get_mut(row / 8)?, row % 8))) {
                Some((byte, bit)) if row > 0 && row <= newest => *byte |= 1 << bit,
                _ => surplus.add(|| wrong(format!("Full text holds a message that is not there (row {row})."))),
            }
        }
        Ok(Self { reached, texts, missing: Several::default(), surplus })
    }

    fn has_text(&self, row: i64) -> bool {
        let row = row.max(0) as usize;
        self.texts.get(row / 8).is_some_and(|byte| byte & 1 << (row % 8) != 0)
    }

    fn is_reached(&self, follower: Follower, row: i64) -> bool {
        self.reached.get(follower.version().0).is_some_and(|reached| row <= *reached)
    }

    /// Takes in a message: notes its type, and looks whether full text knows it.
    pub(super) fn add(&mut self, row: i64, author: FeedNumber, meaning: &Meaning, kinds: &mut KindRows) {
        if self.is_reached(Follower::Kinds, row) {
            kinds.add(type_name(&meaning.kind), row);
        }
        if !self.is_reached(Follower::Search, row) {
            return;
        }
        match (Document::of(row, author, 0, &meaning.kind).is_some(), self.has_text(row)) {
            (true, false) => self.missing.add(|| wrong(format!("Full text lacks a message (row {row})."))),
            (false, true) => {
                self.surplus.add(|| wrong(format!("Full text holds a message without words (row {row}).")));
            }
            _ => {}
        }
    }

    /// Names what was wrong.
    pub(super) fn report(self, report: &mut Report) {
        report.find_some(self.missing);
        report.find_some(self.surplus);
    }
}

fn wrong(what: String) -> Finding {
    Finding::new(
        About::Index,
        Remedy::Indexes,
        what,
        "A search may not find it, or find what is not there. The messages are not affected.",
    )
}
