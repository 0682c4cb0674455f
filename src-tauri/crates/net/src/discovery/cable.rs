//! Notices that an interface went up or down, or that its cable was pulled or plugged in. The address may stay the same meanwhile, so
//! that watching addresses is not enough. Linux tells over a netlink socket (`rtnetlink(7)`); elsewhere addresses have to do.

/// Reads the messages of a datagram and tells whether any interface changed in a way that matters.
#[cfg(target_os = "linux")]
pub(crate) use linux::CableWatch;

#[cfg(not(target_os = "linux"))]
pub(crate) struct CableWatch;

#[cfg(not(target_os = "linux"))]
impl CableWatch {
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn changed(&mut self) {
        std::future::pending().await
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeMap, io};

    use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};

    /// Changes of interfaces (`RTMGRP_LINK`).
    const GROUP_LINK: u32 = 1;
    const RTM_NEWLINK: u16 = 16;
    const RTM_DELLINK: u16 = 17;
    /// `IFF_UP`, `IFF_RUNNING` and `IFF_LOWER_UP`: switched on, able to work, cable in (`netdevice(7)`).
    const MATTERS: u32 = 0x1 | 0x40 | 0x1_0000;
    /// Interfaces that are remembered.
    const INTERFACES: usize = 256;
    const DATAGRAM: usize = 32 << 10;

    pub(crate) struct CableWatch {
        socket: TokioSocket,
        states: BTreeMap<u32, u32>,
    }

    impl CableWatch {
        pub(crate) fn start() -> io::Result<Self> {
            let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
            socket.socket_mut().bind(&SocketAddr::new(0, GROUP_LINK))?;
            Ok(Self { socket, states: BTreeMap::new() })
        }

        /// Completes when something changed. Never, when the socket fails: then addresses have to do. Cancel safe.
        pub(crate) async fn changed(&mut self) {
            let mut datagram = Vec::with_capacity(DATAGRAM);
            loop {
                datagram.clear();
                match self.socket.recv(&mut &mut datagram).await {
                    Ok(_) if note(&mut self.states, &datagram) => return,
                    Ok(_) => {}
                    // More came than fits: something changed.
                    Err(error) if error.raw_os_error() == Some(ENOBUFS) => return,
                    Err(error) => {
                        tracing::warn!(%error, "cannot watch the network cables");
                        return std::future::pending().await;
                    }
                }
            }
        }
    }

    const ENOBUFS: i32 = 105;

    /// Notes the states in a datagram; true when one of them is new. A wireless card also tells of each scan: that is not.
    fn note(states: &mut BTreeMap<u32, u32>, mut datagram: &[u8]) -> bool {
        let mut changed = false;
        while let Some((index, state, length)) = message(datagram) {
            match state {
                Some(state) if states.len() < INTERFACES || states.contains_key(&index) => {
                    changed |= states.insert(index, state) != Some(state);
                }
                Some(_) => {}
                None => changed |= states.remove(&index).is_some(),
            }
            // Messages begin at multiples of four bytes.
            datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        changed
    }

    /// The interface, its state (`None` when it is gone) and the length of the first message of a datagram: `struct nlmsghdr`, 16 bytes,
    /// then `struct ifinfomsg`, 16 bytes.
    fn message(bytes: &[u8]) -> Option<(u32, Option<u32>, usize)> {
        let field = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(field(0)?).ok().filter(|length| *length >= 32)?;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let (index, flags) = (field(20)?, field(24)?);
        match kind {
            RTM_NEWLINK => Some((index, Some(flags & MATTERS), length)),
            RTM_DELLINK => Some((index, None, length)),
            _ => None,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn link(kind: u16, index: u32, flags: u32) -> Vec<u8> {
            let mut bytes = vec![0; 36];
            bytes[0..4].copy_from_slice(&34_u32.to_ne_bytes());
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[20..24].copy_from_slice(&index.to_ne_bytes());
            bytes[24..28].copy_from_slice(&flags.to_ne_bytes());
            bytes
        }

        #[test]
        fn a_pulled_cable_is_a_change_and_a_scan_is_none() {
            let mut states = BTreeMap::new();
            assert!(note(&mut states, &link(RTM_NEWLINK, 2, 0x1_1043)), "not seen before");
            assert!(!note(&mut states, &link(RTM_NEWLINK, 2, 0x1_1143)), "only promiscuous mode differs");
            assert!(note(&mut states, &link(RTM_NEWLINK, 2, 0x1003)), "no carrier");
            let both = [link(RTM_NEWLINK, 2, 0x1003), link(RTM_NEWLINK, 3, 0x1)].concat();
            assert!(note(&mut states, &both), "the second one is new");
            assert!(note(&mut states, &link(RTM_DELLINK, 3, 0)));
        }

        #[test]
        fn bytes_that_are_no_message_end_the_reading() {
            let mut states = BTreeMap::new();
            for length in 0..36 {
                assert!(!note(&mut states, &vec![0; length]));
            }
            let whole = link(RTM_NEWLINK, 2, 1);
            assert!(!note(&mut states, &whole[..27]));
        }
    }
}
