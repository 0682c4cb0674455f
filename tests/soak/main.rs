//! Twelve nodes for minutes on end: people who write, come and go, and hostile neighbours in between. Nothing acknowledged is lost,
//! everybody has all in the end, memory and file handles stay flat, and no log has an error in it.
//!
//! `PERIWINKLE_SOAK_MINUTES` says for how long; three minutes unless it does, and more than a step may take by `cargo test --test soak`.

#[path = "../kills/chain.rs"]
mod chain;
mod crowd;
mod hostile;
#[path = "../nodes/peri.rs"]
#[allow(dead_code)] // Shared with `tests/nodes`, which uses all of it.
mod peri;
mod watch;

use std::time::{Duration, Instant};

use crowd::Crowd;
use hostile::Hostile;
use watch::Watch;

/// Those who stay are watched; the others come and go.
const STAY: usize = 4;
const NODES: usize = 12;
/// Between two posts, by whoever is there.
const WRITES: Duration = Duration::from_millis(150);
/// Between two who go; each comes back when the next but one goes.
const GOES: Duration = Duration::from_secs(4);

fn minutes() -> u64 {
    match std::env::var("PERIWINKLE_SOAK_MINUTES") {
        Ok(minutes) => minutes.parse().expect("PERIWINKLE_SOAK_MINUTES is a number"),
        Err(_) => 3,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_and_go_among_hostile_neighbours_and_nothing_is_lost_or_grows() {
    let mut crowd = Crowd::gather(NODES, STAY).await;
    let mut watch = Watch::new(STAY);
    let hostile = Hostile::begin(crowd.addresses());

    let begun = Instant::now();
    let over = Duration::from_secs(60 * minutes());
    let (mut wrote, mut went) = (begun, begun);
    while begun.elapsed() < over {
        if wrote.elapsed() >= WRITES {
            wrote = Instant::now();
            crowd.somebody_writes().await;
        }
        if went.elapsed() >= GOES {
            went = Instant::now();
            crowd.somebody_goes().await;
            hostile.find(crowd.addresses());
        }
        watch.look(begun.elapsed().as_secs_f64() / over.as_secs_f64(), crowd.nodes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let nuisances = hostile.end().await;
    crowd.all_come().await;
    let posts = crowd.all_have_all().await;
    println!("{posts} posts, {} departures, {nuisances} hostile links in {} minutes", crowd.departures, minutes());
    assert!(posts > 0 && crowd.departures > 0 && nuisances > 0, "too little happened for this to mean anything");
    let errors = crowd.ends();
    assert!(errors.is_empty(), "errors in the logs:\n{}", errors.join("\n"));
    watch.is_flat();
}
