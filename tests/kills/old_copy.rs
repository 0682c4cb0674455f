//! An old copy of the folder put back.

use std::collections::BTreeSet;
use std::path::Path;

use crate::chain::{feed, holds};
use crate::peri::{Person, post};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("create");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        assert!(
            entry.file_type().expect("a type").is_file()
                || entry.file_name() == "blobs"
                || entry.file_name() == "backup"
        );
        if entry.file_type().expect("a type").is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
        }
    }
}

#[tokio::test]
async fn an_old_copy_of_the_folder_does_not_fork_when_a_neighbour_knows_more() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let b = bo.serve(&[]);
    let mut neighbour = b.client().await;
    let mut acknowledged = BTreeSet::new();

    for n in 0..3 {
        acknowledged.insert(ada.ok(&["post", &format!("before the copy {n}")]));
    }
    let kept = tempfile::tempdir().expect("a temporary folder");
    copy(&ada.folder(), kept.path());

    let a = ada.serve(&[&b]);
    let mut client = a.client().await;
    for n in 0..5 {
        acknowledged.insert(post(&mut client, &format!("after the copy {n}")).await.expect("published"));
    }
    holds(&mut client, &mut neighbour, &ada.id, &acknowledged).await;
    assert!(a.stop().success());

    std::fs::remove_dir_all(ada.folder()).expect("removed");
    copy(kept.path(), &ada.folder());
    // Published the moment it runs: this has to wait for what the neighbour knows, or be refused.
    let a = ada.serve(&[&b]);
    let mut client = a.client().await;
    let mut refusals = 0;
    let id = loop {
        match post(&mut client, "from the old copy").await {
            Ok(id) => break id,
            Err(failure) => {
                assert_eq!(failure.code, app::view::FailureCode::Recovering, "{failure}");
                refusals += 1;
                assert!(refusals < 1_000, "{failure}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    acknowledged.insert(id);
    holds(&mut client, &mut neighbour, &ada.id, &acknowledged).await;
    assert_eq!(feed(&mut neighbour, &ada.id).await.len(), 1 + 3 + 5 + 1);
    assert!(a.stop().success() && b.stop().success());
}
