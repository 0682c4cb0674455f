//! What people give to `peri import` by mistake or by misfortune: each has a clear message, what is sound goes in, and the folder
//! opens afterwards.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use feed::{KeyPair, Message, json::Value, sign};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::peri::Person;

const SAMPLE: &str = include_str!("../data/sample-2000.ndjson");
const SAMPLE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample-2000.ndjson");

/// Lines on stderr that an import may fill with refusals, its summary included.
const MANY_LINES: usize = 60;

fn counts(report: &Json) -> [u64; 5] {
    ["read", "stored", "known", "rejected", "waiting"].map(|key| report[key].as_u64().expect("a number"))
}

/// Imports from the standard input; the report, and what was said.
fn import(person: &Person, input: &[u8]) -> (Json, String) {
    let output = person.pipe(&["import", "-"], input);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    let report: Json = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(output.status.code(), Some(i32::from(report["rejected"] != 0)), "{stderr}");
    (report, stderr)
}

/// The folder opens, everything in it is sound, and the whole sample goes in on top.
fn is_well(person: &Person) {
    for line in person.ok(&["export", "-"]).lines() {
        let row: Json = serde_json::from_str(line).expect("JSON");
        let (_, value) = line.split_once("\"value\":").expect("a value");
        let value = value.rsplit_once(",\"timestamp\":").expect("an envelope").0;
        let message = Message::decode(value.as_bytes()).expect("as it was signed");
        assert_eq!(row["key"], message.id().to_string());
    }
    let again = person.json(&["import", SAMPLE_FILE]);
    let [read, stored, known, rejected, waiting] = counts(&again);
    assert_eq!((read, stored + known, rejected, waiting), (2000, 2000, 0, 0), "{again}");
}

#[test]
fn of_a_mutated_file_what_is_sound_goes_in_and_the_rest_is_told_in_few_lines() {
    let seed = std::env::var("PERIWINKLE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("PERIWINKLE_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
    let mut file = SAMPLE.as_bytes().to_vec();
    for _ in 0..400 {
        let at = below(file.len());
        match below(4) {
            0 => file[at] = below(256) as u8,
            1 => drop(file.remove(at)),
            2 => file.insert(at, below(256) as u8),
            _ => file[at] ^= 1 << below(8),
        }
    }
    let ada = Person::new("Ada");
    let (report, stderr) = import(&ada, &file);
    let [read, stored, known, rejected, waiting] = counts(&report);
    assert!(rejected > 100 && stored > 0, "{report}");
    assert_eq!(stored + known + rejected + waiting, read, "each line is accounted for: {report}");
    assert!(stderr.lines().count() <= MANY_LINES, "{stderr}");
    assert!(stderr.contains(&format!("{rejected} were refused in all")), "{stderr}");
    assert!(stderr.contains("because one before them in their feed is missing"), "{stderr}");
    is_well(&ada);
}

#[test]
fn a_truncated_file_gives_what_was_whole() {
    let ada = Person::new("Ada");
    let end = SAMPLE.match_indices('\n').nth(999).expect("many lines").0;
    let (report, stderr) = import(&ada, &SAMPLE.as_bytes()[..end + 300]);
    assert_eq!(counts(&report), [1001, 1000, 0, 1, 0], "{report}");
    assert!(stderr.contains("line 1001, message "), "{stderr}");
    is_well(&ada);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_passed_over_in_bounded_memory() {
    let ada = Person::new("Ada");
    let (before, after) = SAMPLE.split_at(SAMPLE.match_indices('\n').nth(99).expect("many lines").0 + 1);
    let mut child = ada
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("peri runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(before.as_bytes()).expect("reads");
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        stdin.write_all(&megabyte).expect("reads");
    }
    stdin.write_all(b"\n").expect("reads");
    stdin.write_all(after.as_bytes()).expect("reads");
    // It still waits for more, so that its peak can be looked at.
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 96 << 10, "{kilobytes} kB");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let report: Json = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(counts(&report), [2001, 2000, 0, 1, 0], "{report}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 101, "));
    is_well(&ada);
}

#[test]
fn input_without_an_end_of_a_line_is_given_up() {
    let ada = Person::new("Ada");
    let mut child = ada
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("peri runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let first = SAMPLE.lines().next().expect("a line");
    writeln!(stdin, "{first}").expect("reads");
    let megabyte = vec![b'x'; 1 << 20];
    // For ever, had it not an end.
    while stdin.write_all(&megabyte).is_ok() {}
    let output = child.wait_with_output().expect("it ends by itself");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("no end in sight"), "{stderr}");
    assert_eq!(counts(&ada.json(&["import", SAMPLE_FILE]))[..3], [2000, 1999, 1], "what came before is stored");
    is_well(&ada);
}

#[test]
fn what_is_no_file_of_messages_is_named_before_anything_is_done() {
    let ada = Person::new("Ada");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let utf16: Vec<u8> = SAMPLE.encode_utf16().take(4_000).flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("sample.ndjson.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(), "gunzip"),
        ("sample.zst", b"\x28\xb5\x2f\xfd\x04\x00".to_vec(), "zstd"),
        ("marked-utf16.ndjson", [b"\xff\xfe", &utf16[..]].concat(), "iconv"),
        ("utf16.ndjson", utf16, "no text"),
        ("zeros.ndjson", vec![0; 4096], "no text"),
        ("list.json", b"[{\"key\":".to_vec(), "line of its own"),
    ];
    for (name, bytes, hint) in cases {
        let file = folder.path().join(name);
        fs::write(&file, &bytes).expect("a file");
        let words = ada.refused(&["import", file.to_str().expect("a path")]);
        assert!(words.contains(name) && words.contains(hint), "{words}");
        let output = ada.pipe(&["import", "-"], &bytes);
        assert_eq!(output.status.code(), Some(1), "{name}");
    }
    let words = ada.refused(&["import", "there-is-no-such-file"]);
    assert!(words.contains("there-is-no-such-file"), "{words}");
    is_well(&ada);
}

#[test]
fn a_mark_before_the_text_does_no_harm_and_lines_in_another_encoding_are_refused() {
    let ada = Person::new("Ada");
    let mut lines: Vec<Vec<u8>> = SAMPLE.lines().map(|line| line.as_bytes().to_vec()).collect();
    lines[0].splice(0..0, *b"\xef\xbb\xbf");
    // é as Latin-1, and a NUL: both at the end of what their authors said last.
    let last = lines.len() - 1;
    let text = lines[last].windows(8).position(|text| text == b"\"type\":\"").expect("a content") + 8;
    let (mut latin, mut zero) = (lines[last].clone(), lines[last].clone());
    latin[text] = 0xe9;
    zero[text] = 0;
    lines.truncate(last);
    lines.extend([latin, zero]);
    let (report, stderr) = import(&ada, &lines.join(&b'\n'));
    assert_eq!(counts(&report), [2001, 1999, 0, 2, 0], "{report}");
    assert!(stderr.contains("line 2000, ") && stderr.contains("line 2001, "), "{stderr}");
    is_well(&ada);
}

#[test]
fn an_import_that_is_interrupted_goes_on_where_it_was_when_begun_again() {
    let ada = Person::new("Ada");
    let mut file = Vec::new();
    for author in 0..4_u8 {
        let keys = KeyPair::from_seed(&[100 + author; 32]);
        let mut head = None;
        for number in 0..2_500 {
            let content =
                Value::object([("type", Value::from("post")), ("text", Value::from(format!("number {number}")))]);
            let message = sign(&keys, None, head.as_ref(), 1.0, &content).expect("sound");
            head = Some(message.head());
            file.extend_from_slice(message.encoded());
            file.push(b'\n');
        }
    }
    let mut child =
        ada.command(&["import", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("peri runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Two whole batches and a part of a third: the first are being stored.
    stdin.write_all(&file[..file.len() - 1000]).expect("reads");
    stdin.flush().expect("reads");
    let pid = Pid::from_child(&child);
    // Not the signal of Ctrl-C, which whoever runs the tests may have had ignored.
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(!child.wait().expect("it ends").success());
    let (report, _) = import(&ada, &file);
    let [read, stored, known, rejected, waiting] = counts(&report);
    assert_eq!((read, stored + known, rejected, waiting), (10_000, 10_000, 0, 0), "{report}");
    let (again, _) = import(&ada, &file);
    assert_eq!(counts(&again), [10_000, 0, 10_000, 0, 0], "{again}");
    is_well(&ada);
}

#[test]
fn a_file_in_any_order_goes_in_whole() {
    let ada = Person::new("Ada");
    let mut lines: Vec<&str> = SAMPLE.lines().collect();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for at in (1..lines.len()).rev() {
        lines.swap(at, (random.next_u64() % (at as u64 + 1)) as usize);
    }
    let (report, stderr) = import(&ada, lines.join("\n").as_bytes());
    assert_eq!(counts(&report), [2000, 2000, 0, 0, 0], "{report} {stderr}");
    is_well(&ada);
}
