//! A JavaScript string: UTF-16 units, well-formed or not.

use std::borrow::Cow;

/// A string as JavaScript has them. Well-formed text is kept as UTF-8, where it stands if it was read from a text without
/// escapes; only text with a lone surrogate is kept in units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(Repr<'a>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Repr<'a> {
    WellFormed(Cow<'a, str>),
    /// Holds at least one lone surrogate, so that equal strings have equal representations.
    Units(Vec<u16>),
}

impl<'a> Text<'a> {
    /// A string from its UTF-16 units.
    pub fn from_utf16(units: Vec<u16>) -> Self {
        Self(match String::from_utf16(&units) {
            Ok(text) => Repr::WellFormed(text.into()),
            Err(_) => Repr::Units(units),
        })
    }

    /// The same string, for as long as one likes.
    pub fn into_owned(self) -> Text<'static> {
        Text(match self.0 {
            Repr::WellFormed(text) => Repr::WellFormed(Cow::Owned(text.into_owned())),
            Repr::Units(units) => Repr::Units(units),
        })
    }

    /// The text, when it holds no lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::WellFormed(text) => Some(text),
            Repr::Units(_) => None,
        }
    }

    /// The text with lone surrogates replaced by U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::WellFormed(text) => Cow::Borrowed(text),
            Repr::Units(units) => Cow::Owned(String::from_utf16_lossy(units)),
        }
    }

    /// [`Self::to_str_lossy`], of one that is not needed any more.
    pub fn into_str_lossy(self) -> Cow<'a, str> {
        match self.0 {
            Repr::WellFormed(text) => text,
            Repr::Units(units) => Cow::Owned(String::from_utf16_lossy(&units)),
        }
    }

    /// How many UTF-16 units it takes: what JavaScript calls its length.
    pub fn utf16_len(&self) -> usize {
        match &self.0 {
            Repr::WellFormed(text) => text.chars().map(char::len_utf16).sum(),
            Repr::Units(units) => units.len(),
        }
    }

    /// The UTF-16 units, when a lone surrogate is among them; [`Self::as_str`] has the text otherwise.
    pub(crate) fn units(&self) -> Option<&[u16]> {
        match &self.0 {
            Repr::WellFormed(_) => None,
            Repr::Units(units) => Some(units),
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Repr::WellFormed(text.into()))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Repr::WellFormed(text.into()))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}
