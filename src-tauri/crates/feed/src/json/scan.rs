//! One pass over a compact canonical text that checks it and lays it out at once.
//!
//! It reads what nearly all messages are made of and gives up (`None`) at anything rare: lone surrogates, integer-like
//! keys, objects with many keys, deep nesting. Giving up means nothing; [`super::Value`] is the judge then. What it does
//! read is exactly what `JSON.stringify` prints.

use std::ops::Range;

use super::write_number;

/// Deeper texts are left to the judge. A message holds no more than 64 levels.
const MAX_DEPTH: usize = 64;
/// Objects with more keys are left to the judge: keys are compared with each other here.
const MAX_KEYS: usize = 64;
/// Whole numbers of up to this many digits are doubles, and print as they are.
const PLAIN_DIGITS: usize = 15;

/// Reads `text` from the front and collects its indented layout.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    /// The layout of `text[..copied]`.
    layout: Vec<u8>,
    copied: usize,
    /// The keys of the objects that are open, innermost last.
    keys: Vec<Range<usize>>,
    number: String,
}

impl<'a> Scanner<'a> {
    /// `text` must be UTF-8.
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let layout = Vec::with_capacity(text.len() + text.len() / 2);
        Self { text, at: 0, depth: 0, layout, copied: 0, keys: Vec::new(), number: String::new() }
    }

    /// The whole layout of what was read, and how many bytes that is.
    pub(crate) fn finish(mut self) -> (Vec<u8>, usize) {
        self.copy();
        (self.layout, self.at)
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps over exactly this piece of text, when it is next.
    pub(crate) fn eat(&mut self, piece: &[u8]) -> Option<()> {
        if !self.text.get(self.at..)?.starts_with(piece) {
            return None;
        }
        self.at += piece.len();
        Some(())
    }

    /// Steps over `{` or `[` and begins the lines within.
    pub(crate) fn open(&mut self, bracket: u8) -> Option<()> {
        self.eat(&[bracket])?;
        self.depth += 1;
        self.break_line();
        (self.depth <= MAX_DEPTH).then_some(())
    }

    /// Steps over `}` or `]`, on a line of its own.
    pub(crate) fn close(&mut self, bracket: u8) -> Option<()> {
        self.depth -= 1;
        self.break_line();
        self.eat(&[bracket])
    }

    /// Steps over `,` and begins the next line.
    pub(crate) fn comma(&mut self) -> Option<()> {
        self.eat(b",")?;
        self.break_line();
        Some(())
    }

    /// Steps over `:`.
    pub(crate) fn colon(&mut self) -> Option<()> {
        self.eat(b":")?;
        self.copy();
        self.layout.push(b' ');
        Some(())
    }

    fn copy(&mut self) {
        self.layout.extend_from_slice(&self.text[self.copied..self.at]);
        self.copied = self.at;
    }

    fn break_line(&mut self) {
        self.copy();
        self.layout.push(b'\n');
        self.layout.resize(self.layout.len() + 2 * self.depth, b' ');
    }

    /// Steps over a string and returns what is between its quotes, escapes and all.
    fn string(&mut self) -> Option<Range<usize>> {
        self.eat(b"\"")?;
        let start = self.at;
        loop {
            self.at += plain_run(self.text.get(self.at..)?);
            match self.peek()? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        self.at += 1;
        Some(start..self.at - 1)
    }

    fn escape(&mut self) -> Option<()> {
        let rest = self.text.get(self.at + 1..)?;
        self.at += match rest {
            [b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => 2,
            [b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => 6,
            [b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return None,
        };
        Some(())
    }

    /// A string without escapes.
    pub(crate) fn plain_string(&mut self) -> Option<&'a [u8]> {
        let range = self.string()?;
        let inner = &self.text[range];
        (!inner.contains(&b'\\')).then_some(inner)
    }

    /// A number.
    pub(crate) fn number(&mut self) -> Option<f64> {
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e'));
        let text = std::str::from_utf8(&rest[..length.unwrap_or(rest.len())]).ok()?;
        self.at += text.len();
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        if digits.len() <= PLAIN_DIGITS && digits.iter().all(u8::is_ascii_digit) {
            // Whole, and so small that it prints as written: unless it is `-0` or has zeros in front.
            let plain = match digits {
                [] => false,
                [b'0'] => text.len() == 1,
                [first, ..] => *first != b'0',
            };
            return if plain { text.parse().ok() } else { None };
        }
        let number: f64 = text.parse().ok()?;
        self.number.clear();
        write_number(&mut self.number, number);
        (self.number == text).then_some(number)
    }

    /// Any value.
    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(b"").map(drop),
            b'[' => self.array(),
            b't' => self.eat(b"true"),
            b'f' => self.eat(b"false"),
            b'n' => self.eat(b"null"),
            _ => self.number().map(drop),
        }
    }

    fn array(&mut self) -> Option<()> {
        if self.eat(b"[]").is_some() {
            return Some(());
        }
        self.open(b'[')?;
        loop {
            self.value()?;
            if self.peek()? == b']' {
                return self.close(b']');
            }
            self.comma()?;
        }
    }

    /// An object; what the value under `wanted` is written as, when there is one.
    pub(crate) fn object(&mut self, wanted: &[u8]) -> Option<Option<&'a [u8]>> {
        if self.eat(b"{}").is_some() {
            return Some(None);
        }
        self.open(b'{')?;
        let first_key = self.keys.len();
        let mut found = None;
        loop {
            let key = self.string()?;
            let name = &self.text[key.clone()];
            let siblings = &self.keys[first_key..];
            if name.first().is_some_and(u8::is_ascii_digit)
                || siblings.len() == MAX_KEYS
                || siblings.iter().any(|sibling| &self.text[sibling.clone()] == name)
            {
                return None;
            }
            self.keys.push(key);
            self.colon()?;
            let start = self.at;
            self.value()?;
            if !wanted.is_empty() && name == wanted {
                found = Some(&self.text[start..self.at]);
            }
            if self.peek()? == b'}' {
                self.keys.truncate(first_key);
                self.close(b'}')?;
                return Some(found);
            }
            self.comma()?;
        }
    }
}

/// How many bytes from the front neither end a string nor are escaped in one. Eight at a time: of each, the highest bit
/// tells (“Bit Twiddling Hacks”, *Determine if a word has a byte less than n*), and the lowest that does is right.
pub(super) fn plain_run(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let mut run = 0;
    let (chunks, rest) = text.as_chunks::<8>();
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        let found =
            below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1);
        if found != 0 {
            return run + found.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    run + rest.iter().take_while(|byte| !matches!(byte, 0..=0x1f | b'"' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::plain_run;

    #[test]
    fn a_run_of_plain_bytes_ends_where_it_should() {
        for length in 0..40 {
            for at in 0..=length {
                for byte in 0..=255_u8 {
                    let mut text = vec![b'x'; length];
                    text.extend([0x1f, 0]);
                    text[at] = byte;
                    let slow = text.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'));
                    assert_eq!(Some(plain_run(&text)), slow, "{text:?}");
                }
            }
        }
    }
}
