//! Multiples of a fixed point from a table, in variable time: every scalar here is public.

use curve25519_dalek::Scalar;

use super::curve::{Addend, Point, addends};

/// Bits of a scalar below the group order L < 2²⁵³.
const SCALAR_BITS: usize = 253;

/// All multiples `j · 2^(width·i) · P` with `1 ≤ j ≤ 2^(width−1)`, so that a product is one addition per digit of `width`
/// bits and no doubling (Lim and Lee, “More Flexible Exponentiation with Precomputation”, with one row per digit).
///
/// Additions are complete on the whole curve, so that P may have a torsion component and the product is that of the
/// integer that the scalar stands for.
pub(super) struct Comb {
    width: usize,
    /// One after the other, each of `2^(width−1)` multiples.
    multiples: Box<[Addend]>,
}

impl Comb {
    /// Takes one addition for each of the multiples: `253 / width · 2^(width−1)`.
    pub(super) fn new(point: &Point, width: usize) -> Self {
        let per_row = 1 << (width - 1);
        let rows = SCALAR_BITS.div_ceil(width);
        let mut multiples = Vec::with_capacity(rows * per_row);
        let mut base = *point;
        for _ in 0..rows {
            let mut multiple = base;
            multiples.push(multiple);
            for _ in 1..per_row {
                multiple = multiple.plus(&base);
                multiples.push(multiple);
            }
            base = multiple.plus(&multiple);
        }
        Self { width, multiples: addends(&multiples) }
    }

    /// `start + scalar · P`.
    pub(super) fn add_product(&self, start: Point, scalar: &Scalar) -> Point {
        let bytes = scalar.as_bytes();
        let mut sum = start;
        let mut carry = 0;
        for (row, multiples) in self.multiples.chunks_exact(1 << (self.width - 1)).enumerate() {
            let digit = bits(bytes, row * self.width, self.width) + carry;
            // Digits above half become negative and carry into the next. The last has room: L takes less than
            // its width.
            carry = usize::from(digit > multiples.len());
            if carry == 0 {
                if digit > 0 {
                    sum = sum.plus_addend(&multiples[digit - 1]);
                }
            } else {
                let digit = (1 << self.width) - digit;
                if digit > 0 {
                    sum = sum.minus_addend(&multiples[digit - 1]);
                }
            }
        }
        debug_assert_eq!(carry, 0);
        sum
    }

    /// `scalar · P`.
    pub(super) fn product(&self, scalar: &Scalar) -> Point {
        self.add_product(Point::IDENTITY, scalar)
    }
}

/// `count` bits of a little-endian number from bit `from`, at most 9 of them.
fn bits(bytes: &[u8; 32], from: usize, count: usize) -> usize {
    let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
    let pair = byte(from / 8) | byte(from / 8 + 1) << 8;
    pair >> (from % 8) & ((1 << count) - 1)
}
