//! A report as a picture: how long deliveries take, and what each message costs, beside flooding.

use std::fmt::Write as _;

use crate::{Report, tally::Record};

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 620.0;
/// Of the panels, from the picture's edge.
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 24.0;
/// Messages that are averaged for a point of the lower panel.
const WINDOW: usize = 25;
/// Points of a line of the upper panel.
const STEPS: usize = 200;

const OURS: &str = "#4b52c4";
const FLOODING: &str = "#8b8f9c";
const NOTES: &str = "#2b7e71";

/// Where a panel lies, and what its edges stand for.
struct Panel {
    top: f64,
    bottom: f64,
    /// What the right edge stands for; the left is 0.
    width: f64,
    /// What the upper edge stands for; the lower is 0.
    height: f64,
}

impl Panel {
    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (value / self.width).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (value / self.height).clamp(0.0, 1.0)
    }

    /// The frame: a title, and lines at round numbers with what they stand for.
    fn frame(&self, svg: &mut String, title: &str, x_unit: &str, y_unit: &str) {
        text(svg, LEFT, self.top - 14.0, "start", "600", title);
        for value in round(self.height) {
            let y = self.y(value);
            line(svg, &[(LEFT, y), (RIGHT, y)], "#e3e4ea", "");
            text(svg, LEFT - 8.0, y + 4.0, "end", "400", &format!("{value}{y_unit}"));
        }
        for value in round(self.width) {
            text(svg, self.x(value), self.bottom + 18.0, "middle", "400", &format!("{value}"));
        }
        text(svg, RIGHT, self.bottom + 36.0, "end", "400", x_unit);
    }
}

/// Draws a report as SVG.
pub fn plot(report: &Report) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#26283a\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let whole = report.whole();
    text(&mut svg, LEFT, 28.0, "start", "650", &report.about);
    let model = format!("{} nodes, {} links, seed {}", report.nodes, report.links, report.seed);
    text(&mut svg, LEFT, 46.0, "start", "400", &model);
    legend(&mut svg, &[(OURS, "Periwinkle"), (FLOODING, "flooding"), (NOTES, "notes per delivery")]);

    let times = Panel { top: 110.0, bottom: 300.0, width: (1.25 * whole.latency.p99).max(1.0), height: 100.0 };
    times.frame(&mut svg, "Deliveries that have arrived", "milliseconds after publish", " %");
    let of = |latencies: fn(&Record) -> &[u64]| {
        let mut all: Vec<u64> = report.records.iter().flat_map(|record| latencies(record).iter().copied()).collect();
        all.sort_unstable();
        all
    };
    for (colour, micros) in [(FLOODING, of(|record| &record.flood.latencies)), (OURS, of(|record| &record.latencies))] {
        let share = |step: usize| {
            let millis = times.width * step as f64 / STEPS as f64;
            let arrived = micros.partition_point(|&micros| micros as f64 / 1000.0 <= millis);
            (times.x(millis), times.y(100.0 * arrived as f64 / whole.optimum as f64))
        };
        line(&mut svg, &(0..=STEPS).map(share).collect::<Vec<_>>(), colour, "");
    }

    let needed = report.nodes as f64 - 1.0;
    let flooding = |record: &Record| record.flood.copies as f64 / needed;
    let notes = |record: &Record| record.traffic.notes as f64 / needed;
    let highest = report.records.iter().map(flooding).fold(1.5, f64::max);
    let costs = Panel { top: 380.0, bottom: 570.0, width: report.records.len() as f64, height: 1.1 * highest };
    let title = format!("Copies and notes for each delivery that is needed, means of {WINDOW} messages");
    costs.frame(&mut svg, &title, "messages", "");
    let mut mean = |of: &dyn Fn(&Record) -> f64, colour, dashes| {
        let points: Vec<(f64, f64)> = report
            .records
            .chunks(WINDOW)
            .enumerate()
            .map(|(n, records)| {
                let middle = (n * WINDOW) as f64 + records.len() as f64 / 2.0;
                (costs.x(middle), costs.y(records.iter().map(of).sum::<f64>() / records.len() as f64))
            })
            .collect();
        line(&mut svg, &points, colour, dashes);
    };
    mean(&flooding, FLOODING, "");
    mean(&notes, NOTES, "4 3");
    mean(&|record| record.copies as f64 / needed, OURS, "");
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String, entries: &[(&str, &str)]) {
    for (n, (colour, name)) in entries.iter().enumerate() {
        let x = RIGHT - 352.0 + 110.0 * n as f64;
        line(svg, &[(x, 76.0), (x + 18.0, 76.0)], colour, if *colour == NOTES { "4 3" } else { "" });
        text(svg, x + 24.0, 80.0, "start", "400", name);
    }
}

/// Round numbers from 0 to `highest`, four to ten of them.
fn round(highest: f64) -> impl Iterator<Item = f64> {
    let power = 10_f64.powf((highest / 4.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().rfind(|step| highest / step >= 4.0);
    let step = step.unwrap_or(power);
    (0_u32..)
        .map(move |n| (f64::from(n) * step * 1e6).round() / 1e6)
        .take_while(move |value| *value <= highest && step > 0.0)
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, weight: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-weight=\"{weight}\">{words}</text>"
    );
}

fn line(svg: &mut String, points: &[(f64, f64)], colour: &str, dashes: &str) {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let width = if colour.starts_with("#e") { 1.0 } else { 2.0 };
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-dasharray=\"{dashes}\"/>",
        points.join(" ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scenario, run};

    #[test]
    fn axes_are_marked_at_round_numbers() {
        assert_eq!(round(100.0).collect::<Vec<_>>(), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(round(4.4).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0, 4.0]);
        for highest in [0.3, 1.0, 7.0, 49.0, 312.5, 90_000.0] {
            let count = round(highest).count();
            assert!((4..=11).contains(&count), "{count} marks up to {highest}");
        }
    }

    #[test]
    fn a_line_of_nodes_is_drawn_with_all_its_words_escaped() {
        let text = "about = \"A & B < C\"\nnodes = 4\nmessages = 30\nevery_ms = 100\ndelay_ms = [1, 9]\ngraph = { kind = \"line\" }";
        let report = run(&Scenario::parse(text).expect("a scenario"), 1).expect("it runs");
        let svg = plot(&report);
        assert!(svg.contains("A &amp; B &lt; C"));
        assert_eq!(svg.matches("<polyline").count(), svg.matches("/>").count() - 1, "each line is whole");
        // All arrives, so our line ends at the top of its panel.
        assert!(svg.lines().any(|line| line.contains(OURS) && line.contains("736.0,110.0")), "{svg}");
    }
}
