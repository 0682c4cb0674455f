//! Saved clocks: kept for each device, apart from the feeds, and never more than some.

use std::path::Path;

use feed::{DeviceKey, FeedId};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use store::{Clock, MAX_CLOCK_DEVICES, MAX_CLOCK_ENTRIES, MAX_CLOCK_FEEDS, Store};

use crate::people::{alice, bob, carol};

fn device(number: usize) -> DeviceKey {
    DeviceKey::new(key(number))
}

fn key(number: usize) -> [u8; 32] {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&(number as u64).to_be_bytes());
    key
}

/// Notes about this many feeds of strangers.
fn notes(feeds: std::ops::Range<usize>) -> Clock {
    feeds.map(|feed| (FeedId::classic(key(feed)), 2)).collect()
}

async fn store(dir: &Path) -> Store {
    Store::create(dir, &alice().keys, None).await.unwrap()
}

#[tokio::test]
async fn clocks_are_kept_for_each_device() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    let (a, b) = (bob().feed(), carol().feed());
    store.save_clocks(device(1), &Clock::from([(a, 4), (b, -1)]), &Clock::from([(a, 6)])).await.unwrap();
    store.save_clocks(device(1), &Clock::from([(a, 8)]), &Clock::from([(b, 3)])).await.unwrap();
    store.save_clocks(device(2), &Clock::new(), &Clock::from([(a, 2)])).await.unwrap();
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(store.clocks(device(1)).await.unwrap(), (Clock::from([(a, 8), (b, -1)]), Clock::from([(a, 6), (b, 3)])));
    assert_eq!(store.clocks(device(2)).await.unwrap(), (Clock::new(), Clock::from([(a, 2)])));
    store.forget_clocks(device(1)).await.unwrap();
    assert_eq!(store.clocks(device(1)).await.unwrap(), (Clock::new(), Clock::new()));
    assert_eq!(store.clocks(device(2)).await.unwrap().1.len(), 1, "only that device");
}

#[tokio::test]
async fn what_strangers_speak_of_is_no_feed_of_ours() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    store.save_clocks(device(1), &notes(0..5000), &notes(0..5000)).await.unwrap();
    let (held, told) = store.clocks(device(1)).await.unwrap();
    assert_eq!((held, told), (notes(0..5000), notes(0..5000)));
    let mut db = SqliteConnectOptions::new().filename(dir.path().join("periwinkle.sqlite")).connect().await.unwrap();
    let feeds: i64 = sqlx::query_scalar("SELECT count(*) FROM feeds").fetch_one(&mut db).await.unwrap();
    assert_eq!(feeds, 0);
}

#[tokio::test]
async fn the_device_saved_longest_ago_is_forgotten_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    for number in 0..MAX_CLOCK_DEVICES {
        store.save_clocks(device(number), &notes(0..1), &notes(0..1)).await.unwrap();
    }
    // The first one is here again, so the second one is the oldest now.
    store.save_clocks(device(0), &notes(1..2), &Clock::new()).await.unwrap();
    store.save_clocks(device(MAX_CLOCK_DEVICES), &notes(0..1), &Clock::new()).await.unwrap();
    assert_eq!(store.clocks(device(0)).await.unwrap(), (notes(0..2), notes(0..1)));
    assert_eq!(store.clocks(device(1)).await.unwrap(), (Clock::new(), Clock::new()), "both halves");
    assert_eq!(store.clocks(device(2)).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn clocks_of_too_many_feeds_are_forgotten_whole_and_cost_others_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    store.save_clocks(device(1), &notes(0..10), &notes(0..10)).await.unwrap();
    store.save_clocks(device(2), &notes(0..MAX_CLOCK_FEEDS), &notes(0..1)).await.unwrap();
    assert_eq!(store.clocks(device(2)).await.unwrap().0.len(), MAX_CLOCK_FEEDS);
    store.save_clocks(device(2), &Clock::new(), &notes(MAX_CLOCK_FEEDS..MAX_CLOCK_FEEDS + 1)).await.unwrap();
    assert_eq!(store.clocks(device(2)).await.unwrap(), (Clock::new(), Clock::new()));
    assert_eq!(store.clocks(device(1)).await.unwrap(), (notes(0..10), notes(0..10)));
}

#[tokio::test]
async fn all_clocks_together_are_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path()).await;
    let full = notes(0..MAX_CLOCK_FEEDS);
    let fit = MAX_CLOCK_ENTRIES / MAX_CLOCK_FEEDS;
    for number in 0..=fit {
        store.save_clocks(device(number), &full, &Clock::new()).await.unwrap();
    }
    assert_eq!(store.clocks(device(0)).await.unwrap().0.len(), 0);
    for number in 1..=fit {
        assert_eq!(store.clocks(device(number)).await.unwrap().0.len(), MAX_CLOCK_FEEDS);
    }
}
