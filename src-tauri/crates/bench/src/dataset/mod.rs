//! Honest signed messages to measure with: as many as one likes, the same for the same parameters.
//!
//! The mix of kinds, the threads, mentions and sealed texts are those of a living network; the words follow Zipf's law
//! over [`VOCABULARY`] different ones. A set is kept as lines of `{key, value, timestamp}`, under a name that says its
//! parameters, so it is made once.

mod chance;
mod plan;
mod render;
mod sign;
mod words;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use feed::{KeyPair, Message};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) use chance::below;
pub use words::{VOCABULARY, Words};

use crate::Error;

/// How the file with the messages that come after a set ends.
const MORE_ENDING: &str = "more.ndjson";

/// Part of a set's name: changed whenever the same parameters give other bytes than before.
const EDITION: u32 = 2;

/// Messages that continue a set, for measuring what one more costs. They are not counted among those of the set.
pub const MORE: usize = 400;

/// What makes one set differ from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Parameters {
    /// What everything is drawn from.
    pub seed: u64,
    /// How many people write; the first of them is the reader. At least one.
    pub authors: usize,
    /// How many messages they write.
    pub messages: usize,
}

impl Parameters {
    /// A set of the usual seed with a thousand messages for each author.
    pub fn of(messages: usize) -> Self {
        Self { seed: 1, authors: (messages / 1000).max(10), messages }
    }

    /// What the set is called, without an ending.
    pub fn name(&self) -> String {
        format!("messages-e{EDITION}-s{}-a{}-m{}", self.seed, self.authors, self.messages)
    }

    /// The keys of an author, by number; the reader is 0.
    pub fn keys(&self, author: usize) -> KeyPair {
        render::keys(self.seed, author)
    }

    /// Writes the lines to `out`, and those of the [`MORE`] messages that come after them to `more`. With how many threads
    /// makes no difference to the bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, out: &mut impl Write, more: &mut impl Write, threads: usize) -> Result<Facts, Error> {
        sign::write(self, out, more, threads)
    }
}

/// What a set holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Messages.
    pub messages: usize,
    /// All lines, in bytes, with their envelopes and line ends.
    pub line_bytes: u64,
    /// The compact JSON of the messages alone, in bytes.
    pub value_bytes: u64,
    /// Messages of each type; `sealed` for those whose type nobody else can see.
    pub kinds: BTreeMap<String, usize>,
}

/// A set on the disk.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The parameters.
    pub parameters: Parameters,
    /// What it holds.
    pub facts: Facts,
    /// The lines.
    pub path: PathBuf,
}

impl Dataset {
    /// The set with these parameters in `folder`, made if it is not there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open_or_make(folder: &Path, parameters: Parameters) -> Result<Self, Error> {
        let path = folder.join(format!("{}.ndjson", parameters.name()));
        let facts_path = path.with_extension("json");
        if let Ok(text) = fs::read(&facts_path)
            && let Ok(facts) = serde_json::from_slice::<Facts>(&text)
            && fs::metadata(&path).is_ok_and(|file| file.len() == facts.line_bytes)
        {
            return Ok(Self { parameters, facts, path });
        }
        fs::create_dir_all(folder).map_err(Error::disk(folder))?;
        let unfinished = path.with_extension("part");
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished).map_err(Error::disk(&unfinished))?);
        let mut more = Vec::new();
        let facts = parameters.write(&mut out, &mut more, cores())?;
        out.flush().map_err(Error::disk(&unfinished))?;
        drop(out);
        let more_path = path.with_extension(MORE_ENDING);
        fs::write(&more_path, more).map_err(Error::disk(&more_path))?;
        fs::rename(&unfinished, &path).map_err(Error::disk(&path))?;
        fs::write(&facts_path, serde_json::to_vec(&facts)?).map_err(Error::disk(&facts_path))?;
        Ok(Self { parameters, facts, path })
    }

    /// Gives every message to `take`, in the order of the set, until it says that it has enough.
    ///
    /// # Errors
    /// When the disk refuses, or a line is not one of a set.
    pub fn each_line(&self, mut take: impl FnMut(usize, &[u8]) -> Result<Flow, Error>) -> Result<(), Error> {
        let file = File::open(&self.path).map_err(Error::disk(&self.path))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut line = Vec::new();
        let mut number = 0;
        loop {
            line.clear();
            if lines.read_until(b'\n', &mut line).map_err(Error::disk(&self.path))? == 0 {
                return Ok(());
            }
            if take(number, &line)? == Flow::Enough {
                return Ok(());
            }
            number += 1;
        }
    }

    /// The messages that come after those of the set, [`MORE`] of them.
    ///
    /// # Errors
    /// When the disk refuses, or a line is not one of a set.
    pub fn more(&self) -> Result<Vec<Message>, Error> {
        let path = self.path.with_extension(MORE_ENDING);
        let text = fs::read(&path).map_err(Error::disk(&path))?;
        text.split_inclusive(|byte| *byte == b'\n').map(decode).collect()
    }

    /// The messages of these numbers, which are in ascending order.
    ///
    /// # Errors
    /// When the disk refuses, or a line is not one of a set.
    pub fn messages(&self, numbers: &[usize]) -> Result<Vec<Message>, Error> {
        let mut wanted = numbers.iter().copied().peekable();
        let mut found = Vec::with_capacity(numbers.len());
        self.each_line(|number, line| {
            while wanted.next_if_eq(&number).is_some() {
                found.push(decode(line)?);
            }
            Ok(if wanted.peek().is_none() { Flow::Enough } else { Flow::More })
        })?;
        Ok(found)
    }
}

/// Whether a reader of lines wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    More,
    /// It does not.
    Enough,
}

/// What a line holds besides the message matters to nobody here.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The message of one line.
///
/// # Errors
/// When it is none.
pub fn decode(line: &[u8]) -> Result<Message, Error> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    Ok(Message::decode(line.value.get().as_bytes())?)
}

/// How many things this machine does at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests;
