//! Which messages link to a blob.

use feed::{BlobId, Verified, json::Value};
use store::{BlobLinks, MAX_BLOBS_ASKED, Store};

use crate::{
    append::NOW,
    people::{Signer, alice, bob},
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
