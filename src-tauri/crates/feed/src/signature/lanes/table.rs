//! One addend for each of eight lanes, out of tables.

use core::arch::x86_64::{
    __m512i, __mmask8, _mm_set_epi64x, _mm512_abs_epi64, _mm512_and_si512, _mm512_mask_blend_epi64,
    _mm512_movepi64_mask, _mm512_or_si512, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_i64x2,
    _mm512_sll_epi64, _mm512_srl_epi64, _mm512_sub_epi64, _mm512_unpackhi_epi64, _mm512_unpacklo_epi64,
};

use curve25519_dalek::Scalar;

use super::super::comb::Comb;
use super::super::curve::{Addend, Point};
use super::field::Factor;
use super::machine::{load, store};
use super::point::{Addends, Points, invert_all};

/// Rows to columns: word `i` of vector `j` becomes word `j` of vector `i`.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    // Pairs of words: 0 and 1 of two rows beside each other, and so on for each quarter.
    let (ab0, ab1) = (_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    let (cd0, cd1) = (_mm512_unpacklo_epi64(c, d), _mm512_unpackhi_epi64(c, d));
    let (ef0, ef1) = (_mm512_unpacklo_epi64(e, f), _mm512_unpackhi_epi64(e, f));
    let (gh0, gh1) = (_mm512_unpacklo_epi64(g, h), _mm512_unpackhi_epi64(g, h));
    // Then quarters, as a matrix of four by four. 0x88 takes quarters 0 and 2 of both, 0xdd 1 and 3.
    let [c0, c2, c4, c6] = quarters([ab0, cd0, ef0, gh0]);
    let [c1, c3, c5, c7] = quarters([ab1, cd1, ef1, gh1]);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_even, ab_odd) = (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b));
    let (cd_even, cd_odd) = (_mm512_shuffle_i64x2::<0x88>(c, d), _mm512_shuffle_i64x2::<0xdd>(c, d));
    [
        _mm512_shuffle_i64x2::<0x88>(ab_even, cd_even),
        _mm512_shuffle_i64x2::<0x88>(ab_odd, cd_odd),
        _mm512_shuffle_i64x2::<0xdd>(ab_even, cd_even),
        _mm512_shuffle_i64x2::<0xdd>(ab_odd, cd_odd),
    ]
}

/// One entry for each lane, to be taken away where `negative` says so.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn addends(entries: [&Addend; 8], negative: __mmask8) -> Addends {
    let mut first = [_mm512_setzero_si512(); 8];
    let mut second = first;
    for ((first, second), entry) in first.iter_mut().zip(&mut second).zip(entries) {
        let lines = entry.lines();
        (*first, *second) = (load(&lines[0]), load(&lines[1]));
    }
    let [s0, s1, s2, s3, s4, p0, p1, p2] = transposed(first);
    let [d0, d1, d2, d3, d4, p3, p4, _] = transposed(second);
    let (plus, minus) = ([s0, s1, s2, s3, s4], [d0, d1, d2, d3, d4]);
    let (mut sum, mut difference) = (plus, minus);
    for at in 0..5 {
        sum[at] = _mm512_mask_blend_epi64(negative, plus[at], minus[at]);
        difference[at] = _mm512_mask_blend_epi64(negative, minus[at], plus[at]);
    }
    Addends {
        sum: Factor::from_limbs(sum),
        difference: Factor::from_limbs(difference),
        product: Factor::from_limbs([p0, p1, p2, p3, p4]),
        negative,
    }
}

/// Eight scalars, whose digits of `WIDTH` bits are read one after the other.
///
/// Half of `2^WIDTH` is added to each digit but the last beforehand, with carries; what is read less that half is a digit
/// from `−2^(WIDTH−1)` to `2^(WIDTH−1) − 1`. The last has room, because L takes less than its width.
pub(super) struct Digits<const WIDTH: usize> {
    words: [__m512i; 5],
}

impl<const WIDTH: usize> Digits<WIDTH> {
    const HALF: i64 = 1 << (WIDTH - 1);

    /// `Σ 2^(WIDTH−1) · 2^(WIDTH·row)` over all rows but the last.
    const HALVES: [u64; 4] = {
        let mut words = [0; 4];
        let mut row = 0;
        while row + 1 < Comb::<WIDTH>::ROWS {
            let bit = row * WIDTH + WIDTH - 1;
            words[bit / 64] |= 1 << (bit % 64);
            row += 1;
        }
        words
    };

    #[target_feature(enable = "avx512f")]
    pub(super) fn new(scalars: [&Scalar; 8]) -> Self {
        let mut words = [[0; 8]; 4];
        for (lane, scalar) in scalars.into_iter().enumerate() {
            let mut carry = false;
            for ((bytes, half), words) in scalar.as_bytes().as_chunks::<8>().0.iter().zip(Self::HALVES).zip(&mut words)
            {
                (words[lane], carry) = u64::from_le_bytes(*bytes).carrying_add(half, carry);
            }
        }
        let [a, b, c, d] = &words;
        Self { words: [load(a), load(b), load(c), load(d), _mm512_setzero_si512()] }
    }

    /// How many times the point of a row is wanted in each lane, and where it is to be taken away.
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    pub(super) fn of_row(&self, row: usize) -> (__m512i, __mmask8) {
        let bit = row * WIDTH;
        let shift = (bit % 64) as i64;
        let lower = _mm512_srl_epi64(self.words[bit / 64], _mm_set_epi64x(0, shift));
        // Nothing comes from above when the shift is 0: shifts of 64 leave 0.
        let upper = _mm512_sll_epi64(self.words[bit / 64 + 1], _mm_set_epi64x(0, 64 - shift));
        let bits = _mm512_and_si512(_mm512_or_si512(lower, upper), _mm512_set1_epi64(2 * Self::HALF - 1));
        let half = if row + 1 < Comb::<WIDTH>::ROWS { Self::HALF } else { 0 };
        let digits = _mm512_sub_epi64(bits, _mm512_set1_epi64(half));
        (_mm512_abs_epi64(digits), _mm512_movepi64_mask(digits))
    }
}

/// All multiples that a [`Comb`] of this width has, in its order. The rows go side by side, one in each lane.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn multiples<const WIDTH: usize>(point: &Point) -> Box<[Addend]> {
    let mut bases = Vec::with_capacity(Comb::<WIDTH>::ROWS);
    let mut base = *point;
    for _ in 0..Comb::<WIDTH>::ROWS {
        bases.push(base);
        for _ in 0..WIDTH {
            base = base.doubled();
        }
    }
    let mut points = Vec::with_capacity(bases.len().div_ceil(8) * Comb::<WIDTH>::PER_ROW);
    for rows in bases.chunks(8) {
        let base = Points::of_each(std::array::from_fn(|lane| rows.get(lane).unwrap_or(&rows[0])));
        let cached = base.cached();
        let mut multiple = base;
        points.push(multiple);
        for _ in 1..Comb::<WIDTH>::PER_ROW {
            multiple = multiple.plus_cached(&cached, 0);
            points.push(multiple);
        }
    }
    let mut multiples = vec![Addend::IDENTITY; Comb::<WIDTH>::ROWS * Comb::<WIDTH>::PER_ROW];
    for (at, (point, inverse)) in points.iter().zip(invert_all(&points)).enumerate() {
        let (rows, column) = (at / Comb::<WIDTH>::PER_ROW * 8, at % Comb::<WIDTH>::PER_ROW);
        let [first, second] = point.lines(&inverse);
        for (lane, (first, second)) in first.into_iter().zip(second).enumerate() {
            // In the last rows, some lanes are left over.
            if let Some(multiple) = multiples.get_mut((rows + lane) * Comb::<WIDTH>::PER_ROW + column) {
                *multiple = Addend::from_lines([store(first), store(second)]);
            }
        }
    }
    multiples.into()
}
