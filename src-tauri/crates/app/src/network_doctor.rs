//! What the network doctor found, in words for a person.

use net::doctor::{self, Facts, Finding, judge};

use crate::App;
use crate::view::{NetworkFinding, NetworkTrouble};

impl App {
    /// Looks at each adapter of this computer and asks the neighbours what they see of it; takes a few seconds. What is wrong comes first.
    pub async fn check_network(&self) -> Vec<NetworkFinding> {
        let facts = match self.doctor() {
            Some(doctor) => doctor.examine().await,
            // Nothing runs that has neighbours to ask; what comes over the adapters can be seen all the same.
            None => Facts { adapters: doctor::look_at_adapters().await, neighbours: Vec::new() },
        };
        judge(&facts).iter().map(in_words).collect()
    }
}

fn in_words(finding: &Finding) -> NetworkFinding {
    let (trouble, adapter, what, next): (_, Option<&String>, String, &str) = match finding {
        Finding::NoNetwork => (
            NetworkTrouble::NoNetwork,
            None,
            "This computer is on no network.".into(),
            "Join a Wi-Fi or put a cable in. A phone's hotspot will do; it needs no internet.",
        ),
        Finding::NoIpv4 { adapter } => (
            NetworkTrouble::NoIpv4,
            Some(adapter),
            format!("{adapter} has no IPv4 address, over which people are looked for."),
            "Turn IPv4 on for it in the system's network settings, or link by address.",
        ),
        Finding::MulticastNotSent { adapter, reason } => (
            NetworkTrouble::MulticastNotSent,
            Some(adapter),
            format!("Nothing can be said to everybody on {adapter}: {reason}."),
            "Look at the system's network settings; a VPN may forbid it. Linking by address may still work.",
        ),
        Finding::MulticastBlocked { adapter } => (
            NetworkTrouble::MulticastBlocked,
            Some(adapter),
            format!("Nothing that is said to everybody on {adapter} arrives, not even what this computer says."),
            "A firewall on this computer keeps it away: let UDP port 5353 in, or let Periwinkle through.",
        ),
        Finding::Isolated { adapter } => (
            NetworkTrouble::Isolated,
            Some(adapter),
            format!("Nobody at all was heard on {adapter}."),
            "If others are there, the network keeps devices apart, as guest Wi-Fi often does: use another one, a cable or a phone's hotspot.",
        ),
        Finding::VirtualOnly { adapter } => (
            NetworkTrouble::VirtualOnly,
            Some(adapter),
            format!("{adapter} was made by a program and leads to nobody near."),
            "Nothing to do, unless it takes all traffic, as some VPNs do: then pause it.",
        ),
        Finding::NobodyOfOurs { adapter, hosts } => (
            NetworkTrouble::NobodyOfOurs,
            Some(adapter),
            format!("{adapter} works: {} heard, but nobody with Periwinkle.", was(*hosts, "other device")),
            "Ask somebody here to open it.",
        ),
        Finding::Works { adapter, devices } => (
            NetworkTrouble::Works,
            Some(adapter),
            format!("{adapter} works: {} heard.", was(*devices, "device with Periwinkle")),
            "Nothing to do.",
        ),
        Finding::NotReachable { asked } => (
            NetworkTrouble::NotReachable,
            None,
            format!(
                "{} to connect to this computer and could not.",
                match asked {
                    1 => "A neighbour tried".into(),
                    asked => format!("{asked} neighbours tried"),
                }
            ),
            "A firewall on this computer lets nobody in: let Periwinkle through, or only those whom you reach are linked.",
        ),
        Finding::Reachable => {
            (NetworkTrouble::Reachable, None, "Neighbours can connect to this computer.".into(), "Nothing to do.")
        }
        Finding::ClockOff { ahead, asked } => (
            NetworkTrouble::ClockOff,
            None,
            format!("This computer's clock is {} the clocks of {asked} neighbours.", apart(-ahead)),
            "Set the clock: what you write is sorted by it.",
        ),
        Finding::ClocksDiffer { ahead } => (
            NetworkTrouble::ClockOff,
            None,
            format!("This computer's clock is {} the one neighbour's.", apart(-ahead)),
            "See which of the two is right, and set the other.",
        ),
    };
    let next = next.to_owned();
    NetworkFinding { trouble, adapter: adapter.cloned(), problem: finding.is_problem(), what, next }
}

/// `1 other device was`, `3 other devices were`.
fn was(count: usize, one: &str) -> String {
    match (count, one.split_once(' ')) {
        (1, _) => format!("1 {one} was"),
        // Only the noun has a plural: `devices with Periwinkle`.
        (_, Some(("device", rest))) => format!("{count} devices {rest} were"),
        _ => format!("{count} {one}s were"),
    }
}

/// `3 minutes ahead of`, `2 days behind`.
fn apart(seconds: i64) -> String {
    let (amount, unit) = match seconds.unsigned_abs() {
        seconds @ 0..5_400 => (seconds.div_ceil(60), "minute"),
        seconds @ 5_400..129_600 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    let plural = if amount == 1 { "" } else { "s" };
    let direction = if seconds < 0 { "behind" } else { "ahead of" };
    format!("{amount} {unit}{plural} {direction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(apart(-61), "2 minutes behind");
        assert_eq!(apart(60), "1 minute ahead of");
        assert_eq!(apart(7_300), "2 hours ahead of");
        assert_eq!(apart(i64::MIN), "106751991167300 days behind");
        assert_eq!(
            (was(1, "other device"), was(2, "other device")),
            ("1 other device was".into(), "2 other devices were".into())
        );
        assert_eq!(was(3, "device with Periwinkle"), "3 devices with Periwinkle were");
        assert_eq!(was(1, "device with Periwinkle"), "1 device with Periwinkle was");
    }

    #[test]
    fn whose_clock_is_behind_is_said_from_here() {
        let said = in_words(&Finding::ClockOff { ahead: 86_400 * 3, asked: 4 });
        assert_eq!(said.what, "This computer's clock is 3 days behind the clocks of 4 neighbours.");
        assert!(said.problem);
        assert!(!in_words(&Finding::Reachable).problem);
    }
}
