//! The runtime of the node, whose threads give way to those that draw the window.

use std::io;

use app::priority::{BEHIND_THE_WINDOW, stand_back};
use tokio::runtime::{Builder, Runtime};

/// Starts the runtime. It is never dropped: that would wait for the node, which may not be able to end where the window could not open.
///
/// # Errors
/// When the system has no threads left.
pub(crate) fn start() -> io::Result<&'static Runtime> {
    let mut threads = Builder::new_multi_thread();
    threads.enable_all().thread_name("node").on_thread_start(|| stand_back(BEHIND_THE_WINDOW));
    Ok(Box::leak(Box::new(threads.build()?)))
}
