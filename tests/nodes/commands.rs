//! What the command line promises: outputs, exit codes, files.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::peri::{Person, binary};

#[test]
fn a_person_begins_posts_and_reads_without_anybody() {
    let ada = Person::new("Ada");
    assert_eq!(ada.ok(&["id"]), ada.id);

    let first = ada.ok(&["post", "hello, tide", "--channel", "#Tea"]);
    assert!(first.starts_with('%') && first.ends_with(".sha256"), "{first}");
    let reply = ada.ok(&["post", "and good night", "--reply-to", &first]);

    let thread = ada.json(&["thread", &reply, "--json"]);
    assert_eq!(thread["root"], first);
    let texts: Vec<_> =
        thread["entries"].as_array().expect("entries").iter().map(|entry| &entry["value"]["text"]).collect();
    assert_eq!(texts, ["hello, tide", "and good night"]);

    for of in ["all", "following", "friends", "channel:tea"] {
        let page = ada.json(&["timeline", "--of", of, "--json"]);
        assert_eq!(page["posts"][0]["id"], first, "{of}: {page}");
        assert_eq!(page["posts"][0]["author"]["name"], "Ada", "{of}");
    }
    assert!(ada.ok(&["timeline"]).contains("hello, tide"));
    assert!(ada.ok(&["thread", &first]).contains("and good night"));

    let status = ada.json(&["status", "--json"]);
    assert_eq!((&status["id"], &status["state"]), (&ada.id.clone().into(), &"whole".into()));
    assert_eq!((&status["messages"], &status["feeds"], &status["peers"]), (&3.into(), &1.into(), &0.into()));
    assert!(status["bytes"].as_u64() > Some(0), "{status}");
}

#[test]
fn names_and_follows_are_messages_too() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    for id in [ada.ok(&["name", "Ada Tide"]), ada.ok(&["follow", &bo.id]), ada.ok(&["unfollow", &bo.id])] {
        assert!(id.starts_with('%'), "{id}");
    }
    ada.ok(&["post", "renamed"]);
    assert_eq!(ada.json(&["timeline", "--json"])["posts"][0]["author"]["name"], "Ada Tide");
    assert_eq!(ada.json(&["status", "--json"])["messages"], 5);
}

#[test]
fn a_timeline_goes_on_where_a_page_ended() {
    let ada = Person::new("Ada");
    for n in 1..=5 {
        ada.ok(&["post", &format!("number {n}")]);
    }
    let mut seen = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let mut arguments = vec!["timeline", "--limit", "2", "--json"];
        if let Some(cursor) = &before {
            arguments.extend(["--before", cursor]);
        }
        let page = ada.json(&arguments);
        seen.extend(page["posts"].as_array().expect("posts").iter().map(|post| post["text"].clone()));
        match page["next"].as_str() {
            Some(next) => before = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ["number 5", "number 4", "number 3", "number 2", "number 1"]);
}

#[test]
fn what_is_refused_ends_with_one_and_says_why_and_what_to_do() {
    let ada = Person::new("Ada");
    assert!(ada.refused(&["init"]).contains("belongs to somebody"));
    assert!(ada.refused(&["follow", "@nobody"]).contains("is not an id"));
    assert!(ada.refused(&["follow", &ada.id]).contains("That is you"));
    assert!(ada.refused(&["post", "  "]).contains("nothing to publish"));
    assert!(ada.refused(&["post", &"x".repeat(9_000)]).contains("too long"));
    assert!(ada.refused(&["name", " "]).contains("at least one letter"));
    let nowhere = format!("%{}=.sha256", "A".repeat(43));
    assert!(ada.refused(&["thread", &nowhere]).contains("not stored here"));
    assert!(ada.refused(&["post", "hm", "--reply-to", &nowhere]).contains("not stored here"));
    assert!(ada.refused(&["timeline", "--before", "yesterday"]).contains("not a place"));
    assert!(ada.refused(&["import", "/nowhere/at/all"]).contains("is not there"));
    assert!(ada.refused(&["serve", "--listen", "everywhere"]).contains("is not an address"));
    assert_eq!(ada.json(&["status", "--json"])["messages"], 1, "nothing refused was stored");

    let fresh = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(binary())
        .arg("--dir")
        .arg(fresh.path())
        .args(["init", "--network", "short"])
        .output()
        .expect("peri runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("32 bytes as base64"), "{output:?}");

    let empty = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(binary()).arg("--dir").arg(empty.path()).arg("id").output().expect("peri runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("peri init"), "{output:?}");
    assert_eq!(std::fs::read_dir(empty.path()).expect("readable").count(), 0, "nothing is left behind");
}

#[test]
fn wrong_usage_ends_with_two() {
    for arguments in
        [&["post"][..], &["fly"], &["timeline", "--of", "everyone"], &["--dir", "/a", "--profile", "b", "id"]]
    {
        let output = Command::new(binary()).args(arguments).output().expect("peri runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(Command::new(binary()).arg("--help").output().expect("peri runs").status.code(), Some(0));
}

#[test]
fn a_profile_is_a_folder_under_the_users_data() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let run = |arguments: &[&str]| {
        let output =
            Command::new(binary()).env("XDG_DATA_HOME", data.path()).args(arguments).output().expect("peri runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let ada = run(&["--profile", "ada", "init"]);
    let other = run(&["init"]);
    assert_ne!(ada, other);
    assert_eq!((run(&["--profile", "ada", "id"]), run(&["--profile", "default", "id"])), (ada, other));
    assert!(data.path().join("periwinkle/ada/secret").is_file());
}

#[test]
fn only_the_owner_can_read_the_key_and_speak_to_the_node() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    let mode = |name: &str| ada.folder().join(name).metadata().expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("secret"), mode("peri.sock"), mode(".")), (0o600, 0o600, 0o700));
    assert!(node.stop().success());
    assert!(!ada.folder().join("peri.sock").exists(), "the socket is gone with the node");
}

#[test]
fn a_folder_with_a_long_path_has_a_socket_elsewhere() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let ada = Person::in_folder("Ada", home.path().join("a-long-name-".repeat(15)));
    let node = ada.serve(&[]);
    assert!(!ada.folder().join("peri.sock").exists());
    assert_eq!(ada.json(&["peers", "--json"])["addresses"][0], node.address);
    assert!(node.stop().success());
    ada.ok(&["post", "the folder is free again"]);
}

#[test]
fn while_a_node_runs_the_commands_speak_to_it() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    let id = ada.ok(&["post", "through the socket"]);
    assert_eq!(ada.json(&["timeline", "--json"])["posts"][0]["id"], id);
    assert_eq!(ada.ok(&["id"]), ada.id);
    assert_eq!(ada.json(&["peers", "--json"])["addresses"][0], node.address);
    assert!(ada.refused(&["follow", "@nobody"]).contains("is not an id"));
    assert!(ada.refused(&["serve"]).contains("in use"), "one node for a folder");
    assert!(node.stop().success(), "SIGTERM is a good end");
    assert_eq!(ada.json(&["timeline", "--json"])["posts"][0]["id"], id, "and what it stored is there");
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let ada = Person::new("Ada");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let ada = &ada;
            scope.spawn(move || ada.ok(&["post", &format!("number {n}")]));
        }
    });
    assert_eq!(ada.json(&["status", "--json"])["messages"], 5);
}

/// The lab plays scenarios without a folder, the same for the same seed, and says what is wrong with one.
#[test]
fn the_lab_plays_scenarios() {
    let lab = |arguments: &[&str]| Command::new(binary()).arg("lab").args(arguments).output().expect("peri runs");
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/src-tauri/crates/sim/scenarios/line.toml");
    let home = tempfile::tempdir().expect("a temporary folder");
    let plot = home.path().join("plot.svg");
    let plot = plot.to_str().expect("UTF-8");

    let three = lab(&[scenario, "--seeds", "3", "--seed", "7", "--json", "--plot", plot]);
    assert!(three.status.success(), "{}", String::from_utf8_lossy(&three.stderr));
    let runs: Vec<Value> = str::from_utf8(&three.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(runs.iter().map(|run| run["seed"].as_u64()).collect::<Vec<_>>(), [Some(7), Some(8), Some(9)]);
    assert!(runs.iter().all(|run| run["phases"][2]["missed"] == 0 && run["phases"][2]["payload"] == 1.0), "{runs:?}");
    assert!(std::fs::read_to_string(plot).expect("a picture").starts_with("<svg "));
    let again = lab(&[scenario, "--seed", "8", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).expect("JSON"), runs[1]);
    let shown = String::from_utf8(lab(&[scenario, "--seeds", "2"]).stdout).expect("UTF-8");
    assert!(shown.contains("2 runs, all messages of each") && shown.contains("payload"), "{shown}");

    let odd = home.path().join("odd.toml");
    let text = std::fs::read_to_string(scenario).expect("a scenario");
    std::fs::write(&odd, text.replace("nodes = 5", "nodes = 1")).expect("written");
    let refused = lab(&[odd.to_str().expect("UTF-8")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("2 to 2,000 nodes"), "{refused:?}");
    assert_eq!(lab(&["nowhere.toml"]).status.code(), Some(1));
    assert_eq!(lab(&[scenario, "--seeds", "0"]).status.code(), Some(2));
}
