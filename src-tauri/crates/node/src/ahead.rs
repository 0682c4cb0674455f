//! How much of history is on its way at once: what was sent and not yet taken up at the other end.
//!
//! Buffers below a link hold megabytes, and a post that was written just now would stand behind all of them. So whoever sends keeps the
//! line short, and whoever receives says how far it has come.

use std::collections::VecDeque;

use crate::limits;

/// The sender's half: frames with history that are on their way.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Their numbers and lengths in bytes, the oldest first.
    frames: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Ahead {
    /// Whether another frame may follow.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < limits::HISTORY_AHEAD
    }

    /// A frame with history left.
    pub(crate) fn sent(&mut self, frame: u64, bytes: usize) {
        self.frames.push_back((frame, bytes));
        self.bytes += bytes;
    }

    /// The peer took the frames up to `through`.
    pub(crate) fn taken(&mut self, through: u64) {
        while let Some((_, bytes)) = self.frames.pop_front_if(|(frame, _)| *frame <= through) {
            self.bytes -= bytes;
        }
    }
}

/// The receiver's half: what was taken up since it was last said.
#[derive(Debug, Default)]
pub(crate) struct TakenUp {
    bytes: usize,
    /// What is to be said next: the number of the newest frame taken up.
    due: Option<u64>,
}

impl TakenUp {
    /// A frame of messages was taken up.
    pub(crate) fn frame(&mut self, number: u64, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= limits::TAKEN_EVERY {
            self.bytes = 0;
            self.due = Some(number);
        }
    }

    /// What is to be said, once.
    pub(crate) fn say(&mut self) -> Option<u64> {
        self.due.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_hears_what_was_taken_goes_on_and_other_numbers_change_nothing() {
        let (mut ahead, mut taken_up) = (Ahead::default(), TakenUp::default());
        let mut frame = 0;
        for _ in 0..100 {
            while ahead.has_room() {
                frame += 3;
                ahead.sent(frame, limits::MESSAGES_FRAME);
                taken_up.frame(frame, limits::MESSAGES_FRAME);
            }
            ahead.taken(0);
            assert!(!ahead.has_room(), "nothing was taken");
            ahead.taken(taken_up.say().expect("it took more than is said one by one"));
            assert_eq!(taken_up.say(), None, "said once");
            assert!(ahead.has_room());
        }
        ahead.taken(u64::MAX);
        assert_eq!((ahead.bytes, ahead.frames.len()), (0, 0));
    }
}
