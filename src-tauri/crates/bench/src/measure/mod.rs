//! The parts of a run. Each fills one [`Section`] and can be run alone.

mod checks;
mod cost;
mod files;
mod ingest;
mod keys;
mod pages;
mod peers;
mod room;
mod search;
mod start;
mod stores;
mod sync;

use std::path::PathBuf;

pub(crate) use crate::report::grouped;
use crate::{
    Error, Reference,
    report::{Figure, Goal, Section},
};

pub use stores::Stores;

/// What is measured, in the order in which it is.
pub const PARTS: &[Part] = &[
    Part { name: "ingest", title: "First sync from a file" },
    Part { name: "memory", title: "Memory while messages come in" },
    Part { name: "sync", title: "First sync from a neighbour" },
    Part { name: "files", title: "Files from neighbours" },
    Part { name: "pages", title: "What screens ask" },
    Part { name: "search", title: "Search" },
    Part { name: "start", title: "Opening" },
    Part { name: "disk", title: "Room on the disk" },
    Part { name: "cost", title: "One more message" },
];

/// One part.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub title: &'static str,
}

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Sets of messages, stores, the reference's packages: `target/bench`.
    pub folder: PathBuf,
    /// The headless node that is measured.
    pub peri: PathBuf,
    /// The stack beside it.
    pub reference: Reference,
    /// Messages of the large store.
    pub messages: usize,
    /// Messages of the ingest runs.
    pub ingest: usize,
    /// How often an ingest is run; the median counts.
    pub runs: usize,
    /// Whether this is the short form for checks: small sizes, and goals only for what is the same on every machine.
    pub short: bool,
    /// Whether stores that an earlier run left are taken as they are.
    pub keep: bool,
}

impl Setup {
    /// A figure with a goal that depends on the machine: it counts in the long form only.
    pub(crate) fn goal(&self, figure: Figure, goal: Goal) -> Figure {
        if self.short { figure } else { figure.goal(goal) }
    }
}

/// Runs one part.
///
/// # Errors
/// When something that is needed fails; the figures so far are in the section.
pub async fn run(part: &Part, stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    match part.name {
        "ingest" => ingest::measure(stores, section).await,
        "memory" => ingest::memory(stores, section).await,
        "sync" => sync::measure(stores, section).await,
        "files" => files::measure(stores, section).await,
        "pages" => pages::measure(stores, section).await,
        "search" => search::measure(stores, section).await,
        "start" => start::measure(stores, section).await,
        "disk" => room::measure(stores, section).await,
        "cost" => cost::measure(stores, section).await,
        name => Err(Error::Wrong(format!("there is no part {name}"))),
    }
}
