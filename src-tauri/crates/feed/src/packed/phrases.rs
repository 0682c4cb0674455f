//! What contents of messages are made of apart from what people say: keys and punctuation, by number.
//!
//! Chosen by counting pieces between ids, numbers and free text in contents of the common clients, the most frequent
//! first. **The order is part of the format: never change, remove or insert a line. A new table is a new version.**

use std::sync::LazyLock;

/// Phrases with codes of one byte.
pub(super) const SHORT: usize = 34;

/// The phrase with each number. The first [`SHORT`] take one byte, the others two.
const PHRASES: [&[u8]; 194] = [
    // One byte each.
    b"\"type\":\"post\",\"text\":\"",
    b"\"type\":\"vote\",\"vote\":{\"link\":",
    b",\"value\":1,\"expression\":\"Like\"}",
    b"\",\"root\":",
    b",\"branch\":",
    b"\",\"mentions\":[{\"link\":",
    b",\"name\":\"",
    b"\"},{\"link\":",
    b"\"}],\"root\":",
    b"}],\"root\":",
    b"\"type\":\"contact\",\"contact\":",
    b",\"following\":true",
    b"\\n",
    b"\\n\\n",
    b"\\\"",
    b"\",\"type\":\"image/jpeg\",\"size\":",
    b"\"type\":\"about\",\"about\":",
    b",\"branch\":[",
    b"\",\"channel\":\"",
    b"\"type\":\"post\",\"root\":",
    b",\"reply\":{",
    b"\"text\":\"",
    b"\",\"type\":\"post\"",
    b"\"}]",
    b"}]",
    b",\"text\":\"",
    b",\"mentions\":[{\"link\":",
    b",\"blocking\":",
    b",\"value\":1}",
    b"\",\"mentions\":[]",
    b",\"recps\":[",
    b",\"image\":{\"link\":",
    b",\"size\":",
    b",\"type\":\"image/jpeg\",\"size\":",
    // Two bytes each. Posts and replies.
    b"\"type\":\"post\",\"channel\":\"",
    b"\"type\":\"post\",\"channel\":",
    b"\"type\":\"post\",\"mentions\":[",
    b"\"type\":\"post\",\"recps\":[",
    b"\"type\":\"post\",",
    b"\"type\":\"post\"",
    b"\"type\":\"",
    b"\",\"type\":\"",
    b",\"type\":\"post\"",
    b",\"type\":\"",
    b"\",\"text\":\"",
    b"\"root\":",
    b",\"root\":null",
    b",\"root\":",
    b"\",\"branch\":",
    b"\"branch\":",
    b",\"branch\":null",
    b"],\"root\":",
    b"],\"branch\":",
    b"]],\"root\":",
    b",\"fork\":",
    b"\",\"fork\":",
    b"},\"channel\":",
    b"},\"channel\":\"",
    b"],\"channel\":\"",
    b",\"channel\":\"",
    b",\"channel\":null",
    b"\"}],\"channel\":\"",
    b"}],\"channel\":\"",
    b",\"recps\":null",
    b",\"recps\":",
    b"],\"text\":\"",
    b"},\"text\":\"",
    b",\"mentions\":[],",
    b"\",\"mentions\":[",
    b",\"mentions\":[",
    b",\"mentions\":[]",
    b"],\"mentions\":[",
    b"],\"mentions\":[{\"link\":",
    b"],\"mentions\":[]",
    b"],\"reply\":{",
    b",\"reply\":",
    b"\"}]}",
    b"}]}",
    b"},{\"link\":",
    b"{\"link\":",
    b"\"link\":",
    b"\"link\":\"",
    b"{\"link\":\"#",
    b"\",\"mentions\":[{\"link\":\"#",
    b"\"},{\"link\":\"#",
    b"},{\"link\":\"#",
    b"\",\"link\":",
    b",\"link\":",
    b"\",\"name\":\"",
    b"\"name\":\"",
    b"{\"name\":\"",
    b",\"name\":null",
    b"\"}],\"branch\":",
    b"}],\"branch\":",
    b"\"}],\"recps\":",
    b",\"contentWarning\":\"",
    b"\",\"contentWarning\":\"",
    // Blobs among the mentions.
    b",\"type\":\"image/png\",\"size\":",
    b"\",\"type\":\"image/png\",\"size\":",
    b"\",\"type\":\"image/jpeg\"",
    b"\",\"type\":\"image/png\"",
    b"\",\"type\":\"image/gif\"",
    b"\",\"type\":\"image/webp\"",
    b",\"type\":\"image/jpeg\"",
    b",\"type\":\"image/png\"",
    b",\"type\":\"image/jpeg\",\"width\":",
    b",\"type\":\"image/png\",\"width\":",
    b"\",\"type\":\"image/svg+xml\"",
    b"\",\"type\":\"audio/mpeg\"",
    b"\",\"type\":\"audio/ogg\"",
    b"\",\"type\":\"video/mp4\"",
    b"\",\"type\":\"application/pdf\"",
    b"\",\"size\":",
    b"\"size\":",
    b",\"width\":",
    b",\"height\":",
    b"\"type\":\"image/jpeg\"",
    b"\"type\":\"image/png\"",
    // Votes.
    b",\"value\":1,\"expression\":\"Unlike\"}",
    b",\"value\":0,\"expression\":\"Unlike\"}",
    b",\"value\":1,\"expression\":\"",
    b",\"value\":0,\"expression\":\"",
    b",\"value\":0}",
    b",\"value\":0,\"expression\":\"\"}",
    b",\"value\":-1}",
    b",\"value\":-1,\"expression\":\"",
    b",\"value\":",
    b",\"expression\":\"",
    b"\"type\":\"vote\",\"channel\":\"",
    b",\"vote\":{\"link\":",
    b"\"vote\":{\"link\":",
    b"\",\"reason\":\"",
    b"\"type\":\"vote\",",
    b"},\"root\":",
    b"},\"branch\":",
    // Contacts.
    b",\"following\":false",
    b",\"following\":true,\"autofollow\":true",
    b",\"following\":true,\"pub\":true",
    b",\"following\":true,\"blocking\":false",
    b",\"following\":false,\"blocking\":true",
    b",\"following\":false,\"blocking\":false",
    b",\"following\":",
    b",\"blocking\":true",
    b",\"blocking\":false",
    b",\"flagged\":",
    b",\"autofollow\":true",
    b"\"contact\":",
    // Profiles.
    b",\"image\":",
    b"\",\"image\":",
    b"\",\"image\":{\"link\":",
    b",\"description\":\"",
    b"\",\"description\":\"",
    b"\"type\":\"about\",",
    b"\"about\":",
    b",\"publicWebHosting\":true",
    b",\"publicWebHosting\":false",
    // Channels.
    b"\"type\":\"channel\",\"channel\":\"",
    b"\",\"subscribed\":true",
    b"\",\"subscribed\":false",
    // Pubs.
    b"\"type\":\"pub\",\"address\":{\"host\":\"",
    b"\",\"port\":8008,\"key\":",
    b"\",\"port\":",
    b",\"key\":",
    b",\"address\":",
    // Blogs.
    b"\"type\":\"blog\",\"title\":\"",
    b"\",\"summary\":\"",
    b"\",\"thumbnail\":",
    b",\"blog\":",
    b",\"title\":\"",
    b"\",\"title\":\"",
    b",\"summary\":\"",
    b",\"thumbnail\":",
    // Gatherings and others.
    b"\"type\":\"gathering\"",
    b",\"startDateTime\":{\"epoch\":",
    b",\"tz\":\"",
    b",\"location\":\"",
    b",\"attendee\":{\"link\":",
    b",\"remove\":true",
    b"\"type\":\"git-update\",\"repo\":",
    b"\"type\":\"git-repo\"",
    b"\"type\":\"tag\"",
    b",\"tagged\":true",
    b",\"message\":",
    b"\",\"timestamp\":",
    b",\"created_at\":",
    b",\"position\":",
    // Lists and ends.
    b"\\t",
    b"\\\\",
    b"\\n\\n- ",
    b"\\n- ",
    b"\\n> ",
    b"\":",
    b"\",\"",
    b"\":\"",
];

struct Entry {
    phrase: &'static [u8],
    number: usize,
    /// The longest other phrase that this one begins with.
    within: Option<usize>,
}

/// Phrases in the order of their bytes, so that the longest that a text begins with is found by halving.
static SORTED: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let numbered = PHRASES.iter().enumerate();
    let mut sorted: Vec<Entry> = numbered.map(|(number, &phrase)| Entry { phrase, number, within: None }).collect();
    sorted.sort_by_key(|entry| entry.phrase);
    for at in 0..sorted.len() {
        let phrase = sorted[at].phrase;
        sorted[at].within = sorted[..at].iter().rposition(|shorter| phrase.starts_with(shorter.phrase));
    }
    sorted
});

/// Whether a phrase begins with this byte.
pub(super) const fn begins(byte: u8) -> bool {
    matches!(byte, b'"' | b',' | b'}' | b']' | b'{' | b'\\')
}

/// The number and length of the longest phrase that `text` begins with.
pub(super) fn longest(text: &[u8]) -> Option<(usize, usize)> {
    let entries = &*SORTED;
    let mut candidate = entries.partition_point(|entry| entry.phrase <= text).checked_sub(1);
    while let Some(entry) = candidate.and_then(|at| entries.get(at)) {
        if text.starts_with(entry.phrase) {
            return Some((entry.number, entry.phrase.len()));
        }
        candidate = entry.within;
    }
    None
}

/// The phrase with this number.
pub(super) fn by_number(number: usize) -> Option<&'static [u8]> {
    PHRASES.get(number).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_phrase_is_found_wherever_one_begins() {
        for (number, phrase) in PHRASES.iter().enumerate() {
            assert!(begins(phrase[0]), "{number}");
            for tail in [&b""[..], b"x", b"\"", b"\x01"] {
                let text = [phrase, tail].concat();
                let slow = PHRASES.iter().enumerate().filter(|(_, phrase)| text.starts_with(phrase));
                let slow = slow.max_by_key(|(_, phrase)| phrase.len()).map(|(number, phrase)| (number, phrase.len()));
                assert_eq!(longest(&text), slow, "{}", String::from_utf8_lossy(&text));
            }
        }
        assert_eq!(longest(b""), None);
        assert_eq!(longest(b"hello"), None);
    }

    #[test]
    fn no_phrase_is_there_twice_or_holds_a_byte_that_is_a_code() {
        for (number, phrase) in PHRASES.iter().enumerate() {
            assert!(phrase.iter().all(|byte| (0x20..0x7f).contains(byte)), "{number}");
            assert!(!PHRASES[..number].contains(phrase), "{}", String::from_utf8_lossy(phrase));
        }
    }
}
