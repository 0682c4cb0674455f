//! Child processes whose time and memory are taken.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// How often the memory of a running child is read. The system keeps the highest figure itself, so that only what is taken
/// in the last moments before the end can be missed.
const LOOK: Duration = Duration::from_millis(10);

/// How a child went.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Its lines on stdout, each with the time from the start to when it came.
    pub(crate) lines: Vec<(Duration, String)>,
    /// From before it was started to after it ended.
    pub(crate) wall: Duration,
    /// The most memory it had at once, in bytes (`VmHWM`); 0 where the system does not say.
    pub(crate) peak_bytes: u64,
}

impl Finished {
    /// The last line on stdout; empty when there is none.
    pub(crate) fn last_line(&self) -> &str {
        self.lines.last().map_or("", |(_, line)| line)
    }

    /// When the last line came.
    pub(crate) fn told(&self) -> Duration {
        self.lines.last().map_or(self.wall, |(at, _)| *at)
    }
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started, or fails: then with the last it wrote to stderr.
pub(crate) fn run(command: &mut Command) -> Result<Finished, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start { name: name.clone(), source })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let lines = thread::spawn(move || {
        let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
        lines.map_while(Result::ok).map(|line| (begun.elapsed(), line)).collect::<Vec<_>>()
    });
    let complaints = thread::spawn(move || {
        let mut text = Vec::new();
        // What cannot be read is not shown; the child's own exit code decides.
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    });
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_bytes = 0;
    let status = loop {
        peak_bytes = peak_bytes.max(peak(&status_file));
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(LOOK),
        }
    };
    let wall = begun.elapsed();
    let lines = lines.join().unwrap_or_default();
    let complaints = complaints.join().unwrap_or_default();
    if !status.success() {
        return Err(Error::Child { name, status: describe(status), said: last_lines(&complaints) });
    }
    Ok(Finished { lines, wall, peak_bytes })
}

/// The highest memory of the process that `status_file` is about, in bytes.
fn peak(status_file: &str) -> u64 {
    let Ok(status) = fs::read_to_string(status_file) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix("kB")).and_then(|number| number.trim().parse().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// The end of what a child complained about, enough to see why.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_memory_and_time_of_a_child_are_known() {
        let finished = run(Command::new("sh").args(["-c", "echo one; echo two; sleep 0.05"])).expect("it runs");
        assert_eq!(finished.last_line(), "two");
        assert!(finished.told() < finished.wall);
        assert!(finished.peak_bytes > 100_000, "{}", finished.peak_bytes);
    }

    #[test]
    fn a_child_that_fails_says_why() {
        let error = run(Command::new("sh").args(["-c", "echo no bread >&2; exit 3"])).expect_err("it fails");
        let said = error.to_string();
        assert!(said.contains("exit code 3") && said.contains("no bread"), "{said}");
    }
}
