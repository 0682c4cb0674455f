//! A libp2p peer id of an Ed25519 key is the key itself, wrapped: an identity multihash (code 0x00) of the protocol buffer
//! `{ type: Ed25519, data: key }` (libp2p specification, `peer-ids/peer-ids.md`, section *Keys*). So each can be had from the other.

use feed::{DeviceKey, KeyPair};
use libp2p::{
    PeerId,
    identity::{Keypair, PublicKey, ed25519},
};

/// Multihash code of the identity function.
const IDENTITY: u64 = 0;

/// The libp2p key pair of this device.
pub(crate) fn keypair(keys: &KeyPair) -> Result<Keypair, String> {
    // libp2p overwrites the copy that it is given.
    let mut seed = *keys.seed();
    Keypair::ed25519_from_bytes(&mut seed).map_err(|error| error.to_string())
}

/// The device behind a peer id; `None` for other kinds of keys, which are not ours.
pub(crate) fn device(peer: &PeerId) -> Option<DeviceKey> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY {
        return None;
    }
    let public = PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
    Some(DeviceKey::new(public.try_into_ed25519().ok()?.to_bytes()))
}

/// The peer id of a device; `None` when its bytes are no point of the curve.
pub(crate) fn peer(device: &DeviceKey) -> Option<PeerId> {
    let public = ed25519::PublicKey::try_from_bytes(device.bytes()).ok()?;
    Some(PublicKey::from(public).to_peer_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_is_the_device_key_and_back() {
        let keys = KeyPair::from_seed(&[7; 32]);
        let peer_id = keypair(&keys).expect("a valid key").public().to_peer_id();
        assert_eq!(device(&peer_id), Some(keys.device_key()));
        assert_eq!(peer(&keys.device_key()), Some(peer_id));
    }

    #[test]
    fn a_random_peer_id_is_no_device() {
        // SHA-256 of something: what an RSA key has.
        assert_eq!(
            device(&PeerId::random()).map(|device| device.bytes().len()),
            PeerId::random().as_ref().digest().len().eq(&36).then_some(32)
        );
    }
}
