//! Frames after the hello: notes, messages, level.

use std::collections::BTreeSet;

use feed::{FeedId, Message, MessageId};
use replication::ebt::{MAX_LEVEL_EXCEPTIONS, MAX_NOTES_PER_FRAME, Note};

use super::{ReceivedIds, SentIds, WireError, coding, kind, varint};
use crate::limits;

/// What kind of frame it is, and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// On receiving notes: each says how far the sender is with a feed and whether it asks for more of it.
    Notes(&'a [u8]),
    /// On receiving messages: check each, make them durable, pass them on.
    Messages(&'a [u8]),
    /// On receiving level: the sender has worked off our frames up to a number.
    Level(&'a [u8]),
    /// On receiving an about: if its author stands at the other end and is not stored here, show the name in it.
    About(&'a [u8]),
    /// On receiving wants, from a peer that has said [`super::FEATURE_BLOBS`]: find out which of them it may have from here.
    Wants(&'a [u8]),
    /// On receiving haves, likewise: fetch from there what is still wanted.
    Haves(&'a [u8]),
    /// On receiving taken, from a peer that has said [`super::FEATURE_TAKEN`]: history may go on.
    Taken(&'a [u8]),
    /// On receiving an ask, from a peer that has said [`super::FEATURE_LOOK`]: answer it, if the feed is stored here and its author
    /// does not block who asks.
    Ask(&'a [u8]),
    /// On receiving a tell: check it and show it, if it was asked for.
    Tell(&'a [u8]),
    /// On receiving anything else: count it and go on. It belongs to a later version.
    Unknown(u8),
}

impl<'a> Frame<'a> {
    /// Tells the kinds apart.
    ///
    /// # Errors
    /// For an empty or over-long frame, and for a second hello.
    pub fn read(frame: &'a [u8]) -> Result<Self, WireError> {
        if frame.len() > limits::FRAME {
            return Err(WireError::TooLong);
        }
        let (&first, body) = frame.split_first().ok_or(WireError::Empty)?;
        match first {
            kind::HELLO => Err(WireError::Order),
            kind::NOTES => Ok(Self::Notes(body)),
            kind::MESSAGES => Ok(Self::Messages(body)),
            kind::LEVEL => Ok(Self::Level(body)),
            kind::ABOUT if body.len() > limits::ABOUT => Err(WireError::TooLong),
            kind::ABOUT => Ok(Self::About(body)),
            kind::WANTS => Ok(Self::Wants(body)),
            kind::HAVES => Ok(Self::Haves(body)),
            kind::TAKEN => Ok(Self::Taken(body)),
            kind::ASK if body.len() > limits::ASK => Err(WireError::TooLong),
            kind::ASK => Ok(Self::Ask(body)),
            kind::TELL if body.len() > limits::TELL => Err(WireError::TooLong),
            kind::TELL => Ok(Self::Tell(body)),
            other => Ok(Self::Unknown(other)),
        }
    }
}

/// One feed's run of messages in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// Whose.
    pub feed: FeedId,
    /// Sequence of the first; the others follow without a gap.
    pub first: u64,
    /// Each message, as [`super::coding`] writes it, not looked at yet.
    pub messages: Vec<&'a [u8]>,
}

/// The body of a level frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelBody {
    /// The number of the last frame it speaks of.
    pub through: u64,
    /// The feeds for which it does not hold.
    pub except: Vec<FeedId>,
}

/// Reads the body of a notes frame: feed, then [`Note::to_wire`] plus one as a varint, until the end. At most
/// [`MAX_NOTES_PER_FRAME`], each of another feed.
///
/// # Errors
/// For whatever [`write_notes`] would not write.
pub fn read_notes(mut body: &[u8], ids: &mut ReceivedIds) -> Result<Vec<(FeedId, Note)>, WireError> {
    let mut notes = Vec::new();
    let mut named = BTreeSet::new();
    while !body.is_empty() {
        let feed = read_once(&mut body, ids, &mut named, MAX_NOTES_PER_FRAME)?;
        let number = varint::read(&mut body)?;
        let wire = i64::try_from(number).map_err(|_| WireError::Number)? - 1;
        notes.push((feed, Note::from_wire(wire).map_err(|_| WireError::Number)?));
    }
    Ok(notes)
}

/// A notes frame. The caller keeps to [`replication::ebt::MAX_NOTES_PER_FRAME`].
///
/// # Errors
/// When the link's table of feeds is full.
pub fn write_notes(notes: &[(FeedId, Note)], ids: &mut SentIds) -> Result<Vec<u8>, WireError> {
    let mut out = vec![kind::NOTES];
    for &(feed, note) in notes {
        let number = u64::try_from(note.to_wire().saturating_add(1)).map_err(|_| WireError::Number)?;
        ids.write(&mut out, feed)?;
        varint::write(&mut out, number);
    }
    Ok(out)
}

/// Reads the body of a level frame: the number, then the excepted feeds until the end.
///
/// # Errors
/// For whatever [`write_level`] would not write.
pub fn read_level(mut body: &[u8], ids: &mut ReceivedIds) -> Result<LevelBody, WireError> {
    let through = varint::read(&mut body)?;
    let mut except = Vec::new();
    let mut named = BTreeSet::new();
    while !body.is_empty() {
        except.push(read_once(&mut body, ids, &mut named, MAX_LEVEL_EXCEPTIONS)?);
    }
    Ok(LevelBody { through, except })
}

/// Reads a feed that the frame may name once, among at most `most`: so that few bytes never cause much work.
fn read_once(
    body: &mut &[u8],
    ids: &mut ReceivedIds,
    named: &mut BTreeSet<FeedId>,
    most: usize,
) -> Result<FeedId, WireError> {
    if named.len() >= most {
        return Err(WireError::TooManyEntries);
    }
    let feed = ids.read(body)?;
    named.insert(feed).then_some(feed).ok_or(WireError::Repeated)
}

/// A level frame.
///
/// # Errors
/// When the link's table of feeds is full.
pub fn write_level(level: &LevelBody, ids: &mut SentIds) -> Result<Vec<u8>, WireError> {
    let mut out = vec![kind::LEVEL];
    varint::write(&mut out, level.through);
    for &feed in &level.except {
        ids.write(&mut out, feed)?;
    }
    Ok(out)
}

/// Reads the body of a taken frame: the number of a frame, and nothing else.
///
/// # Errors
/// For whatever [`write_taken`] would not write.
pub fn read_taken(mut body: &[u8]) -> Result<u64, WireError> {
    let through = varint::read(&mut body)?;
    body.is_empty().then_some(through).ok_or(WireError::TooLong)
}

/// A taken frame: the frames up to this number are taken up.
pub fn write_taken(through: u64) -> Vec<u8> {
    let mut out = vec![kind::TAKEN];
    varint::write(&mut out, through);
    out
}

/// An about frame. The caller keeps to [`limits::ABOUT`].
pub fn write_about(encoded: &[u8]) -> Vec<u8> {
    [&[kind::ABOUT], encoded].concat()
}

/// Reads the body of a messages frame: runs, each a feed, the first sequence and the messages with their lengths, ended by
/// a length of zero. The messages themselves are not looked at.
///
/// # Errors
/// For whatever [`MessagesWriter`] would not write.
pub fn read_messages<'a>(mut body: &'a [u8], ids: &mut ReceivedIds) -> Result<Vec<Run<'a>>, WireError> {
    let mut runs = Vec::new();
    while !body.is_empty() {
        let feed = ids.read(&mut body)?;
        let first = varint::read(&mut body)?;
        if first == 0 || i64::try_from(first).is_err() {
            return Err(WireError::Number);
        }
        let mut messages = Vec::new();
        loop {
            let length = usize::try_from(varint::read(&mut body)?).map_err(|_| WireError::MessageLength)?;
            if length == 0 {
                break;
            }
            if length > limits::CODED {
                return Err(WireError::MessageLength);
            }
            let (message, rest) = body.split_at_checked(length).ok_or(WireError::Truncated)?;
            messages.push(message);
            body = rest;
        }
        if messages.is_empty() {
            return Err(WireError::MessageLength);
        }
        runs.push(Run { feed, first, messages });
    }
    Ok(runs)
}

/// Builds a messages frame.
#[derive(Debug)]
pub struct MessagesWriter {
    bytes: Vec<u8>,
    /// The feed and sequence that would continue the run, and the id of the newest message in it.
    open: Option<(FeedId, u64, Option<MessageId>)>,
}

impl Default for MessagesWriter {
    fn default() -> Self {
        Self { bytes: vec![kind::MESSAGES], open: None }
    }
}

impl MessagesWriter {
    /// Adds a message; it joins the run before it if it is the next of the same feed.
    ///
    /// # Errors
    /// When the link's table of feeds is full.
    pub fn push(&mut self, message: &Message, ids: &mut SentIds) -> Result<(), WireError> {
        let (feed, sequence) = (message.author(), message.sequence());
        let before = self.open.filter(|open| (open.0, open.1) == (feed, sequence)).and_then(|open| open.2);
        self.push_coded(feed, sequence, &coding::code(message, before), ids)?;
        if let Some(open) = &mut self.open {
            open.2 = Some(message.id());
        }
        Ok(())
    }

    /// Adds a message that is coded already, at a place in a feed.
    ///
    /// # Errors
    /// When the link's table of feeds is full, or for a message that is empty or too long.
    pub fn push_coded(
        &mut self,
        feed: FeedId,
        sequence: u64,
        coded: &[u8],
        ids: &mut SentIds,
    ) -> Result<(), WireError> {
        if coded.is_empty() || coded.len() > limits::CODED {
            return Err(WireError::MessageLength);
        }
        if self.open.is_none_or(|open| (open.0, open.1) != (feed, sequence)) {
            self.end_run();
            ids.write(&mut self.bytes, feed)?;
            varint::write(&mut self.bytes, sequence);
        }
        varint::write(&mut self.bytes, coded.len() as u64);
        self.bytes.extend_from_slice(coded);
        self.open = Some((feed, sequence.saturating_add(1), None));
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == 1
    }

    /// The frame.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_run();
        self.bytes
    }

    fn end_run(&mut self) {
        if self.open.take().is_some() {
            self.bytes.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use replication::ebt::MAX_SEQUENCE;

    use super::*;

    fn any_feed() -> impl Strategy<Value = FeedId> {
        (0u8..8).prop_map(|number| FeedId::classic([number; 32]))
    }

    fn any_note() -> impl Strategy<Value = Note> {
        (-1i64..=(MAX_SEQUENCE << 1 | 1) as i64).prop_map(|wire| Note::from_wire(wire).unwrap())
    }

    /// Messages of a few feeds, each with its sequence; neighbours are often the next of the same feed.
    fn any_messages() -> impl Strategy<Value = Vec<(FeedId, u64, Vec<u8>)>> {
        prop::collection::vec((any_feed(), 1u64..4, prop::collection::vec(any::<u8>(), 1..40)), 0..30)
    }

    proptest! {
        #[test]
        fn notes_are_read_back(notes in prop::collection::btree_map(any_feed(), any_note(), 0..8)) {
            let notes: Vec<_> = notes.into_iter().collect();
            let frame = write_notes(&notes, &mut SentIds::default()).unwrap();
            let Ok(Frame::Notes(body)) = Frame::read(&frame) else { panic!("no notes") };
            prop_assert_eq!(read_notes(body, &mut ReceivedIds::default()), Ok(notes));
        }

        #[test]
        fn levels_are_read_back(through: u64, except in prop::collection::btree_set(any_feed(), 0..8)) {
            let level = LevelBody { through, except: except.into_iter().collect() };
            let frame = write_level(&level, &mut SentIds::default()).unwrap();
            let Ok(Frame::Level(body)) = Frame::read(&frame) else { panic!("no level") };
            prop_assert_eq!(read_level(body, &mut ReceivedIds::default()), Ok(level));
        }

        #[test]
        fn messages_are_read_back_in_order(messages in any_messages()) {
            let mut ids = SentIds::default();
            let mut writer = MessagesWriter::default();
            for (feed, sequence, bytes) in &messages {
                writer.push_coded(*feed, *sequence, bytes, &mut ids).unwrap();
            }
            let frame = writer.finish();
            let Ok(Frame::Messages(body)) = Frame::read(&frame) else { panic!("no messages") };
            let runs = read_messages(body, &mut ReceivedIds::default()).unwrap();
            let read: Vec<(FeedId, u64, Vec<u8>)> = runs
                .iter()
                .flat_map(|run| (run.first..).zip(&run.messages).map(|(sequence, bytes)| (run.feed, sequence, bytes.to_vec())))
                .collect();
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn a_changed_byte_never_makes_a_reader_panic(messages in any_messages(), at in any::<prop::sample::Index>(), byte: u8) {
            let mut ids = SentIds::default();
            let mut writer = MessagesWriter::default();
            for (feed, sequence, bytes) in &messages {
                writer.push_coded(*feed, *sequence, bytes, &mut ids).unwrap();
            }
            let mut frame = writer.finish();
            let at = at.index(frame.len());
            frame[at] = byte;
            read_any(&frame);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(kind in 0u8..9, body in prop::collection::vec(any::<u8>(), 0..400)) {
            read_any(&[&[kind], body.as_slice()].concat());
        }
    }

    fn read_any(frame: &[u8]) {
        let mut ids = ReceivedIds::default();
        match Frame::read(frame) {
            Ok(Frame::Notes(body)) => drop(read_notes(body, &mut ids)),
            Ok(Frame::Messages(body)) => drop(read_messages(body, &mut ids)),
            Ok(Frame::Level(body)) => drop(read_level(body, &mut ids)),
            Ok(Frame::Wants(body)) => drop(super::super::read_wants(body)),
            Ok(Frame::Haves(body)) => drop(super::super::read_haves(body)),
            Ok(Frame::Taken(body)) => drop(read_taken(body)),
            Ok(Frame::About(_) | Frame::Ask(_) | Frame::Tell(_) | Frame::Unknown(_)) | Err(_) => {}
        }
    }

    #[test]
    fn unknown_kinds_are_no_error_and_a_second_hello_is_one() {
        assert_eq!(Frame::read(&[200, 1, 2]), Ok(Frame::Unknown(200)));
        assert_eq!(Frame::read(&[kind::HELLO]), Err(WireError::Order));
        assert_eq!(Frame::read(&[]), Err(WireError::Empty));
        assert_eq!(Frame::read(&vec![kind::NOTES; limits::FRAME + 1]), Err(WireError::TooLong));
    }
}
