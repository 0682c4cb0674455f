//! Figures, and the ways in which they are shown.

use serde::Serialize;

use crate::machine::Machine;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Things in a second.
    PerSecond,
    /// 10³ bytes.
    Kilobytes,
    /// 10⁶ bytes.
    Megabytes,
    /// One thing divided by another of its kind.
    Times,
    /// Plain numbers.
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        let digits = |value: f64| match value {
            10_000.0.. => grouped(value.round() as usize),
            100.0.. => format!("{value:.0}"),
            10.0.. => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
        match self {
            Self::Milliseconds => format!("{} ms", digits(value)),
            Self::Seconds => format!("{} s", digits(value)),
            Self::PerSecond => format!("{}/s", grouped(value.round() as usize)),
            Self::Kilobytes => format!("{} kB", digits(value)),
            Self::Megabytes => format!("{} MB", digits(value)),
            Self::Times => format!("{value:.2} ×"),
            Self::Count => digits(value),
        }
    }
}

/// `12,345`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }
}

/// What the reference needs for the same work.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Beside {
    /// It does no such work.
    Nothing,
    /// So much.
    Value(f64),
    /// It was not run, and why.
    NotRun(String),
}

/// One thing that was measured.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What.
    pub what: String,
    /// What the number counts.
    pub unit: Unit,
    /// How much of it.
    pub value: f64,
    /// A second number of the same kind, such as the 95th percentile beside the median: its name and it.
    pub second: Option<(&'static str, f64)>,
    /// What has to be reached, by the second number where there is one.
    pub goal: Option<Goal>,
    /// The reference.
    pub reference: Beside,
    /// Whether the same code gives the same value on every machine, so that a check may rely on it.
    pub deterministic: bool,
}

impl Figure {
    /// A figure without a goal.
    pub fn new(what: impl Into<String>, unit: Unit, value: f64) -> Self {
        Self {
            what: what.into(),
            unit,
            value,
            second: None,
            goal: None,
            reference: Beside::Nothing,
            deterministic: false,
        }
    }

    /// With a second number.
    #[must_use]
    pub fn second(self, name: &'static str, value: f64) -> Self {
        Self { second: Some((name, value)), ..self }
    }

    /// With a goal.
    #[must_use]
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Beside the reference.
    #[must_use]
    pub fn beside(self, reference: Beside) -> Self {
        Self { reference, ..self }
    }

    /// One that a check may rely on.
    #[must_use]
    pub fn deterministic(self) -> Self {
        Self { deterministic: true, ..self }
    }

    /// Whether the goal is met; none without one.
    pub fn is_met(&self) -> Option<bool> {
        let judged = self.second.map_or(self.value, |(_, value)| value);
        self.goal.map(|goal| goal.is_met(judged))
    }

    fn shown(&self) -> String {
        let first = self.unit.show(self.value);
        self.second.map_or(first.clone(), |(name, value)| format!("{first}, {name} {}", self.unit.show(value)))
    }

    fn shown_goal(&self) -> String {
        match self.goal {
            None => "–".into(),
            Some(Goal::AtMost(limit)) => format!("at most {}", self.unit.show(limit)),
            Some(Goal::AtLeast(limit)) => format!("at least {}", self.unit.show(limit)),
        }
    }

    fn shown_reference(&self) -> String {
        match &self.reference {
            Beside::Nothing => "–".into(),
            Beside::Value(value) => self.unit.show(*value),
            Beside::NotRun(_) => "*not run*".into(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.is_met() {
            None => "–",
            Some(true) => "met",
            Some(false) => "**not met**",
        }
    }

    /// One line for a terminal.
    pub fn line(&self) -> String {
        let reference = match &self.reference {
            Beside::Nothing => String::new(),
            Beside::Value(value) => format!("; reference {}", self.unit.show(*value)),
            Beside::NotRun(why) => format!("; reference not run: {why}"),
        };
        let verdict = match self.is_met() {
            None => String::new(),
            Some(true) => format!("; goal {}: met", self.shown_goal()),
            Some(false) => format!("; goal {}: NOT MET", self.shown_goal()),
        };
        format!("  {}: {}{reference}{verdict}", self.what, self.shown())
    }
}

/// What one part measured, or why it could not.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// The part's name on the command line.
    pub name: &'static str,
    /// What it measures, for a heading.
    pub title: String,
    /// The figures.
    pub figures: Vec<Figure>,
    /// What has to be known to read them.
    pub notes: Vec<String>,
    /// Why the part ended before its end.
    pub failure: Option<String>,
}

impl Section {
    /// An empty one.
    pub fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self { name, title: title.into(), figures: Vec::new(), notes: Vec::new(), failure: None }
    }

    /// Takes a figure in, and prints it at once.
    pub fn add(&mut self, figure: Figure) {
        println!("{}", figure.line());
        self.figures.push(figure);
    }

    /// Takes in what has to be known; the same words only once.
    pub fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.notes.contains(&words) {
            println!("  ({words})");
            self.notes.push(words);
        }
    }
}

/// Everything of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The command that repeats it.
    pub command: String,
    /// On what.
    pub machine: Machine,
    /// By part.
    pub sections: Vec<Section>,
}

impl Report {
    /// How many goals are met, and how many not.
    pub fn goals(&self) -> (usize, usize) {
        let verdicts: Vec<bool> = self.figures().filter_map(Figure::is_met).collect();
        let met = verdicts.iter().filter(|met| **met).count();
        (met, verdicts.len() - met)
    }

    /// How many figures that are the same on every machine are as they should be, how many are not, counting parts that broke
    /// off, and whether the reference could not be run.
    pub fn checks(&self) -> (usize, usize, usize) {
        let verdicts: Vec<bool> =
            self.figures().filter(|figure| figure.deterministic).filter_map(Figure::is_met).collect();
        let passed = verdicts.iter().filter(|met| **met).count();
        let broken = self.sections.iter().filter(|section| section.failure.is_some()).count();
        let is_alone = self.figures().any(|figure| matches!(figure.reference, Beside::NotRun(_)));
        (passed, verdicts.len() - passed + broken, is_alone.into())
    }

    /// Whether every part ran, and everything that is the same on every machine is as it should be.
    pub fn is_sound(&self) -> bool {
        self.checks().1 == 0
    }

    /// All figures.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }

    /// Markdown: the machine and the command, then a table of each part.
    pub fn markdown(&self) -> String {
        let mut text = format!("`{}` on {}.\n", self.command, self.machine.words());
        for section in &self.sections {
            text.push_str(&format!("\n### {}\n\n", section.title));
            if !section.figures.is_empty() {
                text.push_str("| what | goal | Periwinkle | reference | |\n|---|---|---|---|---|\n");
            }
            for figure in &section.figures {
                text.push_str(&format!(
                    "| {} | {} | {} | {} | {} |\n",
                    figure.what,
                    figure.shown_goal(),
                    figure.shown(),
                    figure.shown_reference(),
                    figure.verdict(),
                ));
            }
            let not_run = section.figures.iter().find_map(|figure| match &figure.reference {
                Beside::NotRun(why) => Some(format!("*Not run*: {why}")),
                _ => None,
            });
            let failure = section.failure.as_ref().map(|why| format!("**This part broke off**: {why}"));
            for note in section.notes.iter().chain(&not_run).chain(&failure) {
                text.push_str(&format!("\n{note}\n"));
            }
        }
        text
    }
}

/// Where the tables stand in a document.
const BEGIN: &str = "<!-- bench: written by `cargo xtask bench --write` -->";
const END: &str = "<!-- bench: end -->";

/// `document` with the tables between its two marks replaced; none when it lacks the marks.
pub fn replace_tables(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_number_decides_where_there_is_one() {
        let figure = Figure::new("a page", Unit::Milliseconds, 1.0).goal(Goal::AtMost(5.0));
        assert_eq!(figure.is_met(), Some(true));
        assert_eq!(figure.clone().second("P95", 6.0).is_met(), Some(false));
        assert_eq!(figure.second("P95", 6.0).line(), "  a page: 1.00 ms, P95 6.00 ms; goal at most 5.00 ms: NOT MET");
    }

    #[test]
    fn numbers_are_shown_so_that_they_can_be_read() {
        assert_eq!(Unit::PerSecond.show(88_412.3), "88,412/s");
        assert_eq!(Unit::Megabytes.show(123.44), "123 MB");
        assert_eq!(Unit::Times.show(0.7), "0.70 ×");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn tables_replace_those_between_the_marks_and_nothing_else() {
        let document = format!("# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n");
        let written = replace_tables(&document, "new\n").expect("the marks are there");
        assert_eq!(written, format!("# Before\n\n{BEGIN}\n\nnew\n\n{END}\n\nAfter\n"));
        assert_eq!(replace_tables(&written, "new\n").as_deref(), Some(written.as_str()));
        assert_eq!(replace_tables("no marks", "new"), None);
    }
}
