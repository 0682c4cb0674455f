//! Numbers modulo p = 2²⁵⁵ − 19. The arithmetic is that of fiat-crypto, generated from a proof of its correctness; here
//! are names for it, and powers.

use fiat_crypto::curve25519_64::{
    fiat_25519_add, fiat_25519_carry, fiat_25519_carry_mul, fiat_25519_carry_square, fiat_25519_from_bytes,
    fiat_25519_loose_field_element, fiat_25519_opp, fiat_25519_relax, fiat_25519_sub, fiat_25519_tight_field_element,
    fiat_25519_to_bytes,
};

/// A number that can be added to and subtracted from.
#[derive(Clone, Copy)]
pub(super) struct Field(fiat_25519_tight_field_element);

/// A sum or difference, or any number, ready to be multiplied.
#[derive(Clone, Copy)]
pub(super) struct Factor(fiat_25519_loose_field_element);

const ZERO: fiat_25519_tight_field_element = fiat_25519_tight_field_element([0; 5]);
const LOOSE_ZERO: fiat_25519_loose_field_element = fiat_25519_loose_field_element([0; 5]);

impl Factor {
    /// The number of these limbs, which are at most 2⁵¹.
    #[inline(always)]
    pub(super) fn from_limbs(limbs: [u64; 5]) -> Self {
        Self(fiat_25519_loose_field_element(limbs))
    }

    #[inline(always)]
    pub(super) fn times(&self, other: &Self) -> Field {
        let mut product = ZERO;
        fiat_25519_carry_mul(&mut product, &self.0, &other.0);
        Field(product)
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Field {
        let mut square = ZERO;
        fiat_25519_carry_square(&mut square, &self.0);
        Field(square)
    }

    /// The same number, reduced so far that it can be added to.
    #[inline(always)]
    pub(super) fn carry(&self) -> Field {
        let mut sum = ZERO;
        fiat_25519_carry(&mut sum, &self.0);
        Field(sum)
    }
}

impl Field {
    pub(super) const ZERO: Self = Self(ZERO);
    pub(super) const ONE: Self = Self(fiat_25519_tight_field_element([1, 0, 0, 0, 0]));

    /// The number that 32 little-endian bytes stand for; their highest bit is left out.
    pub(super) const fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut without_sign = *bytes;
        without_sign[31] &= 0x7f;
        let mut number = ZERO;
        fiat_25519_from_bytes(&mut number, &without_sign);
        Self(number)
    }

    /// The number of these limbs, which are at most 2⁵¹.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn from_limbs(limbs: [u64; 5]) -> Self {
        Self(fiat_25519_tight_field_element(limbs))
    }

    /// Digits to the base 2⁵¹, lowest first: each at most 2⁵¹, so that a number has several forms.
    pub(super) const fn limbs(&self) -> [u64; 5] {
        self.0.0
    }

    /// The number below p, little-endian.
    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        fiat_25519_to_bytes(&mut bytes, &self.0);
        bytes
    }

    /// Whether the number below p is odd, which points are encoded with as a sign.
    pub(super) fn is_odd(self) -> bool {
        self.to_bytes()[0] & 1 == 1
    }

    pub(super) fn is(self, other: Self) -> bool {
        self.to_bytes() == other.to_bytes()
    }

    #[inline(always)]
    pub(super) fn factor(&self) -> Factor {
        let mut factor = LOOSE_ZERO;
        fiat_25519_relax(&mut factor, &self.0);
        Factor(factor)
    }

    #[inline(always)]
    pub(super) fn plus(&self, other: &Self) -> Factor {
        let mut sum = LOOSE_ZERO;
        fiat_25519_add(&mut sum, &self.0, &other.0);
        Factor(sum)
    }

    #[inline(always)]
    pub(super) fn minus(&self, other: &Self) -> Factor {
        let mut difference = LOOSE_ZERO;
        fiat_25519_sub(&mut difference, &self.0, &other.0);
        Factor(difference)
    }

    pub(super) fn negated(&self) -> Self {
        let mut negated = LOOSE_ZERO;
        fiat_25519_opp(&mut negated, &self.0);
        Factor(negated).carry()
    }

    #[inline(always)]
    pub(super) fn times(&self, other: &Self) -> Self {
        self.factor().times(&other.factor())
    }

    pub(super) fn square(&self) -> Self {
        self.factor().square()
    }

    /// Squared so many times.
    fn squared(&self, times: usize) -> Self {
        (0..times).fold(*self, |number, _| number.square())
    }

    /// To the powers of 2²⁵⁰ − 1 and 11: the beginning of either power below.
    fn power_of_ones(&self) -> (Self, Self) {
        let two = self.square();
        let nine = two.squared(2).times(self);
        let eleven = nine.times(&two);
        let ones5 = eleven.square().times(&nine);
        let ones10 = ones5.squared(5).times(&ones5);
        let ones20 = ones10.squared(10).times(&ones10);
        let ones40 = ones20.squared(20).times(&ones20);
        let ones50 = ones40.squared(10).times(&ones10);
        let ones100 = ones50.squared(50).times(&ones50);
        let ones200 = ones100.squared(100).times(&ones100);
        (ones200.squared(50).times(&ones50), eleven)
    }

    /// To the power of p − 2: one divided by it, and 0 for 0.
    pub(super) fn inverted(&self) -> Self {
        let (ones, eleven) = self.power_of_ones();
        ones.squared(5).times(&eleven)
    }

    /// To the power of (p − 5) / 8, for square roots.
    pub(super) fn power_for_roots(&self) -> Self {
        self.power_of_ones().0.squared(2).times(self)
    }
}

/// One divided by each, for the price of one division and three products each (Montgomery). None may be 0.
pub(super) fn invert_all(numbers: impl DoubleEndedIterator<Item = Field> + Clone) -> Vec<Field> {
    let mut product = Field::ONE;
    let mut inverses: Vec<Field> = numbers
        .clone()
        .map(|number| {
            let before = product;
            product = product.times(&number);
            before
        })
        .collect();
    let mut inverse = product.inverted();
    for (number, before) in numbers.rev().zip(inverses.iter_mut().rev()) {
        *before = before.times(&inverse);
        inverse = inverse.times(&number);
    }
    inverses
}
