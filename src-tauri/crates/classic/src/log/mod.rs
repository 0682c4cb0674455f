//! Finding the records in the bytes of a log.

mod blocks;
mod frames;
mod lines;

use crate::record::Record;

pub use blocks::BLOCK;

/// Longest record that is read, in bytes. A message has at most 8,192 UTF-16 units of indented JSON; with escapes and what
/// a database writes around it that is under 64 KiB, and the rest is patience.
pub const MAX_RECORD: usize = 1 << 20;

/// The form of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Records of BIPF in blocks of 64 KiB: ssb-db2's `db2/log.bipf`.
    Blocks,
    /// JSON between two lengths: ssb-db's `flume/log.offset`.
    Frames,
    /// JSON lines.
    Lines,
}

/// What stands at one place of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A record.
    Record(Record),
    /// A record that the app deleted: overwritten with zeros.
    Deleted,
    /// Bytes that make no sense, up to the next ones that do.
    Damaged {
        /// Where they begin, in bytes from the beginning of the log.
        at: u64,
        /// How many they are; 0 where the log ends too early without leaving a part of a record behind.
        bytes: u64,
    },
}

/// Finds records in a log that comes in pieces.
///
/// Call [`Self::push`] with bytes, then [`Self::poll`] until it has nothing, and so on; [`Self::end`] after the last ones.
/// It holds [`MAX_RECORD`] bytes and one piece at most.
#[derive(Debug)]
pub struct LogReader {
    bytes: Window,
    form: State,
}

#[derive(Debug)]
enum State {
    Blocks(blocks::Blocks),
    Frames(frames::Frames),
    Lines(lines::Lines),
}

impl LogReader {
    /// A reader at the beginning of a log.
    pub fn new(form: Form) -> Self {
        Self::starting_at(form, 0)
    }

    /// A reader of a log whose first `skipped` bytes are something else and are never pushed; for places in what it says.
    pub fn starting_at(form: Form, skipped: u64) -> Self {
        let form = match form {
            Form::Blocks => State::Blocks(blocks::Blocks::default()),
            Form::Frames => State::Frames(frames::Frames::default()),
            Form::Lines => State::Lines(lines::Lines::default()),
        };
        Self { bytes: Window { start: skipped, ..Window::default() }, form }
    }

    /// Takes the next bytes of the log.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.push(bytes);
    }

    /// There is nothing more to push.
    pub fn end(&mut self) {
        self.bytes.ended = true;
    }

    /// What comes next; `None` when more bytes are needed, or, after [`Self::end`], when all is told.
    pub fn poll(&mut self) -> Option<Found> {
        match &mut self.form {
            State::Blocks(blocks) => blocks.poll(&mut self.bytes),
            State::Frames(frames) => frames.poll(&mut self.bytes),
            State::Lines(lines) => lines.poll(&mut self.bytes),
        }
    }
}

/// The bytes of a log that have come and are not dealt with yet.
#[derive(Debug, Default)]
struct Window {
    held: Vec<u8>,
    /// How many of the held bytes are dealt with.
    done: usize,
    /// Where in the log the first held byte stands.
    start: u64,
    /// Whether nothing more comes.
    ended: bool,
}

impl Window {
    fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.done);
        self.start += self.done as u64;
        self.done = 0;
        self.held.extend_from_slice(bytes);
    }

    /// What is to be dealt with.
    fn rest(&self) -> &[u8] {
        self.held.get(self.done..).unwrap_or_default()
    }

    /// Where in the log [`Self::rest`] begins.
    fn position(&self) -> u64 {
        self.start + self.done as u64
    }

    fn advance(&mut self, bytes: usize) {
        self.done = (self.done + bytes).min(self.held.len());
    }
}

#[cfg(test)]
mod tests;

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
