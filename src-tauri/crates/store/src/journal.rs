//! The journal of own messages: what makes a post survive a power cut before the database is synced.
//!
//! A file beside the database. Own messages are written to it and synced before the database commits; after a synced
//! checkpoint it is cut down to the newest one, which stays as the memory of how far one's own feed went.
//!
//! Form: [`MAGIC`], then frames of `u32 length (little endian) ‖ first 8 bytes of SHA-256 of the body ‖ body`.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::folder::{owner_only, sync_folder_of, write_beside, write_whole};

/// The name of the file in the folder.
pub(crate) const JOURNAL: &str = "own.journal";
/// What the file starts with: name and version of the form.
const MAGIC: &[u8; 8] = b"PWJRNL1\n";
/// Length and checksum before each body, in bytes.
const FRAME_HEAD: usize = 4 + 8;
/// The longest body that is read; a message is at most 8,192 UTF-16 units, so less than this many bytes.
const MAX_BODY: usize = 64 * 1024;
/// From this size on, in bytes, the journal wants to be cut.
const CUT_FROM: u64 = 256 * 1024;

/// The open journal. All of its functions block on the disk.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// How much of the file counts.
    length: u64,
    /// Whether the file may hold something behind `length`, which must be gone before anything else is written there.
    has_tail: bool,
}

impl Journal {
    /// Opens the journal in `folder`, or makes it, and reads the bodies in it. A frame that a kill or a power cut left
    /// unfinished was never acknowledged: it is cut off, with everything behind it.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Vec<Vec<u8>>)> {
        let path = folder.join(JOURNAL);
        if !path.try_exists()? {
            write_whole(&path, MAGIC)?;
        }
        let mut file = owner_only().open(&path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let (bodies, whole) = read_frames(&content);
        let mut journal = Self { path, file, length: whole as u64, has_tail: whole < content.len() };
        if whole < MAGIC.len() {
            journal.replace(&[])?;
        }
        journal.cut_tail()?;
        Ok((journal, bodies))
    }

    /// Where the journal ends now; [`Self::take_back`] goes back to it.
    pub(crate) fn end(&self) -> u64 {
        self.length
    }

    /// Whether it is time for a checkpoint and [`Self::replace`].
    pub(crate) fn is_long(&self) -> bool {
        self.length > CUT_FROM
    }

    /// Writes `bodies` and returns when they are on the disk. When it fails, nothing of them counts.
    pub(crate) fn append<'a>(&mut self, bodies: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        // Two different messages at one sequence must never stand in the journal.
        self.cut_tail()?;
        let mut frames = Vec::new();
        for body in bodies {
            write_frame(&mut frames, body);
        }
        self.has_tail = true;
        self.file.seek(SeekFrom::Start(self.length))?;
        let written = self.file.write_all(&frames).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Tried at once, since the process may end; should it fail as well, it is tried before the next write.
            let _ = self.cut_tail();
            return Err(error);
        }
        self.has_tail = false;
        self.length += frames.len() as u64;
        Ok(())
    }

    /// Forgets what was written after `end`. Also when it fails nothing is written behind it before it is gone.
    pub(crate) fn take_back(&mut self, end: u64) -> io::Result<()> {
        self.length = end;
        self.has_tail = true;
        self.cut_tail()
    }

    fn cut_tail(&mut self) -> io::Result<()> {
        if self.has_tail {
            self.file.set_len(self.length)?;
            self.file.sync_all()?;
            self.has_tail = false;
        }
        Ok(())
    }

    /// Replaces everything by `bodies`, in one step.
    pub(crate) fn replace(&mut self, bodies: &[&[u8]]) -> io::Result<()> {
        let mut content = MAGIC.to_vec();
        for body in bodies {
            write_frame(&mut content, body);
        }
        let (file, temporary) = write_beside(&self.path, &content)?;
        fs::rename(temporary, &self.path)?;
        // From here on the old file has no name: what follows must go into the new one, whatever else fails.
        self.file = file;
        self.length = content.len() as u64;
        self.has_tail = false;
        sync_folder_of(&self.path)
    }
}

fn write_frame(out: &mut Vec<u8>, body: &[u8]) {
    // A body is one message: far below 4 GiB.
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(body));
    out.extend_from_slice(body);
}

fn checksum(body: &[u8]) -> [u8; 8] {
    let mut sum = [0; 8];
    sum.copy_from_slice(&Sha256::digest(body)[..8]);
    sum
}

/// The whole frames at the start of `content`, and where they end; 0 when not even the magic is whole.
pub(crate) fn read_frames(content: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut bodies = Vec::new();
    if !content.starts_with(MAGIC) {
        return (bodies, 0);
    }
    let mut at = MAGIC.len();
    while let Some((body, next)) = read_frame(content, at) {
        bodies.push(body.to_vec());
        at = next;
    }
    (bodies, at)
}

fn read_frame(content: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (head, rest) = content.get(at..)?.split_at_checked(FRAME_HEAD)?;
    let (length, sum) = head.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_BODY {
        return None;
    }
    let body = rest.get(..length)?;
    (checksum(body) == sum).then_some((body, at + FRAME_HEAD + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reopen(dir: &Path) -> (Journal, Vec<Vec<u8>>) {
        Journal::open(dir).unwrap()
    }

    #[test]
    fn what_was_appended_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, bodies) = reopen(dir.path());
        assert_eq!(bodies, Vec::<Vec<u8>>::new());
        journal.append([b"one".as_slice(), b"two"]).unwrap();
        journal.append([b"three".as_slice()]).unwrap();
        assert_eq!(reopen(dir.path()).1, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    }

    #[test]
    fn a_frame_can_be_taken_back_and_the_rest_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path());
        journal.append([b"one".as_slice()]).unwrap();
        let end = journal.end();
        journal.append([b"two".as_slice()]).unwrap();
        journal.take_back(end).unwrap();
        journal.append([b"three".as_slice()]).unwrap();
        assert_eq!(reopen(dir.path()).1, [b"one".to_vec(), b"three".to_vec()]);
        journal.replace(&[b"three"]).unwrap();
        journal.append([b"four".as_slice()]).unwrap();
        assert_eq!(reopen(dir.path()).1, [b"three".to_vec(), b"four".to_vec()]);
    }

    #[test]
    fn an_unfinished_frame_is_cut_off_and_the_journal_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path());
        journal.append([b"one".as_slice(), b"second"]).unwrap();
        let whole = std::fs::read(dir.path().join(JOURNAL)).unwrap();
        let first_end = whole.len() - FRAME_HEAD - b"second".len();
        for cut in first_end..whole.len() {
            std::fs::write(dir.path().join(JOURNAL), &whole[..cut]).unwrap();
            let (mut journal, bodies) = reopen(dir.path());
            assert_eq!(bodies, [b"one".to_vec()], "cut at {cut}");
            journal.append([b"next".as_slice()]).unwrap();
            assert_eq!(reopen(dir.path()).1, [b"one".to_vec(), b"next".to_vec()]);
        }
        std::fs::write(dir.path().join(JOURNAL), &whole[..3]).unwrap();
        assert_eq!(reopen(dir.path()).1, Vec::<Vec<u8>>::new());
        assert_eq!(std::fs::read(dir.path().join(JOURNAL)).unwrap(), MAGIC);
    }

    #[test]
    fn a_changed_byte_ends_the_journal_there() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path());
        journal.append([b"one".as_slice(), b"two"]).unwrap();
        let mut bytes = std::fs::read(dir.path().join(JOURNAL)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(dir.path().join(JOURNAL), &bytes).unwrap();
        assert_eq!(reopen(dir.path()).1, [b"one".to_vec()]);
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(content in prop::collection::vec(any::<u8>(), 0..300)) {
            let (_, whole) = read_frames(&content);
            prop_assert!(whole <= content.len());
            let behind_magic = [MAGIC.as_slice(), &content].concat();
            prop_assert!(read_frames(&behind_magic).1 >= MAGIC.len());
        }
    }
}
