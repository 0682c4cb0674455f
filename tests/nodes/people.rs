//! Whom a person blocks and mutes: what others can know of it, and what flows no more.

use std::time::Duration;

use app::status::Row;

use crate::peri::{Person, export, peers, status, until};

/// What everybody who has the feed can read.
fn messages(person: &Person) -> String {
    person.ok(&["export", "-"])
}

#[test]
fn a_private_block_is_in_no_export_and_survives_a_restart() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    let theirs = bo.folder().join("theirs.ndjson");
    bo.ok(&["post", "from bo"]);
    bo.ok(&["export", theirs.to_str().expect("UTF-8")]);
    ada.ok(&["import", theirs.to_str().expect("UTF-8")]);
    ada.ok(&["follow", &bo.id]);
    assert_eq!(ada.texts(), ["from bo"]);
    let before = messages(&ada);

    let said = ada.ok(&["block", &bo.id, "--private"]);
    assert!(!said.starts_with('%') && said.contains("nobody is told"), "{said}");
    assert_eq!(messages(&ada), before, "no message says so");
    assert!(ada.texts().is_empty(), "each command opens the folder anew");
    assert!(ada.refused(&["block", &ada.id, "--private"]).contains("That is you"));

    assert!(ada.ok(&["unblock", &bo.id]).contains("Unblocked"));
    assert_eq!(messages(&ada), before);
    assert_eq!(ada.texts(), ["from bo"]);
    assert!(ada.refused(&["unblock", &bo.id]).contains("You do not block them"));
}

#[test]
fn a_public_block_is_a_message_and_taking_it_back_is_another() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    let block = ada.ok(&["block", &bo.id]);
    assert!(block.starts_with('%'), "{block}");
    assert!(messages(&ada).contains(r#""blocking":true"#));
    let unblock = ada.ok(&["unblock", &bo.id]);
    assert!(unblock.starts_with('%') && unblock != block, "{unblock}");
    assert!(ada.refused(&["unblock", &bo.id]).contains("You do not block them"));
    assert_eq!(ada.json(&["status", "--json"])["messages"], 3, "her name and two statements");
}

#[test]
fn unfollowing_somebody_blocked_unblocks_nobody() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    ada.ok(&["block", &bo.id]);
    let count = ada.json(&["status", "--json"])["messages"].clone();
    assert!(ada.refused(&["unfollow", &bo.id]).contains("nothing to unfollow"));
    assert_eq!(ada.json(&["status", "--json"])["messages"], count);
    ada.ok(&["unblock", &bo.id]);
    // In private it is not said, so unfollowing is: they stay blocked.
    ada.ok(&["follow", &bo.id]);
    ada.ok(&["block", &bo.id, "--private"]);
    ada.ok(&["unfollow", &bo.id]);
    assert!(ada.ok(&["unblock", &bo.id]).contains("Unblocked"));
    // Who follows somebody does not block them any more.
    ada.ok(&["block", &bo.id, "--private"]);
    ada.ok(&["follow", &bo.id]);
    assert!(ada.refused(&["unblock", &bo.id]).contains("You do not block them"));
}

#[test]
fn somebody_can_be_blocked_while_publishing_waits() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    // As after a move whose source may have been longer.
    std::fs::write(ada.folder().join("own.doubted"), b"").expect("written");
    let words = ada.refused(&["block", &bo.id]);
    assert!(words.contains("They are blocked on this device, but it could not be said in public"), "{words}");
    assert!(ada.ok(&["unblock", &bo.id]).contains("nobody was told"));
}

#[test]
fn mute_hides_and_unmute_shows() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["post", "from bo"]);
    let theirs = bo.folder().join("theirs.ndjson");
    bo.ok(&["export", theirs.to_str().expect("UTF-8")]);
    ada.ok(&["import", theirs.to_str().expect("UTF-8")]);
    let before = messages(&ada);
    assert!(ada.ok(&["mute", &bo.id]).contains("Muted"));
    assert!(ada.texts().is_empty());
    assert!(ada.ok(&["unmute", &bo.id]).contains("no more"));
    assert_eq!(ada.texts(), ["from bo"]);
    assert_eq!(messages(&ada), before);
}

/// Ada blocks Bo while they are linked; carol, whom nobody blocks, goes on with both.
#[tokio::test]
async fn blocked_people_receive_nothing_more_until_they_are_unblocked() {
    let [ada, bo, carol] = ["Ada", "Bo", "Carol"].map(Person::new);
    for person in [&bo, &carol] {
        person.ok(&["follow", &ada.id]);
        ada.ok(&["follow", &person.id]);
    }
    let b = bo.serve(&[]);
    let c = carol.serve(&[]);
    let a = ada.serve(&[&b, &c]);
    let (mut ask_a, mut ask_b, mut ask_c) = (a.client().await, b.client().await, c.client().await);
    let has = |id: &str| {
        let id = id.to_owned();
        move |rows: &Vec<Row>| rows.iter().any(|row| row.key == id)
    };
    let first = ada.ok(&["post", "to both"]);
    until("bo has it", async || export(&mut ask_b, Some(&ada.id)).await, has(&first)).await;
    until("carol has it", async || export(&mut ask_c, Some(&ada.id)).await, has(&first)).await;

    ada.ok(&["block", &bo.id, "--private"]);
    let is_gone = |peers: &Vec<app::status::Peer>| peers.iter().all(|peer| peer.id != bo.id);
    until("the link is gone", async || peers(&mut ask_a).await.peers, is_gone).await;
    until("bo is alone", async || peers(&mut ask_b).await.peers, Vec::is_empty).await;
    let second = ada.ok(&["post", "to carol"]);
    bo.ok(&["post", "to nobody"]);
    until("carol has it", async || export(&mut ask_c, Some(&ada.id)).await, has(&second)).await;
    // She dials him all the time; a link would be up, and the post here, long before carol's next one.
    for round in 0..3 {
        let more = ada.ok(&["post", &format!("to carol, {round}")]);
        until("carol has more", async || export(&mut ask_c, Some(&ada.id)).await, has(&more)).await;
        assert!(is_gone(&peers(&mut ask_a).await.peers));
    }
    let theirs = export(&mut ask_b, Some(&ada.id)).await;
    assert!(theirs.iter().all(|row| row.key != second), "bo has nothing of what she wrote since");
    assert_eq!(
        export(&mut ask_c, Some(&ada.id)).await.iter().filter(|row| row.value.contains("blocking\":true")).count(),
        0
    );

    let unblocked = std::time::Instant::now();
    ada.ok(&["unblock", &bo.id]);
    until("bo has it", async || export(&mut ask_b, Some(&ada.id)).await, has(&second)).await;
    assert!(unblocked.elapsed() < Duration::from_secs(20), "{:?}", unblocked.elapsed());
    until("ada has bo's", async || status(&mut ask_a).await.messages, {
        let all = status(&mut ask_b).await.messages;
        move |messages| *messages >= all
    })
    .await;
}

/// Ada follows bo, who follows carol, who follows dora: bo stores dora, three follows from ada, and ada does not.
#[tokio::test]
async fn somebody_three_follows_away_is_looked_at_and_not_stored() {
    let [ada, bo, carol, dora] = ["Ada", "Bo", "Carol", "Dora"].map(Person::new);
    ada.ok(&["follow", &bo.id]);
    bo.ok(&["follow", &carol.id]);
    carol.ok(&["follow", &dora.id]);
    for n in 1..=40 {
        dora.ok(&["post", &format!("number {n}")]);
    }
    let d = dora.serve(&[]);
    let c = carol.serve(&[&d]);
    let b = bo.serve(&[&c]);
    let mut ask_b = b.client().await;
    until("bo has dora", async || export(&mut ask_b, Some(&dora.id)).await.len(), |count| *count == 41).await;
    let a = ada.serve(&[&b]);
    let mut ask_a = a.client().await;
    // Ada stores bo and carol, two follows away.
    until("ada has carol", async || export(&mut ask_a, Some(&carol.id)).await.len(), |count| *count == 2).await;
    let before = status(&mut ask_a).await.messages;

    let look = ada.json(&["look", &dora.id, "--limit", "30", "--json"]);
    let texts: Vec<&str> =
        look["posts"].as_array().expect("posts").iter().filter_map(|post| post["text"].as_str()).collect();
    let expected: Vec<String> = (11..=40).rev().map(|n| format!("number {n}")).collect();
    assert_eq!(texts, expected);
    assert_eq!(
        (&look["person"]["named"], &look["callsThemselves"], &look["through"]["name"], look["head"].as_f64()),
        (&false.into(), &"Dora".into(), &"Bo".into(), Some(41.0)),
        "nobody whom Ada knows names her, so her name is a claim"
    );
    let next = look["next"].as_str().expect("there is more");
    let older = ada.json(&["look", &dora.id, "--before", next, "--json"]);
    assert_eq!((older["posts"].as_array().map(Vec::len), &older["next"]), (Some(10), &serde_json::Value::Null));
    let said = format!("{}, who calls themselves Dora, as Bo has them; nothing of this is stored here", dora.id);
    assert!(ada.ok(&["look", &dora.id]).contains(&said));
    assert_eq!(status(&mut ask_a).await.messages, before);
    assert!(export(&mut ask_a, Some(&dora.id)).await.is_empty());
    assert!(ada.refused(&["look", &bo.id]).contains("stored here already"));
    ada.ok(&["block", &dora.id, "--private"]);
    assert!(ada.refused(&["look", &dora.id]).contains("you block them"));
}
