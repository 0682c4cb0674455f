//! What the facts mean. Pure.

use super::{Adapter, Facts, Kind, Multicast, Neighbour};

/// Clocks that differ by less are good enough: posts are ordered by minutes at the coarsest.
const CLOCK_TOLERANCE_MS: u64 = 120_000;

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No adapter is up and has an address.
    NoNetwork,
    /// The adapter has no IPv4 address, over which others are looked for.
    NoIpv4 {
        /// Its name.
        adapter: String,
    },
    /// Nothing can be sent to all on the adapter.
    MulticastNotSent {
        /// Its name.
        adapter: String,
        /// What the system said.
        reason: String,
    },
    /// What was sent to all did not come back to this computer: something on it keeps it away, a firewall most likely.
    MulticastBlocked {
        /// The adapter's name.
        adapter: String,
    },
    /// Nobody at all was heard on a real adapter: nobody is there, or the network keeps devices apart.
    Isolated {
        /// The adapter's name.
        adapter: String,
    },
    /// The adapter is a virtual one on which nobody was heard, as is usual.
    VirtualOnly {
        /// Its name.
        adapter: String,
    },
    /// Others were heard, none of them a device like this one.
    NobodyOfOurs {
        /// The adapter's name.
        adapter: String,
        /// Hosts that were heard.
        hosts: usize,
    },
    /// Devices like this one were heard: finding each other works.
    Works {
        /// The adapter's name.
        adapter: String,
        /// How many.
        devices: usize,
    },
    /// Of the neighbours that tried, none could connect to this device: a firewall on it lets nobody in.
    NotReachable {
        /// How many tried.
        asked: usize,
    },
    /// Neighbours can connect to this device.
    Reachable,
    /// This device's clock differs from those of most neighbours.
    ClockOff {
        /// By how much theirs are ahead, in seconds.
        ahead: i64,
        /// How many were asked.
        asked: usize,
    },
    /// The one neighbour's clock differs from this device's: one of the two is off.
    ClocksDiffer {
        /// By how much theirs is ahead, in seconds.
        ahead: i64,
    },
}

impl Finding {
    /// Whether something is wrong.
    pub fn is_problem(&self) -> bool {
        !matches!(self, Self::VirtualOnly { .. } | Self::NobodyOfOurs { .. } | Self::Works { .. } | Self::Reachable)
    }
}

/// What was found out, what is wrong first.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.adapters.iter().map(of_adapter).collect();
    // A virtual adapter may lead to others all the same; if so, it is a network.
    let leads_nowhere = |finding: &Finding| matches!(finding, Finding::VirtualOnly { .. });
    if findings.iter().all(leads_nowhere) {
        findings.push(Finding::NoNetwork);
    }
    findings.extend(reach(&facts.neighbours));
    findings.extend(clock(&facts.neighbours));
    findings.sort_by_key(|finding| !finding.is_problem());
    findings
}

fn of_adapter(Adapter { name, kind, multicast, .. }: &Adapter) -> Finding {
    let adapter = name.clone();
    match multicast {
        // A tunnel that carries no multicast, or no IPv4, is as it should be.
        None | Some(Multicast::NotSent(_)) if *kind == Kind::Virtual => Finding::VirtualOnly { adapter },
        None => Finding::NoIpv4 { adapter },
        Some(Multicast::NotSent(reason)) => Finding::MulticastNotSent { adapter, reason: reason.clone() },
        Some(Multicast::Sent { devices, .. }) if *devices > 0 => Finding::Works { adapter, devices: *devices },
        Some(Multicast::Sent { hosts, .. }) if *hosts > 0 => Finding::NobodyOfOurs { adapter, hosts: *hosts },
        Some(Multicast::Sent { .. }) if *kind == Kind::Virtual => Finding::VirtualOnly { adapter },
        Some(Multicast::Sent { echoed: false, .. }) => Finding::MulticastBlocked { adapter },
        Some(Multicast::Sent { .. }) => Finding::Isolated { adapter },
    }
}

fn reach(neighbours: &[Neighbour]) -> Option<Finding> {
    let tried: Vec<bool> = neighbours.iter().filter_map(|neighbour| neighbour.reached).collect();
    match tried.iter().any(|reached| *reached) {
        true => Some(Finding::Reachable),
        false if tried.is_empty() => None,
        false => Some(Finding::NotReachable { asked: tried.len() }),
    }
}

fn clock(neighbours: &[Neighbour]) -> Option<Finding> {
    let mut ahead: Vec<i64> = neighbours.iter().map(|neighbour| neighbour.clock_ahead_ms).collect();
    ahead.sort_unstable();
    // The median, and of an even number the one nearer to ours: half of them agreeing with us is no accusation.
    let (below, above) = (ahead.get(ahead.len().checked_sub(1)? / 2)?, ahead.get(ahead.len() / 2)?);
    let median = if below.unsigned_abs() < above.unsigned_abs() { below } else { above };
    let seconds = median / 1_000;
    match median.unsigned_abs() > CLOCK_TOLERANCE_MS {
        false => None,
        true if ahead.len() == 1 => Some(Finding::ClocksDiffer { ahead: seconds }),
        true => Some(Finding::ClockOff { ahead: seconds, asked: ahead.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: Kind, multicast: Option<Multicast>) -> Adapter {
        let ipv4 = multicast.as_ref().map(|_| [10, 0, 0, 7].into());
        Adapter { name: name.into(), kind, ipv4, multicast }
    }

    fn sent(echoed: bool, hosts: usize, devices: usize) -> Option<Multicast> {
        Some(Multicast::Sent { echoed, hosts, devices })
    }

    fn of(adapters: Vec<Adapter>) -> Vec<Finding> {
        judge(&Facts { adapters, neighbours: Vec::new() })
    }

    #[test]
    fn each_adapter_has_one_finding_and_problems_come_first() {
        let eth0 = || "eth0".to_owned();
        assert_eq!(of(Vec::new()), [Finding::NoNetwork]);
        let cases = [
            (sent(true, 0, 0), Finding::Isolated { adapter: eth0() }),
            (sent(false, 0, 0), Finding::MulticastBlocked { adapter: eth0() }),
            (sent(true, 4, 0), Finding::NobodyOfOurs { adapter: eth0(), hosts: 4 }),
            (sent(true, 4, 3), Finding::Works { adapter: eth0(), devices: 3 }),
            // Others are heard: that one's own word is not is no harm.
            (sent(false, 1, 1), Finding::Works { adapter: eth0(), devices: 1 }),
            (None, Finding::NoIpv4 { adapter: eth0() }),
            (
                Some(Multicast::NotSent("denied".into())),
                Finding::MulticastNotSent { adapter: eth0(), reason: "denied".into() },
            ),
        ];
        for (multicast, finding) in cases {
            assert_eq!(of(vec![adapter("eth0", Kind::Real, multicast)]), [finding]);
        }
        let tunnel = |multicast| of(vec![adapter("tun0", Kind::Virtual, multicast)]);
        for multicast in [sent(true, 0, 0), sent(false, 0, 0), Some(Multicast::NotSent("no".into())), None] {
            assert_eq!(tunnel(multicast), [Finding::NoNetwork, Finding::VirtualOnly { adapter: "tun0".into() }]);
        }
        assert_eq!(tunnel(sent(true, 2, 1)), [Finding::Works { adapter: "tun0".into(), devices: 1 }]);
        let both = of(vec![
            adapter("docker0", Kind::Virtual, sent(true, 0, 0)),
            adapter("eth0", Kind::Real, sent(true, 0, 0)),
        ]);
        assert_eq!(both.iter().map(Finding::is_problem).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn one_neighbour_that_connects_is_enough_and_silence_says_nothing() {
        let with = |reached: &[Option<bool>]| {
            let neighbours: Vec<_> =
                reached.iter().map(|reached| Neighbour { reached: *reached, clock_ahead_ms: 0 }).collect();
            reach(&neighbours)
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[None]), None);
        assert_eq!(with(&[Some(false), None, Some(true)]), Some(Finding::Reachable));
        assert_eq!(with(&[Some(false), None, Some(false)]), Some(Finding::NotReachable { asked: 2 }));
    }

    #[test]
    fn a_clock_is_off_when_most_neighbours_say_so() {
        let with = |ahead: &[i64]| {
            let neighbours: Vec<_> =
                ahead.iter().map(|ahead| Neighbour { reached: None, clock_ahead_ms: *ahead }).collect();
            clock(&neighbours)
        };
        let day = 86_400_000;
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[100_000]), None);
        assert_eq!(with(&[-day]), Some(Finding::ClocksDiffer { ahead: -86_400 }));
        assert_eq!(with(&[day, day + 3]), Some(Finding::ClockOff { ahead: 86_400, asked: 2 }));
        assert_eq!(with(&[day, 5]), None, "one of two agrees with us");
        assert_eq!(with(&[day, 5, -70]), None);
        assert_eq!(with(&[day, day, 5]), Some(Finding::ClockOff { ahead: 86_400, asked: 3 }));
        assert_eq!(with(&[i64::MIN, i64::MIN]), Some(Finding::ClockOff { ahead: i64::MIN / 1_000, asked: 2 }));
    }
}
