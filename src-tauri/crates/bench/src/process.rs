//! Child processes whose time and memory are taken.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

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

/// How long a companion may take for a line: longer than the slowest thing that is asked of one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A child that stays: it writes a JSON object a line, unasked or as the answer to a line. Killed when dropped.
pub(crate) struct Companion {
    name: String,
    child: tokio::process::Child,
    /// None once no more is asked.
    stdin: Option<tokio::process::ChildStdin>,
    lines: tokio::io::Lines<tokio::io::BufReader<tokio::process::ChildStdout>>,
    complaints: tokio::task::JoinHandle<String>,
}

impl Companion {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(command: Command) -> Result<Self, Error> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|source| Error::Start { name: name.clone(), source })?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::Wrong(format!("{name} has no pipes")));
        };
        let complaints = tokio::spawn(async move {
            let mut text = Vec::new();
            // What cannot be read is not shown.
            let _ = stderr.read_to_end(&mut text).await;
            String::from_utf8_lossy(&text).into_owned()
        });
        let lines = tokio::io::BufReader::new(stdout).lines();
        Ok(Self { name, stdin: child.stdin.take(), child, lines, complaints })
    }

    /// The next line it writes.
    ///
    /// # Errors
    /// When it ends before, with the last it wrote to stderr; or is silent for ten minutes.
    pub(crate) async fn says<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let Ok(line) = tokio::time::timeout(PATIENCE, self.lines.next_line()).await else {
            return Err(Error::Wrong(format!("{} said nothing for {} s", self.name, PATIENCE.as_secs())));
        };
        if let Some(line) = line? {
            return Ok(serde_json::from_str(&line)?);
        }
        let status = describe(self.child.wait().await?);
        let said = (&mut self.complaints).await.unwrap_or_default();
        Err(Error::Child { name: self.name.clone(), status, said: last_lines(&said) })
    }

    /// What it answers to a line.
    ///
    /// # Errors
    /// As [`Self::says`].
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T, Error> {
        if let Some(stdin) = &mut self.stdin {
            // One that has ended takes no line, and says why where the answer is read.
            let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
        }
        self.says().await
    }

    /// The most memory it ever had at once, in bytes; 0 once it has ended.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.child.id().map_or(0, |id| peak(&format!("/proc/{id}/status")))
    }

    /// Lets it end in good order: no more lines come, and `signal` if it wants one.
    ///
    /// # Errors
    /// When it does not end well, or not within ten minutes.
    pub(crate) async fn end(mut self, signal: Option<Signal>) -> Result<(), Error> {
        self.stdin = None;
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let (Some(pid), Some(signal)) = (pid, signal) {
            kill_process(pid, signal).map_err(std::io::Error::from)?;
        }
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            return Err(Error::Wrong(format!("{} does not end", self.name)));
        };
        let status = status?;
        if status.success() {
            return Ok(());
        }
        let said = (&mut self.complaints).await.unwrap_or_default();
        Err(Error::Child { name: self.name.clone(), status: describe(status), said: last_lines(&said) })
    }
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

    #[tokio::test]
    async fn a_companion_answers_until_it_ends_and_then_says_why() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 1; read line; echo $line; echo no bread >&2; exit 3"]);
        let mut companion = Companion::start(command).expect("it starts");
        assert_eq!(companion.says::<u32>().await.expect("a line"), 1);
        assert!(companion.peak_bytes() > 100_000, "{}", companion.peak_bytes());
        assert_eq!(companion.ask::<u32>("2").await.expect("an answer"), 2);
        let said = companion.ask::<u32>("3").await.expect_err("it has ended").to_string();
        assert!(said.contains("exit code 3") && said.contains("no bread"), "{said}");
    }

    #[test]
    fn a_child_that_fails_says_why() {
        let error = run(Command::new("sh").args(["-c", "echo no bread >&2; exit 3"])).expect_err("it fails");
        let said = error.to_string();
        assert!(said.contains("exit code 3") && said.contains("no bread"), "{said}");
    }
}
