//! Eight points of edwards25519 at once, with the complete formulas of [`super::super::curve`].

use core::arch::x86_64::{__m512i, __mmask8, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_xor_si512};

use super::super::curve::{D, HALF, Point};
use super::super::field::Field;
use super::field::{Factor, Sum};
use super::table::transposed;

/// Eight points: x = X / Z, y = Y / Z, and T = XY / Z. All are products or small.
#[derive(Clone, Copy)]
pub(super) struct Points {
    x: Sum,
    y: Sum,
    z: Sum,
    t: Sum,
}

/// Eight points of tables, each to be added or taken away: (y + x) / 2, (y − x) / 2 and d·x·y, the first two the other way
/// round where it is taken away.
pub(super) struct Addends {
    pub(super) sum: Factor,
    pub(super) difference: Factor,
    pub(super) product: Factor,
    /// The lanes that are taken away.
    pub(super) negative: __mmask8,
}

/// Eight points to be added: Y + X, Y − X, 2d·T and 2Z.
#[derive(Clone, Copy)]
pub(super) struct Cached {
    sum: Factor,
    difference: Factor,
    product: Factor,
    z: Factor,
}

impl Points {
    #[target_feature(enable = "avx512f")]
    pub(super) fn identity() -> Self {
        let (zero, one) = (Factor::small(0).sum(), Factor::small(1).sum());
        Self { x: zero, y: one, z: one, t: zero }
    }

    /// One point for each lane.
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_each(points: [&Point; 8]) -> Self {
        let coordinate = |number: fn(&Point) -> &Field| Factor::of_each(points.map(number)).sum();
        Self {
            x: coordinate(|point| &point.x),
            y: coordinate(|point| &point.y),
            z: coordinate(|point| &point.z),
            t: coordinate(|point| &point.t),
        }
    }

    /// 7 products.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    pub(super) fn plus(&self, other: &Addends) -> Self {
        let a = self.y.plus(&self.x).reduced().times(&other.sum);
        let b = self.y.minus(&self.x).reduced().times(&other.difference);
        let c = self.t.reduced().times(&other.product).negated_where(other.negative);
        Self::completed(&a, &b, &c, &self.z)
    }

    /// 8 products. Where the mask has a bit, `other` must come the other way round, and is taken away.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus_cached(&self, other: &Cached, negative: __mmask8) -> Self {
        let a = self.y.plus(&self.x).reduced().times(&other.sum);
        let b = self.y.minus(&self.x).reduced().times(&other.difference);
        let c = self.t.reduced().times(&other.product).negated_where(negative);
        let d = self.z.reduced().times(&other.z);
        Self::completed(&a, &b, &c, &d)
    }

    /// Twice the points: 4 squares and 4 products (section 3.3 of the same paper, with all of E, F, G and H negated).
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn doubled(&self) -> Self {
        let (a, b) = (self.x.reduced().square(), self.y.reduced().square());
        let z = self.z.reduced().square();
        let h = a.plus(&b);
        let e = h.minus(&self.x.plus(&self.y).reduced().square()).reduced();
        let g = a.minus(&b);
        let f = z.plus(&z).plus(&g).reduced();
        let (g, h) = (g.reduced(), h.reduced());
        Self { x: e.times(&f), y: g.times(&h), z: f.times(&g), t: e.times(&h) }
    }

    /// From four products, of which the third may be negated.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn completed(a: &Sum, b: &Sum, c: &Sum, d: &Sum) -> Self {
        let (e, h) = (a.minus(b).reduced(), a.plus(b).reduced());
        let (g, f) = (d.plus(c).reduced(), d.minus_negated(c).reduced());
        Self { x: e.times(&f), y: g.times(&h), z: f.times(&g), t: e.times(&h) }
    }

    /// To be added often.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn cached(&self) -> Cached {
        let product = self.t.reduced().times(&Factor::of_all(&D));
        Cached {
            sum: self.y.plus(&self.x).reduced(),
            difference: self.y.minus(&self.x).reduced(),
            product: product.plus(&product).reduced(),
            z: self.z.plus(&self.z).reduced(),
        }
    }
}

impl Cached {
    /// The identity: X = 0, Y = Z = 1, T = 0.
    #[target_feature(enable = "avx512f")]
    pub(super) fn identity() -> Self {
        let (zero, one) = (Factor::small(0), Factor::small(1));
        Self { sum: one, difference: one, product: zero, z: Factor::small(2) }
    }

    /// `self` where the mask has no bit, else `other`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn or_where(&self, mask: __mmask8, other: &Self) -> Self {
        Self {
            sum: self.sum.or_where(mask, &other.sum),
            difference: self.difference.or_where(mask, &other.difference),
            product: self.product.or_where(mask, &other.product),
            z: self.z.or_where(mask, &other.z),
        }
    }

    /// The other way round where the mask has a bit.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn turned_where(&self, mask: __mmask8) -> Self {
        Self {
            sum: self.sum.or_where(mask, &self.difference),
            difference: self.difference.or_where(mask, &self.sum),
            ..*self
        }
    }
}

/// One divided by each Z: one division for all, in each lane, as `invert_all` for the scalar field. No Z is 0.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn invert_all(points: &[Points]) -> Vec<Factor> {
    let mut product = Factor::small(1);
    let mut inverses = Vec::with_capacity(points.len());
    for point in points {
        inverses.push(product);
        product = product.times(&point.z.reduced()).reduced();
    }
    let mut inverse = product.inverted();
    for (point, before) in points.iter().zip(&mut inverses).rev() {
        *before = before.times(&inverse).reduced();
        inverse = inverse.times(&point.z.reduced()).reduced();
    }
    inverses
}

/// The encodings of points, in four words of 64 bits, lowest first: y, and whether x is odd in the highest bit.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn encode_all(points: &[Points]) -> Vec<[__m512i; 4]> {
    let mut encoded = Vec::with_capacity(points.len());
    for (point, inverse) in points.iter().zip(invert_all(points)) {
        let [a, b, c, d] = point.y.reduced().times(&inverse).reduced().words();
        let x = point.x.reduced().times(&inverse).reduced().words()[0];
        encoded.push([a, b, c, _mm512_xor_si512(d, _mm512_slli_epi64::<63>(x))]);
    }
    encoded
}

impl Points {
    /// The two lines that each lane has as an entry of a table. `inverse` is 1 / Z.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn lines(&self, inverse: &Factor) -> [[__m512i; 8]; 2] {
        let inverse = inverse.times(&Factor::of_all(&HALF)).reduced();
        let (x, y) = (self.x.reduced().times(&inverse), self.y.reduced().times(&inverse));
        // d·x·y, from halves of both.
        let quarter = x.reduced().times(&y.reduced()).reduced().times(&Factor::of_all(&D));
        let half = quarter.plus(&quarter).reduced().sum();
        let [s0, s1, s2, s3, s4] = y.plus(&x).reduced().canonical();
        let [d0, d1, d2, d3, d4] = y.minus(&x).reduced().canonical();
        let [p0, p1, p2, p3, p4] = half.plus(&half).reduced().canonical();
        let none = _mm512_setzero_si512();
        [transposed([s0, s1, s2, s3, s4, p0, p1, p2]), transposed([d0, d1, d2, d3, d4, p3, p4, none])]
    }
}
