//! A peer that says and sends whatever it likes.

use feed::FeedId;
use proptest::prelude::*;

use super::desk::{ALICE, ANNA, BERT, BOB, CAROL, ME, key};
use crate::{
    Instant, LinkId, Now,
    ebt::{Clock, Config, Ebt, Input, MAX_SEQUENCE, Note, Output, Want},
};

fn feed() -> impl Strategy<Value = FeedId> {
    prop_oneof![Just(ME), Just(ANNA), Just(BERT), any::<[u8; 32]>().prop_map(FeedId::classic)]
}

fn sequence() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, Just(MAX_SEQUENCE), Just(u64::MAX), any::<u64>()]
}

fn note() -> impl Strategy<Value = Note> {
    let have = (sequence(), any::<bool>()).prop_map(|(sequence, receive)| Note::Have { sequence, receive });
    prop_oneof![1 => Just(Note::Ignore), 5 => have]
}

fn link() -> impl Strategy<Value = LinkId> {
    prop_oneof![Just(ALICE), Just(BOB), Just(CAROL)]
}

fn input() -> impl Strategy<Value = Input> {
    let notes = proptest::collection::vec((feed(), note()), 0..5);
    let carried = proptest::collection::vec((feed(), sequence()), 0..5);
    let clock = || proptest::collection::btree_map(feed(), note(), 0..5);
    prop_oneof![
        4 => (link(), any::<u64>(), notes).prop_map(|(link, frame, notes)| Input::Notes { link, frame, notes }),
        4 => (link(), any::<u64>(), carried)
            .prop_map(|(link, frame, carried)| Input::Messages { link, frame, carried }),
        2 => (link(), feed(), sequence()).prop_map(|(link, feed, sequence)| Input::Known { link, feed, sequence }),
        1 => (link(), feed()).prop_map(|(link, feed)| Input::Gap { link, feed }),
        1 => (link(), feed()).prop_map(|(link, feed)| Input::Refused { link, feed }),
        2 => (feed(), 0..1_000_u64, proptest::option::of(link()))
            .prop_map(|(feed, sequence, from)| Input::Appended { feed, sequence, from }),
        2 => (link(), any::<u64>(), proptest::collection::vec(feed(), 0..3))
            .prop_map(|(link, through, except)| Input::Level { link, through, except }),
        1 => (link(), any::<bool>(), clock(), clock())
            .prop_map(|(link, agreed, held, told)| Input::LinkUp { link, peer: key(link), held, told, agreed }),
        1 => link().prop_map(|link| Input::LinkDown { link }),
        1 => feed().prop_map(|feed| Input::Frozen { feed }),
        1 => (feed(), prop_oneof![Just(Want::Replicate), Just(Want::Ignore), Just(Want::Block)])
            .prop_map(|(feed, want)| Input::Want { feed, want }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_that_is_said_breaks_the_machine_or_keeps_it_busy(
        inputs in proptest::collection::vec((input(), 0..500_u64), 1..120),
    ) {
        let mut ebt = Ebt::new(Config::new(ME));
        let mut millis = 0;
        let at = |millis| Now { monotonic: Instant::from_millis(millis), wall: 0 };
        ebt.handle_input(Input::Want { feed: ANNA, want: Want::Replicate }, at(0));
        for link in [ALICE, BOB, CAROL] {
            let (held, told) = (Clock::new(), Clock::new());
            ebt.handle_input(Input::LinkUp { link, peer: key(link), held, told, agreed: false }, at(0));
        }
        for (input, pause) in inputs {
            ebt.handle_input(input, at(millis));
            drain(&mut ebt, at(millis));
            millis += pause;
            ebt.handle_timeout(at(millis));
            drain(&mut ebt, at(millis));
            prop_assert!(ebt.poll_timeout().is_none_or(|due| due > at(millis).monotonic), "woken for nothing");
        }
        let mut wakes = 0;
        while let Some(due) = ebt.poll_timeout() {
            let now = Now { monotonic: due, wall: 0 };
            ebt.handle_timeout(now);
            drain(&mut ebt, now);
            wakes += 1;
            if due > at(millis + 24 * 3600 * 1000).monotonic {
                break;
            }
        }
        // Distrust doubles up to an hour, for each feed that somebody lies about.
        prop_assert!(wakes < 100_000, "{wakes} wakes in a day");
    }
}

/// Carries out what the machine asks, as a driver would; what it asks is bounded.
fn drain(ebt: &mut Ebt, now: Now) {
    let mut outputs = 0;
    while let Some(output) = ebt.poll_output() {
        outputs += 1;
        assert!(outputs < 1_000, "one input asks for {outputs} things");
        match output {
            Output::SendNotes { link, .. } => ebt.handle_input(Input::NotesSent { link, frame: 1 }, now),
            Output::Stream { link, feed, after, through } => {
                assert!(after < through, "an empty stream");
                ebt.handle_input(Input::Sent { link, frame: 1, feed, through }, now);
            }
            _ => {}
        }
    }
}
