//! The runtime of the node, whose threads give way to those that draw the window.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// How far the node stands back, in steps of `nice(1)`: where both want the processor, the window gets three times as much. A node
/// that catches up wants all there is, and a window that waits its turn drops frames.
#[cfg(target_os = "linux")]
const STANDS_BACK: i32 = 5;

/// Starts the runtime. It is never dropped: that would wait for the node, which may not be able to end where the window could not open.
///
/// # Errors
/// When the system has no threads left.
pub(crate) fn start() -> io::Result<&'static Runtime> {
    let runtime = Builder::new_multi_thread().enable_all().thread_name("node").on_thread_start(stand_back).build()?;
    Ok(Box::leak(Box::new(runtime)))
}

/// For the thread that calls it, and those that it starts. Linux alone: elsewhere the same call is about the whole process.
fn stand_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, STANDS_BACK) {
        tracing::debug!(%error, "the node has the same priority as the window");
    }
}
