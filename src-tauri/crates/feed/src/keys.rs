//! Key pairs and network keys.

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::MontgomeryPoint;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::json::Value;
use crate::{DeviceKey, FeedId, base64};

/// Why a text holds no key. The messages never repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The secret file holds no JSON object between its comments.
    #[error("the secret file holds no JSON object: put back a copy of the file")]
    NotJson,
    /// The secret file is for a curve that nobody uses.
    #[error("the secret file is not for the curve ed25519")]
    Curve,
    /// The field does not hold a key of the right length in canonical base64.
    #[error("the secret file's field {0:?} holds no Ed25519 key: put back a copy of the file")]
    Field(&'static str),
    /// Public key, private key or id do not belong together.
    #[error("the secret file's public key, private key and id do not belong together: put back a copy of the file")]
    Mismatch,
    /// The network key is not canonical base64 of 32 bytes.
    #[error("a network key is 44 characters of canonical base64: 32 bytes")]
    NetworkKey,
}

/// An Ed25519 key pair: who signs a feed. The secret is wiped from memory on drop and never printed.
#[derive(Clone)]
pub struct KeyPair {
    /// Wipes itself on drop.
    signing: SigningKey,
}

impl KeyPair {
    /// The key pair of a seed of 32 random bytes (RFC 8032, 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { signing: SigningKey::from_bytes(seed) }
    }

    /// The seed. Whoever has it is this person.
    pub fn seed(&self) -> &[u8; 32] {
        self.signing.as_bytes()
    }

    /// The classic feed that the pair signs.
    pub fn feed_id(&self) -> FeedId {
        FeedId::classic(self.signing.verifying_key().to_bytes())
    }

    /// The key that connections of this device prove.
    pub fn device_key(&self) -> DeviceKey {
        DeviceKey::new(self.signing.verifying_key().to_bytes())
    }

    /// An Ed25519 signature (RFC 8032, 5.1.6).
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// The X25519 shared point with `public`, under this key converted as libsodium converts it
    /// (`crypto_sign_ed25519_sk_to_curve25519`, then `crypto_scalarmult`). `None` when it is the zero point.
    pub(crate) fn shared_point(&self, public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let scalar = Zeroizing::new(self.signing.to_scalar_bytes());
        let shared = Zeroizing::new(MontgomeryPoint(*public).mul_clamped(*scalar).to_bytes());
        (*shared != [0; 32]).then_some(shared)
    }

    /// The content of a classic `secret` file, as `ssb-keys` writes it.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let id = self.feed_id();
        let public = base64::encode(id.key());
        let private = Zeroizing::new(base64::encode(&*Zeroizing::new(self.signing.to_keypair_bytes())));
        Zeroizing::new(format!(
            "# WARNING: Never show this to anyone.\n\
             # WARNING: Never edit it or use it on multiple devices at once.\n\
             #\n\
             # This is your SECRET, it gives you magical powers. With your secret you can\n\
             # sign your messages so that your friends can verify that the messages came\n\
             # from you. If anyone learns your secret, they can use it to impersonate you.\n\
             #\n\
             # If you use this secret on more than one device you will create a fork and\n\
             # your friends will stop replicating your content.\n\
             #\n\
             {{\n  \"curve\": \"ed25519\",\n  \"public\": \"{public}.ed25519\",\n  \"private\": \"{}.ed25519\",\n  \
             \"id\": \"{id}\"\n}}\n\
             #\n\
             # The only part of this file that's safe to share is your public name:\n\
             #\n\
             #   {id}\n",
            *private
        ))
    }

    /// Reads the content of a classic `secret` file: JSON, with comment lines that start with `#`.
    ///
    /// # Errors
    /// When there is no whole, consistent Ed25519 key pair in it.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let mut json = Zeroizing::new(String::with_capacity(text.len()));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            json.push_str(line);
        }
        let value = Value::parse(json.as_bytes()).map_err(|_| KeyError::NotJson)?;
        let field = |name| value.get(name).and_then(Value::as_str);
        if field("curve").is_some_and(|curve| curve != "ed25519") {
            return Err(KeyError::Curve);
        }
        let private = Zeroizing::new(field("private").ok_or(KeyError::Field("private"))?.into_owned());
        let mut bytes: [u8; 64] = private
            .strip_suffix(".ed25519")
            .and_then(|text| base64::decode_array(text.as_bytes()))
            .ok_or(KeyError::Field("private"))?;
        let pair = SigningKey::from_keypair_bytes(&bytes).map(|signing| Self { signing });
        bytes.zeroize();
        let pair = pair.map_err(|_| KeyError::Mismatch)?;
        let public = format!("{}.ed25519", base64::encode(pair.feed_id().key()));
        let id = pair.feed_id().to_string();
        if field("public").is_some_and(|text| text != public) || field("id").is_some_and(|text| text != id) {
            return Err(KeyError::Mismatch);
        }
        Ok(pair)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({}, secret hidden)", self.feed_id())
    }
}

/// The key of a closed network (`caps.sign`): messages are signed over an HMAC under it, so that they mean nothing
/// elsewhere. It does not enter message ids.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct NetworkKey([u8; 32]);

impl NetworkKey {
    /// A network key by its bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text form: canonical base64.
    pub fn to_text(&self) -> String {
        base64::encode(&self.0)
    }

    /// HMAC-SHA-512 truncated to 32 bytes: libsodium's `crypto_auth` (HMAC-SHA-512-256).
    pub(crate) fn authenticate(&self, text: &[u8]) -> [u8; 32] {
        // An HMAC takes keys of any length.
        let mut mac = Hmac::<Sha512>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text);
        let mut tag = [0; 32];
        tag.copy_from_slice(&mac.finalize().into_bytes()[..32]);
        tag
    }
}

impl FromStr for NetworkKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        base64::decode_array(text.as_bytes()).map(Self).ok_or(KeyError::NetworkKey)
    }
}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_file_is_read_back() {
        let keys = KeyPair::from_seed(&[5; 32]);
        let read = KeyPair::from_secret_text(&keys.to_secret_text()).unwrap();
        assert_eq!(read.seed(), keys.seed());
        assert_eq!(read.feed_id(), keys.feed_id());
    }

    #[test]
    fn a_damaged_secret_file_is_refused_without_repeating_it() {
        let text = KeyPair::from_seed(&[5; 32]).to_secret_text();
        let other = KeyPair::from_seed(&[6; 32]).feed_id().to_string();
        let own = KeyPair::from_seed(&[5; 32]).feed_id().to_string();
        let damaged = [
            (String::new(), KeyError::NotJson),
            (text.replace("\"ed25519\"", "\"p256\""), KeyError::Curve),
            (text.replace("\"private\"", "\"privat\""), KeyError::Field("private")),
            (text.replace(&own, &other), KeyError::Mismatch),
            (text.replace(&own[1..], &other[1..]), KeyError::Mismatch),
        ];
        for (text, expected) in damaged {
            let error = KeyPair::from_secret_text(&text).unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let keys = KeyPair::from_seed(&[5; 32]);
        let secret = base64::encode(&[5; 32]);
        assert!(!format!("{keys:?}").contains(secret.trim_end_matches('=')));
        assert!(!format!("{:?}", NetworkKey::new([5; 32])).contains(secret.trim_end_matches('=')));
    }

    #[test]
    fn a_network_key_has_one_text() {
        let key = NetworkKey::new([9; 32]);
        assert_eq!(key.to_text().parse(), Ok(key.clone()));
        assert!(key.to_text().trim_end_matches('=').parse::<NetworkKey>().is_err());
        assert!(format!(" {}", key.to_text()).parse::<NetworkKey>().is_err());
        assert!(base64::encode(&[9; 31]).parse::<NetworkKey>().is_err());
    }
}
