//! The journal of own messages: what makes a post survive a power cut before the database is synced.
//!
//! A file beside the database. Own messages are written to it and synced before the database commits; after a synced
//! checkpoint it is cut down to the newest one, which stays as the memory of how far one's own feed went.
//!
//! Form: [`MAGIC`], then frames of `u32 length (little endian) ‖ first 8 bytes of SHA-256 of the body ‖ body`.
//!
//! A kill in the middle of an append leaves a last frame that runs past the end of the file. It was never acknowledged, and is
//! cut off. Everything else that does not read is damage: messages that others have may have stood there, so the file is set
//! aside, what can be read is kept, and one's own feed is doubted until somebody was near who holds it.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    doubt::Doubt,
    folder::{owner_only, sync_folder_of, write_beside, write_whole},
};

/// The name of the file in the folder.
pub(crate) const JOURNAL: &str = "own.journal";
/// The name that a damaged journal is kept under; a further one gets a number.
const DAMAGED: &str = "own.journal.damaged";
/// So many damaged journals are kept; the last name is used again.
const MAX_DAMAGED: u32 = 9;
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

/// A journal that was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    /// What it holds, oldest first.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Where it was kept as it was, when it was damaged.
    pub(crate) set_aside: Option<PathBuf>,
}

impl Journal {
    /// Opens the journal in `folder`, or makes it, and reads the bodies in it. A damaged one is set aside first, and the doubt of
    /// one's own feed begins.
    pub(crate) fn open(folder: &Path) -> io::Result<Opened> {
        let path = folder.join(JOURNAL);
        if !path.try_exists()? {
            write_whole(&path, MAGIC)?;
        }
        let mut file = owner_only().open(&path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let Frames { bodies, end, is_damaged } = read_frames(&content);
        let mut journal = Self { path, file, length: end as u64, has_tail: end < content.len() };
        let mut set_aside = None;
        if is_damaged {
            // The doubt comes first: a kill from here on leaves it, or the damage as it is.
            Doubt::begin(folder, true)?;
            let aside = name_for_damaged(folder)?;
            write_whole(&aside, &content)?;
            let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
            journal.replace(&bodies)?;
            tracing::error!(aside = %aside.display(), "the journal of own messages was damaged; publishing waits for a friend");
            set_aside = Some(aside);
        }
        journal.cut_tail()?;
        Ok(Opened { journal, bodies, set_aside })
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

/// A name for a damaged journal that is not taken yet.
fn name_for_damaged(folder: &Path) -> io::Result<PathBuf> {
    let mut path = folder.join(DAMAGED);
    for number in 2..=MAX_DAMAGED {
        if !path.try_exists()? {
            break;
        }
        path = folder.join(format!("{DAMAGED}-{number}"));
    }
    Ok(path)
}

/// What a journal holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frames {
    /// All bodies that can be read, also behind damage.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Where the last of them ends. What follows in a journal without damage is an append that was cut off.
    pub(crate) end: usize,
    /// Something that was once written whole does not read any more.
    pub(crate) is_damaged: bool,
}

/// Reads the frames of a journal.
///
/// A frame that was hit in its length may look like one that was cut off; its checksum tells. What cannot be told is a journal that
/// was cut off by damage, exactly as a kill would have.
pub(crate) fn read_frames(content: &[u8]) -> Frames {
    let has_magic = content.starts_with(MAGIC);
    // The magic is in the file from the first moment on, so one that is not there was hit.
    let mut frames = Frames { bodies: Vec::new(), end: MAGIC.len().min(content.len()), is_damaged: !has_magic };
    let mut at = frames.end;
    while at < content.len() {
        match read_frame(content, at) {
            Frame::Whole { body, next } => {
                frames.is_damaged |= at > frames.end;
                frames.bodies.push(body.to_vec());
                (at, frames.end) = (next, next);
                continue;
            }
            Frame::CutOff { rest, sum } if at == frames.end => frames.is_damaged |= has_prefix_with(rest, sum),
            Frame::Damaged if at == frames.end => frames.is_damaged = true,
            // Behind something that does not read, most places are no frame's.
            Frame::CutOff { .. } | Frame::Damaged => {}
        }
        at += 1;
    }
    frames
}

/// What stands at a place of a journal.
enum Frame<'a> {
    Whole {
        body: &'a [u8],
        next: usize,
    },
    /// It runs past the end: what there is of its body, and the checksum of all of it.
    CutOff {
        rest: &'a [u8],
        sum: &'a [u8],
    },
    Damaged,
}

fn read_frame(content: &[u8], at: usize) -> Frame<'_> {
    let head = content.get(at..).and_then(|rest| rest.split_at_checked(FRAME_HEAD));
    let head = head.and_then(|(head, rest)| Some((head.split_first_chunk::<4>()?, rest)));
    let Some(((length, sum), rest)) = head else { return Frame::CutOff { rest: &[], sum: &[] } };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_BODY {
        return Frame::Damaged;
    }
    match rest.get(..length) {
        Some(body) if checksum(body) == sum => Frame::Whole { body, next: at + FRAME_HEAD + length },
        Some(_) => Frame::Damaged,
        None => Frame::CutOff { rest, sum },
    }
}

/// Whether some first bytes of `bytes` have this checksum: then all of a body is there, and its length was hit.
fn has_prefix_with(bytes: &[u8], sum: &[u8]) -> bool {
    let mut hash = Sha256::new();
    // Bodies are JSON objects.
    bytes.split_inclusive(|byte| *byte == b'}').any(|part| {
        hash.update(part);
        hash.clone().finalize().starts_with(sum)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reopen(dir: &Path) -> (Journal, Vec<Vec<u8>>) {
        let Opened { journal, bodies, set_aside } = Journal::open(dir).unwrap();
        assert_eq!(set_aside, None);
        assert!(!Doubt::load(dir).unwrap().is_open());
        (journal, bodies)
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
    }

    /// Opens a journal that is damaged; gives what is left of it.
    fn reopen_damaged(dir: &Path, content: &[u8]) -> Vec<Vec<u8>> {
        std::fs::write(dir.join(JOURNAL), content).unwrap();
        let opened = Journal::open(dir).unwrap();
        let aside = opened.set_aside.expect("it is damaged");
        assert_eq!(std::fs::read(&aside).unwrap(), content, "it is kept as it was");
        assert!(Doubt::load(dir).unwrap().is_open());
        Doubt::begin(dir, false).unwrap();
        drop(opened.journal);
        assert_eq!(reopen(dir).1, opened.bodies, "what is left is sound");
        opened.bodies
    }

    #[test]
    fn a_changed_byte_costs_its_frame_and_is_told_from_an_append_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = reopen(dir.path());
        let bodies = [b"{1}".as_slice(), b"{22}", b"{333}"];
        journal.append(bodies).unwrap();
        let whole = std::fs::read(dir.path().join(JOURNAL)).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let left = reopen_damaged(dir.path(), &damaged);
            let mut ends = bodies.iter().scan(MAGIC.len(), |end, body| {
                *end += FRAME_HEAD + body.len();
                Some(*end)
            });
            let hit = if at < MAGIC.len() { None } else { ends.position(|end| at < end) };
            let others = bodies.iter().enumerate().filter(|(number, _)| Some(*number) != hit);
            let others: Vec<Vec<u8>> = others.map(|(_, body)| body.to_vec()).collect();
            assert_eq!(left, others, "byte {at}");
        }
    }

    #[test]
    fn a_file_that_is_no_journal_any_more_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        for content in [&b""[..], b"PWJ", b"Dear diary, this was a text file.", &[0; 4096], &[0xff; 100]] {
            assert_eq!(reopen_damaged(dir.path(), content), Vec::<Vec<u8>>::new());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(content in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(read_frames(&content).end <= content.len());
            let behind_magic = [MAGIC.as_slice(), &content].concat();
            prop_assert!(read_frames(&behind_magic).end >= MAGIC.len());
        }
    }
}
