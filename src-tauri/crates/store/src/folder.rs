//! The folder of one person: exclusive lock, key file, and files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use feed::KeyPair;

use crate::error::OpenError;

/// The key file: the JSON that other Scuttlebutt programs call `secret`.
pub(crate) const SECRET: &str = "secret";
/// The file whose lock means: this folder is in use.
const LOCK: &str = "lock";
/// The largest key file that is read, in bytes; real ones take about 400.
const MAX_SECRET_BYTES: u64 = 16 * 1024;

/// A folder that nobody else has open, as long as this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The system lets go of the lock when the file is closed, also when the process is killed.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing (readable by its owner alone) and locks it.
    pub(crate) fn create(path: &Path) -> Result<Self, OpenError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(disk(path))?;
        Self::lock(path)
    }

    /// Locks a folder that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        // Looked for before the lock, so that opening a wrong folder leaves nothing behind in it.
        if !path.join(SECRET).try_exists().map_err(disk(path))? {
            return Err(OpenError::NotThere(path.to_owned()));
        }
        Self::lock(path)
    }

    /// Locks a folder, whatever is in it.
    pub(crate) fn lock(path: &Path) -> Result<Self, OpenError> {
        let file = path.join(LOCK);
        let lock = owner_only().create(true).truncate(false).open(&file).map_err(disk(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(OpenError::Disk { path: file, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn has_keys(&self) -> Result<bool, OpenError> {
        self.path.join(SECRET).try_exists().map_err(disk(&self.path))
    }

    /// Writes the key file, readable by its owner alone: whole or not at all, and there after a power cut.
    pub(crate) fn write_keys(&self, keys: &KeyPair) -> Result<(), OpenError> {
        let path = self.path.join(SECRET);
        write_whole(&path, keys.to_secret_text().as_bytes()).map_err(disk(&path))
    }

    pub(crate) fn read_keys(&self) -> Result<KeyPair, OpenError> {
        let path = self.path.join(SECRET);
        if fs::metadata(&path).map_err(disk(&path))?.len() > MAX_SECRET_BYTES {
            return Err(OpenError::BadKey(path));
        }
        let text = fs::read_to_string(&path).map_err(disk(&path))?;
        KeyPair::from_secret_text(&text).map_err(|_| OpenError::BadKey(path))
    }
}

/// Writes a file of mode 0600 so that readers see the old content or the new, never a part: a temporary file, synced,
/// renamed, and the folder synced.
pub(crate) fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let (_, temporary) = write_beside(path, content)?;
    fs::rename(&temporary, path)?;
    sync_folder_of(path)
}

/// The first half of [`write_whole`]: a synced file of mode 0600 beside `path`, and its name.
pub(crate) fn write_beside(path: &Path, content: &[u8]) -> io::Result<(File, PathBuf)> {
    let temporary = path.with_extension("new");
    let mut file = owner_only().create(true).truncate(true).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok((file, temporary))
}

/// Makes a new or renamed name in a folder survive a power cut.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    // Only POSIX systems let a folder be opened and synced.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Options for a file that is written, and that only its owner may read.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Says which path an error of the disk belongs to.
pub(crate) fn disk(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    move |source| OpenError::Disk { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_open_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::create(dir.path()).unwrap();
        let second = Folder::create(dir.path());
        assert!(matches!(second, Err(OpenError::Locked(_))));
        assert!(second.unwrap_err().to_string().contains("Close it first"));
        drop(first);
        Folder::create(dir.path()).unwrap();
    }

    #[test]
    fn opening_a_wrong_folder_leaves_nothing_in_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Folder::open(dir.path()), Err(OpenError::NotThere(_))));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn the_key_file_is_for_its_owner_alone_and_reads_back() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("new")).unwrap();
        let keys = KeyPair::from_seed(&[7; 32]);
        folder.write_keys(&keys).unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(SECRET), mode("lock"), mode(".")), (0o600, 0o600, 0o700));
        assert_eq!(folder.read_keys().unwrap().feed_id(), keys.feed_id());
        assert!(!folder.path().join("secret.new").exists());
    }

    #[test]
    fn a_damaged_key_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path()).unwrap();
        for content in [b"".as_slice(), b"{}", &[b'x'; 20_000]] {
            fs::write(dir.path().join(SECRET), content).unwrap();
            assert!(matches!(folder.read_keys(), Err(OpenError::BadKey(_))));
        }
    }
}
