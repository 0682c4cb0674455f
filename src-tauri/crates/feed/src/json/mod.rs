//! JSON as V8 reads and prints it, because a classic message *is* what `JSON.stringify` prints.
//!
//! Strings are sequences of UTF-16 units: a lone surrogate survives. Objects keep their keys in the order of ECMA-262
//! (OrdinaryOwnPropertyKeys): integer-like keys first, ascending, then the others as they came. Of duplicate keys
//! the last value stands at the first position.

mod indent;
mod number;
mod object;
mod parse;
mod print;
mod scan;
mod text;

use std::borrow::Cow;

pub use object::Object;
pub use parse::JsonError;
pub use text::Text;

pub(crate) use indent::{indent, indent_into};
pub(crate) use number::write_number;
pub(crate) use scan::Scanner;

/// How deep arrays and objects may nest.
///
/// Nothing valid is lost: nested `d` deep, a message takes at least `2d²` characters for indentation alone, so that
/// 8,192 characters hold no more than 64 levels.
pub const MAX_DEPTH: usize = 128;

/// How many bytes [`Value::parse`] reads: one frame of the wire, far more than any message takes.
pub const MAX_BYTES: usize = 1 << 20;

/// A JSON value. Its strings stand in the text that it was read from, where they can.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number. Infinite when the text was beyond the range of a double; it prints as `null` then.
    Number(f64),
    /// A string.
    String(Text<'a>),
    /// `[…]`
    Array(Vec<Value<'a>>),
    /// `{…}`
    Object(Object<'a>),
}

impl<'a> Value<'a> {
    /// Reads one value, as V8's `JSON.parse` does.
    ///
    /// # Errors
    /// When the text is not UTF-8 or not JSON, is longer than [`MAX_BYTES`] or nests deeper than [`MAX_DEPTH`].
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        parse::parse(text)
    }

    /// An object with these entries. Later values replace earlier ones under the same key.
    pub fn object<K: Into<Text<'a>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The same value, for as long as one likes.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::String(text) => Value::String(text.into_owned()),
            Self::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Self::Object(object) => Value::Object(object.into_owned()),
        }
    }

    /// The value under `key`, when this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The string, lone surrogates replaced by U+FFFD, when this is one.
    pub fn as_str(&self) -> Option<Cow<'_, str>> {
        self.as_text().map(Text::to_str_lossy)
    }

    /// The string as it is, when this is one.
    pub fn as_text(&self) -> Option<&Text<'a>> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items, when this is an array.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The object, when this is one.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The entries in order, when this is an object; nothing otherwise.
    pub fn entries(&self) -> impl Iterator<Item = (&Text<'a>, &Value<'a>)> {
        self.as_object().into_iter().flat_map(Object::iter)
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What `JSON.stringify(value)` prints.
    pub fn to_compact(&self) -> String {
        print::print(self, print::Layout::Compact)
    }

    /// What `JSON.stringify(value, null, 2)` prints: the canonical text of the classic format.
    pub fn to_canonical(&self) -> String {
        print::print(self, print::Layout::Canonical)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::String(value.into())
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::String(value.into())
    }
}

impl<'a> From<Text<'a>> for Value<'a> {
    fn from(value: Text<'a>) -> Self {
        Self::String(value)
    }
}

impl<'a> From<Object<'a>> for Value<'a> {
    fn from(value: Object<'a>) -> Self {
        Self::Object(value)
    }
}

impl<'a, V: Into<Value<'a>>> From<Vec<V>> for Value<'a> {
    fn from(items: Vec<V>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests;
