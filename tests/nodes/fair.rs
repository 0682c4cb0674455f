//! A bulk from one neighbour keeps nothing of another waiting.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use app::rpc::Request;
use feed::{Head, KeyPair, json::Value, sign};

use crate::peri::{PATIENCE, Person, post, status, until};

const AUTHORS: usize = 20;
const EACH: usize = 5_000;

/// Feeds as lines, one after the other in time; those with the first message of each, and all.
fn history() -> (String, String) {
    let mut feeds: Vec<(KeyPair, Option<Head>)> =
        (0..AUTHORS).map(|n| (KeyPair::from_seed(&[n as u8 + 1; 32]), None)).collect();
    let (mut firsts, mut all) = (String::new(), String::new());
    for n in 0..AUTHORS * EACH {
        let (keys, head) = &mut feeds[n % AUTHORS];
        let text =
            format!("number {n} of a long history, with as many words as people use when they have something to say");
        let content = Value::object([("type", "post".into()), ("text", text.into())]);
        let signed = sign(keys, None, head.as_ref(), 1.6e12 + n as f64, &content).expect("it is signed");
        *head = Some(signed.head());
        let line = str::from_utf8(signed.encoded()).expect("text");
        writeln!(all, "{line}").expect("a string");
        if n < AUTHORS {
            writeln!(firsts, "{line}").expect("a string");
        }
    }
    (firsts, all)
}

/// While one neighbour sends what it has of twenty people, posts arrive soon after they were written: another neighbour's, and its
/// own on the very same link.
#[tokio::test(flavor = "multi_thread")]
async fn posts_do_not_wait_for_the_end_of_a_bulk() {
    let (ada, bo, cyd) = (Person::new("Ada"), Person::new("Bo"), Person::new("Cyd"));
    let (firsts, all) = history();
    assert!(ada.pipe(&["import", "-"], all.as_bytes()).status.success());
    // Whom one has something of, one asks for.
    assert!(bo.pipe(&["import", "-"], firsts.as_bytes()).status.success());
    for friend in [&ada, &cyd] {
        bo.ok(&["follow", &friend.id]);
    }
    let (a, c) = (ada.serve(&[]), cyd.serve(&[]));
    let mut writers = [a.client().await, c.client().await];
    let b = bo.serve(&[&c, &a]);
    let mut ask = b.client().await;
    until("the bulk", async || status(&mut ask).await.messages, |messages| *messages > 2 * AUTHORS as u64).await;

    let begun = Instant::now();
    let mut taken = [const { Vec::new() }; 2];
    while status(&mut ask).await.messages < (AUTHORS * EACH) as u64 {
        for (writer, taken) in writers.iter_mut().zip(&mut taken) {
            let written = Instant::now();
            let id = post(writer, "just now").await.expect("published");
            while ask.call::<app::view::Thread>(&Request::Thread { id: id.clone() }).await.is_err() {
                assert!(written.elapsed() < PATIENCE, "it never comes");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            taken.push(written.elapsed());
        }
    }
    let bulk = begun.elapsed();
    for (whose, taken) in ["the same", "another"].iter().zip(&mut taken) {
        assert!(!taken.is_empty(), "the bulk was over before anything was written beside it");
        taken.sort();
        let (median, worst) = (taken[taken.len() / 2], taken[taken.len() - 1]);
        println!(
            "beside a bulk of {bulk:?}, {} posts of {whose} neighbour: median {median:?}, worst {worst:?}",
            taken.len()
        );
        assert!(7 * median < bulk, "{whose}: {taken:?} of {bulk:?}");
    }
}
