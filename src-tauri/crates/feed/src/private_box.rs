//! private-box: messages for one to seven feeds, all of which see that there are others, not who.
//!
//! Layout (private-box 0.3, README): `nonce 24 | one-time X25519 public key 32 | n × slot 49 | body + 16`. A slot is a
//! secretbox of `n | body key 32` under the shared point of the one-time key and the recipient's key; the body is a
//! secretbox under the body key; one nonce throughout. The text form is base64 and `.box`.
//!
//! Nothing binds a box to the feed it stands in: a copy in another feed is not by that feed's author. Each recipient
//! finds the others in the `recps` of the plaintext, and can check nothing about them.

use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use curve25519_dalek::MontgomeryPoint;
use curve25519_dalek::edwards::CompressedEdwardsY;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{FeedId, KeyPair, base64};

/// The most recipients of one box, the author among them.
pub const MAX_RECIPIENTS: usize = 7;

/// The reference tries one slot more than there can be.
const SLOTS_TRIED: usize = MAX_RECIPIENTS + 1;
const NONCE: usize = 24;
const HEADER: usize = NONCE + 32;
const TAG: usize = 16;
const SLOT: usize = 1 + 32 + TAG;
const SUFFIX: &str = ".box";

/// Why a text cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is nobody to read it.
    #[error("a private message needs at least one recipient")]
    NoRecipients,
    /// There are too many recipients.
    #[error("a private message can have {MAX_RECIPIENTS} recipients, the author among them, not {0}")]
    TooManyRecipients(usize),
    /// The feed id is not a key that one can encrypt for.
    #[error("nothing can be sealed for {0}: it is not a sound Ed25519 key")]
    UnusableKey(FeedId),
}

/// Seals `plain`, the compact JSON of a content, for `recipients`.
///
/// `rng` must be a cryptographic source: nonce, body key and one-time key are drawn from it.
///
/// # Errors
/// When the number of recipients is not 1 to [`MAX_RECIPIENTS`], or one of them is no key.
pub fn seal(plain: &[u8], recipients: &[FeedId], rng: &mut impl CryptoRng) -> Result<String, SealError> {
    match recipients.len() {
        0 => return Err(SealError::NoRecipients),
        1..=MAX_RECIPIENTS => {}
        more => return Err(SealError::TooManyRecipients(more)),
    }
    let mut nonce = [0; NONCE];
    let mut body_key = Zeroizing::new([0; 32]);
    let mut one_time = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut nonce);
    rng.fill_bytes(&mut *body_key);
    rng.fill_bytes(&mut *one_time);

    let mut slot = Zeroizing::new([0; 33]);
    slot[0] = recipients.len() as u8;
    slot[1..].copy_from_slice(&*body_key);

    let mut sealed = Vec::with_capacity(HEADER + recipients.len() * SLOT + plain.len() + TAG);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(MontgomeryPoint::mul_base_clamped(*one_time).as_bytes());
    for recipient in recipients {
        let public = exchange_key(recipient).ok_or(SealError::UnusableKey(*recipient))?;
        let shared = Zeroizing::new(public.mul_clamped(*one_time).to_bytes());
        sealed.extend_from_slice(&secretbox(&shared, &nonce, &*slot));
    }
    sealed.extend_from_slice(&secretbox(&body_key, &nonce, plain));
    Ok(base64::encode(&sealed) + SUFFIX)
}

/// Opens a sealed text, when it is for `keys`; `None` when it is not, or is not a box at all.
pub fn open(text: &str, keys: &KeyPair) -> Option<Vec<u8>> {
    let sealed = base64::decode(text.strip_suffix(SUFFIX)?)?;
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>()?;
    let (one_time, slots) = rest.split_first_chunk::<32>()?;
    let shared = keys.shared_point(one_time)?;
    for slot in slots.get(..slots.len().checked_sub(TAG)?)?.chunks_exact(SLOT).take(SLOTS_TRIED) {
        let Some(slot) = open_secretbox(&shared, nonce, slot).map(Zeroizing::new) else { continue };
        let (count, body_key) = slot.split_first()?;
        let body = slots.get(usize::from(*count) * SLOT..)?;
        return open_secretbox(body_key.try_into().ok()?, nonce, body);
    }
    None
}

/// An Ed25519 public key as an X25519 one, refused where libsodium's `crypto_sign_ed25519_pk_to_curve25519` refuses:
/// no point, of small order, or not in the main subgroup.
fn exchange_key(feed: &FeedId) -> Option<MontgomeryPoint> {
    let point = CompressedEdwardsY(*feed.key()).decompress()?;
    (!point.is_small_order() && point.is_torsion_free()).then(|| point.to_montgomery())
}

fn cipher(key: &[u8; 32]) -> XSalsa20Poly1305 {
    XSalsa20Poly1305::new(key.into())
}

/// NaCl's secretbox: the tag comes first.
fn secretbox(key: &[u8; 32], nonce: &[u8; NONCE], plain: &[u8]) -> Vec<u8> {
    cipher(key).encrypt(nonce.into(), plain).expect("a text in memory is within the cipher's limit of 2^70 bytes")
}

fn open_secretbox(key: &[u8; 32], nonce: &[u8; NONCE], sealed: &[u8]) -> Option<Vec<u8>> {
    cipher(key).decrypt(nonce.into(), sealed).ok()
}
