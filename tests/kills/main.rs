//! `kill -9` at every named write point and at random moments: nothing acknowledged is lost, no feed forks.
//!
//! Acknowledged is what `publish` has answered with an id, which is what `peri post` prints.

mod chain;
mod old_copy;
#[path = "../nodes/peri.rs"]
#[allow(dead_code)] // Shared with `tests/nodes`, which uses all of it.
mod peri;
mod random_moments;
mod write_points;
