//! Objects with the key order of ECMA-262.

use std::collections::BTreeMap;

use super::{Text, Value};

/// From this many entries on, keys are looked up in a map: hostile objects with thousands of keys stay cheap.
const INDEX_FROM: usize = 32;

/// An ordered object: integer-like keys ascending, then the others in the order they first came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a>(Vec<(Text<'a>, Value<'a>)>);

impl<'a> Object<'a> {
    /// An object without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(candidate, _)| *candidate == key).map(|(_, value)| value)
    }

    pub(super) fn into_owned(self) -> Object<'static> {
        Object(self.0.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect())
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text<'a>, &Value<'a>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<(Text<'a>, Value<'a>)> for Object<'a> {
    fn from_iter<I: IntoIterator<Item = (Text<'a>, Value<'a>)>>(entries: I) -> Self {
        let mut builder = Builder::default();
        for (key, value) in entries {
            builder.insert(key, value);
        }
        builder.finish()
    }
}

/// Collects entries as assignments to a JavaScript object would.
#[derive(Default)]
pub(super) struct Builder<'a> {
    entries: Vec<(Text<'a>, Value<'a>)>,
    /// Where each key stands, once there are [`INDEX_FROM`] entries.
    index: BTreeMap<Text<'a>, usize>,
    has_integer_key: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn insert(&mut self, key: Text<'a>, value: Value<'a>) {
        if let Some(at) = self.position(&key) {
            self.entries[at].1 = value;
            return;
        }
        self.has_integer_key |= array_index(&key).is_some();
        if !self.index.is_empty() {
            self.index.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value));
        if self.entries.len() == INDEX_FROM {
            self.index = self.entries.iter().enumerate().map(|(at, (key, _))| (key.clone(), at)).collect();
        }
    }

    fn position(&self, key: &Text<'_>) -> Option<usize> {
        if self.index.is_empty() {
            self.entries.iter().position(|(candidate, _)| candidate == key)
        } else {
            self.index.get(key).copied()
        }
    }

    pub(super) fn finish(mut self) -> Object<'a> {
        if self.has_integer_key {
            // Stable: `false` sorts first, so integer-like keys lead and the others keep their order.
            self.entries.sort_by_key(|(key, _)| {
                let index = array_index(key);
                (index.is_none(), index)
            });
        }
        Object(self.entries)
    }
}

/// The number that an integer-like key stands for: canonical decimal, at most 2³² − 2 (ECMA-262, “array index”).
fn array_index(key: &Text<'_>) -> Option<u32> {
    array_index_of(key.as_str()?.as_bytes())
}

/// [`array_index`] of the bytes of a key.
pub(crate) fn array_index_of(key: &[u8]) -> Option<u32> {
    if key.is_empty() || key.len() > 10 || (key[0] == b'0' && key.len() > 1) {
        return None;
    }
    let mut value = 0_u64;
    for digit in key {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    u32::try_from(value).ok().filter(|index| *index != u32::MAX)
}
