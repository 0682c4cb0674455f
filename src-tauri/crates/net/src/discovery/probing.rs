//! Questions of the doctor on one interface, beside discovery: what it sends is multicast DNS that every responder answers, and that it
//! knows again.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddrV4},
};

use libp2p::PeerId;
use tokio::net::UdpSocket;

use super::{
    interface,
    packet::{self, MAX_PACKET, Packet},
};
use crate::backoff::Jitter;

/// A packet that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// What we sent ourselves.
    Own,
    /// Somebody else's, from this host; with the device that it announces, if it is one like ours.
    Other(IpAddr, Option<PeerId>),
}

/// A socket beside those of discovery.
pub(crate) struct Probe {
    socket: UdpSocket,
    packet: Vec<u8>,
}

/// Begins to listen on the interface with this address.
pub(crate) fn open(ip: Ipv4Addr) -> io::Result<Probe> {
    // No secret: only so different from what others send that it is known again.
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let name = Jitter::new(seed.as_nanos() as u64 ^ u64::from(u32::from(ip))).name(20);
    Ok(Probe { socket: interface::open(ip)?, packet: packet::everybody(&name) })
}

impl Probe {
    /// Asks everybody.
    pub(crate) async fn ask(&self) -> io::Result<()> {
        let group = SocketAddrV4::new(interface::GROUP, interface::PORT);
        self.socket.send_to(&self.packet, group).await.map(drop)
    }

    /// The next packet. Cancel safe.
    pub(crate) async fn next(&self) -> io::Result<Heard> {
        let mut buffer = [0; MAX_PACKET];
        let (length, from) = self.socket.recv_from(&mut buffer).await?;
        let packet = buffer.get(..length).unwrap_or_default();
        if packet == self.packet {
            return Ok(Heard::Own);
        }
        let device = match packet::parse(packet) {
            Some(Packet::Announcement(announcement)) if !announcement.lives.is_zero() => Some(announcement.peer),
            _ => None,
        };
        Ok(Heard::Other(from.ip(), device))
    }
}
