//! The command line of the window.

use std::path::PathBuf;

use app::place;
use app::view::Failure;
use clap::Parser;

/// Posts with the people on your local network.
#[derive(Debug, Parser)]
#[command(name = "periwinkle", version)]
pub(crate) struct Arguments {
    /// The folder to keep everything in.
    #[arg(long, value_name = "DIR", conflicts_with = "profile")]
    dir: Option<PathBuf>,
    /// A person of this computer: a folder of that name under the user's data folder.
    #[arg(long, value_name = "NAME", default_value = place::DEFAULT_PROFILE)]
    profile: String,
}

impl Arguments {
    /// The folder that they name.
    pub(crate) fn folder(&self) -> Result<PathBuf, Failure> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => place::profile_folder(&self.profile),
        }
    }
}
