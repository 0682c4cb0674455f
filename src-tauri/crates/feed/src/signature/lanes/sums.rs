//! What R must be, for eight claims at once.

use super::super::cache::{AUTHOR_WIDTH, AuthorTable, BASE_WIDTH, BaseTable};
use super::super::check::Claim;
use super::super::comb::Comb;
use super::super::curve::Addend;
use super::machine::store;
use super::point::{Points, encode_all};
use super::table::{Digits, addends};

/// Groups of eight that are worked on together: their sums fit into the nearest cache with one row of a table.
const TOGETHER: usize = 8;

/// `S·B − k·A` of each claim, encoded. The tables hold multiples of −A; each lane has its own.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn commitments(base: &BaseTable, claims: &[(&Claim, &AuthorTable)]) -> Vec<[u8; 32]> {
    let mut points = Vec::with_capacity(claims.len().div_ceil(8));
    for claims in claims.chunks(8 * TOGETHER) {
        let mut responses = Vec::with_capacity(TOGETHER);
        let mut challenges = Vec::with_capacity(TOGETHER);
        for group in claims.chunks(8) {
            let lane = lanes(group);
            responses.push((Digits::new(lane.map(|(claim, _)| &claim.response)), [base; 8]));
            challenges.push((Digits::new(lane.map(|(claim, _)| &claim.challenge)), lane.map(|(_, table)| table)));
        }
        let mut sums = vec![Points::identity(); responses.len()];
        add_products::<BASE_WIDTH>(&mut sums, &responses);
        add_products::<AUTHOR_WIDTH>(&mut sums, &challenges);
        points.extend(sums);
    }
    let mut encoded = Vec::with_capacity(8 * points.len());
    for words in encode_all(&points) {
        let [a, b, c, d] = words.map(|words| store(words));
        for lane in 0..8 {
            let mut bytes = [0; 32];
            for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip([a[lane], b[lane], c[lane], d[lane]]) {
                *bytes = word.to_le_bytes();
            }
            encoded.push(bytes);
        }
    }
    encoded.truncate(claims.len());
    encoded
}

/// A group for each lane; the first fills the lanes that are left over.
fn lanes<T: Copy>(group: &[T]) -> [T; 8] {
    std::array::from_fn(|lane| *group.get(lane).unwrap_or(&group[0]))
}

/// Adds `scalar · P` to each sum, each lane with its own table. It goes row by row, as [`Comb::add_products`] does.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn add_products<const WIDTH: usize>(sums: &mut [Points], products: &[(Digits<WIDTH>, [&Comb<WIDTH>; 8])]) {
    for row in 0..Comb::<WIDTH>::ROWS {
        for (sum, (digits, tables)) in sums.iter_mut().zip(products) {
            let (times, negative) = digits.of_row(row);
            let mut entries = [&Addend::IDENTITY; 8];
            for ((entry, times), table) in entries.iter_mut().zip(times).zip(tables) {
                *entry = table.multiple(row, times as usize);
            }
            *sum = sum.plus(&addends(entries, negative));
        }
    }
}
