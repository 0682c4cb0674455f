//! Reads along on a link, to count what its frames hold.

use feed::FeedId;
use node::wire::{Frame, ReceivedIds, kind, read_level, read_messages, read_notes};

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Hello,
    /// This many notes.
    Notes(u64),
    /// Runs of messages: feed, first and last sequence.
    Messages(Vec<(FeedId, u64, u64)>),
    Level,
    Other,
}

/// One direction of one link.
#[derive(Debug, Default)]
pub(crate) struct Wiretap {
    ids: ReceivedIds,
}

impl Wiretap {
    /// Reads one frame of our own nodes, in the order in which they were sent.
    ///
    /// # Panics
    ///
    /// If the frame cannot be read: nodes write what nodes can read.
    pub(crate) fn read(&mut self, frame: &[u8]) -> Seen {
        if frame.first() == Some(&kind::HELLO) {
            return Seen::Hello;
        }
        match Frame::read(frame) {
            Ok(Frame::Notes(body)) => match read_notes(body, &mut self.ids) {
                Ok(notes) => Seen::Notes(notes.len() as u64),
                Err(error) => panic!("a node wrote notes that cannot be read: {error}"),
            },
            Ok(Frame::Messages(body)) => match read_messages(body, &mut self.ids) {
                Ok(runs) => {
                    let span =
                        |run: &node::wire::Run<'_>| (run.feed, run.first, run.first + run.messages.len() as u64 - 1);
                    Seen::Messages(runs.iter().map(span).collect())
                }
                Err(error) => panic!("a node wrote messages that cannot be read: {error}"),
            },
            Ok(Frame::Level(body)) => match read_level(body, &mut self.ids) {
                Ok(_) => Seen::Level,
                Err(error) => panic!("a node wrote a level that cannot be read: {error}"),
            },
            Ok(_) => Seen::Other,
            Err(error) => panic!("a node wrote a frame that cannot be read: {error}"),
        }
    }
}
