//! A message as full text sees it: its words, and marked ones for who wrote it where.

use social::{Kind, Post, search::fold_words};

use crate::{error::StoreError, feeds::FeedNumber, write::Writing};

/// Begins the token for the author of a document. Letters and digits, of which words are made, never look like this.
const AUTHOR: char = '\u{80}';
/// Begins the token for the channel of a document.
const CHANNEL: char = '\u{81}';
/// Begins each word of a name or a description: people are searched apart from what they write.
pub(super) const PERSON: char = '\u{82}';
/// Begins the token for whoever names or describes somebody.
const NAMING: char = '\u{83}';

/// Numbers of documents within one day; more posts shown on one day are not searchable.
const PER_DAY: i64 = 1 << 24;
const DAY_MS: i64 = 86_400_000;
/// The last day that documents are numbered by, far from the end of SQLite's numbers; about the year 180,000.
const LAST_DAY: i64 = 1 << 26;

/// A message on its way into full text.
#[derive(Debug)]
pub(crate) struct Document {
    /// When it is shown, Unix milliseconds.
    time: i64,
    row: i64,
    /// The tokens, each with a space before it.
    words: String,
}

impl Document {
    /// None for what holds nothing to search for.
    pub(crate) fn of(row: i64, author: FeedNumber, time: i64, kind: &Kind) -> Option<Self> {
        let mut words = String::new();
        match kind {
            Kind::Post(Post { text, content_warning, channel, .. }) => {
                fold_words(text, &mut words);
                for more in content_warning.iter().chain(channel) {
                    fold_words(more, &mut words);
                }
                push(&author_token(author), &mut words);
                if let Some(channel) = channel {
                    push(&channel_token(channel), &mut words);
                }
            }
            Kind::Blog(blog) => {
                fold_words(&blog.title, &mut words);
                if let Some(summary) = &blog.summary {
                    fold_words(summary, &mut words);
                }
                push(&author_token(author), &mut words);
            }
            Kind::About(about) => {
                for text in about.name.iter().chain(&about.description) {
                    social::search::each_word(text, |_, word| push(&person_token(word), &mut words));
                }
                if !words.is_empty() {
                    push(&naming_token(author), &mut words);
                }
            }
            _ => {}
        }
        (!words.is_empty()).then_some(Self { time, row, words })
    }
}

fn push(token: &str, words: &mut String) {
    words.push(' ');
    words.push_str(token);
}

/// The token of what somebody wrote.
pub(super) fn author_token(author: FeedNumber) -> String {
    format!("{AUTHOR}{author}")
}

/// The token of what was posted to a channel. Its name may hold characters that would end a token.
pub(super) fn channel_token(name: &str) -> String {
    let mut token = String::from(CHANNEL);
    for c in name.chars() {
        match c {
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => {
                // A place in the private use area for each.
                token.extend(char::from_u32(0xe000 + u32::from(c)));
            }
            c => token.push(c),
        }
    }
    token
}

/// The token of a word that says who somebody is.
pub(super) fn person_token(word: &str) -> String {
    format!("{PERSON}{word}")
}

/// The token of what somebody says about people.
pub(super) fn naming_token(author: FeedNumber) -> String {
    format!("{NAMING}{author}")
}

/// The first number of documents of a day since 1970.
pub(super) fn first_of_day(day: i64) -> i64 {
    day.clamp(0, LAST_DAY) * PER_DAY
}

/// The first number of documents of days that have not begun anywhere, a day being ahead of ours in places.
pub(crate) fn first_document_after(now_ms: i64) -> i64 {
    first_of_day(now_ms.div_euclid(DAY_MS) + 2)
}

/// Writes documents; part of the transaction that moves the follower on.
pub(crate) fn write_documents(mut documents: Vec<Document>, writing: &mut Writing<'_>) -> Result<(), StoreError> {
    // FTS5 collects what one transaction brings as long as the numbers go up.
    documents.sort_unstable_by_key(|document| (document.time, document.row));
    let mut day = None;
    let mut next = 0;
    let mut numbered = Vec::with_capacity(documents.len());
    for document in &documents {
        let first = first_of_day(document.time.div_euclid(DAY_MS));
        if day != Some(first) {
            let newest = "SELECT max(doc) FROM search_docs WHERE doc >= ?1 AND doc < ?2";
            next = writing.value(newest, (first, first + PER_DAY))?.map_or(first, |newest: i64| newest + 1);
            day = Some(first);
        }
        if next >= first + PER_DAY {
            tracing::warn!(row = document.row, "a day with too many posts: this one is not searchable");
            continue;
        }
        numbered.push((next, document));
        next += 1;
    }
    writing.each(
        "INSERT INTO search_docs (doc, row) VALUES (?1, ?2)",
        numbered.iter().map(|(doc, document)| (*doc, document.row)),
    )?;
    writing.each(
        "INSERT INTO search (rowid, words) VALUES (?1, ?2)",
        numbered.iter().map(|(doc, document)| (*doc, document.words.as_str())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_channel_are_one_token_and_tell_channels_apart() {
        let names = ["ssb-dev", "ssb_dev", "ssbdev", "sea/salt", "été", "海"];
        let tokens: std::collections::BTreeSet<String> = names.iter().map(|name| channel_token(name)).collect();
        assert_eq!(tokens.len(), names.len());
        assert!(tokens.iter().all(|token| token.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric())));
    }
}
