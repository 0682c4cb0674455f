//! Hosts on one switch, on two, or in a row, as network namespaces with cables that can be pulled.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Hosts, and what they are connected by. All of it is gone when this is dropped.
pub(crate) struct Lan {
    name: String,
    hosts: Vec<Host>,
}

/// A computer.
pub(crate) struct Host {
    namespace: String,
    /// Where its cable ends: a namespace, and the name of the port there. None of a host in a row.
    cable: Option<[String; 2]>,
}

/// The cable between the two switches of a [`Lan::of_two_rooms`].
const BETWEEN: [&str; 2] = ["between1", "between2"];

impl Lan {
    /// Makes `N` hosts on one switch, with the addresses 10.77.0.1 and on; nothing where this process may not make namespaces.
    pub(crate) fn of<const N: usize>() -> Option<Self> {
        let mut lan = Self::empty()?;
        lan.switch("switch");
        for _ in 0..N {
            lan.plug("switch");
        }
        Some(lan)
    }

    /// The same on two switches, the first `FIRST` on one and the others on the other, which a cable connects.
    pub(crate) fn of_two_rooms<const FIRST: usize, const SECOND: usize>() -> Option<Self> {
        let mut lan = Self::empty()?;
        for (switch, count) in [("switch1", FIRST), ("switch2", SECOND)] {
            lan.switch(switch);
            for _ in 0..count {
                lan.plug(switch);
            }
        }
        let [one, other] = BETWEEN;
        ip(&["-n", &lan.name, "link", "add", one, "type", "veth", "peer", "name", other]);
        for (end, switch) in BETWEEN.into_iter().zip(["switch1", "switch2"]) {
            ip(&["-n", &lan.name, "link", "set", end, "master", switch, "up"]);
        }
        Some(lan)
    }

    /// Makes `N` hosts in a row, each with a cable to the one before it and a cable to the one after it, which are networks of their
    /// own: 10.77.1.0/24 between the first two, and on.
    pub(crate) fn line<const N: usize>() -> Option<Self> {
        let mut lan = Self::empty()?;
        for _ in 0..N {
            lan.host(None);
        }
        for (at, pair) in lan.hosts.windows(2).enumerate() {
            let (left, right, network) = (&pair[0].namespace, &pair[1].namespace, at + 1);
            ip(&["-n", left, "link", "add", "right", "type", "veth", "peer", "name", "left", "netns", right]);
            for (host, end, number) in [(left, "right", 1), (right, "left", 2)] {
                ip(&["-n", host, "address", "add", &format!("10.77.{network}.{number}/24"), "dev", end]);
                ip(&["-n", host, "link", "set", end, "up"]);
            }
        }
        Some(lan)
    }

    /// No hosts yet.
    fn empty() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!("periwinkle-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        succeeds(&["netns", "add", &name]).then(|| Self { name, hosts: Vec::new() })
    }

    fn switch(&self, switch: &str) {
        ip(&["-n", &self.name, "link", "add", switch, "type", "bridge", "mcast_snooping", "0"]);
        ip(&["-n", &self.name, "link", "set", switch, "up"]);
    }

    /// Adds a host.
    fn host(&mut self, cable: Option<[String; 2]>) -> &Host {
        let namespace = format!("{}-{}", self.name, self.hosts.len() + 1);
        ip(&["netns", "add", &namespace]);
        ip(&["-n", &namespace, "link", "set", "lo", "up"]);
        self.hosts.push(Host { namespace, cable });
        &self.hosts[self.hosts.len() - 1]
    }

    /// Adds a host on a switch.
    fn plug(&mut self, switch: &str) {
        let number = self.hosts.len() + 1;
        let (name, port) = (self.name.clone(), format!("port{number}"));
        let namespace = &self.host(Some([name.clone(), port.clone()])).namespace;
        ip(&["-n", &name, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
        ip(&["-n", &name, "link", "set", &port, "master", switch, "up"]);
        ip(&["-n", namespace, "address", "add", &format!("10.77.0.{number}/24"), "dev", "eth0"]);
        ip(&["-n", namespace, "link", "set", "eth0", "up"]);
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Pulls the cable between the two rooms of a [`Lan::of_two_rooms`]. No host notices anything at its own.
    pub(crate) fn part(&self) {
        ip(&["-n", &self.name, "link", "set", BETWEEN[0], "down"]);
    }

    /// Puts it back.
    pub(crate) fn join(&self) {
        ip(&["-n", &self.name, "link", "set", BETWEEN[0], "up"]);
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &self.hosts {
            succeeds(&["netns", "delete", &host.namespace]);
        }
        succeeds(&["netns", "delete", &self.name]);
    }
}

impl Host {
    /// A command that runs on this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
    }

    /// Runs a command on this host to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        let ran = self.command(program).args(arguments).output().expect("the package iproute2 is installed");
        assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Runs `act` on this thread with this host's network. Sockets made meanwhile stay on it.
    pub(crate) fn inside<T>(&self, act: impl FnOnce() -> T) -> T {
        let home = File::open("/proc/thread-self/ns/net").expect("this thread has a network namespace");
        let there = File::open(format!("/run/netns/{}", self.namespace)).expect("the host exists");
        enter(&there);
        let done = act();
        enter(&home);
        done
    }

    /// Pulls the cable.
    pub(crate) fn cut(&self) {
        self.set_cable("down");
    }

    /// Puts the cable back.
    pub(crate) fn heal(&self) {
        self.set_cable("up");
    }

    fn set_cable(&self, state: &str) {
        let [switch, port] = self.cable.as_ref().expect("a host on a switch");
        ip(&["-n", switch, "link", "set", port, state]);
    }
}

/// Removes what tests left behind that were killed: the hosts of processes that are no more.
fn sweep() {
    let listed = Command::new("ip").args(["netns", "list"]).output().expect("the package iproute2 is installed");
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let maker = name.strip_prefix("periwinkle-").and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            succeeds(&["netns", "delete", name]);
        }
    }
}

fn enter(namespace: &File) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may change namespaces");
}

fn ip(arguments: &[&str]) {
    assert!(succeeds(arguments), "ip {}", arguments.join(" "));
}

fn succeeds(arguments: &[&str]) -> bool {
    let status = Command::new("ip").args(arguments).status();
    status.expect("the package iproute2 is installed").success()
}
