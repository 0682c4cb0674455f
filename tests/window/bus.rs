//! A private session bus with a notification daemon that remembers what it was sent and can click on it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, block_on, interface};

use crate::process::Group;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// A session bus that starts no services of the machine: what is on it is what the test put there.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>"#;

/// One call of `Notify` (Desktop Notifications Specification 1.2).
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// What the daemon answered.
    pub(crate) id: u32,
    pub(crate) app_name: String,
    pub(crate) summary: String,
    pub(crate) body: String,
    /// Keys and labels in turn.
    pub(crate) actions: Vec<String>,
}

struct Daemon {
    sent: Arc<Mutex<Vec<Sent>>>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Daemon {
    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"].map(String::from).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        ("listener".into(), "periwinkle tests".into(), "1".into(), "1.2".into())
    }

    #[expect(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &mut self,
        app_name: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedVariant>,
        _timeout: i32,
    ) -> u32 {
        let mut sent = self.sent.lock().expect("no test panics while it holds this");
        let id = sent.len() as u32 + 1;
        sent.push(Sent { id, app_name, summary, body, actions });
        id
    }

    fn close_notification(&self, _id: u32) {}

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action_key: &str) -> zbus::Result<()>;
}

/// The bus of one person's session.
pub(crate) struct Bus {
    /// What `DBUS_SESSION_BUS_ADDRESS` has to be.
    pub(crate) address: String,
    connection: Connection,
    sent: Arc<Mutex<Vec<Sent>>>,
    _daemon: Group,
}

impl Bus {
    /// Starts a bus whose socket lies in `folder`: by its path it is reached from every network namespace.
    pub(crate) fn start(folder: &Path) -> Self {
        let config = folder.join("bus.conf");
        fs::write(&config, CONFIG.replace("SOCKET", &folder.join("bus").display().to_string())).expect("its folder");
        let mut command = Command::new("dbus-daemon");
        command.args(["--nofork", "--nopidfile", "--print-address=1"]).arg("--config-file").arg(config);
        let mut daemon = Group::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        let output = daemon.child().stdout.take().expect("its output is ours");
        BufReader::new(output).read_line(&mut line).expect("it says its address");
        let address = line.trim().to_owned();

        let sent = Arc::new(Mutex::new(Vec::new()));
        let listener = Daemon { sent: Arc::clone(&sent) };
        let connection = block_on(async {
            zbus::connection::Builder::address(address.as_str()).serve_at(PATH, listener).name(NAME).build().await
        })
        .expect("the notification daemon takes its name on the bus");
        Self { address, connection, sent, _daemon: daemon }
    }

    /// Everything that was shown so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no test panics while it holds this").clone()
    }

    /// Clicks on a notification.
    pub(crate) fn click(&self, notification: &Sent) {
        block_on(async {
            let emitter = SignalEmitter::new(&self.connection, PATH)?;
            Daemon::action_invoked(&emitter, notification.id, "default").await
        })
        .expect("the click is sent");
    }
}
