//! Threads in causal order, people, and what links to what.

use feed::MessageId;
use social::Target;
use store::{Profile, Store, ThreadEntry, Ties};

use crate::{
    append::NOW,
    people::{alice, bob, carol, signer},
    search::change_body,
};

#[tokio::test]
async fn a_thread_stands_in_causal_order_with_its_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let root = alice.posts("root");
    // Bob's clock is behind, and what he answers first has not arrived.
    bob.clock = 5.0;
    let absent = MessageId::classic([9; 32]);
    let reply = bob.replies(root.id(), absent, "to what is missing");
    let answer = carol.replies(root.id(), reply.id(), "to bob");
    let vote = carol.likes(reply.id(), true);
    let to_vote = carol.replies(root.id(), vote.id(), "to a vote");
    store.append(vec![root.clone()], NOW, true).await.unwrap();
    store.append(vec![answer.clone(), vote, to_vote.clone(), reply.clone()], NOW, false).await.unwrap();
    for id in [root.id(), reply.id(), answer.id()] {
        let thread = store.thread(id).await.unwrap().unwrap();
        let places = thread.entries.iter().map(|entry| match entry {
            ThreadEntry::Post(post) => post.post.text.clone(),
            ThreadEntry::Missing(id) => id.to_string(),
        });
        let absent = absent.to_string();
        assert_eq!(places.collect::<Vec<_>>(), ["root", &absent, "to what is missing", "to bob", "to a vote"]);
        assert_eq!(thread.heads(), [to_vote.id(), answer.id()]);
    }
    assert_eq!(store.thread(absent).await.unwrap(), None);
}

#[tokio::test]
async fn a_thread_is_found_by_its_first_post_before_that_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let root = MessageId::classic([8; 32]);
    store.append(vec![bob.replies(root, root, "yes")], NOW, false).await.unwrap();
    let thread = store.thread(root).await.unwrap().unwrap();
    assert_eq!(thread.entries[0], ThreadEntry::Missing(root));
    assert_eq!(thread.entries.len(), 2);
}

#[tokio::test]
async fn only_posts_of_people_not_blocked_count_as_answers_of_a_reply() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol, mut dan) = (alice(), bob(), carol(), signer(4));
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let root = alice.posts("root");
    let reply = bob.replies(root.id(), root.id(), "a reply");
    let answers = [carol.replies(root.id(), reply.id(), "yes"), dan.replies(root.id(), reply.id(), "no")];
    let content = format!(r#"{{"type":"gathering","root":"{}","branch":"{}"}}"#, root.id(), reply.id());
    let no_post = carol.says(feed::json::Value::parse(content.as_bytes()).unwrap());
    let elsewhere = carol.replies(MessageId::classic([9; 32]), reply.id(), "in another thread");
    store.append(vec![root.clone()], NOW, true).await.unwrap();
    store.append(vec![reply.clone()], NOW, false).await.unwrap();
    let replies = async || {
        let thread = store.thread(root.id()).await.unwrap().unwrap();
        thread.posts().map(|post| (post.id, post.replies)).collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(replies().await[&reply.id()], 0);
    store.append([&answers[..], &[no_post, elsewhere]].concat(), NOW, false).await.unwrap();
    assert_eq!((replies().await[&root.id()], replies().await[&reply.id()]), (3, 2));
    store.append(vec![alice.blocks(&dan)], NOW, true).await.unwrap();
    assert_eq!((replies().await[&root.id()], replies().await[&reply.id()]), (2, 1));
}

#[tokio::test]
async fn ones_own_word_names_one_then_the_most_recent_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let name = |name: &str| Profile { name: Some(name.into()), image: None };
    store.append(vec![alice.names(carol.feed(), "Cleo"), alice.names(alice.feed(), "Alice")], NOW, true).await.unwrap();
    store.append(vec![bob.names(carol.feed(), "Cara"), bob.names(alice.feed(), "Silly")], NOW, false).await.unwrap();
    let people = [alice.id(), carol.id(), signer(7).id()];
    let names = store.names(&people).await.unwrap();
    assert_eq!(
        names,
        [(alice.id(), name("Alice")), (carol.id(), name("Cara")), (signer(7).id(), Profile::default())].into()
    );
    // A name that is given again without one leaves it; a blocked person's word counts for nothing.
    let description = social::write::about_self(&carol.feed(), None, Some("I count shells"), None);
    store.append(vec![carol.names(carol.feed(), "Carol"), carol.says(description)], NOW, false).await.unwrap();
    assert_eq!(store.names(&[carol.id()]).await.unwrap()[&carol.id()], name("Carol"));
    let dan = signer(4);
    store.append(vec![bob.names(dan.feed(), "Nonsense")], NOW, false).await.unwrap();
    store.append(vec![alice.names(dan.feed(), "Dan"), alice.names(dan.feed(), "Daniel")], NOW, true).await.unwrap();
    assert_eq!(store.names(&[dan.id()]).await.unwrap()[&dan.id()], name("Daniel"));
    store.append(vec![bob.names(dan.feed(), "Nonsense again")], NOW, false).await.unwrap();
    store.append(vec![alice.blocks(&bob)], NOW, true).await.unwrap();
    assert_eq!(store.names(&[dan.id()]).await.unwrap()[&dan.id()], name("Daniel"));
    assert_eq!(store.person(&carol.id()).await.unwrap().description.as_deref(), Some("I count shells"));
}

#[tokio::test]
async fn a_persons_page_counts_what_is_stored_here() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.follows(&bob)], NOW, true).await.unwrap();
    let messages = vec![bob.follows(&carol), bob.follows(&alice), bob.follows(&signer(9)), carol.posts("hello")];
    let bytes = messages[3].encoded().len() as u64;
    store.append(messages, NOW, false).await.unwrap();
    let row = store.person(&carol.id()).await.unwrap();
    assert_eq!((row.messages, row.bytes, row.followers, row.follows), (1, bytes, 1, 0));
    assert_eq!(row.followed_by, [bob.id()]);
    assert_eq!(store.person(&bob.id()).await.unwrap().follows, 2, "the ninth is not stored");
    let follows = social::Relation::Follows;
    assert_eq!(store.ties(&bob.id()), Ties { mine: follows, theirs: follows, is_friend_of_friend: false });
    assert!(store.ties(&carol.id()).is_friend_of_friend);
    assert_eq!(store.person(&signer(8).id()).await.unwrap().messages, 0);
}

#[tokio::test]
async fn what_names_somebody_is_found_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let mentions: Vec<_> = (0..3).map(|n| bob.posts(&format!("{n} [@alice]({})", alice.feed()))).collect();
    store.append([mentions.clone(), vec![bob.posts("nobody")]].concat(), NOW, false).await.unwrap();
    let me = Target::Feed(alice.feed());
    let first = store.linking(&me, "mentions", None, 2).await.unwrap();
    let ids = |page: &[(i64, store::Stored)]| page.iter().map(|(_, stored)| stored.message.id()).collect::<Vec<_>>();
    assert_eq!(ids(&first), [mentions[2].id(), mentions[1].id()]);
    let second = store.linking(&me, "mentions", Some(first[1].0), 2).await.unwrap();
    assert_eq!(ids(&second), [mentions[0].id()]);
    assert!(store.linking(&me, "branch", None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_post_that_has_changed_on_the_disk_is_not_shown_under_an_id_that_nobody_knows() {
    let dir = tempfile::tempdir().unwrap();
    let mut bob = bob();
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    let root = bob.posts("the first");
    let replies = [bob.replies(root.id(), root.id(), "number one"), bob.replies(root.id(), root.id(), "number two")];
    let [one, two] = [replies[0].id(), replies[1].id()];
    store.append([vec![root.clone()], replies.into()].concat(), NOW, false).await.unwrap();
    change_body(dir.path(), 3).await;
    let thread = store.thread(root.id()).await.unwrap().unwrap();
    assert_eq!(thread.posts().map(|post| post.id).collect::<Vec<_>>(), [root.id(), one]);
    assert!(!thread.heads().contains(&two));
}
