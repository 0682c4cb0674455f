//! Canonical base64: the one text that stands for some bytes, and no other.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

/// The standard alphabet with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The URL-safe alphabet with padding, as SSB URIs carry it.
pub(crate) fn encode_url_safe(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

/// `N` bytes from exactly their canonical text; `None` for any other text.
pub(crate) fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    // One spare block: the engine wants room for the whole of the last group.
    let mut bytes = [0; 96];
    let written = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..written)?.try_into().ok()
}

/// 32 bytes from URL-safe text, with or without its padding, which browsers may have percent-encoded.
pub(crate) fn decode_url_safe(text: &str) -> Option<[u8; 32]> {
    let bare = ["=", "%3D", "%3d"].iter().find_map(|padding| text.strip_suffix(padding)).unwrap_or(text);
    URL_SAFE_NO_PAD.decode(bare).ok()?.try_into().ok()
}

/// Any number of bytes from their canonical text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Whether `text` is canonical base64, the empty text included, without decoding it.
///
/// The same rule as the regular expression of the JavaScript package `is-canonical-base64`.
pub(crate) fn is_canonical(text: &[u8]) -> bool {
    if !text.len().is_multiple_of(4) {
        return false;
    }
    let body = match text {
        [body @ .., last, b'=', b'='] => {
            if !b"AQgw".contains(last) {
                return false;
            }
            body
        }
        [body @ .., last, b'='] => {
            if !b"AEIMQUYcgkosw048".contains(last) {
                return false;
            }
            body
        }
        body => body,
    };
    body.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scanner_and_the_decoder_agree_on_every_short_text() {
        let alphabet = b"AQgwE8z/+=-_ \xc3";
        for a in alphabet {
            for b in alphabet {
                for c in alphabet {
                    for d in alphabet {
                        let text = [*b"AAAA", [*a, *b, *c, *d]].concat();
                        assert_eq!(is_canonical(&text), STANDARD.decode(&text).is_ok(), "{text:?}");
                    }
                }
            }
        }
        assert!(is_canonical(b""));
        assert!(!is_canonical(b"aab"));
    }

    #[test]
    fn only_the_canonical_text_of_the_right_length_is_read() {
        let text = encode(&[7; 32]);
        assert_eq!(decode_array::<32>(text.as_bytes()), Some([7; 32]));
        assert_eq!(decode_array::<32>(encode(&[7; 31]).as_bytes()), None);
        assert_eq!(decode_array::<32>(encode(&[7; 33]).as_bytes()), None);
        let loose = text.replace("c=", "d=");
        assert_ne!(loose, text);
        assert_eq!(decode_array::<32>(loose.as_bytes()), None, "stray low bits");
    }
}
