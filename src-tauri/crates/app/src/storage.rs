//! Between the store's plain values and the node's types.

use node::Standing;
use replication::ebt::{Clock, Note};

/// The standing that the store found at its start.
pub(crate) fn standing(standing: store::Standing) -> Standing {
    match standing {
        store::Standing::Whole => Standing::Whole,
        store::Standing::Recovering { expected: Some(expected) } => Standing::Recovering { expected },
        // The log and the journal are on two histories: two messages with one sequence were signed.
        store::Standing::Recovering { expected: None } => Standing::Forked,
    }
}

/// A clock as the store keeps it.
pub(crate) fn numbers(clock: &Clock) -> store::Clock {
    clock.iter().map(|(feed, note)| (*feed, note.to_wire())).collect()
}

/// A clock as the store kept it. A number that is no note is left out: the next greeting differs and is a full one.
pub(crate) fn notes(numbers: store::Clock) -> Clock {
    numbers.into_iter().filter_map(|(feed, number)| Some((feed, Note::from_wire(number).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use feed::FeedId;

    use super::*;

    #[test]
    fn a_clock_survives_the_store_and_nonsense_is_left_out() {
        let feed = |n| FeedId::classic([n; 32]);
        let clock = Clock::from([(feed(1), Note::Ignore), (feed(2), Note::eager(7)), (feed(3), Note::lazy(0))]);
        let mut stored = numbers(&clock);
        stored.insert(feed(4), -5);
        assert_eq!(notes(stored), clock);
    }
}
