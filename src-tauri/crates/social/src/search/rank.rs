//! How well a text fits a query: BM25 (Robertson and Zaragoza, “The Probabilistic Relevance Framework”, 2009, equation 3.15).

use super::query::Term;

/// How soon more of the same word stops to count.
const K1: f64 = 1.2;
/// How much longer texts are marked down.
const B: f64 = 0.75;

/// How rare each wanted term is, and how long texts are.
#[derive(Clone, Debug, PartialEq)]
pub struct Rarity {
    /// The weight of each term, in their order.
    weights: Vec<f64>,
    /// Words of a text on average; at least one.
    average: f64,
}

impl Rarity {
    /// From the number of texts, how many of them hold each term, and the words of a text on average.
    pub fn new(texts: u64, holding: &[u64], average: f64) -> Self {
        let weight = |holding: &u64| {
            let (all, holding) = (texts.max(*holding) as f64, *holding as f64);
            ((all - holding + 0.5) / (holding + 0.5) + 1.0).ln()
        };
        Self { weights: holding.iter().map(weight).collect(), average: average.max(1.0) }
    }

    /// How well a text fits in which the terms that this was made for stand so often. More is better.
    pub fn score(&self, text: &Counted) -> f64 {
        let length = 1.0 - B + B * text.length as f64 / self.average;
        let part = |(times, weight): (&usize, &f64)| {
            let times = *times as f64;
            weight * times * (K1 + 1.0) / (times + K1 * length)
        };
        text.times.iter().zip(&self.weights).map(part).sum()
    }
}

/// How often each term stands in a text, and how long that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    times: Vec<usize>,
    /// Words of the text.
    pub length: usize,
}

impl Counted {
    /// Counts `wanted` in the words of a text.
    pub fn new<T: AsRef<str>>(text: &[T], wanted: &[Term]) -> Self {
        let times = |term: &Term| (0..text.len()).filter(|at| term.is_at(text, *at)).count();
        Self { times: wanted.iter().map(times).collect(), length: text.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{parse, words};

    fn score(rarity: &Rarity, text: &str, query: &str) -> f64 {
        rarity.score(&Counted::new(&words(text), &parse(query, false).wanted))
    }

    #[test]
    fn more_of_a_word_in_a_shorter_text_fits_better() {
        let rarity = Rarity::new(1000, &[10], 8.0);
        let often = score(&rarity, "tide and tide again", "tide");
        let once = score(&rarity, "tide and rock again", "tide");
        let lost = score(&rarity, "tide and rock again and many other words that are not asked for", "tide");
        assert!(often > once && once > lost && lost > 0.0, "{often} {once} {lost}");
        assert_eq!(score(&rarity, "rock", "tide"), 0.0);
    }

    #[test]
    fn a_rare_word_counts_more_than_a_common_one() {
        let rarity = Rarity::new(1000, &[900, 3], 4.0);
        assert!(score(&rarity, "the tide tide rock", "the tide") > score(&rarity, "the the the tide", "the tide"));
        assert!(score(&Rarity::new(5, &[9], 0.0), "x", "x") > 0.0);
    }
}
