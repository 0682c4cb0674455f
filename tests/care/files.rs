//! Files that are missing, foreign, damaged or of a later version, and two processes on one folder.

use std::fs;

use rusqlite::Connection;

use crate::people::{DATABASE, holds, says, writer};
use crate::peri::Person;

#[test]
fn a_second_process_on_the_same_folder_is_refused_and_changes_nothing() {
    let (person, ids) = writer(2);
    let node = person.serve(&[]);
    let words = person.refused(&["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    says(&words, &["in use by another Periwinkle", "Close it first"]);
    assert!(node.stop().success());
    holds(&person, &ids);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let (person, ids) = writer(2);
    let database = person.folder().join(DATABASE);
    let db = Connection::open(&database).expect("a database");
    db.execute(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (9999, 'from the future', '2099-01-01', 1, x'00', 0)",
        [],
    )
    .expect("written");
    drop(db);
    for arguments in [&["post", "no"][..], &["timeline"], &["doctor", "--repair"]] {
        let output = person.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let words = [output.stdout, output.stderr].concat();
        says(&String::from_utf8_lossy(&words), &["written by a newer version of Periwinkle", "Update Periwinkle"]);
    }
    let db = Connection::open(&database).expect("a database");
    db.execute("DELETE FROM _sqlx_migrations WHERE version = 9999", []).expect("written");
    drop(db);
    holds(&person, &ids);
}

#[test]
fn a_key_that_is_missing_or_damaged_is_asked_for() {
    let (person, ids) = writer(2);
    let secret = person.folder().join("secret");
    let aside = person.folder().join("elsewhere");
    fs::rename(&secret, &aside).expect("ours");
    let text = fs::read(&aside).expect("there");
    let words = person.refused(&["post", "no"]);
    says(&words, &["The key file `secret` is missing from", "Put it back from a copy"]);
    let words = person.refused(&["init"]);
    says(&words, &["already belongs to somebody"]);
    for damaged in [&b""[..], b"{}", &text[..text.len() / 2]] {
        fs::write(&secret, damaged).expect("ours");
        says(&person.refused(&["post", "no"]), &["secret", "is damaged", "Put it back from a copy"]);
    }
    fs::rename(&aside, &secret).expect("ours");
    holds(&person, &ids);
}

#[test]
fn a_key_of_somebody_elses_is_refused() {
    let (ada, ids) = writer(2);
    let bo = Person::new("Bo");
    let (of_ada, of_bo) = (ada.folder().join("secret"), bo.folder().join("secret"));
    let text = fs::read(&of_ada).expect("there");
    fs::copy(&of_bo, &of_ada).expect("ours");
    says(&ada.refused(&["post", "no"]), &["is not the one that its messages belong to", "Put the right `secret` back"]);
    fs::write(&of_ada, text).expect("ours");
    holds(&ada, &ids);
}

#[test]
fn a_database_that_is_something_else_now_is_named_and_made_again_from_its_copy() {
    let garbage: Vec<u8> = (0..50_000_u32).map(|n| (n * 31 + n / 7) as u8).collect();
    let foreign: [(Option<&[u8]>, &str); 4] = [
        (Some(&garbage), "is damaged"),
        (Some(b"Dear diary,\ntoday somebody saved this under the wrong name.\n"), "is damaged"),
        (Some(b""), "is missing or empty"),
        (None, "is missing or empty"),
    ];
    for (content, what) in foreign {
        let (person, ids) = writer(3);
        let database = person.folder().join(DATABASE);
        fs::create_dir(person.folder().join("backup")).expect("ours");
        fs::copy(&database, person.folder().join("backup/daily.sqlite")).expect("ours");
        match content {
            Some(bytes) => fs::write(&database, bytes).expect("ours"),
            None => fs::remove_file(&database).expect("ours"),
        }
        for suffix in ["-wal", "-shm"] {
            // Left by nobody: commands close the folder.
            fs::remove_file(person.folder().join(format!("{DATABASE}{suffix}"))).ok();
        }
        for arguments in [&["post", "no"][..], &["timeline"], &["serve", "--no-mdns"]] {
            says(&person.refused(arguments), &[what, "`peri doctor"]);
        }
        person.ok(&["doctor", "--repair"]);
        holds(&person, &ids);
    }
}

#[test]
fn an_old_copy_put_back_under_a_newer_journal_never_publishes_over_what_is_missing() {
    let (person, mut ids) = writer(2);
    let database = person.folder().join(DATABASE);
    let old = person.folder().join("old.sqlite");
    fs::copy(&database, &old).expect("ours");
    // One at a time, so that the journal is cut to the newest after each.
    ids.extend((0..3).map(|n| person.ok(&["post", &format!("after the copy {n}")])));
    let newer = person.folder().join("newer.sqlite");
    fs::copy(&database, &newer).expect("ours");
    fs::copy(&old, &database).expect("ours");
    says(&person.refused(&["post", "no"]), &["of your own feed are missing", "someone who follows you"]);
    let output = person.run(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    says(&String::from_utf8_lossy(&output.stdout), &["Your own feed goes to message 6, and only 3 are here."]);

    // The doctor finds them in a copy and fills the gap.
    fs::create_dir(person.folder().join("backup")).expect("ours");
    fs::rename(&newer, person.folder().join("backup/daily.sqlite")).expect("ours");
    fs::remove_file(&old).expect("ours");
    fs::write(&database, "gone for good").expect("ours");
    person.ok(&["doctor", "--repair"]);
    holds(&person, &ids);
}
