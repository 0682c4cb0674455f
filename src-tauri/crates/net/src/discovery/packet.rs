//! The packets of multicast DNS that libp2p programs exchange (libp2p specification, `discovery/mdns.md`; RFC 6762; RFC 1035, section
//! 4). Pure: bytes in, values out.
//!
//! A query asks for pointers of [`SERVICE`]. An announcement answers with one pointer to a random name, and adds one text record
//! of that name for each address: `dnsaddr=/ip4/…/tcp/…/p2p/…`. A time to live of zero says goodbye (RFC 6762, section 10.1).

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

use crate::config::PEER_ADDRESSES;

/// What libp2p programs look for. Any of them may answer.
const SERVICE: &str = "_p2p._udp.local";
/// What every responder answers, with the services that it has (RFC 6763, section 9).
const EVERY_SERVICE: &str = "_services._dns-sd._udp.local";
/// Bytes of a packet, read or written; an Ethernet frame holds less (RFC 6762, section 17).
pub(crate) const MAX_PACKET: usize = 1_452;
/// Records of a packet that are looked at.
const MAX_RECORDS: u16 = 32;
/// Bytes of a name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 255;

const TYPE_PTR: u16 = 12;
const TYPE_TXT: u16 = 16;
const CLASS_IN: u16 = 1;
/// The top bit of a class means other things in multicast DNS (RFC 6762, sections 5.4 and 10.2).
const CLASS_MASK: u16 = 0x7fff;
const CACHE_FLUSH: u16 = 0x8000;
const FLAGS_ANSWER: u16 = 0x8400;
const HEADER: usize = 12;

/// A packet that concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// Somebody wants to know who is there.
    Query,
    /// Somebody says that it is there.
    Announcement(Announcement),
}

/// Who is where, and for how long; zero says goodbye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) peer: PeerId,
    pub(crate) addresses: Vec<Multiaddr>,
    pub(crate) lives: Duration,
}

/// A query.
pub(crate) fn query() -> Vec<u8> {
    let mut packet = header(0, 1, 0, 0);
    put_name(&mut packet, SERVICE);
    put_u16(&mut packet, TYPE_PTR);
    put_u16(&mut packet, CLASS_IN);
    packet
}

/// A query that every responder answers (RFC 6763, section 9), devices like ours too, with a question under `name` by which whoever sent
/// it knows it again.
pub(crate) fn everybody(name: &str) -> Vec<u8> {
    let mut packet = header(0, 3, 0, 0);
    for question in [SERVICE, EVERY_SERVICE, &format!("{name}.{SERVICE}")] {
        put_name(&mut packet, question);
        put_u16(&mut packet, TYPE_PTR);
        put_u16(&mut packet, CLASS_IN);
    }
    packet
}

/// An announcement under a name of letters, at most 63. Addresses beyond what fits a packet are left out.
pub(crate) fn announcement(name: &str, announcement: &Announcement) -> Vec<u8> {
    let seconds = u32::try_from(announcement.lives.as_secs()).unwrap_or(u32::MAX);
    let mut pointer = Vec::new();
    put_name(&mut pointer, name);
    let mut answer = Vec::new();
    put_name(&mut answer, SERVICE);
    put_record(&mut answer, TYPE_PTR, CLASS_IN, seconds, &pointer);

    let (mut texts, mut count) = (Vec::new(), 0);
    for address in announcement.addresses.iter().take(PEER_ADDRESSES) {
        let text = format!("dnsaddr={address}/p2p/{}", announcement.peer);
        let Ok(length) = u8::try_from(text.len()) else { continue };
        let mut record = pointer.clone();
        put_record(&mut record, TYPE_TXT, CLASS_IN | CACHE_FLUSH, seconds, &[&[length], text.as_bytes()].concat());
        if HEADER + answer.len() + texts.len() + record.len() > MAX_PACKET {
            break;
        }
        texts.extend(record);
        count += 1;
    }
    let mut packet = header(FLAGS_ANSWER, 0, 1, count);
    packet.extend(answer);
    packet.extend(texts);
    packet
}

/// Reads a packet; `None` for everything that is none of our business, broken ones included.
pub(crate) fn parse(bytes: &[u8]) -> Option<Packet> {
    let mut reader = Reader { bytes, at: 0 };
    let (_id, flags) = (reader.u16()?, reader.u16()?);
    let (questions, answers, authorities, additionals) = (reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?);
    let is_response = flags & 0x8000 != 0;
    for _ in 0..questions.min(MAX_RECORDS) {
        let (name, kind, _class) = (reader.name()?, reader.u16()?, reader.u16()?);
        if !is_response && kind == TYPE_PTR && name == SERVICE {
            return Some(Packet::Query);
        }
    }
    if !is_response {
        return None;
    }
    let mut pointer: Option<(String, u32)> = None;
    let mut texts = Vec::new();
    let records = answers.saturating_add(authorities).saturating_add(additionals);
    for _ in 0..records.min(MAX_RECORDS) {
        let record = reader.record()?;
        match record.kind {
            TYPE_PTR if record.name == SERVICE && pointer.is_none() => {
                let mut target = Reader { bytes, at: record.data_at };
                pointer = Some((target.name()?, record.seconds));
            }
            TYPE_TXT => texts.push(record),
            _ => {}
        }
    }
    let (name, seconds) = pointer?;
    let mut found =
        texts.iter().filter(|record| record.name == name).flat_map(|record| strings(record.data)).filter_map(address);
    let (peer, first) = found.next()?;
    let others = found.filter(|(other, _)| *other == peer).map(|(_, address)| address);
    let addresses = std::iter::once(first).chain(others).take(PEER_ADDRESSES).collect();
    Some(Packet::Announcement(Announcement { peer, addresses, lives: Duration::from_secs(u64::from(seconds)) }))
}

/// The peer and its address in one text string.
fn address(text: &[u8]) -> Option<(PeerId, Multiaddr)> {
    let text = std::str::from_utf8(text.strip_prefix(b"dnsaddr=")?).ok()?;
    let mut address: Multiaddr = text.parse().ok()?;
    match address.pop()? {
        Protocol::P2p(peer) => Some((peer, address)),
        _ => None,
    }
}

/// The strings of a text record: each one a length and so many bytes.
fn strings(mut data: &[u8]) -> Vec<&[u8]> {
    let mut strings = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let Some((string, rest)) = rest.split_at_checked(usize::from(length)) else { break };
        strings.push(string);
        data = rest;
    }
    strings
}

struct Record<'a> {
    name: String,
    kind: u16,
    seconds: u32,
    data: &'a [u8],
    data_at: usize,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let (name, kind, class, seconds) = (self.name()?, self.u16()?, self.u16()?, self.u32()?);
        let length = usize::from(self.u16()?);
        let data_at = self.at;
        let data = self.take(length)?;
        let kind = if class & CLASS_MASK == CLASS_IN { kind } else { 0 };
        Some(Record { name, kind, seconds, data, data_at })
    }

    /// A name, in lower case. A pointer to an earlier place may stand for its end; each one has to point further back than
    /// the last, so that they cannot go round (RFC 1035, section 4.1.4).
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut at = self.at;
        let mut earliest = self.at;
        let mut end = None;
        loop {
            let length = *self.bytes.get(at)?;
            match length >> 6 {
                0 if length == 0 => {
                    self.at = end.unwrap_or(at + 1);
                    return Some(name);
                }
                0 => {
                    let label = self.bytes.get(at + 1..at + 1 + usize::from(length))?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(&String::from_utf8_lossy(label).to_ascii_lowercase());
                    if name.len() > MAX_NAME {
                        return None;
                    }
                    at += 1 + usize::from(length);
                }
                3 => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(*self.bytes.get(at + 1)?);
                    end.get_or_insert(at + 2);
                    if target >= earliest {
                        return None;
                    }
                    earliest = target;
                    at = target;
                }
                _ => return None,
            }
        }
    }
}

fn header(flags: u16, questions: u16, answers: u16, additionals: u16) -> Vec<u8> {
    let mut packet = Vec::with_capacity(512);
    // The id is zero in multicast packets (RFC 6762, section 18.1).
    for field in [0, flags, questions, answers, 0, additionals] {
        put_u16(&mut packet, field);
    }
    packet
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

/// Labels come from here and have 1 to 63 bytes each.
fn put_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.') {
        out.push(label.len().min(63) as u8);
        out.extend(label.bytes().take(63));
    }
    out.push(0);
}

/// Everything of a record after its name.
fn put_record(out: &mut Vec<u8>, kind: u16, class: u16, seconds: u32, data: &[u8]) {
    put_u16(out, kind);
    put_u16(out, class);
    out.extend(seconds.to_be_bytes());
    put_u16(out, u16::try_from(data.len()).unwrap_or(u16::MAX));
    out.extend(data);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    fn peer(seed: u8) -> PeerId {
        crate::identity::keypair(&feed::KeyPair::from_seed(&[seed; 32])).expect("a key").public().to_peer_id()
    }

    fn example() -> Announcement {
        let addresses = ["/ip4/192.168.1.7/tcp/4001", "/ip4/192.168.1.7/udp/4001/quic-v1"];
        Announcement {
            peer: peer(1),
            addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
            lives: Duration::from_secs(120),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&query()), Some(Packet::Query));
        let packet = announcement("abcdefgh", &example());
        assert!(packet.len() < 400, "{} bytes", packet.len());
        assert_eq!(parse(&packet), Some(Packet::Announcement(example())));
        let goodbye = Announcement { lives: Duration::ZERO, ..example() };
        assert_eq!(parse(&announcement("abcdefgh", &goodbye)), Some(Packet::Announcement(goodbye)));
    }

    #[test]
    fn a_packet_never_outgrows_the_wire() {
        let address: Multiaddr = "/ip4/192.168.100.100/udp/40001/quic-v1".parse().expect("an address");
        let many = Announcement { addresses: vec![address; 100], ..example() };
        let packet = announcement("abcdefgh", &many);
        assert!(packet.len() <= MAX_PACKET);
        assert!(matches!(parse(&packet), Some(Packet::Announcement(read)) if read.addresses.len() > 5));
    }

    #[test]
    fn addresses_of_another_peer_in_the_same_packet_do_not_count() {
        let mut packet = announcement("abcdefgh", &example());
        let other = format!("dnsaddr=/ip4/192.168.1.7/tcp/1/p2p/{}", peer(2));
        put_name(&mut packet, "abcdefgh");
        put_record(&mut packet, TYPE_TXT, CLASS_IN, 120, &[&[other.len() as u8], other.as_bytes()].concat());
        if let Some(count) = packet.get_mut(11) {
            *count += 1;
        }
        assert_eq!(parse(&packet), Some(Packet::Announcement(example())));
    }

    #[test]
    fn names_that_point_at_themselves_end() {
        let mut packet = header(FLAGS_ANSWER, 0, 1, 0);
        packet.extend([0xc0, 12, 0, 12, 0, 1]);
        assert_eq!(parse(&packet), None);
    }

    /// Changes a packet as whoever wants to break a parser does: bytes, counts, lengths and pointers, parts left out, doubled or moved.
    fn mutate(packet: &mut Vec<u8>, random: &mut impl FnMut(usize) -> usize) {
        const TELLING: [u8; 8] = [0, 1, 0x3f, 0x40, 0x7f, 0xc0, 0xfe, 0xff];
        let (at, other) = (random(packet.len()), random(packet.len()));
        let (from, to) = (at.min(other), at.max(other));
        match random(6) {
            0 => packet[at] ^= 1 << random(8),
            1 => packet[at] = TELLING[random(TELLING.len())],
            // The counts of the header.
            2 => packet[4 + at % 8] = TELLING[random(TELLING.len())],
            // A pointer to anywhere.
            3 => packet.splice(at..at, [0xc0 | (other >> 8) as u8, other as u8]).for_each(drop),
            4 => packet.extend_from_within(from..to),
            _ => drop(packet.drain(from..to.min(from + 40))),
        }
        packet.resize(packet.len().clamp(HEADER, MAX_PACKET), 0);
    }

    #[test]
    fn fifty_thousand_hostile_packets_are_harmless_and_what_is_read_is_bounded() {
        let mut random = ChaCha8Rng::seed_from_u64(77);
        let mut random = |below: usize| random.next_u32() as usize % below.max(1);
        let goodbye = Announcement { lives: Duration::ZERO, ..example() };
        let whole = [query(), announcement("abcdefgh", &example()), announcement("abcdefgh", &goodbye)];
        let (mut packet, mut read) = (Vec::new(), 0);
        for round in 0..50_000 {
            // Up to twelve changes, one after the other.
            if round % 12 == 0 {
                packet.clone_from(&whole[random(whole.len())]);
            }
            mutate(&mut packet, &mut random);
            let Some(Packet::Announcement(heard)) = parse(&packet) else { continue };
            read += 1;
            assert!(!heard.addresses.is_empty() && heard.addresses.len() <= PEER_ADDRESSES, "round {round}");
            let written = announcement("abcdefgh", &heard);
            assert!(written.len() <= MAX_PACKET, "round {round}");
        }
        assert!(read > 1_000, "only {read} were still announcements");
    }

    #[test]
    fn a_packet_of_pointers_to_pointers_is_read_in_no_time() {
        // One record holds a chain in which each pointer leads to the one before it; the names of all others begin at its end.
        const CHAIN: usize = 500;
        let mut packet = header(FLAGS_ANSWER, 0, MAX_RECORDS, 0);
        packet.push(0);
        let start = packet.len() + 10;
        let mut chain = vec![0];
        for link in 0..CHAIN {
            let before = start + (2 * link).saturating_sub(1);
            chain.extend([0xc0 | (before >> 8) as u8, before as u8]);
        }
        put_record(&mut packet, TYPE_TXT, CLASS_IN, 1, &chain);
        let end = packet.len() - 2;
        for _ in 1..MAX_RECORDS {
            packet.extend([0xc0 | (end >> 8) as u8, end as u8]);
            put_record(&mut packet, TYPE_TXT, CLASS_IN, 1, &[]);
        }
        assert!(packet.len() <= MAX_PACKET);
        assert_eq!(Reader { bytes: &packet, at: end }.name(), Some(String::new()), "the chain holds");
        let begun = std::time::Instant::now();
        for _ in 0..100 {
            assert_eq!(parse(&packet), None);
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn bytes_from_anywhere_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            parse(&bytes);
        }

        #[test]
        fn a_changed_packet_is_harmless(at in 0_usize..350, byte in any::<u8>(), cut in 0_usize..400) {
            let mut packet = announcement("abcdefgh", &example());
            if let Some(changed) = packet.get_mut(at) {
                *changed = byte;
            }
            packet.truncate(cut.max(20));
            parse(&packet);
        }
    }
}
