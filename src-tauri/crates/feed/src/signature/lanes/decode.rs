//! Points out of their encodings, eight at once.

use core::arch::x86_64::{__m512i, __mmask8, _mm512_set1_epi64, _mm512_test_epi64_mask};

use super::super::curve::{D, Point, ROOT_OF_MINUS_ONE};
use super::super::field::Field;
use super::field::Factor;
use super::machine::{load, store};

/// −P of each encoding of a point P, as [`Point::decode`] reads it; `None` when there is no point with that y.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn negated_points(encoded: &[[u8; 32]]) -> Vec<Option<Point>> {
    let mut points = Vec::with_capacity(encoded.len());
    for group in encoded.chunks(8) {
        points.extend(negated(group));
    }
    points.truncate(encoded.len());
    points
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn negated(encoded: &[[u8; 32]]) -> [Option<Point>; 8] {
    let mut words = [[0; 8]; 4];
    for (lane, encoded) in encoded.iter().enumerate().take(8) {
        for (words, bytes) in words.iter_mut().zip(encoded.as_chunks::<8>().0) {
            words[lane] = u64::from_le_bytes(*bytes);
        }
    }
    let [a, b, c, d] = &words;
    let words = [load(a), load(b), load(c), load(d)];
    let sign = _mm512_test_epi64_mask(words[3], _mm512_set1_epi64(i64::MIN));
    let y = Factor::of_words(words);
    let one = Factor::small(1);
    let square = y.square();
    let above = square.minus(&one.sum()).reduced();
    let below = square.reduced().times(&Factor::of_all(&D)).plus(&one.sum()).reduced();
    let cube = below.square().reduced().times(&below).reduced();
    let numerator = above.times(&cube).reduced();
    let power = numerator.times(&cube.times(&below).reduced()).reduced().power_for_roots();
    let x = numerator.times(&power).reduced();
    let check = below.times(&x.square().reduced()).reduced();
    let zero = Factor::small(0).sum();
    let opposite = check.is(&zero.minus(&above.sum()).reduced());
    let found = check.is(&above) | opposite;
    let x = x.or_where(opposite, &x.times(&Factor::of_all(&ROOT_OF_MINUS_ONE)).reduced());
    let odd = _mm512_test_epi64_mask(x.canonical()[0], _mm512_set1_epi64(1));
    // x is to be odd where the sign says so, and that of the negated point the other way round.
    let x = x.or_where(!(odd ^ sign), &zero.minus(&x.sum()).reduced());
    points(&x, &y, &x.times(&y).reduced(), found)
}

/// The points of each lane with Z = 1, where the mask has a bit.
#[target_feature(enable = "avx512f,avx512ifma")]
fn points(x: &Factor, y: &Factor, t: &Factor, found: __mmask8) -> [Option<Point>; 8] {
    let stored = |number: &Factor| number.canonical().map(|limb: __m512i| store(limb));
    let (x, y, t) = (stored(x), stored(y), stored(t));
    std::array::from_fn(|lane| {
        let of = |limbs: &[[u64; 8]; 5]| Field::from_limbs(limbs.map(|limb| limb[lane]));
        (found >> lane & 1 == 1).then(|| Point { x: of(&x), y: of(&y), z: Field::ONE, t: of(&t) })
    })
}
