//! A display that exists in memory only.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::process::Group;

pub(crate) struct Display {
    /// What `DISPLAY` has to be.
    pub(crate) name: String,
    _server: Group,
}

impl Display {
    /// Starts an X server on a free number.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]);
        let mut server = Group::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut number = String::new();
        let output = server.child().stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut number).expect("it says its number");
        Self { name: format!(":{}", number.trim()), _server: server }
    }
}
