//! Drawing from a seeded source, without anything that differs between machines.

use rand_chacha::rand_core::Rng;

/// A number below `bound`, which is more than zero and far below 2³²: the bias is negligible.
pub(crate) fn below(random: &mut impl Rng, bound: usize) -> usize {
    ((u64::from(random.next_u32()) * bound as u64) >> 32) as usize
}

/// Whether something happens that happens `share` times of a thousand.
pub(crate) fn happens(random: &mut impl Rng, share: usize) -> bool {
    below(random, 1000) < share
}

/// A number from 0 to below 1.
pub(crate) fn fraction(random: &mut impl Rng) -> f64 {
    f64::from(random.next_u32()) / 4_294_967_296.0
}

/// Choices of different weight.
#[derive(Debug)]
pub(crate) struct Weights {
    /// The sum of the weights up to and with each choice.
    up_to: Vec<f64>,
}

impl Weights {
    /// Weights of the choices 0, 1, … ; at least one.
    pub(crate) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let up_to = weights.into_iter().map(|weight| {
            sum += weight;
            sum
        });
        Self { up_to: up_to.collect() }
    }

    /// One choice.
    pub(crate) fn choose(&self, random: &mut impl Rng) -> usize {
        let sum = self.up_to.last().copied().unwrap_or(0.0);
        let at = fraction(random) * sum;
        self.up_to.partition_point(|up_to| *up_to <= at).min(self.up_to.len().saturating_sub(1))
    }
}
