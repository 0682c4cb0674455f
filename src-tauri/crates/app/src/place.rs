//! Where a person's folder is: `--dir`, or a profile under the user's data folder.

use std::path::{Path, PathBuf};

use crate::view::{Failure, FailureCode};

/// The profile used when none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// Longest profile name, in characters.
const MAX_PROFILE: usize = 64;

/// The folder that holds all profiles: `$XDG_DATA_HOME/periwinkle`, else `~/.local/share/periwinkle` (XDG Base Directory
/// Specification, “Environment variables”; relative values are ignored as it demands).
///
/// # Errors
/// When neither variable names an absolute folder.
pub fn profiles_folder() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("periwinkle"))
        .ok_or_else(|| {
            Failure::new(
                FailureCode::Disk,
                "There is no home folder to keep things in.",
                "Set HOME or XDG_DATA_HOME, or name a folder with --dir.",
            )
        })
}

/// The folder of the profile `name`.
///
/// # Errors
/// When the name could leave the profiles' folder or is longer than 64 characters.
pub fn profile_folder(name: &str) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty()
        && name.chars().count() <= MAX_PROFILE
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0'])
        && !name.chars().any(char::is_control);
    if !plain {
        return Err(Failure::new(
            FailureCode::BadInput,
            format!("{name:?} cannot be the name of a profile."),
            "Choose letters, digits, spaces or dashes, at most 64, not starting with a dot.",
        ));
    }
    Ok(profiles_folder()?.join(name))
}

/// The names of the profiles that exist, in alphabetical order: folders in which a key lies.
///
/// # Errors
/// When the folder exists and cannot be read.
pub fn profiles() -> Result<Vec<String>, Failure> {
    list(&profiles_folder()?)
}

fn list(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::disk(folder, &error)),
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| has_key(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Whether somebody lives in this folder already.
pub fn has_key(folder: &Path) -> bool {
    folder.join("secret").is_file()
}

/// Whether messages lie in this folder, whoever's they are.
pub fn has_messages(folder: &Path) -> bool {
    folder.join("periwinkle.sqlite").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_name_cannot_leave_its_folder() {
        for name in ["", ".", "..", "a/b", "../x", "a\0b", "a\nb", ".hidden", &"x".repeat(65)] {
            assert!(profile_folder(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn only_folders_with_a_key_are_profiles() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["zoe", "ada", "empty"] {
            std::fs::create_dir(folder.path().join(name)).expect("create");
        }
        for name in ["zoe", "ada"] {
            std::fs::write(folder.path().join(name).join("secret"), "").expect("write");
        }
        assert_eq!(list(folder.path()).expect("readable"), ["ada", "zoe"]);
        assert_eq!(list(&folder.path().join("nowhere")).expect("absent is empty"), Vec::<String>::new());
    }
}
