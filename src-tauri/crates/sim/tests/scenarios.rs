//! The scenarios, and the figures they must reach.

use sim::{Report, Scenario, run};

fn play(text: &str, seed: u64) -> Report {
    let report = run(&Scenario::parse(text).unwrap(), seed).unwrap();
    println!("{report}\n");
    report
}

#[test]
fn a_hundred_people_with_five_links_each() {
    let report = play(include_str!("../scenarios/ebt-regular.toml"), 1);
    assert_eq!(report.whole().missed(), 0);
}
