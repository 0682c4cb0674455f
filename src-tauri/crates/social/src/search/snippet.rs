//! The part of a text that shows why it was found.

use std::ops::Range;

use super::{query::Term, words::each_word};

/// About how many characters of a text a snippet shows.
pub const SNIPPET_CHARS: usize = 180;

/// How many characters of them stand before the first match, where there are more.
const BEFORE: usize = 40;

/// The longest target of a Markdown link that is left out, in bytes.
const LONGEST_TARGET: usize = 512;

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether it is what was searched for.
    pub is_match: bool,
}

/// The part of `text` around the first match of `wanted`; its beginning where nothing matches. `…` stands for what is left
/// out before and after.
pub fn snippet(text: &str, wanted: &[Term]) -> Vec<Piece> {
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    each_word(text, |place, word| {
        places.push(place);
        words.push(word.to_owned());
    });
    let matches = matches(&words, &places, wanted);
    let window = window(text, matches.first());
    let mut pieces = Vec::new();
    let mut push = |text: &str, is_match| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), is_match });
        }
    };
    let mut at = window.start;
    for place in matches.iter().filter(|place| window.start <= place.start && place.end <= window.end) {
        push(&text[at..place.start], false);
        push(&text[place.clone()], true);
        at = place.end;
    }
    push(&text[at..window.end], false);
    if window.start > 0 {
        pieces.insert(0, Piece { text: "…".into(), is_match: false });
    }
    if window.end < text.len() {
        pieces.push(Piece { text: "…".into(), is_match: false });
    }
    pieces
}

/// Where the terms stand, in order, overlapping ones as one.
fn matches(words: &[String], places: &[Range<usize>], wanted: &[Term]) -> Vec<Range<usize>> {
    let mut matches: Vec<Range<usize>> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let lengths = wanted.iter().filter(|term| term.is_at(words, at)).map(|term| term.words.len());
        let Some(last) = lengths.max().and_then(|length| places.get(at + length - 1)) else { continue };
        match matches.last_mut() {
            Some(before) if place.start < before.end => before.end = before.end.max(last.end),
            _ => matches.push(place.start..last.end),
        }
    }
    matches
}

/// About [`SNIPPET_CHARS`] characters with the first match in them, cut between words where there are spaces.
fn window(text: &str, first: Option<&Range<usize>>) -> Range<usize> {
    let mut start = 0;
    if let Some(first) = first {
        let before = text[..first.start].char_indices().rev();
        let cut = before.map(|(at, _)| at).nth(BEFORE - 1).unwrap_or(0);
        if cut > 0 {
            // Begin with a whole word, if one begins before the match.
            let space = text[cut..first.start].find(' ').map(|space| cut + space + 1);
            start = space.unwrap_or(cut);
        }
    }
    let mut chars = text[start..].char_indices();
    let Some((length, _)) = chars.nth(SNIPPET_CHARS) else { return start..text.len() };
    let end = start + length;
    let least = first.map_or(start, |first| first.end);
    // A match longer than the window is cut like any other text.
    let space =
        text[start..end].rfind(' ').map(|space| start + space).filter(|space| *space >= least && *space > start);
    start..space.unwrap_or(end)
}

/// A Markdown text as one line to read: of links and pictures only their words, runs of white space as one space.
pub fn readable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    // Where in `line` brackets were opened that may yet turn out to be a link's.
    let mut open: Vec<usize> = Vec::new();
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        match c {
            '[' => {
                open.push(line.len());
                line.push(c);
            }
            ']' => match (open.pop(), target_length(&text[at..])) {
                (Some(bracket), Some(length)) => {
                    line.remove(bracket);
                    if line[..bracket].ends_with('!') {
                        line.remove(bracket - 1);
                    }
                    skip_to = at + length;
                }
                _ => line.push(c),
            },
            _ if c.is_whitespace() || c.is_control() => {
                if !line.is_empty() && !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            _ => line.push(c),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The length of `](target)` at the start of `text`.
fn target_length(text: &str) -> Option<usize> {
    let target = text.strip_prefix("](")?;
    let close = target.bytes().take(LONGEST_TARGET).position(|byte| matches!(byte, b')' | b'\n'))?;
    (target.as_bytes().get(close) == Some(&b')')).then_some(close + 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::parse;
    use proptest::prelude::*;

    fn shown(text: &str, query: &str) -> String {
        let pieces = snippet(text, &parse(query, true).wanted);
        pieces
            .iter()
            .map(|piece| if piece.is_match { format!("<{}>", piece.text) } else { piece.text.clone() })
            .collect()
    }

    #[test]
    fn matches_are_marked_as_they_are_written() {
        assert_eq!(shown("The Café by the café-door", "cafe "), "The <Café> by the <café>-door");
        assert_eq!(shown("salt and salty water", "salt"), "<salt> and <salty> water");
        assert_eq!(shown("old salt water", "\"salt water\" water "), "old <salt water>");
        assert_eq!(shown("海の家と海", "海の"), "<海の>家と海");
        assert_eq!(shown("nothing here", "rock"), "nothing here");
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_match() {
        let text = format!("{} lantern {}", "word ".repeat(100), "word ".repeat(100));
        let shown = shown(&text, "lantern");
        assert!(shown.starts_with("…word ") && shown.contains(" <lantern> ") && shown.ends_with("word…"), "{shown}");
        assert!(shown.chars().count() <= SNIPPET_CHARS + 4, "{shown}");
    }

    #[test]
    fn markdown_links_are_read_as_their_words() {
        assert_eq!(
            readable("hi [@ada](@9Pn=.ed25519),\n\n![a  shell](&Jdx=.sha256) [x] [y](z\n) ](q)"),
            "hi @ada, a shell [x] [y](z ) ](q)"
        );
        assert_eq!(readable("[[a](b)](c)"), "a");
    }

    proptest! {
        #[test]
        fn a_snippet_is_a_part_of_its_text(text in "[a-c \\[\\]()!é海\\PC]{0,400}", query in "[a-c é海\"]{0,8}") {
            let line = readable(&text);
            prop_assert!(line.len() <= text.len());
            let pieces = snippet(&line, &parse(&query, true).wanted);
            let joined: String = pieces.into_iter().map(|piece| piece.text).collect();
            let inner = joined.strip_prefix('…').unwrap_or(&joined);
            prop_assert!(line.contains(inner.strip_suffix('…').unwrap_or(inner)) || line.contains(&joined));
        }
    }
}
