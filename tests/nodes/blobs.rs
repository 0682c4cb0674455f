//! Files that messages link to, through real processes: on a closed folder, and beside a running node.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use app::blobs::{AddedBlob, StoredBlob};
use app::rpc::Request;

use crate::peri::{PATIENCE, Person};

/// SHA-256 of `abc` (FIPS 180-2, appendix B.1).
const ABC: &str = "&ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=.sha256";

/// A file of some bytes in a folder.
fn file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// The files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flatten().flat_map(|entry| below(entry.path())).collect()
}

fn stored(ada: &Person) -> Vec<PathBuf> {
    files(&ada.folder().join("blobs/sha256"))
}

/// What holds of the commands, whoever answers them.
fn adds_gets_and_counts(ada: &Person) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let path = file(home.path(), "large", &large);

    let id = ada.ok(&["blob", "add", &path]);
    assert!(id.starts_with('&') && id.ends_with(".sha256"), "{id}");
    assert_eq!(ada.ok(&["blob", "add", &path]), id, "the same content, the same name");
    let piped = ada.pipe(&["blob", "add", "-"], b"abc");
    assert_eq!((piped.status.code(), String::from_utf8_lossy(&piped.stdout).trim()), (Some(0), ABC));
    let usage = ada.json(&["blob", "usage", "--json"]);
    assert_eq!((&usage["count"], &usage["bytes"]), (&2.into(), &3_000_003.into()));
    assert_eq!((&usage["own"]["count"], &usage["unlinked"]["count"]), (&2.into(), &0.into()), "{usage}");
    assert_eq!(usage["limit"], 5_u64 << 30);
    assert!(ada.ok(&["blob", "usage"]).contains("2 files, 3.0 MB"));

    let got = ada.run(&["blob", "get", &id]);
    assert!(got.status.success() && got.stdout == large);
    let out = home.path().join("out");
    let out = out.to_str().expect("UTF-8");
    ada.ok(&["blob", "get", ABC, "--out", out]);
    assert_eq!(fs::read(out).expect("written"), b"abc");
    assert!(ada.refused(&["blob", "get", &id, "--out", out]).contains("is there already"));
    assert_eq!(fs::read(out).expect("still there"), b"abc", "nothing was written over it");

    let nowhere = format!("&{}=.sha256", "A".repeat(43));
    assert!(ada.refused(&["blob", "get", &nowhere]).contains("not stored here"));
    assert!(ada.refused(&["blob", "get", "&x"]).contains("is not an id"));
    assert!(ada.refused(&["blob", "add", "/nowhere/at/all"]).contains("is not there"));
    assert!(ada.refused(&["blob", "add", home.path().to_str().expect("UTF-8")]).contains("is not a file"));

    assert_eq!(ada.json(&["blob", "check", "--json"])["checked"], 2);
    assert!(ada.ok(&["blob", "tidy", "--free", "1G", "--yes"]).contains("nothing that may go"), "own ones stay");
    assert_eq!(stored(ada).len(), 2);
    ada.ok(&["blob", "remove", &id]);
    assert!(ada.refused(&["blob", "remove", &id]).contains("not stored here"));
    assert_eq!(files(&ada.folder().join("blobs/tmp")), Vec::<PathBuf>::new());
    for path in stored(ada) {
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_closed_folder_takes_files_and_gives_them_back() {
    adds_gets_and_counts(&Person::new("Ada"));
}

#[test]
fn a_running_node_takes_files_and_gives_them_back() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    adds_gets_and_counts(&ada);
    assert!(node.stop().success());
    assert_eq!(ada.json(&["blob", "usage", "--json"])["own"]["count"], 1, "and what it kept is there");
}

#[test]
fn a_relative_path_is_that_of_the_caller() {
    let ada = Person::new("Ada");
    let home = tempfile::tempdir().expect("a temporary folder");
    file(home.path(), "abc", b"abc");
    let _node = ada.serve(&[]);
    let mut add = ada.command(&["blob", "add", "abc"]);
    let output = add.current_dir(home.path()).output().expect("peri runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), ABC, "{output:?}");
}

#[tokio::test]
async fn a_node_adds_regular_files_alone_and_says_where_they_lie() {
    let ada = Person::new("Ada");
    let node = ada.serve(&[]);
    let mut client = node.client().await;
    for (path, why) in [("abc", "where on this computer"), ("/dev/zero", "is not a file"), ("/nowhere", "is not there")]
    {
        let refused = client.call::<AddedBlob>(&Request::BlobAdd { path: path.into() }).await.expect_err(path);
        assert!(refused.message.contains(why), "{refused}");
    }
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = file(home.path(), "abc", b"abc").into();
    let added: AddedBlob = client.call(&Request::BlobAdd { path }).await.expect("added");
    assert_eq!((added.id.as_str(), added.size, added.is_new, added.is_large), (ABC, 3, true, false));
    let stored: StoredBlob = client.call(&Request::Blob { id: ABC.to_owned() }).await.expect("stored");
    assert!(stored.path.is_absolute());
    assert_eq!(fs::read(&stored.path).expect("readable"), b"abc");
    // As a Scuttlebutt URI too.
    let uri = "ssb:blob/classic/ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=".to_owned();
    assert_eq!(client.call::<StoredBlob>(&Request::Blob { id: uri }).await.expect("stored"), stored);
}

#[test]
fn a_flipped_bit_is_found_named_and_never_given_out() {
    let ada = Person::new("Ada");
    let home = tempfile::tempdir().expect("a temporary folder");
    let good = ada.ok(&["blob", "add", &file(home.path(), "good", b"good")]);
    assert_eq!(String::from_utf8_lossy(&ada.pipe(&["blob", "add", "-"], b"abc").stdout).trim(), ABC);
    let path = stored(&ada).into_iter().find(|path| fs::read(path).expect("readable") == b"abc").expect("stored");
    fs::write(&path, b"abd").expect("written");

    let out = home.path().join("out");
    for arguments in [&["blob", "get", ABC][..], &["blob", "get", ABC, "--out", out.to_str().expect("UTF-8")]] {
        let output = ada.run(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is damaged"), "{output:?}");
    }
    assert!(!out.exists(), "nothing of it stays");

    let output = ada.run(&["blob", "check"]);
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains(ABC) && why.contains("blobs/damaged"), "{said} {why}");
    assert!(ada.ok(&["blob", "check"]).contains("1 file,"), "what is left is whole");
    assert!(ada.refused(&["blob", "get", ABC]).contains("not stored here"));
    assert_eq!(files(&ada.folder().join("blobs/damaged")).len(), 1, "nothing is removed silently");
    assert_eq!(ada.ok(&["blob", "get", &good]), "good");
}

#[test]
fn a_kill_while_a_file_is_added_leaves_nothing_that_looks_like_one() {
    let ada = Person::new("Ada");
    ada.ok(&["blob", "usage"]);
    let temporary = ada.folder().join("blobs/tmp");
    let add = ada.command(&["blob", "add", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut add = add.expect("peri runs");
    let mut stdin = add.stdin.take().expect("a pipe");
    stdin.write_all(&[7; 1_000_000]).expect("written");
    let begun = Instant::now();
    let is_begun = || files(&temporary).iter().any(|path| path.metadata().is_ok_and(|file| file.len() >= 900_000));
    while !is_begun() {
        assert!(begun.elapsed() < PATIENCE, "it never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    add.kill().expect("it runs");
    add.wait().expect("it ends");

    assert_eq!(stored(&ada), Vec::<PathBuf>::new());
    assert_eq!(ada.json(&["blob", "usage", "--json"])["count"], 0);
    assert_eq!(files(&temporary), Vec::<PathBuf>::new(), "what was begun is cleared away");
    let again = ada.pipe(&["blob", "add", "-"], &[7; 1_000_000]);
    assert!(again.status.success());
    assert_eq!(ada.json(&["blob", "usage", "--json"])["bytes"], 1_000_000);
}

#[test]
fn what_other_peoples_messages_link_to_may_go_and_comes_after_what_nothing_links_to() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["post", &format!("look: ![abc]({ABC})")]);
    let archive = bo.folder().join("archive.ndjson");
    let archive = archive.to_str().expect("UTF-8");
    bo.ok(&["export", archive]);
    ada.ok(&["import", archive]);
    // As if they had come from elsewhere: what was added by hand is one's own.
    for bytes in [&b"abc"[..], b"nobody speaks of it"] {
        assert!(ada.pipe(&["blob", "add", "-"], bytes).status.success());
    }
    for pin in files(&ada.folder().join("blobs/pinned")) {
        fs::remove_file(pin).expect("removed");
    }
    let usage = ada.json(&["blob", "usage", "--json"]);
    assert_eq!(
        (&usage["own"]["count"], &usage["others"]["bytes"], &usage["unlinked"]["bytes"]),
        (&0.into(), &3.into(), &19.into())
    );

    let plan = ada.json(&["blob", "tidy", "--free", "20", "--json"]);
    assert_eq!((&plan["count"], &plan["bytes"], &plan["done"]), (&2.into(), &22.into(), &false.into()));
    assert_eq!((&plan["first"][0]["linked"], &plan["first"][1]["id"]), (&false.into(), &ABC.into()));
    assert_eq!(stored(&ada).len(), 2, "a look changes nothing");
    assert!(ada.ok(&["blob", "tidy", "--free", "10", "--yes"]).contains("are free again"));
    assert_eq!(ada.ok(&["blob", "get", ABC]), "abc", "the one that is linked was not needed");

    // What one's own message links to is one's own.
    ada.ok(&["post", &format!("![mine]({ABC})")]);
    assert_eq!(ada.json(&["blob", "usage", "--json"])["own"]["count"], 1);
    assert!(ada.ok(&["blob", "tidy", "--free", "1G", "--yes"]).contains("nothing that may go"));
}
