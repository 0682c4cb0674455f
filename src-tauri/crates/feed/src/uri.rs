//! `ssb:` URIs and `did:key`: other ways to write the same ids.
//!
//! `ssb:message/classic/<url-safe base64>` and kin (ssb-uri-spec). Read, never written: the older forms with `ssb://`,
//! with colons for slashes, and with `sha256` or `ed25519` for `classic`.

use crate::{BlobId, FeedId, IdError, MessageId, base64};

/// What a URI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A feed.
    Feed(FeedId),
    /// A message.
    Message(MessageId),
    /// A blob.
    Blob(BlobId),
}

/// Reads a URI of a feed, message or blob in the classic format.
///
/// # Errors
/// When the text is anything else, a URI of another format included.
pub fn parse(text: &str) -> Result<Named, IdError> {
    read(text).ok_or(IdError::UnknownUri)
}

fn read(text: &str) -> Option<Named> {
    let rest = text.strip_prefix("ssb:")?;
    let (separator, rest) = match rest.strip_prefix("//") {
        Some(rest) => ('/', rest),
        None if rest.contains('/') => ('/', rest),
        None => (':', rest),
    };
    // What follows the path of a URI says where or how, not what.
    let path = rest.split(['?', '#']).next()?;
    let mut parts = path.split(separator);
    let (kind, format, data) = (parts.next()?, parts.next()?, parts.next()?);
    // A trailing slash is harmless and common.
    if !matches!((parts.next(), parts.next()), (None | Some(""), None)) {
        return None;
    }
    let bytes = base64::decode_url_safe(data)?;
    match (kind, format) {
        ("feed", "classic" | "ed25519") => Some(Named::Feed(FeedId::classic(bytes))),
        ("message", "classic" | "sha256") => Some(Named::Message(MessageId::classic(bytes))),
        ("blob", "classic" | "sha256") => Some(Named::Blob(BlobId::classic(bytes))),
        _ => None,
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, bytes) = match self {
            Self::Feed(id) => ("feed", id.key()),
            Self::Message(id) => ("message", id.hash()),
            Self::Blob(id) => ("blob", id.hash()),
        };
        write!(f, "ssb:{kind}/classic/{}", base64::encode_url_safe(bytes))
    }
}

/// Multicodec `ed25519-pub`, as an unsigned varint (did:key, “Encode Multikey”).
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
/// How long the base58 of 34 bytes can be.
const DID_DIGITS: usize = 48;
const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// The feed's key as a `did:key`.
pub fn to_did_key(feed: &FeedId) -> String {
    let bytes = [&ED25519_PUB[..], feed.key()].concat();
    // Base 58 digits, least significant first. The first byte is not zero, so no leading `1` is owed.
    let mut digits = Vec::with_capacity(DID_DIGITS);
    for byte in bytes {
        let mut carry = u32::from(byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let text: String = digits.iter().rev().map(|digit| char::from(BASE58[usize::from(*digit)])).collect();
    format!("did:key:z{text}")
}

/// Reads a `did:key` of an Ed25519 key.
///
/// # Errors
/// When the text is anything else.
pub fn from_did_key(text: &str) -> Result<FeedId, IdError> {
    read_did_key(text).ok_or(IdError::UnknownDid)
}

fn read_did_key(text: &str) -> Option<FeedId> {
    let digits = text.strip_prefix("did:key:z")?.as_bytes();
    if digits.len() > DID_DIGITS {
        return None;
    }
    let mut bytes = [0_u8; 34];
    for digit in digits {
        let mut carry = BASE58.iter().position(|candidate| candidate == digit)? as u32;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    let key = bytes.strip_prefix(&ED25519_PUB)?;
    let feed = FeedId::classic(key.try_into().ok()?);
    // One text for one key: a leading `1` is a different text of the same number.
    (to_did_key(&feed) == text).then_some(feed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "@DlKMmQpX2eSI+9Wda17BYWTYlU3bXjEJjWpHD1aihVg=.ed25519";

    #[test]
    fn every_form_of_a_uri_names_the_same_thing() {
        let feed: FeedId = FEED.parse().unwrap();
        let data = "DlKMmQpX2eSI-9Wda17BYWTYlU3bXjEJjWpHD1aihVg=";
        for text in [
            format!("ssb:feed/classic/{data}"),
            format!("ssb:feed/ed25519/{data}"),
            format!("ssb:feed:classic:{data}"),
            format!("ssb:feed:ed25519:{data}"),
            format!("ssb://feed/classic/{data}"),
            format!("ssb://feed/ed25519/{data}"),
            format!("ssb://feed/classic/{data}/"),
            format!("ssb:feed/classic/{}", data.trim_end_matches('=')),
            format!("ssb:feed/classic/{data}?from=here"),
            format!("ssb://feed/classic/{}", data.replace('=', "%3D")),
        ] {
            assert_eq!(parse(&text), Ok(Named::Feed(feed)), "{text}");
        }
        assert_eq!(Named::Feed(feed).to_string(), format!("ssb:feed/classic/{data}"));
        let message = MessageId::classic(*feed.key());
        assert_eq!(parse(&format!("ssb:message/sha256/{data}")), Ok(Named::Message(message)));
        assert_eq!(parse(&Named::Message(message).to_string()), Ok(Named::Message(message)));
        let blob = BlobId::classic(*feed.key());
        assert_eq!(parse(&format!("ssb://blob/classic/{data}")), Ok(Named::Blob(blob)));
    }

    #[test]
    fn other_uris_are_refused() {
        let data = "DlKMmQpX2eSI-9Wda17BYWTYlU3bXjEJjWpHD1aihVg=";
        for text in [
            String::new(),
            "ssb:".into(),
            "ssb://".into(),
            "ssb:feed/classic".into(),
            "ssb:feed/classic/".into(),
            FEED.into(),
            format!("http:feed/classic/{data}"),
            format!("ssb:feed/bendybutt-v1/{data}"),
            format!("ssb:message/ed25519/{data}"),
            format!("ssb:feed/classic/{data}{data}"),
            format!("ssb:feed/classic/{data}/{data}"),
            format!("ssb:feed/classic/{}", data.replace('-', "+")),
            format!("ssb:feed/classic/{}", &data[1..]),
        ] {
            assert_eq!(parse(&text), Err(IdError::UnknownUri), "{text}");
        }
    }

    /// The first example of the did:key specification for Ed25519 (“Test vectors”).
    #[test]
    fn a_did_key_is_the_same_key() {
        let text = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let feed = from_did_key(text).unwrap();
        assert_eq!(to_did_key(&feed), text);
        let own: FeedId = FEED.parse().unwrap();
        assert_eq!(from_did_key(&to_did_key(&own)), Ok(own));
        for text in ["", "did:key:z", "did:key:zQ3sh", "did:key:z0OIl", &text.replace(":z6", ":z16"), &text[..50]] {
            assert_eq!(from_did_key(text), Err(IdError::UnknownDid), "{text}");
        }
    }
}
