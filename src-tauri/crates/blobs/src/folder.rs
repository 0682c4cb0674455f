//! Folders held open, in which names are looked up without following links.
//!
//! Every name below the blobs' folder is resolved one step at a time from an open folder with `O_NOFOLLOW` (open(2)), so that a
//! link planted there leads nowhere. New folders are 0700, new files 0600.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const OWNER_FOLDER: Mode = Mode::RWXU;
const OWNER_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What a file is without being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// In bytes.
    pub(crate) size: u64,
    /// When it was last changed or touched.
    pub(crate) modified: SystemTime,
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens the top folder, which is made if it is missing. It alone may be a link: somebody may keep large files on another disk.
    pub(crate) fn top(path: &Path) -> io::Result<Self> {
        match rustix::fs::mkdir(path, OWNER_FOLDER) {
            Err(error) if error != Errno::EXIST => return Err(error.into()),
            _ => {}
        }
        let fd = rustix::fs::open(path, FOLDER, Mode::empty())?;
        if rustix::fs::fstat(&fd)?.st_mode & 0o077 != 0 {
            // Copied there by another program, perhaps; a disk without modes may refuse.
            let _ = rustix::fs::fchmod(&fd, OWNER_FOLDER);
        }
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a folder in this one, which is made if it is missing and then survives a power cut.
    pub(crate) fn make(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.fd, name, OWNER_FOLDER) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let fd = rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { fd, path: self.path.join(name) })
    }

    /// Opens a folder in this one; none where there is no folder of that name.
    pub(crate) fn inside(&self, name: &str) -> io::Result<Option<Self>> {
        let fd = found(rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()))?;
        Ok(fd.map(|fd| Self { fd, path: self.path.join(name) }))
    }

    /// Opens a file for reading; none where there is no regular file of that name.
    pub(crate) fn open(&self, name: &str) -> io::Result<Option<File>> {
        // Not blocking, because a pipe that lies there would have us wait for its writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(fd) = found(rustix::fs::openat(&self.fd, name, flags, Mode::empty()))? else { return Ok(None) };
        let is_file = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) == FileType::RegularFile;
        Ok(is_file.then(|| File::from(fd)))
    }

    /// Opens a file for reading and writing; none where there is no regular file of that name.
    pub(crate) fn open_to_write(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Some(fd) = found(rustix::fs::openat(&self.fd, name, flags, Mode::empty()))? else { return Ok(None) };
        let is_file = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) == FileType::RegularFile;
        Ok(is_file.then(|| File::from(fd)))
    }

    /// Makes a new file for its owner alone; an error of kind [`io::ErrorKind::AlreadyExists`] where something has that name.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, OWNER_FILE)?))
    }

    /// Size and time of a regular file; none where there is none of that name.
    pub(crate) fn facts(&self, name: &str) -> io::Result<Option<Facts>> {
        let Some(stat) = found(rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW))? else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
        let modified = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        Ok(Some(Facts { size: u64::try_from(stat.st_size).unwrap_or_default(), modified }))
    }

    /// Whether anything at all has that name.
    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        Ok(found(rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW))?.is_some())
    }

    /// Sets the time of a file to now.
    pub(crate) fn touch(&self, name: &str) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        Ok(rustix::fs::utimensat(&self.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Moves a file to another of our folders, in the place of what has that name there.
    pub(crate) fn move_to(&self, name: &str, folder: &Folder, new_name: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, name, &folder.fd, new_name)?)
    }

    /// Removes a file; false where there was none.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        Ok(found(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()))?.is_some())
    }

    /// Calls `each` with every name in it that is text, in no order.
    pub(crate) fn names(&self, mut each: impl FnMut(&str)) -> io::Result<()> {
        for entry in Dir::read_from(&self.fd)? {
            match entry?.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => each(name),
            }
        }
        Ok(())
    }

    /// Makes new, moved and removed names in it survive a power cut.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }

    /// What is free for this user on its disk, in bytes.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::fstatvfs(&self.fd)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// None where nothing of the wanted kind has the name: absent, or a link, which is not followed.
fn found<T>(result: Result<T, Errno>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
