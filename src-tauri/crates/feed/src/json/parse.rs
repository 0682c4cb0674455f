//! `JSON.parse` (ECMA-404), bounded in depth and size.

use super::object::Builder;
use super::{MAX_BYTES, MAX_DEPTH, Text, Value};

/// Why a text is not JSON that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first byte that is wrong, counted from 0.
        at: usize,
    },
    /// The text breaks the grammar.
    #[error("not JSON at byte {at}: expected {expected}")]
    Syntax {
        /// Where, in bytes from 0.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text is longer than [`MAX_BYTES`].
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
}

pub(super) fn parse(text: &[u8]) -> Result<Value<'_>, JsonError> {
    if text.len() > MAX_BYTES {
        return Err(JsonError::TooLong);
    }
    let text = std::str::from_utf8(text).map_err(|error| JsonError::NotUtf8 { at: error.valid_up_to() })?;
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.expected("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The next byte; always at the start of a character.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError::Syntax { at: self.at, expected }
    }

    /// Steps over `byte`, when it is next. Only ever called with ASCII.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value<'a>, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(Value::String),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'a>, JsonError>) -> Result<Value<'a>, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value<'a>, JsonError> {
        let mut items = Vec::new();
        self.skip_space();
        if self.eat(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(Value::Array(items));
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn object(&mut self) -> Result<Value<'a>, JsonError> {
        let mut entries = Builder::default();
        self.skip_space();
        if self.eat(b'}') {
            return Ok(Value::Object(entries.finish()));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key"));
            }
            let key = self.string()?;
            self.skip_space();
            if !self.eat(b':') {
                return Err(self.expected("`:`"));
            }
            let value = self.value()?;
            entries.insert(key, value);
            self.skip_space();
            if self.eat(b'}') {
                return Ok(Value::Object(entries.finish()));
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn number(&mut self) -> Result<Value<'a>, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        // The grammar of JSON is within that of Rust; both round to the nearest double and overflow to infinity.
        let number = self.text[start..self.at].parse().map_err(|_| self.expected("a number"))?;
        Ok(Value::Number(number))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    /// Steps over what stands in a string as it is.
    fn plain(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        let plain = &rest[..end.unwrap_or(rest.len())];
        self.at += plain.len();
        plain
    }

    fn string(&mut self) -> Result<Text<'a>, JsonError> {
        self.at += 1;
        let plain = self.plain();
        if self.eat(b'"') {
            return Ok(plain.into());
        }
        let mut text = plain.to_owned();
        // Once a lone surrogate has come, everything is collected here instead.
        let mut units: Option<Vec<u16>> = None;
        loop {
            let plain = self.plain();
            match &mut units {
                None => text.push_str(plain),
                Some(units) => units.extend(plain.encode_utf16()),
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(units.map_or_else(|| text.into(), Text::from_utf16));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let unit = self.escape()?;
                    match self.whole_character(unit) {
                        Some(character) => match &mut units {
                            None => text.push(character),
                            Some(units) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
                        },
                        None => units.get_or_insert_with(|| text.encode_utf16().collect()).push(unit),
                    }
                }
                _ => return Err(self.expected("a string without control characters")),
            }
        }
    }

    /// Reads what follows a backslash: one UTF-16 unit.
    fn escape(&mut self) -> Result<u16, JsonError> {
        let unit = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte.into(),
            Some(b'b') => 0x08,
            Some(b't') => 0x09,
            Some(b'n') => 0x0a,
            Some(b'f') => 0x0c,
            Some(b'r') => 0x0d,
            Some(b'u') => {
                let unit = self.hex(self.at + 1).ok_or_else(|| self.expected("four hexadecimal digits"))?;
                self.at += 5;
                return Ok(unit);
            }
            _ => return Err(self.expected("an escape")),
        };
        self.at += 1;
        Ok(unit)
    }

    /// Four hexadecimal digits at `at`.
    fn hex(&self, at: usize) -> Option<u16> {
        let digits = self.text.as_bytes().get(at..at + 4)?;
        digits.iter().try_fold(0_u16, |value, digit| {
            let digit = char::from(*digit).to_digit(16)?;
            Some(value << 4 | digit as u16)
        })
    }

    /// The character that `unit` is, together with a low surrogate when one follows; `None` for a lone surrogate.
    fn whole_character(&mut self, unit: u16) -> Option<char> {
        if let Some(character) = char::from_u32(unit.into()) {
            return Some(character);
        }
        if !self.text[self.at..].starts_with("\\u") {
            return None;
        }
        let low = self.hex(self.at + 2)?;
        let character = char::decode_utf16([unit, low]).next()?.ok()?;
        self.at += 6;
        Some(character)
    }
}
