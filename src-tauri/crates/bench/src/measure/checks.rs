//! Bare signature checks: what a first sync cannot do without.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, VerifyingKey};
use feed::{Message, Verifier};

use crate::{Error, dataset::cores};

/// Messages of one call.
const BATCH: usize = 1024;

/// Seconds for our exact check of every message on all cores, tables for the authors included: laying out the signed text
/// and checking the signature as libsodium does.
pub(crate) fn exact(messages: &[Message]) -> Result<f64, Error> {
    let verifier = Verifier::new(None);
    on_all_cores(messages, |batch| verifier.verify_batch(batch.to_vec()).iter().all(Result::is_ok))
}

/// A signature ready for the library's own check.
pub(crate) struct Signed {
    key: VerifyingKey,
    signature: Signature,
    text: String,
}

/// Takes messages apart for [`strict`].
pub(crate) fn apart(messages: &[Message]) -> Result<Vec<Signed>, Error> {
    let wrong = |what: &str| Error::Wrong(format!("a message of the set has no {what}"));
    let apart = messages.iter().map(|message| {
        let text = message.canonical_text();
        let (unsigned, signature) = text.split_once(",\n  \"signature\": \"").ok_or_else(|| wrong("signature"))?;
        let encoded = signature.split_once(".sig").ok_or_else(|| wrong("signature"))?.0;
        let bytes = STANDARD.decode(encoded).map_err(|_| wrong("signature in base64"))?;
        let signature = Signature::from_slice(&bytes).map_err(|_| wrong("signature of 64 bytes"))?;
        let key = VerifyingKey::from_bytes(message.author().key()).map_err(|_| wrong("sound author"))?;
        Ok(Signed { key, signature, text: format!("{unsigned}\n}}") })
    });
    apart.collect()
}

/// Seconds for the strict check of `ed25519-dalek` of every signature on all cores, with the signed text at hand.
pub(crate) fn strict(signed: &[Signed]) -> Result<f64, Error> {
    on_all_cores(signed, |batch| {
        batch.iter().all(|signed| signed.key.verify_strict(signed.text.as_bytes(), &signed.signature).is_ok())
    })
}

/// Seconds until every batch was checked.
fn on_all_cores<T: Sync>(items: &[T], check: impl Fn(&[T]) -> bool + Sync) -> Result<f64, Error> {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                while let Some(batch) = items.chunks(BATCH).nth(next.fetch_add(1, Ordering::Relaxed)) {
                    if !check(batch) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    match failed.into_inner() {
        0 => Ok(seconds),
        _ => Err(Error::Wrong("a message of the set has a bad signature".into())),
    }
}
