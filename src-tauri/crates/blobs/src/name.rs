//! The names of blobs in the folder: the hash in hex, its first byte as a folder of its own, as other Scuttlebutt programs do.

use feed::BlobId;

/// Letters of the folder's name.
const FAN: usize = 2;
/// Letters of a hash in hex.
const WHOLE: usize = 64;

/// The whole hash in hex.
pub(crate) fn hex(id: &BlobId) -> String {
    id.hash().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder of a blob and its name in it.
pub(crate) fn place(id: &BlobId) -> (String, String) {
    let mut fan = hex(id);
    let rest = fan.split_off(FAN);
    (fan, rest)
}

/// The 256 names that a folder may have, in order.
pub(crate) fn fans() -> impl DoubleEndedIterator<Item = String> {
    (0..=u8::MAX).map(|byte| format!("{byte:02x}"))
}

/// The blob of a name in a folder; none for a name that we do not give.
pub(crate) fn in_fan(fan: &str, name: &str) -> Option<BlobId> {
    if fan.len() != FAN || name.len() != WHOLE - FAN {
        return None;
    }
    from_hex(&[fan, name].concat())
}

/// The blob whose whole hash this is.
pub(crate) fn from_hex(text: &str) -> Option<BlobId> {
    if text.len() != WHOLE {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = digits else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(BlobId::classic(hash))
}

/// Lower case only: one blob has one name.
fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_is_almost_a_hash_is_no_blob() {
        let good = "0f".repeat(32);
        assert!(from_hex(&good).is_some());
        for bad in [
            "",
            "0f",
            &good.to_uppercase(),
            &good[1..],
            &format!("{good}0"),
            &good.replace("0f", "0g"),
            &"é".repeat(32),
        ] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
        assert_eq!(in_fan("0", &good[1..]), None);
        assert_eq!(in_fan("é", &good[2..]), None);
    }

    proptest! {
        #[test]
        fn every_blob_has_one_place(hash in any::<[u8; 32]>()) {
            let id = BlobId::classic(hash);
            let (fan, name) = place(&id);
            prop_assert_eq!(in_fan(&fan, &name), Some(id));
            prop_assert!(fans().any(|known| known == fan));
        }

        #[test]
        fn any_name_is_refused_or_read(fan in ".{0,4}", name in ".{0,80}") {
            if let Some(id) = in_fan(&fan, &name) {
                prop_assert_eq!(place(&id), (fan, name));
            }
        }
    }
}
