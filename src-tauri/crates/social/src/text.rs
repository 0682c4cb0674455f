//! Bounds for words that come from strangers and stand in small places.

/// The most characters (Unicode scalar values) of a name that are kept; the rest is cut.
///
/// Names stand in rows and buttons; the message itself, which is kept whole, may hold up to 8 KiB.
pub const MAX_NAME_CHARS: usize = 80;

/// The most characters of a content warning, or of the expression of a vote, that are kept.
pub const MAX_WARNING_CHARS: usize = 200;

/// A channel's name is shorter than this many UTF-16 units (`ssb-ref`, `normalizeChannel`).
pub const MAX_CHANNEL_UNITS: usize = 30;

/// A name as it may stand in one line: control characters become spaces, runs of white space one space, ends trimmed,
/// cut at [`MAX_NAME_CHARS`]. None when nothing is left to see.
///
/// Marks that steer the direction of text are kept: whoever shows the name isolates it.
pub fn display_name(name: &str) -> Option<String> {
    one_line(name, MAX_NAME_CHARS)
}

/// One line of at most `limit` characters; none when nothing visible is left.
pub(crate) fn one_line(text: &str, limit: usize) -> Option<String> {
    let mut line = String::new();
    let mut chars = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = true;
            continue;
        }
        let needed = if gap && !line.is_empty() { 2 } else { 1 };
        if chars + needed > limit {
            break;
        }
        if needed == 2 {
            line.push(' ');
        }
        gap = false;
        line.push(c);
        chars += needed;
    }
    line.chars().any(|c| !is_invisible(c)).then_some(line)
}

/// Characters that take no ink of their own: a name made only of these would be an empty row.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// A channel's name as it is compared: lower case, without `#`, white space and punctuation, as `ssb-ref`'s
/// `normalizeChannel` does. None when nothing is left or it is not shorter than [`MAX_CHANNEL_UNITS`].
pub fn channel_name(name: &str) -> Option<String> {
    // A longer text cannot become short enough to be meant as a channel: do not copy it.
    if name.len() > 16 * MAX_CHANNEL_UNITS {
        return None;
    }
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| {
            !c.is_whitespace()
                && !c.is_control()
                && !matches!(c, ',' | '?' | '!' | '<' | '>' | '(' | ')' | '[' | ']' | '"' | '#')
        })
        .collect();
    let units = kept.encode_utf16().count();
    (units > 0 && units < MAX_CHANNEL_UNITS).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_trimmed_line_of_bounded_length() {
        assert_eq!(display_name("  Ada\n\tLovelace \0").as_deref(), Some("Ada Lovelace"));
        assert_eq!(display_name(&"x".repeat(10_000)).map(|n| n.chars().count()), Some(MAX_NAME_CHARS));
        assert_eq!(display_name(&"x ".repeat(10_000)).map(|n| n.chars().count()), Some(MAX_NAME_CHARS - 1));
    }

    #[test]
    fn a_name_without_ink_is_no_name() {
        for name in ["", " \n ", "\u{202e}\u{200b}", "\u{3164}\u{3164}", "\u{feff}"] {
            assert_eq!(display_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn channels_are_compared_without_case_hash_and_punctuation() {
        assert_eq!(channel_name("#SSB-Dev").as_deref(), Some("ssb-dev"));
        assert_eq!(channel_name("new people").as_deref(), Some("newpeople"));
        assert_eq!(channel_name("#?!"), None);
        assert_eq!(channel_name(&"a".repeat(30)), None);
        assert_eq!(channel_name(&"a".repeat(29)).map(|c| c.len()), Some(29));
    }
}
