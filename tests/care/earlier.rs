//! Folders as earlier versions wrote them: they open, everything is there, every question has its old answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::people::copy;
use crate::peri::{PATIENCE, Person, binary};

/// The stored folders, by the number of their newest migration.
fn folders() -> Vec<(u32, PathBuf)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/schema");
    let mut folders: Vec<_> = fs::read_dir(all)
        .expect("readable")
        .filter_map(|entry| {
            let path = entry.expect("readable").path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path))
        })
        .collect();
    folders.sort();
    folders
}

fn ask(peri: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(peri).arg("--dir").arg(folder).args(arguments).output().expect("peri runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn ask_json(peri: &Path, folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&ask(peri, folder, arguments)).expect("JSON")
}

/// What this `peri` answers for a folder: its state, timelines, every thread, and the ids of all messages as they came.
fn answers(peri: &Path, folder: &Path) -> Value {
    let page = |of: &str| ask_json(peri, folder, &["timeline", "--of", of, "--limit", "10000", "--json"]);
    let ids =
        |page: Value| page["posts"].as_array().expect("posts").iter().map(|post| post["id"].clone()).collect::<Value>();
    let all = page("all");
    let posts = all["posts"].as_array().expect("posts").iter();
    let threaded = posts.filter(|post| post["replies"] != json!(0)).filter_map(|post| post["id"].as_str());
    let threads = threaded
        .map(|id| (id.to_owned(), ask_json(peri, folder, &["thread", id, "--json"])))
        .collect::<serde_json::Map<_, _>>();
    let lines = ask(peri, folder, &["export", "-"]);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let export: Value = lines.map(|line| json!([line["key"], line["timestamp"]])).collect();
    let mut status = ask_json(peri, folder, &["status", "--json"]);
    // Who is near and what it takes on the disk are matters of the moment and of the version.
    let status = status.as_object_mut().expect("an object");
    status.retain(|name, _| ["id", "messages", "feeds", "state"].contains(&name.as_str()));
    json!({
        "status": status,
        "timeline": {
            "following": ids(page("following")),
            "friends": ids(page("friends")),
            "channel:tea": ids(page("channel:tea")),
            "all": all,
        },
        "threads": threads,
        "export": export,
    })
}

/// Where `actual` differs from what is expected; fields that came later do not count.
fn difference(expected: &Value, actual: &Value, place: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => expected.iter().find_map(|(name, value)| {
            difference(value, actual.get(name).unwrap_or(&Value::Null), &format!("{place}.{name}"))
        }),
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.find_map(|(at, (expected, actual))| difference(expected, actual, &format!("{place}[{at}]")))
        }
        (Value::Number(expected), Value::Number(actual)) if expected.as_f64() == actual.as_f64() => None,
        _ if expected == actual => None,
        _ => Some(format!("{place}: {expected} became {actual}")),
    }
}

/// Runs a node until the indexes, whose rules have changed since, are filled again.
fn settle(folder: &Path, expected: &Value) {
    let person = Person::living_in(folder.to_owned(), expected["status"]["id"].as_str().expect("an id"));
    let node = person.serve(&[]);
    let begun = Instant::now();
    while person.json(&["status", "--json"])["indexing"] != Value::Null {
        assert!(begun.elapsed() < PATIENCE, "the indexes are not filled");
    }
    assert!(node.stop().success());
}

/// With `PERIWINKLE_EXPECT=<number>` and `PERI=<an old build>` the answers of that build are written down instead.
#[test]
fn an_earlier_folder_gives_the_answers_it_gave() {
    let wanted = std::env::var("PERIWINKLE_EXPECT").ok().and_then(|number| number.parse().ok());
    let folders = folders();
    assert!(!folders.is_empty());
    for (number, stored) in folders {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("folder");
        copy(&stored, &folder);
        let expected = stored.join("expected.json");
        fs::remove_file(folder.join("expected.json")).ok();
        if wanted == Some(number) {
            let old = std::env::var_os("PERI").map(PathBuf::from).expect("PERI is the path of the old build");
            fs::write(expected, answers(&old, &folder).to_string()).expect("writable");
            continue;
        }
        let expected: Value = serde_json::from_slice(&fs::read(expected).expect("there")).expect("JSON");
        settle(&folder, &expected);
        let actual = answers(binary(), &folder);
        assert_eq!(difference(&expected, &actual, &format!("{number}")), None);
        // Asked again, now that the new form is written.
        assert_eq!(difference(&expected, &answers(binary(), &folder), &format!("{number}, again")), None);
        assert!(folder.join("backup/before-change.sqlite").is_file(), "{number}: the old form was kept");
    }
}

/// A line of an export.
#[derive(serde::Deserialize)]
struct Line<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a serde_json::value::RawValue,
}

#[test]
fn every_message_of_an_earlier_folder_reads_back_and_its_feed_goes_on() {
    for (number, stored) in folders() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("folder");
        copy(&stored, &folder);
        let expected: Value =
            serde_json::from_slice(&fs::read(folder.join("expected.json")).expect("there")).expect("JSON");
        fs::remove_file(folder.join("expected.json")).expect("ours");
        let me = expected["status"]["id"].as_str().expect("an id");
        let person = Person::living_in(folder, me);
        let read = |arguments: &[&str]| -> Vec<feed::Message> {
            let text = person.ok(arguments);
            let read = |line: &str| {
                let line: Line<'_> = serde_json::from_str(line).expect("JSON");
                let message = feed::Message::decode(line.value.get().as_bytes()).expect("a message");
                assert_eq!(line.key, message.id().to_string(), "{number}");
                message
            };
            text.lines().map(read).collect()
        };
        let ids: BTreeSet<String> = read(&["export", "-"]).iter().map(|message| message.id().to_string()).collect();
        let keys =
            expected["export"].as_array().expect("rows").iter().map(|row| row[0].as_str().expect("a key").to_owned());
        assert_eq!(ids, keys.collect(), "{number}");

        let before = read(&["export", "--feed", me, "-"]);
        let head = before.last().expect("own messages");
        let id = person.ok(&["post", "written by a later version"]);
        let after = read(&["export", "--feed", me, "-"]);
        let newest = after.last().expect("own messages");
        assert_eq!((newest.id().to_string(), newest.sequence()), (id, head.sequence() + 1), "{number}");
        assert_eq!(newest.previous(), Some(head.id()), "{number}");
        person.ok(&["doctor"]);
    }
}
