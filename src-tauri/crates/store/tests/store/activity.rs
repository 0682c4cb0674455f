//! What concerns the reader, at once and whichever came first, and what is new since one looked.

use feed::{PersonId, json::Value};
use social::Target;
use store::{Audience, Happening, Place, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
};

async fn happened(store: &Store) -> Vec<(Happening, PersonId)> {
    let page = store.activity(None, 50).await.unwrap();
    page.rows.iter().map(|row| (row.happening, row.stored.message.author().into())).collect()
}

#[tokio::test]
async fn mentions_replies_likes_and_followers_are_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    bob.clock += 60_000.0;
    carol.clock += 120_000.0;
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let post = alice.posts("mine");
    let own_like = alice.likes(post.id(), true);
    store.append(vec![post.clone(), own_like], NOW, true).await.unwrap();
    let root = bob.posts("not about anybody");
    let batch = vec![
        root.clone(),
        bob.replies(post.id(), post.id(), "a reply"),
        bob.likes(post.id(), true),
        bob.likes(root.id(), true),
        bob.follows(&alice),
        bob.posts(&format!("hello [@alice]({})", alice.feed())),
        bob.replies(root.id(), root.id(), "to somebody else"),
        carol.likes(post.id(), false),
        carol.follows(&bob),
    ];
    store.append(batch, NOW, false).await.unwrap();
    let (b, c) = (bob.id(), carol.id());
    assert_eq!(
        happened(&store).await,
        [(Happening::Mentioned, b), (Happening::Followed, b), (Happening::Liked, b), (Happening::Replied, b)]
    );
    let first = store.activity(None, 3).await.unwrap();
    let second = store.activity(first.next, 3).await.unwrap();
    assert_eq!((first.rows.len(), second.rows.len(), second.next), (3, 1, None));

    store.mark_read(&Place::Activity, first.rows[0].place).await.unwrap();
    assert_eq!(store.unread(&Place::Activity, &[]).await.unwrap(), 0);
    store.append(vec![carol.likes(post.id(), true)], NOW, false).await.unwrap();
    assert_eq!(happened(&store).await[0], (Happening::Liked, c));
    assert_eq!(store.unread(&Place::Activity, &[]).await.unwrap(), 1);
    store.mark_read(&Place::Activity, second.rows[0].place).await.unwrap();
    assert_eq!(store.unread(&Place::Activity, &[]).await.unwrap(), 1, "going back makes nothing new");

    store.append(vec![alice.blocks(&carol)], NOW, true).await.unwrap();
    assert_eq!(store.unread(&Place::Activity, &[]).await.unwrap(), 0);
    assert_eq!(happened(&store).await.len(), 4, "nothing by people whom one blocks");
}

#[tokio::test]
async fn what_answers_a_message_of_mine_is_known_though_it_came_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let (first, second) = (alice.posts("one"), alice.posts("two"));
    let answers = vec![
        bob.replies(first.id(), first.id(), "to one"),
        bob.replies(first.id(), second.id(), "to both"),
        bob.likes(second.id(), true),
        bob.likes(first.id(), false),
    ];
    store.append(answers, NOW, false).await.unwrap();
    assert_eq!(happened(&store).await, []);
    // One's own feed comes back from others.
    store.append(vec![first], NOW, false).await.unwrap();
    assert_eq!(happened(&store).await.len(), 2);
    store.append(vec![second], NOW, false).await.unwrap();
    let kinds: Vec<Happening> = happened(&store).await.into_iter().map(|(happening, _)| happening).collect();
    assert_eq!(kinds, [Happening::Liked, Happening::Replied, Happening::Replied], "each once");
}

#[tokio::test]
async fn a_timeline_tells_what_is_new_since_it_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![alice.follows(&bob)], NOW, true).await.unwrap();
    store.append(vec![bob.posts_to("tea", "old")], NOW, false).await.unwrap();
    let (all, following) = (Place::Timeline(Audience::All), Place::Timeline(Audience::Following));
    let tea = Place::Timeline(Audience::Channel("tea".into()));
    assert_eq!(store.unread(&all, &[]).await.unwrap(), 0, "a first sync is no news");
    let newest = store::Cursor::shown_at(NOW);
    for place in [&all, &following, &tea] {
        store.mark_read(place, newest).await.unwrap();
    }
    (bob.clock, carol.clock, alice.clock) = (NOW as f64 + 1.0, NOW as f64 + 1.0, NOW as f64 + 1.0);
    let batch = vec![bob.posts("new"), bob.posts_to("tea", "new too"), carol.posts("a stranger's")];
    store.append(batch, NOW + 10_000, false).await.unwrap();
    store.append(vec![alice.posts("my own")], NOW + 10_000, true).await.unwrap();
    assert_eq!(store.unread(&all, &[]).await.unwrap(), 3);
    assert_eq!(store.unread(&following, &[]).await.unwrap(), 2);
    assert_eq!(store.unread(&tea, &[]).await.unwrap(), 1);
    assert_eq!(store.read_up_to(&tea).await.unwrap(), Some(newest));
}

#[tokio::test]
async fn what_somebody_blocked_did_thousands_of_times_is_walked_in_bounded_pieces() {
    const MENTIONS: usize = 8_300;
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let blob = feed::BlobId::classic([1; 32]);
    let text =
        format!(r#"{{"type":"post","text":"look","mentions":[{{"link":"{}"}},{{"link":"{blob}"}}]}}"#, alice.feed());
    let mention = |signer: &mut Signer| signer.says(Value::parse(text.as_bytes()).unwrap());
    let mut batch = vec![mention(&mut bob)];
    carol.clock += 60_000.0;
    batch.extend((0..MENTIONS).map(|_| mention(&mut carol)));
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(batch, NOW, false).await.unwrap();
    store.append(vec![alice.blocks(&carol)], NOW, true).await.unwrap();

    let first = store.activity(None, 5).await.unwrap();
    assert!(first.rows.is_empty() && first.next.is_some(), "a page ends though it found nothing");
    let second = store.activity(first.next, 5).await.unwrap();
    assert_eq!(second.rows.iter().map(|row| row.stored.message.author()).collect::<Vec<_>>(), [bob.feed()]);
    assert_eq!(second.next, None);

    let links = store.blob_links(&[blob]).await.unwrap()[&blob];
    assert!(links.is_own, "kept where there are too many to tell");
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.links_to(&Target::Feed(alice.feed()), None, before, 1).await.unwrap();
        found.extend(page.links.iter().map(|link| link.stored.message.author()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, [bob.feed()]);
}
