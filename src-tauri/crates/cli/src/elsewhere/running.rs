//! Whether the classic app runs on its folder, as far as that can be seen from outside.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::folder::Log;

/// The port on which classic apps answer (ssb-server's default).
const PORT: u16 = 8008;

/// How long the port may take to answer: it is on this machine.
const ANSWER: Duration = Duration::from_millis(200);

/// An app that runs writes what it receives; a log written in this time may be in use.
const JUST_NOW: Duration = Duration::from_secs(60);

/// A sign that an app runs on the folder, in words that end a sentence.
pub(crate) fn sign(folder: &Path, logs: &[Log], now: SystemTime) -> Option<String> {
    if let Some(program) = holder(folder) {
        return Some(format!("{program} has files of it open"));
    }
    if UnixStream::connect(folder.join("socket")).is_ok() {
        return Some("something answers at its socket".to_owned());
    }
    // A clock that went back makes files of the future; they are not older than a moment either.
    let fresh = |log: &&Log| log.written.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age < JUST_NOW));
    if let Some(log) = logs.iter().find(fresh) {
        return Some(format!("{} was written a moment ago", log.name));
    }
    let port = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    TcpStream::connect_timeout(&port, ANSWER)
        .is_ok()
        .then(|| format!("something answers at port {PORT} of this machine, where classic apps do"))
}

/// A log that is not as it was when it was looked through: something writes there, and nobody knows how far the feed goes.
pub(crate) fn changed(logs: &[Log]) -> Option<&Log> {
    logs.iter().find(|log| {
        let same = fs::metadata(&log.path).map(|now| now.len() == log.bytes && now.modified().ok() == log.written);
        !same.unwrap_or(false)
    })
}

/// A program of this user, other than this one, that has files in `folder` open.
#[cfg(target_os = "linux")]
fn holder(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder).ok()?;
    let own = std::process::id().to_string();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let is_other = name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()) && name != own);
        // Those of other users cannot be looked into.
        let Ok(files) = fs::read_dir(process.path().join("fd")).map(Iterator::flatten) else { continue };
        if is_other && files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.starts_with(&folder)) {
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {})", program.trim(), name.display()));
        }
    }
    None
}

/// Elsewhere the other signs have to do.
#[cfg(not(target_os = "linux"))]
fn holder(_: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use classic::Form;

    use super::*;

    fn log(path: &Path, written: SystemTime) -> Log {
        let (path, name) = (path.join("log"), "log".to_owned());
        Log { path, name, form: Form::Lines, skip: 0, bytes: 1, written: Some(written) }
    }

    #[test]
    fn a_log_that_was_just_written_and_a_socket_that_answers_are_signs() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let now = SystemTime::now();
        let sign_of = |age: u64| sign(home.path(), &[log(home.path(), now - Duration::from_secs(age))], now);
        assert!(sign_of(5).expect("a sign").contains("a moment ago"));
        let socket = home.path().join("socket");
        let listener = UnixListener::bind(&socket).expect("a socket");
        assert!(sign_of(500).expect("a sign").contains("socket"));
        drop(listener);
        // A program that another test begins at this moment holds the socket too, until it runs.
        let patience = std::time::Instant::now() + Duration::from_secs(5);
        while UnixStream::connect(&socket).is_ok() {
            assert!(std::time::Instant::now() < patience, "nobody answers any more");
            std::thread::sleep(Duration::from_millis(5));
        }
        let left = sign_of(500).unwrap_or_default();
        assert!(!left.contains("socket") && !left.contains("a moment ago"), "{left}");
    }

    #[test]
    fn a_log_that_grew_or_went_away_after_it_was_looked_through_is_found() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let path = home.path().join("log");
        fs::write(&path, b"x").expect("a file");
        let logs = [log(home.path(), fs::metadata(&path).and_then(|file| file.modified()).expect("a time"))];
        assert_eq!(changed(&logs), None);
        fs::write(&path, b"xy").expect("a file");
        assert_eq!(changed(&logs), Some(&logs[0]), "it grew");
        fs::remove_file(&path).expect("is removed");
        assert_eq!(changed(&logs), Some(&logs[0]), "it is gone");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_that_has_a_file_open_is_named() {
        let home = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(holder(home.path()), None);
        let file = fs::File::create(home.path().join("log")).expect("a file");
        assert_eq!(holder(home.path()), None, "this program does not count");
        let mut reader = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("cat runs");
        let found = holder(home.path());
        drop(reader.stdin.take());
        reader.wait().expect("cat ends");
        assert_eq!(found, Some(format!("cat (process {})", reader.id())));
    }
}
