//! Links to addresses that were typed: `peri connect`.

use crate::peri::{Person, peers, until};

/// Ben does not look for anybody, and links with Ada by her address; the link comes back by itself, also after a restart.
#[tokio::test]
async fn an_address_that_answered_is_kept_until_it_is_forgotten() {
    let (ada, ben) = (Person::new("Ada"), Person::new("Ben"));
    let (mut a, b) = (ada.serve(&[]), ben.serve(&[]));
    assert_eq!(ben.ok(&["connect"]), "Links are kept to no address.");

    let typed = a.address.replace("/ip4/", "").replace("/tcp/", ":");
    let said = ben.ok(&["connect", &typed]);
    assert!(said.contains(&ada.id) && said.contains("whenever"), "{said}");
    let mut asks = b.client().await;
    assert_eq!(peers(&mut asks).await.peers.len(), 1, "linked when it says so");
    let kept = ben.json(&["connect", "--json"]);
    assert_eq!(kept["addresses"][0]["address"], a.address);
    assert_eq!(kept["addresses"][0]["person"]["id"], ada.id);
    assert!(ben.ok(&["connect"]).contains("linked"));

    assert!(b.stop().success());
    let b = ben.serve(&[]);
    let mut asks = b.client().await;
    until("linked after a restart", async || peers(&mut asks).await.peers, |peers| peers.len() == 1).await;

    ben.ok(&["connect", &a.address, "--forget"]);
    a.kill();
    until("Ada is gone", async || peers(&mut asks).await.peers, Vec::is_empty).await;
    assert_eq!(ben.ok(&["connect"]), "Links are kept to no address.");
    assert!(ben.refused(&["connect", &typed, "--forget"]).contains("No link is kept"));
}

/// What cannot be an address, where nobody answers, one's own, and where nothing runs that could dial.
#[tokio::test]
async fn why_nothing_came_of_an_address_is_said() {
    let (ada, ben) = (Person::new("Ada"), Person::new("Ben"));
    assert!(ben.refused(&["connect", "127.0.0.1:4100"]).contains("peri serve"));
    let (mut a, b) = (ada.serve(&[]), ben.serve(&[]));
    let bad = ben.refused(&["connect", "ada.example:4100"]);
    assert!(bad.contains("not an address") && bad.contains("192.168.1.20:4100"), "{bad}");
    assert!(ben.refused(&["connect", &b.address]).contains("this device itself answers there"));

    ben.ok(&["block", "--private", &ada.id]);
    let blocked = ben.refused(&["connect", &a.address]);
    assert!(blocked.contains("You block the person"), "{blocked}");
    ben.ok(&["unblock", &ada.id]);
    a.kill();
    let nobody = ben.refused(&["connect", &a.address]);
    assert!(nobody.contains("could not be reached") && nobody.contains("See that Periwinkle runs there"), "{nobody}");
    assert_eq!(ben.ok(&["connect"]), "Links are kept to no address.", "what failed is not kept");
}

/// Who belongs to another network answers, and is not kept.
#[tokio::test]
async fn somebody_of_another_network_is_not_kept() {
    let key = format!("{}=", "A".repeat(43));
    let (ada, eve) = (Person::new("Ada"), Person::of_network("Eve", &key));
    let (a, _e) = (ada.serve(&[]), eve.serve(&[]));
    let said = eve.refused(&["connect", &a.address]);
    assert!(said.contains("does not speak with this device"), "{said}");
    assert_eq!(eve.ok(&["connect"]), "Links are kept to no address.");
}
