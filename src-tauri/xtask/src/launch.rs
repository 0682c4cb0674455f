//! `cargo xtask run`: build Periwinkle and open it, with or without a display.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use crate::processes::{ask as ask_child, forget_our_package, run as run_child};
use crate::setup;
use crate::steps::cargo;

/// Compiling everything, cold, on a slow machine.
const BUILD: Duration = Duration::from_secs(60 * 60);

/// A question to a program of ours.
const MOMENT: Duration = Duration::from_secs(60);

const NO_DISPLAY: &str = "\
There is no display here (neither WAYLAND_DISPLAY nor DISPLAY is set), so the window cannot open. Say which you want:
    cargo xtask run --headless    the node without a window, as `peri serve` runs it
    cargo xtask run --xvfb        the window on a display that exists in memory only (for tests and screenshots)";

/// How Periwinkle is started.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Face {
    /// The window, on the display that is there.
    Window,
    /// The window, on a display of its own in memory.
    Memory,
    /// `peri serve`.
    Headless,
}

/// Builds and starts; the arguments after `--` go to Periwinkle.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> ExitCode {
    let (ours, theirs) = match arguments.iter().position(|word| *word == "--") {
        Some(at) => (&arguments[..at], &arguments[at + 1..]),
        None => (arguments, &[][..]),
    };
    let face = match ours {
        [] => match choose() {
            Some(face) => face,
            None => {
                eprintln!("{NO_DISPLAY}");
                return ExitCode::from(2);
            }
        },
        ["--headless"] => Face::Headless,
        ["--xvfb"] => Face::Memory,
        _ => {
            eprintln!("cargo xtask run [--headless | --xvfb] [-- ARGUMENTS]");
            return ExitCode::from(2);
        }
    };
    match start(root, face, theirs) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// The display that is there, else what the person at the terminal answers; nothing where nobody can be asked.
fn choose() -> Option<Face> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("WAYLAND_DISPLAY") || set("DISPLAY") {
        return Some(Face::Window);
    }
    if !std::io::stdin().is_terminal() {
        return None;
    }
    println!("{NO_DISPLAY}");
    print!("Type h for headless, x for a display in memory, anything else to stop: ");
    std::io::stdout().flush().ok()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    match answer.trim() {
        "h" => Some(Face::Headless),
        "x" => Some(Face::Memory),
        _ => None,
    }
}

fn start(root: &Path, face: Face, arguments: &[&str]) -> Result<ExitCode, String> {
    let name = if face == Face::Headless { "peri" } else { "periwinkle" };
    match face {
        Face::Headless => setup::packages(&[setup::COMPILER])?,
        Face::Window => setup::packages(&[setup::COMPILER, setup::BUILD])?,
        Face::Memory => setup::packages(&[setup::COMPILER, setup::BUILD, setup::DISPLAY])?,
    }
    if face != Face::Headless {
        setup::page(root)?;
    }
    let package = if face == Face::Headless { "cli" } else { "periwinkle" };
    if !run_child(cargo(root).args(["build", "--package", package, "--bin", name]), BUILD).success {
        return Err("Periwinkle could not be compiled: see the messages above.".into());
    }
    let mut command = Command::new(crate::steps::target(root).join("debug").join(name));
    forget_our_package(&mut command);
    match face {
        Face::Window => {
            command.args(arguments);
            Err(format!("{name} could not be started: {}", command.exec()))
        }
        Face::Headless => {
            // `--dir` and `--profile` stand before the subcommand, everything else after it.
            let (folder, rest) = split_folder(arguments);
            begin(command.args(folder))?;
            command.arg("serve").args(rest);
            println!("Starting without a window; Ctrl-C ends it.");
            Err(format!("{name} could not be started: {}", command.exec()))
        }
        Face::Memory => on_display_in_memory(command.args(arguments)),
    }
}

/// Makes a key where nobody lives in the folder yet; the window would ask for a name there. `peri` names the folder already.
fn begin(peri: &Command) -> Result<(), String> {
    let again = || {
        let mut again = Command::new(peri.get_program());
        again.args(peri.get_args());
        again
    };
    if ask_child(again().arg("id"), MOMENT).success {
        return Ok(());
    }
    let mut init = again();
    init.arg("init");
    if std::io::stdin().is_terminal() {
        print!("What do people call you? ");
        std::io::stdout().flush().map_err(|error| error.to_string())?;
        let mut name = String::new();
        std::io::stdin().read_line(&mut name).map_err(|error| error.to_string())?;
        if name.trim().is_empty() {
            println!("No name, then: `peri name NAME` gives one later.");
        } else {
            init.args(["--name", name.trim()]);
        }
    } else {
        println!("Nobody is there to be asked for a name: `peri name NAME` gives one later.");
    }
    if run_child(&mut init, MOMENT).success { Ok(()) } else { Err("No key could be made.".into()) }
}

/// Parts the arguments that name the folder from the rest.
fn split_folder<'a>(arguments: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        if word == "--dir" || word == "--profile" {
            before.push(word);
            before.extend(words.next());
        } else if word.starts_with("--dir=") || word.starts_with("--profile=") {
            before.push(word);
        } else {
            after.push(word);
        }
    }
    (before, after)
}

/// Runs the window on an Xvfb of its own, with a session bus where there is none.
fn on_display_in_memory(window: &mut Command) -> Result<ExitCode, String> {
    let (mut server, number) = display_in_memory()?;
    println!("The window is on the display :{number}, which exists in memory only; Ctrl-C ends it.");
    // There is no graphics card behind this display; pretending that there is delays frames by up to seconds.
    window
        .env("DISPLAY", format!(":{number}"))
        .env_remove("WAYLAND_DISPLAY")
        .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1");
    let mut command = if std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some() {
        Command::new("env")
    } else {
        let mut bus = Command::new("dbus-run-session");
        bus.arg("--");
        bus
    };
    command.arg(window.get_program()).args(window.get_args());
    for (name, value) in window.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ended = command.status().map_err(|error| format!("The window could not be started: {error}"));
    let _ = server.kill();
    let _ = server.wait();
    Ok(if ended?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An X server that draws into memory, and the number of its display.
fn display_in_memory() -> Result<(Child, u32), String> {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("Xvfb could not be started: {error}. Install the package xvfb."))?;
    let mut number = String::new();
    if let Some(answer) = server.stdout.take() {
        let _ = BufReader::new(answer).read_line(&mut number);
    }
    match number.trim().parse() {
        Ok(number) => Ok((server, number)),
        Err(_) => {
            let _ = server.kill();
            let _ = server.wait();
            Err("Xvfb ended without opening a display.".into())
        }
    }
}
