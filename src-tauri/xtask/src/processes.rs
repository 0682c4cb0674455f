//! Child processes that cannot hang the checks: each has a time limit, and nothing that it started outlives it.
//!
//! A process group is not enough here, because the checks start hosts, browsers and nodes in groups of their own.
//! So every child carries a mark in its environment, which all its descendants inherit, and [`end_marked`] ends
//! whoever still carries it. The children stay in our own group, so that Ctrl-C in a terminal reaches them too.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The environment variable that marks a child and everything it starts.
const MARK: &str = "PERIWINKLE_CHECK";

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How a child ended, and all that it printed.
pub(crate) struct Finished {
    /// Whether it ended by itself with exit code 0.
    pub(crate) success: bool,
    /// What it printed on both streams, line by line as it came.
    pub(crate) output: String,
}

/// Runs `command` without input, printing its output as it comes and keeping it; ends it after `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Finished {
    watch(command, limit, true)
}

/// The same without printing: for questions whose answer only the program reads.
pub(crate) fn ask(command: &mut Command, limit: Duration) -> Finished {
    watch(command, limit, false)
}

fn watch(command: &mut Command, limit: Duration, print: bool) -> Finished {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    command.env(MARK, &mark);
    forget_our_package(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let line = format!("{}: could not be started: {error}\n", command.get_program().to_string_lossy());
            if print {
                eprint!("{line}");
            }
            return Finished { success: false, output: line };
        }
    };
    let kept = Arc::new(Mutex::new(String::new()));
    let readers: Vec<_> = [child.stdout.take().map(boxed), child.stderr.take().map(boxed)]
        .into_iter()
        .flatten()
        .map(|stream| {
            let kept = Arc::clone(&kept);
            thread::spawn(move || forward(stream, &kept, print))
        })
        .collect();

    let ended = wait(&mut child, limit);
    let left = end_marked(&mark);
    let _ = child.wait();
    for reader in readers {
        let _ = reader.join();
    }
    let mut output = kept.lock().map(|kept| kept.clone()).unwrap_or_default();
    let mut note = |line: String| {
        if print {
            println!("{line}");
        }
        output.push_str(&line);
        output.push('\n');
    };
    if ended.is_none() {
        note(format!("stopped: it did not end within {} s", limit.as_secs()));
    } else if left > 0 {
        note(format!("{left} processes were still running after it and were ended"));
    }
    Finished { success: ended == Some(true), output }
}

/// Whether the child succeeded; nothing when it was still running after `limit`.
fn wait(child: &mut Child, limit: Duration) -> Option<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => thread::sleep(LOOK),
            Err(_) => return Some(false),
        }
    }
    None
}

fn boxed(stream: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(stream)
}

fn forward(stream: Box<dyn Read + Send>, kept: &Mutex<String>, print: bool) {
    let mut lines = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        if print {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(&line).and_then(|()| out.flush());
        }
        if let Ok(mut kept) = kept.lock() {
            kept.push_str(&String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}

/// Ends every process that carries `mark` and says how many there were.
///
/// A process that is being started while we look can be missed, so it looks again until nobody is left.
fn end_marked(mark: &str) -> usize {
    const ROUNDS: usize = 20;
    let mark = format!("{MARK}={mark}");
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let pids = marked(&mark);
        if pids.is_empty() {
            break;
        }
        ended = ended.max(pids.len());
        // The shell's own `kill`: a small image has no other.
        let _ = Command::new("sh").args(["-c", "kill -9 \"$@\" 2>/dev/null", "sh"]).args(&pids).status();
        thread::sleep(LOOK);
    }
    ended
}

/// The living processes whose environment holds `mark`.
fn marked(mark: &str) -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| {
            // A zombie's environment reads as empty, so those that only wait to be reaped do not count.
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
        })
        .collect()
}

/// Takes away what `cargo run` tells a program about its own package, so that a cargo below sees a clean environment.
pub(crate) fn forget_our_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_CRATE_NAME" {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{ask, marked};

    #[test]
    fn a_child_that_never_ends_is_stopped_with_everything_it_started() {
        let begun = Instant::now();
        let mut endless = Command::new("sh");
        endless.args(["-c", "echo begun; setsid sleep 1000 & exec sleep 1000"]);
        let finished = ask(&mut endless, Duration::from_millis(400));
        assert!(!finished.success);
        assert!(finished.output.starts_with("begun\nstopped:"), "{}", finished.output);
        assert!(begun.elapsed() < Duration::from_secs(20), "its pipes were closed");
    }

    #[test]
    fn what_a_child_leaves_behind_is_ended() {
        let mut careless = Command::new("sh");
        careless.args(["-c", "setsid sleep 1000 & echo done"]);
        let finished = ask(&mut careless, Duration::from_secs(20));
        assert!(finished.success);
        assert!(finished.output.contains("1 processes were still running"), "{}", finished.output);
    }

    #[test]
    fn nobody_carries_a_mark_that_was_never_given() {
        assert_eq!(marked("PERIWINKLE_CHECK=nobody"), Vec::<String>::new());
    }
}
