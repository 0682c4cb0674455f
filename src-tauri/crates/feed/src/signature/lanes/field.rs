//! Eight numbers modulo p = 2²⁵⁵ − 19 at once, in variable time.
//!
//! A number is `Σ limb[i] · 2^(51·i)`, and a vector holds one limb of all eight. The processor multiplies 52 bits by 52
//! (`vpmadd52`) and adds the lower or the upper 52 of the product to a sum of 64 bits. Bounds on limbs are carried by two
//! types, so that nothing overflows and no reduction is more than it has to be:
//!
//! - a [`Factor`] has limbs below 2⁵¹ + 2¹⁶, which are below the 2⁵² that can be multiplied;
//! - a [`Sum`] has limbs below 2⁶², from products (below 2⁵⁹) by the few additions that each method names.

use core::arch::x86_64::{
    __m512i, __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_mov_epi64, _mm512_mask_sub_epi64, _mm512_or_si512, _mm512_rol_epi64,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
};

use super::super::field::Field;
use super::machine::load;

/// Numbers that are ready to be multiplied: limbs below 2⁵¹ + 2¹⁶.
#[derive(Clone, Copy)]
pub(super) struct Factor([__m512i; 5]);

/// Products, and sums and differences of them: limbs below 2⁶².
#[derive(Clone, Copy)]
pub(super) struct Sum([__m512i; 5]);

/// 2⁵¹ − 1.
const LIMB: i64 = (1 << 51) - 1;
/// The limbs of p.
const P: [i64; 5] = [LIMB - 18, LIMB, LIMB, LIMB, LIMB];

impl Factor {
    /// Limbs by their vectors. They must be below 2⁵¹ + 2¹⁶.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn from_limbs(limbs: [__m512i; 5]) -> Self {
        Self(limbs)
    }

    /// The same number in each lane.
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_all(number: &Field) -> Self {
        Self(number.limbs().map(|limb| _mm512_set1_epi64(limb.cast_signed())))
    }

    /// A number for each lane.
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_each(numbers: [&Field; 8]) -> Self {
        let limbs = numbers.map(|number| number.limbs());
        Self(std::array::from_fn(|at| load(&limbs.map(|limbs| limbs[at]))))
    }

    /// The numbers of four words each, lowest first; their highest bits are left out.
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_words([a, b, c, d]: [__m512i; 4]) -> Self {
        let limbs = [
            a,
            _mm512_or_si512(_mm512_srli_epi64::<51>(a), _mm512_slli_epi64::<13>(b)),
            _mm512_or_si512(_mm512_srli_epi64::<38>(b), _mm512_slli_epi64::<26>(c)),
            _mm512_or_si512(_mm512_srli_epi64::<25>(c), _mm512_slli_epi64::<39>(d)),
            _mm512_srli_epi64::<12>(d),
        ];
        Self(limbs.map(|limb| _mm512_and_si512(limb, _mm512_set1_epi64(LIMB))))
    }

    /// The same small number in each lane.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn small(number: u32) -> Self {
        let zero = _mm512_setzero_si512();
        Self([_mm512_set1_epi64(number.into()), zero, zero, zero, zero])
    }

    /// The limbs as they are.
    #[cfg(test)]
    pub(super) fn limbs(&self) -> [__m512i; 5] {
        self.0
    }

    /// The limbs as a sum.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn sum(&self) -> Sum {
        Sum(self.0)
    }

    /// Limbs of the product are below 2⁵⁹: see [`fold`].
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn times(&self, other: &Self) -> Sum {
        let mut places = [_mm512_setzero_si512(); 10];
        for (i, one) in self.0.iter().enumerate() {
            for (j, other) in other.0.iter().enumerate() {
                places[i + j + 1] = _mm512_madd52hi_epu64(places[i + j + 1], *one, *other);
            }
        }
        for place in &mut places {
            *place = _mm512_add_epi64(*place, *place);
        }
        for (i, one) in self.0.iter().enumerate() {
            for (j, other) in other.0.iter().enumerate() {
                places[i + j] = _mm512_madd52lo_epu64(places[i + j], *one, *other);
            }
        }
        fold(&places)
    }

    /// As [`Self::times`] with itself.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn square(&self) -> Sum {
        let mut places = [_mm512_setzero_si512(); 10];
        for i in 0..5 {
            for j in i + 1..5 {
                places[i + j + 1] = _mm512_madd52hi_epu64(places[i + j + 1], self.0[i], self.0[j]);
            }
        }
        for place in &mut places {
            *place = _mm512_add_epi64(*place, *place);
        }
        for i in 0..5 {
            places[2 * i + 1] = _mm512_madd52hi_epu64(places[2 * i + 1], self.0[i], self.0[i]);
            for j in i + 1..5 {
                places[i + j] = _mm512_madd52lo_epu64(places[i + j], self.0[i], self.0[j]);
            }
        }
        for place in &mut places {
            *place = _mm512_add_epi64(*place, *place);
        }
        for i in 0..5 {
            places[2 * i] = _mm512_madd52lo_epu64(places[2 * i], self.0[i], self.0[i]);
        }
        fold(&places)
    }

    /// Squared so many times.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn squared(&self, times: usize) -> Self {
        let mut number = *self;
        for _ in 0..times {
            number = number.square().reduced();
        }
        number
    }

    /// To the powers of 2²⁵⁰ − 1 and 11.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn power_of_ones(&self) -> (Self, Self) {
        let two = self.squared(1);
        let nine = two.squared(2).times(self).reduced();
        let eleven = nine.times(&two).reduced();
        let ones5 = eleven.squared(1).times(&nine).reduced();
        let ones10 = ones5.squared(5).times(&ones5).reduced();
        let ones20 = ones10.squared(10).times(&ones10).reduced();
        let ones40 = ones20.squared(20).times(&ones20).reduced();
        let ones50 = ones40.squared(10).times(&ones10).reduced();
        let ones100 = ones50.squared(50).times(&ones50).reduced();
        let ones200 = ones100.squared(100).times(&ones100).reduced();
        (ones200.squared(50).times(&ones50).reduced(), eleven)
    }

    /// To the power of p − 2: one divided by it, and 0 for 0.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn inverted(&self) -> Self {
        let (ones, eleven) = self.power_of_ones();
        ones.squared(5).times(&eleven).reduced()
    }

    /// To the power of (p − 5) / 8, for square roots.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn power_for_roots(&self) -> Self {
        self.power_of_ones().0.squared(2).times(self).reduced()
    }

    /// `self` where the mask has no bit, else `other`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn or_where(&self, mask: __mmask8, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = _mm512_mask_mov_epi64(*limb, mask, *other);
        }
        Self(limbs)
    }

    /// The lanes in which both are the same number.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn is(&self, other: &Self) -> __mmask8 {
        let mut same = !0;
        for (one, other) in self.canonical().into_iter().zip(other.canonical()) {
            same &= _mm512_cmpeq_epi64_mask(one, other);
        }
        same
    }

    /// The numbers below p, in limbs below 2⁵¹.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn canonical(&self) -> [__m512i; 5] {
        // The limbs stand for less than 2p, so that p is to be taken away once or not at all: once when 19 more make 2²⁵⁵.
        let nineteen = _mm512_set1_epi64(19);
        let mut carry = nineteen;
        for limb in self.0 {
            carry = _mm512_srli_epi64::<51>(_mm512_add_epi64(limb, carry));
        }
        // Taking p away is adding 19 and dropping bit 255.
        let mut limbs = self.0;
        carry = _mm512_madd52lo_epu64(_mm512_setzero_si512(), carry, nineteen);
        for limb in &mut limbs {
            let sum = _mm512_add_epi64(*limb, carry);
            carry = _mm512_srli_epi64::<51>(sum);
            *limb = _mm512_and_si512(sum, _mm512_set1_epi64(LIMB));
        }
        limbs
    }

    /// The numbers below p, in four words of 64 bits, lowest first.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn words(&self) -> [__m512i; 4] {
        let [a, b, c, d, e] = self.canonical();
        [
            _mm512_or_si512(a, _mm512_slli_epi64::<51>(b)),
            _mm512_or_si512(_mm512_srli_epi64::<13>(b), _mm512_slli_epi64::<38>(c)),
            _mm512_or_si512(_mm512_srli_epi64::<26>(c), _mm512_slli_epi64::<25>(d)),
            _mm512_or_si512(_mm512_srli_epi64::<39>(d), _mm512_slli_epi64::<12>(e)),
        ]
    }
}

/// The product by the sums of its halves at each place.
///
/// The lower half of `limb[i] · limb[j]` stands at place `i + j`, and the upper, which counts 2⁵² there, twice at the next.
/// Factors are below 2⁵¹ + 2¹⁶, so lower halves are below 2⁵² and twice an upper half below 2⁵¹ + 2¹⁹. Places from 5 on
/// stand for 19 times as much five places lower (2²⁵⁵ = 19 modulo p). Most comes together at place 0: one lower half, and
/// 19 times the 4 lower and 5 upper halves of place 5, which are less than 6.51 · 2⁵²; in all less than 125 · 2⁵² < 2⁵⁹.
#[target_feature(enable = "avx512f")]
#[inline]
fn fold(places: &[__m512i; 10]) -> Sum {
    let (lower, upper) = places.split_at(5);
    let mut limbs = [_mm512_setzero_si512(); 5];
    for ((limb, lower), upper) in limbs.iter_mut().zip(lower).zip(upper) {
        // 19 = 16 + 2 + 1. The bits that are rotated out are 0; of shifts the compiler would make products of 64 bits,
        // which take longer.
        let eighteen = _mm512_add_epi64(_mm512_rol_epi64::<4>(*upper), _mm512_rol_epi64::<1>(*upper));
        *limb = _mm512_add_epi64(_mm512_add_epi64(*lower, *upper), eighteen);
    }
    Sum(limbs)
}

impl Sum {
    /// The limbs as they are.
    #[cfg(test)]
    pub(super) fn limbs(&self) -> [__m512i; 5] {
        self.0
    }

    /// Of two products: limbs below 2⁶⁰. Of a product and a negated one: below 2⁶¹. Of one more product or a difference:
    /// below 2⁶².
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = _mm512_add_epi64(*limb, *other);
        }
        Self(limbs)
    }

    /// `other` is a product and `self` one too, or the sum of two. As `self + 2⁹·p − other`: limbs of 2⁹·p, almost 2⁶⁰,
    /// are above those of products, and the limbs of the difference below 2⁶¹.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.minus_with::<9>(other)
    }

    /// As [`Self::minus`] for a product `self`, where `other` may be a negated product or the sum of two. As
    /// `self + 2¹⁰·p − other`: limbs below 2⁶².
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn minus_negated(&self, other: &Self) -> Self {
        self.minus_with::<10>(other)
    }

    /// `self + 2^SHIFT · p − other`. Limbs of `other` must be below 2^(50 + SHIFT).
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn minus_with<const SHIFT: u32>(&self, other: &Self) -> Self {
        let mut limbs = self.0;
        for ((limb, other), p) in limbs.iter_mut().zip(&other.0).zip(P) {
            *limb = _mm512_sub_epi64(_mm512_add_epi64(*limb, _mm512_set1_epi64(p << SHIFT)), *other);
        }
        Self(limbs)
    }

    /// A product, negated where the mask says so, as `2⁹·p − self`: limbs below 2⁶⁰.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn negated_where(&self, mask: __mmask8) -> Self {
        let mut limbs = self.0;
        for (limb, p) in limbs.iter_mut().zip(P) {
            *limb = _mm512_mask_sub_epi64(*limb, mask, _mm512_set1_epi64(p << 9), *limb);
        }
        Self(limbs)
    }

    /// The same numbers with limbs below 2⁵¹ + 2¹⁶: each limb passes what is above its 51 bits, less than 2¹¹, on to the
    /// next, and the last 19 times as much to the first.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn reduced(&self) -> Factor {
        let [a, b, c, d, e] = self.0;
        let mask = _mm512_set1_epi64(LIMB);
        Factor([
            _mm512_madd52lo_epu64(_mm512_and_si512(a, mask), _mm512_srli_epi64::<51>(e), _mm512_set1_epi64(19)),
            _mm512_add_epi64(_mm512_and_si512(b, mask), _mm512_srli_epi64::<51>(a)),
            _mm512_add_epi64(_mm512_and_si512(c, mask), _mm512_srli_epi64::<51>(b)),
            _mm512_add_epi64(_mm512_and_si512(d, mask), _mm512_srli_epi64::<51>(c)),
            _mm512_add_epi64(_mm512_and_si512(e, mask), _mm512_srli_epi64::<51>(d)),
        ])
    }
}
