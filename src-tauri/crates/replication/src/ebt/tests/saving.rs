//! What is saved of whom: a stranger leaves hardly more behind than what one wants oneself.

use feed::FeedId;

use super::desk::*;
use crate::{
    Instant, Now,
    ebt::{Clock, Input, Note, Output, Want, remembered},
};

/// Lets the desk go on for two seconds; the feeds that are saved for Alice, as she told of them.
fn saved(desk: &mut Desk) -> Vec<(FeedId, Note)> {
    let now = Now { monotonic: Instant::from_millis(desk.now + 2_000), wall: 0 };
    desk.now += 2_000;
    desk.ebt.handle_timeout(now);
    let mut saved = Vec::new();
    while let Some(output) = desk.ebt.poll_output() {
        if let Output::SaveClock { held, .. } = output {
            saved.extend(held);
        }
    }
    saved
}

#[test]
fn what_a_stranger_says_of_feeds_that_nobody_wants_is_not_saved() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(3));
    desk.hears(ALICE, BERT, lazy(7));
    desk.hears(ALICE, key(ALICE).feed(), lazy(1));
    assert_eq!(saved(&mut desk), [(key(ALICE).feed(), lazy(1)), (ANNA, lazy(3))]);
}

#[test]
fn everything_is_saved_once_each_wants_the_others_feed() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.hears(ALICE, BERT, lazy(7));
    desk.hears(ALICE, key(ALICE).feed(), lazy(0));
    desk.hears(ALICE, ME, lazy(0));
    assert_eq!(saved(&mut desk), [(key(ALICE).feed(), lazy(0)), (ME, lazy(0))]);
    desk.input(Input::Want { feed: key(ALICE).feed(), want: Want::Replicate });
    let mut all = saved(&mut desk);
    all.retain(|(feed, _)| *feed == BERT);
    assert_eq!(all, [(BERT, lazy(7))]);
}

#[test]
fn both_ends_remember_the_same() {
    let feeds = [ME, ANNA, BERT, key(ALICE).feed()];
    let words = [None, Some(Note::Ignore), Some(lazy(1))];
    for case in 0..words.len().pow(8) {
        let clock = |from: usize| -> Clock {
            let word = |at: usize| words[case / words.len().pow((from + at) as u32) % words.len()];
            feeds.iter().enumerate().filter_map(|(at, feed)| Some((*feed, word(at)?))).collect()
        };
        let (held, told) = remembered(clock(0), clock(4), ME, key(ALICE).feed());
        let (theirs_held, theirs_told) = remembered(clock(4), clock(0), key(ALICE).feed(), ME);
        assert_eq!((held, told), (theirs_told, theirs_held));
    }
}
