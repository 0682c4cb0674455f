//! Killed at random moments of publishing and syncing.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use app::rpc::Client;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::chain::{feed, holds};
use crate::peri::{Person, post};

const KILLS: usize = 200;

/// A run lives at most this long after its start, so that kills fall into the start, the greeting and the posts alike.
const LONGEST_LIFE: Duration = Duration::from_millis(400);

/// Kills between two looks at the feeds, each with a neighbour started anew: to a neighbour, somebody who comes and goes more
/// often is a nuisance to be kept out.
const A_NEIGHBOUR: usize = 10;

fn seed() -> u64 {
    match std::env::var("PERIWINKLE_SEED") {
        Ok(seed) => seed.parse().expect("PERIWINKLE_SEED is a number"),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_kills_at_random_moments_lose_nothing_and_fork_nothing() {
    let seed = seed();
    println!("repeat with PERIWINKLE_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    ada.ok(&["follow", &bo.id]);
    // The neighbour writes all the time, so that syncing runs both ways.
    let folder = bo.folder();
    let writing = tokio::spawn(async move {
        for n in 0_u64.. {
            if let Some(mut client) = Client::connect(&folder).await {
                // It is stopped now and then; what it had acknowledged is looked at below.
                let _ = post(&mut client, &format!("bo {n}")).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });

    let mut acknowledged = BTreeSet::new();
    for _ in 0..KILLS / A_NEIGHBOUR {
        let b = bo.serve(&[]);
        for _ in 0..A_NEIGHBOUR {
            let life = Duration::from_millis(random.next_u64() % LONGEST_LIFE.as_millis() as u64);
            let mut node = ada.spawn(&[&b], &[]);
            let killing = tokio::task::spawn_blocking(move || {
                std::thread::sleep(life);
                node.kill();
            });
            // Publishes for as long as there is somebody to answer.
            while !killing.is_finished() {
                if let Some(mut client) = Client::connect(&ada.folder()).await {
                    while let Ok(id) = post(&mut client, "written on the edge").await {
                        acknowledged.insert(id);
                    }
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            killing.await.expect("killed");
        }
        let a = ada.serve(&[&b]);
        let (mut client, mut neighbour) = (a.client().await, b.client().await);
        let id = post(&mut client, "publishing still works").await.expect("publishing still works");
        acknowledged.insert(id);
        holds(&mut client, &mut neighbour, &ada.id, &acknowledged).await;
        // And the other way: what has come of the neighbour's is whole.
        feed(&mut client, &bo.id).await;
        assert!(a.stop().success() && b.stop().success());
    }
    writing.abort();
    println!("{} acknowledged posts over {KILLS} kills", acknowledged.len());
    assert!(acknowledged.len() > KILLS / 2, "too little was published for this to mean anything");
}
