//! The pages of a database as they lie on the disk, read without SQLite, which refuses a whole tree when one page of it is damaged.
//!
//! Every page that holds rows is read for itself, so that damage costs the rows of the page it is on and no others. The form is
//! SQLite's own (<https://www.sqlite.org/fileformat2.html>); recent writes that are still in the write-ahead log come first.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::record::{self, Value, varint};
use crate::schema::PAGE_BYTES;

/// The longest record that is put together, in bytes: several times the longest message.
const MAX_RECORD: usize = 256 * 1024;
/// The file header before the first page's own, in bytes.
const FILE_HEADER: usize = 100;
/// What every database file begins with.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Kinds of pages that hold records, by their first byte (<https://www.sqlite.org/fileformat2.html#b_tree_pages>).
const TABLE_LEAF: u8 = 0x0d;
const INDEX_LEAF: u8 = 0x0a;
const INDEX_INTERIOR: u8 = 0x02;

/// A row that some page holds.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its number, for rows of tables.
    pub(crate) number: Option<i64>,
    /// Its columns; the one that is the row number is null here.
    pub(crate) values: Vec<Value>,
}

/// The pages of one database file.
#[derive(Debug)]
pub(crate) struct Pages {
    file: File,
    /// In bytes.
    size: usize,
    /// Bytes at the end of each page that are not SQLite's.
    reserved: usize,
    count: u32,
    recent: Recent,
    free: BTreeSet<u32>,
}

impl Pages {
    /// Opens a database and the write-ahead log beside it. Whatever is in them, this fails only when the disk does.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut header = [0; FILE_HEADER];
        let is_whole = file.read_exact(&mut header).is_ok() && header.starts_with(MAGIC);
        let (size, reserved) = match is_whole.then(|| page_size(&header)).flatten() {
            Some(size) if usize::from(header[20]) < size / 4 => (size, usize::from(header[20])),
            // Destroyed: then it is what every database of ours has.
            _ => (PAGE_BYTES as usize, 0),
        };
        let recent = Recent::read(&wal_of(path), size)?;
        let on_disk = u32::try_from(length.div_ceil(size as u64)).unwrap_or(u32::MAX);
        let count = on_disk.max(recent.frames.last_key_value().map_or(0, |(page, _)| *page));
        let mut pages = Self { file, size, reserved, count, recent, free: BTreeSet::new() };
        pages.free = pages.free_list();
        Ok(pages)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The rows on page `number`, counted from 1; those that cannot be made out are left out. Free pages have none: what was
    /// deleted stays deleted.
    pub(crate) fn rows(&mut self, number: u32) -> Vec<Row> {
        if self.free.contains(&number) {
            return Vec::new();
        }
        let Some(page) = self.page(number) else { return Vec::new() };
        let start = if number == 1 { FILE_HEADER } else { 0 };
        let Some(kind @ (TABLE_LEAF | INDEX_LEAF | INDEX_INTERIOR)) = page.get(start).copied() else {
            return Vec::new();
        };
        let pointers = start + if kind == INDEX_INTERIOR { 12 } else { 8 };
        let cells = number_at::<2>(&page, start + 3).unwrap_or(0) as usize;
        // Each cell has a pointer of two bytes.
        let cells = cells.min(page.len() / 2);
        let cell = |at: usize| number_at::<2>(&page, pointers + 2 * at);
        let places: Vec<usize> = (0..cells).filter_map(cell).map(|place| place as usize).collect();
        places.into_iter().filter_map(|place| self.row(&page, kind, place)).collect()
    }

    fn row(&mut self, page: &[u8], kind: u8, place: usize) -> Option<Row> {
        let mut at = place + if kind == INDEX_INTERIOR { 4 } else { 0 };
        let (length, width) = varint(page.get(at..)?)?;
        at += width;
        let number = match kind {
            TABLE_LEAF => {
                let (number, width) = varint(page.get(at..)?)?;
                at += width;
                Some(number as i64)
            }
            _ => None,
        };
        let record = self.record(page, at, usize::try_from(length).ok()?, kind)?;
        Some(Row { number, values: record::decode(&record)? })
    }

    /// The record of `length` bytes that begins at `at`, with what overflowed onto pages of its own
    /// (<https://www.sqlite.org/fileformat2.html#b_tree_pages>, “payload”).
    fn record(&mut self, page: &[u8], at: usize, length: usize, kind: u8) -> Option<Vec<u8>> {
        if length > MAX_RECORD {
            return None;
        }
        let usable = self.size - self.reserved;
        let least = (usable - 12) * 32 / 255 - 23;
        let most = if kind == TABLE_LEAF { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return Some(page.get(at..at.checked_add(length)?)?.to_vec());
        }
        let fitted = least + (length - least) % (usable - 4);
        let here = if fitted <= most { fitted } else { least };
        let mut record = page.get(at..at + here)?.to_vec();
        let mut next = number_at::<4>(page, at + here)?;
        while record.len() < length {
            let page = self.page(next)?;
            next = number_at::<4>(&page, 0)?;
            let part = (length - record.len()).min(usable - 4);
            record.extend_from_slice(page.get(4..4 + part)?);
        }
        Some(record)
    }

    /// The bytes of a page; what a truncated file lacks is zero.
    fn page(&mut self, number: u32) -> Option<Vec<u8>> {
        if number == 0 || number > self.count {
            return None;
        }
        if let Some(page) = self.recent.page(number, self.size) {
            return Some(page);
        }
        self.file.seek(SeekFrom::Start(u64::from(number - 1) * self.size as u64)).ok()?;
        let mut page = Vec::with_capacity(self.size);
        self.file.by_ref().take(self.size as u64).read_to_end(&mut page).ok()?;
        page.resize(self.size, 0);
        Some(page)
    }

    /// The pages that hold nothing (<https://www.sqlite.org/fileformat2.html#the_freelist>), as far as the list can be followed.
    fn free_list(&mut self) -> BTreeSet<u32> {
        let mut free = BTreeSet::new();
        let mut trunk = self.page(1).and_then(|page| number_at::<4>(&page, 32)).unwrap_or(0);
        while trunk != 0 && free.insert(trunk) {
            let Some(page) = self.page(trunk) else { break };
            let leaves = number_at::<4>(&page, 4).unwrap_or(0) as usize;
            let leaf = |at: usize| number_at::<4>(&page, 8 + 4 * at);
            let leaves = (0..leaves.min(page.len() / 4)).filter_map(leaf);
            free.extend(leaves.filter(|leaf| (2..=self.count).contains(leaf)));
            trunk = number_at::<4>(&page, 0).unwrap_or(0);
        }
        free
    }
}

/// The write-ahead log beside a database.
pub(crate) fn wal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The page size that a file header names (<https://www.sqlite.org/fileformat2.html#page_size>).
fn page_size(header: &[u8]) -> Option<usize> {
    match number_at::<2>(header, 16)? {
        1 => Some(65_536),
        size if size.is_power_of_two() && size >= 512 => Some(size as usize),
        _ => None,
    }
}

/// `N` bytes, big endian.
fn number_at<const N: usize>(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    Some(bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}

/// Pages in a write-ahead log that belong to finished transactions (<https://www.sqlite.org/fileformat2.html#walformat>).
#[derive(Debug, Default)]
struct Recent {
    file: Option<File>,
    /// Where the newest content of a page begins.
    frames: BTreeMap<u32, u64>,
}

impl Recent {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;

    fn read(path: &Path, size: usize) -> io::Result<Self> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut header = [0; Self::HEADER];
        let magic = file.read_exact(&mut header).ok().and_then(|()| number_at::<4>(&header, 0));
        let is_big_endian = match magic {
            Some(0x377f_0682) => false,
            Some(0x377f_0683) => true,
            _ => return Ok(Self::default()),
        };
        let mut sum = checksum((0, 0), &header[..24], is_big_endian);
        if number_at::<4>(&header, 8) != Some(size as u32) || !is_sum(&header[24..], sum) {
            return Ok(Self::default());
        }
        let (mut frames, mut unfinished) = (BTreeMap::new(), BTreeMap::new());
        let mut at = Self::HEADER as u64;
        let mut frame = vec![0; Self::FRAME_HEADER + size];
        while file.read_exact(&mut frame).is_ok() {
            let (head, page) = frame.split_at(Self::FRAME_HEADER);
            sum = checksum(checksum(sum, &head[..8], is_big_endian), page, is_big_endian);
            if head[8..16] != header[16..24] || !is_sum(&head[16..], sum) {
                break;
            }
            unfinished.insert(number_at::<4>(head, 0).unwrap_or(0), at + Self::FRAME_HEADER as u64);
            if number_at::<4>(head, 4) != Some(0) {
                frames.append(&mut unfinished);
            }
            at += frame.len() as u64;
        }
        Ok(Self { file: Some(file), frames })
    }

    fn page(&mut self, number: u32, size: usize) -> Option<Vec<u8>> {
        let at = *self.frames.get(&number)?;
        let file = self.file.as_mut()?;
        let mut page = vec![0; size];
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut page)).ok()?;
        Some(page)
    }
}

fn is_sum(bytes: &[u8], sum: (u32, u32)) -> bool {
    number_at::<4>(bytes, 0) == Some(sum.0) && number_at::<4>(bytes, 4) == Some(sum.1)
}

/// The checksum of the write-ahead log (<https://www.sqlite.org/fileformat2.html#checksum_algorithm>).
fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    let (words, _) = bytes.as_chunks::<4>();
    let word = |word: &[u8; 4]| if is_big_endian { u32::from_be_bytes(*word) } else { u32::from_le_bytes(*word) };
    for pair in words.chunks_exact(2) {
        first = first.wrapping_add(word(&pair[0])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[1])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_file_holds_reading_it_ends(
            kinds in prop::collection::vec(prop::sample::select(vec![TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR, 5, 0]), 1..6),
            noise in prop::collection::vec(any::<u8>(), 1..700),
            header in any::<bool>(),
            log in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let dir = tempfile::tempdir().expect("a temporary folder");
            let path = dir.path().join("any.sqlite");
            let mut bytes: Vec<u8> = noise.iter().copied().cycle().take(kinds.len() * 512 + noise.len()).collect();
            for (at, kind) in kinds.iter().enumerate() {
                bytes[at * 512 + if at == 0 { FILE_HEADER } else { 0 }] = *kind;
            }
            if header {
                bytes[..16].copy_from_slice(MAGIC);
                // Pages of 512 bytes, nothing reserved.
                bytes[16..21].copy_from_slice(&[2, 0, 2, 2, 0]);
            }
            std::fs::write(&path, &bytes).expect("written");
            std::fs::write(wal_of(&path), &log).expect("written");
            let mut pages = Pages::open(&path).expect("the disk does not fail");
            prop_assert!(u64::from(pages.count()) <= bytes.len() as u64 / 512 + 1);
            for number in 0..=pages.count() + 1 {
                let _ = pages.rows(number);
            }
        }
    }
}
