//! Hello: the first frame in each direction of a link.

use replication::ebt::Clock;
use sha2::{Digest, Sha256};

use super::{WireError, kind};
use crate::{config::NetworkId, limits};

/// Feature bit: the sender takes [`super::kind::WANTS`] and [`super::kind::HAVES`], and gives blobs on streams of their own.
pub const FEATURE_BLOBS: u32 = 1;

/// Feature bit: the sender says with [`super::kind::TAKEN`] which messages it took up.
pub const FEATURE_TAKEN: u32 = 1 << 1;

/// Feature bit: the sender answers [`super::kind::ASK`].
pub const FEATURE_LOOK: u32 = 1 << 4;

/// Every feature of this version.
pub const FEATURES: u32 = FEATURE_BLOBS | FEATURE_TAKEN | FEATURE_LOOK;

/// The version of the link protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// Bytes of a hello.
pub const HELLO_LENGTH: usize = 1 + 2 + 4 + 4 + NetworkId::LENGTH + 8 + 4 + 32 + 32;

/// On receiving a hello: close if the version or the network differ, else compare the digests.
///
/// What I last told you must be what you hold of me, and the other way round; if both fit, only what has changed since
/// is said, else everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub version: u16,
    /// What the sender can do beyond this version: bits of [`FEATURES`].
    pub features: u32,
    /// The longest frame that the sender takes, in bytes.
    pub frame_limit: u32,
    /// The sender's network.
    pub network: NetworkId,
    /// Random number of the sender's store, new after every restore or repair.
    pub generation: u64,
    /// Random number of the sender's process: what is known in memory only is lost when it changes.
    pub run: u32,
    /// [`clock_digest`] of the clock that the sender last told.
    pub told: [u8; 32],
    /// [`clock_digest`] of the clock that the sender holds of the receiver.
    pub held: [u8; 32],
}

impl Hello {
    /// The frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HELLO_LENGTH);
        out.push(kind::HELLO);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.features.to_le_bytes());
        out.extend_from_slice(&self.frame_limit.to_le_bytes());
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.run.to_le_bytes());
        out.extend_from_slice(&self.told);
        out.extend_from_slice(&self.held);
        out
    }

    /// Reads a whole frame. Of another version only the version is believed: its other fields may be anything. Bytes after
    /// the last field belong to later features and are passed over.
    ///
    /// # Errors
    /// When the frame is no hello, too long or too short.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if frame.len() > limits::HELLO {
            return Err(WireError::TooLong);
        }
        let (&first, mut rest) = frame.split_first().ok_or(WireError::Empty)?;
        if first != kind::HELLO {
            return Err(WireError::Order);
        }
        let rest = &mut rest;
        let version = u16::from_le_bytes(take(rest)?);
        if version != VERSION {
            return Ok(Self::of_other_version(version));
        }
        let features = u32::from_le_bytes(take(rest)?);
        let frame_limit = u32::from_le_bytes(take(rest)?);
        let network = NetworkId(take(rest)?);
        let generation = u64::from_le_bytes(take(rest)?);
        let run = u32::from_le_bytes(take(rest)?);
        let told = take(rest)?;
        let held = take(rest)?;
        Ok(Self { version, features, frame_limit, network, generation, run, told, held })
    }

    fn of_other_version(version: u16) -> Self {
        Self {
            version,
            features: 0,
            frame_limit: 0,
            network: NetworkId([0; NetworkId::LENGTH]),
            generation: 0,
            run: 0,
            told: [0; 32],
            held: [0; 32],
        }
    }
}

fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Result<[u8; LENGTH], WireError> {
    let (first, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(*first)
}

/// SHA-256 over the entries of a clock, ascending by tagged feed id: the 33 bytes of the id, then the note as in a notes
/// frame but as eight bytes, little-endian.
pub fn clock_digest(clock: &Clock) -> [u8; 32] {
    // Ids of one format sort as their bytes do, and formats by their tag, which comes first.
    let mut hash = Sha256::new();
    for (feed, note) in clock {
        hash.update(feed.to_tagged());
        hash.update((note.to_wire() + 1).to_le_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_hello() -> impl Strategy<Value = Hello> {
        let digests = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 16]>());
        (any::<(u32, u32, u64, u32)>(), digests).prop_map(
            |((features, frame_limit, generation, run), (told, held, network))| Hello {
                version: VERSION,
                features,
                frame_limit,
                network: NetworkId(network),
                generation,
                run,
                told,
                held,
            },
        )
    }

    proptest! {
        #[test]
        fn a_hello_is_read_back(hello in any_hello()) {
            let frame = hello.encode();
            prop_assert_eq!(frame.len(), HELLO_LENGTH);
            prop_assert_eq!(Hello::decode(&frame), Ok(hello));
        }

        #[test]
        fn a_cut_hello_is_an_error(hello in any_hello(), cut in any::<prop::sample::Index>()) {
            let frame = hello.encode();
            prop_assert!(Hello::decode(&frame[..cut.index(frame.len())]).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Hello::decode(&bytes);
        }
    }

    #[test]
    fn of_another_version_only_the_version_is_read() {
        assert_eq!(Hello::decode(&[kind::HELLO, 9, 0]).map(|hello| hello.version), Ok(9));
    }

    #[test]
    fn what_follows_the_last_field_is_passed_over() {
        let hello = Hello::of_other_version(VERSION);
        let mut frame = hello.encode();
        frame.extend_from_slice(b"from the future");
        assert_eq!(Hello::decode(&frame), Ok(hello));
    }
}
