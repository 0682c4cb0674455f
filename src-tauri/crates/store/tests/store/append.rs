//! Appending, reopening, and what is refused.

use std::fs;

use feed::ForkProof;
use store::{AppendError, OpenError, Standing, Store};

use crate::people::{alice, bob, carol};

/// Long after every claim of the signers.
pub(crate) const NOW: i64 = 1_000_000_000;

#[tokio::test]
async fn what_was_appended_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let own = vec![alice.names(alice.feed(), "Alice"), alice.follows(&bob), alice.posts("one")];
    store.append(own.clone(), NOW, true).await.unwrap();
    // Bob's clock is ahead of the receipt.
    bob.clock = (NOW + 1_000_000) as f64;
    let others = vec![bob.posts("two"), bob.follows(&alice)];
    store.append(others.clone(), NOW + 5, false).await.unwrap();
    store.want(carol().feed()).await.unwrap();
    let before = store.snapshot().await.unwrap();
    let claimed = |message: &feed::Message| message.timestamp() as i64;
    let written = [(alice.feed(), claimed(&own[2])), (bob.feed(), NOW + 5)].into();
    drop(store);

    let store = Store::open(dir.path()).await.unwrap();
    let after = store.snapshot().await.unwrap();
    assert_eq!(after.heads, [(alice.feed(), own[2].head()), (bob.feed(), others[1].head())].into());
    assert_eq!((&before.heads, before.generation), (&after.heads, after.generation));
    assert_eq!((&before.written, &after.written), (&written, &written), "the earlier of claim and receipt");
    assert_eq!(after.wanted, [carol().feed()].into());
    assert_eq!(after.standing, Standing::Whole);
    assert_eq!(after.about.as_ref().map(|m| m.id()), Some(own[0].id()));
    assert_eq!(after.own, own.iter().map(|m| m.id()).collect());
    assert!(after.graph.is_following(&alice.id(), &bob.id()) && after.graph.is_following(&bob.id(), &alice.id()));

    let loaded = store.load(alice.feed(), 1, 3, 1 << 20).await.unwrap();
    assert_eq!(loaded.iter().map(|m| m.encoded().to_vec()).collect::<Vec<_>>(), [own[1].encoded(), own[2].encoded()]);
    let stored = store.message(others[0].id()).await.unwrap().unwrap();
    assert_eq!((stored.message.id(), stored.received_ms), (others[0].id(), NOW + 5));
    assert_eq!(store.message(feed::MessageId::classic([9; 32])).await.unwrap(), None);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.messages, totals.feeds), (5, 2));
    assert!(totals.bytes > 8192);
}

#[tokio::test]
async fn loading_stops_at_the_size_asked_for_but_gives_at_least_one() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let messages: Vec<_> = (0..20).map(|n| bob.posts(&format!("{n} {}", "x".repeat(1000)))).collect();
    store.append(messages.clone(), NOW, false).await.unwrap();
    let size = messages[1].encoded().len();
    assert_eq!(store.load(bob.feed(), 0, 20, 1).await.unwrap().len(), 1);
    assert_eq!(store.load(bob.feed(), 0, 20, 3 * size + 10).await.unwrap().len(), 3);
    assert_eq!(store.load(bob.feed(), 4, 6, 1 << 20).await.unwrap().len(), 2);
    assert_eq!(store.load(bob.feed(), 20, u64::MAX, 1 << 20).await.unwrap().len(), 0);
    assert_eq!(store.load(carol().feed(), 0, 20, 1 << 20).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_batch_that_does_not_continue_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let (first, second, third) = (bob.posts("1"), bob.posts("2"), bob.posts("3"));
    let other = carol.posts("fine");
    let gap = store.append(vec![other.clone(), first.clone(), third.clone()], NOW, false).await;
    assert!(matches!(gap, Err(AppendError::NotNext { sequence: 3, .. })), "{gap:?}");
    assert_eq!(store.snapshot().await.unwrap().heads, [].into());

    store.append(vec![first.clone(), second.clone()], NOW, false).await.unwrap();
    let mut fork = bob.clone();
    fork.head = Some(first.head());
    let forked = fork.posts("other 2");
    let continued = fork.posts("other 3");
    for batch in [vec![forked], vec![continued]] {
        assert!(matches!(store.append(batch, NOW, false).await, Err(AppendError::NotNext { .. })));
    }
    // What is here already is passed over; the rest goes in.
    store.append(vec![first, second, third.clone(), other], NOW, false).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().heads[&bob.feed()], third.head());
    assert_eq!(store.totals().await.unwrap().messages, 4);
}

#[tokio::test]
async fn an_own_message_whose_number_is_taken_never_passes_as_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut alice = alice();
    let mut twin = alice.clone();
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let kept = alice.posts("kept");
    store.append(vec![kept.clone()], NOW, true).await.unwrap();
    let refused = store.append(vec![twin.posts("lost")], NOW, true).await;
    assert!(matches!(refused, Err(AppendError::NotNext { sequence: 1, .. })), "{refused:?}");
    assert_eq!(store.snapshot().await.unwrap().heads[&alice.feed()], kept.head());
}

#[tokio::test]
async fn a_forked_feed_is_frozen_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let mut twin = bob.clone();
    let (one, other, next) = (bob.posts("one"), twin.posts("other"), bob.posts("two"));
    store.append(vec![one.clone()], NOW, false).await.unwrap();
    store.freeze(&ForkProof::new(one, other).unwrap()).await.unwrap();
    assert!(
        matches!(store.append(vec![next.clone()], NOW, false).await, Err(AppendError::Frozen(feed)) if feed == bob.feed())
    );
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.snapshot().await.unwrap().frozen, [bob.feed()].into());
    assert!(matches!(store.append(vec![next], NOW, false).await, Err(AppendError::Frozen(_))));
}

#[tokio::test]
async fn somebody_elses_message_is_never_written_as_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let refused = store.append(vec![bob().posts("hi")], NOW, true).await;
    assert!(matches!(refused, Err(AppendError::NotOwn(feed)) if feed == bob().feed()));
}

#[tokio::test]
async fn a_folder_is_used_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let second = Store::open(dir.path()).await.unwrap_err();
    assert!(matches!(second, OpenError::Locked(_)));
    assert!(second.to_string().contains("Close it first"));
    drop(store);
    assert!(matches!(Store::create(dir.path(), &bob().keys, None).await, Err(OpenError::AlreadyThere(_))));
    Store::open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn opening_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open(dir.path()).await, Err(OpenError::NotThere(_))));
    drop(Store::create(dir.path(), &alice().keys, None).await.unwrap());

    let secret = fs::read(dir.path().join("secret")).unwrap();
    fs::write(dir.path().join("secret"), bob().keys.to_secret_text().as_bytes()).unwrap();
    assert!(matches!(Store::open(dir.path()).await, Err(OpenError::WrongKey(_))));
    fs::write(dir.path().join("secret"), secret).unwrap();
    for name in ["periwinkle.sqlite", "periwinkle.sqlite-wal", "periwinkle.sqlite-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    assert!(matches!(Store::open(dir.path()).await, Err(OpenError::DatabaseMissing(_))));
}

#[tokio::test]
async fn a_creation_that_was_interrupted_can_be_done_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::create(dir.path(), &alice().keys, None).await.unwrap());
    // As if the process had been killed before the key file was written.
    fs::remove_file(dir.path().join("secret")).unwrap();
    let store = Store::create(dir.path(), &bob().keys, None).await.unwrap();
    assert_eq!(store.keys().feed_id(), bob().feed());
    store.append(vec![carol().posts("kept")], NOW, false).await.unwrap();
    drop(store);
    fs::remove_file(dir.path().join("secret")).unwrap();
    assert!(matches!(Store::create(dir.path(), &alice().keys, None).await, Err(OpenError::AlreadyThere(_))));
    let store = Store::create(dir.path(), &bob().keys, None).await.unwrap();
    assert_eq!(store.totals().await.unwrap().messages, 1, "the same person finds their messages again");
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let mut alice = alice();
    let folder = dir.path().join("profile");
    let store = Store::create(&folder, &alice.keys, None).await.unwrap();
    store.append(vec![alice.posts("one")], NOW, true).await.unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn the_network_key_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let network = feed::NetworkKey::new([7; 32]);
    drop(Store::create(dir.path(), &alice().keys, Some(network.clone())).await.unwrap());
    assert_eq!(Store::open(dir.path()).await.unwrap().network(), Some(network));
}

#[tokio::test]
async fn a_damaged_message_costs_only_what_comes_after_it() {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let messages: Vec<_> = (0..5).map(|n| bob.posts(&n.to_string())).collect();
    store.append(messages.clone(), NOW, false).await.unwrap();
    let mut db = SqliteConnectOptions::new().filename(dir.path().join("periwinkle.sqlite")).connect().await.unwrap();
    sqlx::query("UPDATE log SET body = x'7b7d' WHERE sequence = 3").execute(&mut db).await.unwrap();
    let sequences = async |after| store.load(bob.feed(), after, 5, 1 << 20).await.map(|m| m.len());
    assert_eq!(sequences(0).await.unwrap(), 2);
    assert_eq!(sequences(3).await.unwrap(), 2);
    let damaged = sequences(2).await.unwrap_err();
    assert!(matches!(damaged, store::StoreError::Damaged { sequence: 3, .. }), "{damaged:?}");
}

#[tokio::test]
async fn a_message_that_reads_well_but_has_changed_is_known_by_its_id() {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let messages: Vec<_> = (0..5).map(|n| bob.posts(&format!("number {n}"))).collect();
    store.append(messages.clone(), NOW, false).await.unwrap();

    let mut db = SqliteConnectOptions::new().filename(dir.path().join("periwinkle.sqlite")).connect().await.unwrap();
    let read = "SELECT body FROM log WHERE sequence = 3";
    let mut body: Vec<u8> = sqlx::query_scalar(read).fetch_one(&mut db).await.unwrap();
    let at = body.windows(6).position(|text| text == b"number").expect("texts stand in a packed body as they are");
    body[at] = b'l';
    sqlx::query("UPDATE log SET body = ? WHERE sequence = 3").bind(body).execute(&mut db).await.unwrap();

    let damaged = store.message(messages[2].id()).await.unwrap_err();
    assert!(matches!(damaged, store::StoreError::Damaged { sequence: 3, .. }), "{damaged:?}");
    assert_eq!(store.load(bob.feed(), 0, 5, 1 << 20).await.unwrap().len(), 2);
    assert_eq!(store.load(bob.feed(), 0, 3, 1 << 20).await.unwrap().len(), 2, "nothing after it says so");
    let damaged = store.load(bob.feed(), 2, 5, 1 << 20).await.unwrap_err();
    assert!(matches!(damaged, store::StoreError::Damaged { sequence: 3, .. }), "{damaged:?}");
    let exported = store.export(None).next().await.unwrap();
    assert_eq!(exported.iter().map(|one| one.position).collect::<Vec<_>>(), [1, 2, 4, 5]);
}

#[tokio::test]
async fn the_newest_of_a_feed_are_given_from_the_end_within_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    assert_eq!(store.newest(bob.feed(), 0, 32, 1 << 20).await.unwrap(), None, "nothing is stored of it");
    let id = bob.feed();
    let mut all = vec![bob.names(id, "Bob")];
    all.extend((0..9).map(|n| bob.posts(&format!("{n} {}", "long ".repeat(200)))));
    store.append(all.clone(), NOW, false).await.unwrap();
    let newest = async |before, most, bytes| {
        let (head, messages, about) = store.newest(id, before, most, bytes).await.unwrap().unwrap();
        assert_eq!((head, about.map(|about| about.id())), (10, Some(all[0].id())));
        messages.iter().map(feed::Message::sequence).collect::<Vec<_>>()
    };
    assert_eq!(newest(0, 3, 1 << 20).await, [8, 9, 10]);
    assert_eq!(newest(8, 3, 1 << 20).await, [5, 6, 7]);
    assert_eq!(newest(3, 32, 1 << 20).await, [1, 2]);
    assert_eq!(newest(1, 32, 1 << 20).await, [0_u64; 0], "nothing is below the first");
    assert_eq!(newest(99, 1, 1 << 20).await, [10]);
    assert_eq!(newest(0, 32, 3_000).await, [9, 10], "as many as fit");
    assert_eq!(newest(0, 32, 1).await, [10], "but one");
}
