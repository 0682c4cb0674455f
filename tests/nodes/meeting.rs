//! Nodes that meet on loopback: what one publishes, the others have.

use std::time::{Duration, Instant};

use app::rpc::Request;

use crate::peri::{Person, export, peers, post, status, until};

/// Two who follow each other and are linked and level.
#[tokio::test]
async fn a_post_arrives_at_a_follower() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    let before = ada.ok(&["post", "before we met"]);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let mut bo_asks = b.client().await;
    let near = until("the link", async || peers(&mut bo_asks).await.peers, |peers| !peers.is_empty()).await;
    assert_eq!((near.len(), &near[0].id), (1, &ada.id));
    until(
        "the hello",
        async || peers(&mut bo_asks).await.peers,
        |peers| peers.first().is_some_and(|peer| peer.calls_themselves.as_deref() == Some("Ada")),
    )
    .await;
    assert_eq!(status(&mut bo_asks).await.messages, 1, "a stranger is not stored");

    bo.ok(&["follow", &ada.id]);
    until(
        "the past",
        async || export(&mut bo_asks, Some(&ada.id)).await,
        |rows| rows.iter().any(|row| row.key == before),
    )
    .await;
    let now = ada.ok(&["post", "now that we met"]);
    until("the post", async || export(&mut bo_asks, Some(&ada.id)).await, |rows| rows.iter().any(|row| row.key == now))
        .await;
    assert_eq!(bo.texts(), ["now that we met", "before we met"]);
    assert_eq!(bo.json(&["timeline", "--of", "nearby", "--json"])["posts"].as_array().map(Vec::len), Some(2));

    assert!(a.stop().success());
    until("the goodbye", async || peers(&mut bo_asks).await.peers, Vec::is_empty).await;
    assert_eq!(bo.json(&["timeline", "--of", "nearby", "--json"])["posts"].as_array().map(Vec::len), Some(0));
}

/// What a stranger near writes is shown to whoever wants it, as it is written, and is not stored.
#[tokio::test]
async fn strangers_near_are_shown_to_whoever_wants_them() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    ada.ok(&["post", "before you came"]);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let mut bo_asks = b.client().await;
    until("the link", async || peers(&mut bo_asks).await.peers, |peers| !peers.is_empty()).await;
    assert!(bo.ok(&["strangers"]).contains("not asked for"));
    bo.ok(&["strangers", "on"]);
    let near = async || {
        let posts = bo.json(&["timeline", "--of", "nearby", "--json"])["posts"].as_array().cloned().unwrap_or_default();
        posts.iter().map(|post| (post["text"].clone(), post["passing"].clone())).collect::<Vec<_>>()
    };
    until("what was written", near, |posts| *posts == [("before you came".into(), true.into())]).await;
    ada.ok(&["post", "and now"]);
    until("what is written", near, |posts| {
        *posts == [("and now".into(), true.into()), ("before you came".into(), true.into())]
    })
    .await;
    assert!(
        bo.ok(&["timeline", "--of", "nearby"]).contains("A stranger near who calls themselves Ada, not stored here")
    );
    assert_eq!(status(&mut bo_asks).await.messages, 1, "nothing of a stranger is stored");
    bo.ok(&["strangers", "off"]);
    assert_eq!(near().await, []);
    assert!(bo.ok(&["strangers"]).contains("not asked for"));
}

/// Apart, both write; together again, both have all.
#[tokio::test]
async fn what_was_written_apart_is_level_after_meeting_again() {
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    ada.ok(&["follow", &bo.id]);
    bo.ok(&["follow", &ada.id]);
    for round in 0..3 {
        ada.ok(&["post", &format!("ada {round}")]);
        bo.ok(&["post", &format!("bo {round}")]);
        let a = ada.serve(&[]);
        let b = bo.serve(&[&a]);
        let (mut ask_a, mut ask_b) = (a.client().await, b.client().await);
        let both = 4 + 2 * (round + 1);
        until("ada level", async || status(&mut ask_a).await.messages, |messages| *messages == both).await;
        until("bo level", async || status(&mut ask_b).await.messages, |messages| *messages == both).await;
        assert!(b.stop().success() && a.stop().success());
    }
    assert_eq!(ada.texts().len(), 6);
}

/// A network key keeps a closed network apart, also from those who dial it.
#[tokio::test]
async fn people_of_different_networks_do_not_speak() {
    let key = |letter: &str| format!("{}=", letter.repeat(43));
    let (ada, bo) = (Person::of_network("Ada", &key("A")), Person::of_network("Bo", &key("A")));
    let (eve, mal) = (Person::of_network("Eve", &key("E")), Person::new("Mal"));
    for person in [&bo, &eve, &mal] {
        person.ok(&["follow", &ada.id]);
    }
    let a = ada.serve(&[]);
    let (b, e, m) = (bo.serve(&[&a]), eve.serve(&[&a]), mal.serve(&[&a]));
    let id = ada.ok(&["post", "among us"]);
    let mut bo_asks = b.client().await;
    until("the post", async || export(&mut bo_asks, Some(&ada.id)).await, |rows| rows.iter().any(|row| row.key == id))
        .await;
    for node in [&e, &m] {
        let mut client = node.client().await;
        until("turned away", async || peers(&mut client).await.peers, Vec::is_empty).await;
        assert!(export(&mut client, Some(&ada.id)).await.is_empty());
    }
}

/// How long from the call of `publish` at one node until the other has stored the post and told its front end.
#[tokio::test]
async fn a_post_is_stored_and_announced_at_the_other_end_at_once() {
    const POSTS: usize = 20;
    /// Changes of one kind are told at most five times a second; people write more slowly than that.
    const PAUSE: Duration = Duration::from_millis(250);
    let (ada, bo) = (Person::new("Ada"), Person::new("Bo"));
    bo.ok(&["follow", &ada.id]);
    let a = ada.serve(&[]);
    let b = bo.serve(&[&a]);
    let (mut publish, mut listen, mut ask) = (a.client().await, b.client().await, b.client().await);
    until("ada's name", async || status(&mut ask).await.messages, |messages| *messages == 3).await;

    listen.call::<()>(&Request::Subscribe {}).await.expect("subscribed");
    let mut taken = Vec::new();
    for n in 0..POSTS {
        let begun = Instant::now();
        let id = post(&mut publish, &format!("number {n}")).await.expect("published");
        loop {
            // Any change may be the one; whether it was is asked.
            let asked = ask.call::<app::view::Thread>(&Request::Thread { id: id.clone() }).await;
            if asked.is_ok() {
                break;
            }
            listen.changed().await.expect("a change");
        }
        taken.push(begun.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    taken.sort();
    let (median, worst) = (taken[POSTS / 2], taken[POSTS - 1]);
    println!("published to stored and announced at the other end: median {median:?}, worst {worst:?} of {POSTS}");
    assert!(median < Duration::from_millis(100), "{taken:?}");
}

/// Everybody dials the first; everybody follows the first, who follows everybody: a thousand posts, two hops at most.
#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_and_a_thousand_posts_all_have_all() {
    const NODES: usize = 10;
    const POSTS: usize = 100;
    let people: Vec<Person> = (0..NODES).map(|n| Person::new(&format!("Person {n}"))).collect();
    for person in &people[1..] {
        people[0].ok(&["follow", &person.id]);
        person.ok(&["follow", &people[0].id]);
    }
    let first = people[0].serve(&[]);
    let mut nodes = vec![first];
    for (n, person) in people.iter().enumerate().skip(1) {
        // The first and the one before: a wheel, so that there is more than one way for every message.
        let dial: Vec<_> = if n == 1 { vec![&nodes[0]] } else { vec![&nodes[0], &nodes[n - 1]] };
        let node = person.serve(&dial);
        nodes.push(node);
    }
    let begun = Instant::now();
    let mut publishing = tokio::task::JoinSet::new();
    for node in &nodes {
        let mut client = node.client().await;
        publishing.spawn(async move {
            for n in 0..POSTS {
                post(&mut client, &format!("number {n}")).await.expect("published");
            }
        });
    }
    while let Some(done) = publishing.join_next().await {
        done.expect("published all");
    }
    let published = begun.elapsed();
    // A name each, nine follows of the first and one of everybody else.
    let all = (NODES + 2 * (NODES - 1) + NODES * POSTS) as u64;
    for node in &nodes {
        let mut client = node.client().await;
        until("all", async || status(&mut client).await, |status| status.messages == all).await;
    }
    println!(
        "{} posts at {NODES} nodes: published in {published:?}, everywhere after {:?}",
        NODES * POSTS,
        begun.elapsed()
    );

    let mut reference: Option<Vec<String>> = None;
    for node in nodes {
        let mut client = node.client().await;
        let mut rows: Vec<String> = export(&mut client, None).await.into_iter().map(|row| row.value).collect();
        rows.sort();
        match &reference {
            None => reference = Some(rows),
            Some(reference) => assert!(*reference == rows, "everybody has the same bytes"),
        }
        assert!(node.stop().success());
    }
}
