//! The index of full text, which follows the log, against it: which messages are in it. How it holds together within itself is part
//! of SQLite's own check.

use rusqlite::{Connection, OptionalExtension};
use social::Kind;

use super::{About, Finding, Remedy, Report, Several};
use crate::{error::StoreError, feeds::FeedNumber, followers::Follower, search::Document};

/// What full text holds.
pub(super) struct FullText {
    /// Up to which row it has come; the rows after it are still to come.
    reached: i64,
    /// A bit for each row of the log that is in full text.
    texts: Vec<u8>,
    missing: Several,
    surplus: Several,
}

impl FullText {
    pub(super) fn load(db: &Connection) -> Result<Self, StoreError> {
        let reached = "SELECT row FROM followers WHERE name = ?1 AND version = ?2";
        let reached: Option<i64> = db.query_row(reached, Follower::Search.version(), |row| row.get(0)).optional()?;
        // One that was filled by other rules begins anew by itself.
        let reached = reached.unwrap_or(0);
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

    /// Takes in a message: looks whether full text knows it.
    pub(super) fn add(&mut self, row: i64, author: FeedNumber, kind: &Kind) {
        if row > self.reached {
            return;
        }
        match (Document::of(row, author, 0, kind).is_some(), self.has_text(row)) {
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
