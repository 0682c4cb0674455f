//! The whole outbox after each input: links, notes, streams.

use super::desk::*;
use crate::ebt::{Input, Want};

#[test]
fn a_first_meeting_tells_of_every_feed_and_asks_for_all_but_ones_own() {
    let mut desk = Desk::holding(3);
    assert_eq!(desk.meets(ALICE), [notes(ALICE, [(ANNA, eager(3)), (ME, lazy(0))])]);
    assert_eq!(desk.meets(BOB), [notes(BOB, [(ANNA, lazy(3)), (ME, lazy(0))])], "one source per feed");
}

#[test]
fn a_reconnect_says_only_what_differs_from_what_was_told() {
    let mut desk = Desk::holding(3);
    let known = [(ANNA, lazy(2)), (ME, lazy(0))];
    assert_eq!(desk.meets_again(ALICE, &known, &known), [notes(ALICE, [(ANNA, lazy(3))])]);
}

#[test]
fn a_reconnect_with_nothing_new_says_nothing() {
    let mut desk = Desk::holding(3);
    let known = [(ANNA, lazy(3)), (ME, lazy(0))];
    assert_eq!(desk.meets_again(ALICE, &known, &known), []);
    assert_eq!(desk.wait(60_000), []);
}

#[test]
fn a_tree_that_both_ends_agree_on_stands_after_a_reconnect() {
    let mut desk = Desk::holding(3);
    assert_eq!(desk.meets_again(ALICE, &[(ANNA, eager(3)), (ME, eager(0))], &[(ANNA, lazy(3)), (ME, lazy(0))]), []);
    assert_eq!(desk.grows(ANNA, 4), [stream(ALICE, ANNA, 3, 4)], "an ask of the last meeting still counts");

    let mut desk = Desk::holding(3);
    desk.meets_again(ALICE, &[(ANNA, lazy(3)), (ME, eager(0))], &[(ANNA, eager(3)), (ME, lazy(0))]);
    assert_eq!(desk.meets_again(BOB, &[(ANNA, lazy(3)), (ME, eager(0))], &[(ANNA, lazy(3)), (ME, lazy(0))]), []);
    assert_eq!(desk.hears(BOB, ANNA, lazy(4)), [], "the source of the last meeting gets its time");
}

#[test]
fn a_stream_that_a_cut_ended_is_asked_for_again() {
    let mut desk = Desk::holding(3);
    let met = desk.meets_again(ALICE, &[(ANNA, lazy(9)), (ME, eager(0))], &[(ANNA, eager(3)), (ME, lazy(0))]);
    assert_eq!(met, [notes(ALICE, [(ANNA, eager(3))])], "though it repeats what was told");
}

#[test]
fn an_old_ask_of_a_peer_that_is_behind_is_not_served_before_it_speaks() {
    let mut desk = Desk::holding(9);
    let met = desk.meets_again(ALICE, &[(ANNA, eager(3)), (ME, lazy(0))], &[(ANNA, lazy(3)), (ME, lazy(0))]);
    assert_eq!(met, [notes(ALICE, [(ANNA, lazy(9))])], "it may have caught up elsewhere");
    assert_eq!(desk.hears(ALICE, ANNA, eager(5)), [stream(ALICE, ANNA, 5, 9)]);
}

#[test]
fn ones_own_feed_is_asked_for_only_from_a_peer_that_holds_more_of_it() {
    let mut desk = Desk::holding(0);
    desk.meets(ALICE);
    assert_eq!(desk.hears(ALICE, ME, lazy(7)), [notes(ALICE, [(ME, eager(0))])]);
}

#[test]
fn more_than_we_hold_is_asked_for_when_there_is_no_source() {
    let mut desk = Desk::holding(3);
    let known = [(ANNA, lazy(3)), (ME, lazy(0))];
    desk.meets_again(ALICE, &known, &known);
    assert_eq!(desk.hears(ALICE, ANNA, lazy(5)), [notes(ALICE, [(ANNA, eager(3))])]);
    assert_eq!(desk.hears(ALICE, ANNA, lazy(6)), [], "asked already");
}

#[test]
fn a_source_that_holds_nothing_more_gives_way_at_once_to_one_that_does() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.meets(BOB);
    desk.hears(ALICE, ANNA, lazy(3));
    assert_eq!(
        desk.hears(BOB, ANNA, lazy(5)),
        [notes(ALICE, [(ANNA, lazy(3))]), notes(BOB, [(ANNA, eager(3))])],
        "alice was asked, and has nothing"
    );
}

#[test]
fn less_than_we_hold_is_streamed_when_asked_for() {
    let mut desk = Desk::holding(9);
    desk.meets(ALICE);
    assert_eq!(desk.hears(ALICE, ANNA, eager(4)), [stream(ALICE, ANNA, 4, 9)]);
    assert_eq!(desk.grows(ANNA, 10), [stream(ALICE, ANNA, 9, 10)], "and what comes later is pushed");
}

#[test]
fn less_than_we_hold_is_told_back_once_when_not_asked_for() {
    let mut desk = Desk::holding(9);
    let known = [(ANNA, lazy(9)), (ME, lazy(0))];
    desk.meets_again(ALICE, &known, &known);
    desk.grows(ANNA, 12);
    desk.wait(2000);
    assert_eq!(desk.hears(ALICE, ANNA, lazy(9)), [], "it knows that we hold 12");
}

#[test]
fn a_new_message_is_pushed_to_who_asked_and_told_to_who_did_not_but_never_sent_back() {
    let mut desk = Desk::holding(3);
    for link in [ALICE, BOB, CAROL] {
        desk.meets(link);
    }
    desk.hears(ALICE, ANNA, lazy(3));
    desk.hears(BOB, ANNA, eager(3));
    desk.hears(CAROL, ANNA, lazy(0));
    desk.wait(2000);
    let out = desk.receives(ALICE, ANNA, 4);
    assert_eq!(out, [stream(BOB, ANNA, 3, 4), notes(CAROL, [(ANNA, lazy(4))])]);
}

#[test]
fn a_peer_that_never_spoke_of_a_feed_is_told_and_not_pushed_to() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.wait(2000);
    assert_eq!(desk.grows(ANNA, 4), [notes(ALICE, [(ANNA, eager(4))])]);
}

#[test]
fn notes_of_one_feed_to_one_peer_are_gathered_for_a_second() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(1));
    desk.wait(2000);
    assert_eq!(desk.grows(ANNA, 4), [notes(ALICE, [(ANNA, eager(4))])], "the first at once");
    assert_eq!(desk.grows(ANNA, 5), []);
    assert_eq!(desk.grows(ANNA, 6), []);
    assert_eq!(desk.wait(999), []);
    assert_eq!(desk.wait(1), [notes(ALICE, [(ANNA, eager(6))])]);
}

#[test]
fn one_frame_of_notes_at_a_time_waits_in_the_driver() {
    let mut desk = Desk::holding(3);
    let known = [(ANNA, lazy(3)), (ME, lazy(0))];
    desk.meets_again(ALICE, &known, &known);
    let now = crate::Now { monotonic: crate::Instant::from_millis(desk.now), wall: 0 };
    desk.ebt.handle_input(Input::Appended { feed: ANNA, sequence: 4, from: None }, now);
    assert_eq!(desk.ebt.poll_output(), Some(notes(ALICE, [(ANNA, lazy(4))])));
    desk.ebt.handle_input(Input::Appended { feed: ME, sequence: 1, from: None }, now);
    assert_eq!(desk.ebt.poll_output(), None, "the first frame has not left");
    desk.ebt.handle_input(Input::NotesSent { link: ALICE, frame: 1 }, now);
    assert_eq!(desk.ebt.poll_output(), Some(notes(ALICE, [(ME, lazy(1))])));
}

#[test]
fn a_duplicate_prunes_an_edge_that_is_not_the_sources() {
    let mut desk = Desk::holding(3);
    let asked = [(ANNA, eager(3)), (ME, lazy(0))];
    let known = [(ANNA, lazy(3)), (ME, lazy(0))];
    desk.meets_again(ALICE, &known, &asked);
    assert_eq!(
        desk.meets_again(BOB, &known, &asked),
        [notes(BOB, [(ANNA, lazy(3))])],
        "both were asked when they last met: one stays"
    );
    desk.receives(ALICE, ANNA, 4);
    let duplicate = Input::Known { link: BOB, feed: ANNA, sequence: 4 };
    assert_eq!(desk.input(duplicate), [], "the pruning note and the duplicate crossed");
}

#[test]
fn a_source_that_repeats_much_is_made_to_skip_it() {
    let mut desk = Desk::holding(0);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(100));
    desk.grows(ANNA, 90);
    desk.wait(2000);
    let repeated = Input::Known { link: ALICE, feed: ANNA, sequence: 1 };
    assert_eq!(desk.input(repeated), [notes(ALICE, [(ANNA, eager(90))])]);
}

#[test]
fn a_gap_closes_the_stream_not_the_link() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.wait(1000);
    desk.hears(ALICE, ANNA, lazy(9));
    desk.receives_only(ALICE, ANNA, 7);
    assert_eq!(desk.input(Input::Gap { link: ALICE, feed: ANNA }), [notes(ALICE, [(ANNA, lazy(3))])]);
    assert_eq!(desk.input(Input::Gap { link: ALICE, feed: ANNA }), [], "said once");
    assert_eq!(desk.grows(ME, 1), [notes(ALICE, [(ME, lazy(1))])], "other feeds go on");
    assert_eq!(desk.wait(1000), [notes(ALICE, [(ANNA, eager(3))])], "nobody else has it: asked again after a second");
}

#[test]
fn after_a_gap_another_peer_is_asked_at_once() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.meets(BOB);
    desk.hears(ALICE, ANNA, lazy(9));
    desk.hears(BOB, ANNA, lazy(9));
    let out = desk.input(Input::Gap { link: ALICE, feed: ANNA });
    assert_eq!(out, [notes(ALICE, [(ANNA, lazy(3))]), notes(BOB, [(ANNA, eager(3))])]);
}

#[test]
fn a_message_that_cannot_be_taken_ends_its_stream_for_longer() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(9));
    desk.receives_only(ALICE, ANNA, 4);
    assert_eq!(desk.input(Input::Refused { link: ALICE, feed: ANNA }), [notes(ALICE, [(ANNA, lazy(3))])]);
    assert_eq!(desk.wait(59_999), []);
    assert_eq!(desk.wait(1), [notes(ALICE, [(ANNA, eager(3))])]);
}

#[test]
fn a_forked_feed_is_asked_of_nobody_and_still_passed_on() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.meets(BOB);
    assert_eq!(desk.input(Input::Frozen { feed: ANNA }), [notes(ALICE, [(ANNA, lazy(3))])]);
    assert_eq!(desk.hears(BOB, ANNA, lazy(9)), []);
    assert_eq!(desk.hears(BOB, ANNA, eager(1)), [stream(BOB, ANNA, 1, 3)]);
}

#[test]
fn a_wish_acts_on_live_links_at_once() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.meets(BOB);
    assert_eq!(desk.hears(ALICE, BERT, eager(5)), [notes(ALICE, [(BERT, crate::ebt::Note::Ignore)])]);
    assert_eq!(desk.hears(BOB, BERT, lazy(8)), [notes(BOB, [(BERT, crate::ebt::Note::Ignore)])]);
    assert_eq!(
        desk.input(Input::Want { feed: BERT, want: Want::Replicate }),
        [notes(ALICE, [(BERT, eager(0))]), notes(BOB, [(BERT, lazy(0))])],
        "who claimed more before is asked"
    );
    assert_eq!(
        desk.input(Input::Want { feed: BERT, want: Want::Ignore }),
        [notes(ALICE, [(BERT, crate::ebt::Note::Ignore)]), notes(BOB, [(BERT, crate::ebt::Note::Ignore)])]
    );
}

#[test]
fn a_feed_that_nobody_near_claims_is_asked_of_one_and_told_to_the_others() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.meets(BOB);
    assert_eq!(
        desk.input(Input::Want { feed: BERT, want: Want::Replicate }),
        [notes(ALICE, [(BERT, eager(0))]), notes(BOB, [(BERT, lazy(0))])]
    );
}

#[test]
fn a_peer_that_ignores_a_feed_hears_no_more_of_it() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    assert_eq!(desk.hears(ALICE, ANNA, crate::ebt::Note::Ignore), []);
    assert_eq!(desk.grows(ANNA, 4), []);
    assert_eq!(desk.wait(10_000), []);
    assert_eq!(desk.hears(ALICE, ANNA, eager(0)), [stream(ALICE, ANNA, 0, 4)], "until it wants it");
}

#[test]
fn a_blocked_feed_is_refused_and_its_stream_stops() {
    let mut desk = Desk::holding(3);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, eager(0));
    let out = desk.input(Input::Want { feed: ANNA, want: Want::Block });
    assert_eq!(out, [notes(ALICE, [(ANNA, crate::ebt::Note::Ignore)])]);
    assert_eq!(desk.hears(ALICE, ANNA, eager(0)), []);
}

#[test]
fn the_link_of_a_blocked_person_carries_nothing_either_way() {
    let mut desk = Desk::holding(3);
    desk.input(Input::Want { feed: key(BOB).feed(), want: Want::Block });
    assert_eq!(desk.meets(BOB), []);
    assert_eq!(desk.hears(BOB, ANNA, eager(0)), []);
    assert_eq!(desk.hears(BOB, ANNA, lazy(9)), []);
    assert_eq!(desk.grows(ME, 1), []);
    assert_eq!(desk.wait(60_000), []);
    assert_eq!(
        desk.input(Input::Want { feed: key(BOB).feed(), want: Want::Ignore }),
        [notes(BOB, [(ANNA, eager(3)), (ME, lazy(1))])],
        "until unblocked"
    );
}
