//! JSON records: what a database says around a message, and undoing what apps did to private ones.

use std::borrow::Cow;

use feed::json::Value;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message with what a database says of it. Nothing in it is decoded; what stands there twice counts the last time,
/// as in JavaScript.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    pub(crate) key: Option<&'a RawValue>,
    pub(crate) value: Option<&'a RawValue>,
    pub(crate) meta: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads the outer object of a record.
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Envelope<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut envelope = Envelope::default();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    let value: &'de RawValue = map.next_value()?;
                    match &*key {
                        "key" => envelope.key = Some(value),
                        "value" => envelope.value = Some(value),
                        "meta" => envelope.meta = Some(value),
                        _ => {}
                    }
                }
                Ok(envelope)
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// What a message's text says of itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Outline<'a> {
    #[serde(borrow)]
    pub(crate) author: Cow<'a, str>,
    #[serde(default)]
    pub(crate) sequence: Option<f64>,
    #[serde(default)]
    pub(crate) timestamp: Option<f64>,
}

/// The message as it was signed.
///
/// Logs hold private messages sealed. What apps hand out, and so what exports hold, may be opened: the content replaced
/// by what it says, and the sealed text kept in `cyphertext` of the value (ssb-db, with `private` and `unbox` beside it) or
/// in `originalContent` of `meta`, in the value (ssb-db) or beside it (ssb-db2). `None` when there is no sealed text.
pub(crate) fn resealed<'a>(value: &Value<'a>, meta: Option<&Value<'a>>) -> Option<Value<'a>> {
    let original = |meta: Option<&Value<'a>>| meta.and_then(|meta| meta.get("originalContent")).cloned();
    let sealed = original(meta).or_else(|| original(value.get("meta"))).or_else(|| value.get("cyphertext").cloned())?;
    if !matches!(sealed, Value::String(_)) {
        return None;
    }
    let added = |key: &feed::json::Text| ["cyphertext", "private", "unbox", "meta"].iter().any(|name| *key == *name);
    let entry = |(key, value): (&feed::json::Text<'a>, &Value<'a>)| {
        let value = if *key == "content" { &sealed } else { value };
        (key.clone(), value.clone())
    };
    Some(Value::object(value.entries().filter(|(key, _)| !added(key)).map(entry)))
}
