//! The indexes: what they are called, and by which version of their rules each is filled.

use social::Target;

use crate::feeds::prefix;

/// One index: what it is called and by which version of its rules it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Index {
    Timeline,
    Links,
    Votes,
    Contacts,
    Abouts,
    Channels,
    Kinds,
    /// After the links, which it asks.
    Activity,
}

impl Index {
    /// All, in the order in which they are written.
    pub(crate) const ALL: [Index; 8] = [
        Index::Timeline,
        Index::Links,
        Index::Votes,
        Index::Contacts,
        Index::Abouts,
        Index::Channels,
        Index::Kinds,
        Index::Activity,
    ];

    /// Its name, with the version of the rules that fill it: raise the version whenever the rows would differ.
    pub(crate) fn version(self) -> (&'static str, i64) {
        match self {
            Index::Timeline => ("timeline", 2),
            Index::Links => ("links", 2),
            Index::Votes => ("votes", 2),
            Index::Contacts => ("contacts", 1),
            Index::Abouts => ("abouts", 1),
            Index::Channels => ("channels", 1),
            Index::Kinds => ("kinds", 1),
            Index::Activity => ("activity", 1),
        }
    }

    /// The statement that empties it, before it is filled anew.
    pub(crate) fn clear(self) -> &'static str {
        match self {
            Index::Timeline => "DELETE FROM timeline",
            Index::Links => "DELETE FROM links",
            Index::Votes => "DELETE FROM votes",
            // The one there is stays until the new one is whole.
            Index::Contacts => "DELETE FROM contacts_rebuilt",
            Index::Abouts => "DELETE FROM abouts",
            Index::Channels => "DELETE FROM channels",
            Index::Kinds => "DELETE FROM kinds",
            Index::Activity => "DELETE FROM activity",
        }
    }
}

/// The first bytes of what an id names, as indexes hold them.
pub(crate) fn target_prefix(target: &Target) -> i64 {
    match target {
        Target::Feed(id) => prefix(id.key()),
        Target::Message(id) => prefix(id.hash()),
        Target::Blob(id) => prefix(id.hash()),
    }
}
