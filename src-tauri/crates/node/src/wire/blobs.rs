//! Frames about blobs: what is wanted, and what the receiver may fetch here.

use std::collections::BTreeSet;

use feed::{BlobId, TAGGED_LEN};
use replication::blobs::{MAX_ENTRIES, MAX_HOPS};

use super::{WireError, kind, varint};

/// In place of the number of devices: wanted no more.
const NO_MORE: u8 = 255;

/// Reads the body of a wants frame: a blob's id, over how many devices it is wanted or [`NO_MORE`], until the end. From 1 to
/// [`MAX_ENTRIES`], each of another blob.
///
/// # Errors
/// For whatever [`write_wants`] would not write.
pub fn read_wants(body: &[u8]) -> Result<Vec<(BlobId, Option<u8>)>, WireError> {
    read(body, |rest| {
        let (&hops, after) = rest.split_first().ok_or(WireError::Truncated)?;
        *rest = after;
        match hops {
            NO_MORE => Ok(None),
            hops if hops <= MAX_HOPS => Ok(Some(hops)),
            _ => Err(WireError::Number),
        }
    })
}

/// A wants frame. The caller keeps to [`MAX_ENTRIES`] and [`MAX_HOPS`].
pub fn write_wants(wants: &[(BlobId, Option<u8>)]) -> Vec<u8> {
    let mut out = vec![kind::WANTS];
    for (blob, hops) in wants {
        out.extend_from_slice(&blob.to_tagged());
        out.push(hops.unwrap_or(NO_MORE));
    }
    out
}

/// Reads the body of a haves frame: a blob's id and its size as a varint, until the end. From 1 to [`MAX_ENTRIES`], each of
/// another blob.
///
/// # Errors
/// For whatever [`write_haves`] would not write.
pub fn read_haves(body: &[u8]) -> Result<Vec<(BlobId, u64)>, WireError> {
    read(body, varint::read)
}

/// A haves frame. The caller keeps to [`MAX_ENTRIES`].
pub fn write_haves(haves: &[(BlobId, u64)]) -> Vec<u8> {
    let mut out = vec![kind::HAVES];
    for (blob, size) in haves {
        out.extend_from_slice(&blob.to_tagged());
        varint::write(&mut out, *size);
    }
    out
}

fn read<T>(
    mut body: &[u8],
    mut value: impl FnMut(&mut &[u8]) -> Result<T, WireError>,
) -> Result<Vec<(BlobId, T)>, WireError> {
    let mut entries = Vec::new();
    let mut named = BTreeSet::new();
    loop {
        if entries.len() >= MAX_ENTRIES {
            return Err(WireError::TooManyEntries);
        }
        let (id, rest) = body.split_at_checked(TAGGED_LEN).ok_or(WireError::Truncated)?;
        let blob = BlobId::from_tagged(id).map_err(|_| WireError::BlobId)?;
        body = rest;
        entries.push((blob, value(&mut body)?));
        if !named.insert(blob) {
            return Err(WireError::Repeated);
        }
        if body.is_empty() {
            return Ok(entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_blobs<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(BlobId, T)>> {
        prop::collection::btree_map(any::<[u8; 32]>(), value, 1..40)
            .prop_map(|map| map.into_iter().map(|(hash, value)| (BlobId::classic(hash), value)).collect())
    }

    proptest! {
        #[test]
        fn wants_are_read_back(wants in any_blobs(prop::option::of(0..=MAX_HOPS))) {
            prop_assert_eq!(read_wants(&write_wants(&wants)[1..]), Ok(wants));
        }

        #[test]
        fn haves_are_read_back(haves in any_blobs(any::<u64>())) {
            prop_assert_eq!(read_haves(&write_haves(&haves)[1..]), Ok(haves));
        }

        #[test]
        fn no_bytes_make_a_reader_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = (read_wants(&body), read_haves(&body));
        }
    }

    #[test]
    fn what_nobody_writes_is_refused() {
        let blob = BlobId::classic([7; 32]);
        assert_eq!(read_wants(&[]), Err(WireError::Truncated), "nothing at all");
        assert_eq!(read_wants(&write_wants(&[(blob, Some(0)), (blob, None)])[1..]), Err(WireError::Repeated));
        assert_eq!(read_wants(&write_wants(&[(blob, Some(3))])[1..]), Err(WireError::Number), "too far");
        let many: Vec<_> = (0..257_u32)
            .map(|n| BlobId::classic(std::array::from_fn(|at| n.to_le_bytes().get(at).copied().unwrap_or_default())))
            .map(|blob| (blob, 1))
            .collect();
        assert_eq!(read_haves(&write_haves(&many)[1..]), Err(WireError::TooManyEntries));
    }
}
