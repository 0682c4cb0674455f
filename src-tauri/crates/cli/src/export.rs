//! `peri export`: every message, byte for byte as it was signed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use app::rpc::Request;
use app::status::Exported;
use app::view::{Failure, FailureCode};

use crate::Ended;
use crate::connection::Connection;

/// Writes the rows of all feeds, or of one, as lines of `{"key","value","timestamp"}`. A file has its name when it is whole.
pub(crate) async fn run(node: &mut Connection, feed: Option<String>, file: &str, force: bool) -> Result<(), Ended> {
    if file == "-" {
        return write(node, feed, io::stdout().lock()).await;
    }
    let path = Path::new(file);
    let (unfinished, out) = begin(path, force)?;
    let written = match write(node, feed, &out).await {
        Ok(()) => out
            .sync_all()
            .and_then(|()| fs::rename(&unfinished, path))
            .map_err(|error| Failure::disk(path, &error).into()),
        Err(ended) => Err(ended),
    };
    if written.is_err() {
        // What ended the export is what there is to say.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Makes a new file beside the one that is wanted.
fn begin(path: &Path, force: bool) -> Result<(PathBuf, File), Failure> {
    let is_plain = fs::symlink_metadata(path).map_or(true, |metadata| metadata.is_file());
    if path.exists() && !(force && is_plain) {
        let next = match is_plain {
            true => "Nothing was written over it: choose another name, or add --force.",
            false => "It is no file that could be replaced: choose another name.",
        };
        return Err(Failure::new(FailureCode::BadInput, format!("{} is there already.", path.display()), next));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".unfinished-{}", std::process::id()));
    let unfinished = path.with_file_name(name);
    let file = File::create(&unfinished).map_err(|error| Failure::new_file(path, &error))?;
    Ok((unfinished, file))
}

async fn write(node: &mut Connection, feed: Option<String>, out: impl Write) -> Result<(), Ended> {
    let mut out = BufWriter::new(out);
    let mut after = None;
    loop {
        let page: Exported = node.ask(Request::Export { feed: feed.clone(), after }).await?;
        for row in &page.rows {
            // The value is JSON already and must not be printed anew; a key needs no escapes.
            writeln!(out, r#"{{"key":"{}","value":{},"timestamp":{}}}"#, row.key, row.value, row.timestamp)
                .map_err(|error| crate::broken(&error))?;
        }
        if page.next.is_none() {
            break;
        }
        after = page.next;
    }
    out.flush().map_err(|error| crate::broken(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_is_replaced_only_by_whoever_says_so() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let path = home.path().join("all.ndjson");
        assert!(begin(&path, false).is_ok());
        fs::write(&path, "precious").expect("writes");
        assert!(begin(&path, false).expect_err("is there").message.contains("is there already"));
        assert!(begin(&path, true).is_ok());
        assert!(begin(home.path(), true).is_err());
        assert_eq!(fs::read(&path).expect("reads"), b"precious", "until the new one is whole");
        let nowhere = begin(&home.path().join("no/where"), false).expect_err("no folder");
        assert!(nowhere.message.contains("no is not there"), "{nowhere}");
    }
}
