//! Multiples of a fixed point from a table, in variable time: every scalar here is public.

use curve25519_dalek::Scalar;

use super::curve::{Addend, Point, addends};
use super::lanes::Lanes;

/// Bits of a scalar below the group order L < 2²⁵³.
const SCALAR_BITS: usize = 253;

/// All multiples `j · 2^(width·i) · P` with `1 ≤ j ≤ 2^(width−1)`, so that a product is one addition per digit of `width`
/// bits and no doubling (Lim and Lee, “More Flexible Exponentiation with Precomputation”, with one row per digit).
///
/// Additions are complete on the whole curve, so that P may have a torsion component and the product is that of the
/// integer that the scalar stands for.
pub(super) struct Comb<const WIDTH: usize> {
    /// One row after the other, each of `2^(WIDTH−1)` multiples.
    multiples: Box<[Addend]>,
}

impl<const WIDTH: usize> Comb<WIDTH> {
    /// One for each digit.
    pub(super) const ROWS: usize = SCALAR_BITS.div_ceil(WIDTH);
    /// Multiples of each.
    pub(super) const PER_ROW: usize = 1 << (WIDTH - 1);

    /// Takes one addition for each of the multiples: `253 / WIDTH · 2^(WIDTH−1)`.
    pub(super) fn new(point: &Point, lanes: Option<Lanes>) -> Self {
        if let Some(lanes) = lanes {
            return Self { multiples: lanes.multiples::<WIDTH>(point) };
        }
        let mut multiples = Vec::with_capacity(Self::ROWS * Self::PER_ROW);
        let mut base = *point;
        for _ in 0..Self::ROWS {
            let mut multiple = base;
            multiples.push(multiple);
            for _ in 1..Self::PER_ROW {
                multiple = multiple.plus(&base);
                multiples.push(multiple);
            }
            base = multiple.doubled();
        }
        Self { multiples: addends(&multiples) }
    }

    /// `times · 2^(WIDTH·row) · P`; `times` is at most `2^(WIDTH−1)`.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn multiple(&self, row: usize, times: usize) -> &Addend {
        if times == 0 {
            return &Addend::IDENTITY;
        }
        &self.multiples[row * Self::PER_ROW + times - 1]
    }

    /// Adds `scalar · P` to each sum, with the scalar at its place.
    ///
    /// It goes row by row and not sum by sum, so that a row stays in the nearest cache for as long as it is needed.
    pub(super) fn add_products<'a>(&self, sums: &mut [Point], scalars: impl Iterator<Item = &'a Scalar>) {
        let mut scalars: Vec<Digits> =
            scalars.map(|scalar| Digits { bytes: *scalar.as_bytes(), carry: 0, width: WIDTH }).collect();
        for (row, multiples) in self.multiples.chunks_exact(Self::PER_ROW).enumerate() {
            for (sum, digits) in sums.iter_mut().zip(&mut scalars) {
                match digits.of_row(row) {
                    0 => {}
                    digit @ 1.. => *sum = sum.plus_addend(&multiples[digit as usize - 1]),
                    digit => *sum = sum.minus_addend(&multiples[digit.unsigned_abs() - 1]),
                }
            }
        }
        debug_assert!(scalars.iter().all(|digits| digits.carry == 0));
    }
}

/// The digits of a scalar, from the lowest up. Those above half become negative and carry into the next; the last has room,
/// because L takes less than its width.
struct Digits {
    bytes: [u8; 32],
    carry: usize,
    width: usize,
}

impl Digits {
    /// The digit of the next row: from −2^(width−1) + 1 to 2^(width−1).
    #[inline]
    fn of_row(&mut self, row: usize) -> isize {
        let digit = bits(&self.bytes, row * self.width, self.width) + self.carry;
        self.carry = usize::from(digit > 1 << (self.width - 1));
        digit as isize - (self.carry << self.width) as isize
    }
}

/// `count` bits of a little-endian number from bit `from`, at most 9 of them.
fn bits(bytes: &[u8; 32], from: usize, count: usize) -> usize {
    let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
    let pair = byte(from / 8) | byte(from / 8 + 1) << 8;
    pair >> (from % 8) & ((1 << count) - 1)
}
