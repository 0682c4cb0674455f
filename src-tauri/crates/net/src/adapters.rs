//! The adapters of this computer.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags};

/// Most IPv6 addresses of one adapter, and of each network: each is said to everybody, and some systems make a new one every day.
pub(crate) const MOST_BESIDE: usize = 8;
const MOST_OF_NETWORK: usize = 2;
/// Most adapters that are looked at; a computer with containers may have hundreds.
const MOST: usize = 32;

/// What kind of adapter something is. Ordered: where people are to be found comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A cable or a radio.
    Real,
    /// Made by a program: containers, virtual machines, private networks through others' servers.
    Virtual,
}

/// An adapter as the system lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) ipv4: Option<Ipv4Addr>,
}

/// Those that are up and have an address, but for loopback: one for each IPv4 address, or one without.
pub(crate) fn list() -> Vec<Found> {
    let listed = match getifaddrs() {
        Ok(listed) => listed,
        Err(error) => {
            tracing::warn!(%error, "the adapters cannot be listed");
            return Vec::new();
        }
    };
    let mut all: Vec<Found> = Vec::new();
    for address in listed {
        let usable = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
        let is_usable = address.flags.contains(usable) && !address.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let Some(host) = address.address.filter(|_| is_usable) else { continue };
        let ipv4 = host.as_sockaddr_in().map(|address| address.ip());
        if ipv4.is_none() && host.as_sockaddr_in6().is_none() {
            continue;
        }
        let tunnel = address.flags.contains(InterfaceFlags::IFF_POINTOPOINT);
        let found = Found { kind: kind(&address.interface_name, tunnel), name: address.interface_name, ipv4 };
        let is_same = |known: &&mut Found| known.name == found.name && (known.ipv4.is_none() || ipv4.is_none());
        if let Some(known) = all.iter_mut().find(is_same) {
            known.ipv4 = known.ipv4.or(ipv4);
        } else if all.len() < MOST {
            all.push(found);
        }
    }
    all
}

/// The IPv6 addresses beside this one, on the adapter that has it, which others can dial: one that is valid on its own link alone means
/// nothing without the name of an adapter, and that is another one on each computer. At most [`MOST_BESIDE`], and two of a network.
pub(crate) fn beside(ip: Ipv4Addr) -> BTreeSet<Ipv6Addr> {
    let listed: Vec<_> = getifaddrs().map(Iterator::collect).unwrap_or_default();
    let name = listed.iter().find_map(|adapter| {
        let is_it = adapter.address?.as_sockaddr_in()?.ip() == ip;
        is_it.then_some(&adapter.interface_name)
    });
    let on_it = listed.iter().filter(|adapter| Some(&adapter.interface_name) == name);
    let addresses = on_it.filter_map(|adapter| Some(adapter.address?.as_sockaddr_in6()?.ip()));
    few_of_each_network(addresses.filter(is_dialable))
}

fn few_of_each_network(addresses: impl Iterator<Item = Ipv6Addr>) -> BTreeSet<Ipv6Addr> {
    let mut few: BTreeSet<Ipv6Addr> = BTreeSet::new();
    for address in addresses {
        let is_beside = |known: &&Ipv6Addr| network(known) == network(&address);
        if few.len() < MOST_BESIDE && few.iter().filter(is_beside).count() < MOST_OF_NETWORK {
            few.insert(address);
        }
    }
    few
}

/// The network of an address: all but the 64 bits that name an interface (RFC 4291, section 2.5.1).
pub(crate) fn network(ip: &Ipv6Addr) -> u64 {
    (ip.to_bits() >> 64) as u64
}

fn is_dialable(ip: &Ipv6Addr) -> bool {
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local())
}

/// What kind of adapter has this address; a real one where that cannot be told.
pub(crate) fn kind_of(ip: Ipv4Addr) -> Kind {
    list().into_iter().find(|found| found.ipv4 == Some(ip)).map_or(Kind::Real, |found| found.kind)
}

/// What an adapter is by its name, as the programs that make virtual ones choose them, and by being a tunnel.
fn kind(name: &str, tunnel: bool) -> Kind {
    const VIRTUAL: &[&str] = &[
        "br-",
        "cni",
        "docker",
        "flannel",
        "ham",
        "lxc",
        "lxdbr",
        "podman",
        "tailscale",
        "tap",
        "tun",
        "utun",
        "vboxnet",
        "veth",
        "virbr",
        "vmnet",
        "vnet",
        "wg",
        "zt",
    ];
    // A bridge or one end of a pair that somebody named otherwise counts as real: better to look there than not.
    if tunnel || VIRTUAL.iter().any(|prefix| name.starts_with(prefix)) { Kind::Virtual } else { Kind::Real }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adapters_that_programs_make_are_told_from_cables_and_radios() {
        for name in ["eth0", "enp3s0", "wlan0", "wlp2s0", "en0", "br0", "usb0"] {
            assert_eq!(kind(name, false), Kind::Real, "{name}");
        }
        for name in ["docker0", "br-1a2b", "veth12", "tun0", "tailscale0", "wg0", "virbr0", "zt5u4"] {
            assert_eq!(kind(name, false), Kind::Virtual, "{name}");
        }
        assert_eq!(kind("ppp0", true), Kind::Virtual);
    }

    #[test]
    fn what_is_valid_on_one_link_alone_is_not_dialled() {
        let dialled = ["fd77::1", "2001:db8::1", "fe80::1", "febf::1", "::1", "::", "ff02::fb"];
        let dialled = dialled.map(|text| is_dialable(&text.parse().expect("an address")));
        assert_eq!(dialled, [true, true, false, false, false, false, false]);
        let made_daily = (1..=9).map(|n| Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, n));
        let few = few_of_each_network(made_daily.chain(["fd78::1".parse().expect("an address")]));
        assert_eq!(few.iter().map(ToString::to_string).collect::<Vec<_>>(), ["fd77::1", "fd77::2", "fd78::1"]);
        assert!(beside(Ipv4Addr::new(203, 0, 113, 9)).is_empty(), "no adapter has that address");
    }

    #[test]
    fn loopback_is_not_listed() {
        assert!(list().iter().all(|found| found.name != "lo" && found.ipv4.is_none_or(|ip| !ip.is_loopback())));
    }
}
