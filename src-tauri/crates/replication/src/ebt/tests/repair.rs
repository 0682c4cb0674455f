//! The whole outbox when sources fall silent, vanish or lie.

use super::desk::*;
use crate::ebt::{Input, MAX_SEQUENCE, Note, Output, Progress};

/// Three links; Alice is the source of Anna's feed and has delivered.
fn fed_by_alice() -> Desk {
    let mut desk = Desk::holding(3);
    for link in [ALICE, BOB, CAROL] {
        desk.meets(link);
        desk.hears(link, ANNA, lazy(3));
    }
    desk.receives(ALICE, ANNA, 4);
    desk.wait(5000);
    desk
}

#[test]
fn a_silent_source_is_switched_after_150_ms() {
    let mut desk = fed_by_alice();
    assert_eq!(desk.hears(BOB, ANNA, lazy(5)), []);
    assert_eq!(desk.wait(149), []);
    assert_eq!(desk.wait(1), [notes(ALICE, [(ANNA, lazy(4))]), notes(BOB, [(ANNA, eager(4))])]);
}

#[test]
fn a_source_that_delivers_in_time_is_kept() {
    let mut desk = fed_by_alice();
    desk.hears(BOB, ANNA, lazy(5));
    desk.wait(100);
    desk.receives(ALICE, ANNA, 5);
    let later = desk.wait(900);
    let asks = |output: &Output| matches!(output, Output::SendNotes { notes, .. } if notes.iter().any(|(_, note)| note.asks()));
    assert!(!later.iter().any(asks), "{later:?}");
}

#[test]
fn a_source_that_is_busy_with_other_feeds_is_not_silent() {
    let mut desk = fed_by_alice();
    desk.hears(BOB, ANNA, lazy(5));
    desk.wait(100);
    desk.receives(ALICE, ME, 1);
    let asks =
        |output: &Output| matches!(output, Output::SendNotes { link: BOB, notes } if notes.contains(&(ANNA, eager(4))));
    assert!(!desk.wait(149).iter().any(asks));
    assert!(desk.wait(1).iter().any(asks));
}

#[test]
fn a_source_whose_messages_we_have_not_stored_yet_is_not_silent() {
    let mut desk = fed_by_alice();
    desk.hears(ALICE, ANNA, lazy(9));
    desk.hears(BOB, ANNA, lazy(9));
    desk.receives_only(ALICE, ANNA, 7);
    assert_eq!(desk.wait(5_000), [], "our disk is slow");
    desk.input(Input::Appended { feed: ANNA, sequence: 7, from: Some(ALICE) });
    let asks = |output: &Output| matches!(output, Output::SendNotes { link: BOB, notes } if notes[0].1.asks());
    assert!(desk.wait(200).iter().any(asks), "but then it is silent");
}

#[test]
fn switching_goes_round_all_who_claim_more() {
    let mut desk = fed_by_alice();
    for link in [ALICE, BOB, CAROL] {
        desk.hears(link, ANNA, lazy(9));
    }
    let asked = |outputs: Vec<Output>| {
        outputs.into_iter().find_map(|output| match output {
            Output::SendNotes { link, notes } if notes.iter().any(|(_, note)| note.asks()) => Some(link),
            _ => None,
        })
    };
    assert_eq!(asked(desk.wait(150)), Some(BOB));
    assert_eq!(asked(desk.wait(150)), Some(CAROL));
    assert_eq!(desk.wait(150), [], "alice and bob were silent, and are not believed for a while");
    assert_eq!(asked(desk.wait(10_000)), Some(ALICE), "then the round begins again");
}

#[test]
fn a_lost_source_is_replaced_at_once_by_another_that_claims_more() {
    let mut desk = fed_by_alice();
    desk.hears(ALICE, ANNA, lazy(9));
    desk.hears(CAROL, ANNA, lazy(9));
    assert_eq!(desk.input(Input::LinkDown { link: ALICE }), [notes(CAROL, [(ANNA, eager(4))])]);
}

#[test]
fn a_lost_source_is_replaced_by_the_next_lazy_note() {
    let mut desk = fed_by_alice();
    assert_eq!(desk.input(Input::LinkDown { link: ALICE }), []);
    assert_eq!(desk.hears(BOB, ANNA, lazy(5)), [notes(BOB, [(ANNA, eager(4))])]);
}

#[test]
fn a_source_that_no_longer_wants_the_feed_is_replaced() {
    let mut desk = fed_by_alice();
    desk.hears(BOB, ANNA, lazy(9));
    assert_eq!(desk.hears(ALICE, ANNA, Note::Ignore), [notes(BOB, [(ANNA, eager(4))])]);
}

#[test]
fn a_false_claim_cannot_keep_honest_messages_away() {
    let mut desk = fed_by_alice();
    desk.hears(CAROL, ANNA, lazy(MAX_SEQUENCE));
    let switched = desk.wait(150);
    assert_eq!(switched, [notes(ALICE, [(ANNA, lazy(4))]), notes(CAROL, [(ANNA, eager(4))])], "the liar is tried");
    desk.wait(150);
    assert_eq!(
        desk.hears(ALICE, ANNA, lazy(5)),
        [notes(ALICE, [(ANNA, eager(4))]), notes(CAROL, [(ANNA, lazy(4))])],
        "and gives way without delay to the first who claims more"
    );
    desk.receives(ALICE, ANNA, 5);
    let quiet = desk.wait(9_000);
    let asks = |output: &Output| matches!(output, Output::SendNotes { link: CAROL, notes } if notes[0].1.asks());
    assert!(!quiet.iter().any(asks), "{quiet:?}");
}

#[test]
fn a_liar_is_tried_ever_more_rarely() {
    let mut desk = fed_by_alice();
    desk.hears(CAROL, ANNA, lazy(MAX_SEQUENCE));
    let mut asked = 0;
    let mut head = 4;
    for _ in 0..3600 {
        let outputs = desk.wait(1000);
        let asks = |output: &&Output| matches!(output, Output::SendNotes { link: CAROL, notes } if notes[0].1.asks());
        asked += outputs.iter().filter(asks).count();
        head += 1;
        desk.hears(ALICE, ANNA, lazy(head));
        desk.receives(ALICE, ANNA, head);
    }
    assert!((2..=12).contains(&asked), "{asked} times in an hour");
}

#[test]
fn feeds_that_a_peer_names_and_nobody_wants_are_remembered_up_to_a_bound() {
    let mut desk = Desk::holding(0);
    desk.meets(ALICE);
    for block in 0..40_u32 {
        let named = |index: u32| {
            let mut key = [7; 32];
            key[..4].copy_from_slice(&(block * 1000 + index).to_be_bytes());
            (feed::FeedId::classic(key), lazy(1))
        };
        let frame = u64::from(block) + 1;
        desk.input(Input::Notes { link: ALICE, frame, notes: (0..1000).map(named).collect() });
    }
    assert_eq!(desk.ebt.rows_of(ALICE), crate::ebt::link::MAX_UNWANTED_PER_LINK + 2);
}

#[test]
fn progress_counts_what_is_asked_for_and_what_waits_to_leave() {
    let mut desk = Desk::holding(4);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(10));
    assert_eq!(desk.ebt.progress(ALICE), Some(Progress { to_receive: 6, to_send: 0 }));
    desk.receives(ALICE, ANNA, 7);
    assert_eq!(desk.ebt.progress(ALICE), Some(Progress { to_receive: 3, to_send: 0 }));
    let now = crate::Now { monotonic: crate::Instant::from_millis(desk.now), wall: 0 };
    let ask = Input::Notes { link: ALICE, frame: 99, notes: vec![(ANNA, eager(2))] };
    desk.ebt.handle_input(ask, now);
    assert_eq!(desk.ebt.progress(ALICE), Some(Progress { to_receive: 0, to_send: 5 }));
    assert_eq!(desk.ebt.progress(BOB), None);
}

#[test]
fn a_peer_that_was_innocent_is_asked_again_after_the_pause_however_often_it_happens() {
    let mut desk = fed_by_alice();
    for _ in 0..10 {
        desk.hears(ALICE, ANNA, lazy(9));
        let pause = std::time::Duration::from_secs(5);
        desk.input(Input::Dropped { link: ALICE, feed: ANNA, pause });
        let asks = |outputs: Vec<Output>| {
            let ask = |output: &Output| matches!(output, Output::SendNotes { link: ALICE, notes } if notes[0].1.asks());
            outputs.iter().any(ask)
        };
        assert!(!asks(desk.wait(4_900)));
        assert!(asks(desk.wait(200)));
    }
}

#[test]
fn messages_may_come_by_a_link_that_is_asked_and_for_a_moment_after() {
    let mut desk = fed_by_alice();
    let asked = |desk: &Desk, link| {
        desk.ebt.is_asked(link, &ANNA, crate::Now { monotonic: crate::Instant::from_millis(desk.now), wall: 0 })
    };
    assert!(asked(&desk, ALICE));
    assert!(!asked(&desk, BOB), "bob was never asked");
    desk.hears(BOB, ANNA, lazy(5));
    desk.wait(150);
    assert!(asked(&desk, BOB));
    assert!(asked(&desk, ALICE), "what alice sends may be on its way");
    desk.wait(10_000);
    desk.receives(BOB, ANNA, 6);
    desk.wait(10_000);
    assert!(asked(&desk, BOB));
    assert!(!asked(&desk, ALICE));
}

#[test]
fn what_moves_is_known_without_a_look_at_what_does_not() {
    let mut desk = Desk::holding(4);
    desk.meets(ALICE);
    for number in 0..1_000_u32 {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        desk.hears(ALICE, feed::FeedId::classic(key), lazy(9));
    }
    desk.hears(ALICE, ANNA, lazy(5));
    assert_eq!(desk.ebt.moving_on(ALICE), 1);
    desk.receives(ALICE, ANNA, 5);
    assert_eq!(desk.ebt.moving_on(ALICE), 0);
    desk.hears(ALICE, BERT, lazy(3));
    assert_eq!(desk.ebt.progress(ALICE), Some(Progress { to_receive: 0, to_send: 0 }));
    desk.input(Input::Want { feed: BERT, want: crate::ebt::Want::Replicate });
    assert_eq!(desk.ebt.progress(ALICE), Some(Progress { to_receive: 3, to_send: 0 }));
    desk.input(Input::Want { feed: BERT, want: crate::ebt::Want::Ignore });
    assert_eq!(desk.ebt.moving_on(ALICE), 0);
}
