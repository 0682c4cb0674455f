//! Which messages link to a blob.

use feed::{BlobId, PersonId, Verified, json::Value};
use store::{BlobLinks, MAX_BLOBS_ASKED, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob, carol},
};

fn blob(n: u8) -> BlobId {
    BlobId::classic([n; 32])
}

/// A post that shows the blob in its text and names it among its mentions.
fn shows(signer: &mut Signer, blob: &BlobId) -> Verified {
    let text = format!(r#"{{"type":"post","text":"![x]({blob})","mentions":[{{"link":"{blob}","name":"x"}}]}}"#);
    signer.says(Value::parse(text.as_bytes()).unwrap())
}

#[tokio::test]
async fn links_to_blobs_are_counted_by_message_and_own_ones_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob) = (alice(), bob());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    store.append(vec![shows(&mut alice, &blob(1)), shows(&mut alice, &blob(2))], NOW, true).await.unwrap();
    store
        .append(vec![shows(&mut bob, &blob(2)), shows(&mut bob, &blob(2)), shows(&mut bob, &blob(3))], NOW, false)
        .await
        .unwrap();

    let asked: Vec<BlobId> = (1..=4).map(blob).collect();
    let links = store.blob_links(&asked).await.unwrap();
    let expect = |messages, is_own| BlobLinks { messages, is_own };
    let found: Vec<_> = asked.iter().map(|id| links[id]).collect();
    assert_eq!(found, [expect(1, true), expect(3, true), expect(1, false), expect(0, false)]);
    assert_eq!(store.blob_link_count(&blob(2)).await.unwrap(), 3);
    assert_eq!(store.blob_link_count(&blob(9)).await.unwrap(), 0);
}

#[tokio::test]
async fn no_more_are_asked_for_at_once_than_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &alice().keys, None).await.unwrap();
    assert_eq!(store.blob_links(&[]).await.unwrap().len(), 0);
    let many: Vec<BlobId> = (0..=MAX_BLOBS_ASKED as u32)
        .map(|n| {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&n.to_be_bytes());
            BlobId::classic(hash)
        })
        .collect();
    assert_eq!(store.blob_links(&many).await.unwrap().len(), MAX_BLOBS_ASKED);
}

#[tokio::test]
async fn a_blob_goes_to_whoever_may_receive_a_message_that_links_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut alice, mut bob, mut carol) = (alice(), bob(), carol());
    let store = Store::create(dir.path(), &alice.keys, None).await.unwrap();
    let (of_bob, of_both, of_alice, of_nobody) = (blob(1), blob(2), blob(3), blob(4));
    store.append(vec![shows(&mut alice, &of_both), shows(&mut alice, &of_alice)], NOW, true).await.unwrap();
    store.append(vec![shows(&mut bob, &of_bob), shows(&mut bob, &of_both)], NOW, false).await.unwrap();
    let asked = [of_bob, of_both, of_alice, of_nobody];
    let person = carol.id();
    assert_eq!(store.may_receive_blobs(person, &asked).await.unwrap(), [true, true, true, false]);

    let blocks = |signer: &mut Signer, whom: PersonId| signer.says(social::write::contact(&whom.feed(), false, true));
    store.append(vec![blocks(&mut bob, person)], NOW, false).await.unwrap();
    let may = store.may_receive_blobs(person, &asked).await.unwrap();
    assert_eq!(may, [false, true, true, false], "not from us what its author keeps from them");
    assert_eq!(store.may_receive_blobs(bob.id(), &asked).await.unwrap(), [true, true, true, false]);

    store.append(vec![blocks(&mut alice, bob.id())], NOW, true).await.unwrap();
    assert_eq!(
        store.may_receive_blobs(bob.id(), &asked).await.unwrap(),
        [false; 4],
        "nothing for whom the reader blocks"
    );
    store.append(vec![shows(&mut carol, &of_nobody)], NOW, false).await.unwrap();
    let may = store.may_receive_blobs(person, &asked).await.unwrap();
    assert_eq!(may, [false, true, true, true], "nor anything that only they link to");
    assert_eq!(store.may_receive_blobs(person, &[]).await.unwrap(), [false; 0]);
}
