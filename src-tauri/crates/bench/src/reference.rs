//! The JavaScript stack that does the same work in the same run, driven as child processes.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use feed::KeyPair;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Error,
    dataset::Dataset,
    process::{self, Companion, Finished},
    report::Beside,
};

/// The reference, or why there is none.
#[derive(Clone, Debug)]
pub struct Reference {
    script: PathBuf,
    /// Where its packages are installed.
    packages: Result<PathBuf, String>,
}

/// What it says of storing messages.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Ingested {
    /// How many.
    pub(crate) messages: usize,
    /// From the first call of `addBatch` to the log written, the indexes drained and all of it on the disk.
    pub(crate) seconds: f64,
    /// The most memory that the process had, in MiB.
    pub(crate) megabytes: f64,
}

impl Reference {
    /// The reference whose packages are in a folder; or why they are in none.
    pub fn new(root: &Path, packages: Result<PathBuf, String>) -> Self {
        Self { script: root.join("src-tauri/crates/bench/reference/measure.js"), packages }
    }

    /// Why it cannot be run; none when it can.
    pub(crate) fn missing(&self) -> Option<&str> {
        self.packages.as_ref().err().map(String::as_str)
    }

    /// Stores a set in the new folder `home`, as its reader.
    ///
    /// # Errors
    /// Why it is not run.
    pub(crate) fn ingest(&self, home: &Path, set: &Dataset) -> Result<Ingested, String> {
        let prepared = prepare(home, &set.parameters.keys(0)).map_err(|error| error.to_string());
        self.packages.clone().and(prepared)?;
        // Nothing that was written before is still on its way to the disk.
        rustix::fs::sync();
        let (ingested, _): (Ingested, _) =
            self.call(&[OsStr::new("ingest"), home.as_os_str(), set.path.as_os_str()])?;
        match ingested.messages == set.facts.messages {
            true => Ok(ingested),
            false => Err(format!("it stored {} of {} messages", ingested.messages, set.facts.messages)),
        }
    }

    /// How long each question took, in milliseconds, by the name of the question.
    ///
    /// # Errors
    /// Why it is not run.
    pub(crate) fn ask(
        &self,
        home: &Path,
        questions: &BTreeMap<&str, Vec<String>>,
    ) -> Result<BTreeMap<String, Vec<f64>>, String> {
        let keys = home.join("questions.json");
        let text = serde_json::to_vec(questions).map_err(|error| error.to_string())?;
        fs::write(&keys, text).map_err(|error| format!("{}: {error}", keys.display()))?;
        Ok(self.call(&[OsStr::new("ask"), home.as_os_str(), keys.as_os_str()])?.0)
    }

    /// Opens the folder and shows its newest page.
    ///
    /// # Errors
    /// Why it is not run.
    pub(crate) fn start(&self, home: &Path) -> Result<Finished, String> {
        #[derive(Deserialize)]
        struct Page {
            posts: usize,
        }
        let (page, finished): (Page, _) = self.call(&[OsStr::new("start"), home.as_os_str()])?;
        if page.posts == 0 { Err("it shows no posts".into()) } else { Ok(finished) }
    }

    /// A peer on a folder that asks for the feeds of the file `ids` and listens at `port` of 127.0.0.1.
    ///
    /// # Errors
    /// Why it is not run.
    pub(crate) fn peer(&self, home: &Path, ids: &Path, port: u16) -> Result<Companion, Error> {
        let packages = self.packages.as_ref().map_err(|why| Error::Wrong(why.clone()))?;
        let mut node = Command::new("node");
        node.arg(&self.script).arg("peer").arg(home).arg(ids).arg(port.to_string()).current_dir(packages);
        Companion::start(node)
    }

    fn call<T: DeserializeOwned>(&self, arguments: &[&OsStr]) -> Result<(T, Finished), String> {
        let packages = self.packages.as_ref().map_err(Clone::clone)?;
        let mut node = Command::new("node");
        node.arg(&self.script).args(arguments).current_dir(packages);
        let finished = process::run(&mut node).map_err(|error| error.to_string())?;
        let answer = serde_json::from_str(finished.last_line()).map_err(|error| format!("its answer: {error}"))?;
        Ok((answer, finished))
    }
}

/// An empty folder with the key in it, as the reference wants it.
pub(crate) fn prepare(home: &Path, keys: &KeyPair) -> Result<(), Error> {
    if home.exists() {
        fs::remove_dir_all(home).map_err(Error::disk(home))?;
    }
    fs::create_dir_all(home).map_err(Error::disk(home))?;
    let secret = home.join("secret");
    fs::write(&secret, keys.to_secret_text().as_bytes()).map_err(Error::disk(&secret))
}

/// A value of the reference, or why there is none.
pub(crate) fn beside<T>(answer: &Result<T, String>, value: impl FnOnce(&T) -> f64) -> Beside {
    match answer {
        Ok(answer) => Beside::Value(value(answer)),
        Err(why) => Beside::NotRun(why.clone()),
    }
}
