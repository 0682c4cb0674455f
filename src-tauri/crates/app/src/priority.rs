//! Which threads go first where all cores are busy.

/// How far the threads of a node stand back behind a window, in steps of nice(2), from -20 to 19; 0 is usual. Where both want the processor
/// the window gets three times as much: a node that catches up wants all there is, and a window that waits its turn drops frames.
pub const BEHIND_THE_WINDOW: i32 = 5;

/// Those that check a large batch: the window and the loop get nine tenths, also where the loop itself has [`BEHIND_THE_WINDOW`].
pub(crate) const BEHIND_THE_LOOP: i32 = 15;

/// Lets others go first, for the thread that calls it and those that it starts. Where nobody waits it changes nothing. Linux alone: there a
/// thread has a priority of its own (setpriority(2), “C library/kernel differences”), elsewhere it would be that of the whole program.
pub fn stand_back(steps: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, steps) {
        tracing::debug!(%error, steps, "a thread keeps its priority");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stands_back_with_those_that_it_starts_and_nobody_else() {
        let of_this_thread = || rustix::process::getpriority_process(None).expect("a priority");
        let before = of_this_thread();
        let stand_back = move || {
            stand_back(before + 2);
            (of_this_thread(), std::thread::spawn(of_this_thread).join().expect("it only looks"))
        };
        let seen = std::thread::spawn(stand_back).join().expect("it only looks");
        assert_eq!((seen, of_this_thread()), ((before + 2, before + 2), before));
    }
}
