//! What comes out for what goes in.

use std::collections::{BTreeMap, BTreeSet};

use feed::{BlobId, DeviceKey, FeedId};
use proptest::prelude::*;

use super::{
    Blobs, Ending, Found, Input, JobId, Judgement, MAX_FETCHED, Named, Order, Output, REFUSED_FOR, Report, Why, Wish,
};
use crate::{Instant, LinkId, Now};

const ALICE: LinkId = LinkId(1);
const BOB: LinkId = LinkId(2);
const CAROL: LinkId = LinkId(3);
const SHELL: BlobId = BlobId::classic([0x5e; 32]);
const AUTHOR: FeedId = FeedId::classic([0xa0; 32]);
const MIB: u64 = 1 << 20;

fn key(link: LinkId) -> DeviceKey {
    DeviceKey::new([link.0 as u8; 32])
}

fn wish(why: Why) -> Wish {
    Wish { why, author: Some(AUTHOR), mentioned: 1 }
}

/// A machine on a desk.
struct Desk {
    blobs: Blobs,
    now: u64,
}

impl Desk {
    /// With these devices linked.
    fn with(links: &[LinkId]) -> Self {
        let mut desk = Self { blobs: Blobs::default(), now: 1_000_000 };
        for link in links {
            desk.input(Input::LinkUp { link: *link, device: key(*link), run: 1 });
        }
        desk
    }

    fn now(&self) -> Now {
        Now { monotonic: Instant::from_millis(self.now), wall: 7 }
    }

    /// Gives `input` and returns what comes out; whatever is told leaves at once.
    fn input(&mut self, input: Input) -> Vec<Output> {
        self.blobs.handle_input(input, self.now());
        self.drain()
    }

    fn report(&mut self, report: Report) -> Vec<Output> {
        self.input(Input::Report(report))
    }

    fn wait(&mut self, seconds: u64) -> Vec<Output> {
        self.now += seconds * 1_000;
        self.blobs.handle_timeout(self.now());
        self.drain()
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.blobs.poll_output() {
            if let Output::Tell { link, .. } = &output {
                let link = *link;
                self.blobs.handle_input(Input::Told { link }, self.now());
            }
            if !matches!(output, Output::Order(Order::Save { .. })) {
                outputs.push(output);
            }
        }
        outputs
    }

    /// Wants a blob of which nothing is here.
    fn want(&mut self, blob: BlobId, why: Why) -> Vec<Output> {
        let looked = self.input(Input::Want { blob, wish: wish(why) });
        assert_eq!(looked, [Output::Order(Order::Look { blob, by_hand: why == Why::ByHand })]);
        self.report(Report::Looked { blob, found: Found::Absent })
    }

    fn has(&mut self, link: LinkId, blob: BlobId, size: u64) -> Vec<Output> {
        self.input(Input::Haves { link, haves: vec![(blob, size)] })
    }

    fn ended(&mut self, job: u64, at: u64, how: Ending) -> Vec<Output> {
        self.report(Report::Ended { job: JobId(job), at, how })
    }
}

fn tell_want(link: LinkId, blob: BlobId, hops: Option<u8>) -> Output {
    Output::Tell { link, wants: vec![(blob, hops)], haves: vec![] }
}

fn tell_have(link: LinkId, blob: BlobId, size: u64) -> Output {
    Output::Tell { link, wants: vec![], haves: vec![(blob, size)] }
}

fn fetch(job: u64, link: LinkId, size: u64, from: u64, until: u64, by_hand: bool) -> Output {
    Output::Order(Order::Fetch { job: JobId(job), link, blob: SHELL, size, from, until, by_hand })
}

fn name(size: u64, by_hand: bool) -> Output {
    Output::Order(Order::Name { blob: SHELL, size, by_hand })
}

fn judge(link: LinkId, blob: BlobId) -> Output {
    Output::Order(Order::Judge { link, device: key(link), blobs: vec![blob] })
}

fn again() -> Output {
    Output::Order(Order::Again { blob: SHELL })
}

fn stop(job: u64) -> Output {
    Output::Order(Order::Stop { job: JobId(job) })
}

#[test]
fn what_a_message_links_to_is_looked_for_here_then_wanted_of_everybody_and_told_no_more_once_it_is_here() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    let told = desk.want(SHELL, Why::Mentioned);
    assert_eq!(told, [tell_want(ALICE, SHELL, Some(0)), tell_want(BOB, SHELL, Some(0))]);
    assert_eq!(desk.has(ALICE, SHELL, 300), [fetch(1, ALICE, 300, 0, 300, false)]);
    assert_eq!(desk.ended(1, 300, Ending::Done), [name(300, false)]);
    let arrived = desk.report(Report::Named { blob: SHELL, named: Named::Whole(300) });
    assert_eq!(arrived, [tell_want(ALICE, SHELL, None), tell_want(BOB, SHELL, None), Output::Arrived { blob: SHELL }]);
    assert_eq!(desk.blobs.fetches(9), []);
}

#[test]
fn what_is_here_already_is_no_news_to_anybody() {
    let mut desk = Desk::with(&[ALICE]);
    desk.input(Input::Want { blob: SHELL, wish: wish(Why::Mentioned) });
    let looked = desk.report(Report::Looked { blob: SHELL, found: Found::Held });
    assert_eq!(looked, [Output::Arrived { blob: SHELL }], "a page may have missed it by a moment");
    assert_eq!(desk.blobs.fetches(9), []);
}

#[test]
fn a_want_travels_two_devices_further_and_no_more() {
    for (hops, further) in [(0, Some(1)), (1, Some(2)), (2, None)] {
        let mut desk = Desk::with(&[ALICE, BOB]);
        let asked = desk.input(Input::Wants { link: ALICE, wants: vec![(SHELL, Some(hops))] });
        assert_eq!(asked, [judge(ALICE, SHELL)]);
        let told = desk.report(Report::Judged { link: ALICE, answers: vec![(SHELL, Judgement::Absent)] });
        let expected: Vec<Output> = further.map(|hops| vec![tell_want(BOB, SHELL, Some(hops))]).unwrap_or_default();
        assert_eq!(told, expected, "{hops}");
    }
}

#[test]
fn nothing_is_wanted_for_somebody_who_may_not_have_it_and_they_are_judged_again_when_it_comes() {
    let mut desk = Desk::with(&[ALICE]);
    desk.input(Input::Wants { link: ALICE, wants: vec![(SHELL, Some(0))] });
    assert_eq!(desk.report(Report::Judged { link: ALICE, answers: vec![(SHELL, Judgement::Refused)] }), []);
    let stored = desk.report(Report::Stored { blob: SHELL });
    assert_eq!(stored, [judge(ALICE, SHELL), Output::Arrived { blob: SHELL }]);
    let told = desk.report(Report::Judged { link: ALICE, answers: vec![(SHELL, Judgement::Held(9))] });
    assert_eq!(told, [tell_have(ALICE, SHELL, 9)]);
}

#[test]
fn a_want_for_a_neighbour_ends_with_theirs() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.input(Input::Wants { link: ALICE, wants: vec![(SHELL, Some(0))] });
    desk.report(Report::Judged { link: ALICE, answers: vec![(SHELL, Judgement::Absent)] });
    let ended = desk.input(Input::Wants { link: ALICE, wants: vec![(SHELL, None)] });
    assert_eq!(ended, [tell_want(BOB, SHELL, None)]);
}

#[test]
fn more_than_five_mebibytes_are_taken_by_hand_alone() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    assert_eq!(desk.has(ALICE, SHELL, MAX_FETCHED + 1), []);
    let size = MAX_FETCHED + 1;
    let asked = desk.input(Input::Want { blob: SHELL, wish: wish(Why::ByHand) });
    assert_eq!(asked, [fetch(1, ALICE, size, 0, size, true)], "who has it is known already");
}

#[test]
fn each_further_source_takes_the_upper_half_of_the_largest_remainder() {
    let mut desk = Desk::with(&[ALICE, BOB, CAROL]);
    desk.want(SHELL, Why::ByHand);
    assert_eq!(desk.has(ALICE, SHELL, 8 * MIB), [fetch(1, ALICE, 8 * MIB, 0, 8 * MIB, true)]);
    assert_eq!(desk.report(Report::Took { job: JobId(1), at: 2 * MIB }), []);
    let shorten = |job, until| Output::Order(Order::Shorten { job: JobId(job), until });
    assert_eq!(desk.has(BOB, SHELL, 8 * MIB), [shorten(1, 5 * MIB), fetch(2, BOB, 8 * MIB, 5 * MIB, 8 * MIB, true)]);
    let third = desk.has(CAROL, SHELL, 8 * MIB);
    assert_eq!(third.len(), 2, "{third:?}");
    let Output::Order(Order::Fetch { from, until, .. }) = third[1] else { panic!("{third:?}") };
    assert!(from > 2 * MIB && until == 5 * MIB || from > 5 * MIB && until == 8 * MIB, "{from} {until}");
}

#[test]
fn another_source_goes_on_where_one_broke_off() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 900_000);
    desk.has(BOB, SHELL, 900_000);
    assert_eq!(desk.ended(1, 400_000, Ending::Cut), [fetch(2, BOB, 900_000, 400_000, 900_000, false)]);
    assert_eq!(desk.ended(2, 500_000, Ending::Cut), [], "both rest");
    assert_eq!(desk.wait(1), []);
    let went_on = desk.wait(1);
    assert_eq!(went_on, [fetch(3, ALICE, 900_000, 500_000, 900_000, false)]);
}

#[test]
fn what_an_earlier_session_left_is_gone_on_with() {
    let mut desk = Desk::with(&[ALICE]);
    desk.input(Input::Want { blob: SHELL, wish: wish(Why::ByHand) });
    let found = Found::Begun { size: 900, parts: vec![(0, 300), (600, 700)] };
    desk.report(Report::Looked { blob: SHELL, found });
    assert_eq!(desk.has(ALICE, SHELL, 900), [fetch(1, ALICE, 900, 300, 600, true)]);
    assert_eq!(desk.ended(1, 600, Ending::Done), [fetch(2, ALICE, 900, 700, 900, true)]);
    assert_eq!(desk.ended(2, 900, Ending::Done), [name(900, true)]);
    // Wrong bytes that lay here before are nobody's fault.
    let wrong = desk.report(Report::Named { blob: SHELL, named: Named::Wrong });
    assert_eq!(wrong, [again(), fetch(3, ALICE, 900, 0, 900, true)]);
}

#[test]
fn a_lone_source_with_wrong_bytes_is_blamed_and_not_asked_again_for_an_hour() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    desk.ended(1, 300, Ending::Done);
    let wrong = desk.report(Report::Named { blob: SHELL, named: Named::Wrong });
    assert_eq!(wrong, [again(), Output::Blame { device: key(ALICE), blob: SHELL, times: 1 }]);
    assert_eq!(desk.has(ALICE, SHELL, 300), []);
    assert_eq!(desk.has(BOB, SHELL, 300), [fetch(2, BOB, 300, 0, 300, false)]);
    desk.ended(2, 0, Ending::NotHere);
    desk.wait(REFUSED_FOR.as_secs());
    assert_eq!(desk.has(ALICE, SHELL, 300), [fetch(3, ALICE, 300, 0, 300, false)]);
}

#[test]
fn of_several_sources_the_one_that_lied_is_found_one_by_one() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.want(SHELL, Why::ByHand);
    desk.has(ALICE, SHELL, 4 * MIB);
    desk.has(BOB, SHELL, 4 * MIB);
    // The first is done early and helps out with the upper half of what the second has left.
    let shorten = Output::Order(Order::Shorten { job: JobId(2), until: 3 * MIB });
    assert_eq!(desk.ended(1, 2 * MIB, Ending::Done), [shorten, fetch(3, ALICE, 4 * MIB, 3 * MIB, 4 * MIB, true)]);
    desk.report(Report::Took { job: JobId(2), at: 3 * MIB - 1 });
    desk.ended(3, 4 * MIB, Ending::Done);
    assert_eq!(desk.ended(2, 3 * MIB, Ending::Done), [name(4 * MIB, true)]);
    let wrong = desk.report(Report::Named { blob: SHELL, named: Named::Wrong });
    assert_eq!(wrong, [again(), fetch(4, ALICE, 4 * MIB, 0, 4 * MIB, true)], "one alone");
    desk.ended(4, 4 * MIB, Ending::Done);
    let wrong = desk.report(Report::Named { blob: SHELL, named: Named::Wrong });
    let blamed = Output::Blame { device: key(ALICE), blob: SHELL, times: 1 };
    assert_eq!(wrong, [again(), blamed, fetch(5, BOB, 4 * MIB, 0, 4 * MIB, true)]);
    desk.ended(5, 4 * MIB, Ending::Done);
    let whole = desk.report(Report::Named { blob: SHELL, named: Named::Whole(4 * MIB) });
    assert!(whole.contains(&Output::Arrived { blob: SHELL }));
}

#[test]
fn a_link_that_goes_takes_its_fetches_with_it_and_the_same_process_is_told_nothing_twice() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    desk.now += 60_000;
    assert_eq!(desk.input(Input::LinkDown { link: ALICE }), [stop(1)]);
    let same = Input::LinkUp { link: LinkId(9), device: key(ALICE), run: 1 };
    assert_eq!(desk.input(same), []);
    desk.input(Input::LinkDown { link: LinkId(9) });
    let another = Input::LinkUp { link: LinkId(10), device: key(ALICE), run: 2 };
    assert_eq!(desk.input(another), [tell_want(LinkId(10), SHELL, Some(0))]);
}

#[test]
fn what_was_told_just_before_a_link_broke_is_told_again() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.now += 1_000;
    desk.input(Input::LinkDown { link: ALICE });
    let same = Input::LinkUp { link: LinkId(9), device: key(ALICE), run: 1 };
    assert_eq!(desk.input(same), [tell_want(LinkId(9), SHELL, Some(0))]);
}

#[test]
fn who_is_blocked_takes_what_only_they_linked_along() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    let ended = desk.input(Input::Blocked { author: AUTHOR });
    let given_up = Output::Order(Order::GiveUp { blob: SHELL });
    assert_eq!(ended, [stop(1), tell_want(ALICE, SHELL, None), given_up]);
}

#[test]
fn large_ones_leave_room_for_a_picture() {
    let links: Vec<LinkId> = (1..=8).map(LinkId).collect();
    let mut desk = Desk::with(&links);
    let mut fetches = 0;
    for n in 1..=8_u8 {
        let blob = BlobId::classic([n; 32]);
        desk.want(blob, Why::ByHand);
        fetches += desk.has(LinkId(n.into()), blob, 100 * MIB).len();
    }
    assert_eq!(fetches, 6);
    desk.want(SHELL, Why::Portrait);
    assert_eq!(desk.has(LinkId(8), SHELL, 300), [fetch(7, LinkId(8), 300, 0, 300, false)]);
}

#[test]
fn a_flood_of_wants_is_bounded() {
    let mut desk = Desk::with(&[ALICE]);
    let blob = numbered;
    let mut judged = 0;
    for first in (0..100_000).step_by(200) {
        let wants = (first..first + 200).map(|n| (blob(n), Some(0))).collect();
        let mut asked = desk.input(Input::Wants { link: ALICE, wants });
        while let Some(Output::Order(Order::Judge { blobs, .. })) = asked.pop() {
            judged += blobs.len();
            let answers = blobs.into_iter().map(|blob| (blob, Judgement::Absent)).collect();
            asked.extend(desk.report(Report::Judged { link: ALICE, answers }));
        }
    }
    assert!(judged <= 1_024, "{judged}");
    assert!(desk.blobs.wants.len() <= 512, "{}", desk.blobs.wants.len());
}

#[test]
fn the_least_urgent_go_when_there_are_too_many_and_never_one_by_hand() {
    let mut desk = Desk::with(&[]);
    let blob = numbered;
    desk.want(SHELL, Why::ByHand);
    for n in 0..5_000 {
        let wish = Wish { why: Why::Mentioned, author: None, mentioned: i64::from(n) };
        desk.input(Input::Want { blob: blob(n), wish });
    }
    assert_eq!(desk.blobs.wants.len(), 4_096);
    assert!(desk.blobs.wants.contains_key(&SHELL));
    assert!(desk.blobs.wants.contains_key(&blob(4_999)), "the newest stay");
    assert!(!desk.blobs.wants.contains_key(&blob(0)));
}

#[test]
fn where_there_is_no_room_nothing_is_fetched_for_ten_minutes() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    assert_eq!(desk.ended(1, 0, Ending::NoRoom), []);
    assert_eq!(desk.wait(599), []);
    assert_eq!(desk.wait(1), [fetch(2, ALICE, 300, 0, 300, false)]);
}

fn numbered(n: u32) -> BlobId {
    BlobId::classic(std::array::from_fn(|at| n.to_le_bytes().get(at).copied().unwrap_or_default()))
}

#[test]
fn a_device_is_told_no_more_than_it_remembers_and_the_next_when_something_ends() {
    let mut desk = Desk::with(&[ALICE]);
    let mut told = BTreeSet::new();
    let mut hear = |outputs: &[Output]| {
        for output in outputs {
            let Output::Tell { wants, .. } = output else { continue };
            for (blob, hops) in wants {
                let changed = if hops.is_some() { told.insert(*blob) } else { told.remove(blob) };
                assert!(changed, "{blob}");
            }
        }
        told.len()
    };
    let mut count = 0;
    for n in 0..1_500 {
        count = hear(&desk.want(numbered(n), Why::Mentioned));
    }
    assert_eq!(count, 1_024);
    // Each that ends makes room for one more, as fast as the other side looks at them.
    for n in 0..100 {
        desk.now += 100;
        hear(&desk.input(Input::GiveUp { blob: numbered(n) }));
    }
    count = hear(&desk.wait(2));
    assert_eq!(count, 1_024, "as many others were told in their place");
}

#[test]
fn what_was_told_on_an_old_link_just_before_it_broke_is_told_again_too() {
    let mut desk = Desk::with(&[ALICE]);
    desk.now += 3_600_000;
    desk.want(SHELL, Why::Mentioned);
    desk.now += 1_000;
    desk.input(Input::LinkDown { link: ALICE });
    let same = Input::LinkUp { link: LinkId(9), device: key(ALICE), run: 1 };
    assert_eq!(desk.input(same), [tell_want(LinkId(9), SHELL, Some(0))]);
}

#[test]
fn what_ended_while_a_device_was_away_is_said_when_it_comes_back() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.now += 60_000;
    desk.input(Input::LinkDown { link: ALICE });
    desk.input(Input::GiveUp { blob: SHELL });
    let same = Input::LinkUp { link: LinkId(9), device: key(ALICE), run: 1 };
    assert_eq!(desk.input(same), [tell_want(LinkId(9), SHELL, None)]);
}

#[test]
fn what_lies_here_whole_is_named_though_nobody_is_near_and_again_after_a_failure() {
    let mut desk = Desk::with(&[]);
    desk.input(Input::Want { blob: SHELL, wish: wish(Why::ByHand) });
    let found = Found::Begun { size: 900, parts: vec![(0, 900)] };
    assert_eq!(desk.report(Report::Looked { blob: SHELL, found }), [name(900, true)]);
    assert_eq!(desk.report(Report::Named { blob: SHELL, named: Named::Failed }), []);
    assert_eq!(desk.wait(600), [name(900, true)]);
}

#[test]
fn a_size_that_is_a_lie_does_not_stand_in_the_way_of_the_true_one() {
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.want(SHELL, Why::Mentioned);
    assert_eq!(desk.has(ALICE, SHELL, 0), [], "nobody needs nothing");
    assert_eq!(desk.has(ALICE, SHELL, 900 * MIB), []);
    assert_eq!(desk.has(BOB, SHELL, 300), [fetch(1, BOB, 300, 0, 300, false)]);
    // By hand any size is tried, and one for which there is no room rests alone.
    let mut desk = Desk::with(&[ALICE, BOB]);
    desk.want(SHELL, Why::ByHand);
    assert_eq!(desk.has(ALICE, SHELL, u64::MAX), [fetch(1, ALICE, u64::MAX, 0, u64::MAX, true)]);
    desk.has(BOB, SHELL, 300);
    let ended = desk.ended(1, 0, Ending::NoRoom);
    assert_eq!(ended, [fetch(2, BOB, 300, 0, 300, true)]);
}

#[test]
fn a_size_that_turns_out_to_be_another_is_gone_on_with() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    assert_eq!(desk.ended(1, 0, Ending::Size(400)), []);
    assert_eq!(desk.wait(1), [fetch(2, ALICE, 400, 0, 400, false)]);
    assert_eq!(desk.ended(2, 0, Ending::Size(0)), [], "nothing is no file");
    assert_eq!(desk.blobs.fetches(1)[0].sources, 0);
}

#[test]
fn who_says_it_again_rests_all_the_same() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    assert_eq!(desk.ended(1, 0, Ending::Cut), []);
    assert_eq!(desk.has(ALICE, SHELL, 300), []);
    assert_eq!(desk.wait(2), [fetch(2, ALICE, 300, 0, 300, false)]);
}

#[test]
fn who_brought_something_before_the_link_went_is_not_left_out_when_it_is_wrong() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    // Some of its bytes are on the disk, and nobody has said so.
    desk.input(Input::LinkDown { link: ALICE });
    desk.input(Input::LinkUp { link: BOB, device: key(BOB), run: 1 });
    assert_eq!(desk.has(BOB, SHELL, 300), [fetch(2, BOB, 300, 0, 300, false)]);
    desk.ended(2, 300, Ending::Done);
    let wrong = desk.report(Report::Named { blob: SHELL, named: Named::Wrong });
    assert_eq!(wrong, [again(), fetch(3, BOB, 300, 0, 300, false)], "nobody is blamed yet");
}

#[test]
fn what_is_asked_for_by_hand_while_it_comes_is_kept_for_good() {
    let mut desk = Desk::with(&[ALICE]);
    desk.want(SHELL, Why::Mentioned);
    desk.has(ALICE, SHELL, 300);
    assert_eq!(desk.ended(1, 300, Ending::Done), [name(300, false)]);
    desk.input(Input::Want { blob: SHELL, wish: wish(Why::ByHand) });
    let whole = desk.report(Report::Named { blob: SHELL, named: Named::Whole(300) });
    assert!(whole.contains(&Output::Order(Order::Look { blob: SHELL, by_hand: true })), "{whole:?}");
}

/// How a world of sources behaves.
#[derive(Clone, Debug)]
struct Chance {
    lies: bool,
    cuts: u8,
}

proptest! {
    /// Whoever lies or breaks off: as long as one source is honest, the blob arrives, and only liars are blamed.
    #[test]
    fn a_blob_arrives_while_one_source_is_honest(
        size in 1_u64..6 * MIB,
        others in prop::collection::vec((any::<bool>(), 0_u8..3).prop_map(|(lies, cuts)| Chance { lies, cuts }), 0..4),
        order in any::<u64>(),
    ) {
        let honest = Chance { lies: false, cuts: 1 };
        let sources: Vec<Chance> = others.into_iter().chain([honest]).collect();
        let links: Vec<LinkId> = (1..=sources.len() as u64).map(LinkId).collect();
        let mut desk = Desk::with(&links);
        let mut cuts: Vec<u8> = sources.iter().map(|source| source.cuts).collect();
        let mut outputs = desk.want(SHELL, Why::ByHand);
        for link in &links {
            outputs.extend(desk.has(*link, SHELL, size));
        }
        let mut jobs: BTreeMap<JobId, (usize, u64, u64)> = BTreeMap::new();
        let mut wrote: BTreeSet<usize> = BTreeSet::new();
        let mut random = order;
        let mut arrived = false;
        for _ in 0..2_000 {
            for output in std::mem::take(&mut outputs) {
                match output {
                    Output::Order(Order::Fetch { job, link, from, until, .. }) => {
                        prop_assert!(from < until && until <= size);
                        jobs.insert(job, ((link.0 - 1) as usize, from, until));
                    }
                    Output::Order(Order::Shorten { job, until }) => {
                        if let Some(job) = jobs.get_mut(&job) {
                            job.2 = until;
                        }
                    }
                    Output::Order(Order::Stop { job }) => drop(jobs.remove(&job)),
                    Output::Order(Order::Again { .. }) => wrote.clear(),
                    Output::Order(Order::Name { size: named, .. }) => {
                        prop_assert_eq!(named, size);
                        let lied = wrote.iter().any(|source| sources[*source].lies);
                        let named = if lied { Named::Wrong } else { Named::Whole(size) };
                        outputs.extend(desk.report(Report::Named { blob: SHELL, named }));
                    }
                    Output::Blame { device, .. } => {
                        let at = usize::from(device.bytes()[0]) - 1;
                        prop_assert!(sources[at].lies, "source {} is honest", at);
                    }
                    Output::Arrived { .. } => arrived = true,
                    _ => {}
                }
            }
            if arrived {
                break;
            }
            if !outputs.is_empty() {
                continue;
            }
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let nth = (random >> 33) as usize % jobs.len().max(1);
            let Some((&job, &(source, from, until))) = jobs.iter().nth(nth) else {
                outputs = desk.wait(700);
                continue;
            };
            jobs.remove(&job);
            let cut = cuts[source] > 0;
            cuts[source] = cuts[source].saturating_sub(1);
            let at = if cut { from + (until - from) / 2 } else { until };
            if at > from {
                wrote.insert(source);
            }
            let how = if cut { Ending::Cut } else { Ending::Done };
            outputs = desk.report(Report::Ended { job, at, how });
        }
        prop_assert!(arrived);
    }
}
