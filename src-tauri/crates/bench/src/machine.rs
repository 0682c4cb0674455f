//! What was measured on.

use std::{fs, path::Path, process::Command};

use serde::Serialize;

/// The machine, the compiler and the sources.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Things done at once.
    pub cores: usize,
    /// What the processor calls itself.
    pub processor: String,
    /// Memory, in GiB.
    pub memory_gib: f64,
    /// The kernel's release.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// The reference's runtime; none where it is missing.
    pub node: Option<String>,
    /// The sources, with `+` when they were changed since.
    pub commit: String,
    /// How many processes wanted to run before the benchmark began, over a minute: above 0.2, others were measured too.
    pub load: f64,
    /// Whether the compiler optimised.
    pub optimised: bool,
}

impl Machine {
    /// Looks around.
    pub fn look(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = read("/proc/meminfo");
        let kibibytes: f64 = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0.0);
        let processors = read("/proc/cpuinfo");
        let processor = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .and_then(|rest| rest.split_once(':'))
            .map_or("unknown", |(_, name)| name.trim());
        let load = read("/proc/loadavg").split_whitespace().next().and_then(|load| load.parse().ok());
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(root).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let is_changed =
            said("git", &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|it| !it.is_empty());
        let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".into());
        Self {
            cores: crate::dataset::cores(),
            processor: processor.to_owned(),
            memory_gib: (kibibytes / 104_857.6).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rustc: said("rustc", &["--version"]).unwrap_or_else(|| "unknown".into()),
            node: said("node", &["--version"]),
            commit: commit + if is_changed { "+" } else { "" },
            load: load.unwrap_or(0.0),
            optimised: !cfg!(debug_assertions),
        }
    }

    /// One line about it.
    pub fn words(&self) -> String {
        format!(
            "{} cores ({}), {} GiB, Linux {}, {}, Node {}, {} build of {}, load before: {}",
            self.cores,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.rustc,
            self.node.as_deref().unwrap_or("missing"),
            if self.optimised { "optimised" } else { "unoptimised" },
            self.commit,
            self.load,
        )
    }
}
