//! Sets of messages and the stores that hold them, each made once in a run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use store::Store;

use super::Setup;
use crate::{
    Error,
    dataset::{Dataset, Parameters},
    process,
    reference::Ingested,
};

/// How an import went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imported {
    /// Until every message was checked, stored and indexed and the database closed, all of it on the disk. What may follow
    /// the log is not in it.
    pub(crate) seconds: f64,
    /// Until what follows the log had caught up, too.
    pub(crate) caught_up: f64,
    /// The most memory that the process had, in bytes.
    pub(crate) peak_bytes: u64,
}

/// Makes and remembers stores.
pub struct Stores {
    /// How the run is set up.
    pub setup: Setup,
    ours: BTreeMap<Parameters, (PathBuf, Option<Imported>)>,
    theirs: BTreeMap<Parameters, Result<(PathBuf, Option<Ingested>), String>>,
}

impl Stores {
    /// None made yet.
    pub fn new(setup: Setup) -> Self {
        Self { setup, ours: BTreeMap::new(), theirs: BTreeMap::new() }
    }

    /// The set with these parameters.
    pub(crate) fn dataset(&self, parameters: Parameters) -> Result<Dataset, Error> {
        Dataset::open_or_make(&self.setup.folder.join("data"), parameters)
    }

    /// Our store with the set of these parameters, caught up and closed, and how the import went, unless it was left by an
    /// earlier run.
    pub(crate) async fn ours(&mut self, parameters: Parameters) -> Result<(PathBuf, Option<Imported>), Error> {
        if let Some(made) = self.ours.get(&parameters) {
            return Ok(made.clone());
        }
        let set = self.dataset(parameters)?;
        let folder = self.setup.folder.join("stores").join(set.parameters.name());
        let made = if self.setup.keep && folder.join(FINISHED).exists() {
            (folder, None)
        } else {
            println!("  [{} messages into a store of ours]", super::grouped(parameters.messages));
            let imported = import(&self.setup.peri, &set, &folder).await?;
            let finished = folder.join(FINISHED);
            fs::write(&finished, b"").map_err(Error::disk(&finished))?;
            (folder, Some(imported))
        };
        self.ours.insert(parameters, made.clone());
        Ok(made)
    }

    /// The reference's folder with the set of these parameters, or why there is none.
    pub(crate) fn theirs(
        &mut self,
        parameters: Parameters,
    ) -> Result<Result<(PathBuf, Option<Ingested>), String>, Error> {
        if let Some(made) = self.theirs.get(&parameters) {
            return Ok(made.clone());
        }
        let set = self.dataset(parameters)?;
        let folder = self.setup.folder.join("stores").join(format!("{}-reference", set.parameters.name()));
        let finished = folder.join(FINISHED);
        let made = if self.setup.keep && finished.exists() && self.setup.reference.missing().is_none() {
            Ok((folder, None))
        } else {
            if self.setup.reference.missing().is_none() {
                println!("  [{} messages into a store of the reference]", super::grouped(parameters.messages));
            }
            let ingested = self.setup.reference.ingest(&folder, &set);
            if ingested.is_ok() {
                fs::write(&finished, b"").map_err(Error::disk(&finished))?;
            }
            ingested.map(|ingested| (folder, Some(ingested)))
        };
        self.theirs.insert(parameters, made.clone());
        Ok(made)
    }
}

/// Stands in a store that was filled to its end.
const FINISHED: &str = "bench-finished";

/// What `peri import` says at its end.
#[derive(Deserialize)]
struct Said {
    stored: u64,
    seconds: f64,
}

/// Imports a set with `peri import` into a new folder of the reader.
pub(crate) async fn import(peri: &Path, set: &Dataset, folder: &Path) -> Result<Imported, Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::disk(folder))?;
    }
    Store::create(folder, &set.parameters.keys(0), None).await?.close().await?;
    // Nothing that was written before is still on its way to the disk.
    rustix::fs::sync();
    let mut command = Command::new(peri);
    command.arg("--dir").arg(folder).arg("import").arg(&set.path);
    let finished = process::run(&mut command)?;
    let said: Said = serde_json::from_str(finished.last_line())?;
    if said.stored != set.facts.messages as u64 {
        let all = set.facts.messages;
        return Err(Error::Wrong(format!("peri import did not store all {all} messages: {}", finished.last_line())));
    }
    // Its own clock leaves the start of the process out; what it does after its last word is to close the database.
    let seconds = said.seconds + (finished.wall - finished.told()).as_secs_f64();
    let caught_up = seconds + catch_up(folder).await?;
    Ok(Imported { seconds, caught_up, peak_bytes: finished.peak_bytes })
}

/// Seconds until what follows the log has caught up, with the database written and closed again.
async fn catch_up(folder: &Path) -> Result<f64, Error> {
    let begun = std::time::Instant::now();
    let store = Store::open(folder).await?;
    store.catch_up().await?;
    store.close().await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Copies a folder, with all that is in it, to where none is, or an old copy.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if to.exists() {
        fs::remove_dir_all(to).map_err(Error::disk(to))?;
    }
    fs::create_dir_all(to).map_err(Error::disk(to))?;
    for entry in fs::read_dir(from).map_err(Error::disk(from))? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &to)?;
        } else if kind.is_file() {
            fs::copy(&path, &to).map_err(Error::disk(&path))?;
        }
    }
    Ok(())
}
