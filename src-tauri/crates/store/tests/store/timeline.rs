//! Timelines: order, rolled-up threads, audiences, and paging.

use std::collections::BTreeMap;

use feed::{MessageId, PersonId, Verified};
use proptest::prelude::*;
use social::search::{SearchTerms, parse};
use store::{Audience, CardRow, Cursor, FoundText, Happening, Page, Place, Query, Search, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol, signer},
    private::{says, sealed},
};

async fn page(store: &Store, audience: Audience, before: Option<Cursor>, limit: usize) -> Page {
    store.timeline(Query { audience, before, limit, near: &[] }).await.unwrap()
}

async fn texts(store: &Store, audience: Audience) -> Vec<String> {
    page(store, audience, None, 50).await.cards.iter().map(describe).collect()
}

/// `first post > earlier reply > newest reply`
fn describe(card: &CardRow) -> String {
    let posts = std::iter::once(&card.post).chain(&card.latest);
    posts.map(|post| post.post.text.as_str()).collect::<Vec<_>>().join(" > ")
}

#[tokio::test]
async fn a_post_from_the_year_3000_does_not_stay_on_top() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    (alice.clock, bob.clock) = (32_503_680_000_000.0, 32_503_680_000_000.0);
    store.append(vec![alice.posts("own, from 3000")], NOW, true).await.unwrap();
    store.append(vec![bob.posts("another's, from 3000")], NOW + 1, false).await.unwrap();
    (alice.clock, bob.clock) = ((NOW + 5) as f64, (NOW + 4) as f64);
    store.append(vec![alice.posts("own, today")], NOW + 5, true).await.unwrap();
    store.append(vec![bob.posts("another's, today")], NOW + 6, false).await.unwrap();
    let expected = ["own, today", "another's, today", "another's, from 3000", "own, from 3000"];
    assert_eq!(texts(&store, Audience::All).await, expected);
    drop(store);
    let store = Store::open(dir.path()).await.unwrap();
    assert_eq!(texts(&store, Audience::All).await, expected, "fixed at receipt");
}

#[tokio::test]
async fn what_a_clock_in_the_year_3000_has_dated_comes_down_when_the_clock_is_right() {
    const YEAR_3000: i64 = 32_503_680_000_000;
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    alice.clock = YEAR_3000 as f64;
    let own = alice.posts("own, under a wrong clock");
    store.append(vec![own.clone()], YEAR_3000, true).await.unwrap();
    bob.clock = YEAR_3000 as f64;
    let others = vec![bob.posts("another's, under the same"), bob.likes(own.id(), true)];
    store.append(others, YEAR_3000 + 1, false).await.unwrap();
    drop(store);

    let store = Store::open(dir.path()).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    (alice.clock, bob.clock) = (now as f64 + 1.0, now as f64 + 1.0);
    store.append(vec![alice.posts("own, today")], now + 1, true).await.unwrap();
    let others = vec![bob.posts("another's, today"), bob.follows(&alice)];
    store.append(others, now + 2, false).await.unwrap();
    let activity = store.activity(None, 9).await.unwrap().rows;
    assert_eq!(activity.iter().map(|row| row.happening).collect::<Vec<_>>(), [Happening::Followed, Happening::Liked]);
    let posts = page(&store, Audience::All, None, 50).await.cards;
    let expected = ["another's, today", "own, today", "another's, under the same", "own, under a wrong clock"];
    assert_eq!(posts.iter().map(describe).collect::<Vec<_>>(), expected);
    assert!(posts.iter().all(|card| card.post.time_ms <= now + 2), "shown as the index has them");
}

#[tokio::test]
async fn searches_conversations_and_what_was_read_come_down_with_the_clock_as_well() {
    const YEAR_3000: i64 = 32_503_680_000_000;
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob, mut carol) = (alice(), bob(), carol());
    let (a, b, c) = (alice.feed(), bob.feed(), carol.feed());
    let all = Place::Timeline(Audience::All);
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    (bob.clock, carol.clock) = (YEAR_3000 as f64, YEAR_3000 as f64);
    let ahead = vec![bob.posts("tide, under a wrong clock"), says(&mut bob, &sealed("ahead", &[a, b], 1))];
    store.append(ahead, YEAR_3000 + 5_000, false).await.unwrap();
    store.catch_up().await.unwrap();
    let newest = page(&store, Audience::All, None, 1).await.cards[0].post.time_ms;
    store.mark_read(&all, Cursor::shown_at(newest)).await.unwrap();
    drop(store);

    let store = Store::open(dir.path()).await.unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    (bob.clock, carol.clock) = (now as f64 + 1.0, now as f64 + 1.0);
    let today = vec![bob.posts("tide, today"), says(&mut carol, &sealed("today", &[a, c], 2))];
    store.append(today, now + 5_000, false).await.unwrap();
    store.catch_up().await.unwrap();
    let export = store.export(None).next().await.unwrap();
    assert!(export.iter().all(|one| one.received_ms <= now + 5_000), "of sealed messages as well");
    assert_eq!(store.unread(&all, &[]).await.unwrap(), 1);
    let people = store.conversations(None, 9).await.unwrap().into_iter().map(|one| one.people);
    assert!(people.collect::<Vec<_>>()[0].contains(&carol.id()), "the newest first");
    let SearchTerms { wanted, .. } = parse("tide ", true);
    let one = Search { wanted, limit: 1, ..Search::default() };
    // Both may be of one day, in which full text has them in the order of their times.
    let found = store.search(&one).await.unwrap().found;
    assert!(matches!(&found[0].text, FoundText::Post(post) if post.text == "tide, today"), "{found:?}");
}

#[tokio::test]
async fn a_thread_is_one_card_brought_up_by_its_newest_reply() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let root = alice.posts("root");
    store.append(vec![root.clone()], NOW, true).await.unwrap();
    (bob.clock, carol.clock) = (2_000_000.0, 3_000_000.0);
    let first = bob.replies(root.id(), root.id(), "first");
    let second = bob.replies(root.id(), first.id(), "second");
    let third = carol.replies(root.id(), second.id(), "third");
    let liked = carol.likes(root.id(), true);
    store.append(vec![first.clone(), second, third, liked], NOW, false).await.unwrap();
    let cards = page(&store, Audience::All, None, 10).await.cards;
    assert_eq!(cards.iter().map(describe).collect::<Vec<_>>(), ["root > second > third"]);
    assert_eq!(cards[0].brought_up_by, Some(carol.id()));
    assert_eq!((cards[0].post.replies, cards[0].post.likes, cards[0].post.liked), (3, 1, false));

    // What the audience does not cover is not rolled up; the first post is there as context.
    assert_eq!(texts(&store, Audience::Person(bob.id())).await, ["root > first > second"]);
    let near = [bob.id()];
    let nearby = Query { audience: Audience::Nearby, before: None, limit: 10, near: &near };
    assert_eq!(
        store.timeline(nearby).await.unwrap().cards.iter().map(describe).collect::<Vec<_>>(),
        ["root > first > second"]
    );

    let own_like = alice.likes(root.id(), true);
    store.append(vec![own_like, alice.likes(first.id(), true)], NOW, true).await.unwrap();
    let cards = page(&store, Audience::All, None, 10).await.cards;
    assert_eq!((cards[0].post.likes, cards[0].post.liked), (2, true));
    store.append(vec![alice.likes(root.id(), false)], NOW, true).await.unwrap();
    let cards = page(&store, Audience::All, None, 10).await.cards;
    assert_eq!((cards[0].post.likes, cards[0].post.liked), (1, false), "taken back");
}

#[tokio::test]
async fn a_reply_whose_first_post_is_not_here_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let absent = MessageId::classic([9; 32]);
    store
        .append(vec![bob.replies(absent, absent, "yes"), bob.replies(absent, absent, "or no")], NOW, false)
        .await
        .unwrap();
    let cards = page(&store, Audience::All, None, 10).await.cards;
    assert_eq!(cards.iter().map(describe).collect::<Vec<_>>(), ["or no"]);
    assert_eq!(cards[0].brought_up_by, None);
}

#[tokio::test]
async fn audiences_follow_the_graph_and_blocks_hide_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol, mut dan) = (alice(), bob(), carol(), signer(4));
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let root = alice.posts("alice");
    store.append(vec![root.clone(), alice.follows(&bob)], NOW, true).await.unwrap();
    let mut others =
        vec![bob.follows(&carol), bob.posts("bob"), carol.posts_to("birds", "carol"), dan.posts_to("birds", "dan")];
    others.push(dan.likes(root.id(), true));
    others.push(dan.replies(root.id(), root.id(), "dan's reply"));
    store.append(others, NOW, false).await.unwrap();

    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(texts(&store, Audience::Following).await), ["alice", "bob"]);
    assert_eq!(sorted(texts(&store, Audience::Friends).await), ["alice", "bob", "carol"]);
    assert_eq!(sorted(texts(&store, Audience::Channel("birds".into())).await), ["carol", "dan"]);
    assert_eq!(sorted(texts(&store, Audience::All).await), ["alice > dan's reply", "bob", "carol", "dan"]);
    assert_eq!(texts(&store, Audience::Nearby).await, ["alice"]);
    assert_eq!(texts(&store, Audience::Person(signer(9).id())).await, [""; 0]);

    // Who are friends of friends is kept until somebody says something of somebody, or is heard of for the first time.
    let mut erin = signer(5);
    store.append(vec![bob.follows(&erin)], NOW, false).await.unwrap();
    assert_eq!(sorted(texts(&store, Audience::Friends).await), ["alice", "bob", "carol"]);
    store.append(vec![erin.posts("erin")], NOW, false).await.unwrap();
    assert_eq!(sorted(texts(&store, Audience::Friends).await), ["alice", "bob", "carol", "erin"]);
    store.append(vec![bob.blocks(&erin)], NOW, false).await.unwrap();
    assert_eq!(sorted(texts(&store, Audience::Friends).await), ["alice", "bob", "carol"]);
    store.append(vec![alice.blocks(&dan), alice.blocks(&erin)], NOW, true).await.unwrap();
    assert_eq!(sorted(texts(&store, Audience::All).await), ["alice", "bob", "carol"]);
    assert_eq!(texts(&store, Audience::Channel("birds".into())).await, ["carol"]);
    assert_eq!(texts(&store, Audience::Person(dan.id())).await, [""; 0]);
    let near = [dan.id()];
    let nearby = Query { audience: Audience::Nearby, before: None, limit: 10, near: &near };
    assert_eq!(store.timeline(nearby).await.unwrap().cards.iter().map(describe).collect::<Vec<_>>(), ["alice"]);
    let cards = page(&store, Audience::Person(alice.id()), None, 10).await.cards;
    assert_eq!((cards[0].post.likes, cards[0].post.replies), (0, 0), "nor do they count");
    let thread = store.thread(root.id()).await.unwrap().unwrap();
    assert_eq!(thread.posts().count(), 1);
}

#[tokio::test]
async fn somebody_who_wrote_long_ago_is_found_behind_thousands_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.follows(&bob)], NOW, true).await.unwrap();
    store.append(vec![bob.posts("long ago"), bob.posts("a little later")], NOW, false).await.unwrap();
    carol.clock = 5_000_000.0;
    let crowd: Vec<_> = (0..3000).map(|n| carol.posts(&format!("{n}"))).collect();
    store.append(crowd, NOW, false).await.unwrap();
    assert_eq!(texts(&store, Audience::Following).await, ["a little later", "long ago"]);
    let first = page(&store, Audience::Following, None, 1).await;
    let second = page(&store, Audience::Following, first.next, 1).await;
    assert_eq!(second.cards.iter().map(describe).collect::<Vec<_>>(), ["long ago"]);
    assert_eq!(page(&store, Audience::Nearby, None, 5).await, Page { cards: vec![], next: None });
}

/// A post of a random history.
#[derive(Clone, Debug)]
struct Draft {
    author: usize,
    claimed: u32,
    /// Which of the posts before it opens the thread that it replies in; none opens its own.
    answers: Option<prop::sample::Index>,
    channel: bool,
}

fn draft() -> impl Strategy<Value = Draft> {
    let answers = prop::option::weighted(0.6, any::<prop::sample::Index>());
    (0usize..4, 0u32..3_000, answers, any::<bool>()).prop_map(|(author, claimed, answers, channel)| Draft {
        author,
        claimed,
        answers,
        channel,
    })
}

/// What the model knows of a post: (time, row) order it; root is its own id where it opens a thread.
#[derive(Clone, Debug)]
struct Known {
    order: (i64, usize),
    id: MessageId,
    root: MessageId,
    author: PersonId,
    channel: bool,
}

/// Whom an audience covers.
type Covers = Box<dyn Fn(&Known) -> bool>;

/// Every thread's newest covered post, newest first: its id.
fn model(posts: &[Known], covers: impl Fn(&Known) -> bool) -> Vec<MessageId> {
    let mut newest: BTreeMap<MessageId, &Known> = BTreeMap::new();
    for post in posts.iter().filter(|post| covers(post)) {
        let best = newest.entry(post.root).or_insert(post);
        if post.order > best.order {
            *best = post;
        }
    }
    let mut newest: Vec<&Known> = newest.into_values().collect();
    newest.sort_by_key(|post| std::cmp::Reverse(post.order));
    newest.into_iter().map(|post| post.id).collect()
}

/// Signs the drafts; the received time is 1,000 later after every tenth.
fn history(drafts: &[Draft], people: &mut [Signer]) -> (Vec<(Verified, i64)>, Vec<Known>) {
    let (mut messages, mut known): (Vec<(Verified, i64)>, Vec<Known>) = Default::default();
    for (n, draft) in drafts.iter().enumerate() {
        let received = 1_000 * (1 + n as i64 / 10);
        let signer = &mut people[draft.author];
        signer.clock = f64::from(draft.claimed);
        let root = draft.answers.filter(|_| n > 0).map(|pick| known[pick.index(n)].root);
        let message = match root {
            Some(root) => signer.replies(root, root, &format!("{n}")),
            None if draft.channel => signer.posts_to("birds", &format!("{n}")),
            None => signer.posts(&format!("{n}")),
        };
        known.push(Known {
            order: (received.min(draft.claimed.into()), n),
            id: message.id(),
            root: root.unwrap_or(message.id()),
            author: signer.id(),
            channel: root.is_none() && draft.channel,
        });
        messages.push((message, received));
    }
    (messages, known)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn pages_of_any_size_give_every_thread_once_newest_first(
        drafts in prop::collection::vec(draft(), 1..120),
        limit in 1usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut people = [alice(), bob(), carol(), signer(4)];
            let store = Store::create(dir.path(), &people[0].keys, None).await.unwrap();
            // Alice follows Bob and blocks the fourth; each of her words is a row before the posts.
            let words = vec![people[0].clone().follows(&bob())];
            store.append(words.clone(), 0, true).await.unwrap();
            people[0].head = Some(words[0].head());
            let blocked = signer(4);
            let word = people[0].blocks(&blocked);
            store.append(vec![word], 0, true).await.unwrap();
            let (messages, known) = history(&drafts, &mut people);
            for (message, received) in messages {
                store.append(vec![message], received, false).await.unwrap();
            }
            let (me, friend, hidden) = (people[0].id(), people[1].id(), people[3].id());
            let cases: [(Audience, Covers); 4] = [
                (Audience::All, Box::new(move |post| post.author != hidden)),
                (Audience::Following, Box::new(move |post| post.author == me || post.author == friend)),
                (Audience::Person(friend), Box::new(move |post| post.author == friend)),
                (Audience::Channel("birds".into()), Box::new(move |post| post.channel && post.author != hidden)),
            ];
            for (audience, covers) in cases {
                let (mut shown, mut before) = (Vec::new(), None);
                loop {
                    let page = page(&store, audience.clone(), before, limit).await;
                    assert!(page.cards.len() <= limit);
                    shown.extend(page.cards.iter().map(|card| card.latest.last().unwrap_or(&card.post).id));
                    before = page.next;
                    if before.is_none() { break }
                }
                assert_eq!(shown, model(&known, covers), "{audience:?}");
            }
        });
    }
}
