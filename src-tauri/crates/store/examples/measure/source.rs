//! Where the messages to measure with come from.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, Lines},
    path::Path,
};

use feed::{Content, FeedId, Head, KeyPair, Message, MessageId, Verified, json::Value, sign};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use social::write::{self, PostDraft};

/// Who writes, the reader among them.
const PEOPLE: usize = 1000;
/// First posts that replies answer.
const ROOTS: usize = 50_000;
/// The first message's time, Unix milliseconds; each later one comes a minute later.
pub(crate) const START_MS: f64 = 1.5e12;

/// Where messages come from.
pub(crate) enum Source {
    Signed(Box<Signed>),
    File { lines: Lines<BufReader<File>>, people: Vec<FeedId> },
}

impl Source {
    /// Somebody to own the store, and `count` messages of others.
    pub(crate) fn signed(count: usize) -> Result<(Author, Self), Box<dyn Error>> {
        let mut authors: Vec<Author> = (0..PEOPLE).map(Author::new).collect();
        let me = authors.remove(0);
        let random = ChaCha8Rng::seed_from_u64(7);
        let signed = Signed { authors, contents: sample_contents()?, random, roots: Vec::new(), at: 0, count };
        Ok((me, Self::Signed(Box::new(signed))))
    }

    /// Somebody to own the store, and the messages of a file.
    pub(crate) fn file(path: &Path) -> Result<(Author, Self), Box<dyn Error>> {
        let mut people = Vec::new();
        for line in BufReader::new(File::open(path)?).lines().take(1000) {
            let author = message(&line?)?.author();
            if !people.contains(&author) {
                people.push(author);
            }
        }
        Ok((Author::new(0), Self::File { lines: BufReader::new(File::open(path)?).lines(), people }))
    }

    /// Some who write.
    pub(crate) fn people(&self) -> Vec<FeedId> {
        match self {
            Self::Signed(signed) => signed.authors.iter().map(|author| author.keys.feed_id()).collect(),
            Self::File { people, .. } => people.clone(),
        }
    }

    /// The next messages, at most `limit`; none at the end.
    pub(crate) fn next(&mut self, limit: usize) -> Result<Vec<Verified>, Box<dyn Error>> {
        match self {
            Self::Signed(signed) => (0..limit).map_while(|_| signed.next().transpose()).collect(),
            Self::File { lines, .. } => {
                // Whoever wrote the file has checked them; here it is only measured.
                lines.take(limit).map(|line| Ok(Verified::from_store(message(&line?)?))).collect()
            }
        }
    }
}

fn message(line: &str) -> Result<Message, Box<dyn Error>> {
    let line = Value::parse(line.as_bytes())?;
    Ok(Message::from_json(line.get("value").ok_or("a line without a value")?.to_compact().as_bytes())?)
}

/// Messages that are signed as they are asked for.
pub(crate) struct Signed {
    authors: Vec<Author>,
    contents: Vec<Value<'static>>,
    random: ChaCha8Rng,
    roots: Vec<MessageId>,
    at: usize,
    count: usize,
}

impl Signed {
    fn next(&mut self) -> Result<Option<Verified>, Box<dyn Error>> {
        if self.at == self.count {
            return Ok(None);
        }
        let at = self.random.next_u32() as usize % self.authors.len();
        let content = next_content(&self.contents[self.at % self.contents.len()], &self.roots, &mut self.random);
        let message = self.authors[at].says(START_MS + 60_000.0 * self.at as f64, &content)?;
        if self.roots.len() < ROOTS && content.get("root").is_none() {
            self.roots.push(message.id());
        }
        self.at += 1;
        Ok(Some(message))
    }
}

/// Somebody who signs.
pub(crate) struct Author {
    pub(crate) keys: KeyPair,
    head: Option<Head>,
}

impl Author {
    pub(crate) fn new(number: usize) -> Self {
        let mut seed = [1; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        Self { keys: KeyPair::from_seed(&seed), head: None }
    }

    pub(crate) fn says(&mut self, time: f64, content: &Value) -> Result<Verified, Box<dyn Error>> {
        let message = sign(&self.keys, None, self.head.as_ref(), time, content)?;
        self.head = Some(message.head());
        Ok(message)
    }
}

/// Contents of the sample in `tests/data`.
pub(crate) fn sample_contents() -> Result<Vec<Value<'static>>, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/sample-2000.ndjson");
    let mut contents = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let line = Value::parse(line.as_bytes())?;
        let value = line.get("value").ok_or("a line without a value")?.to_compact();
        contents.push(match Message::from_json(value.as_bytes())?.content() {
            Content::Object(value) => value.into_owned(),
            Content::Sealed(text) => Value::from(text.into_owned()),
        });
    }
    Ok(contents)
}

/// Replies of the sample answer something that is stored here; other contents stay as they are.
fn next_content(content: &Value<'static>, roots: &[MessageId], random: &mut ChaCha8Rng) -> Value<'static> {
    let text = content.get("text").and_then(Value::as_str);
    match text {
        Some(text) if content.get("root").is_some() && !roots.is_empty() => {
            let root = roots[random.next_u32() as usize % roots.len()];
            let draft =
                PostDraft { text: text.into_owned(), root: Some(root), branch: vec![root], ..PostDraft::default() };
            write::post(&draft)
        }
        _ => content.clone(),
    }
}
