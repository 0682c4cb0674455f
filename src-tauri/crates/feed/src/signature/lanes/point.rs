//! Eight points of edwards25519 at once, with the complete formulas of [`super::super::curve`].

use core::arch::x86_64::{__m512i, __mmask8, _mm512_slli_epi64, _mm512_xor_si512};

use super::field::{Factor, Sum};

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

impl Points {
    #[target_feature(enable = "avx512f")]
    pub(super) fn identity() -> Self {
        let (zero, one) = (Factor::small(0).sum(), Factor::small(1).sum());
        Self { x: zero, y: one, z: one, t: zero }
    }

    /// 7 products.
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    #[inline]
    pub(super) fn plus(&self, other: &Addends) -> Self {
        let a = self.y.plus(&self.x).reduced().times(&other.sum);
        let b = self.y.minus(&self.x).reduced().times(&other.difference);
        let c = self.t.reduced().times(&other.product).negated_where(other.negative);
        let (e, h) = (a.minus(&b).reduced(), a.plus(&b).reduced());
        let (g, f) = (self.z.plus(&c).reduced(), self.z.minus_negated(&c).reduced());
        Self { x: e.times(&f), y: g.times(&h), z: f.times(&g), t: e.times(&h) }
    }
}

/// The encodings of points, in four words of 64 bits, lowest first: y, and whether x is odd in the highest bit.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub(super) fn encode_all(points: &[Points]) -> Vec<[__m512i; 4]> {
    // As `invert_all` for the scalar field: one division for all, in each lane. No Z is 0.
    let mut product = Factor::small(1);
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = product.times(&point.z.reduced()).reduced();
    }
    let mut inverse = product.inverted();
    let mut encoded = Vec::with_capacity(points.len());
    for (point, before) in points.iter().zip(before).rev() {
        let one_by_z = before.times(&inverse).reduced();
        inverse = inverse.times(&point.z.reduced()).reduced();
        let [a, b, c, d] = point.y.reduced().times(&one_by_z).reduced().words();
        let x = point.x.reduced().times(&one_by_z).reduced().words()[0];
        encoded.push([a, b, c, _mm512_xor_si512(d, _mm512_slli_epi64::<63>(x))]);
    }
    encoded.reverse();
    encoded
}
