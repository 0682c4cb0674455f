//! Many whole peers in one process: virtual time, links that delay and break, real signatures, real bytes.
//!
//! Pure: no clock, socket, disk or ambient randomness; a run is a function of its [`Scenario`] and seed. Where the real
//! disk and network would be, there is a host in memory. There is no IO here at all; callers read scenario files and
//! print reports.
//!
//! Bytes cross between the nodes, never structs, so every run exercises the codecs. Time jumps to the next deadline.
//!
//! # The model
//!
//! A link is a reliable, ordered stream, as TCP or QUIC give one: each frame arrives after the link's delay. What a bad
//! network does to such a stream is to break it: frames on their way are lost with the link, and it comes back later. The
//! store answers after [`Scenario::store_ms`]; bandwidth and the time that computing takes are not modelled.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod flood;
mod graph;
mod host;
mod plot;
mod report;
mod scenario;
mod tally;
mod wiretap;
mod world;

pub use plot::plot;
pub use report::{Latency, Phase, Report, Traffic};
pub use scenario::{Cut, Graph, Partition, Resets, Scenario, ScenarioError};

/// Runs `scenario` with every random choice drawn from `seed`.
///
/// # Errors
///
/// [`ScenarioError`] when the scenario asks for something impossible, such as an odd number of link ends, or for more than a node
/// does.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Report, ScenarioError> {
    scenario.check()?;
    world::World::new(scenario, seed)?.run()
}
