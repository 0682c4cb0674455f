//! Multicast on one adapter: out and back, and who else is heard.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::Multicast;
use crate::{
    config::{DOCTOR_HOSTS, DOCTOR_LISTENS},
    discovery::probing::{self, Heard},
};

/// How long after the first question it is asked again: a radio loses some.
const AGAIN: Duration = Duration::from_secs(1);

/// Asks everybody on an adapter who they are, and listens for [`DOCTOR_LISTENS`]. `own` are the addresses of this computer.
pub(super) async fn probe(ip: Ipv4Addr, own: &[IpAddr]) -> Multicast {
    match listen(ip, own).await {
        Ok(heard) => heard,
        Err(error) => Multicast::NotSent(error.to_string()),
    }
}

async fn listen(ip: Ipv4Addr, own: &[IpAddr]) -> io::Result<Multicast> {
    let probe = probing::open(ip)?;
    probe.ask().await?;
    let begun = Instant::now();
    let mut asked_again = false;
    let mut echoed = false;
    let (mut hosts, mut devices) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let until = begun + if asked_again { DOCTOR_LISTENS } else { AGAIN };
        match timeout_at(until, probe.next()).await {
            Err(_) if asked_again => break,
            Err(_) => {
                asked_again = true;
                // The first one was sent; that a second one is not says nothing.
                let _ = probe.ask().await;
            }
            Ok(heard) => match heard? {
                Heard::Own => echoed = true,
                Heard::Other(from, device) if !own.contains(&from) => {
                    // Nobody makes us remember without end.
                    if hosts.len() < DOCTOR_HOSTS {
                        hosts.insert(from);
                    }
                    devices.extend(device.filter(|_| devices.len() < DOCTOR_HOSTS));
                }
                Heard::Other(..) => {}
            },
        }
    }
    Ok(Multicast::Sent { echoed, hosts: hosts.len(), devices: devices.len() })
}
