//! Named places between writes where a test may kill the process.
//!
//! In builds with debug assertions `PERIWINKLE_KILL_AT=name` (or `name:n`) makes the process send itself SIGKILL when it
//! passes the point of that name (for the n-th time, counted from 1). In other builds nothing is compiled in.

/// Passes the write point `name`. The store's own: `before-journal`, `after-journal`, `before-commit`, `after-commit`.
#[cfg(not(debug_assertions))]
#[inline]
pub fn write_point(_name: &'static str) {}

/// Passes the write point `name`. The store's own: `before-journal`, `after-journal`, `before-commit`, `after-commit`.
#[cfg(debug_assertions)]
pub fn write_point(name: &'static str) {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    static WANTED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSES: AtomicU64 = AtomicU64::new(0);

    let wanted = WANTED.get_or_init(|| {
        let setting = std::env::var("PERIWINKLE_KILL_AT").ok()?;
        Some(match setting.split_once(':') {
            Some((name, pass)) => (name.to_owned(), pass.parse().unwrap_or(1)),
            None => (setting, 1),
        })
    });
    if let Some((at, pass)) = wanted
        && at == name
        && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == *pass
    {
        // As if the power went: nothing unwinds, nothing is flushed.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
