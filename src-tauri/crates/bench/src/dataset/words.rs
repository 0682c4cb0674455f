//! A vocabulary that is used as people use theirs: few words often, most of them hardly ever.

use std::collections::BTreeSet;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::chance::{Weights, below};

/// How many different words there are.
pub const VOCABULARY: usize = 50_000;

/// The vocabulary is the same for every seed of the messages, so that figures of different sets compare.
const VOCABULARY_SEED: u64 = 0x0070_6572_6977_696e;

/// The second parameter of the Zipf–Mandelbrot law: the word of rank r is used in proportion to 1 ÷ (r + 2.7), as in
/// English prose (Mandelbrot 1953; Baayen, *Word Frequency Distributions*).
const SHIFT: f64 = 2.7;

/// Where words begin to be longer: the rank, and the fewest and most syllables up to it. Frequent words are short.
const SYLLABLES: &[(usize, usize, usize)] = &[(150, 1, 1), (2_000, 1, 2), (12_000, 2, 3), (usize::MAX, 2, 4)];

/// One in so many words is of another script or has letters that English lacks.
const FOREIGN: usize = 16;

/// What words are made of: beginnings, middles and ends of syllables.
struct Sounds {
    onsets: &'static [&'static str],
    vowels: &'static [&'static str],
    codas: &'static [&'static str],
}

const LATIN: Sounds = Sounds {
    onsets: &[
        "", "b", "br", "c", "ch", "d", "dr", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "sh", "st",
        "t", "th", "tr", "v", "w",
    ],
    vowels: &["a", "e", "i", "o", "u", "ea", "oo", "ai"],
    codas: &["", "", "", "n", "r", "s", "t", "l", "m", "ck", "nd", "st", "ng"],
};

const OTHERS: &[Sounds] = &[
    Sounds {
        onsets: &["б", "в", "д", "м", "н", "п", "р", "с", "т", "х"],
        vowels: &["а", "е", "и", "о", "у", "я"],
        codas: &["", "", "л", "м", "т", "й"],
    },
    Sounds {
        onsets: &["f", "g", "k", "ñ", "r", "s", "ß"], vowels: &["ä", "é", "ï", "ö", "ü"], codas: &["", "n", "x"]
    },
    Sounds {
        onsets: &["貝", "海", "月", "山", "風"], vowels: &["の", "島", "人", "水"], codas: &["", "子", "川"]
    },
];

/// The words, the most frequent first.
#[derive(Debug)]
pub struct Words {
    words: Vec<String>,
    weights: Weights,
}

impl Words {
    /// Makes the vocabulary: always the same.
    pub fn new() -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(VOCABULARY_SEED);
        let mut seen = BTreeSet::new();
        let mut words = Vec::with_capacity(VOCABULARY);
        while words.len() < VOCABULARY {
            let word = word(words.len(), &mut random);
            if seen.insert(word.clone()) {
                words.push(word);
            }
        }
        Self { words, weights: Weights::new((0..VOCABULARY).map(|rank| 1.0 / (rank as f64 + 1.0 + SHIFT))) }
    }

    /// One word, as often as it is used.
    pub fn by_frequency(&self, random: &mut impl Rng) -> &str {
        &self.words[self.weights.choose(random)]
    }

    /// One word, each as likely as any other: mostly a rare one.
    pub fn uniformly(&self, random: &mut impl Rng) -> &str {
        &self.words[below(random, self.words.len())]
    }

    /// Appends `count` words to `text`, as sentences of some ten words.
    pub fn write(&self, text: &mut String, count: usize, random: &mut impl Rng) {
        for at in 0..count {
            if at > 0 {
                text.push_str(match below(random, 100) {
                    0..8 => ". ",
                    8..14 => ", ",
                    14 => ".\n\n",
                    _ => " ",
                });
            }
            text.push_str(self.by_frequency(random));
        }
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::new()
    }
}

fn word(rank: usize, random: &mut impl Rng) -> String {
    // A fixed share of every stretch of ranks, so that frequent words are among them too.
    let sounds = if rank % FOREIGN == FOREIGN - 1 { &OTHERS[below(random, OTHERS.len())] } else { &LATIN };
    let (fewest, most) =
        SYLLABLES.iter().find(|(up_to, ..)| rank < *up_to).map_or((2, 4), |(_, fewest, most)| (*fewest, *most));
    let mut word = String::new();
    for _ in 0..fewest + below(random, most - fewest + 1) {
        for parts in [sounds.onsets, sounds.vowels, sounds.codas] {
            word.push_str(parts[below(random, parts.len())]);
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_words_are_different_and_the_frequent_ones_are_short() {
        let words = Words::new();
        assert_eq!(words.words.iter().collect::<BTreeSet<_>>().len(), VOCABULARY);
        let mean = |words: &[String]| words.iter().map(|word| word.chars().count()).sum::<usize>() / words.len();
        assert!(mean(&words.words[..150]) <= 4 && mean(&words.words[12_000..]) >= 6);
    }

    #[test]
    fn a_word_is_used_in_inverse_proportion_to_its_rank() {
        let words = Words::new();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for _ in 0..200_000 {
            *uses.entry(words.by_frequency(&mut random)).or_default() += 1;
        }
        let of = |rank: usize| uses.get(words.words[rank].as_str()).copied().unwrap_or(0) as f64;
        let ratio = of(0) / of(99);
        // (99 + 3.7) ÷ 3.7 = 27.8
        assert!((18.0..42.0).contains(&ratio), "{ratio}");
    }
}
