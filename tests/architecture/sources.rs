//! The text files of the repository, as a person would read them.

use std::fs;
use std::path::{Path, PathBuf};

/// What is installed or built, or belongs to another tool.
const NOT_OURS: &[&str] = &["target", "gen", "node_modules", "dist", ".git"];

/// A file that is UTF-8.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// Whether its name ends in one of `endings`.
    pub(crate) fn is(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| self.path.ends_with(ending))
    }

    /// Its lines up to the tests at its end, with their numbers from 1; comments are left out.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| !line.trim_start().starts_with("#[cfg(test)]"))
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file, in the order of their paths.
pub(crate) fn sources() -> Vec<Source> {
    let mut left = vec![root().to_path_buf()];
    let mut sources = Vec::new();
    while let Some(folder) = left.pop() {
        for path in entries(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    left.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                sources.push(Source { path: relative(&path), text });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.flatten().map(|entry| entry.path()).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}
