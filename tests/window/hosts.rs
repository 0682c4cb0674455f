//! Two or more hosts on one switch, as network namespaces with cables that can be pulled.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A switch with its hosts. All of it is gone when this is dropped.
pub(crate) struct Lan {
    switch: String,
    hosts: Vec<Host>,
}

/// A computer on the switch.
pub(crate) struct Host {
    namespace: String,
    /// The switch's namespace and the name of the port that this host's cable is in.
    switch: String,
    port: String,
}

impl Lan {
    /// Makes `N` hosts with the addresses 10.77.0.1 and on; nothing where this process may not make namespaces.
    pub(crate) fn of<const N: usize>() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let name = format!("periwinkle-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        if !succeeds(&["netns", "add", &name]) {
            return None;
        }
        let mut lan = Self { switch: name.clone(), hosts: Vec::new() };
        ip(&["-n", &name, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0"]);
        ip(&["-n", &name, "link", "set", "switch", "up"]);
        for number in 1..=N {
            let host =
                Host { namespace: format!("{name}-{number}"), switch: name.clone(), port: format!("port{number}") };
            ip(&["netns", "add", &host.namespace]);
            let (namespace, port) = (host.namespace.clone(), host.port.clone());
            lan.hosts.push(host);
            ip(&["-n", &name, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &namespace]);
            ip(&["-n", &name, "link", "set", &port, "master", "switch", "up"]);
            ip(&["-n", &namespace, "address", "add", &format!("10.77.0.{number}/24"), "dev", "eth0"]);
            ip(&["-n", &namespace, "link", "set", "lo", "up"]);
            ip(&["-n", &namespace, "link", "set", "eth0", "up"]);
        }
        Some(lan)
    }

    pub(crate) fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &self.hosts {
            succeeds(&["netns", "delete", &host.namespace]);
        }
        succeeds(&["netns", "delete", &self.switch]);
    }
}

impl Host {
    /// A command that runs on this host.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, program]);
        command
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
        ip(&["-n", &self.switch, "link", "set", &self.port, "down"]);
    }

    /// Puts the cable back.
    pub(crate) fn heal(&self) {
        ip(&["-n", &self.switch, "link", "set", &self.port, "up"]);
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
