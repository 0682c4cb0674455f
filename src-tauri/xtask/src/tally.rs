//! Counting tests from what the runners print.

/// Tests that ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Held.
    pub(crate) passed: usize,
    /// Did not hold.
    pub(crate) failed: usize,
    /// Could not run here, and said why.
    pub(crate) skipped: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

impl Tally {
    /// One check that held or did not.
    pub(crate) fn one(success: bool) -> Self {
        Self { passed: success.into(), failed: (!success).into(), skipped: 0 }
    }

    /// One check that could not run here.
    pub(crate) fn skip() -> Self {
        Self { skipped: 1, ..Self::default() }
    }

    /// What a runner printed: Rust's test harness, vitest, or a script that closes with `N passed, N failed, N skipped`.
    ///
    /// A Rust test that lacks its data prints a line `skipped: why` and returns; the harness counts it as passed, so it
    /// is moved over. A runner that failed without any failed test (it did not compile, or crashed) counts as one failure,
    /// and so does one that succeeded without a single test: a filter or a name is wrong then, and nothing was checked.
    pub(crate) fn read(output: &str, success: bool) -> Self {
        let mut tally = Self::default();
        let mut moved = 0;
        for line in output.lines() {
            let line = plain(line);
            let line = line.trim();
            if let Some(result) = line.strip_prefix("test result: ") {
                tally += Self {
                    passed: before(result, "passed"),
                    failed: before(result, "failed"),
                    skipped: before(result, "ignored"),
                };
            } else if let Some(result) = line.strip_prefix("Tests ") {
                tally += Self {
                    passed: before(result, "passed"),
                    failed: before(result, "failed"),
                    skipped: before(result, "skipped"),
                };
            } else if line.starts_with("skipped: ") {
                moved += 1;
            } else if let Some(closing) = closing_line(line) {
                tally += closing;
            }
        }
        tally.passed = tally.passed.saturating_sub(moved);
        tally.skipped += moved;
        if tally.failed == 0 && (!success || tally == Self::default()) {
            tally.failed = 1;
        }
        tally
    }
}

/// The number that stands before `word`: `5` for `… 5 passed; …`.
fn before(line: &str, word: &str) -> usize {
    let words: Vec<&str> = line.split([' ', ';', ',', '|', '.']).filter(|part| !part.is_empty()).collect();
    words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

fn closing_line(line: &str) -> Option<Tally> {
    let mut parts = line.split(", ");
    let mut number = |word: &str| parts.next()?.strip_suffix(word)?.trim_end().parse().ok();
    let tally = Tally { passed: number("passed")?, failed: number("failed")?, skipped: number("skipped")? };
    parts.next().is_none().then_some(tally)
}

/// `line` without the escape sequences that colour it.
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for skipped in characters.by_ref() {
                if skipped.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_rust_harness_is_counted_over_all_its_programs() {
        let output = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                      test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(Tally::read(output, false), Tally { passed: 7, failed: 1, skipped: 1 });
    }

    #[test]
    fn a_test_that_says_skipped_is_not_counted_as_passed() {
        let output = "skipped: no data\ntest result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Tally::read(output, true), Tally { passed: 4, failed: 0, skipped: 1 });
    }

    #[test]
    fn coloured_lines_of_vitest_are_counted() {
        let output =
            "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m12 passed\u{1b}[39m\u{1b}[22m | 2 skipped (14)";
        assert_eq!(Tally::read(output, true), Tally { passed: 12, failed: 0, skipped: 2 });
    }

    #[test]
    fn a_closing_line_of_our_own_form_is_counted() {
        assert_eq!(Tally::read("9 passed, 1 failed, 0 skipped", false), Tally { passed: 9, failed: 1, skipped: 0 });
    }

    #[test]
    fn a_program_that_crashes_before_its_summary_is_one_failure() {
        assert_eq!(Tally::read("error: could not compile", false), Tally::one(false));
    }

    #[test]
    fn a_runner_that_ran_no_test_is_one_failure() {
        let output = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 12 filtered out; finished in 0.00s";
        assert_eq!(Tally::read(output, true), Tally::one(false));
        assert_eq!(Tally::read("nothing to say", true), Tally::one(false));
        assert_eq!(Tally::read("0 passed, 0 failed, 0 skipped", true), Tally::one(false));
    }
}
