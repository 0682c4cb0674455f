//! Where the test data of the project lies.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::{Path, PathBuf};

/// A path from the root of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(relative)
}

/// The text of a file under `tests/data`.
pub(crate) fn text(name: &str) -> String {
    let path = path("tests/data").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of generated vectors.
pub(crate) fn vectors(name: &str) -> serde_json::Value {
    serde_json::from_str(&text(&format!("generated/{name}.json"))).unwrap()
}
