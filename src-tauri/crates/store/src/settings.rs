//! What the person has chosen: a small JSON file beside the database. It is written as a whole; losing it costs choices, no data.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Store, folder::write_whole};

/// The name of the file within the folder.
const FILE: &str = "settings.json";

/// Nothing that was written here is longer.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// The choices there are. What is not in the file is as [`Settings::default`] has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Whether those near are told that somebody uses this device, while somebody does.
    pub says_here: bool,
    /// Whether the person sees what strangers near them write, which is kept nowhere.
    pub shows_strangers: bool,
    /// Choices of a later version, which finds them again.
    #[serde(flatten)]
    later: serde_json::Map<String, serde_json::Value>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { says_here: true, shows_strangers: false, later: serde_json::Map::new() }
    }
}

impl Store {
    fn settings_file(&self) -> PathBuf {
        self.folder().join(FILE)
    }

    /// What was chosen; where the file cannot be read, as if nothing was. Blocks.
    pub fn settings(&self) -> Settings {
        let path = self.settings_file();
        let read = || {
            if fs::metadata(&path)?.len() > MAX_FILE_BYTES {
                return Err(io::Error::other("it is longer than what is ever written to it"));
            }
            serde_json::from_slice(&fs::read(&path)?).map_err(io::Error::other)
        };
        match read() {
            Ok(settings) => settings,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Settings::default(),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the settings cannot be read");
                Settings::default()
            }
        }
    }

    /// Keeps what was chosen, whole or not at all. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn keep_settings(&self, settings: &Settings) -> io::Result<()> {
        write_whole(&self.settings_file(), &serde_json::to_vec_pretty(settings).map_err(io::Error::other)?)
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
        assert_eq!(store.settings(), Settings::default());
        fs::write(store.settings_file(), br#"{"theme":"dark"}"#).expect("a folder");
        let mut settings = store.settings();
        settings.shows_strangers = true;
        store.keep_settings(&settings).expect("room");
        assert_eq!(store.settings(), settings);
        let text = fs::read_to_string(store.settings_file()).expect("a file");
        assert!(text.contains("\"theme\": \"dark\"") && text.contains("\"showsStrangers\": true"), "{text}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_as_if_nothing_was_chosen() {
        let (_home, store) = store().await;
        for nonsense in [&b"{"[..], b"[]", b"{\"showsStrangers\":7}", &[0xff; 9], &vec![b' '; 65 << 10]] {
            fs::write(store.settings_file(), nonsense).expect("a folder");
            assert_eq!(store.settings(), Settings::default());
        }
    }
}
