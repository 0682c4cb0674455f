//! The language of the search field. Whatever is typed means something; what makes no sense is a word to look for.

use super::words::{is_alone, words};
use crate::Target;

/// The most characters of a query that are read.
pub const MAX_QUERY_CHARS: usize = 1000;

/// The most words, phrases and filters of a query that are read.
pub const MAX_TERMS: usize = 32;

/// A day of the calendar (UTC), counted from 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchTerms {
    /// What a match holds, all of it.
    pub wanted: Vec<Term>,
    /// What a match does not hold, none of it.
    pub excluded: Vec<Term>,
    /// Ids or names of people; a match is by one of them.
    pub from: Vec<String>,
    /// Channels as typed; a match is in one of them.
    pub channels: Vec<String>,
    /// A match is from before this day.
    pub before: Option<Day>,
    /// A match is from this day or later.
    pub after: Option<Day>,
    /// The thing that the whole query is the id of.
    pub target: Option<Target>,
}

/// Words that stand one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The words, folded; never empty.
    pub words: Vec<String>,
    /// Whether the last word may go on.
    pub is_prefix: bool,
}

impl Term {
    fn new(text: &str, is_prefix: bool) -> Option<Self> {
        let words = words(text);
        let is_prefix = is_prefix && words.last().is_some_and(|word| !is_alone(word));
        (!words.is_empty()).then_some(Self { words, is_prefix })
    }

    /// Whether it is no phrase.
    pub(super) fn is_one_word(&self) -> bool {
        self.words.len() == 1
    }

    /// Whether the words of a text, from its `at`th on, begin with this term.
    pub fn is_at<T: AsRef<str>>(&self, text: &[T], at: usize) -> bool {
        let Some(place) = at.checked_add(self.words.len()).and_then(|end| text.get(at..end)) else { return false };
        let last = self.words.len() - 1;
        let fits = |(index, (word, wanted)): (usize, (&T, &String))| match self.is_prefix && index == last {
            true => word.as_ref().starts_with(wanted.as_str()),
            false => word.as_ref() == wanted,
        };
        place.iter().zip(&self.words).enumerate().all(fits)
    }
}

/// Reads a query. While it is being typed (`typing`), its last word may go on.
pub fn parse(text: &str, typing: bool) -> SearchTerms {
    let end = text.char_indices().nth(MAX_QUERY_CHARS).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    let mut terms = SearchTerms::default();
    let whole = text.trim();
    if !whole.contains(char::is_whitespace)
        && let Some(target) = Target::parse(whole)
    {
        terms.target = Some(target);
        return terms;
    }
    let mut rest = text.trim_start();
    let mut read = 0;
    while !rest.is_empty() && read < MAX_TERMS {
        read += 1;
        let (chunk, after) = chunk(rest);
        // Typing goes on only where nothing, not even a space, follows the word.
        chunk.read(typing && after.is_empty(), &mut terms);
        rest = after.trim_start();
    }
    terms
}

/// One part of a query: `-key:"value"*`, most of it optional.
struct Chunk<'a> {
    /// All of it as it stands there.
    whole: &'a str,
    is_excluded: bool,
    key: Option<&'a str>,
    value: &'a str,
    /// Whether the value stands in quotation marks that are closed.
    is_quoted: bool,
}

const KEYS: [&str; 4] = ["from", "in", "before", "after"];

/// The first chunk of a text that begins with no white space, and what comes after it.
fn chunk(text: &str) -> (Chunk<'_>, &str) {
    let (is_excluded, inner) = match text.strip_prefix('-') {
        Some(inner) if !inner.starts_with(char::is_whitespace) => (true, inner),
        _ => (false, text),
    };
    let named = inner.split_once(':').filter(|(key, _)| KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)));
    let (key, inner) = match named {
        Some((key, inner)) => (Some(key), inner),
        None => (None, inner),
    };
    let start = text.len() - inner.len();
    let (value, is_quoted, end) = match inner.strip_prefix('"') {
        Some(quoted) => match quoted.find('"') {
            Some(close) => (&quoted[..close], true, start + close + 2),
            None => (quoted, false, text.len()),
        },
        None => {
            let length = inner.find(char::is_whitespace).unwrap_or(inner.len());
            (&inner[..length], false, start + length)
        }
    };
    let (whole, after) = text.split_at(end);
    // A star after a phrase belongs to it.
    let after = if is_quoted { after.strip_prefix('*').unwrap_or(after) } else { after };
    (Chunk { whole, is_excluded, key, value, is_quoted }, after)
}

impl Chunk<'_> {
    fn read(&self, may_go_on: bool, terms: &mut SearchTerms) {
        let key = self.key.map(str::to_ascii_lowercase);
        let value = self.value.trim();
        match key.as_deref() {
            _ if self.is_excluded => {}
            // Nothing is there yet: the person is about to type it.
            Some(_) if value.is_empty() => return,
            Some("from") => return terms.from.push(value.to_owned()),
            Some("in") => return terms.channels.push(value.to_owned()),
            Some("before") => {
                if let Some(day) = Day::parse(value) {
                    terms.before = Some(terms.before.map_or(day, |known| known.min(day)));
                    return;
                }
            }
            Some("after") => {
                if let Some(day) = Day::parse(value) {
                    terms.after = Some(terms.after.map_or(day, |known| known.max(day)));
                    return;
                }
            }
            _ => {}
        }
        let text = if self.key.is_some() { self.whole } else { self.value };
        let is_prefix = !self.is_quoted && (may_go_on || text.ends_with('*'));
        let list = if self.is_excluded { &mut terms.excluded } else { &mut terms.wanted };
        // An excluded word is meant as it stands: while it grows it would hide almost everything.
        let is_prefix = is_prefix && (!self.is_excluded || text.ends_with('*'));
        list.extend(Term::new(text, is_prefix));
    }
}

impl Day {
    /// Reads `2026-11-21`, or `2026-11` and `2026` for their first day; years from 1970 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str, digits: usize| {
            (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<i64>().ok())?
        };
        let mut parts = text.split('-');
        let year = number(parts.next()?, 4).filter(|year| *year >= 1970)?;
        let month = parts.next().map_or(Some(1), |part| number(part, 2))?;
        let day = parts.next().map_or(Some(1), |part| number(part, 2))?;
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + i64::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if parts.next().is_some() || !(1..=days).contains(&day) {
            return None;
        }
        // Howard Hinnant, “chrono-Compatible Low-Level Date Algorithms”, days_from_civil, for years from 1970 on.
        let shifted = if month > 2 { year } else { year - 1 };
        let (era, of_era) = (shifted / 400, shifted % 400);
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        Some(Self(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn term(words: &[&str], is_prefix: bool) -> Term {
        Term { words: words.iter().map(|word| (*word).to_owned()).collect(), is_prefix }
    }

    #[test]
    fn words_phrases_and_exclusions_are_told_apart() {
        let terms = parse(r#"Sea "salt Water" -rock -"old boat" star* half-way"#, false);
        assert_eq!(
            terms.wanted,
            [
                term(&["sea"], false),
                term(&["salt", "water"], false),
                term(&["star"], true),
                term(&["half", "way"], false)
            ]
        );
        assert_eq!(terms.excluded, [term(&["rock"], false), term(&["old", "boat"], false)]);
    }

    #[test]
    fn only_a_word_that_is_being_typed_may_go_on() {
        assert_eq!(parse("sea sal", true).wanted, [term(&["sea"], false), term(&["sal"], true)]);
        assert_eq!(parse("sea sal ", true).wanted, [term(&["sea"], false), term(&["sal"], false)]);
        assert_eq!(parse("\"sea sal", true).wanted, [term(&["sea", "sal"], true)]);
        assert_eq!(parse("\"sea sal\"", true).wanted, [term(&["sea", "sal"], false)]);
        assert_eq!(parse("海の", true).wanted, [term(&["海", "の"], false)]);
        assert_eq!(parse("sea -r", true).excluded, [term(&["r"], false)]);
    }

    #[test]
    fn filters_narrow_and_unknown_ones_are_words() {
        let terms = parse(r#"from:"Ada Tide" FROM:bo in:#tea after:2020 before:2021-03 lang:en"#, false);
        assert_eq!(terms.from, ["Ada Tide", "bo"]);
        assert_eq!(terms.channels, ["#tea"]);
        assert_eq!((terms.after, terms.before), (Day::parse("2020-01-01"), Day::parse("2021-03-01")));
        assert_eq!(terms.wanted, [term(&["lang", "en"], false)]);
        assert_eq!(parse("before:tomorrow", false).wanted, [term(&["before", "tomorrow"], false)]);
        assert_eq!(parse("from: in:", true), SearchTerms::default());
    }

    #[test]
    fn a_pasted_id_is_the_thing_itself() {
        let id = "%3R7ch5k6NUy675byPUhMT+bcdFcBOGMl/g/GRvUPvLo=.sha256";
        assert_eq!(parse(&format!("  {id}\n"), true).target, Target::parse(id));
        let link = "ssb:message/classic/3R7ch5k6NUy675byPUhMT-bcdFcBOGMl_g_GRvUPvLo=";
        assert_eq!(parse(link, true).target, Target::parse(id));
        assert_eq!(parse("%nonsense", true).target, None);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let day = |text| Day::parse(text).map(|day| day.0);
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(11_016));
        assert_eq!((day("2026"), day("2026-11"), day("2026-11-21")), (Some(20_454), Some(20_758), Some(20_778)));
        for wrong in
            ["", "26", "1969", "2026-13", "2026-02-29", "2026-11-31", "2026-1-1", "2026-11-21-1", "+026", "２０２６"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_term_is_found_where_its_words_follow_each_other() {
        let text = ["the", "salt", "water"];
        assert!(term(&["salt", "wat"], true).is_at(&text, 1));
        assert!(!term(&["salt", "wat"], false).is_at(&text, 1));
        assert!(!term(&["salt", "water", "is"], false).is_at(&text, 1));
        assert!(!term(&["the"], false).is_at(&text, 9));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_means_something_bounded(text in "[-\"*:#a-c@%& fromin\\PC]{0,200}", typing: bool) {
            let terms = parse(&text, typing);
            let count = terms.wanted.len() + terms.excluded.len() + terms.from.len() + terms.channels.len();
            prop_assert!(count <= MAX_TERMS);
            for term in terms.wanted.iter().chain(&terms.excluded) {
                prop_assert!(!term.words.is_empty());
                prop_assert!(term.words.iter().all(|word| !word.contains(['"', ' ', '\0'])));
            }
        }
    }
}
