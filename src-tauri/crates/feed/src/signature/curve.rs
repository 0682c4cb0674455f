//! Points of edwards25519, in variable time: everything here is public.
//!
//! The formulas are those of Hisil, Wong, Carter and Dawson, “Twisted Edwards Curves Revisited” (2008), sections 3.1, 3.3
//! and 4.2. They are complete: they hold for every two points of the curve, torsion included.

use super::field::{Factor, Field, invert_all};

/// d = −121665 / 121666.
pub(super) const D: Field = Field::from_bytes(&[
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00, 0x98, 0xe8, 0x79,
    0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
]);

/// A square root of −1.
pub(super) const ROOT_OF_MINUS_ONE: Field = Field::from_bytes(&[
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f, 0xa7, 0xd7, 0xfb,
    0x3d, 0x99, 0x00, 0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b,
]);

/// 1 / 2 = 2²⁵⁴ − 9.
pub(super) const HALF: Field = Field::from_bytes(&{
    let mut bytes = [0xff; 32];
    bytes[0] = 0xf7;
    bytes[31] = 0x3f;
    bytes
});

/// A point: x = X / Z, y = Y / Z, and T = XY / Z.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) x: Field,
    pub(super) y: Field,
    pub(super) z: Field,
    pub(super) t: Field,
}

/// A point to be added often: (y + x) / 2, (y − x) / 2 and d·x·y, in limbs. Two lines of a processor's cache: five limbs
/// of the sum and of the difference, and what is left of each line holds the product.
#[derive(Clone, Copy)]
#[repr(align(128))]
pub(super) struct Addend([[u64; 8]; 2]);

impl Addend {
    const fn new(sum: [u64; 5], difference: [u64; 5], product: [u64; 5]) -> Self {
        let ([s0, s1, s2, s3, s4], [d0, d1, d2, d3, d4], [p0, p1, p2, p3, p4]) = (sum, difference, product);
        Self([[s0, s1, s2, s3, s4, p0, p1, p2], [d0, d1, d2, d3, d4, p3, p4, 0]])
    }

    #[inline(always)]
    fn factors(&self) -> (Factor, Factor, Factor) {
        let [[s0, s1, s2, s3, s4, p0, p1, p2], [d0, d1, d2, d3, d4, p3, p4, _]] = self.0;
        let factor = Factor::from_limbs;
        (factor([s0, s1, s2, s3, s4]), factor([d0, d1, d2, d3, d4]), factor([p0, p1, p2, p3, p4]))
    }
}

/// For [`super::lanes`].
#[cfg(target_arch = "x86_64")]
impl Addend {
    /// The identity: x = 0, y = 1.
    pub(super) const IDENTITY: Self = Self::new(HALF.limbs(), HALF.limbs(), [0; 5]);

    /// The two lines: limbs 0 to 4 of (y + x) / 2, then 0 to 2 of d·x·y; those of (y − x) / 2, then 3 and 4 of d·x·y and
    /// a zero. No limb is above 2⁵¹.
    pub(super) fn lines(&self) -> &[[u64; 8]; 2] {
        &self.0
    }

    /// An addend by its lines, as [`Self::lines`] gives them.
    pub(super) fn from_lines(lines: [[u64; 8]; 2]) -> Self {
        Self(lines)
    }

    /// The three numbers, each below p.
    #[cfg(test)]
    pub(super) fn values(&self) -> [[u8; 32]; 3] {
        let (sum, difference, product) = self.factors();
        [sum, difference, product].map(|factor| factor.carry().to_bytes())
    }
}

impl Point {
    pub(super) const IDENTITY: Self = Self { x: Field::ZERO, y: Field::ONE, z: Field::ONE, t: Field::ZERO };

    /// The point that 32 bytes encode (RFC 8032, 5.1.3); `None` when there is none with that y.
    ///
    /// It does not ask for the encoding to be canonical: whoever calls has done so.
    pub(super) fn decode(encoded: &[u8; 32]) -> Option<Self> {
        let y = Field::from_bytes(encoded);
        let square = y.square();
        let above = square.minus(&Field::ONE).carry();
        let below = D.times(&square).plus(&Field::ONE).carry();
        let cube = below.square().times(&below);
        let power = above.times(&cube).times(&cube.times(&below)).power_for_roots();
        let mut x = above.times(&cube).times(&power);
        let check = below.times(&x.square());
        if check.is(above.negated()) {
            x = x.times(&ROOT_OF_MINUS_ONE);
        } else if !check.is(above) {
            return None;
        }
        if x.is_odd() != (encoded[31] >> 7 == 1) {
            x = x.negated();
        }
        Some(Self { x, y, z: Field::ONE, t: x.times(&y) })
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let a = self.y.minus(&self.x).times(&other.y.minus(&other.x));
        let b = self.y.plus(&self.x).times(&other.y.plus(&other.x));
        let c = self.t.times(&other.t).times(&D);
        let c = c.plus(&c).carry();
        let d = self.z.times(&other.z);
        let d = d.plus(&d).carry();
        Self::completed(&b.minus(&a), &b.plus(&a), &d.plus(&c), &d.minus(&c))
    }

    /// Twice the point: 4 squares and 4 products (section 3.3, with all of E, F, G and H negated).
    pub(super) fn doubled(&self) -> Self {
        let (a, b, c) = (self.x.square(), self.y.square(), self.z.square());
        let h = a.plus(&b);
        let e = h.carry().minus(&self.x.plus(&self.y).square());
        let g = a.minus(&b).carry();
        let f = c.plus(&c).carry().plus(&g);
        Self::completed(&e, &h, &g.factor(), &f)
    }

    /// With a point of a table: 7 products.
    #[inline(always)]
    pub(super) fn plus_addend(&self, other: &Addend) -> Self {
        let (sum, difference, product) = other.factors();
        let a = self.y.plus(&self.x).times(&sum);
        let b = self.y.minus(&self.x).times(&difference);
        let c = self.t.factor().times(&product);
        Self::completed(&a.minus(&b), &a.plus(&b), &self.z.plus(&c), &self.z.minus(&c))
    }

    /// Less a point of a table.
    #[inline(always)]
    pub(super) fn minus_addend(&self, other: &Addend) -> Self {
        let (sum, difference, product) = other.factors();
        let a = self.y.plus(&self.x).times(&difference);
        let b = self.y.minus(&self.x).times(&sum);
        let c = self.t.factor().times(&product);
        Self::completed(&a.minus(&b), &a.plus(&b), &self.z.minus(&c), &self.z.plus(&c))
    }

    /// From x = E / G, y = H / F.
    #[inline(always)]
    fn completed(e: &Factor, h: &Factor, g: &Factor, f: &Factor) -> Self {
        Self { x: e.times(f), y: g.times(h), z: f.times(g), t: e.times(h) }
    }
}

/// The points as addends.
pub(super) fn addends(points: &[Point]) -> Box<[Addend]> {
    let inverses = invert_all(points.iter().map(|point| point.z));
    let addends = points.iter().zip(inverses).map(|(point, inverse)| {
        let (x, y) = (point.x.times(&inverse).times(&HALF), point.y.times(&inverse).times(&HALF));
        // d·x·y, from halves of both.
        let quarter = x.times(&y).times(&D);
        let half = quarter.plus(&quarter).carry();
        let product = half.plus(&half).carry();
        Addend::new(y.plus(&x).carry().limbs(), y.minus(&x).carry().limbs(), product.limbs())
    });
    addends.collect()
}

/// The encodings of points: y, and whether x is odd in the highest bit.
pub(super) fn encode_all(points: &[Point]) -> Vec<[u8; 32]> {
    let inverses = invert_all(points.iter().map(|point| point.z));
    let encoded = points.iter().zip(inverses).map(|(point, inverse)| {
        let mut bytes = point.y.times(&inverse).to_bytes();
        bytes[31] |= u8::from(point.x.times(&inverse).is_odd()) << 7;
        bytes
    });
    encoded.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
    use curve25519_dalek::scalar::Scalar;

    use super::*;

    pub(in super::super) fn ours(point: &EdwardsPoint) -> Point {
        Point::decode(point.compress().as_bytes()).expect("on the curve")
    }

    /// Some points of every kind: multiples of the base, of small order, and sums of both.
    pub(in super::super) fn points() -> Vec<EdwardsPoint> {
        let multiples = (0..6_u64).map(|n| ED25519_BASEPOINT_POINT * Scalar::from(n * n * n * 0x1234_5678_9abc));
        multiples.flat_map(|point| EIGHT_TORSION.map(|torsion| point + torsion)).collect()
    }

    #[test]
    fn points_are_read_added_and_written_as_by_the_library() {
        let points = points();
        let all: Vec<Point> = points.iter().map(ours).collect();
        let tables = addends(&all);
        let mut sums = Vec::new();
        let mut expected = Vec::new();
        for (one, point) in points.iter().zip(&all) {
            for ((other, addend), added) in points.iter().zip(&tables).zip(&all) {
                sums.extend([point.plus(added), point.plus_addend(addend), point.minus_addend(addend)]);
                expected.extend([one + other, one + other, one - other]);
            }
            sums.extend([point.doubled(), point.doubled().doubled()]);
            expected.extend([one + one, one + one + one + one]);
        }
        for (sum, expected) in encode_all(&sums).iter().zip(&expected) {
            assert_eq!(sum, expected.compress().as_bytes());
        }
    }

    #[test]
    fn what_is_on_the_curve_is_judged_as_by_the_library() {
        for n in 0..=255 {
            for last in [0, 0x23, 0x7f, 0x80, 0xff] {
                let mut bytes = [0x5a; 32];
                (bytes[0], bytes[31]) = (n, last);
                let theirs = CompressedEdwardsY(bytes).decompress().map(|point| point.compress().0);
                let ours = Point::decode(&bytes).map(|point| encode_all(&[point])[0]);
                assert_eq!(ours, theirs);
            }
        }
    }
}
