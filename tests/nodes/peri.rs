//! Real `peri` processes, each with a folder of its own, and questions to them over their sockets.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use app::rpc::{Client, Request};
use app::status::{Exported, Peers, Row, Status};
use app::view::{Draft, Failure};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything that has to happen may take on a busy machine before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, built first, so that a test never runs an old one. `cargo xtask test` has built everything already and says so.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if std::env::var_os("PERIWINKLE_BUILT").is_none() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "cli"]);
            // What cargo tells a test about its own package would make some build scripts run again each time.
            for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
                build.env_remove(name);
            }
            assert!(build.status().expect("cargo runs").success(), "peri does not build");
        }
        let tests = std::env::current_exe().expect("this test has a path");
        tests.parent().and_then(Path::parent).expect("target/debug/deps").join("peri")
    })
}

/// A person: a folder with a key.
pub(crate) struct Person {
    /// Removes the folder in the end, where that is ours to do.
    _home: Option<TempDir>,
    folder: PathBuf,
    pub(crate) id: String,
}

impl Person {
    /// Begins in a new folder.
    pub(crate) fn new(name: &str) -> Self {
        Self::begin(&["init", "--name", name])
    }

    /// Begins in a closed network.
    pub(crate) fn of_network(name: &str, key: &str) -> Self {
        Self::begin(&["init", "--name", name, "--network", key])
    }

    /// Begins in this folder.
    pub(crate) fn in_folder(name: &str, folder: PathBuf) -> Self {
        Self { _home: None, folder, id: String::new() }.init(&["init", "--name", name])
    }

    /// Whoever lives in this folder already, with this id.
    pub(crate) fn living_in(folder: PathBuf, id: &str) -> Self {
        Self { _home: None, folder, id: id.to_owned() }
    }

    fn begin(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let folder = home.path().join("folder");
        Self { _home: Some(home), folder, id: String::new() }.init(arguments)
    }

    fn init(mut self, arguments: &[&str]) -> Self {
        self.id = self.ok(arguments);
        assert!(self.id.starts_with('@') && self.id.ends_with(".ed25519"), "{}", self.id);
        self
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// A command on this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.arg("--dir").arg(self.folder()).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("peri runs")
    }

    /// What a command that has to succeed prints, without the last line's end.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end_matches('\n').to_owned()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(arguments)).expect("JSON")
    }

    /// What a refused command says.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// A command with something on its standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("peri runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        std::thread::scope(|scope| {
            // Beside the reading, so that neither waits for the other; a command may stop reading early.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().expect("peri ends")
        })
    }

    /// The newest post's texts first, as `timeline --of all` has them.
    pub(crate) fn texts(&self) -> Vec<String> {
        let page = self.json(&["timeline", "--of", "all", "--json"]);
        let posts = page["posts"].as_array().expect("posts");
        posts.iter().map(|post| post["text"].as_str().expect("a text").to_owned()).collect()
    }

    /// Runs a node on loopback, without mDNS.
    pub(crate) fn serve(&self, dial: &[&Node]) -> Node {
        self.serve_with(dial, &[])
    }

    pub(crate) fn serve_with(&self, dial: &[&Node], environment: &[(&str, &str)]) -> Node {
        self.try_serve(dial, environment).expect("the node becomes ready")
    }

    /// The same; none when it ends before it is ready.
    pub(crate) fn try_serve(&self, dial: &[&Node], environment: &[(&str, &str)]) -> Option<Node> {
        self.ready(self.spawn(dial, environment))
    }

    /// Waits until a node that was started says that it is ready; none when it ends before.
    pub(crate) fn ready(&self, mut node: Node) -> Option<Node> {
        let mut line = String::new();
        let stdout = node.child.stdout.take().expect("a pipe");
        if BufReader::new(stdout).read_line(&mut line).expect("readable") == 0 {
            return None;
        }
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&ready["ready"], &ready["id"]), (&Value::Bool(true), &Value::String(self.id.clone())));
        node.address = ready["addresses"][0].as_str().expect("an address").to_owned();
        Some(node)
    }

    /// Starts a node without waiting for it.
    pub(crate) fn spawn(&self, dial: &[&Node], environment: &[(&str, &str)]) -> Node {
        self.spawn_into(dial, environment, Stdio::inherit())
    }

    /// The same, with its log going there.
    pub(crate) fn spawn_into(&self, dial: &[&Node], environment: &[(&str, &str)], log: Stdio) -> Node {
        let mut command = self.command(&["serve", "--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"]);
        for node in dial {
            command.args(["--dial", &node.address]);
        }
        command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let child = command.spawn().expect("peri runs");
        Node { child, folder: self.folder(), address: String::new() }
    }
}

/// A running node; killed when dropped.
pub(crate) struct Node {
    pub(crate) child: Child,
    folder: PathBuf,
    pub(crate) address: String,
}

impl Node {
    /// A connection to the node's socket.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.folder).await.expect("the node answers")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its resident memory, in bytes (proc(5), `statm`).
    pub(crate) fn memory(&self) -> u64 {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).expect("it runs");
        let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4096
    }

    /// Ends it in good order; how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends")
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        self.child.wait().expect("it ends");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Publishes a post; its id.
pub(crate) async fn post(client: &mut Client, text: &str) -> Result<String, Failure> {
    let draft = Draft { text: text.to_owned(), reply_to: None, channel: None };
    client.call(&Request::Publish(draft)).await
}

pub(crate) async fn status(client: &mut Client) -> Status {
    client.call(&Request::Status {}).await.expect("a status")
}

pub(crate) async fn peers(client: &mut Client) -> Peers {
    client.call(&Request::Peers {}).await.expect("peers")
}

/// All stored messages, or those of one feed.
pub(crate) async fn export(client: &mut Client, feed: Option<&str>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let request = Request::Export { feed: feed.map(str::to_owned), after };
        let page: Exported = client.call(&request).await.expect("an export");
        rows.extend(page.rows);
        match page.next {
            Some(next) => after = Some(next),
            None => return rows,
        }
    }
}

/// Asks again and again until the answer satisfies; panics with the last answer when it never does.
pub(crate) async fn until<T: std::fmt::Debug>(
    what: &str,
    mut ask: impl AsyncFnMut() -> T,
    mut satisfies: impl FnMut(&T) -> bool,
) -> T {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if satisfies(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen; last seen: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
