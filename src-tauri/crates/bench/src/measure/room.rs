//! What the folder takes beside the plain lines.

use std::{fs, path::Path};

use super::{Stores, grouped};
use crate::{
    Error,
    dataset::Parameters,
    reference::beside,
    report::{Figure, Goal, Section, Unit},
};

/// Database and every index ÷ the lines, at most.
const OF_LINES: f64 = 1.0;

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let size = stores.setup.messages;
    let set = stores.dataset(Parameters::of(size))?;
    let (folder, _) = stores.ours(Parameters::of(size)).await?;
    let ours = bytes_in(&folder)? as f64;
    let theirs = stores.theirs(Parameters::of(size))?;
    let theirs = match theirs {
        Ok((folder, _)) => bytes_in(&folder.join("db2")).map_err(|error| error.to_string()),
        Err(why) => Err(why),
    };
    let (lines, values) = (set.facts.line_bytes as f64, set.facts.value_bytes as f64);
    section.add(
        Figure::new(format!("{} messages with every index", grouped(size)), Unit::Megabytes, ours / 1e6)
            .beside(beside(&theirs, |bytes| *bytes as f64 / 1e6)),
    );
    section.add(
        Figure::new("÷ the lines of {key, value, timestamp}", Unit::Times, ours / lines)
            .goal(Goal::AtMost(OF_LINES))
            .beside(beside(&theirs, |bytes| *bytes as f64 / lines))
            .deterministic(),
    );
    section.add(
        Figure::new("÷ the compact JSON of the values alone", Unit::Times, ours / values)
            .beside(beside(&theirs, |bytes| *bytes as f64 / values)),
    );
    section.note(format!(
        "Every file of the folder, caught up and closed. The lines take {} MB, the values alone {} MB.",
        (lines / 1e6).round(),
        (values / 1e6).round()
    ));
    Ok(())
}

/// Bytes of all files below a folder.
fn bytes_in(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(Error::disk(folder))? {
        let path = entry?.path();
        let about = fs::symlink_metadata(&path).map_err(Error::disk(&path))?;
        bytes += if about.is_dir() { bytes_in(&path)? } else { about.len() };
    }
    Ok(bytes)
}
