//! What R must be, for eight claims at once.

use core::arch::x86_64::{__mmask8, _mm512_cmpeq_epi64_mask, _mm512_set1_epi64};

use curve25519_dalek::Scalar;

use super::super::cache::{AUTHOR_WIDTH, AuthorTable, BASE_WIDTH, BaseTable};
use super::super::check::Claim;
use super::super::comb::Comb;
use super::super::curve::{Addend, Point};
use super::machine::{prefetch, store};
use super::point::{Cached, Points, encode_all};
use super::table::{Digits, addends};

/// Groups of eight that are worked on together: their sums fit into the nearest cache with one row of a table.
const TOGETHER: usize = 4;

/// `S·B − k·A` of each claim, encoded. The tables hold multiples of −A; each lane has its own.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn commitments(base: &BaseTable, claims: &[(&Claim, &AuthorTable)]) -> Vec<[u8; 32]> {
    let mut points = Vec::with_capacity(claims.len().div_ceil(8));
    for claims in claims.chunks(8 * TOGETHER) {
        let mut responses: Vec<Product<'_, BASE_WIDTH>> = Vec::with_capacity(TOGETHER);
        let mut challenges: Vec<Product<'_, AUTHOR_WIDTH>> = Vec::with_capacity(TOGETHER);
        for group in claims.chunks(8) {
            let lane = lanes(group);
            responses.push(Product::new(lane.map(|(claim, _)| &claim.response), [base; 8]));
            challenges.push(Product::new(lane.map(|(claim, _)| &claim.challenge), lane.map(|(_, table)| table)));
        }
        let mut sums = vec![Points::identity(); responses.len()];
        add_products(&mut sums, &mut responses);
        add_products(&mut sums, &mut challenges);
        points.extend(sums);
    }
    encodings(&points, claims.len())
}

/// `S·B − k·A` of each claim, encoded, by −A alone: 64 digits of k from the top, with four doublings between them.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn commitments_of_strangers(base: &BaseTable, claims: &[(&Claim, &Point)]) -> Vec<[u8; 32]> {
    let mut points = Vec::with_capacity(claims.len().div_ceil(8));
    for claims in claims.chunks(8 * TOGETHER) {
        let mut responses: Vec<Product<'_, BASE_WIDTH>> = Vec::with_capacity(TOGETHER);
        let mut sums = Vec::with_capacity(TOGETHER);
        for group in claims.chunks(8) {
            let lane = lanes(group);
            responses.push(Product::new(lane.map(|(claim, _)| &claim.response), [base; 8]));
            sums.push(product(&Points::of_each(lane.map(|(_, key)| key)), lane.map(|(claim, _)| &claim.challenge)));
        }
        add_products(&mut sums, &mut responses);
        points.extend(sums);
    }
    encodings(&points, claims.len())
}

/// Digits of the scalar for points that are used once.
const WINDOW: usize = 4;

/// `scalar · P` in each lane.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn product(points: &Points, scalars: [&Scalar; 8]) -> Points {
    let mut multiples = [points.cached(); 1 << (WINDOW - 1)];
    let mut multiple = *points;
    for next in &mut multiples[1..] {
        multiple = multiple.plus_cached(next, 0);
        *next = multiple.cached();
    }
    let digits: Digits<WINDOW> = Digits::new(scalars);
    let mut sum = Points::identity();
    for row in (0..Comb::<WINDOW>::ROWS).rev() {
        for _ in 0..WINDOW {
            sum = sum.doubled();
        }
        let (times, negative) = digits.of_row(row);
        let mut chosen = Cached::identity();
        for (multiple, at) in multiples.iter().zip(1..) {
            chosen = chosen.or_where(_mm512_cmpeq_epi64_mask(times, _mm512_set1_epi64(at)), multiple);
        }
        sum = sum.plus_cached(&chosen.turned_where(negative), negative);
    }
    sum
}

/// The first `count` encodings.
#[target_feature(enable = "avx512f,avx512ifma")]
fn encodings(points: &[Points], count: usize) -> Vec<[u8; 32]> {
    let mut encoded = Vec::with_capacity(8 * points.len());
    for words in encode_all(points) {
        let [a, b, c, d] = words.map(|words| store(words));
        for lane in 0..8 {
            let mut bytes = [0; 32];
            for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip([a[lane], b[lane], c[lane], d[lane]]) {
                *bytes = word.to_le_bytes();
            }
            encoded.push(bytes);
        }
    }
    encoded.truncate(count);
    encoded
}

/// A group for each lane; the first fills the lanes that are left over.
fn lanes<T: Copy>(group: &[T]) -> [T; 8] {
    std::array::from_fn(|lane| *group.get(lane).unwrap_or(&group[0]))
}

/// Eight products of a scalar and the point of a table.
struct Product<'a, const WIDTH: usize> {
    digits: Digits<WIDTH>,
    tables: [&'a Comb<WIDTH>; 8],
    /// What is to be added next, and whether it is rather to be taken away.
    next: [&'a Addend; 8],
    negative: __mmask8,
}

impl<'a, const WIDTH: usize> Product<'a, WIDTH> {
    #[target_feature(enable = "avx512f,avx512dq")]
    fn new(scalars: [&Scalar; 8], tables: [&'a Comb<WIDTH>; 8]) -> Self {
        let mut product = Self { digits: Digits::new(scalars), tables, next: [&Addend::IDENTITY; 8], negative: 0 };
        product.look_up(0);
        product
    }

    /// Finds out what comes from a row, and has it brought near: a table fits into the second nearest cache only.
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn look_up(&mut self, row: usize) {
        let (times, negative) = self.digits.of_row(row);
        let times = store(times);
        for ((next, times), table) in self.next.iter_mut().zip(times).zip(self.tables) {
            *next = table.multiple(row, times as usize);
            prefetch(next);
        }
        self.negative = negative;
    }
}

/// Adds each product to its sum. It goes row by row, as [`Comb::add_products`] does.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn add_products<const WIDTH: usize>(sums: &mut [Points], products: &mut [Product<'_, WIDTH>]) {
    for row in 0..Comb::<WIDTH>::ROWS {
        for (sum, product) in sums.iter_mut().zip(&mut *products) {
            let addends = addends(product.next, product.negative);
            if row + 1 < Comb::<WIDTH>::ROWS {
                product.look_up(row + 1);
            }
            *sum = sum.plus(&addends);
        }
    }
}
