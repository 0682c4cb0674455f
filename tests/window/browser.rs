//! The real window of one person, driven through WebDriver (W3C Recommendation, 5 June 2018).

use std::cell::Cell;
use std::error::Error;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::hosts::Host;
use crate::process::Group;

/// Where WebKitWebDriver listens. Each is alone in its network namespace, so the number is free.
const PORT: u16 = 4444;

/// How long anything may take before the test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the driver may take for one answer.
const ANSWER: Duration = Duration::from_secs(45);

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// A window, and the driver that started it.
pub(crate) struct Browser<'a> {
    host: &'a Host,
    name: String,
    runtime: Runtime,
    client: Client,
    shots: Cell<u32>,
    drawing: Drawing,
    _driver: Group,
}

/// How the web view draws on a display without a graphics card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// As on any other. The card is emulated, which can delay a frame by a second on a busy machine.
    Usual,
    /// Without a card: frames come in time, but WebKitGTK 2.50 crashes when WebDriver wants a picture.
    Plain,
}

/// Where and how a window is opened.
pub(crate) struct Session<'a> {
    /// Whose window it is: the name of its screenshots.
    pub(crate) name: &'a str,
    /// The host on whose network it is.
    pub(crate) host: &'a Host,
    /// `DISPLAY`.
    pub(crate) display: &'a str,
    /// `DBUS_SESSION_BUS_ADDRESS`.
    pub(crate) bus: &'a str,
    /// The person's home folder, and what they own below it.
    pub(crate) home: &'a Path,
    /// How the web view draws.
    pub(crate) drawing: Drawing,
}

impl Session<'_> {
    /// `program` in this session: on its host, with its display, bus and home.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.host.command(program);
        command
            .env("DISPLAY", self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus)
            .env("HOME", self.home)
            .env("XDG_RUNTIME_DIR", self.home)
            .env("XDG_DATA_HOME", self.home.join("data"))
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .env("NO_AT_BRIDGE", "1")
            .env("GDK_BACKEND", "x11")
            .env("LANG", "C.UTF-8");
        if self.drawing == Drawing::Plain {
            command.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
        }
        command
    }
}

impl<'a> Browser<'a> {
    /// Starts the driver on the host, and the app through it.
    pub(crate) fn open(session: &Session<'a>) -> Self {
        let mut command = session.command("WebKitWebDriver");
        command
            .args(["--host=127.0.0.1", &format!("--port={PORT}")])
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("PERIWINKLE_LOG", "warn")
            .stdout(Stdio::null());
        let driver = Group::start(&mut command);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let client = session.host.inside(|| {
            until(PATIENCE, || TcpStream::connect(("127.0.0.1", PORT)).ok()).expect("WebKitWebDriver listens");
            runtime.block_on(async { timeout(ANSWER, connect()).await }).expect("the app opens its window in time")
        });
        let browser = Self {
            host: session.host,
            name: session.name.to_owned(),
            runtime,
            client,
            shots: Cell::new(0),
            drawing: session.drawing,
            _driver: driver,
        };
        browser.wait_for("a page", "return document.readyState === 'complete' && document.body.innerText !== ''");
        browser
    }

    /// Runs `script` in the page and gives what it returns.
    pub(crate) fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.drive(self.client.execute(script, arguments));
        answer.unwrap_or_else(|error| panic!("{}'s page: {script}: {error}", self.name))
    }

    /// The same for a script that calls its last argument when it is done.
    pub(crate) fn run_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.drive(self.client.execute_async(script, arguments));
        answer.unwrap_or_else(|error| panic!("{}'s page: {script}: {error}", self.name))
    }

    /// Waits for an answer of the driver, on the window's host. It would never answer for a page that crashed.
    fn drive<T>(&self, answer: impl Future<Output = Result<T, CmdError>>) -> Result<T, Box<dyn Error>> {
        self.host.inside(|| self.runtime.block_on(async { Ok(timeout(ANSWER, answer).await??) }))
    }

    /// Waits until `script` returns something true, and gives it.
    pub(crate) fn wait_for(&self, what: &str, script: &str) -> Value {
        self.wait_for_within(PATIENCE, what, script)
    }

    /// The same with a time limit; past it the page is kept as a picture and a text.
    pub(crate) fn wait_for_within(&self, limit: Duration, what: &str, script: &str) -> Value {
        let found = until(limit, || {
            let value = self.run(script, Vec::new());
            (!matches!(value, Value::Null | Value::Bool(false))).then_some(value)
        });
        found.unwrap_or_else(|| {
            self.keep_failure();
            let text = self.run("return document.body.innerText", Vec::new());
            panic!("{} did not see {what} within {limit:?}; the page says: {text}", self.name)
        })
    }

    /// Types `text` into the element that `selector` finds.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.on(selector, async |element| element.send_keys(text).await);
    }

    /// Clicks on the element that `selector` finds.
    pub(crate) fn click(&self, selector: &str) {
        self.on(selector, async |element| element.click().await);
    }

    fn on(&self, selector: &str, act: impl AsyncFnOnce(Element) -> Result<(), CmdError>) {
        let done = self.drive(async {
            let wait = self.client.wait().at_most(PATIENCE);
            act(wait.for_element(Locator::Css(selector)).await?).await
        });
        if let Err(error) = done {
            self.keep_failure();
            panic!("{}'s page: {selector}: {error}", self.name);
        }
    }

    fn keep_failure(&self) {
        if self.drawing == Drawing::Usual {
            self.shoot("failed");
        }
    }

    /// Keeps a picture of the page, two frames after what happened last: `target/shots/NAME-N-what.png`.
    pub(crate) fn shoot(&self, what: &str) -> PathBuf {
        self.run_async("requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))", Vec::new());
        let picture = self.drive(self.client.screenshot()).expect("a picture");
        let number = self.shots.replace(self.shots.get() + 1);
        let path = shots().join(format!("{}-{number:02}-{what}.png", self.name.to_lowercase()));
        fs::write(&path, picture).expect("the picture is written");
        path
    }

    /// The size of the window, in pixels.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.drive(self.client.set_window_size(width, height)).expect("the window takes a size");
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            let client = self.client.clone();
            // The window is closed as a person would close it, so that what it does then is part of the test.
            let _ = self.drive(client.close());
        }
    }
}

async fn connect() -> Client {
    let capabilities =
        json!({ "webkitgtk:browserOptions": { "binary": env!("CARGO_BIN_EXE_periwinkle"), "args": [] } });
    let Value::Object(capabilities) = capabilities else { unreachable!("it is written as an object") };
    let capabilities: Capabilities = capabilities;
    ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{PORT}"))
        .await
        .expect("the app opens its window")
}

/// Looks until there is something, for at most `limit`.
pub(crate) fn until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() > limit {
            return None;
        }
        thread::sleep(LOOK);
    }
}

/// The folder of the pictures.
pub(crate) fn shots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("shots");
    fs::create_dir_all(&folder).expect("the folder of the pictures");
    folder
}
