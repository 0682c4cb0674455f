//! Killed at each named write point.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::chain::holds;
use crate::peri::{Node, PATIENCE, Person, post};

/// Every place where a crash could fall between two writes, in the order in which a post passes them.
const WRITE_POINTS: [&str; 6] =
    ["before-journal", "after-journal", "before-commit", "after-commit", "before-send", "after-send"];

/// Posts tried in a run that is to be killed; the last point comes long before.
const POSTS: usize = 200;

#[tokio::test]
async fn a_kill_at_any_write_point_loses_nothing_acknowledged_and_forks_nothing() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    ada.ok(&["follow", &bo.id]);
    let mut acknowledged = BTreeSet::new();
    for point in WRITE_POINTS {
        // Started anew for each point: to a neighbour, somebody who comes and goes this often is a nuisance to be kept out.
        let b = bo.serve(&[]);
        let mut neighbour = b.client().await;
        // The first passes are those of the start and the greeting, the later ones those of posts.
        for pass in [1, 2, 5] {
            let at = format!("{point}:{pass}");
            if let Some(mut a) = ada.try_serve(&[&b], &[("PERIWINKLE_KILL_AT", &at)]) {
                if let Some(mut client) = app::rpc::Client::connect(&ada.folder()).await {
                    for n in 0..POSTS {
                        match post(&mut client, &format!("{at}, {n}")).await {
                            Ok(id) => acknowledged.insert(id),
                            Err(_) => break,
                        };
                        assert!(n + 1 < POSTS, "{at} was never passed");
                    }
                }
                dies(&mut a);
            }
            let a = ada.serve(&[&b]);
            let mut client = a.client().await;
            let id = post(&mut client, &format!("after {at}")).await.expect("publishing still works");
            acknowledged.insert(id);
            holds(&mut client, &mut neighbour, &ada.id, &acknowledged).await;
            assert!(a.stop().success());
        }
        assert!(b.stop().success());
    }
    println!("{} acknowledged posts over {} kills", acknowledged.len(), WRITE_POINTS.len() * 3);
}

/// Waits until the node is dead by itself.
fn dies(node: &mut Node) {
    let begun = Instant::now();
    while node.child.try_wait().expect("a child").is_none() {
        assert!(begun.elapsed() < PATIENCE, "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}
