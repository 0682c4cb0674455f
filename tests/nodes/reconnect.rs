//! What meeting again costs when nothing has changed.

use std::fmt::Write;
use std::time::{Duration, Instant};

use app::view::Flow;
use feed::{KeyPair, json::Value, sign};

use crate::peri::{Node, Person, peers, status, until};

const FEEDS: usize = 1_000;

/// Most bytes of replication frames, both ways together.
const BUDGET: u64 = 300;

/// The two first messages of many feeds, as lines: all first ones, and all second ones.
fn feeds() -> (String, String) {
    let (mut first, mut second) = (String::new(), String::new());
    for n in 0..FEEDS {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
        let keys = KeyPair::from_seed(&seed);
        let content = |text: &str| Value::object([("type", "post".into()), ("text", text.to_owned().into())]);
        let one = sign(&keys, None, None, 1e12, &content("one")).expect("signs");
        let two = sign(&keys, None, Some(&one.head()), 1e12, &content("two")).expect("signs");
        for (lines, message) in [(&mut first, one), (&mut second, two)] {
            writeln!(lines, "{}", std::str::from_utf8(message.encoded()).expect("UTF-8")).expect("a string");
        }
    }
    (first, second)
}

/// Nothing has been sent for so long: everything that was going to be said has been said.
const QUIET: Duration = Duration::from_secs(2);

/// Waits until both are level with each other and nothing is said any more, then tells the bytes of both ways as this side
/// counted them.
async fn quiet(node: &Node) -> u64 {
    let mut client = node.client().await;
    let mut last = (0, Instant::now());
    until(
        "level and quiet",
        async || peers(&mut client).await.peers.pop(),
        |peer| {
            let Some(peer) = peer.as_ref().filter(|peer| peer.flow == Flow::Level) else { return false };
            let bytes = peer.bytes_received + peer.bytes_sent;
            if bytes != last.0 {
                last = (bytes, Instant::now());
            }
            last.1.elapsed() >= QUIET
        },
    )
    .await;
    last.0
}

/// Two people who follow each other, of whom one holds twice as much of a thousand feeds as the other, both asked for by hand.
fn ahead_and_behind() -> (Person, Person) {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    let (first, second) = feeds();
    for (person, lines) in [(&ada, first.clone() + &second), (&bo, first)] {
        let output = person.pipe(&["import", "-"], lines.as_bytes());
        assert!(output.status.success(), "{output:?}");
    }
    ada.ok(&["follow", &bo.id]);
    bo.ok(&["follow", &ada.id]);
    (ada, bo)
}

/// Runs both until each has everything of the other.
async fn sync(ada: &Person, bo: &Person) -> (Node, Node) {
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let (mut ask_a, mut ask_b) = (a.client().await, b.client().await);
    let all = 2 * FEEDS as u64 + 4;
    until("ada has all", async || status(&mut ask_a).await.messages, |messages| *messages == all).await;
    until("bo has all", async || status(&mut ask_b).await.messages, |messages| *messages == all).await;
    (a, b)
}

#[tokio::test]
async fn every_reconnect_after_a_completed_sync_is_small_the_first_included() {
    let (ada, bo) = ahead_and_behind();
    let (a, b) = sync(&ada, &bo).await;
    quiet(&b).await;
    assert!(b.stop().success() && a.stop().success());

    // Meeting again: both started anew, then one side alone.
    let a = ada.serve(&[]);
    for round in 1..=3 {
        let b = bo.serve(&[&a]);
        let bytes = quiet(&b).await;
        println!("reconnect {round} with {FEEDS} feeds: {bytes} bytes of frames");
        assert!(bytes <= BUDGET, "reconnect {round} took {bytes} bytes");
        assert!(b.stop().success());
    }
}

#[tokio::test]
async fn whoever_leaves_the_moment_everything_has_come_meets_again_as_cheaply() {
    let (ada, bo) = ahead_and_behind();
    let (a, b) = sync(&ada, &bo).await;
    assert!(b.stop().success());
    let b = bo.serve(&[&a]);
    let bytes = quiet(&b).await;
    println!("reconnect right after a first sync of {FEEDS} feeds: {bytes} bytes of frames");
    assert!(bytes <= BUDGET, "it took {bytes} bytes");
    assert!(a.stop().success() && b.stop().success());
}
