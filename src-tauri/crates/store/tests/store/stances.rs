//! What the reader decides about people without saying so: private blocks and mutes.

use std::{fs, path::Path};

use feed::{Verified, json::Value, private_box};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use social::{Relation, write};
use store::{Audience, Query, Stance, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
    private::says,
    rebuild::run,
};

const BLOCKED: Stance = Stance { blocked: true, muted: false };
const MUTED: Stance = Stance { blocked: false, muted: true };

async fn texts(store: &Store, audience: Audience) -> Vec<String> {
    let page = store.timeline(Query { audience, before: None, limit: 50, near: &[] }).await.unwrap();
    page.cards.iter().map(|card| card.post.post.text.clone()).collect()
}

/// A `contact` that only its author can open.
fn sealed_contact(signer: &mut Signer, about: &Signer, blocking: bool, seed: u64) -> Verified {
    let content = write::contact(&about.feed(), false, blocking).to_compact();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let sealed = private_box::seal(content.as_bytes(), &[signer.feed()], &mut random).unwrap();
    says(signer, &Value::from(sealed))
}

/// What lies in the folder of an open store, as after a kill.
fn as_after_a_kill(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn a_private_block_survives_a_restart_and_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.follows(&bob)], NOW, true).await.unwrap();
    store.append(vec![bob.posts("hello")], NOW, false).await.unwrap();
    store.set_stance(bob.id(), BLOCKED).await.unwrap();
    assert_eq!(store.ties(&bob.id()).mine, Relation::Blocks);
    assert_eq!(store.relation_said(&bob.id()), Relation::Follows);
    assert_eq!(store.distance(&bob.id()), None);
    assert!(texts(&store, Audience::All).await.is_empty());

    let killed = as_after_a_kill(dir.path());
    store.close().await.unwrap();
    drop(store);
    for folder in [killed.path(), dir.path()] {
        let store = Store::open(folder).await.unwrap();
        assert_eq!(store.stance(&bob.id()), BLOCKED);
        assert!(store.snapshot().await.unwrap().graph.is_blocking(&alice.id(), &bob.id()));
        assert!(texts(&store, Audience::All).await.is_empty());
        store.set_stance(bob.id(), Stance::default()).await.unwrap();
        assert_eq!((store.stances().len(), store.ties(&bob.id()).mine), (0, Relation::Follows));
        assert_eq!(texts(&store, Audience::All).await, ["hello"]);
    }
}

#[tokio::test]
async fn it_is_in_no_message_and_in_no_index() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, bob, carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.posts("hello")], NOW, true).await.unwrap();
    let before = store.snapshot().await.unwrap().heads;
    store.set_stance(bob.id(), BLOCKED).await.unwrap();
    store.set_stance(carol.id(), MUTED).await.unwrap();
    store.set_stance(alice.id(), BLOCKED).await.unwrap();
    assert_eq!(store.stance(&alice.id()), Stance::default(), "about oneself nothing is decided");
    let snapshot = store.snapshot().await.unwrap();
    assert_eq!(before, snapshot.heads, "nothing is stored of it");
    assert_eq!(snapshot.muted.into_iter().collect::<Vec<_>>(), [carol.id()]);
    let mut db = crate::rebuild::database(dir.path()).await;
    let counts = "SELECT (SELECT count(*) FROM log), (SELECT count(*) FROM feeds), (SELECT count(*) FROM contacts)";
    let counts: (i64, i64, i64) = sqlx::query_as(counts).fetch_one(&mut db).await.unwrap();
    assert_eq!(counts, (1, 1, 0), "nobody gets a number by it");
}

#[tokio::test]
async fn a_rebuild_of_the_follow_graph_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, bob, carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.follows(&bob), alice.follows(&carol)], NOW, true).await.unwrap();
    store.set_stance(bob.id(), BLOCKED).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    run(dir.path(), &["UPDATE index_versions SET version = version + 1 WHERE name = 'contacts'"]).await;
    let store = Store::open(dir.path()).await.unwrap();
    let mut indexing = store.indexing();
    indexing.wait_for(store::Indexing::is_done).await.unwrap();
    assert_eq!(store.ties(&carol.id()).mine, Relation::Follows);
    assert_eq!(store.ties(&bob.id()).mine, Relation::Blocks);
}

#[tokio::test]
async fn a_sealed_word_of_ones_own_counts_and_nobody_elses_does() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let changed = store.stances_changed();
    store.append(vec![sealed_contact(&mut alice, &bob, true, 1)], NOW, true).await.unwrap();
    // Sealed for alice by bob: a message to her, whatever it says.
    let content = write::contact(&carol.feed(), false, true).to_compact();
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let sealed = private_box::seal(content.as_bytes(), &[alice.feed(), bob.feed()], &mut random).unwrap();
    let theirs = says(&mut bob, &Value::from(sealed));
    store.append(vec![theirs], NOW, false).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(store.stances().into_iter().collect::<Vec<_>>(), [(bob.id(), BLOCKED)]);
    assert!(changed.has_changed().unwrap());
    assert!(store.snapshot().await.unwrap().graph.is_blocking(&alice.id(), &bob.id()));
    assert_eq!(store.conversations(None, 10).await.unwrap().len(), 1, "bob's message, not alice's word");

    store.append(vec![sealed_contact(&mut alice, &bob, false, 3)], NOW, true).await.unwrap();
    store.catch_up().await.unwrap();
    assert!(store.stances().is_empty(), "the later word counts");
    assert!(!store.snapshot().await.unwrap().graph.is_blocking(&alice.id(), &bob.id()));
}

#[tokio::test]
async fn a_later_decision_wins_over_an_earlier_sealed_word() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, bob, carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    // Bob: blocked in private, followed in public later. Carol: blocked in private, unblocked here later.
    let own = vec![
        sealed_contact(&mut alice, &bob, true, 1),
        sealed_contact(&mut alice, &carol, true, 2),
        alice.follows(&bob),
    ];
    store.append(own, NOW, true).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(store.ties(&bob.id()).mine, Relation::Follows);
    assert_eq!(store.ties(&carol.id()).mine, Relation::Blocks);
    store.set_stance(carol.id(), MUTED).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    // Everything sealed is read again.
    run(dir.path(), &["UPDATE followers SET version = 2 WHERE name = 'private'"]).await;
    let store = Store::open(dir.path()).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(store.stances().into_iter().collect::<Vec<_>>(), [(carol.id(), MUTED)]);
}

#[tokio::test]
async fn a_mute_says_nothing_about_blocking() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, carol) = (alice(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    // Decided while own messages are being read that were written before it.
    store.append(vec![alice.posts("one"), alice.posts("two")], NOW, true).await.unwrap();
    let block = sealed_contact(&mut alice, &carol, true, 3);
    store.decide_stance(carol.id(), None, Some(true)).await.unwrap();
    store.append(vec![block], NOW, true).await.unwrap();
    store.catch_up().await.unwrap();
    assert_eq!(store.stance(&carol.id()), Stance { blocked: true, muted: true });
    store.decide_stance(carol.id(), None, Some(false)).await.unwrap();
    assert_eq!(store.stance(&carol.id()), BLOCKED, "and what was read stays");
}

#[tokio::test]
async fn muted_people_are_on_their_own_page_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let post = alice.posts("mine");
    store.append(vec![post.clone(), alice.follows(&bob), alice.follows(&carol)], NOW, true).await.unwrap();
    let bobs = bob.posts("of bob");
    let in_tea = bob.posts_to("tea", "of bob in tea");
    let others = vec![
        bobs.clone(),
        in_tea,
        bob.replies(post.id(), post.id(), "bob answers"),
        bob.likes(post.id(), true),
        carol.replies(bobs.id(), bobs.id(), "carol answers bob"),
        carol.likes(post.id(), true),
    ];
    store.append(others, NOW + 1, false).await.unwrap();
    store.set_stance(bob.id(), MUTED).await.unwrap();

    for audience in [Audience::All, Audience::Following, Audience::Friends] {
        let mut shown = texts(&store, audience.clone()).await;
        shown.sort();
        assert_eq!(shown, ["carol answers bob", "mine"], "{audience:?}: the answer stands without the muted root");
    }
    assert!(texts(&store, Audience::Channel("tea".into())).await.is_empty());
    let own_page = texts(&store, Audience::Person(bob.id())).await;
    assert!(own_page.contains(&"of bob".to_owned()), "{own_page:?}");
    let thread = store.thread(post.id()).await.unwrap().unwrap();
    let shown: Vec<(&str, u32, u32)> =
        thread.posts().map(|post| (post.post.text.as_str(), post.replies, post.likes)).collect();
    assert_eq!(shown, [("mine", 0, 1)], "neither the answer nor the like of somebody muted");
    let thread = store.thread(bobs.id()).await.unwrap().unwrap();
    assert_eq!(thread.posts().count(), 2, "what is opened by its id is there");
    let activity = store.activity(None, 10).await.unwrap().rows;
    assert!(activity.iter().all(|row| row.stored.message.author() == carol.feed()), "{activity:?}");
    assert!(!store.snapshot().await.unwrap().graph.is_blocking(&alice.id(), &bob.id()), "it is no block");

    store.set_stance(bob.id(), Stance::default()).await.unwrap();
    assert!(texts(&store, Audience::All).await.contains(&"of bob in tea".to_owned()));
}
