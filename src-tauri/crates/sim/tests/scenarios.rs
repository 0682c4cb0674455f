//! The scenarios, the figures they must reach, and the figures of the last run that was kept.
//!
//! `cargo test -p sim -- --nocapture` prints the reports. To keep new figures, run it with `KEEP_FIGURES=1`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use sim::{Phase, Report, Scenario, run};

/// The figures of one run that are kept, and compared with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Figures {
    payload: f64,
    notes: f64,
    levels: f64,
    p99_ratio: f64,
    kilobytes: f64,
}

impl Figures {
    fn of(phase: &Phase) -> Self {
        Self {
            payload: phase.payload_ratio(),
            notes: phase.notes_per_delivery(),
            levels: phase.levels_per_delivery(),
            p99_ratio: phase.latency_ratio(),
            kilobytes: phase.traffic.bytes as f64 / 1000.0,
        }
    }

    fn named(self) -> [(&'static str, f64); 5] {
        let Self { payload, notes, levels, p99_ratio, kilobytes } = self;
        [("payload", payload), ("notes", notes), ("levels", levels), ("p99_ratio", p99_ratio), ("kilobytes", kilobytes)]
    }
}

/// How much worse than the kept one a figure may get before somebody has to look.
const TOLERANCE: f64 = 1.10;

fn play(name: &str, seed: u64) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let text = fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
    let report = run(&Scenario::parse(&text).unwrap(), seed).unwrap();
    println!("{report}\n");
    compare(&folder.join("figures").join(format!("{name}.toml")), &report);
    report
}

/// Compares with the kept figures: what changed is shown, what got much worse fails.
fn compare(file: &Path, report: &Report) {
    let phases = report.phases().into_iter().chain([report.whole()]);
    let now: BTreeMap<String, Figures> = phases
        .map(|phase| (format!("{:04}-{:04}", phase.messages.start(), phase.messages.end()), Figures::of(&phase)))
        .collect();
    if std::env::var_os("KEEP_FIGURES").is_some() {
        let mut text =
            format!("# {}\n# Seed {}; kept by KEEP_FIGURES=1 cargo test -p sim\n", report.about, report.seed);
        for (phase, figures) in &now {
            text.push_str(&format!("\n[{phase}]\n"));
            figures.named().iter().for_each(|(name, value)| text.push_str(&format!("{name} = {value:.4}\n")));
        }
        fs::write(file, text).unwrap();
    }
    let kept: BTreeMap<String, Figures> = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut worse = Vec::new();
    for (phase, figures) in &now {
        let kept = kept.get(phase).unwrap_or_else(|| panic!("no figures of messages {phase} are kept in {file:?}"));
        for ((name, value), (_, before)) in figures.named().into_iter().zip(kept.named()) {
            if (value - before).abs() > 0.0001 {
                println!("messages {phase}: {name} was {before:.4}, is {value:.4}");
            }
            if value > before * TOLERANCE + 0.01 {
                worse.push(format!("messages {phase}: {name} was {before:.4}, is {value:.4}"));
            }
        }
    }
    assert!(worse.is_empty(), "worse than the figures in {file:?}: {worse:#?}");
}

#[test]
fn a_hundred_people_with_five_links_each() {
    let report = play("ebt-regular", 1);
    assert_eq!(report.whole().missed(), 0);
    let steady = report.phase(251..=500);
    let after_cut = report.phase(501..=1000);
    assert!(report.phase(251..=1000).payload_ratio() <= 1.05, "{report}");
    assert!(steady.payload_ratio() <= 1.05, "{report}");
    assert!(after_cut.payload_ratio() <= 1.10, "{report}");
    for phase in [&report.whole(), &steady, &after_cut] {
        assert!(phase.notes_per_delivery() <= 2.3, "{report}");
        assert!(phase.latency_ratio() <= 4.5, "{report}");
    }
    // Even if every Level were counted as a note.
    let whole = report.whole();
    assert!(whole.notes_per_delivery() + whole.levels_per_delivery() <= 2.3, "{report}");
    assert!((steady.flooding_ratio() - (2.0 * 250.0 - 99.0) / 99.0).abs() < 1e-9, "2E - (N - 1) copies");
    assert!(report.quiet_after.is_some_and(|millis| millis < 15_000), "{report}");
}

#[test]
fn a_hundred_people_who_each_open_five_links() {
    let report = play("ebt-out", 1);
    assert_eq!(report.whole().missed(), 0);
    assert!(report.phase(251..=500).payload_ratio() <= 1.05, "{report}");
    assert!(report.phase(501..=1000).payload_ratio() <= 1.10, "{report}");
    assert!(report.whole().latency_ratio() <= 4.5, "{report}");
}

/// The same hundred with fewer and with more links: what flooding costs grows with them, what we send does not.
#[test]
fn payload_stays_at_its_optimum_however_many_links_there_are() {
    for (degree, links) in [(2, 100.0), (10, 500.0)] {
        let report = play(&format!("degree-{degree}"), 1);
        assert_eq!(report.whole().missed(), 0);
        let steady = report.phase(201..=400);
        assert!(steady.payload_ratio() <= 1.05, "{report}");
        assert!(steady.latency_ratio() <= 4.5, "{report}");
        assert!((steady.flooding_ratio() - (2.0 * links - 99.0) / 99.0).abs() < 1e-9, "2E - (N - 1) copies");
    }
}

#[test]
fn two_halves_that_lost_each_other_are_level_again() {
    let report = play("partition", 3);
    assert_eq!(report.whole().missed(), 0);
    assert!(report.whole().payload_ratio() <= 1.10, "{report}");
}

/// Whoever comes back finds no way to the other half.
#[test]
fn halves_stay_apart_while_their_people_come_and_go() {
    let scenario = "about = \"x\"\nnodes = 4\nmessages = 100\nevery_ms = 300\ndelay_ms = [2, 20]\nphases = [10, 40]\n\
                    graph = { kind = \"regular\", degree = 2 }\npartition = { after = 10, healed_after = 50 }\n\
                    churn = { share = 1.0, session_ms = 2000, away_ms = 500 }";
    let report = run(&Scenario::parse(scenario).unwrap(), 1).unwrap();
    let apart = report.phase(11..=40);
    assert_eq!(report.whole().missed(), 0, "{report}");
    // Two of three deliveries are to the other half, which hears of them ten messages later at the earliest.
    assert!(apart.latency.p50 > 2_500.0, "{report}");
}

#[test]
fn on_a_bad_radio_everything_arrives() {
    let report = play("resets", 4);
    assert!(report.resets > 150, "{report}");
    assert_eq!(report.whole().missed(), 0);
    assert!(report.whole().payload_ratio() <= 1.15, "{report}");
}

/// The least that can be sent; what a tree of all feeds together costs is that its ways are longer, and that it has no others.
#[test]
fn along_a_fixed_tree_nothing_is_sent_twice() {
    let report = play("tree", 1);
    let steady = report.phase(251..=500);
    assert_eq!(report.whole().missed(), 0);
    assert_eq!(steady.copies, steady.optimum, "{report}");
    assert!((steady.flooding_ratio() - 1.0).abs() < 1e-9, "2E - (N - 1) copies are N - 1 of them");
}

/// People who are there for half a minute get everything, also what was written while they were away, and are sent it once.
#[test]
fn everything_reaches_people_who_come_and_go() {
    let report = play("churn", 6);
    assert!(report.departures > 150, "{report}");
    assert_eq!(report.whole().missed(), 0);
    assert!(report.whole().payload_ratio() <= 1.10, "{report}");
}

#[test]
fn along_a_line_a_post_takes_one_delay_per_link() {
    let report = play("line", 5);
    let settled = report.phase(21..=200);
    assert_eq!(report.whole().missed(), 0);
    assert_eq!(settled.copies, settled.optimum, "nothing is sent twice");
    assert!(settled.latency.p50 <= 40.0, "{report}");
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/line.toml")).unwrap();
    let scenario = Scenario::parse(&text).unwrap();
    let report = |seed| run(&scenario, seed).unwrap().to_string();
    assert_eq!(report(8), report(8));
    assert_ne!(report(8), report(9));
}

#[test]
fn scenarios_that_cannot_be_are_refused() {
    let text = |rest: &str| format!("about = \"x\"\nnodes = 5\nmessages = 1\nevery_ms = 1\n{rest}");
    let odd = text("delay_ms = [1, 2]\ngraph = { kind = \"regular\", degree = 3 }");
    assert!(run(&Scenario::parse(&odd).unwrap(), 1).is_err());
    for impossible in [
        "graph = { kind = \"regular\", degree = 130 }",
        "graph = { kind = \"out\", degree = 4 }",
        "graph = { kind = \"line\" }\nphases = [3, 2]",
        "graph = { kind = \"line\" }\nchurn = { share = 0.5, session_ms = 0, away_ms = 1 }",
        "graph = { kind = \"line\" }\nsettle_ms = 18446744073709551615",
    ] {
        let scenario = Scenario::parse(&text(&format!("delay_ms = [1, 2]\n{impossible}"))).unwrap();
        assert!(matches!(run(&scenario, 1), Err(sim::ScenarioError::Impossible(_))), "{impossible}");
    }
    // Faster than anybody's queue is emptied.
    let hurry = "about = \"x\"\nnodes = 2\nmessages = 3000\nevery_ms = 0\nstore_ms = 60000\ndelay_ms = [1, 2]\ngraph = { kind = \"line\" }";
    assert!(matches!(run(&Scenario::parse(hurry).unwrap(), 1), Err(sim::ScenarioError::GaveUp(_))));
    let unknown = text("delay_ms = [1, 2]\nwarp = 9\ngraph = { kind = \"line\" }");
    assert!(Scenario::parse(&unknown).unwrap_err().to_string().contains("warp"));
}
