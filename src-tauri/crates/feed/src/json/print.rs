//! `JSON.stringify`, with and without indentation (ECMA-262, SerializeJSONProperty).

use super::{Text, Value, write_number};

/// Whether lines are broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `JSON.stringify(value)`
    Compact,
    /// `JSON.stringify(value, null, 2)`
    Canonical,
}

pub(super) fn print(value: &Value<'_>, layout: Layout) -> String {
    let mut printer = Printer { out: String::new(), layout, depth: 0 };
    printer.value(value);
    printer.out
}

struct Printer {
    out: String,
    layout: Layout,
    depth: usize,
}

impl Printer {
    fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(true) => self.out.push_str("true"),
            Value::Bool(false) => self.out.push_str("false"),
            Value::Number(number) => write_number(&mut self.out, *number),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.list('[', ']', items.iter(), |printer, item| printer.value(item));
            }
            Value::Object(object) => {
                self.list('{', '}', object.iter(), |printer, (key, value)| {
                    printer.string(key);
                    printer.out.push_str(if printer.layout == Layout::Compact { ":" } else { ": " });
                    printer.value(value);
                });
            }
        }
    }

    fn list<T>(&mut self, open: char, close: char, items: impl Iterator<Item = T>, print: impl Fn(&mut Self, T)) {
        self.out.push(open);
        self.depth += 1;
        let mut first = true;
        for item in items {
            if !first {
                self.out.push(',');
            }
            first = false;
            self.line();
            print(self, item);
        }
        self.depth -= 1;
        if !first {
            self.line();
        }
        self.out.push(close);
    }

    fn line(&mut self) {
        if self.layout == Layout::Canonical {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn string(&mut self, text: &Text<'_>) {
        self.out.push('"');
        match (text.as_str(), text.units()) {
            (Some(text), _) => text.chars().for_each(|character| self.character(character)),
            (None, units) => {
                for decoded in char::decode_utf16(units.unwrap_or_default().iter().copied()) {
                    match decoded {
                        Ok(character) => self.character(character),
                        Err(lone) => self.escape(lone.unpaired_surrogate()),
                    }
                }
            }
        }
        self.out.push('"');
    }

    /// ECMA-262, QuoteJSONString: only these are escaped; `/`, U+007F, U+2028 and U+2029 stay as they are.
    fn character(&mut self, character: char) {
        match character {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\u{8}' => self.out.push_str("\\b"),
            '\t' => self.out.push_str("\\t"),
            '\n' => self.out.push_str("\\n"),
            '\u{c}' => self.out.push_str("\\f"),
            '\r' => self.out.push_str("\\r"),
            '\0'..='\u{1f}' => self.escape(character as u16),
            _ => self.out.push(character),
        }
    }

    fn escape(&mut self, unit: u16) {
        use std::fmt::Write;
        // Writing to a string cannot fail.
        let _ = write!(self.out, "\\u{unit:04x}");
    }
}
