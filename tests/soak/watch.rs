//! What nodes take up while they run.

use std::time::{Duration, Instant};

use crate::peri::Node;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// What memory may differ by from the second third of the time to the last: posts come in, and each table of their authors grows.
const GROWS: u64 = 6 << 20;
/// What handles may differ by: links of the moment.
const HANDLES: u64 = 8;

#[derive(Clone, Copy)]
struct Look {
    /// Of the time, from 0 to 1.
    at: f64,
    /// Resident bytes.
    memory: u64,
    /// Open file handles.
    handles: u64,
}

/// Looks at nodes, again and again.
pub(crate) struct Watch {
    looks: Vec<Vec<Look>>,
    last: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { looks: vec![Vec::new(); nodes], last: None }
    }

    /// Looks, unless it has just looked; `at` says how much of the time has passed, from 0 to 1.
    pub(crate) fn look<'a>(&mut self, at: f64, nodes: impl Iterator<Item = &'a Node>) {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        for (looks, node) in self.looks.iter_mut().zip(nodes) {
            let handles = std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("it runs").count() as u64;
            looks.push(Look { at, memory: node.memory(), handles });
        }
    }

    /// Tells what was seen, and that it does not grow.
    pub(crate) fn is_flat(&self) {
        let mut grown = Vec::new();
        for (n, looks) in self.looks.iter().enumerate() {
            let median = |third: usize, of: fn(&Look) -> u64| {
                let mut seen: Vec<u64> =
                    looks.iter().filter(|look| (look.at * 3.0) as usize == third).map(of).collect();
                seen.sort_unstable();
                seen.get(seen.len() / 2).copied().expect("it was looked at")
            };
            let memory = [0, 1, 2].map(|third| median(third, |look| look.memory));
            let handles = [0, 1, 2].map(|third| median(third, |look| look.handles));
            println!(
                "person {n}: {:?} MB, {handles:?} handles, medians of each third",
                memory.map(|bytes| bytes >> 20)
            );
            if memory[2] > memory[1] + GROWS || handles[2] > handles[1] + HANDLES {
                grown.push(n);
            }
        }
        assert!(grown.is_empty(), "these grew: {grown:?}");
    }
}
