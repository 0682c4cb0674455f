//! What the person has chosen: a small JSON file beside the database. It is written as a whole; losing it costs choices, no data.

use std::{fs, io, path::PathBuf};

use serde_json::{Map, Value};

use crate::{Store, folder::write_whole};

/// The name of the file within the folder.
const FILE: &str = "settings.json";

/// Nothing that was written here is longer.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// The choices there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether those near are told that somebody uses this device, while somebody does.
    pub says_here: bool,
    /// Whether the person sees what strangers near them write, which is kept nowhere.
    pub shows_strangers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { says_here: true, shows_strangers: false }
    }
}

impl Settings {
    /// Where nothing can be read: nothing is shown to others, who may have been kept from it.
    const UNREADABLE: Self = Self { says_here: false, shows_strangers: false };

    /// Each choice by itself, so that one that a later version writes differently costs no other.
    fn read(map: &Map<String, Value>) -> Self {
        let choice = |name: &str, unless_given: bool, unless_readable: bool| match map.get(name) {
            None => unless_given,
            Some(value) => value.as_bool().unwrap_or(unless_readable),
        };
        let (default, unreadable) = (Self::default(), Self::UNREADABLE);
        Self {
            says_here: choice("saysHere", default.says_here, unreadable.says_here),
            shows_strangers: choice("showsStrangers", default.shows_strangers, unreadable.shows_strangers),
        }
    }
}

impl Store {
    fn settings_file(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    /// All that is in the file, what later versions wrote too.
    fn settings_map(&self) -> io::Result<Map<String, Value>> {
        let path = self.settings_file();
        let length = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            metadata => metadata?.len(),
        };
        if length > MAX_FILE_BYTES {
            return Err(io::Error::other("it is longer than what is ever written to it"));
        }
        serde_json::from_slice(&fs::read(&path)?).map_err(io::Error::other)
    }

    /// What was chosen. Where the file cannot be read, nothing that others would see. Blocks.
    pub fn settings(&self) -> Settings {
        match self.settings_map() {
            Ok(map) => Settings::read(&map),
            Err(error) => {
                tracing::warn!(%error, path = %self.settings_file().display(), "the settings cannot be read");
                Settings::UNREADABLE
            }
        }
    }

    /// Keeps what was chosen, whole or not at all; a file that cannot be read is moved aside. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_settings(&self, settings: &Settings) -> io::Result<()> {
        let path = self.settings_file();
        let mut map = match self.settings_map() {
            Ok(map) => map,
            Err(_) => {
                fs::rename(&path, path.with_extension("unreadable"))?;
                Map::new()
            }
        };
        map.insert("saysHere".into(), settings.says_here.into());
        map.insert("showsStrangers".into(), settings.shows_strangers.into());
        write_whole(&path, &serde_json::to_vec_pretty(&map).map_err(io::Error::other)?)
    }
}

#[cfg(test)]
mod tests {
    use feed::KeyPair;

    use super::*;

    async fn store() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().expect("a temporary folder");
        let store = Store::create(home.path(), &KeyPair::from_seed(&[1; 32]), None).await.expect("a store");
        (home, store)
    }

    #[tokio::test]
    async fn what_is_chosen_is_found_again_with_what_a_later_version_chose() {
        let (_home, store) = store().await;
        assert_eq!(store.settings(), Settings { says_here: true, shows_strangers: false });
        fs::write(store.settings_file(), br#"{"theme":"dark","saysHere":false}"#).expect("a folder");
        assert_eq!(store.settings(), Settings { says_here: false, shows_strangers: false });
        let settings = Settings { says_here: false, shows_strangers: true };
        store.keep_settings(&settings).expect("room");
        assert_eq!(store.settings(), settings);
        let text = fs::read_to_string(store.settings_file()).expect("a file");
        assert!(text.contains("\"theme\": \"dark\"") && text.contains("\"showsStrangers\": true"), "{text}");
    }

    #[tokio::test]
    async fn a_choice_that_cannot_be_read_costs_no_other_and_shows_nothing_to_others() {
        let (_home, store) = store().await;
        fs::write(store.settings_file(), br#"{"showsStrangers":"friends","saysHere":false}"#).expect("a folder");
        assert_eq!(store.settings(), Settings { says_here: false, shows_strangers: false });
        fs::write(store.settings_file(), br#"{"showsStrangers":true,"saysHere":"friends"}"#).expect("a folder");
        assert_eq!(store.settings(), Settings { says_here: false, shows_strangers: true });
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_shows_nothing_to_others_and_is_moved_aside() {
        let (_home, store) = store().await;
        for nonsense in [&b"{"[..], b"[]", &[0xff; 9], &vec![b' '; 65 << 10]] {
            fs::write(store.settings_file(), nonsense).expect("a folder");
            assert_eq!(store.settings(), Settings::UNREADABLE);
            store.keep_settings(&Settings::default()).expect("room");
            assert_eq!(store.settings(), Settings::default());
            let aside = store.settings_file().with_extension("unreadable");
            assert_eq!(fs::read(aside).expect("moved"), nonsense);
        }
    }
}
