//! The log of ssb-db, `flume/log.offset`.
//!
//! Frames one after the other: the length of the data in four bytes, the data, the length again, and a pointer, the place
//! in the file where the frame ends; all of it big endian. The pointer takes four bytes as a rule, six or eight in logs
//! that may outgrow 4 GiB, and none in logs of the oldest version. Deleting overwrites the data with zeros. The data is
//! `{key, value, timestamp}` in JSON, the value as it was signed. (The package `flumelog-offset` 3.4.4,
//! `frame/recoverable.js`, `frame/offset-codecs.js`, and `legacy.js` with `frame/basic.js`.)

use super::{Found, MAX_RECORD, Window, is_zero};
use crate::record::{Encoding, Record};

/// Bytes of each of the two lengths.
const LENGTH: usize = 4;

/// How wide a pointer can be, in bytes, the widest first. Wide ones match by chance never, see [`Frames::frame`].
const POINTERS: [usize; 4] = [8, 6, 0, 4];

/// Behind a frame these bytes show whether the next one begins there: a pointer, a length and the first of the data.
const LOOK_AHEAD: usize = 8 + LENGTH + 1;

/// How the frames of a log look.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The width of pointers, once a frame has shown it; 0 for none.
    pointer: Option<usize>,
    /// Where the bytes begin that make no sense, and how many of them are already passed over.
    lost: Option<(u64, u64)>,
}

/// A frame at the beginning of some bytes.
#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    pointer: usize,
}

impl Frame {
    fn size(self) -> usize {
        2 * LENGTH + self.length + self.pointer
    }
}

/// What some bytes begin with.
enum Start {
    Frame(Frame),
    Nonsense,
    /// Too few bytes to tell.
    Unknown,
}

impl Frames {
    pub(super) fn poll(&mut self, window: &mut Window) -> Option<Found> {
        loop {
            if window.rest().is_empty() {
                let (at, bytes) = self.lost.take_if(|_| window.ended)?;
                return Some(Found::Damaged { at, bytes });
            }
            match self.start(window) {
                Start::Unknown => return None,
                Start::Frame(frame) => {
                    if let Some((at, bytes)) = self.lost.take() {
                        return Some(Found::Damaged { at, bytes });
                    }
                    self.pointer = Some(frame.pointer);
                    let position = window.position();
                    let bytes = window.rest().get(LENGTH..LENGTH + frame.length).unwrap_or_default().to_vec();
                    window.advance(frame.size());
                    if is_zero(&bytes) {
                        return Some(Found::Deleted);
                    }
                    return Some(Found::Record(Record { at: position, encoding: Encoding::Json, bytes }));
                }
                Start::Nonsense => {
                    let (_, bytes) = self.lost.get_or_insert((window.position(), 0));
                    *bytes += 1;
                    window.advance(1);
                }
            }
        }
    }

    fn start(&self, window: &Window) -> Start {
        let bytes = window.rest();
        let Some(length) = length(bytes) else {
            return if window.ended { Start::Nonsense } else { Start::Unknown };
        };
        // JSON of an object, or zeros where that was deleted; behind damage only the former can be told from chance.
        let first = bytes.get(LENGTH).copied();
        let can_begin = first.is_none_or(|first| first == b'{' || (first == 0 && self.lost.is_none()));
        if length == 0 || length > MAX_RECORD || !can_begin {
            return Start::Nonsense;
        }
        if bytes.len() < 2 * LENGTH + length + LOOK_AHEAD && !window.ended {
            return Start::Unknown;
        }
        match self.frame(bytes, length, window) {
            Some(frame) => Start::Frame(frame),
            None => Start::Nonsense,
        }
    }

    /// The frame that `bytes` begins with, when both lengths agree and the end is where one can be.
    fn frame(&self, bytes: &[u8], length: usize, window: &Window) -> Option<Frame> {
        if self::length(bytes.get(LENGTH + length..)?)? != length {
            return None;
        }
        if let Some(pointer) = self.pointer.filter(|_| self.lost.is_none()) {
            // In the middle of a sound log the pointer says nothing new; at its end it may be cut off.
            let frame = Frame { length, pointer };
            return Some(if frame.size() <= bytes.len() { frame } else { Frame { length, pointer: 0 } });
        }
        let fits = |frame: &Frame| {
            let Some((head, behind)) = bytes.split_at_checked(frame.size()) else { return false };
            match frame.pointer {
                // The next frame begins at once. Where a pointer is, its first bytes may look like a length, but behind
                // them is no JSON.
                0 => {
                    let begins = self::length(behind).is_some_and(|length| length <= MAX_RECORD);
                    (begins && behind.get(LENGTH) == Some(&b'{')) || (window.ended && behind.is_empty())
                }
                pointer => {
                    let target =
                        head[head.len() - pointer..].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
                    target == window.position() + frame.size() as u64
                }
            }
        };
        POINTERS.into_iter().map(|pointer| Frame { length, pointer }).find(fits)
    }
}

/// The length that stands at the beginning of `bytes`.
fn length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk::<LENGTH>().map(|length| u32::from_be_bytes(*length) as usize)
}
