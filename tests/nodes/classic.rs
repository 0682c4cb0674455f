//! `peri import --ssb`: what the libraries of classic apps wrote, brought over; the old folder is only read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use rustix::pty;
use serde_json::Value;
use tempfile::TempDir;

use crate::peri::{Person, binary, post, status, until};

/// The person of the fixtures.
const ADA: &str = "@9PnmHyAUVNsAFq3cn56SomBfxFW4EB3xrVUUH1yIijk=.ed25519";
/// The same person's newest message in them.
const NEWEST: u64 = 55;
/// Messages in each log, without the deleted one.
const MESSAGES: u64 = 234;

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/classic")).join(name)
}

/// The folder of an old app, and beside it a place for one of Periwinkle.
struct Move {
    home: TempDir,
}

impl Move {
    /// From copies of these folders, one over the other, last used some days ago.
    fn from(fixtures: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(home.path().join("old")).expect("a folder");
        for name in fixtures {
            copy(&fixture(name), &home.path().join("old"));
        }
        let this = Self { home };
        this.rest();
        this
    }

    fn old(&self) -> PathBuf {
        self.home.path().join("old")
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("new")
    }

    /// Nothing in the old folder was written lately.
    fn rest(&self) {
        let days_ago = SystemTime::now() - Duration::from_secs(3 * 86_400);
        for path in files(&self.old()) {
            fs::File::options().write(true).open(path).and_then(|file| file.set_modified(days_ago)).expect("a file");
        }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.old().join(name);
        let mut bytes = fs::read(&path).expect("a file");
        change(&mut bytes);
        fs::write(path, bytes).expect("a file");
        self.rest();
    }

    fn peri(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.arg("--dir").arg(self.folder()).args(arguments).stdin(Stdio::null());
        command.output().expect("peri runs")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.peri(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).expect("JSON")
    }

    /// An import from the old folder, which must be as it was afterwards.
    fn import(&self, arguments: &[&str]) -> Output {
        let before = fingerprint(&self.old());
        let old = self.old();
        let output = self.peri(&[&["import", "--ssb", old.to_str().expect("UTF-8")], arguments].concat());
        assert!(before == fingerprint(&self.old()), "the old folder was written to");
        output
    }

    /// An import at a terminal, where these lines are typed.
    fn typed(&self, arguments: &[&str], lines: &str) -> Output {
        let flags = pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY | pty::OpenptFlags::CLOEXEC;
        let keyboard = pty::openpt(flags).expect("a terminal");
        pty::grantpt(&keyboard).and_then(|()| pty::unlockpt(&keyboard)).expect("ours");
        let name = pty::ptsname(&keyboard, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let terminal = fs::File::options().read(true).write(true).open(name).expect("the terminal");
        let mut keyboard = fs::File::from(keyboard);
        keyboard.write_all(lines.as_bytes()).expect("typed");
        let mut command = Command::new(binary());
        command.arg("--dir").arg(self.folder()).args(["import", "--ssb"]).arg(self.old()).args(arguments);
        command.stdin(terminal).output().expect("peri runs")
    }

    /// The last line of one that comes to its end, and what was said beside it. Its exit code says whether all came along.
    fn imported(&self, arguments: &[&str]) -> (Value, String) {
        let output = self.import(arguments);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let is_left = report["files"]["left"] != 0 || report["rejected"] != 0;
        assert_eq!(output.status.code(), Some(i32::from(is_left)), "{arguments:?}: {said}");
        (report, said)
    }

    /// What one says that has to be refused with this exit code.
    fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.import(arguments);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert_eq!(output.stdout, b"");
        said
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// Every file with its bytes and the time it was last written.
fn fingerprint(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let print = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified()).expect("a time");
        (fs::read(path).expect("a file"), written)
    };
    files(folder).into_iter().map(|path| (path.clone(), print(&path))).collect()
}

fn counts(report: &Value) -> [u64; 4] {
    ["stored", "known", "rejected", "waiting"].map(|name| report[name].as_u64().expect("a number"))
}

#[test]
fn whoever_keeps_the_key_is_the_same_person_and_writes_on_where_the_old_app_ended() {
    for fixture in ["db2", "flume"] {
        let ada = Move::from(&[fixture]);
        let (report, said) = ada.imported(&["--keep-key", "--yes"]);
        for words in [ADA, "234 messages of 10 feeds", &format!("number {NEWEST}"), "1 messages that were deleted"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(counts(&report), [MESSAGES, 0, 0, 0], "{report}");
        assert_eq!((&report["id"], &report["state"]), (&ADA.into(), &"whole".into()));
        assert_eq!(ada.ok(&["id"]), ADA);

        let post = ada.ok(&["post", "Here I am again"]);
        let own = ada.ok(&["export", "--feed", ADA, "-"]);
        let last: Value = serde_json::from_str(own.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&last["key"], &last["value"]["sequence"]), (&post.into(), &(NEWEST + 1).into()));
        let before: Value = serde_json::from_str(own.lines().rev().nth(1).expect("a line")).expect("JSON");
        assert_eq!(last["value"]["previous"], before["key"]);
        let page = ada.json(&["timeline", "--of", "following", "--json"]);
        assert!(page["posts"].as_array().is_some_and(|posts| posts.len() > 1), "whom Ada followed is followed here");
    }
}

#[test]
fn a_second_run_finds_everything_here() {
    let ada = Move::from(&["db2"]);
    ada.imported(&["--keep-key", "--yes"]);
    ada.ok(&["post", "Written here"]);
    let (report, _) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!(counts(&report), [0, MESSAGES, 0, 0], "{report}");
    assert_eq!((&report["id"], &report["state"]), (&ADA.into(), &"whole".into()));
    ada.ok(&["post", "And once more"]);
}

#[test]
fn a_folder_with_both_logs_gives_each_message_once() {
    let ada = Move::from(&["db2", "flume"]);
    let (report, said) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!(report["read"], 2 * MESSAGES);
    assert_eq!(counts(&report), [MESSAGES, MESSAGES, 0, 0], "{report}");
    assert!(said.contains("db2/log.bipf") && said.contains("flume/log.offset"), "{said}");
}

#[test]
fn the_history_alone_goes_to_somebody_new_or_to_who_lives_here() {
    let bo = Move::from(&["db2"]);
    let (report, _) = bo.imported(&["--history-only", "--follow", "--name", "Bo"]);
    assert_eq!(counts(&report), [MESSAGES, 0, 0, 0], "{report}");
    assert_eq!(report["state"], "whole");
    assert_ne!(bo.ok(&["id"]), ADA);
    assert!(!bo.ok(&["timeline", "--of", "following"]).contains("Nothing here yet"));

    let cleo = Person::new("Cleo");
    let report = cleo.json(&["import", "--ssb", fixture("flume").to_str().expect("UTF-8"), "--history-only"]);
    assert_eq!(counts(&report), [MESSAGES, 0, 0, 0], "{report}");
    assert_eq!(report["id"], cleo.id.as_str());
    cleo.ok(&["post", "Still me"]);
}

#[test]
fn a_running_node_takes_messages_and_files_of_a_classic_folder() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    let report = ada.json(&["import", "--ssb", fixture("db2").to_str().expect("UTF-8"), "--history-only"]);
    assert_eq!(counts(&report), [MESSAGES, 0, 0, 0], "{report}");
    assert_eq!(report["files"], serde_json::json!({"stored": 2, "known": 0, "left": 0}));
    assert!(node.stop().success());
}

#[test]
fn files_that_messages_link_to_come_along_when_they_are_what_their_names_say() {
    let ada = Move::from(&["db2"]);
    let blobs = files(&ada.old().join("blobs"));
    let name = blobs[0].strip_prefix(ada.old()).expect("inside").to_str().expect("UTF-8").to_owned();
    ada.change(&name, |bytes| bytes[0] ^= 1);
    let (report, said) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!(report["files"], serde_json::json!({"stored": 1, "known": 0, "left": 1}));
    assert!(said.contains("2 files that messages link to") && said.contains("damaged"), "{said}");
    assert_eq!(ada.json(&["blob", "usage", "--json"])["count"], 1);
    let (again, _) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!(again["files"], serde_json::json!({"stored": 0, "known": 1, "left": 1}));
}

#[test]
fn damage_in_the_middle_costs_what_it_touched_and_what_hangs_on_it() {
    let ada = Move::from(&["db2"]);
    ada.change("db2/log.bipf", |log| log[70_000..70_400].fill(0xff));
    let (report, said) = ada.imported(&["--history-only"]);
    let [stored, known, rejected, waiting] = counts(&report);
    assert!(said.contains("damage at 1 places"), "{said}");
    assert!(report["damaged_bytes"].as_u64() > Some(300), "{report}");
    assert_eq!(known, 0, "{report}");
    assert!(stored > 100 && rejected <= 1 && waiting > 0, "{report}");
    assert!((MESSAGES - 3..MESSAGES).contains(&(stored + waiting)), "{report}");
}

#[test]
fn with_a_message_of_ones_own_missing_nothing_is_published_until_it_is_back() {
    let ada = Move::from(&["db2"]);
    let log = fs::read(ada.old().join("db2/log.bipf")).expect("a log");
    // Behind the author of one of Ada's messages, not the newest. A tag of two bytes stands between key and value.
    let is_own = |at: &usize| log[*at..].starts_with(b"author") && log[at + 8..].starts_with(ADA.as_bytes());
    let own: Vec<usize> = (0..log.len() - 100).filter(is_own).collect();
    let at = own[own.len() / 2] + 8 + ADA.len();
    ada.change("db2/log.bipf", |log| log[at..at + 40].iter_mut().for_each(|byte| *byte ^= 0x55));
    let (report, said) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!(report["state"], "recovering", "{report}");
    assert!(said.contains("Publishing waits"), "{said}");
    // It has come back.
    let back = Move::from(&["flume"]);
    let flume = back.old();
    let report = ada.json(&["import", "--ssb", flume.to_str().expect("UTF-8"), "--keep-key", "--yes"]);
    assert_eq!(report["state"], "whole", "{report}");
    ada.ok(&["post", "Everything is here"]);
}

#[test]
fn a_log_that_is_damaged_at_its_end_gives_no_key_without_force() {
    let ada = Move::from(&["db2"]);
    ada.change("db2/log.bipf", |log| log.truncate(100_000));
    let said = ada.refused(&["--keep-key", "--yes"], 1);
    assert!(said.contains("damaged behind the newest message") && said.contains("--history-only"), "{said}");
    assert!(!ada.folder().exists(), "nothing was begun");
    let (report, _) = ada.imported(&["--history-only"]);
    assert_eq!(report["state"], "whole", "{report}");
}

#[tokio::test]
async fn with_force_publishing_waits_until_a_friend_was_near_who_holds_the_feed() {
    let move_of_ada = Move::from(&["db2"]);
    move_of_ada.change("db2/log.bipf", |log| log.truncate(100_000));
    let (report, said) = move_of_ada.imported(&["--keep-key", "--yes", "--force"]);
    assert_eq!(report["state"], "recovering", "{report}");
    assert!(said.contains("Publishing waits"), "{said}");
    let ada = Person::living_in(move_of_ada.folder(), ADA);
    assert!(ada.refused(&["post", "Too early"]).contains("Newer messages of your feed may exist"));

    // A friend of the same old days, with everything.
    let move_of_bo = Move::from(&["flume"]);
    let keys: Value = serde_json::from_str(include_str!("../data/sample-2000.keys.json")).expect("JSON");
    fs::write(move_of_bo.old().join("secret"), keys[1].to_string()).expect("a key");
    move_of_bo.rest();
    move_of_bo.imported(&["--keep-key", "--yes"]);
    let bo = Person::living_in(move_of_bo.folder(), keys[1]["id"].as_str().expect("an id"));

    let near = bo.serve(&[]);
    let node = ada.serve(&[&near]);
    let mut client = node.client().await;
    until("the doubt ends", async || status(&mut client).await.state, |state| state == "whole").await;
    post(&mut client, "Now it is time").await.expect("published");
    assert!(!move_of_ada.folder().join("own.doubted").exists());
}

#[test]
fn an_app_that_seems_to_run_keeps_its_key() {
    let ada = Move::from(&["db2"]);
    let log = fs::File::options().append(true).open(ada.old().join("db2/log.bipf")).expect("a log");
    log.set_modified(SystemTime::now()).expect("a time");
    let said = ada.refused(&["--keep-key", "--yes"], 1);
    assert!(said.contains("seems to run"), "{said}");
    ada.rest();
    let said = ada.refused(&["--keep-key", "--yes"], 1);
    assert!(said.contains("has files of it open"), "{said}");
    let (report, _) = ada.imported(&["--history-only"]);
    assert_eq!(counts(&report), [MESSAGES, 0, 0, 0], "the history needs nobody's leave: {report}");
    drop(log);
}

#[test]
fn without_a_terminal_it_has_to_be_said_what_is_brought_over() {
    let ada = Move::from(&["db2"]);
    let said = ada.refused(&[], 2);
    assert!(said.contains("--history-only") && said.contains("--keep-key") && said.contains(ADA), "{said}");
    let said = ada.refused(&["--keep-key"], 2);
    assert!(said.contains("forked") && said.contains("--yes"), "{said}");
    for wrong in [&["--keep-key", "--history-only"][..], &["--yes"], &["--history-only", "--force"]] {
        ada.refused(wrong, 2);
    }
    assert!(!ada.folder().exists(), "nothing was begun");
}

#[test]
fn at_a_terminal_the_person_chooses_and_confirms() {
    let ada = Move::from(&["db2"]);
    for lines in ["\n", "key\n\n", "key\nyes\nyes\nyes\n", "history\n\n"] {
        let output = ada.typed(&[], lines);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Nothing was brought over"), "{said}");
        assert!(!ada.folder().exists(), "nothing was begun");
    }
    let output = ada.typed(&[], "key\nkeep the key\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("the feed is forked"), "{said}");
    assert_eq!(ada.ok(&["id"]), ADA);

    let bo = Move::from(&["flume"]);
    let output = bo.typed(&[], "history\nyes\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_ne!(bo.ok(&["id"]), ADA);
    assert!(!bo.ok(&["timeline", "--of", "following"]).contains("Nothing here yet"));
}

#[test]
fn a_key_is_not_kept_where_somebody_else_lives() {
    let ada = Move::from(&["db2"]);
    ada.ok(&["init", "--name", "Bo"]);
    let said = ada.refused(&["--keep-key", "--yes"], 1);
    assert!(said.contains("Somebody else lives"), "{said}");
    fs::remove_file(ada.old().join("secret")).expect("a file");
    let said = ada.refused(&["--keep-key", "--yes"], 1);
    assert!(said.contains("no key"), "{said}");
}

#[test]
fn what_is_no_folder_of_a_classic_app_is_called_by_its_name() {
    let nobody = Move::from(&[]);
    let import = |from: &Path, words: &str| {
        let output = nobody.peri(&["import", "--ssb", from.to_str().expect("UTF-8"), "--history-only"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!nobody.folder().exists(), "nothing was begun");
    };
    let empty = tempfile::tempdir().expect("a temporary folder");
    import(empty.path(), "no messages");
    import(&empty.path().join("nowhere"), "nowhere");
    import(&fixture("README.md"), "not a folder");
    let cleo = Person::new("Cleo");
    import(&cleo.folder(), "a folder of Periwinkle");
}

#[test]
fn nothing_is_written_into_the_old_folder() {
    let ada = Move::from(&["db2"]);
    let old = ada.old();
    let before = fingerprint(&old);
    for to in [old.clone(), old.join("inside"), old.join("db2")] {
        for choice in [&["--keep-key", "--yes", "--force"][..], &["--history-only"]] {
            let mut command = Command::new(binary());
            command.arg("--dir").arg(&to).args(["import", "--ssb"]).arg(&old).args(choice).stdin(Stdio::null());
            let output = command.output().expect("peri runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("inside of the old app's folder"), "{said}");
        }
    }
    assert!(before == fingerprint(&old));
}

#[test]
fn an_import_that_was_killed_is_run_again() {
    let ada = Move::from(&["db2", "flume"]);
    let old = ada.old();
    let begin = |milliseconds| {
        let mut command = Command::new(binary());
        command.arg("--dir").arg(ada.folder()).args(["import", "--ssb"]).arg(&old).args(["--keep-key", "--yes"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("peri runs");
        std::thread::sleep(Duration::from_millis(milliseconds));
        // It may be done already.
        let _ = child.kill();
        child.wait().expect("it ends");
    };
    for milliseconds in [5, 40, 90, 150] {
        begin(milliseconds);
        if ada.folder().join("secret").exists() {
            // However little is here: what is not here is known to be missing.
            let status = ada.json(&["status", "--json"]);
            let own = ada.ok(&["export", "--feed", ADA, "-"]).lines().count() as u64;
            assert_eq!(status["state"] == "whole", own == NEWEST, "{status}");
        }
    }
    let (report, _) = ada.imported(&["--keep-key", "--yes"]);
    assert_eq!((&report["id"], &report["state"]), (&ADA.into(), &"whole".into()), "{report}");
    assert_eq!(ada.json(&["status", "--json"])["messages"], MESSAGES);
}
