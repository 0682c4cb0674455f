//! How much memory a long import keeps.
//!
//! The GNU C library keeps free memory apart for each of many threads. Messages are made on one thread and freed on another,
//! so that in an import of millions each thread's part grows to what all of them need, and the process to twice as much.
//! How many parts there are is read from the environment, once, when a process begins.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What the C library reads (`mallopt(3)`).
const PARTS: &str = "MALLOC_ARENA_MAX";

/// Enough that two cores seldom wait for each other.
const FEW: &str = "2";

/// Begins this process anew with few parts, unless somebody has chosen. It stays the same process, with the same streams; where
/// that cannot be it goes on with more memory.
pub(crate) fn keep_together() {
    if !cfg!(target_env = "gnu") || env::var_os(PARTS).is_some() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    // Returns only when it failed.
    let error = Command::new(program).arg0(name).args(arguments).env(PARTS, FEW).exec();
    tracing::warn!(%error, "an import may take more memory than it needs");
}
