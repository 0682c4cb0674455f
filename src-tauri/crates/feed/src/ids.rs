//! Names of feeds, messages and blobs, and of the keys behind them.
//!
//! Text forms are those of the Scuttlebutt protocol guide (“Keys and identities”): a sigil, canonical base64 of 32
//! bytes, a suffix. In binary an id is 33 bytes: a format tag and the 32 bytes; tags are the format codes of SSB
//! Binary Field Encodings (ssb-bfe-spec, type 0 to 2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base64;

/// How many bytes an id takes in binary, its format tag included.
pub const TAGGED_LEN: usize = 33;

/// A text or bytes that name nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not of the form that this kind of id has.
    #[error("not a {expected}: expected {sigil}, 44 characters of canonical base64 and {suffix}")]
    Malformed {
        /// The kind of id that was asked for, for people.
        expected: &'static str,
        /// The character that such an id starts with.
        sigil: char,
        /// What such an id ends with.
        suffix: &'static str,
    },
    /// The text is not a public key.
    #[error("not a device key: expected 44 characters of canonical base64")]
    MalformedKey,
    /// The text is not a Scuttlebutt URI that we know.
    #[error("not a Scuttlebutt URI of a feed, message or blob")]
    UnknownUri,
    /// The text is not a `did:key` of an Ed25519 key.
    #[error("not a did:key of an Ed25519 key")]
    UnknownDid,
    /// The binary form has a length other than [`TAGGED_LEN`].
    #[error("an id takes 33 bytes, not {0}")]
    Length(usize),
    /// The binary form carries a format tag from a later version.
    #[error("unknown id format {0}: a newer version of Periwinkle may know it")]
    UnknownFormat(u8),
}

/// The format of a feed and of its messages. One today; the tag keeps room for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Format {
    /// The classic format of 2014: JSON, Ed25519, SHA-256.
    Classic = 0,
}

impl Format {
    fn from_tag(tag: u8) -> Result<Self, IdError> {
        match tag {
            0 => Ok(Self::Classic),
            other => Err(IdError::UnknownFormat(other)),
        }
    }
}

fn tagged(format: Format, bytes: &[u8; 32]) -> [u8; TAGGED_LEN] {
    let mut out = [0; TAGGED_LEN];
    out[0] = format as u8;
    out[1..].copy_from_slice(bytes);
    out
}

fn untagged(bytes: &[u8]) -> Result<(Format, [u8; 32]), IdError> {
    let length = || IdError::Length(bytes.len());
    let (tag, rest) = bytes.split_first().ok_or_else(length)?;
    let rest = rest.try_into().map_err(|_| length())?;
    Ok((Format::from_tag(*tag)?, rest))
}

/// Defines one kind of id: they differ in sigil, suffix and what the 32 bytes mean.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:ident, $bytes_doc:literal, $expected:literal, $sigil:literal, $suffix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            format: Format,
            $bytes: [u8; 32],
        }

        impl $name {
            /// The id in the classic format.
            pub const fn classic($bytes: [u8; 32]) -> Self {
                Self { format: Format::Classic, $bytes }
            }

            /// The format that the id belongs to.
            pub const fn format(&self) -> Format {
                self.format
            }

            #[doc = $bytes_doc]
            pub const fn $bytes(&self) -> &[u8; 32] {
                &self.$bytes
            }

            /// The binary form: the format tag, then the 32 bytes.
            pub fn to_tagged(&self) -> [u8; TAGGED_LEN] {
                tagged(self.format, &self.$bytes)
            }

            /// Reads the binary form.
            ///
            /// # Errors
            /// When the length is not [`TAGGED_LEN`] or the tag is unknown.
            pub fn from_tagged(bytes: &[u8]) -> Result<Self, IdError> {
                let (format, $bytes) = untagged(bytes)?;
                Ok(Self { format, $bytes })
            }

            /// Reads the sigil form from bytes that need not be UTF-8.
            pub(crate) fn from_sigil(text: &[u8]) -> Option<Self> {
                let body = text.strip_prefix($sigil.as_bytes())?.strip_suffix($suffix.as_bytes())?;
                base64::decode_array(body).map(Self::classic)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($sigil, "{}", $suffix), base64::encode(&self.$bytes))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Reads the sigil form only; [`crate::uri`] reads URIs.
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::from_sigil(text.as_bytes()).ok_or(IdError::Malformed {
                    expected: $expected,
                    sigil: $sigil.as_bytes()[0] as char,
                    suffix: $suffix,
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id! {
    /// A feed: everything one device ever signed, in order. `@….ed25519`.
    FeedId, key, "The Ed25519 public key that signs the feed.", "feed id", "@", ".ed25519"
}
id! {
    /// One message of a feed. `%….sha256`.
    MessageId, hash, "SHA-256 of the message, by the latin1 rule of the classic format.", "message id", "%", ".sha256"
}
id! {
    /// A file named by its content. `&….sha256`.
    BlobId, hash, "SHA-256 of the file.", "blob id", "&", ".sha256"
}

/// The Ed25519 public key that a connection proves. Today a device signs one feed with the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceKey([u8; 32]);

impl DeviceKey {
    /// A device by its public key.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The Ed25519 public key.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The classic feed of this device.
    pub const fn feed(&self) -> FeedId {
        FeedId::classic(self.0)
    }
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {self}")
    }
}

impl FromStr for DeviceKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        base64::decode_array(text.as_bytes()).map(Self).ok_or(IdError::MalformedKey)
    }
}

impl TryFrom<String> for DeviceKey {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<DeviceKey> for String {
    fn from(key: DeviceKey) -> String {
        key.to_string()
    }
}

/// A person: whom one follows, mutes and reads. Today a person has one device, and so one feed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(FeedId);

impl PersonId {
    /// The person's one feed.
    pub const fn feed(&self) -> FeedId {
        self.0
    }
}

impl From<FeedId> for PersonId {
    fn from(feed: FeedId) -> Self {
        Self(feed)
    }
}

impl From<DeviceKey> for PersonId {
    fn from(device: DeviceKey) -> Self {
        Self(device.feed())
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for PersonId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "@DlKMmQpX2eSI+9Wda17BYWTYlU3bXjEJjWpHD1aihVg=.ed25519";

    #[test]
    fn an_id_survives_text_binary_and_serde() {
        let id: FeedId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(FeedId::from_tagged(&id.to_tagged()), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("{TEXT:?}"));
        assert_eq!(serde_json::from_str::<FeedId>(&format!("{TEXT:?}")).unwrap(), id);
        let person = PersonId::from(id);
        assert_eq!(serde_json::to_string(&person).unwrap(), format!("{TEXT:?}"));
        assert_eq!(DeviceKey::new(*id.key()).feed(), id);
    }

    #[test]
    fn a_text_that_is_almost_an_id_is_refused() {
        let bad = [
            "",
            "@",
            &TEXT[1..],
            &TEXT.replace('@', "%"),
            &TEXT.replace(".ed25519", ".sha256"),
            &TEXT.replace(".ed25519", "xed25519"),
            &TEXT.replace("Vg=", "Vh="),
            &TEXT.replace("Vg=", "Vg"),
            &TEXT.replace("Vg=", "Vg=="),
            &TEXT.replace('+', "-"),
            &format!("{TEXT} "),
            &format!(" {TEXT}"),
            &format!("{TEXT}\n"),
        ];
        for text in bad {
            assert!(text.parse::<FeedId>().is_err(), "{text:?}");
        }
        assert!(TEXT.parse::<MessageId>().is_err());
    }

    #[test]
    fn a_binary_id_of_another_length_or_format_is_refused() {
        let mut bytes = FeedId::classic([3; 32]).to_tagged().to_vec();
        assert_eq!(FeedId::from_tagged(&bytes[..32]), Err(IdError::Length(32)));
        assert_eq!(FeedId::from_tagged(&[]), Err(IdError::Length(0)));
        bytes[0] = 9;
        assert_eq!(FeedId::from_tagged(&bytes), Err(IdError::UnknownFormat(9)));
    }
}
