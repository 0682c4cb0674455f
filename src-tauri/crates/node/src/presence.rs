//! The *Now* plane: whether somebody is at their device, and whether they wrote something new. It is said to everybody connected, passed on by
//! nobody, and forgotten after [`limits::WORD_LIVES`].

use std::time::Duration;

use replication::{Instant, LinkId, Now, ebt::Note};

use crate::{
    Node, limits,
    output::{Change, CloseReason, Output},
    session::Link,
    timers::Timer,
    wire::Word,
};

/// What is said of this device.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// Whether somebody uses it now.
    attended: bool,
    /// What was said last, and when.
    said: Option<(Word, Instant)>,
}

/// What a device said of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heard {
    /// Whether somebody uses it, as far as we know.
    pub(crate) here: bool,
    /// The newest message of its own feed, as it says.
    pub(crate) newest: Option<u64>,
}

impl Link {
    /// Whether it asks for our feed: then it hears of what is new by that.
    fn wants_us(&self) -> bool {
        self.own_note.and_then(Note::sequence).is_some()
    }
}

impl Node {
    /// Somebody uses this device now, or does not any more.
    pub(crate) fn on_attended(&mut self, attended: bool, now: Now) {
        if std::mem::replace(&mut self.presence.attended, attended) != attended {
            self.speak_in(Duration::ZERO, now);
        }
    }

    /// Speaks after a while, unless something is said before; never more than one word a second.
    pub(crate) fn speak_in(&mut self, after: Duration, now: Now) {
        let due = now.monotonic + after;
        let rested = self.presence.said.map(|(_, at)| at + limits::WORD_REST);
        self.timers.set_sooner(Timer::Word, rested.map_or(due, |rested| rested.max(due)));
    }

    /// Says how things stand here, if that is of use to anybody.
    pub(crate) fn speak(&mut self, now: Now) {
        let word = Word { attended: self.presence.attended, newest: self.log.sequence(&self.own) };
        let mut listeners = self.links.values().filter(|link| link.is_live()).peekable();
        let is_heard = listeners.peek().is_some();
        let is_news = listeners.any(|link| !link.wants_us());
        let before = self.presence.said.map(|(said, _)| said);
        let has_left = before.is_some_and(|said| said.attended);
        if is_heard && (word.attended || has_left || is_news) {
            self.presence.said = Some((word, now.monotonic));
            self.outbox.push_back(Output::Say { word: word.encode() });
        }
        // What is new is said twice: a word may be lost.
        let is_first = is_news && before.is_none_or(|said| said.newest != word.newest);
        if word.attended || (is_heard && is_first) {
            self.speak_in(limits::WORD_EVERY, now);
        }
    }

    /// A device said something to everybody.
    pub(crate) fn on_heard(&mut self, id: LinkId, word: &[u8], now: Now) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.is_live()) else { return };
        let word = match Word::decode(word) {
            Ok(Some(word)) => word,
            Ok(None) => return,
            // As a frame that cannot be read.
            Err(error) => return self.close(id, CloseReason::Malformed(error.to_string()), now),
        };
        let heard = Heard { here: word.attended, newest: Some(word.newest) };
        let before = std::mem::replace(&mut link.said, heard);
        match heard.here {
            true => self.timers.set(Timer::Absent(id), now.monotonic + limits::WORD_LIVES),
            false => self.timers.cancel(Timer::Absent(id)),
        }
        if before.here != heard.here || before.newest != heard.newest {
            self.tell(Change::Nearby);
        }
    }

    /// Nothing was heard of somebody for too long.
    pub(crate) fn on_absent(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id)
            && std::mem::take(&mut link.said.here)
        {
            self.tell(Change::Nearby);
        }
    }
}
