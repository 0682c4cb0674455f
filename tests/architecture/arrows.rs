//! Who may import whom, read from `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Each crate of ours with those of ours that it may name in `[dependencies]`.
const ARROWS: &[(&str, &[&str])] = &[
    ("feed", &[]),
    ("social", &["feed"]),
    ("replication", &["feed"]),
    ("node", &["feed", "social", "replication"]),
    ("classic", &["feed"]),
    ("store", &["feed", "social", "replication", "node"]),
    ("net", &["feed"]),
    ("blobs", &["feed"]),
    ("app", &["feed", "social", "replication", "node", "store", "net", "blobs"]),
    ("sim", &["feed", "social", "replication", "node"]),
    ("cli", &["app", "sim", "feed", "classic"]),
    ("bench", &["app", "store", "feed", "social", "node"]),
    ("periwinkle", &["app"]),
    ("xtask", &[]),
];

/// Crates that decide and never act.
pub(crate) const PURE: &[&str] = &["feed", "social", "replication", "node", "sim", "classic"];

/// Runtimes, databases, sockets and sources of chance: out of reach of a pure crate, however deep.
const IMPURE: &[&str] = &[
    "async-std",
    "getrandom",
    "hyper",
    "libp2p",
    "libsqlite3-sys",
    "mio",
    "smol",
    "socket2",
    "sqlx",
    "tauri",
    "tokio",
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .exec()
        .expect("cargo metadata describes the workspace")
}

/// For each package, those that its `[dependencies]` bring in.
fn normal_dependencies(metadata: &Metadata) -> BTreeMap<&PackageId, Vec<&PackageId>> {
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves dependencies");
    resolve
        .nodes
        .iter()
        .map(|node| {
            let dependencies = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
                .map(|dependency| &dependency.pkg)
                .collect();
            (&node.id, dependencies)
        })
        .collect()
}

#[test]
fn crates_import_only_what_the_architecture_allows() {
    let metadata = metadata();
    let dependencies = normal_dependencies(&metadata);
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!(
                "{name} is new: say in tests/architecture/arrows.rs what it may import, and why it exists"
            ));
            continue;
        };
        for dependency in &dependencies[&package.id] {
            let dependency = metadata[dependency].name.as_str();
            if ours.contains(dependency) && !allowed.contains(&dependency) {
                wrong.push(format!("{name} may not import {dependency}; it may import {allowed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_crates_reach_no_runtime_database_socket_or_chance() {
    let metadata = metadata();
    let dependencies = normal_dependencies(&metadata);
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages().iter().filter(|package| PURE.contains(&package.name.as_str())) {
        // Breadth first, so that the way that is shown is a shortest one.
        let mut ways: BTreeMap<&PackageId, Vec<&str>> = BTreeMap::from([(&package.id, vec![package.name.as_str()])]);
        let mut left = std::collections::VecDeque::from([&package.id]);
        while let Some(here) = left.pop_front() {
            let way = ways[here].clone();
            if IMPURE.contains(&metadata[here].name.as_str()) {
                wrong.push(way.join(" → "));
                continue;
            }
            for next in &dependencies[here] {
                if !ways.contains_key(next) {
                    let mut longer = way.clone();
                    longer.push(metadata[*next].name.as_str());
                    ways.insert(next, longer);
                    left.push_back(next);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a pure crate reaches what acts on the world:\n{}", wrong.join("\n"));
}
