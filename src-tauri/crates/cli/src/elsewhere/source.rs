//! The logs of a folder as one source of messages.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Take};
use std::sync::Arc;

use classic::{Found, LogReader};

use super::folder::Log;
use crate::source::{Piece, Source};

/// How much of a log is read at once, in bytes.
const READ: usize = 256 << 10;

/// What stands in the logs, one after the other.
pub(crate) struct LogSource {
    logs: Vec<Log>,
    /// Which log comes next.
    next: usize,
    open: Option<Open>,
    buffer: Vec<u8>,
    position: u64,
}

/// The log that is being read.
struct Open {
    /// What comes to it while it is read is for the next time.
    file: Take<File>,
    reader: LogReader,
    name: Arc<str>,
    ended: bool,
}

/// One step through the logs.
pub(crate) enum Step {
    /// What stands at the next place of this log.
    Found(Found, Arc<str>),
    /// The log is at its end.
    End,
}

impl LogSource {
    pub(crate) fn new(logs: Vec<Log>) -> Self {
        Self { logs, next: 0, open: None, buffer: vec![0; READ], position: 0 }
    }

    /// The next step; `None` at the end of the last log.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub(crate) fn step(&mut self) -> io::Result<Option<Step>> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(log) = self.logs.get(self.next) else { return Ok(None) };
                self.next += 1;
                let mut file = File::open(&log.path)?;
                file.seek(SeekFrom::Start(log.skip))?;
                self.position += log.skip;
                let file = file.take(log.bytes.saturating_sub(log.skip));
                let (reader, name) = (LogReader::starting_at(log.form, log.skip), Arc::from(log.name.as_str()));
                self.open = Some(Open { file, reader, name, ended: false });
                continue;
            };
            if let Some(found) = open.reader.poll() {
                return Ok(Some(Step::Found(found, Arc::clone(&open.name))));
            }
            if open.ended {
                self.open = None;
                return Ok(Some(Step::End));
            }
            match open.file.read(&mut self.buffer) {
                Ok(0) => {
                    open.reader.end();
                    open.ended = true;
                }
                Ok(bytes) => {
                    self.position += bytes as u64;
                    open.reader.push(self.buffer.get(..bytes).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Source for LogSource {
    fn next(&mut self, _: &mut Vec<u8>) -> io::Result<Option<Piece>> {
        loop {
            match self.step()? {
                Some(Step::Found(Found::Record(record), log)) => return Ok(Some(Piece::Record(record, log))),
                // Damage was told before, when the folder was looked through.
                Some(Step::Found(Found::Deleted | Found::Damaged { .. }, _) | Step::End) => {}
                None => return Ok(None),
            }
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn again(&mut self) -> io::Result<bool> {
        (self.next, self.open, self.position) = (0, None, 0);
        Ok(true)
    }
}
