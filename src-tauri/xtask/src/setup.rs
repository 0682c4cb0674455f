//! What a fresh Debian machine with Rust and Node lacks: system packages, npm packages, the built page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::processes::{ask, run};

/// To compile anything.
pub(crate) const COMPILER: &[&str] = &["build-essential", "pkg-config"];
/// To compile the shell.
pub(crate) const BUILD: &[&str] = &["libwebkit2gtk-4.1-dev", "librsvg2-dev"];
/// To show the window on a display in memory.
pub(crate) const DISPLAY: &[&str] = &["xvfb", "dbus-daemon"];
/// To drive the window from a test.
pub(crate) const DRIVER: &[&str] = &["webkit2gtk-driver"];
/// To check the page by itself in a browser.
pub(crate) const BROWSER: &[&str] = &["chromium"];
/// To make hosts that are network namespaces, and cables between them.
pub(crate) const HOSTS: &[&str] = &["iproute2"];

/// A quick question to a program of the system.
const MOMENT: Duration = Duration::from_secs(30);
/// Fetching and unpacking the largest list of packages.
const DOWNLOAD: Duration = Duration::from_secs(15 * 60);
/// Building the page.
const PAGE: Duration = Duration::from_secs(5 * 60);

/// The stamp that says which lock file `node_modules` was installed from.
const STAMP: &str = "node_modules/.installed-from";

/// Installs everything that building and testing need.
pub(crate) fn everything(root: &Path) -> Result<(), String> {
    packages(&[COMPILER, BUILD, DISPLAY, DRIVER, BROWSER, HOSTS])?;
    page(root)
}

/// Installs those Debian packages of `groups` that are missing, and says so.
pub(crate) fn packages(groups: &[&[&str]]) -> Result<(), String> {
    let wanted: Vec<&str> = groups.iter().flat_map(|group| group.iter().copied()).collect();
    if !ask(Command::new("dpkg-query").arg("--version"), MOMENT).success {
        println!("This is no Debian: make sure that it has what these packages hold: {}", wanted.join(" "));
        return Ok(());
    }
    let missing: Vec<&str> = wanted.into_iter().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing through apt-get: {}", missing.join(" "));
    let mut by_hand = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    by_hand.extend(&missing);
    // The lists of a fresh image are empty or old, so they are read first; old ones still serve if that fails.
    run(&mut as_root(&["apt-get", "update"]), DOWNLOAD);
    if run(&mut as_root(&by_hand), DOWNLOAD).success && missing.iter().all(|package| installed(package)) {
        return Ok(());
    }
    Err(format!(
        "Some packages are missing and could not be installed. Install them and start again:\n    sudo {}",
        by_hand.join(" ")
    ))
}

fn installed(package: &str) -> bool {
    let mut question = Command::new("dpkg-query");
    question.args(["--show", "--showformat", "${db:Status-Status}", package]);
    let answer = ask(&mut question, MOMENT);
    answer.success && answer.output.trim() == "installed"
}

/// `words` as a command with the rights to install packages; `sudo` only where it needs no password.
fn as_root(words: &[&str]) -> Command {
    let root = ask(Command::new("id").arg("-u"), MOMENT).output.trim() == "0";
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root {
        command.args(["--non-interactive", "env"]);
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"]).args(words);
    command
}

/// Installs the npm packages that the lock file of `folder` names, unless they are there.
pub(crate) fn npm_packages(folder: &Path) -> Result<(), String> {
    let lock = fs::read(folder.join("package-lock.json"))
        .map_err(|error| format!("{}: {error}", folder.join("package-lock.json").display()))?;
    if fs::read(folder.join(STAMP)).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("Installing the npm packages of {}", folder.display());
    let mut install = npm(folder, &["ci", "--no-audit", "--no-fund"]);
    if !run(&mut install, DOWNLOAD).success {
        return Err(format!("`npm ci` failed in {}: is the npm registry reachable?", folder.display()));
    }
    fs::write(folder.join(STAMP), lock).map_err(|error| format!("{STAMP}: {error}"))
}

/// `npm` in `folder`.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(folder).env("CI", "true");
    npm
}

/// Builds the page into `ui/dist`, unless the one there is newer than everything it is made of.
pub(crate) fn page(root: &Path) -> Result<(), String> {
    let ui = root.join("ui");
    npm_packages(&ui)?;
    let built = fs::metadata(ui.join("dist/index.html")).and_then(|page| page.modified());
    if built.is_ok_and(|built| newest(root, &["ui", "assets", "icons"]).is_none_or(|source| source < built)) {
        return Ok(());
    }
    println!("Building the page");
    if run(&mut npm(&ui, &["run", "build"]), PAGE).success {
        Ok(())
    } else {
        Err("The page could not be built: see the messages of `npm run build` above.".into())
    }
}

/// When the newest file below `folders` was written, leaving out what is installed or built.
fn newest(root: &Path, folders: &[&str]) -> Option<SystemTime> {
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut newest = None;
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                if !matches!(entry.file_name().to_str(), Some("node_modules" | "dist")) {
                    left.push(entry.path());
                }
            } else {
                newest = newest.max(entry.metadata().and_then(|file| file.modified()).ok());
            }
        }
    }
    newest
}
