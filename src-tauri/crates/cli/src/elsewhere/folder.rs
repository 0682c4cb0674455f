//! The folder of a classic app: what is in it. It is only ever read.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use app::view::{Failure, FailureCode};
use classic::Form;
use feed::KeyPair;

/// The largest key file that is read, in bytes; real ones take about 900.
const MAX_SECRET_BYTES: u64 = 16 * 1024;

/// Most logs that are read of one folder: the two forms, what an interrupted compaction left, and exports.
const MAX_LOGS: usize = 64;

/// Bytes before the block in what an interrupted compaction left (async-append-only-log 4.3.10, `compaction.js`).
const COMPACTION_HEAD: u64 = 20;

/// The folder of a classic app.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) key: Key,
    pub(crate) logs: Vec<Log>,
    pub(crate) blobs: Vec<Blob>,
}

/// Whose folder it is.
pub(crate) enum Key {
    Whole(KeyPair),
    /// There is a key file, and why it cannot be used.
    Unusable(String),
    Missing,
}

impl Key {
    pub(crate) fn pair(&self) -> Option<&KeyPair> {
        match self {
            Self::Whole(pair) => Some(pair),
            Self::Unusable(_) | Self::Missing => None,
        }
    }
}

/// One log of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    /// Its place in the folder, for people.
    pub(crate) name: String,
    pub(crate) form: Form,
    /// Where the log begins in the file.
    pub(crate) skip: u64,
    /// Size of the file.
    pub(crate) bytes: u64,
    /// When it was last written.
    pub(crate) written: Option<SystemTime>,
}

/// A file of the blob store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) path: PathBuf,
    /// SHA-256 of the content, as the file's place says.
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: u64,
}

impl Folder {
    /// Looks at what is in a folder.
    ///
    /// # Errors
    /// When it is no folder of a classic app, or cannot be read.
    pub(crate) fn look(path: &Path) -> Result<Self, Failure> {
        let disk = |error: io::Error| Failure::disk(path, &error);
        if !fs::metadata(path).map_err(disk)?.is_dir() {
            let next = "Name the folder of the classic app; to bring in a file of messages, leave --ssb out.";
            return Err(Failure::new(FailureCode::BadInput, format!("{} is not a folder.", path.display()), next));
        }
        if path.join("periwinkle.sqlite").exists() {
            return Err(Failure::new(
                FailureCode::BadInput,
                format!("{} is a folder of Periwinkle.", path.display()),
                "To bring its messages here, use `peri export` there and `peri import FILE` here.",
            ));
        }
        let mut logs = Vec::new();
        for (name, form, skip) in [
            ("db2/log.bipf", Form::Blocks, 0),
            ("db2/log.bipf.compaction", Form::Blocks, COMPACTION_HEAD),
            ("flume/log.offset", Form::Frames, 0),
        ] {
            logs.extend(log(path, name, form, skip));
        }
        let mut exports = Vec::new();
        for entry in fs::read_dir(path).map_err(disk)? {
            let name = entry.map_err(disk)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
                exports.extend(log(path, &name, Form::Lines, 0));
            }
        }
        exports.sort_by(|a, b| a.name.cmp(&b.name));
        logs.extend(exports);
        logs.truncate(MAX_LOGS);
        if logs.is_empty() {
            return Err(nothing_in(path));
        }
        let blobs = blobs(&path.join("blobs/sha256")).map_err(disk)?;
        Ok(Self { path: path.to_owned(), key: key(&path.join("secret")), logs, blobs })
    }

    /// Size of all logs together, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.logs.iter().map(|log| log.bytes).sum()
    }
}

/// Why there is nothing to bring over.
fn nothing_in(path: &Path) -> Failure {
    let there = |name: &str| path.join(name).exists();
    let (what, next) = if there("log/data") && there("log/ofst") {
        (
            "Its messages are in the form of go-ssb",
            "Export them there as lines of JSON, and bring in that file with `peri import FILE`.",
        )
    } else if there("db/CURRENT") {
        (
            "Its messages are in the form of a very old app",
            "Start a newer classic app on it once, which turns it into a form that is read here.",
        )
    } else {
        (
            "There are no messages of a classic app",
            "Name the folder with `secret` and `db2` or `flume` in it; it is often ~/.ssb.",
        )
    };
    Failure::new(FailureCode::BadInput, format!("{what} in {}.", path.display()), next)
}

/// The log of that name, when there is one with something in it.
fn log(folder: &Path, name: &str, form: Form, skip: u64) -> Option<Log> {
    let path = folder.join(name);
    // Pipes and the like are no logs, and reading them might never end.
    let metadata = fs::metadata(&path).ok().filter(|metadata| metadata.is_file() && metadata.len() > skip)?;
    let written = metadata.modified().ok();
    Some(Log { path, name: name.to_owned(), form, skip, bytes: metadata.len(), written })
}

fn key(path: &Path) -> Key {
    let read = || -> io::Result<String> {
        let mut text = String::new();
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        file.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => match KeyPair::from_secret_text(&text) {
            Ok(pair) => Key::Whole(pair),
            Err(error) => Key::Unusable(error.to_string()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Key::Missing,
        Err(error) => Key::Unusable(error.to_string()),
    }
}

/// The files of a blob store: `sha256/` ‖ the first byte of the hash ‖ `/` ‖ the others, in hexadecimal (multiblob).
fn blobs(path: &Path) -> io::Result<Vec<Blob>> {
    let mut blobs = Vec::new();
    let entries = |path: &Path| match fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    };
    for first in entries(path)?.into_iter().flatten() {
        let first = first?;
        for file in entries(&first.path())?.into_iter().flatten() {
            let file = file?;
            let mut name = first.file_name();
            name.push(file.file_name());
            let Some(hash) = name.to_str().and_then(hash) else { continue };
            let metadata = file.metadata()?;
            if metadata.is_file() {
                blobs.push(Blob { path: file.path(), hash, bytes: metadata.len() });
            }
        }
    }
    blobs.sort_by_key(|blob| blob.hash);
    Ok(blobs)
}

/// 64 hexadecimal digits in lower case.
fn hash(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/data/classic")).join(name)
    }

    #[test]
    fn a_folder_is_what_its_files_are() {
        let db2 = Folder::look(&fixture("db2")).expect("a folder");
        assert!(db2.key.pair().is_some());
        assert_eq!(
            db2.logs.iter().map(|log| (log.name.as_str(), log.form)).collect::<Vec<_>>(),
            [("db2/log.bipf", Form::Blocks)]
        );
        assert_eq!(db2.blobs.len(), 2);
        let flume = Folder::look(&fixture("flume")).expect("a folder");
        assert_eq!((flume.logs.len(), flume.logs[0].form, flume.blobs.len()), (1, Form::Frames, 0));
        let odd = Folder::look(&fixture("odd")).expect("a folder");
        assert!(matches!(odd.key, Key::Missing));
        assert_eq!(odd.logs.iter().map(|log| log.form).collect::<Vec<_>>(), [Form::Lines]);
    }

    #[test]
    fn what_is_no_folder_of_a_classic_app_is_called_by_its_name() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let message = |path: &Path| Folder::look(path).err().expect("a refusal").to_string();
        assert!(message(home.path()).contains("no messages"));
        assert!(message(&home.path().join("nowhere")).contains("nowhere"));
        assert!(message(&fixture("README.md")).contains("not a folder"));
        fs::write(home.path().join("periwinkle.sqlite"), "").expect("a file");
        assert!(message(home.path()).contains("a folder of Periwinkle"));
    }

    #[test]
    fn a_damaged_key_is_told_from_a_missing_one() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let secret = home.path().join("secret");
        assert!(matches!(key(&secret), Key::Missing));
        for content in [&b"{}"[..], b"\xff\xfe", &[b'#'; 40_000]] {
            fs::write(&secret, content).expect("a file");
            assert!(matches!(key(&secret), Key::Unusable(_)));
        }
    }

    #[test]
    fn a_hash_is_64_digits() {
        assert_eq!(hash(&"0f".repeat(32)), Some([15; 32]));
        assert_eq!(hash(&"0F".repeat(32)), None);
        assert_eq!(hash("0f"), None);
        assert_eq!(hash(&"é".repeat(32)), None);
    }
}
