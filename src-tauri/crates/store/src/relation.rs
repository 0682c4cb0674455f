//! Relations as the index of links holds them: a number for those that clients write every day, the name for others.

/// Relations and their numbers. A number, once given, is never given to another: it stands in databases. 0 and 1 take no
/// room at all in SQLite, so the two that every reply has come first.
const KNOWN: [(&str, i64); 14] = [
    ("root", 0),
    ("branch", 1),
    ("mentions", 2),
    ("vote", 3),
    ("contact", 4),
    ("about", 5),
    ("image", 6),
    ("fork", 7),
    ("previous", 8),
    ("recps", 9),
    ("thumbnail", 10),
    ("blog", 11),
    ("key", 12),
    ("attendee", 13),
];

/// A relation on its way into the index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RelationKey {
    Known(i64),
    Named(String),
}

impl From<&str> for RelationKey {
    fn from(name: &str) -> Self {
        match KNOWN.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => Self::Known(*number),
            None => Self::Named(name.to_owned()),
        }
    }
}

impl RelationKey {
    /// The first post of the thread that a post belongs to.
    pub(crate) const ROOT: Self = Self::Known(0);
    /// The posts that a post answers.
    pub(crate) const BRANCH: Self = Self::Known(1);
    /// What a vote is on.
    pub(crate) const VOTE: Self = Self::Known(3);

    /// As two parameters of a query, of which one is NULL: `relation = coalesce(?, ?)`.
    pub(crate) fn parameters(&self) -> (Option<i64>, Option<&str>) {
        match self {
            Self::Known(number) => (Some(*number), None),
            Self::Named(name) => (None, Some(name)),
        }
    }
}

impl rusqlite::ToSql for RelationKey {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Known(number) => number.to_sql(),
            Self::Named(name) => name.to_sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_known_relation_has_a_number_of_its_own() {
        let names: BTreeSet<_> = KNOWN.iter().map(|(name, _)| *name).collect();
        let numbers: BTreeSet<_> = KNOWN.iter().map(|(_, number)| *number).collect();
        assert_eq!((names.len(), numbers.len()), (KNOWN.len(), KNOWN.len()));
        let named = ["root", "branch", "vote"].map(RelationKey::from);
        assert_eq!(named, [RelationKey::ROOT, RelationKey::BRANCH, RelationKey::VOTE]);
        assert_eq!(RelationKey::from("no such").parameters(), (None, Some("no such")));
    }
}
