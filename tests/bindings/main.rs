//! The page's types are generated from the Rust code and committed, so that the page can be worked on by itself.
//!
//! `cargo xtask bindings` writes them; it runs this test with `PERIWINKLE_WRITE_BINDINGS` set.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the Rust code says now.
fn bindings() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bindings.ts");
    periwinkle::write_bindings(&path).expect("every type has a counterpart in TypeScript");
    fs::read_to_string(&path).expect("it was written")
}

#[test]
fn the_committed_types_are_those_of_the_rust_code() {
    let path = root().join("ui/src/backend/bindings.ts");
    let now = bindings();
    if std::env::var_os("PERIWINKLE_WRITE_BINDINGS").is_some() {
        fs::write(&path, &now).expect("the file can be written");
    }
    let committed = fs::read_to_string(&path).expect("bindings.ts is committed");
    let differs = committed.lines().zip(now.lines()).position(|(one, other)| one != other);
    assert!(
        committed == now,
        "{} is stale from line {}: run `cargo xtask bindings`",
        path.display(),
        differs.unwrap_or_else(|| committed.lines().count().min(now.lines().count())) + 1
    );
}

#[test]
fn the_page_may_call_exactly_the_commands_that_exist() {
    let bindings = bindings();
    let exist: BTreeSet<&str> =
        bindings.split("__TAURI_INVOKE(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let permission = fs::read_to_string(root().join("src-tauri/permissions/commands.toml")).expect("the allow list");
    let (_, list) = permission.split_once("commands.allow = [").expect("the list of commands");
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(allowed, exist, "src-tauri/permissions/commands.toml and src-tauri/src/commands.rs differ");
    assert!(!exist.is_empty());
}
