//! `peri import` and `peri export`: everything verified, byte for byte.

use std::collections::BTreeSet;

use feed::{KeyPair, Message, json::Value, sign};

use crate::peri::Person;

const SAMPLE: &str = include_str!("../data/sample-2000.ndjson");
const SAMPLE_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sample-2000.ndjson");

/// The exact bytes of the message in a line of the sample.
fn value(line: &str) -> &str {
    line.split_once("\"value\":").and_then(|(_, rest)| rest.rsplit_once(",\"timestamp\":")).expect("an envelope").0
}

#[test]
fn the_sample_goes_in_whole_and_comes_out_byte_for_byte() {
    let ada = Person::new("Ada");
    let report = ada.json(&["import", SAMPLE_FILE]);
    let counts =
        |report: &serde_json::Value| ["read", "stored", "known", "rejected", "waiting"].map(|key| report[key].as_u64());
    assert_eq!(counts(&report), [2000, 2000, 0, 0, 0].map(Some), "{report}");
    assert!(report["seconds"].as_f64() > Some(0.0));
    let again = ada.json(&["import", SAMPLE_FILE]);
    assert_eq!(counts(&again), [2000, 0, 2000, 0, 0].map(Some), "{again}");

    let export = ada.ok(&["export", "-"]);
    let exported: BTreeSet<&str> = export.lines().map(value).collect();
    let imported: BTreeSet<&str> = SAMPLE.lines().map(value).collect();
    assert_eq!(imported.difference(&exported).count(), 0);
    assert_eq!(exported.len(), 2001, "the sample and one's own name");
    for line in export.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let message = Message::decode(value(line).as_bytes()).expect("a message");
        assert_eq!(row["key"], message.id().to_string());
        assert!(row["timestamp"].is_i64());
    }

    let author = Message::decode(value(export.lines().nth(1).expect("a line")).as_bytes()).expect("a message").author();
    let one = ada.ok(&["export", "--feed", &author.to_string(), "-"]);
    assert!(one.lines().count() > 1);
    assert!(one.lines().all(|line| value(line).contains(&author.to_string())));
}

#[test]
fn an_import_of_nothing_ends_with_one_and_an_export_writes_over_nothing() {
    let ada = Person::new("Ada");
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("all.ndjson");
    let path = file.to_str().expect("UTF-8");
    std::fs::write(&file, "\n").expect("a file");
    assert!(ada.refused(&["import", path]).contains("no message in"));
    assert!(ada.refused(&["import", home.path().to_str().expect("UTF-8")]).contains("--ssb"));
    assert!(ada.refused(&["export", path]).contains("is there already"));
    assert_eq!(std::fs::read(&file).expect("a file"), b"\n");
    ada.ok(&["export", path, "--force"]);
    assert!(std::fs::read_to_string(&file).expect("a file").contains(&ada.id));
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 1, "nothing unfinished stays");
}

#[test]
fn the_sample_shows_real_names_threads_and_replies() {
    let ada = Person::new("Ada");
    ada.ok(&["import", SAMPLE_FILE]);
    let page = ada.json(&["timeline", "--of", "all", "--limit", "50", "--json"]);
    let posts = page["posts"].as_array().expect("posts");
    assert_eq!(posts.len(), 50);
    assert!(posts.iter().all(|post| post["author"]["named"] == true), "everybody of the sample gave a name");
    let rolled =
        posts.iter().find(|post| post["latest"].as_array().is_some_and(|latest| !latest.is_empty())).expect("a reply");
    let thread = ada.json(&["thread", rolled["id"].as_str().expect("an id"), "--json"]);
    assert!(thread["entries"].as_array().expect("entries").len() >= 2, "{thread}");
}

#[test]
fn a_changed_byte_is_refused_by_name_and_the_rest_goes_in() {
    let ada = Person::new("Ada");
    // The last message of its feed, so that nothing hangs on it.
    let lines: Vec<&str> = SAMPLE.lines().collect();
    let last = Message::decode(value(lines[lines.len() - 1]).as_bytes()).expect("a message");
    let (author, sequence) = (last.author().to_string(), last.sequence());
    let good = value(lines[lines.len() - 1]);
    let at = good.rfind("\"signature\":\"").expect("a signature") + 20;
    let text = good.find("\"timestamp\":").expect("a timestamp") + "\"timestamp\":".len() + 3;
    for at in [at, text] {
        let mut changed = good.to_owned();
        let other = if &good[at..=at] == "5" { "6" } else { "5" };
        changed.replace_range(at..=at, other);
        let mut file: Vec<&str> = lines[..lines.len() - 1].iter().map(|line| value(line)).collect();
        file.insert(1500, &changed);
        let output = ada.pipe(&["import", "-"], file.join("\n").as_bytes());
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(&format!("message {sequence} of {author}")), "{stderr}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["rejected"], 1, "{report}");
        assert_eq!(
            report["stored"].as_u64().expect("stored") + report["known"].as_u64().expect("known"),
            1999,
            "{report}"
        );
    }
}

#[test]
fn messages_may_come_in_any_order() {
    let ada = Person::new("Ada");
    let mut lines: Vec<&str> = SAMPLE.lines().collect();
    lines.reverse();
    let output = ada.pipe(&["import", "-"], lines.join("\n").as_bytes());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["stored"], &report["rejected"], &report["waiting"]),
        (&2000.into(), &0.into(), &0.into()),
        "{report}"
    );
}

#[test]
fn what_misses_an_earlier_message_waits_and_is_counted() {
    let ada = Person::new("Ada");
    let first = SAMPLE.lines().next().expect("a line");
    let rest = SAMPLE.lines().skip(1).collect::<Vec<_>>().join("\n");
    let output = ada.pipe(&["import", "-"], rest.as_bytes());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let waiting = report["waiting"].as_u64().expect("a number");
    assert!(waiting > 1, "{report}");
    assert_eq!(report["stored"].as_u64().map(|stored| stored + waiting), Some(1999), "{report}");
    let output = ada.pipe(&["import", "-"], format!("{first}\n{rest}").as_bytes());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["stored"].as_u64(), Some(waiting + 1), "{report}");
}

#[test]
fn nonsense_is_refused_line_by_line() {
    let ada = Person::new("Ada");
    let good = value(SAMPLE.lines().next().expect("a line"));
    let file = [b"{".as_slice(), b"\xff\xfe", b"[]", b"null", good.as_bytes(), b"{\"value\":5}"].join(b"\n".as_slice());
    let output = ada.pipe(&["import", "-"], &file);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&report["read"], &report["stored"], &report["rejected"]),
        (&6.into(), &1.into(), &5.into()),
        "{report}"
    );
}

#[test]
fn a_running_node_imports_and_exports_the_same() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    assert_eq!(ada.json(&["import", SAMPLE_FILE])["stored"], 2000);
    let export = ada.ok(&["export", "-"]);
    assert_eq!(export.lines().count(), 2001);
    let file = ada.folder().join("copy.ndjson");
    ada.ok(&["export", file.to_str().expect("UTF-8")]);
    assert_eq!(std::fs::read_to_string(&file).expect("readable").trim_end(), export);
    assert!(node.stop().success());
}

#[test]
fn a_post_from_the_year_3000_does_not_stay_on_top() {
    let ada = Person::new("Ada");
    let keys = KeyPair::from_seed(&[3; 32]);
    let content = Value::object([("type", "post".into()), ("text", "greetings from the future".into())]);
    let year_3000 = 32_503_680_000_000.0;
    let future = sign(&keys, None, None, year_3000, &content).expect("signs");
    let output = ada.pipe(&["import", "-"], future.encoded());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(ada.texts(), ["greetings from the future"]);
    ada.ok(&["post", "greetings from today"]);
    assert_eq!(ada.texts(), ["greetings from today", "greetings from the future"]);
}
