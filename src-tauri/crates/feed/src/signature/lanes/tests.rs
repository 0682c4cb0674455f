//! Lanes against the scalar modules, the libraries, and their own bounds.

use curve25519_dalek::Scalar;
use curve25519_dalek::edwards::EdwardsPoint;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use sha2::{Digest, Sha512};

use super::super::cache::{AUTHOR_WIDTH, AuthorTable, BASE, BaseTable};
use super::super::check::Claim;
use super::super::comb::Comb;
use super::super::curve::{self, Addend, Point};
use super::super::field::{self, Field};
use super::super::sums_one_by_one;
use super::Lanes;
use super::decode::negated_points;
use super::field::{Factor, Sum};
use super::hash::digests;
use super::machine::{load, store};
use super::point::{Points, encode_all};
use super::sums::{commitments, commitments_of_strangers};
use super::table::{addends, multiples};

/// Limbs of factors are below this, those of products below the other.
const FACTOR: u64 = (1 << 51) + (1 << 16);
const PRODUCT: u64 = 1 << 59;

/// Does nothing on processors that have no lanes: there is nothing to be tested then.
fn in_lanes(test: unsafe fn()) {
    match Lanes::detect() {
        Some(lanes) => lanes.run(test),
        None => println!("skipped: this processor has no AVX-512 IFMA"),
    }
}

type Limbs = [u64; 5];

/// A number as its limbs are allowed to be, extremes above all.
fn limbs() -> impl Strategy<Value = Limbs> {
    let one = 1_u64 << 51;
    let extremes = vec![0, 1, 18, 19, 20, 37, 38, one - 20, one - 19, one - 18, one - 2, one - 1, one, FACTOR - 1];
    let limb = prop_oneof![select(extremes), 0..FACTOR];
    // 0, p − 1, p, p + 1, 2²⁵⁵ − 1, and as much as there can be.
    let numbers = vec![
        [0; 5],
        [one - 20, one - 1, one - 1, one - 1, one - 1],
        [one - 19, one - 1, one - 1, one - 1, one - 1],
        [one - 18, one - 1, one - 1, one - 1, one - 1],
        [one - 1; 5],
        [one; 5],
        [FACTOR - 1; 5],
    ];
    prop_oneof![1 => select(numbers), 4 => proptest::array::uniform5(limb)]
}

fn eight(numbers: impl Strategy<Value = Limbs>) -> impl Strategy<Value = [Limbs; 8]> {
    proptest::array::uniform(numbers)
}

#[target_feature(enable = "avx512f")]
fn factor(numbers: &[Limbs; 8]) -> Factor {
    Factor::from_limbs(std::array::from_fn(|at| load(&numbers.map(|limbs| limbs[at]))))
}

/// What each lane of a factor stands for; its limbs are within their bound.
#[target_feature(enable = "avx512f,avx512ifma")]
fn values(factor: &Factor) -> [[u8; 32]; 8] {
    let limbs = factor.limbs().map(|limb| store(limb));
    let canonical = factor.canonical().map(|limb| store(limb));
    let words = factor.words().map(|word| store(word));
    std::array::from_fn(|lane| {
        let limbs = limbs.map(|limb| limb[lane]);
        assert!(limbs.iter().all(|limb| *limb < FACTOR), "{limbs:x?}");
        let bytes = scalar(&limbs).to_bytes();
        assert_eq!(canonical.map(|limb| limb[lane]), Field::from_bytes(&bytes).limbs(), "the canonical limbs");
        assert_eq!(words.map(|word| word[lane].to_le_bytes()).as_flattened(), bytes, "the words");
        bytes
    })
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn sums(sum: &Sum, bound: u64) -> [[u8; 32]; 8] {
    for limb in sum.limbs() {
        assert!(store(limb).iter().all(|limb| *limb < bound), "{:x?}", store(limb));
    }
    values(&sum.reduced())
}

/// A number for the scalar field, which takes limbs that are a little larger than its own.
fn scalar(limbs: &Limbs) -> Field {
    field::Factor::from_limbs(*limbs).carry()
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn field_like_the_scalar_one() {
    let check = |(a, b, mask): ([Limbs; 8], [Limbs; 8], u8)| {
        let (x, y) = (factor(&a), factor(&b));
        let expected = |of: fn(Field, Field) -> Field| -> [[u8; 32]; 8] {
            std::array::from_fn(|lane| of(scalar(&a[lane]), scalar(&b[lane])).to_bytes())
        };
        let (product, square) = (x.times(&y), x.square());
        assert_eq!(values(&x), expected(|a, _| a));
        assert_eq!(sums(&product, PRODUCT), expected(|a, b| a.times(&b)));
        assert_eq!(sums(&square, PRODUCT), expected(|a, _| a.square()));
        let sum = product.plus(&square);
        assert_eq!(sums(&sum, 2 * PRODUCT), expected(|a, b| a.times(&b).plus(&a.square()).carry()));
        let difference = product.minus(&square);
        assert_eq!(sums(&difference, 4 * PRODUCT), expected(|a, b| a.times(&b).minus(&a.square()).carry()));
        let less_sum = product.minus_negated(&sum);
        let minus_square = |a: Field, _: Field| a.square().negated();
        assert_eq!(sums(&less_sum, 8 * PRODUCT), expected(minus_square));
        let negated = sums(&square.negated_where(mask), 2 * PRODUCT);
        let mixed = x.or_where(mask, &y);
        let (plain, opposite, others) = (expected(|a, _| a.square()), expected(minus_square), expected(|_, b| b));
        for lane in 0..8 {
            let chosen = mask >> lane & 1 == 1;
            assert_eq!(negated[lane], if chosen { opposite[lane] } else { plain[lane] });
            assert_eq!(values(&mixed)[lane], if chosen { others[lane] } else { values(&x)[lane] });
            assert_eq!(x.is(&y) >> lane & 1 == 1, values(&x)[lane] == others[lane]);
        }
        assert_eq!(x.is(&factor(&values(&x).map(|bytes| Field::from_bytes(&bytes).limbs()))), !0);
        assert_eq!(values(&Factor::of_words(words(&values(&x)))), values(&x));
        Ok(())
    };
    TestRunner::default().run(&(eight(limbs()), eight(limbs()), any::<u8>()), check).unwrap();
}

#[target_feature(enable = "avx512f")]
fn words(bytes: &[[u8; 32]; 8]) -> [core::arch::x86_64::__m512i; 4] {
    std::array::from_fn(|at| load(&bytes.map(|bytes| u64::from_le_bytes(bytes.as_chunks::<8>().0[at]))))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn powers_like_the_scalar_ones() {
    let check = |numbers: [Limbs; 8]| {
        let x = factor(&numbers);
        assert_eq!(values(&x.inverted()), numbers.map(|limbs| scalar(&limbs).inverted().to_bytes()));
        assert_eq!(values(&x.power_for_roots()), numbers.map(|limbs| scalar(&limbs).power_for_roots().to_bytes()));
        Ok(())
    };
    TestRunner::new(ProptestConfig::with_cases(30)).run(&eight(limbs()), check).unwrap();
}

#[test]
fn numbers_are_worked_with_as_in_the_scalar_field_and_stay_within_their_bounds() {
    in_lanes(field_like_the_scalar_one);
    in_lanes(powers_like_the_scalar_ones);
}

/// Points of every kind, and how the scalar modules have them.
fn points() -> Vec<(EdwardsPoint, Point)> {
    curve::tests::points().into_iter().map(|point| (point, curve::tests::ours(&point))).collect()
}

/// Pairs for eight lanes: what stands in each lane changes from call to call.
fn in_eights<T: Clone>(all: &[T]) -> impl Iterator<Item = [T; 8]> {
    (0..all.len()).map(|first| std::array::from_fn(|lane| all[(first + lane * lane) % all.len()].clone()))
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn encoded(points: &Points) -> [[u8; 32]; 8] {
    let words = encode_all(&[*points])[0].map(|words| store(words));
    std::array::from_fn(|lane| {
        words.map(|words| words[lane].to_le_bytes()).as_flattened().try_into().expect("four words")
    })
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sums_like_the_librarys() {
    let all = points();
    let entries = curve::addends(&all.iter().map(|(_, point)| *point).collect::<Vec<_>>());
    let with_entries: Vec<_> = all.iter().zip(&entries).collect();
    let theirs = |points: [EdwardsPoint; 8]| points.map(|point| point.compress().to_bytes());
    for left in in_eights(&all) {
        let one = Points::of_each(left.each_ref().map(|(_, point)| point));
        assert_eq!(encoded(&one), theirs(left.map(|(point, _)| point)));
        assert_eq!(encoded(&one.doubled()), theirs(left.map(|(point, _)| point + point)));
        for (shift, right) in in_eights(&with_entries).enumerate() {
            let negative = 0x5a_u8.rotate_left(shift as u32);
            let sum = |lane: usize| {
                let (one, other) = (left[lane].0, right[lane].0.0);
                if negative >> lane & 1 == 1 { one - other } else { one + other }
            };
            let expected = theirs(std::array::from_fn(sum));
            assert_eq!(encoded(&one.plus(&addends(right.map(|(_, entry)| entry), negative))), expected);
            let cached = Points::of_each(right.map(|((_, point), _)| point)).cached();
            assert_eq!(encoded(&one.plus_cached(&cached.turned_where(negative), negative)), expected);
            // Both with any Z.
            let twice = encoded(&one.doubled().plus_cached(&one.doubled().cached(), 0));
            assert_eq!(twice, theirs(left.map(|(point, _)| point + point + point + point)));
        }
        let identity = addends([&Addend::IDENTITY; 8], 0x0f);
        assert_eq!(encoded(&one.plus(&identity)), encoded(&one));
    }
}

#[test]
fn points_of_every_kind_are_added_and_doubled_as_by_the_library() {
    in_lanes(sums_like_the_librarys);
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn tables_like_the_scalar_ones() {
    fn same<const WIDTH: usize>(ours: &[Addend], point: &Point) {
        let theirs = Comb::<WIDTH>::new(point, None);
        assert_eq!(ours.len(), Comb::<WIDTH>::ROWS * Comb::<WIDTH>::PER_ROW);
        for (at, entry) in ours.iter().enumerate() {
            let other = theirs.multiple(at / Comb::<WIDTH>::PER_ROW, at % Comb::<WIDTH>::PER_ROW + 1);
            assert_eq!(entry.values(), other.values(), "entry {at}");
            assert!(entry.lines().as_flattened().iter().all(|limb| *limb <= 1 << 51));
        }
    }
    for (_, point) in points().iter().step_by(5) {
        same::<AUTHOR_WIDTH>(&multiples::<AUTHOR_WIDTH>(point), point);
        same::<9>(&multiples::<9>(point), point);
    }
}

#[test]
fn tables_are_the_same_as_without_lanes() {
    in_lanes(tables_like_the_scalar_ones);
}

/// Scalars below L: extremes, those whose digits are all at a limit, and any.
fn scalars() -> impl Strategy<Value = Scalar> {
    let repeated = |byte: u8| Scalar::from_bytes_mod_order([byte; 32]);
    let mut some = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, -Scalar::from(2_u8), Scalar::from(8_u8)];
    some.extend([0x11, 0x77, 0x80, 0x82, 0x88, 0xfe, 0xff].map(repeated));
    // Half of each digit of every width in use, one less and one more.
    for width in [4, 6, 9] {
        let halves = (0..252 / width).fold(Scalar::ZERO, |sum, row| {
            sum + (0..width * row + width - 1).fold(Scalar::ONE, |power, _| power + power)
        });
        some.extend([halves, halves - Scalar::ONE, halves + Scalar::ONE, halves + halves]);
    }
    some.extend((0..252).step_by(7).map(|bit| (0..bit).fold(Scalar::ONE, |power, _| power + power)));
    prop_oneof![select(some), any::<[u8; 32]>().prop_map(Scalar::from_bytes_mod_order)]
}

#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn commitments_like_the_librarys() {
    let base: &BaseTable = BASE.as_ref().expect("a point");
    let keys = points();
    let tables: Vec<AuthorTable> = keys.iter().map(|(_, key)| Comb::new(key, None)).collect();
    let claims = vec((scalars(), scalars(), 0..keys.len()), 1..=40);
    let check = |wanted: Vec<(Scalar, Scalar, usize)>| {
        let claims: Vec<Claim> = wanted
            .iter()
            .map(|(response, challenge, _)| Claim { response: *response, challenge: *challenge })
            .collect();
        let with_tables: Vec<_> = claims.iter().zip(&wanted).map(|(claim, it)| (claim, &tables[it.2])).collect();
        let without: Vec<_> = claims.iter().zip(&wanted).map(|(claim, it)| (claim, &keys[it.2].1)).collect();
        // The library multiplies with vectors of its own; this is the plain sum of doubled points.
        let theirs: Vec<[u8; 32]> = wanted
            .iter()
            .map(|(response, challenge, key)| {
                let sum = response * curve25519_dalek::constants::ED25519_BASEPOINT_POINT + challenge * keys[*key].0;
                sum.compress().to_bytes()
            })
            .collect();
        assert_eq!(commitments(base, &with_tables), theirs);
        assert_eq!(commitments_of_strangers(base, &without), theirs);
        assert_eq!(curve::encode_all(&sums_one_by_one(base, &with_tables)), theirs);
        Ok(())
    };
    TestRunner::new(ProptestConfig::with_cases(60)).run(&claims, check).unwrap();
    assert!(commitments(base, &[]).is_empty() && commitments_of_strangers(base, &[]).is_empty());
}

#[test]
fn commitments_are_the_librarys_with_tables_and_without_and_in_every_lane() {
    in_lanes(commitments_like_the_librarys);
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn encodings_read_like_without_lanes() {
    let mut encodings: Vec<[u8; 32]> = points().iter().map(|(point, _)| point.compress().to_bytes()).collect();
    for n in 0..=255 {
        for (fill, last) in [(0, 0), (0x5a, 0x23), (0xff, 0x7f), (0xa5, 0x80), (0xff, 0xff)] {
            let mut bytes = [fill; 32];
            (bytes[0], bytes[31]) = (n, last);
            encodings.push(bytes);
        }
    }
    for count in [1, 7, 8, 9, encodings.len()] {
        let ours = negated_points(&encodings[..count]);
        assert_eq!(ours.len(), count);
        for (ours, encoding) in ours.iter().zip(&encodings) {
            let theirs = Point::decode(encoding).map(|point| {
                let opposite = Point { x: point.x.negated(), t: point.t.negated(), ..point };
                (curve::encode_all(&[opposite])[0], opposite.t.to_bytes())
            });
            let ours = ours.map(|point| (curve::encode_all(&[point])[0], point.t.to_bytes()));
            assert_eq!(ours, theirs, "{encoding:x?}");
        }
    }
}

#[test]
fn encodings_are_read_as_without_lanes() {
    in_lanes(encodings_read_like_without_lanes);
}

#[target_feature(enable = "avx512f,avx512bw")]
fn digests_like_the_librarys() {
    let theirs = |texts: &[&[u8]]| -> Vec<[u8; 64]> { texts.iter().map(|text| Sha512::digest(text).into()).collect() };
    // Every length around the ends of blocks, in groups of every size.
    let long: Vec<u8> = (0..9_000_u32).map(|at| ((at * at) >> 3) as u8).collect();
    let texts: Vec<&[u8]> = (0..520).map(|length| &long[length..2 * length]).collect();
    assert_eq!(digests(&texts), theirs(&texts));
    for group in (0..24).map(|size| &texts[100..100 + size]) {
        assert_eq!(digests(group), theirs(group));
    }
    let check = |texts: Vec<Vec<u8>>| {
        let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        assert_eq!(digests(&texts), theirs(&texts));
        Ok(())
    };
    let texts = vec((0..=9_000_usize).prop_flat_map(|length| vec(any::<u8>(), length)), 0..20);
    TestRunner::new(ProptestConfig::with_cases(30)).run(&texts, check).unwrap();
}

#[test]
fn digests_are_the_librarys_for_texts_of_every_length() {
    in_lanes(digests_like_the_librarys);
}
