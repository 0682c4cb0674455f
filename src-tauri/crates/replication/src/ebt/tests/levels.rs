//! Level frames, and what is saved.

use super::desk::*;
use crate::{
    Instant, Now,
    ebt::{Config, Ebt, Input, Output, Want},
};

#[test]
fn what_was_received_is_confirmed_once_it_is_quiet() {
    let mut desk = Desk::holding(0);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(9));
    desk.receives(ALICE, ANNA, 5);
    assert_eq!(desk.wait(999), []);
    desk.receives(ALICE, ANNA, 9);
    assert_eq!(desk.wait(999), []);
    assert_eq!(desk.wait(1), [level(ALICE, 3)]);
    assert_eq!(desk.wait(60_000), [], "and then it stays quiet");
}

#[test]
fn a_level_waits_for_what_is_not_durable_yet() {
    let mut desk = Desk::holding(0);
    desk.meets(ALICE);
    desk.hears(ALICE, ANNA, lazy(9));
    desk.receives_only(ALICE, ANNA, 9);
    assert_eq!(desk.wait(3000), []);
    desk.input(Input::Appended { feed: ANNA, sequence: 9, from: Some(ALICE) });
    assert_eq!(desk.wait(200), [level(ALICE, 2)]);
}

#[test]
fn what_does_not_come_is_left_out_of_a_level_and_told_later() {
    let mut desk = Desk::holding(0);
    desk.input(Input::Want { feed: BERT, want: Want::Replicate });
    desk.meets(ALICE);
    desk.hears(ALICE, BERT, lazy(1));
    desk.receives(ALICE, BERT, 1);
    desk.receives_only(ALICE, ANNA, 9);
    let late = Output::SendLevel { link: ALICE, through: 3, except: vec![ANNA] };
    assert_eq!(desk.wait(10_000), [late]);
    assert_eq!(desk.input(Input::Appended { feed: ANNA, sequence: 9, from: Some(ALICE) }), []);
    assert_eq!(desk.wait(1000), [notes(ALICE, [(ANNA, eager(9))])]);
}

#[test]
fn a_message_that_cannot_be_taken_does_not_hold_up_a_level() {
    let mut desk = Desk::holding(0);
    desk.input(Input::Want { feed: BERT, want: Want::Replicate });
    desk.meets(ALICE);
    desk.receives(ALICE, BERT, 1);
    desk.receives_only(ALICE, ANNA, 1);
    desk.input(Input::Refused { link: ALICE, feed: ANNA });
    assert_eq!(desk.wait(1000), [Output::SendLevel { link: ALICE, through: 2, except: vec![ANNA] }]);
}

/// All that `ebt` saved about `peer` until now, as it would be read back.
fn saved(ebt: &mut Ebt, now: u64) -> Vec<Output> {
    ebt.handle_timeout(Now { monotonic: Instant::from_millis(now), wall: 0 });
    std::iter::from_fn(|| ebt.poll_output()).filter(|output| matches!(output, Output::SaveClock { .. })).collect()
}

#[test]
fn what_was_sent_counts_as_held_only_by_the_peers_word() {
    let now = Now { monotonic: Instant::from_millis(0), wall: 0 };
    let mut ebt = Ebt::new(Config::new(ME));
    ebt.handle_input(Input::Head { feed: ANNA, sequence: 9 }, now);
    ebt.handle_input(Input::Want { feed: ANNA, want: Want::Replicate }, now);
    let up = Input::LinkUp {
        link: ALICE,
        peer: key(ALICE),
        held: Default::default(),
        told: Default::default(),
        agreed: false,
    };
    ebt.handle_input(up, now);
    ebt.handle_input(Input::NotesSent { link: ALICE, frame: 1 }, now);
    ebt.handle_input(Input::Notes { link: ALICE, frame: 1, notes: vec![(ANNA, eager(4))] }, now);
    ebt.handle_input(Input::Sent { link: ALICE, frame: 2, feed: ANNA, through: 9 }, now);
    let told = vec![(ANNA, eager(9)), (ME, lazy(0))];
    assert_eq!(
        saved(&mut ebt, 1000),
        [Output::SaveClock { peer: key(ALICE), replace: true, held: vec![(ANNA, eager(4))], told }],
        "what was known of an earlier meeting is forgotten"
    );
    ebt.handle_input(Input::Level { link: ALICE, through: 1, except: vec![] }, now);
    assert_eq!(
        saved(&mut ebt, 2000),
        [Output::SaveClock {
            peer: key(ALICE),
            replace: false,
            held: vec![(ANNA, eager(9))],
            told: vec![(ANNA, eager(9))]
        }],
        "our first frame said 9, and the peer holds all that it said"
    );
}

#[test]
fn a_level_moves_both_words_and_leaves_out_its_exceptions() {
    let now = Now { monotonic: Instant::from_millis(0), wall: 0 };
    let mut ebt = Ebt::new(Config::new(ME));
    for feed in [ANNA, BERT] {
        ebt.handle_input(Input::Head { feed, sequence: 3 }, now);
        ebt.handle_input(Input::Want { feed, want: Want::Replicate }, now);
    }
    let known: crate::ebt::Clock = [(ANNA, eager(3)), (BERT, eager(3)), (ME, lazy(0))].into();
    let told: crate::ebt::Clock = [(ANNA, lazy(3)), (BERT, lazy(3)), (ME, lazy(0))].into();
    ebt.handle_input(Input::LinkUp { link: ALICE, peer: key(ALICE), held: known, told, agreed: true }, now);
    for (frame, feed) in [(1, ANNA), (2, BERT)] {
        ebt.handle_input(Input::Appended { feed, sequence: 4, from: None }, now);
        ebt.handle_input(Input::Sent { link: ALICE, frame, feed, through: 4 }, now);
    }
    ebt.handle_input(Input::Level { link: ALICE, through: u64::MAX, except: vec![BERT] }, now);
    let moved = Output::SaveClock {
        peer: key(ALICE),
        replace: false,
        held: vec![(ANNA, eager(4))],
        told: vec![(ANNA, lazy(4))],
    };
    assert_eq!(saved(&mut ebt, 1000), [moved]);
}

#[test]
fn unsaved_clocks_are_saved_when_the_link_goes() {
    let now = Now { monotonic: Instant::from_millis(0), wall: 0 };
    let mut ebt = Ebt::new(Config::new(ME));
    let known: crate::ebt::Clock = [(ME, lazy(0))].into();
    let up = Input::LinkUp { link: ALICE, peer: key(ALICE), held: known.clone(), told: known, agreed: true };
    ebt.handle_input(up, now);
    ebt.handle_input(Input::Notes { link: ALICE, frame: 1, notes: vec![(ME, eager(0))] }, now);
    ebt.handle_input(Input::LinkDown { link: ALICE }, now);
    let save =
        Output::SaveClock { peer: key(ALICE), replace: false, held: vec![(ME, eager(0))], told: vec![(ME, lazy(0))] };
    assert_eq!(ebt.poll_output(), Some(save));
    assert_eq!(ebt.poll_output(), None);
}
