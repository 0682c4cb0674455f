//! `peri doctor`: looks whether a folder is whole, and mends it.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use app::doctor::{self, Depth, Finding, Repair, Report, Watch};
use app::rpc::{Client, Request};
use app::status::Status;
use app::view::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{Ended, show, show_or_json};

pub(crate) async fn run(folder: &Path, quick: bool, repair: bool, json: bool) -> Result<(), Ended> {
    if let Some(client) = Client::connect(folder).await {
        return refuse(folder, client, json).await;
    }
    let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}")?);
    let whole = if repair {
        let repair = doctor::repair(folder, watch(&bar)?).await?;
        bar.finish_and_clear();
        show_or_json(json, &repair, show_repair)?;
        repair.after.is_whole()
    } else {
        let depth = if quick { Depth::Quick } else { Depth::Full };
        let report = doctor::examine(folder, depth, watch(&bar)?).await?;
        bar.finish_and_clear();
        show_or_json(json, &report, show_report)?;
        report.is_whole()
    };
    if whole { Ok(()) } else { Err(Ended::Found) }
}

/// A node runs on the folder: says what it says of itself, and what to do.
async fn refuse(folder: &Path, mut client: Client, json: bool) -> Result<(), Ended> {
    let status: Status = client.call(&Request::Status {}).await?;
    if json {
        crate::print_json(&InUse { in_use: true, status: &status })?;
    } else {
        eprintln!("{}\n", show::status(&status));
    }
    let mut failure = Failure::busy(folder);
    failure.next = "That is all that can be said while it runs: close it, then run `peri doctor` again.".into();
    Err(Ended::InUse(failure))
}

/// `peri doctor --json` while something runs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InUse<'a> {
    in_use: bool,
    status: &'a Status,
}

/// Shows on a terminal how far it is.
fn watch(bar: &ProgressBar) -> Result<Watch, Failure> {
    let (known, unknown) = (style("{spinner} {msg} {bar:30} {percent}%")?, style("{spinner} {msg}")?);
    let bar = bar.clone();
    Ok(Arc::new(move |what, done, total| {
        bar.set_style(if total > 0 { known.clone() } else { unknown.clone() });
        bar.set_message(what);
        bar.set_length(total);
        bar.set_position(done);
        bar.tick();
    }))
}

fn style(template: &str) -> Result<ProgressStyle, Failure> {
    ProgressStyle::with_template(template).map_err(Failure::internal)
}

fn show_report(report: &Report) -> String {
    let mut text = report.notes.join("\n");
    let findings = &report.findings;
    match findings.len() {
        0 => text.push_str("\n\nAll is whole."),
        1 => text.push_str("\n\nOne thing is not as it should be:"),
        count => drop(write!(text, "\n\n{count} things are not as they should be:")),
    }
    findings.iter().for_each(|finding| show_finding(finding, &mut text));
    text
}

fn show_finding(finding: &Finding, text: &mut String) {
    let _ = write!(text, "\n\n- {}\n  {}\n  {}", finding.what, finding.means, finding.next);
}

fn show_repair(repair: &Repair) -> String {
    let mut text = match repair.before.findings.len() {
        0 => "Nothing had to be mended.".to_owned(),
        count => format!("Found: {count}."),
    };
    repair.before.findings.iter().for_each(|finding| {
        let _ = write!(text, "\n- {}", finding.what);
    });
    if !repair.done.is_empty() {
        let _ = write!(text, "\n\nDone:\n- {}", repair.done.join("\n- "));
    }
    if !repair.lost.is_empty() {
        text.push_str("\n\nLost here, until somebody who has them is near:");
        for lost in &repair.lost {
            let _ = match lost.from == lost.through {
                true => write!(text, "\n- message {} of {}", lost.from, lost.feed),
                false => write!(text, "\n- messages {} to {} of {}", lost.from, lost.through, lost.feed),
            };
        }
    }
    if repair.kept > 0 {
        let _ = write!(
            text,
            "\n\n{} messages that come after lost ones were saved in salvaged.ndjson. They take their place by themselves.",
            repair.kept
        );
    }
    let _ = write!(text, "\n\nNow:\n{}", show_report(&repair.after));
    text
}
