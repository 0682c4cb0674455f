//! How well a text fits a query: BM25 (Robertson and Zaragoza, “The Probabilistic Relevance Framework”, 2009, equation 3.15).

use feed::json::Value;

use super::{query::Term, words::each_word};
use crate::content::each_searched_text;

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

/// Counts terms in one content after the other, as quickly as may be: thousands are counted while somebody waits.
#[derive(Debug, Default)]
pub struct Counter {
    /// The words of a content, one behind the other, and where each ends: kept for the room that they take.
    folded: String,
    ends: Vec<usize>,
}

impl Counter {
    /// Counts `wanted` in a content; none where it is of a kind that is not found, or holds an excluded term.
    pub fn count(&mut self, content: &Value, wanted: &[Term], excluded: &[Term]) -> Option<Counted> {
        if excluded.is_empty() && wanted.iter().all(Term::is_one_word) {
            return Self::count_words(content, wanted);
        }
        self.folded.clear();
        self.ends.clear();
        let (folded, ends) = (&mut self.folded, &mut self.ends);
        let is_found = each_searched_text(content, |text| {
            each_word(text, |_, word| {
                folded.push_str(word);
                ends.push(folded.len());
            });
        });
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = starts.zip(&self.ends).filter_map(|(start, end)| self.folded.get(start..*end));
        let words: Vec<&str> = places.collect();
        let has = |term: &Term| (0..words.len()).any(|at| term.is_at(&words, at));
        (is_found && !excluded.iter().any(has)).then(|| Counted::new(&words, wanted))
    }

    /// The same for terms of one word each, which is what is asked for most: no word has to be kept.
    fn count_words(content: &Value, wanted: &[Term]) -> Option<Counted> {
        let mut counted = Counted { times: vec![0; wanted.len()], length: 0 };
        let is_found = each_searched_text(content, |text| {
            each_word(text, |_, word| {
                counted.length += 1;
                for (term, times) in wanted.iter().zip(&mut counted.times) {
                    *times += usize::from(term.is_at(&[word], 0));
                }
            });
        });
        is_found.then_some(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{parse, words};

    #[test]
    fn a_counter_counts_as_words_are_counted_and_forgets_the_content_before() {
        let mut counter = Counter::default();
        let (phrases, excluded) = (parse("tide \"low water\" roc*", false).wanted, parse("-gull x", false).excluded);
        let simple = parse("tide roc*", false).wanted;
        for (text, is_counted) in
            [("Tide, low water: rocks and tide", true), ("a GULL", false), ("", true), ("tide", true)]
        {
            let json = format!(r#"{{"type":"post","text":"{text}","channel":"Low Water"}}"#);
            let content = Value::parse(json.as_bytes()).expect("test content");
            let all = [words(text), words("lowwater")].concat();
            let expected = is_counted.then(|| Counted::new(&all, &phrases));
            assert_eq!(counter.count(&content, &phrases, &excluded), expected, "{text}");
            assert_eq!(counter.count(&content, &simple, &[]), Some(Counted::new(&all, &simple)), "{text}");
        }
        assert_eq!(counter.count(&Value::Null, &phrases, &[]), None);
        assert_eq!(counter.count(&Value::Null, &simple, &[]), None);
    }

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
