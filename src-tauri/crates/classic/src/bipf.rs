//! BIPF, the binary in-place format: one value of JSON with its lengths before its parts.
//!
//! Every value begins with a tag: an unsigned LEB128 number whose lower three bits are the type and whose other bits are
//! the number of bytes that follow. Types: 0 text in UTF-8, 1 bytes, 2 an integer of 32 bits, 3 a double, both little
//! endian, 4 a list, its items one after the other, 5 an object, key (text) and value in turn, 6 a truth value in one
//! byte (0 false, 1 true, 2 undefined), or null in none, 7 reserved. (The package `bipf` 1.9.0, `encode.js` and
//! `decode.js`; varints by `fast-varint` 1.0.1.)
//!
//! What it cannot carry: a lone surrogate became U+FFFD when it was written, and infinity was refused. A message with the
//! former gives another id than the one it had; nobody can bring that back.

use feed::json::{MAX_DEPTH, Value};

/// Longest tag in bytes: what the reference reads at most.
const MAX_TAG: usize = 8;

/// Why bytes are no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BipfError {
    /// A length points behind the end of what it lies in.
    #[error("a length is wrong")]
    Length,
    /// A number, a truth value or the key of an object has an impossible form.
    #[error("a value has an impossible form")]
    Form,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// Bytes, or the reserved type: nothing that JSON has.
    #[error("it holds what no message can hold")]
    Type,
    /// Nested deeper than [`feed::json::MAX_DEPTH`].
    #[error("it is nested too deeply")]
    Depth,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
    Integer,
    Double,
    List,
    Object,
    Simple,
    Reserved,
}

/// A value where it stands: its type and its bytes, which nobody has looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    kind: Kind,
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    /// The value that `bytes` begins with, and what comes behind it.
    ///
    /// # Errors
    /// When there is no whole tag, or it promises more bytes than there are.
    pub fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BipfError> {
        let (tag, rest) = tag(bytes)?;
        let length = usize::try_from(tag >> 3).map_err(|_| BipfError::Length)?;
        let (body, rest) = rest.split_at_checked(length).ok_or(BipfError::Length)?;
        let kind = match tag & 7 {
            0 => Kind::Text,
            1 => Kind::Bytes,
            2 => Kind::Integer,
            3 => Kind::Double,
            4 => Kind::List,
            5 => Kind::Object,
            6 => Kind::Simple,
            _ => Kind::Reserved,
        };
        Ok((Self { kind, body }, rest))
    }

    /// The value that is all of `bytes`.
    ///
    /// # Errors
    /// As [`Self::first`], and when something comes behind it.
    pub fn whole(bytes: &'a [u8]) -> Result<Self, BipfError> {
        match Self::first(bytes)? {
            (raw, []) => Ok(raw),
            _ => Err(BipfError::Length),
        }
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.kind == Kind::Object
    }

    /// Its text, when it is one.
    pub fn text(&self) -> Option<&'a str> {
        (self.kind == Kind::Text).then(|| std::str::from_utf8(self.body).ok()).flatten()
    }

    /// Its number, when it is one.
    pub fn number(&self) -> Option<f64> {
        match self.kind {
            Kind::Integer => Some(i32::from_le_bytes(self.body.try_into().ok()?).into()),
            Kind::Double => Some(f64::from_le_bytes(self.body.try_into().ok()?)),
            _ => None,
        }
    }

    /// Keys and values, when it is an object, up to the first that cannot be read.
    pub fn entries(&self) -> Entries<'a> {
        Entries { rest: if self.is_object() { self.body } else { &[] } }
    }

    /// The value under `key`, when it is an object that has it; nothing else is decoded.
    pub fn get(&self, key: &str) -> Option<Raw<'a>> {
        // Of two equal keys JavaScript keeps the last.
        self.entries().map_while(Result::ok).filter(|(name, _)| *name == key).map(|(_, value)| value).last()
    }

    /// The value itself, as the app had it in memory.
    ///
    /// # Errors
    /// When any part of it cannot be read.
    pub fn value(&self) -> Result<Value<'a>, BipfError> {
        Ok(self.decode(0)?.unwrap_or(Value::Null))
    }

    /// `None` is JavaScript's `undefined`: left out of objects, `null` in lists (ECMA-262, SerializeJSONProperty).
    fn decode(&self, depth: usize) -> Result<Option<Value<'a>>, BipfError> {
        if depth > MAX_DEPTH {
            return Err(BipfError::Depth);
        }
        Ok(Some(match self.kind {
            Kind::Text => Value::from(self.text().ok_or(BipfError::Text)?),
            Kind::Integer | Kind::Double => Value::Number(self.number().ok_or(BipfError::Form)?),
            Kind::Simple => match self.body {
                [] => Value::Null,
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [2] => return Ok(None),
                _ => return Err(BipfError::Form),
            },
            Kind::List => {
                let mut items = Vec::new();
                let mut rest = self.body;
                while !rest.is_empty() {
                    let (item, behind) = Raw::first(rest)?;
                    items.push(item.decode(depth + 1)?.unwrap_or(Value::Null));
                    rest = behind;
                }
                Value::Array(items)
            }
            Kind::Object => {
                let mut entries = Vec::new();
                for entry in self.entries() {
                    let (key, value) = entry?;
                    if let Some(value) = value.decode(depth + 1)? {
                        entries.push((key, value));
                    }
                }
                Value::object(entries)
            }
            Kind::Bytes | Kind::Reserved => return Err(BipfError::Type),
        }))
    }
}

/// The entries of an object, in the order in which they are stored.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Result<(&'a str, Raw<'a>), BipfError> {
        let (key, rest) = Raw::first(self.rest)?;
        if key.kind != Kind::Text {
            return Err(BipfError::Form);
        }
        let (value, rest) = Raw::first(rest)?;
        self.rest = rest;
        Ok((key.text().ok_or(BipfError::Text)?, value))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(&'a str, Raw<'a>), BipfError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

/// Reads a tag; what comes behind it.
fn tag(bytes: &[u8]) -> Result<(u64, &[u8]), BipfError> {
    let mut tag = 0;
    for (at, byte) in bytes.iter().enumerate().take(MAX_TAG) {
        tag |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((tag, &bytes[at + 1..]));
        }
    }
    Err(BipfError::Length)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `bipf.allocAndEncode` gives; `tests/reference` holds the two against each other.
    pub(crate) fn encode(value: &Value) -> Vec<u8> {
        let (kind, body) = match value {
            Value::Null => (6, Vec::new()),
            Value::Bool(value) => (6, vec![u8::from(*value)]),
            Value::Number(number) => match *number as i32 {
                integer if f64::from(integer) == *number && integer != i32::MIN => (2, integer.to_le_bytes().to_vec()),
                _ => (3, number.to_le_bytes().to_vec()),
            },
            Value::String(text) => (0, text.to_str_lossy().as_bytes().to_vec()),
            Value::Array(items) => (4, items.iter().flat_map(encode).collect()),
            Value::Object(object) => {
                let entry = |(key, value): (&feed::json::Text, &Value)| {
                    [encode(&Value::String(key.clone())), encode(value)].concat()
                };
                (5, object.iter().flat_map(entry).collect())
            }
        };
        let mut encoded = Vec::new();
        let mut tag = body.len() << 3 | kind;
        while tag >= 0x80 {
            encoded.push(tag as u8 | 0x80);
            tag >>= 7;
        }
        encoded.push(tag as u8);
        encoded.extend(body);
        encoded
    }

    fn decode(bytes: &[u8]) -> Result<Value<'_>, BipfError> {
        Raw::whole(bytes)?.value()
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_was() {
        for text in [
            "null",
            "true",
            "false",
            "\"\"",
            "\"🌊 dom\\u0000\\n\"",
            "0",
            "-1",
            "2147483647",
            "-2147483648",
            "1e21",
            "1e300",
            "5e-324",
            "0.1",
            "1577836800556",
            "[]",
            "{}",
            "[1,[2,[]],{\"a\":{\"b\":null}}]",
            "{\"2\":1,\"10\":2,\"b\":3,\"a\":4,\"\":5,\"__proto__\":{\"x\":1}}",
        ] {
            let value = Value::parse(text.as_bytes()).unwrap();
            assert_eq!(decode(&encode(&value)).unwrap().to_compact(), value.to_compact(), "{text}");
        }
    }

    #[test]
    fn the_layout_is_that_of_the_reference() {
        // bipf.allocAndEncode({ a: [1, null, true, 0.5], "ü": "x" })
        let bytes = [
            0xd5, 0x01, 0x08, 0x61, 0x8c, 0x01, 0x22, 1, 0, 0, 0, 0x06, 0x0e, 1, 0x43, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f,
            0x10, 0xc3, 0xbc, 0x08, 0x78,
        ];
        let value = Value::parse("{\"a\":[1,null,true,0.5],\"ü\":\"x\"}".as_bytes()).unwrap();
        assert_eq!(encode(&value), bytes);
        assert_eq!(decode(&bytes), Ok(value));
    }

    #[test]
    fn minus_zero_is_zero_and_undefined_is_left_out() {
        assert_eq!(encode(&Value::Number(-0.0)), [0x22, 0, 0, 0, 0]);
        let undefined = [0x0e, 2];
        let object = [&[0x25, 0x08, 0x61][..], &undefined].concat();
        assert_eq!(decode(&object).unwrap().to_compact(), "{}");
        let list = [&[0x14][..], &undefined].concat();
        assert_eq!(decode(&list).unwrap().to_compact(), "[null]");
    }

    #[test]
    fn impossible_values_are_refused() {
        for (bytes, error) in [
            (&[][..], BipfError::Length),
            (&[0x08], BipfError::Length),
            (&[0x80; 9], BipfError::Length),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], BipfError::Length),
            (&[0x06, 0x06], BipfError::Length),
            (&[0x1a, 0, 0, 0], BipfError::Form),
            (&[0x0e, 3], BipfError::Form),
            (&[0x15, 0x06, 0x06], BipfError::Form),
            (&[0x08, 0xff], BipfError::Text),
            (&[0x09, 0], BipfError::Type),
            (&[0x07], BipfError::Type),
        ] {
            assert_eq!(decode(bytes), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_a_deep_stack() {
        let mut value = vec![0x06];
        for _ in 0..20_000 {
            let mut tag = value.len() << 3 | 4;
            let mut outer = Vec::new();
            while tag >= 0x80 {
                outer.push(tag as u8 | 0x80);
                tag >>= 7;
            }
            outer.push(tag as u8);
            if outer.len() + value.len() > 60_000 {
                break;
            }
            outer.append(&mut value);
            value = outer;
        }
        assert_eq!(decode(&value), Err(BipfError::Depth));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }
    }
}
