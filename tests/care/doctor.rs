//! `peri doctor` as a person or a script runs it.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use serde_json::json;

use crate::people::{DATABASE, holds, sample, says, writer};
use crate::peri::Person;

/// Page size of our databases.
const PAGE: u64 = 8_192;

#[test]
fn a_whole_folder_is_said_to_be_whole() {
    let (person, ids) = writer(3);
    let words = person.ok(&["doctor"]);
    says(&words, &["All is whole.", "Your own feed: whole, 4 messages."]);
    says(&person.ok(&["doctor", "--quick"]), &["All is whole.", "quick check"]);
    let report = person.json(&["doctor", "--json"]);
    assert_eq!((&report["findings"], &report["messages"], &report["feeds"]), (&json!([]), &json!(4), &json!(1)));
    says(&person.ok(&["doctor", "--repair"]), &["Nothing had to be mended."]);
    holds(&person, &ids);
}

#[test]
fn what_was_found_ends_with_one_and_is_mended() {
    let (person, ids) = writer(3);
    person.ok(&["import", sample().to_str().expect("a path")]);
    // A page in the middle of the file is overwritten.
    let path = person.folder().join(DATABASE);
    let middle = fs::metadata(&path).expect("there").len() / PAGE / 2 * PAGE;
    let mut file = fs::OpenOptions::new().write(true).open(&path).expect("writable");
    file.seek(SeekFrom::Start(middle)).expect("seekable");
    file.write_all(&[0xa5; PAGE as usize]).expect("writable");
    drop(file);

    let output = person.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    says(&String::from_utf8_lossy(&output.stdout), &["not as it should be", "Run `peri doctor --repair`."]);
    let output = person.run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = &report["findings"][0];
    for field in ["about", "what", "means", "next", "remedy"] {
        assert!(finding[field].is_string(), "{finding}");
    }

    let words = person.ok(&["doctor", "--repair"]);
    says(&words, &["The database was made again from", "The damaged one was kept in", "All is whole."]);
    holds(&person, &ids);
    // What a page held comes again.
    person.ok(&["import", sample().to_str().expect("a path")]);
    assert_eq!(person.json(&["status", "--json"])["messages"], json!(2_000 + 5));
}

#[test]
fn while_a_node_runs_the_doctor_says_what_it_can_and_what_to_do() {
    let (person, _) = writer(1);
    let node = person.serve(&[]);
    let output = person.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(3), "nothing was looked at");
    let words = String::from_utf8_lossy(&output.stderr);
    says(&words, &[&person.id, "all is well", "is using", "close it, then run `peri doctor` again"]);
    assert!(node.stop().success());
    person.ok(&["doctor"]);
}

#[test]
fn a_folder_of_nobodys_is_not_examined() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let person = Person::living_in(home.path().to_owned(), "");
    says(&person.refused(&["doctor"]), &["There is no key in"]);
    assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 0, "nothing was left in it");
}

#[test]
fn a_key_that_is_missing_is_named_and_nothing_is_touched() {
    let (person, ids) = writer(2);
    let (secret, aside) = (person.folder().join("secret"), person.folder().join("elsewhere"));
    fs::rename(&secret, &aside).expect("ours");
    let output = person.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    says(&String::from_utf8_lossy(&output.stdout), &["no readable key file `secret`", "Put `secret` back from a copy"]);
    fs::rename(&aside, &secret).expect("ours");
    holds(&person, &ids);
}
