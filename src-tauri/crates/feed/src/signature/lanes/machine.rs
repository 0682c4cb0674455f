//! The one place with unsafe code: it asks the processor for its instructions, and calls what is made of them.
//!
//! Everything behind it is safe code. Functions with `#[target_feature]` are safe to call from each other; whoever has no
//! such attribute may call them only when the processor is known to have the instructions. [`Lanes`] is that knowledge:
//! there is no other way to one than [`Lanes::detect`].

#![allow(unsafe_code)]

use core::arch::x86_64::{__m512i, _MM_HINT_T0, _mm_prefetch, _mm512_loadu_si512, _mm512_storeu_si512};

use super::super::cache::{AuthorTable, BaseTable};
use super::super::check::Claim;
use super::super::curve::{Addend, Point};
use super::{decode, hash, sums, table};

/// The processor has AVX-512 F, DQ, BW and IFMA.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Lanes(());

impl Lanes {
    /// `None` when this processor has not all the instructions.
    pub(in super::super) fn detect() -> Option<Self> {
        let all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512ifma");
        all.then_some(Self(()))
    }

    /// The multiples of a table; see [`table::multiples`].
    pub(in super::super) fn multiples<const WIDTH: usize>(self, point: &Point) -> Box<[Addend]> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { table::multiples::<WIDTH>(point) }
    }

    /// `S·B − k·A` of each claim, encoded; see [`sums::commitments`].
    pub(in super::super) fn commitments(self, base: &BaseTable, claims: &[(&Claim, &AuthorTable)]) -> Vec<[u8; 32]> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { sums::commitments(base, claims) }
    }

    /// `S·B − k·A` of each claim, encoded; see [`sums::commitments_of_strangers`].
    pub(in super::super) fn commitments_of_strangers(
        self,
        base: &BaseTable,
        claims: &[(&Claim, &Point)],
    ) -> Vec<[u8; 32]> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { sums::commitments_of_strangers(base, claims) }
    }

    /// −P of each encoding; see [`decode::negated_points`].
    pub(in super::super) fn negated_points(self, encoded: &[[u8; 32]]) -> Vec<Option<Point>> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { decode::negated_points(encoded) }
    }

    /// SHA-512 of each text; see [`hash::digests`].
    pub(in super::super) fn digests(self, texts: &[&[u8]]) -> Vec<[u8; 64]> {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { hash::digests(texts) }
    }

    /// Runs a test.
    #[cfg(test)]
    pub(super) fn run(self, test: unsafe fn()) {
        // SAFETY: all that the tests ask for is the instructions, and `self` proves that the processor has them.
        unsafe { test() }
    }
}

/// Asks for an addend to be brought into the nearest cache.
#[inline]
pub(super) fn prefetch(addend: &Addend) {
    for line in addend.lines() {
        // SAFETY: every x86-64 processor has the instruction, and it does nothing that could be told but by the clock.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Eight words as a vector.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load(words: &[u64; 8]) -> __m512i {
    // SAFETY: the 64 bytes are readable, and need no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// 64 bytes as a vector.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_bytes(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the 64 bytes are readable, and need no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// A vector as eight words.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store(vector: __m512i) -> [u64; 8] {
    let mut words = [0; 8];
    // SAFETY: the 64 bytes are writable, and need no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) };
    words
}
