//! Logs as their apps write them, and what damage costs.

use feed::Message;
use feed::json::Value;
use proptest::prelude::*;

use super::*;
use crate::bipf::tests::encode;

const SAMPLE: &str = include_str!("../../../../../tests/data/sample-2000.ndjson");

fn sample(count: usize) -> Vec<&'static str> {
    SAMPLE.lines().take(count).collect()
}

/// The exact bytes of the message in a line of the sample.
fn value(line: &str) -> &str {
    line.split_once("\"value\":").and_then(|(_, rest)| rest.rsplit_once(",\"timestamp\":")).expect("an envelope").0
}

fn blocks(lines: &[&str]) -> Vec<u8> {
    let mut log = Vec::new();
    for line in lines {
        let data = encode(&Value::parse(line.as_bytes()).unwrap());
        let used = log.len() % BLOCK;
        if used + 2 + data.len() + 2 > BLOCK {
            log.resize(log.len() + BLOCK - used, 0);
        }
        log.extend((data.len() as u16).to_le_bytes());
        log.extend(data);
    }
    log.resize(log.len().div_ceil(BLOCK) * BLOCK, 0);
    log
}

fn frames(lines: &[&str], pointer: usize) -> Vec<u8> {
    let mut log = Vec::new();
    for line in lines {
        let length = (line.len() as u32).to_be_bytes();
        log.extend(length);
        log.extend(line.as_bytes());
        log.extend(length);
        let end = (log.len() + pointer) as u64;
        log.extend(&end.to_be_bytes()[8 - pointer..]);
    }
    log
}

fn log(form: Form, lines: &[&str]) -> Vec<u8> {
    match form {
        Form::Blocks => blocks(lines),
        Form::Frames => frames(lines, 4),
        Form::Lines => lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect(),
    }
}

/// Everything in a log that comes in pieces of this size.
fn read(form: Form, log: &[u8], piece: usize) -> Vec<Found> {
    let mut reader = LogReader::new(form);
    let mut found = Vec::new();
    for piece in log.chunks(piece) {
        reader.push(piece);
        found.extend(std::iter::from_fn(|| reader.poll()));
        assert!(reader.bytes.rest().len() <= MAX_RECORD + piece.len() + 64);
    }
    reader.end();
    found.extend(std::iter::from_fn(|| reader.poll()));
    assert_eq!(reader.poll(), None);
    found
}

fn messages(found: &[Found]) -> Vec<Message> {
    let record = |found: &Found| match found {
        Found::Record(record) => record.message().ok(),
        _ => None,
    };
    found.iter().filter_map(record).collect()
}

fn lost(found: &[Found]) -> u64 {
    let bytes = |found: &Found| match found {
        Found::Damaged { bytes, .. } => *bytes,
        _ => 0,
    };
    found.iter().map(bytes).sum()
}

const FORMS: [Form; 3] = [Form::Blocks, Form::Frames, Form::Lines];

#[test]
fn every_message_of_the_sample_comes_back_byte_for_byte() {
    let lines = sample(usize::MAX);
    for form in FORMS {
        let found = read(form, &log(form, &lines), 100_000);
        assert_eq!(found.len(), 2000, "{form:?}");
        for (line, message) in lines.iter().zip(messages(&found)) {
            assert_eq!(message.encoded(), value(line).as_bytes());
        }
    }
}

#[test]
fn the_size_of_the_pieces_changes_nothing() {
    let lines = sample(120);
    for form in FORMS {
        let log = log(form, &lines);
        let whole = read(form, &log, log.len());
        assert_eq!(messages(&whole).len(), 120, "{form:?}");
        for piece in [1, 7, 1000, BLOCK - 1, BLOCK, BLOCK + 1] {
            assert_eq!(read(form, &log, piece), whole, "{form:?} in pieces of {piece}");
        }
    }
}

#[test]
fn a_record_says_where_it_stands_and_what_it_claims() {
    let lines = sample(3);
    for form in FORMS {
        for found in read(form, &log(form, &lines), 999) {
            let Found::Record(record) = found else { panic!("{form:?}: {found:?}") };
            let (claim, message) = (record.claim().expect("a claim"), record.message().expect("a message"));
            assert_eq!(claim.author, Some(message.author()));
            assert_eq!(claim.sequence, Some(message.sequence()));
            assert_eq!(claim.timestamp, Some(message.timestamp()));
        }
    }
    let positions: Vec<u64> = read(Form::Lines, &log(Form::Lines, &lines), 99)
        .iter()
        .map(|found| match found {
            Found::Record(record) => record.position(),
            _ => u64::MAX,
        })
        .collect();
    assert_eq!(positions, [0, lines[0].len() as u64 + 1, (lines[0].len() + lines[1].len()) as u64 + 2]);
}

#[test]
fn deleted_records_are_passed_over() {
    let lines = sample(5);
    for form in [Form::Blocks, Form::Frames] {
        let mut log = log(form, &lines);
        let found = read(form, &log, 1000);
        let Some(Found::Record(record)) = found.get(2) else { panic!("a record") };
        let head = if form == Form::Blocks { 2 } else { 4 };
        let at = record.position() as usize + head;
        log[at..at + record.size()].fill(0);
        let left = read(form, &log, 1000);
        assert_eq!((left.len(), &left[2]), (5, &Found::Deleted), "{form:?}");
        assert_eq!(messages(&left).len(), 4);
    }
}

#[test]
fn pointers_of_every_width_are_understood_and_damage_does_not_change_that() {
    let lines = sample(60);
    for pointer in [0, 4, 6, 8] {
        let mut log = frames(&lines, pointer);
        assert_eq!(messages(&read(Form::Frames, &log, 777)).len(), 60, "{pointer}");
        log[0] = 1;
        log[20_000..20_050].fill(0xee);
        let found = read(Form::Frames, &log, 777);
        assert!((57..=58).contains(&messages(&found).len()), "{pointer}: {}", messages(&found).len());
        assert!(lost(&found) > 0 && lost(&found) < 4_000, "{pointer}: {}", lost(&found));
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_touched() {
    let lines = sample(400);
    for (form, most) in [(Form::Blocks, 3), (Form::Frames, 2)] {
        let good = log(form, &lines);
        for (from, bytes) in [(70_000, 1), (70_000, 600), (100_000, 40)] {
            let mut log = good.clone();
            log[from..from + bytes].iter_mut().for_each(|byte| *byte ^= 0xa5);
            let found = read(form, &log, 5000);
            let left = messages(&found).len();
            assert!((400 - most..=400).contains(&left), "{form:?}, {bytes} bytes at {from}: {left}");
        }
    }
}

#[test]
fn a_page_of_zeros_in_a_block_costs_that_page() {
    let mut log = blocks(&sample(200));
    log[8192..12_288].fill(0);
    let found = read(Form::Blocks, &log, BLOCK);
    assert!(messages(&found).len() >= 190, "{}", messages(&found).len());
    assert!(lost(&found) >= 3000);
}

#[test]
fn a_log_that_is_cut_off_gives_what_is_whole_and_says_so() {
    let lines = sample(200);
    for form in FORMS {
        let whole = log(form, &lines);
        for cut in [whole.len() - 1, whole.len() / 2 + 9, BLOCK + 1, 10] {
            let found = read(form, &whole[..cut], 4096);
            let partial_line = form == Form::Lines && messages(&found).len() < found.len();
            let is_told = found.iter().any(|found| matches!(found, Found::Damaged { .. })) || partial_line;
            assert!(is_told || (form == Form::Lines && cut == whole.len() - 1), "{form:?} cut at {cut}");
            assert!(messages(&found).len() <= 200);
        }
    }
}

#[test]
fn what_is_too_long_is_passed_over() {
    let long = format!("{{\"key\":\"{}\"}}", "x".repeat(3 * MAX_RECORD));
    let lines = [sample(1)[0], &long, sample(1)[0]];
    for form in [Form::Frames, Form::Lines] {
        let found = read(form, &log(form, &lines), 50_000);
        assert_eq!(messages(&found).len(), 2, "{form:?}");
        assert!(lost(&found) >= 3 * MAX_RECORD as u64, "{form:?}");
    }
}

#[test]
fn an_empty_log_holds_nothing() {
    for form in FORMS {
        assert_eq!(read(form, &[], 1), []);
    }
    assert_eq!(read(Form::Blocks, &vec![0; 2 * BLOCK], BLOCK), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1_usize..400) {
        for form in FORMS {
            messages(&read(form, &bytes, piece));
        }
    }

    #[test]
    fn a_mutated_log_gives_true_messages_or_says_that_they_are_lost(
        changes in prop::collection::vec((0_usize..60_000, any::<u8>()), 1..20),
        cut in 40_000_usize..65_536,
        piece in 100_usize..70_000,
    ) {
        let lines = sample(70);
        for form in FORMS {
            let mut log = log(form, &lines);
            log.truncate(cut);
            for (at, byte) in &changes {
                if let Some(place) = log.get_mut(*at) {
                    *place = *byte;
                }
            }
            let found = read(form, &log, piece);
            // A key that is damaged as well lets a changed message through, but not its signature.
            let verifier = feed::Verifier::new(None);
            for message in messages(&found).into_iter().filter_map(|message| verifier.verify(message).ok()) {
                prop_assert!(lines.iter().any(|line| line.contains(&message.id().to_string())));
            }
            let records = found.iter().filter(|found| matches!(found, Found::Record(_))).count();
            prop_assert!(records <= 70 + changes.len());
        }
    }
}
