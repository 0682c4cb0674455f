//! Where the socket of a folder lies.
//!
//! A Unix socket's path has room for 108 bytes with its closing zero (`sockaddr_un`, unix(7)). Where the folder's own path is
//! longer, the socket goes to a short place that only this user can reach, and the folder says where.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The socket's name inside the folder.
const SOCKET: &str = "peri.sock";

/// The file that names the socket's place when it is elsewhere.
const ELSEWHERE: &str = "peri.sock.path";

/// Longest path of a socket, in bytes, without the closing zero.
const MAX_PATH: usize = 107;

/// Where a server of `folder` binds; prepares the place and writes it down.
pub(super) fn place(folder: &Path) -> io::Result<PathBuf> {
    let direct = folder.join(SOCKET);
    let written = folder.join(ELSEWHERE);
    if direct.as_os_str().len() <= MAX_PATH {
        remove(&written)?;
        return Ok(direct);
    }
    let mut hasher = DefaultHasher::new();
    folder.canonicalize()?.hash(&mut hasher);
    let short = own_folder()?.join(format!("{:016x}.sock", hasher.finish()));
    std::fs::write(&written, short.as_os_str().as_encoded_bytes())?;
    Ok(short)
}

/// Where a client of `folder` connects.
pub(super) fn find(folder: &Path) -> PathBuf {
    match std::fs::read_to_string(folder.join(ELSEWHERE)) {
        Ok(path) => PathBuf::from(path),
        Err(_) => folder.join(SOCKET),
    }
}

/// Removes a file that may not be there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A short folder of this user alone: in `$XDG_RUNTIME_DIR`, else in `/tmp`.
fn own_folder() -> io::Result<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .map(|path| Path::new(&path).join("periwinkle"))
        .filter(|path| path.is_absolute() && path.as_os_str().len() < MAX_PATH - "/0123456789abcdef.sock".len());
    let folder = runtime.unwrap_or_else(|| PathBuf::from(format!("/tmp/periwinkle-{user}")));
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Somebody else may have been there first: /tmp is everybody's.
    let found = std::fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} belongs to others", folder.display())));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_lies_in_its_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(place(folder.path()).expect("a place"), folder.path().join("peri.sock"));
        assert_eq!(find(folder.path()), folder.path().join("peri.sock"));
    }

    #[test]
    fn a_folder_with_a_long_path_says_where_its_socket_is() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().join("long".repeat(40));
        std::fs::create_dir(&folder).expect("create");
        let place = place(&folder).expect("a place");
        assert!(place.as_os_str().len() <= MAX_PATH, "{}", place.display());
        assert_eq!(find(&folder), place);
    }
}
