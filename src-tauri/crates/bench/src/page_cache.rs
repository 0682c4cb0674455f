//! Questions to a store whose files are not in memory yet.

use std::{
    fs::{self, File},
    path::Path,
};

use rustix::fs::{Advice, fadvise};

/// How files were put out of the system's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cold {
    /// The whole page cache was dropped (`/proc/sys/vm/drop_caches`).
    Dropped,
    /// The system was asked to let the pages of these files go (`posix_fadvise`).
    Advised,
    /// Neither is permitted here.
    Refused,
}

impl Cold {
    /// For a table.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Dropped => "page cache dropped",
            Self::Advised => "pages of the files let go",
            Self::Refused => "the system lets nobody drop its page cache here, so these files may have been in memory",
        }
    }
}

/// Puts the files of `folder` out of the system's memory, as far as that is permitted. The disk itself may still hold
/// them in a memory of its own, and the host of a virtual machine too.
pub(crate) fn drop_pages(folder: &Path) -> Cold {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut is_advised = true;
    for path in files.filter(|path| path.is_file()) {
        // Only pages that are on the disk already can be let go.
        let advised = File::open(path).and_then(|file| {
            file.sync_all()?;
            Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
        });
        is_advised &= advised.is_ok();
    }
    if fs::write("/proc/sys/vm/drop_caches", "1").is_ok() {
        Cold::Dropped
    } else if is_advised {
        Cold::Advised
    } else {
        Cold::Refused
    }
}
