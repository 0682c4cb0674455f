//! `peri serve` on a host, and what people see there.

use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use app::rpc::{Client, Request};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::hosts::Host;
use crate::peri::{Person, binary};

/// A node on a host; killed when dropped.
pub(crate) struct Serving {
    child: Child,
}

impl Serving {
    /// Starts a node with everything as a person has it, and waits until it is ready.
    pub(crate) fn start(host: &Host, person: &Person) -> Self {
        let mut command = host.command(&binary().display().to_string());
        command.arg("--dir").arg(person.folder()).arg("serve").stdout(Stdio::piped());
        let mut serving = Self { child: command.spawn().expect("peri runs") };
        let stdout = serving.child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("readable");
        let ready: Value = serde_json::from_str(&line).expect("the first line is JSON");
        assert_eq!(ready["id"], person.id.as_str(), "{line}");
        serving
    }

    /// Kills it at once: no goodbye, nothing saved.
    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        self.child.wait().expect("it ends");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Person {
    /// Whether the other's device is linked.
    pub(crate) fn sees(&self, other: &Person) -> bool {
        self.peers().iter().any(|peer| peer["id"] == other.id.as_str())
    }

    /// Whether the other's device says that somebody uses it.
    pub(crate) fn sees_at_work(&self, other: &Person) -> bool {
        self.peers().iter().any(|peer| peer["id"] == other.id.as_str() && peer["here"] == true)
    }

    /// Tells the running node whether somebody uses the device, as a window does.
    pub(crate) fn attends(&self, attended: bool) {
        let told = async {
            let mut line = Client::connect(&self.folder()).await.expect("the node answers");
            line.call::<()>(&Request::Attend { attended }).await.expect("told");
        };
        Runtime::new().expect("a runtime").block_on(told);
    }

    /// Whether so many devices are linked, and nothing is left to send or to receive.
    pub(crate) fn is_level_with(&self, count: usize) -> bool {
        let peers = self.peers();
        peers.len() == count && peers.iter().all(|peer| peer["flow"].to_string().to_lowercase().contains("level"))
    }

    /// Whether a post is in the timeline.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.texts().iter().any(|shown| shown == text)
    }

    fn peers(&self) -> Vec<Value> {
        let peers = self.json(&["peers", "--json"]);
        peers["peers"].as_array().expect("an array").clone()
    }
}

/// Everybody follows everybody.
pub(crate) fn all_follow_all(people: &[&Person]) {
    for person in people {
        for other in people.iter().filter(|other| other.id != person.id) {
            person.ok(&["follow", &other.id]);
        }
    }
}

/// Waits until it is so, at most so long; how long it took.
pub(crate) fn within(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        let asked = begun.elapsed();
        if is_so() {
            // When it was asked, it was so: how long the answers took does not count.
            return asked;
        }
        assert!(asked < limit, "within {limit:?} it should be so: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Gives a host another address.
pub(crate) fn change_address(host: &Host, old: &str, new: &str) {
    for arguments in [["address", "delete", old], ["address", "add", new]] {
        run(host, &[&arguments[..], &["dev", "eth0"]].concat());
    }
}

/// Bytes that crossed the host's cable, both ways.
pub(crate) fn octets(host: &Host) -> u64 {
    let shown = run(host, &["-json", "-statistics", "link", "show", "dev", "eth0"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let count = |way: &str| shown[0]["stats64"][way]["bytes"].as_u64().expect("a count");
    count("rx") + count("tx")
}

fn run<A: AsRef<std::ffi::OsStr> + Debug>(host: &Host, arguments: &[A]) -> String {
    let output = host.command("ip").args(arguments).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
