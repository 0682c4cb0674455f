//! One person at a computer.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::browser::{Browser, Drawing, Session};
use crate::bus::Bus;
use crate::display::Display;
use crate::hosts::{Host, Lan};

/// Makes the hosts; says why the test is skipped where this process may not.
pub(crate) fn lan<const N: usize>() -> Option<Lan> {
    let lan = Lan::of::<N>();
    if lan.is_none() {
        println!("skipped: making network namespaces needs root");
    }
    lan
}

/// What a person has before the window opens.
pub(crate) struct Desk<'a> {
    name: &'static str,
    host: &'a Host,
    display: Display,
    /// Their session bus, with the notifications that were shown on it.
    pub(crate) bus: Bus,
    home: TempDir,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(name: &'static str, host: &'a Host) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { name, host, display: Display::start(), bus: Bus::start(home.path()), home }
    }

    fn session(&self, drawing: Drawing) -> Session<'_> {
        Session {
            name: self.name,
            host: self.host,
            display: &self.display.name,
            bus: &self.bus.address,
            home: self.home.path(),
            drawing,
        }
    }

    /// The program started by hand, beside the window.
    pub(crate) fn program(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_periwinkle"))
    }

    /// Another program in this session: it finds the same folder as the window.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.session(Drawing::Usual).command(program)
    }

    /// Puts a file into the home.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::write(&path, text).expect("the home can be written");
        path
    }

    /// Opens the window.
    pub(crate) fn open(&self) -> Person<'_> {
        self.open_drawing(Drawing::Usual)
    }

    /// Opens the window where frames have to come in time and no pictures are taken.
    pub(crate) fn open_drawing(&self, drawing: Drawing) -> Person<'_> {
        let window = Browser::open(&self.session(drawing));
        window.resize(1180, 780);
        Person { name: self.name, window }
    }
}

/// A person before their window.
pub(crate) struct Person<'a> {
    pub(crate) name: &'static str,
    pub(crate) window: Browser<'a>,
}

impl Person<'_> {
    /// Gives their name on the first screen and is in.
    pub(crate) fn begin(&self) {
        self.window.fill("[data-testid=welcome-name]", self.name);
        self.window.click("[data-testid=welcome-begin]");
        self.window.wait_for("the timeline", "return document.querySelector('[data-testid=composer-text]') !== null");
    }

    /// Goes to a place of the rail: `timeline`, `nearby` or `me`.
    pub(crate) fn go_to(&self, place: &str) {
        self.window.click(&format!("[data-testid=rail-{place}]"));
    }

    /// Waits until `name` stands on a tile of Nearby, which has to be open.
    pub(crate) fn sees_near(&self, name: &str, limit: Duration) {
        let what = format!("{name} near");
        self.window.wait_for_within(limit, &what, &format!("{TILE} return tile({name:?}) !== undefined"));
    }

    /// Waits until `name` has left Nearby, which has to be open.
    pub(crate) fn misses(&self, name: &str, limit: Duration) {
        let what = format!("that {name} left");
        self.window.wait_for_within(limit, &what, &format!("{TILE} return tile({name:?}) === undefined"));
    }

    /// Waits until everything is exchanged with `name`; Nearby has to be open.
    pub(crate) fn is_level_with(&self, name: &str) {
        let script = format!("{TILE} return tile({name:?})?.dataset.flow === 'level'");
        self.window.wait_for(&format!("that {name} is level"), &script);
    }

    /// Follows `name` from their tile on Nearby, which has to be open.
    pub(crate) fn follow(&self, name: &str) {
        let press = format!(
            "{TILE} const button = tile({name:?})?.querySelector('[data-testid=follow]:not(:disabled)');
             button?.click(); return Boolean(button)"
        );
        self.window.wait_for(&format!("a way to follow {name}"), &press);
        let done = format!("{TILE} return tile({name:?})?.querySelector('[data-testid=follow]') === null");
        self.window.wait_for(&format!("that {name} is followed"), &done);
    }

    /// Writes a post on the timeline, which has to be open, and publishes it.
    pub(crate) fn post(&self, text: &str) {
        self.publish("composer", text);
    }

    /// Answers in the thread that is open.
    pub(crate) fn reply(&self, text: &str) {
        self.publish("reply", text);
    }

    fn publish(&self, composer: &str, text: &str) {
        self.window.fill(&format!("[data-testid={composer}-text]"), text);
        self.window.click(&format!("[data-testid={composer}-publish]"));
        // The field is emptied once the post is on disk.
        let script = format!("return document.querySelector('[data-testid={composer}-text]').value === ''");
        self.window.wait_for(&format!("that “{text}” was published"), &script);
    }

    /// Waits until a card says `text`, and asks for what is new where the pill says that something is.
    pub(crate) fn reads(&self, text: &str) {
        let script = format!(
            "document.querySelector('[data-testid=new-pill]')?.click();
             return [...document.querySelectorAll('[data-testid=card]')].some((card) => card.innerText.includes({text:?}))"
        );
        self.window.wait_for(&format!("“{text}”"), &script);
    }

    /// Opens the thread of the card that says `text`.
    pub(crate) fn open_thread(&self, text: &str) {
        let script = format!(
            "const card = [...document.querySelectorAll('[data-testid=card]')].find((card) => card.innerText.includes({text:?}));
             if (card) location.hash = '#/thread/' + encodeURIComponent(card.dataset.id);
             return Boolean(card)"
        );
        self.window.wait_for(&format!("the card of “{text}”"), &script);
        self.window.wait_for("the thread", "return document.querySelector('[data-testid=thread]') !== null");
    }
}

/// Defines `tile(name)`: the tile of that person on Nearby.
const TILE: &str = "const tile = (name) =>
    [...document.querySelectorAll('main [data-testid=near-tile]')].find((tile) => tile.innerText.includes(name));";
