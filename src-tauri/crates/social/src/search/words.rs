//! Words as search sees them: the same cutting and folding for what is stored, what is typed and what is highlighted.
//!
//! A word is a run of letters and digits in lower case without accents. Scripts that are written without spaces have no such
//! runs, so there each character is a word of its own and what is typed in one go becomes a phrase. Ids are no words: nobody
//! searches for a part of a key, and each would be a new entry in the index.

use std::ops::Range;

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// The most bytes of a folded word; what is longer is cut, stored and typed alike.
pub const MAX_WORD_BYTES: usize = 64;

/// The sigil and the base64 of 32 bytes before the suffix of an id.
const ID_BODY: usize = 45;

/// Calls `found` with the place of each word in `text`, in bytes, and the folded word.
pub fn each_word(text: &str, mut found: impl FnMut(Range<usize>, &str)) {
    let mut word = String::new();
    let mut start = 0;
    let mut end = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        // Most of most texts, in one step.
        let plain = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if plain > 0 {
            let run = rest.get(..plain).unwrap_or_default();
            let next = rest.as_bytes().get(plain);
            // A whole word that is folded as it stands, which most are: what is not ASCII might still belong to it.
            if word.is_empty()
                && plain <= MAX_WORD_BYTES
                && next.is_none_or(u8::is_ascii)
                && !run.bytes().any(|byte| byte.is_ascii_uppercase())
            {
                found(at..at + plain, run);
                // And what ends it, unless an id may begin there.
                at += plain + usize::from(next.is_some_and(|byte| !matches!(byte, b'@' | b'%' | b'&')));
                continue;
            }
            if word.is_empty() {
                start = at;
            }
            let known = word.len();
            word.push_str(run);
            if let Some(added) = word.get_mut(known..) {
                added.make_ascii_lowercase();
            }
            at += plain;
            end = at;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        let next = at + c.len_utf8();
        match class(c) {
            Class::Letter => {
                if word.is_empty() {
                    start = at;
                }
                fold(c, &mut word);
                end = next;
            }
            Class::Inside => {
                if !word.is_empty() {
                    end = next;
                }
            }
            Class::Alone => {
                emit(&mut word, start..end, &mut found);
                (start, end) = (at, next);
                fold(c, &mut word);
                emit(&mut word, start..end, &mut found);
            }
            Class::Sigil => {
                emit(&mut word, start..end, &mut found);
                at += id_length(rest.as_bytes());
                continue;
            }
            Class::Between => emit(&mut word, start..end, &mut found),
        }
        at = next;
    }
    emit(&mut word, start..end, &mut found);
}

/// Hands a finished word over.
fn emit(word: &mut String, place: Range<usize>, found: &mut impl FnMut(Range<usize>, &str)) {
    if word.is_empty() {
        return;
    }
    if word.len() > MAX_WORD_BYTES {
        let cut = (0..=MAX_WORD_BYTES).rev().find(|at| word.is_char_boundary(*at)).unwrap_or(0);
        word.truncate(cut);
    }
    found(place, word);
    word.clear();
}

/// The folded words of `text`.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each_word(text, |_, word| words.push(word.to_owned()));
    words
}

/// Appends the folded words of `text` to `line`, each with a space before it.
pub fn fold_words(text: &str, line: &mut String) {
    each_word(text, |_, word| {
        line.push(' ');
        line.push_str(word);
    });
}

/// Whether a word stands for a character of a script without spaces: it cannot be the beginning of a longer word.
pub fn is_alone(word: &str) -> bool {
    word.chars().next().is_some_and(|c| class(c) == Class::Alone)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Letter,
    /// A word of its own.
    Alone,
    /// Seen as absent within a word: accents, joiners, soft hyphens.
    Inside,
    /// May begin an id.
    Sigil,
    /// Ends a word.
    Between,
}

fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Letter,
        '@' | '%' | '&' => Class::Sigil,
        '\0'..='\x7f' => Class::Between,
        _ if is_mark(c) || matches!(c, '\u{ad}' | '\u{200c}' | '\u{200d}') => Class::Inside,
        _ if is_unspaced(c) && c.is_alphanumeric() => Class::Alone,
        _ if c.is_alphanumeric() || is_combining_mark(c) => Class::Letter,
        _ => Class::Between,
    }
}

/// Marks that many leave out: accents, Hebrew points, Arabic vowels.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}'
        | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Scripts whose words are not set apart: Thai, Lao, Myanmar, Khmer; kana, bopomofo, Han.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{312f}' | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

fn fold(c: char, word: &mut String) {
    match c {
        'a'..='z' | '0'..='9' => word.push(c),
        'A'..='Z' => word.push(c.to_ascii_lowercase()),
        // The final form of sigma.
        'ς' => word.push('σ'),
        // Full-width forms of ASCII, which lie in its order.
        '\u{ff01}'..='\u{ff5e}' => {
            word.extend(char::from_u32(u32::from(c) - 0xfee0).map(|plain| plain.to_ascii_lowercase()));
        }
        // Where letters carry accents, and the sign of the ångström; Hangul would come apart as well.
        '\0'..='\u{52f}' | '\u{1e00}'..='\u{1fff}' | '\u{212b}' => decompose_canonical(c, |part| {
            if !is_mark(part) {
                word.extend(part.to_lowercase());
            }
        }),
        _ => word.extend(c.to_lowercase()),
    }
}

/// The length in bytes of the id that `text` begins with; 1 when it is only its sigil.
fn id_length(text: &[u8]) -> usize {
    let is_body = text.get(1..ID_BODY).is_some_and(|body| {
        body.ends_with(b"=")
            && body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    });
    match text.get(ID_BODY..) {
        Some(rest) if is_body && rest.starts_with(b".ed25519") => ID_BODY + ".ed25519".len(),
        Some(rest) if is_body && rest.starts_with(b".sha256") => ID_BODY + ".sha256".len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_lower_case_without_accents() {
        assert_eq!(words("Crème brûlée, NAÏVE Ærø!"), ["creme", "brulee", "naive", "ærø"]);
        assert_eq!(words("e\u{301}te\u{301} été"), ["ete", "ete"]);
        assert_eq!(words("ΟΔΟΣ οδός"), ["οδοσ", "οδοσ"]);
        assert_eq!(words("Ёлка йод"), ["елка", "иод"]);
        assert_eq!(words("ＡＢＣ１"), ["abc1"]);
        assert_eq!(words("co\u{ad}operate"), ["cooperate"]);
        assert_eq!(words("don't"), ["don", "t"]);
    }

    #[test]
    fn scripts_without_spaces_give_one_word_a_character() {
        assert_eq!(words("海の家 rock"), ["海", "の", "家", "rock"]);
        assert_eq!(words("iPhone海"), ["iphone", "海"]);
        assert_eq!(words("สวัสดี").first().map(String::as_str), Some("ส"));
        assert_eq!(words("한국어 바다"), ["한국어", "바다"]);
        assert_eq!(words("हिन्दी"), ["हिन्दी"]);
    }

    #[test]
    fn ids_are_no_words() {
        let id = "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519";
        assert_eq!(words(&format!("hi [@ada]({id}), bye")), ["hi", "ada", "bye"]);
        assert_eq!(words("me@home & 5%"), ["me", "home", "5"]);
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(words(&"é".repeat(500)), ["e".repeat(MAX_WORD_BYTES)]);
        assert_eq!(words(&"я".repeat(500))[0].len(), MAX_WORD_BYTES);
    }

    #[test]
    fn every_folded_character_stays_as_it_is() {
        for c in '\0'..=char::MAX {
            let once = words(&c.to_string());
            assert_eq!(words(&once.join(" ")), once, "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn the_place_of_a_word_gives_the_word_again(text in "\\PC{0,80}") {
            let mut found = Vec::new();
            each_word(&text, |place, word| found.push((place, word.to_owned())));
            for (place, word) in found {
                prop_assert_eq!(words(&text[place]), vec![word]);
            }
        }

        #[test]
        fn plain_text_is_cut_where_letters_and_digits_end(text in "[ -~]{0,90}") {
            let runs = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|run| !run.is_empty());
            let expected = runs.map(|run| run[..run.len().min(MAX_WORD_BYTES)].to_ascii_lowercase());
            prop_assert_eq!(words(&text), expected.collect::<Vec<_>>());
        }

        #[test]
        fn folded_words_stay_as_they_are(text in "\\PC{0,80}") {
            let once = words(&text);
            prop_assert_eq!(words(&once.join(" ")), once);
        }
    }
}
