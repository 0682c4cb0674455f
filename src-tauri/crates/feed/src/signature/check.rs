//! What libsodium's `crypto_sign_verify_detached` checks, step by step (libsodium 1.0.18,
//! `crypto_sign/ed25519/ref10/open.c`).

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};

use super::curve::Point;
use super::lanes::Lanes;

/// p = 2²⁵⁵ − 19, little-endian.
const P: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The y coordinates of the points of small order, little-endian and without the sign bit, as libsodium lists them
/// (`ge25519_has_small_order`): 0, 1, the two of order 8, p − 1, and p and p + 1, which are 0 and 1 written otherwise.
const SMALL_ORDER_Y: [[u8; 32]; 7] = {
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = P;
    minus_one[0] -= 1;
    let mut beyond = P;
    beyond[0] += 1;
    [
        [0; 32],
        one,
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        minus_one,
        P,
        beyond,
    ]
};

fn without_sign(encoded: &[u8; 32]) -> [u8; 32] {
    let mut y = *encoded;
    y[31] &= 0x7f;
    y
}

/// Whether the bytes, whatever their sign bit, encode a point of small order.
fn has_small_order(encoded: &[u8; 32]) -> bool {
    SMALL_ORDER_Y.contains(&without_sign(encoded))
}

/// Whether y is below p (`ge25519_is_canonical`); the sign bit does not matter.
fn is_canonical(encoded: &[u8; 32]) -> bool {
    without_sign(encoded).iter().rev().lt(P.iter().rev())
}

/// −A of a public key that libsodium takes.
#[derive(Clone, Copy)]
pub(super) enum Negated {
    /// As the library works with it.
    Plain(EdwardsPoint),
    /// As the lanes do.
    Lanes(Point),
}

impl Negated {
    /// In the form that tables are made from. `None` never happens: every point has an encoding.
    pub(super) fn point(&self) -> Option<Point> {
        match self {
            Self::Plain(point) => Point::decode(point.compress().as_bytes()),
            Self::Lanes(point) => Some(*point),
        }
    }
}

/// −A for each public key that libsodium takes: canonical, not of small order, on the curve. A torsion component stays.
pub(super) fn negated_keys(lanes: Option<Lanes>, encoded: &[[u8; 32]]) -> Vec<Option<Negated>> {
    let sound = |encoded: &[u8; 32]| is_canonical(encoded) && !has_small_order(encoded);
    let Some(lanes) = lanes else {
        let plain = |encoded: &[u8; 32]| CompressedEdwardsY(*encoded).decompress().map(|point| Negated::Plain(-point));
        return encoded.iter().map(|encoded| sound(encoded).then(|| plain(encoded)).flatten()).collect();
    };
    let points = lanes.negated_points(encoded).into_iter().zip(encoded);
    points.map(|(point, encoded)| point.filter(|_| sound(encoded)).map(Negated::Lanes)).collect()
}

/// What a signature claims, apart from R: the two scalars of `R = S·B − k·A`.
pub(super) struct Claim {
    /// S.
    pub(super) response: Scalar,
    /// k = SHA-512(R ‖ A ‖ M) mod L.
    pub(super) challenge: Scalar,
}

impl Claim {
    /// `digest` is SHA-512(R ‖ A ‖ M).
    pub(super) fn new(response: Scalar, digest: &[u8; 64]) -> Self {
        Self { response, challenge: Scalar::from_bytes_mod_order_wide(digest) }
    }
}

/// S of a signature; `None` when S is not below L, or R has small order.
pub(super) fn response(signature: &[u8; 64]) -> Option<Scalar> {
    let (commitment, response) = signature.split_first_chunk::<32>()?;
    let response = Scalar::from_canonical_bytes(response.try_into().ok()?).into_option()?;
    (!has_small_order(commitment)).then_some(response)
}
