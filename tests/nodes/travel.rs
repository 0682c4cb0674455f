//! Files on their way between real processes.

use std::path::Path;
use std::time::{Duration, Instant};

use app::rpc::Client;
use serde_json::Value;

use crate::peri::{Node, PATIENCE, Person, export, post, until};

/// Bytes that do not compress and differ with the seed.
fn noise(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(size + 4);
    while bytes.len() < size {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(size);
    bytes
}

/// Adds a file to somebody's folder; its id.
fn add(person: &Person, bytes: &[u8]) -> String {
    let home = tempfile::tempdir().expect("a temporary folder");
    let path = home.path().join("file");
    std::fs::write(&path, bytes).expect("written");
    person.ok(&["blob", "add", path.to_str().expect("UTF-8")])
}

async fn publish(client: &mut Client, text: &str) -> String {
    post(client, text).await.expect("published")
}

fn fetch(person: &Person, id: &str) -> Value {
    person.json(&["blob", "fetch", id, "--json"])
}

fn has(person: &Person, id: &str) -> bool {
    person.run(&["blob", "get", id]).status.success()
}

async fn comes(person: &Person, id: &str) {
    until("the file", async || has(person, id), |has| *has).await;
}

/// Where a file lies.
fn place(person: &Person, id: &str) -> std::path::PathBuf {
    let hash = &id[1..id.len() - ".sha256".len()];
    let hash = base64_decode(hash);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    person.folder().join("blobs/sha256").join(&hex[..2]).join(&hex[2..])
}

fn base64_decode(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes().take_while(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).expect("base64") as u32;
        bits = bits << 6 | value;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

async fn knows(node: &Node, feed: &str, message: &str) {
    let mut client = node.client().await;
    let stored = async || export(&mut client, Some(feed)).await;
    until("the post", stored, |rows| rows.iter().any(|row| row.key == message)).await;
}

#[tokio::test]
async fn a_post_with_a_picture_reaches_the_next_and_the_one_beyond() {
    let (ada, bo, cleo) = (Person::new("Ada"), Person::new("Bo"), Person::new("Cleo"));
    bo.ok(&["follow", &ada.id]);
    cleo.ok(&["follow", &ada.id]);
    cleo.ok(&["follow", &bo.id]);
    let picture = noise(1, 900_000);
    let id = add(&ada, &picture);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let _c = cleo.serve(&[&b]);
    publish(&mut a.client().await, &format!("Low tide ![the beach]({id})")).await;
    for person in [&bo, &cleo] {
        comes(person, &id).await;
        assert_eq!(person.run(&["blob", "get", &id]).stdout, picture);
        let usage = person.json(&["blob", "usage", "--json"]);
        assert_eq!(
            (&usage["others"]["count"], &usage["own"]["count"]),
            (&1.into(), &0.into()),
            "it may be tidied away"
        );
    }
}

#[tokio::test]
async fn a_large_file_comes_by_hand_alone_and_goes_on_after_a_kill() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let film = noise(2, 120 << 20);
    let id = add(&ada, &film);
    let a = ada.serve(&[]);
    let mut b = bo.serve(&[&a]);
    let message = publish(&mut a.client().await, &format!("[the film]({id})")).await;
    knows(&b, &ada.id, &message).await;
    assert_eq!(fetch(&bo, &id)["done"], 0, "asked for now, and not before");
    let done = |fetch: &Value| fetch["done"].as_u64().unwrap_or_default();
    let partly = until("a part", async || fetch(&bo, &id), |fetch| done(fetch) > 40 << 20).await;
    b.kill();
    // What was noted on the disk counts: at most so much less.
    let b = bo.serve(&[]);
    let begun = fetch(&bo, &id);
    let looked = until("a look at the disk", async || fetch(&bo, &id), |fetch| done(fetch) > 0).await;
    assert!(done(&looked) + (24 << 20) >= done(&partly), "{begun} {looked} {partly}");
    drop(b);
    let _b = bo.serve(&[&a]);
    let begun = Instant::now();
    until("the whole", async || fetch(&bo, &id), |fetch| fetch["state"] == "stored").await;
    println!("the rest of 120 MiB after a kill: {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(std::fs::read(place(&bo, &id)).expect("readable"), film);
    assert_eq!(bo.json(&["blob", "usage", "--json"])["own"]["count"], 1, "asked for by hand, kept for good");
    assert_eq!(std::fs::read_dir(bo.folder().join("blobs/partial")).expect("there").count(), 1, "the wants alone");
    assert!(bo.ok(&["blob", "remove", &id]).is_empty());
}

#[tokio::test]
async fn a_source_that_is_killed_is_replaced_by_another() {
    let (ada, bo, cleo) = (Person::new("Ada"), Person::new("Bo"), Person::new("Cleo"));
    bo.ok(&["follow", &ada.id]);
    cleo.ok(&["follow", &ada.id]);
    let film = noise(3, 60 << 20);
    let id = add(&ada, &film);
    assert_eq!(add(&cleo, &film), id);
    let mut a = ada.serve(&[]);
    let c = cleo.serve(&[&a]);
    let b = bo.serve(&[&a, &c]);
    let message = publish(&mut a.client().await, &format!("[the film]({id})")).await;
    knows(&b, &ada.id, &message).await;
    knows(&c, &ada.id, &message).await;
    let done = |fetch: &Value| fetch["done"].as_u64().unwrap_or_default();
    until("a part", async || fetch(&bo, &id), |fetch| done(fetch) > 8 << 20).await;
    a.kill();
    until("the whole", async || fetch(&bo, &id), |fetch| fetch["state"] == "stored").await;
    assert_eq!(std::fs::read(place(&bo, &id)).expect("readable"), film);
}

#[tokio::test]
async fn wrong_bytes_come_to_nothing_and_the_right_ones_are_found_elsewhere() {
    let (ada, bo, cleo) = (Person::new("Ada"), Person::new("Bo"), Person::new("Cleo"));
    bo.ok(&["follow", &ada.id]);
    cleo.ok(&["follow", &ada.id]);
    // Larger than what is held against its name before it is given, and large enough to be seen on its way.
    let film = noise(4, 60 << 20);
    let id = add(&ada, &film);
    assert_eq!(add(&cleo, &film), id);
    std::fs::write(place(&cleo, &id), noise(5, 60 << 20)).expect("written");
    let a = ada.serve(&[]);
    let c = cleo.serve(&[&a]);
    let message = publish(&mut a.client().await, &format!("[the film]({id})")).await;
    knows(&c, &ada.id, &message).await;
    // First the liar alone, then the honest one as well.
    let mut b = bo.serve(&[&a]);
    knows(&b, &ada.id, &message).await;
    b.kill();
    let b = bo.serve(&[&c]);
    until("a try with the liar", async || fetch(&bo, &id), |fetch| fetch["sources"] == 1 && fetch["done"] != 0).await;
    until("its end", async || fetch(&bo, &id), |fetch| fetch["sources"] == 0 && fetch["done"] == 0).await;
    assert!(!has(&bo, &id));
    drop(b);
    let _b = bo.serve(&[&a, &c]);
    until("the right ones", async || fetch(&bo, &id), |fetch| fetch["state"] == "stored").await;
    assert_eq!(std::fs::read(place(&bo, &id)).expect("readable"), film);
}

#[tokio::test]
async fn what_nothing_links_to_goes_to_nobody_and_is_said_to_be_waited_for() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let id = add(&ada, b"a secret");
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let message = publish(&mut a.client().await, "nothing to see here").await;
    knows(&b, &ada.id, &message).await;
    let refused = bo.refused(&["blob", "fetch", &id, "--wait", "2"]);
    assert!(refused.contains("is not here yet"), "{refused}");
    assert!(!has(&bo, &id));
    assert!(bo.run(&["blob", "remove", &id]).status.success(), "it is not asked for any more");
    assert_eq!(bo.run(&["blob", "remove", &id]).status.code(), Some(1), "nor is it here");
    assert!(b.stop().success() && a.stop().success());
    let alone = bo.refused(&["blob", "fetch", &id]);
    assert!(alone.contains("Nothing runs on this folder"), "{alone}");
}

#[tokio::test]
async fn beside_a_large_file_a_post_is_as_quick() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let film = noise(6, 150 << 20);
    let id = add(&ada, &film);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let mut speaks = a.client().await;
    let message = publish(&mut speaks, &format!("[the film]({id})")).await;
    knows(&b, &ada.id, &message).await;
    let mut listens = b.client().await;
    fetch(&bo, &id);
    let mut times = Vec::new();
    let begun = Instant::now();
    while fetch(&bo, &id)["state"] != "stored" {
        assert!(begun.elapsed() < PATIENCE);
        let begun = Instant::now();
        let message = publish(&mut speaks, &format!("live {}", times.len())).await;
        let stored = async || export(&mut listens, Some(&ada.id)).await;
        until("the post", stored, |rows| rows.iter().any(|row| row.key == message)).await;
        times.push(begun.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    println!("posts beside 150 MiB: median {median:?}, worst {:?}, of {}", times[times.len() - 1], times.len());
    assert!(median < Duration::from_millis(250), "{times:?}");
    assert!(Path::new(&place(&bo, &id)).exists());
}
