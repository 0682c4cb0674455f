//! Habits that are easier to keep when a machine reminds of them.

use crate::arrows::PURE;
use crate::sources::{Source, root, sources};

/// Longest source file, in lines: what can be read in one sitting.
const MAX_LINES: usize = 600;

/// What people write; generated and recorded files are as long as they are.
const WRITTEN: &[&str] = &[".rs", ".ts", ".svelte", ".css", ".js", ".mjs"];

/// The page's types, generated from the Rust code.
const GENERATED: &str = "ui/src/backend/bindings.ts";

/// Folder names that say nothing about the domain.
const EMPTY_NAMES: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "service", "services", "shared", "util", "utils"];

fn assert_none(wrong: &[String], advice: &str) {
    assert!(wrong.is_empty(), "{advice}\n{}", wrong.join("\n"));
}

fn written() -> Vec<Source> {
    sources().into_iter().filter(|source| source.is(WRITTEN) && source.path != GENERATED).collect()
}

/// Places where `words` stand in `lines`.
fn found<'a>(source: &'a Source, lines: impl Iterator<Item = (usize, &'a str)>, words: &[String]) -> Vec<String> {
    lines
        .filter_map(|(number, line)| {
            let word = words.iter().find(|word| line.contains(word.as_str()))?;
            Some(format!("  {}:{number}: {word}", source.path))
        })
        .collect()
}

/// Joins halves, so that this file does not hold the words it looks for.
fn words(halves: &[(&str, &str)]) -> Vec<String> {
    halves.iter().map(|(one, other)| format!("{one}{other}")).collect()
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long: Vec<String> = written()
        .iter()
        .map(|source| (source.text.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("  {path}: {lines}"))
        .collect();
    assert_none(&long, "Split these by topic; no source file is longer than 600 lines:");
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let marks = words(&[
        ("todo", "!("),
        ("unimplemented", "!("),
        ("FIX", "ME"),
        ("XX", "X"),
        ("#[ign", "ore"),
        ("it.sk", "ip("),
        ("test.sk", "ip("),
        ("describe.sk", "ip("),
        ("it.on", "ly("),
        ("dbg", "!("),
    ]);
    let left: Vec<String> = written()
        .iter()
        .flat_map(|source| found(source, source.text.lines().enumerate().map(|(at, line)| (at + 1, line)), &marks))
        .collect();
    assert_none(&left, "Finish these, or take them out:");
}

#[test]
fn nothing_names_one_persons_machine_or_a_package_mirror() {
    let names = words(&[
        ("/ro", "ot/"),
        ("/wo", "rk/"),
        ("/home/", "user"),
        ("static.", "crates.io"),
        ("index.", "crates.io"),
        ("registry.", "npmjs.org"),
        ("deb.", "debian.org"),
    ]);
    let named: Vec<String> = sources()
        .iter()
        .flat_map(|source| found(source, source.text.lines().enumerate().map(|(at, line)| (at + 1, line)), &names))
        .collect();
    assert_none(&named, "These hold on one machine only; name nothing outside the repository:");
}

#[test]
fn folders_are_called_after_the_domain() {
    let empty: Vec<String> = written()
        .iter()
        .filter(|source| source.path.split('/').rev().skip(1).any(|folder| EMPTY_NAMES.contains(&folder)))
        .map(|source| format!("  {}", source.path))
        .collect();
    assert_none(&empty, "Call these folders after what they hold:");
}

#[test]
fn pure_crates_name_no_clock_file_socket_or_unordered_map() {
    let impure = words(&[
        ("Hash", "Map"),
        ("Hash", "Set"),
        ("Instant::", "now"),
        ("System", "Time"),
        ("thread_", "rng"),
        ("Os", "Rng"),
        ("std::", "fs"),
        ("std::", "net"),
        ("std::", "thread"),
        ("std::", "env"),
        ("tokio", "::"),
    ]);
    let named: Vec<String> = sources()
        .iter()
        .filter(|source| PURE.iter().any(|name| source.path.starts_with(&format!("src-tauri/crates/{name}/src/"))))
        .filter(|source| source.is(&[".rs"]) && !source.is(&["/tests.rs"]) && !source.path.contains("/tests/"))
        .flat_map(|source| found(source, source.code(), &impure))
        .collect();
    assert_none(&named, "Time, chance and effects are arguments and outputs in a pure crate, and maps are ordered:");
}

#[test]
fn a_pure_crate_denies_the_calls_that_clippy_toml_lists() {
    let line = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";
    let lax: Vec<String> = PURE
        .iter()
        .map(|name| format!("src-tauri/crates/{name}/src/lib.rs"))
        .filter(|path| !std::fs::read_to_string(root().join(path)).is_ok_and(|text| text.contains(line)))
        .collect();
    assert_none(&lax, &format!("Add `{line}` below the documentation of these:"));
}

#[test]
fn a_crate_says_first_what_is_pure_and_where_the_io_lives() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|source| {
            let ends = source.is(&["/src/lib.rs"]) || source.path == "src-tauri/crates/cli/src/main.rs";
            ends && source.path.starts_with("src-tauri/")
        })
        .filter(|source| {
            let first: String = source.text.lines().take(5).filter(|line| line.starts_with("//!")).collect();
            !(first.to_lowercase().contains("pure") || first.contains("IO"))
        })
        .map(|source| format!("  {}", source.path))
        .collect();
    assert_none(&silent, "Say it in the first five lines of these, with the words “pure” or “IO”:");
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    let lax: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.ends_with("Cargo.toml") && !source.text.contains("[lints]\nworkspace = true"))
        .map(|source| format!("  {}", source.path))
        .collect();
    assert_none(&lax, "Add `[lints] workspace = true` to these:");
}
