//! Random JSON in every spelling that a parser may meet, from a seed.

use std::time::{SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded source of choices.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From `PERIWINKLE_SEED`, or else a new seed; it is printed, and shown when the test fails.
    pub(crate) fn announced() -> Self {
        let seed = std::env::var("PERIWINKLE_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64));
        println!("PERIWINKLE_SEED={seed}");
        Self::from_seed(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound as u64) as usize
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Any double, of any size.
    fn double(&mut self) -> f64 {
        f64::from_bits(self.0.next_u64())
    }

    fn space(&mut self) -> &'static str {
        const SPACES: [&str; 5] = [" ", "\n", "\t", "\r\n", "  \n "];
        if self.chance(6) { SPACES[self.below(SPACES.len())] } else { "" }
    }

    /// A number in some spelling.
    pub(crate) fn number(&mut self) -> String {
        const STRANGE: [&str; 24] = [
            "0",
            "-0",
            "-0.0",
            "1.0",
            "1e0",
            "0.1",
            "1e21",
            "1E+21",
            "1e20",
            "123456789012345680000",
            "1e-6",
            "1e-7",
            "9007199254740993",
            "-9007199254740993",
            "5e-324",
            "2e-324",
            "1e400",
            "-1e400",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "0.30000000000000004",
            "4294967295",
            "1e-400",
            "12.50e1",
        ];
        match self.below(4) {
            0 => (*self.pick(&STRANGE)).into(),
            1 => self.below(100_000).to_string(),
            2 => {
                let digits = 1 + self.below(25);
                let whole: String = (0..digits).map(|_| char::from(b'1' + self.below(9) as u8)).collect();
                let fraction = self.below(1_000_000);
                let exponent = self.below(60) as i64 - 30;
                format!("{whole}.{fraction}e{exponent}")
            }
            _ => {
                let number = self.double();
                if number.is_finite() { format!("{number:e}") } else { "1".into() }
            }
        }
    }

    /// A string literal in some spelling, quotes included.
    pub(crate) fn string(&mut self) -> String {
        const PIECES: [&str; 30] = [
            "a",
            "type",
            "Hello",
            " ",
            "é",
            "ÿ",
            "Ā",
            "☂",
            "😀",
            "\u{7f}",
            "\u{80}",
            "\u{2028}",
            "\u{2029}",
            "\u{ffff}",
            "\\n",
            "\\t",
            "\\b",
            "\\f",
            "\\r",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0000",
            "\\u001F",
            "\\u0041",
            "\\u00e9",
            "\\ud83d",
            "\\uDE00",
            "\\ud83d\\ude00",
            "\\ude00\\ud83d",
        ];
        let mut text = String::from("\"");
        for _ in 0..self.below(6) {
            let piece = *self.pick(&PIECES);
            text.push_str(piece);
        }
        text + "\""
    }

    fn key(&mut self) -> String {
        const KEYS: [&str; 16] = [
            "a",
            "b",
            "type",
            "",
            "0",
            "1",
            "2",
            "10",
            "01",
            "-1",
            "1.5",
            "4294967294",
            "4294967295",
            "4294967296",
            "__proto__",
            "ключ",
        ];
        if self.chance(4) { self.string() } else { format!("\"{}\"", self.pick(&KEYS)) }
    }

    /// Any JSON text, nested at most `depth` deep.
    pub(crate) fn json(&mut self, depth: usize) -> String {
        let kinds = if depth == 0 { 4 } else { 6 };
        let text = match self.below(kinds) {
            0 => (*self.pick(&["null", "true", "false"])).to_string(),
            1 => self.number(),
            2 | 3 => self.string(),
            4 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}{}]", items.join(","), self.space())
            }
            _ => {
                let entries: Vec<String> = (0..self.below(6)).map(|_| self.entry(depth - 1)).collect();
                format!("{{{}{}}}", self.space(), entries.join(","))
            }
        };
        format!("{}{text}{}", self.space(), self.space())
    }

    fn entry(&mut self, depth: usize) -> String {
        let key = self.key();
        format!("{}{key}{}:{}", self.space(), self.space(), self.json(depth))
    }

    /// The content of a message, nearly always a sound one.
    pub(crate) fn content(&mut self) -> String {
        const ODD: [&str; 22] = [
            "null",
            "[]",
            "{}",
            "1",
            "\"\"",
            "\"hello\"",
            "\"aab.box\"",
            "\".box\"",
            "\".box2\"",
            "\"AAAA.box\"",
            "\"AAAA.box2\"",
            "\"AAAA.box3\"",
            "\"AAAA.boxer\"",
            "\"AA==.box\"",
            "\"AB==.box\"",
            "\"AAE=.box\"",
            "\"AAF=.box\"",
            "\"AAAA.box \"",
            "{\"type\":\"ab\"}",
            "{\"type\":7}",
            "{\"type\":\"\"}",
            "[{\"type\":\"post\"}]",
        ];
        if self.chance(6) {
            return (*self.pick(&ODD)).into();
        }
        let mut entries =
            vec![format!("\"type\":\"{}\"", self.pick(&["post", "abc", "vote", "about", "😀a", "contact"]))];
        if self.chance(12) {
            let units = 48 + self.below(8);
            entries = vec![format!("\"type\":\"{}\"", "t".repeat(units))];
        }
        for _ in 0..self.below(5) {
            entries.push(self.entry(3));
        }
        if self.chance(8) {
            let filler = *self.pick(&["x", "é", "☂", "😀"]);
            let units = 7600 + self.below(500);
            entries.push(format!("\"text\":\"{}\"", filler.repeat(units / filler.encode_utf16().count())));
        }
        let at = self.below(entries.len());
        entries.swap(0, at);
        format!("{{{}}}", entries.join(","))
    }
}
