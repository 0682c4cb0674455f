//! Asks the JavaScript implementations (`tests/feed/reference`).

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::data;

/// The folder of the reference, its packages installed.
pub(crate) fn install() -> Result<PathBuf, String> {
    static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let folder = data::path("tests/feed/reference");
            // npm writes this file last.
            if folder.join("node_modules/.package-lock.json").exists() {
                return Ok(folder);
            }
            let done = Command::new("npm")
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder)
                .stdout(Stdio::null())
                .status();
            match done {
                Ok(status) if status.success() => Ok(folder),
                Ok(status) => Err(format!("npm ci in {} ended with {status}", folder.display())),
                Err(error) => Err(format!("npm cannot be started: {error}")),
            }
        })
        .clone()
}

/// One answer for each question; see `answer.js` for what can be asked.
pub(crate) fn ask(questions: &[Value]) -> Vec<Value> {
    let folder = install().unwrap_or_else(|error| panic!("the JavaScript reference is missing: {error}"));
    let mut child = Command::new("node")
        .arg("answer.js")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node can be started");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("node ends");
    writer.join().expect("the writer ends").expect("node reads every question");
    assert!(output.status.success(), "node ended with {}", output.status);
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
        .collect();
    assert_eq!(answers.len(), questions.len());
    answers
}
