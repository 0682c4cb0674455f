use super::*;
use crate::streams::ip;

const LOW: DeviceKey = DeviceKey::new([1; 32]);
const HIGH: DeviceKey = DeviceKey::new([9; 32]);
const LIVES: Duration = Duration::from_secs(120);

fn peers(local: DeviceKey) -> (Peers, Instant) {
    (Peers::new(local, Jitter::new(1)), Instant::now())
}

fn connection(number: usize) -> ConnectionId {
    ConnectionId::new_unchecked(number)
}

fn address(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

fn tcp() -> Multiaddr {
    address("/ip4/10.0.0.7/tcp/1")
}

fn quic() -> Multiaddr {
    address("/ip4/10.0.0.7/udp/1/quic-v1")
}

/// What the host at an address says of itself.
fn said(address: Multiaddr, over: Kind) -> Heard {
    let host = ip(&address).expect("a host");
    Heard { address, host, over, lives: LIVES }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A link on connection 1 to the larger key, at `now`.
fn linked(now: Instant) -> Peers {
    let (mut peers, _) = peers(LOW);
    peers.connected(HIGH, connection(1), false, now);
    assert_eq!(peers.actions(now), [Action::Open { device: HIGH, connection: connection(1) }]);
    assert_eq!(peers.stream(HIGH, connection(1), true, now), Verdict::Start);
    peers.link_started(HIGH, LinkId(1), connection(1), now);
    assert_eq!(peers.actions(now), []);
    peers
}

#[test]
fn somebody_new_is_reported_and_dialled_over_tcp_first() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(quic(), Kind::Real), now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    assert_eq!(peers.actions(now), [Action::Discovered { device: HIGH, address: quic() }]);
    let due = now + ms(50);
    assert_eq!(peers.actions(due), [Action::Dial { device: HIGH, addresses: vec![tcp()] }]);
    peers.dial_failed(HIGH, due);
    assert_eq!(peers.actions(due + ms(320)), [Action::Dial { device: HIGH, addresses: vec![quic(), tcp()] }]);
}

#[test]
fn a_virtual_adapter_is_dialled_over_only_when_nothing_else_leads_there() {
    let (mut peers, now) = peers(LOW);
    let tunnel = address("/ip4/100.64.0.7/tcp/1");
    peers.heard(HIGH, said(tunnel.clone(), Kind::Virtual), now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now);
    let due = now + ms(50);
    assert_eq!(peers.actions(due), [Action::Dial { device: HIGH, addresses: vec![tcp()] }]);
    peers.dial_failed(HIGH, due);
    assert_eq!(peers.actions(due + ms(320)), [Action::Dial { device: HIGH, addresses: vec![tcp(), tunnel.clone()] }]);

    let (mut peers, now) = self::peers(LOW);
    peers.heard(HIGH, said(quic(), Kind::Real), now);
    peers.heard(HIGH, said(tunnel.clone(), Kind::Virtual), now);
    peers.actions(now);
    assert_eq!(peers.actions(now + ms(50)), [Action::Dial { device: HIGH, addresses: vec![tunnel] }]);
}

#[test]
fn the_larger_key_waits_a_moment_before_it_dials() {
    let (mut peers, now) = peers(HIGH);
    peers.heard(LOW, said(tcp(), Kind::Real), now);
    peers.actions(now);
    assert_eq!(peers.actions(now + ms(399)), []);
    assert_eq!(peers.actions(now + ms(450)), [Action::Dial { device: LOW, addresses: vec![tcp()] }]);
}

#[test]
fn only_the_smaller_key_opens_streams_whoever_dialled() {
    let (mut peers, now) = peers(HIGH);
    peers.connected(LOW, connection(1), true, now);
    assert_eq!(peers.actions(now), [], "the other side opens");
    assert_eq!(peers.stream(LOW, connection(1), true, now), Verdict::Drop);
    assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Start);

    let mut peers = linked(now);
    assert_eq!(
        peers.stream(HIGH, connection(1), false, now),
        Verdict::Drop,
        "it is not for the larger key to open one"
    );
}

#[test]
fn a_second_connection_gets_no_stream_and_serves_when_the_first_one_breaks() {
    let now = Instant::now();
    let mut peers = linked(now);
    peers.connected(HIGH, connection(2), true, now);
    assert_eq!(peers.actions(now), [Action::Doubt { link: LinkId(1) }], "why would it connect if it had a link");
    peers.disconnected(HIGH, connection(1), now);
    peers.link_ended(HIGH, LinkId(1), &DownReason::Broken("reset".into()), None, now);
    assert_eq!(peers.actions(now), [Action::Open { device: HIGH, connection: connection(2) }]);
}

#[test]
fn a_connection_that_carries_no_link_is_closed_after_a_while() {
    let start = Instant::now();
    let mut peers = linked(start);
    peers.connected(HIGH, connection(2), true, start + ms(500));
    assert_eq!(peers.actions(start + ms(500)), [Action::Doubt { link: LinkId(1) }]);
    let due = start + ms(500) + IDLE_CONNECTION;
    assert_eq!(peers.timeout(), Some(due));
    assert_eq!(peers.actions(due - ms(1)), []);
    assert_eq!(peers.actions(due), [Action::Close { connection: connection(2) }], "the link's own stays");
    assert_eq!(peers.actions(due + ms(1)), [], "once");
    assert_eq!(peers.timeout(), None);
}

#[test]
fn a_second_stream_takes_the_place_of_the_first() {
    let (mut peers, now) = peers(HIGH);
    peers.connected(LOW, connection(1), false, now);
    assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Start);
    peers.link_started(LOW, LinkId(1), connection(1), now);
    peers.connected(LOW, connection(2), false, now);
    assert_eq!(peers.stream(LOW, connection(2), false, now), Verdict::Replace(LinkId(1)));
    peers.link_ended(LOW, LinkId(1), &DownReason::Replaced, Some(connection(2)), now);
    peers.link_started(LOW, LinkId(2), connection(2), now);
    let expected = [Action::Doubt { link: LinkId(1) }, Action::Close { connection: connection(1) }];
    assert_eq!(peers.actions(now), expected);
}

#[test]
fn a_lost_link_is_dialled_again_at_once_and_then_ever_more_rarely() {
    let now = Instant::now();
    let mut peers = linked(now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now);
    let end = now + HEALTHY_LINK;
    assert!(peers.link_ended(HIGH, LinkId(1), &DownReason::Silent(ms(1)), None, end), "it was a good one");
    assert_eq!(peers.actions(end), [Action::Close { connection: connection(1) }]);
    peers.disconnected(HIGH, connection(1), end);

    let (mut at, mut waits) = (end, Vec::new());
    for _ in 0..7 {
        let due = peers.timeout().expect("it will be dialled");
        waits.push(due.duration_since(at));
        at = due;
        assert!(matches!(peers.actions(at).as_slice(), [Action::Dial { .. }, ..]));
        peers.dial_failed(HIGH, at);
        peers.actions(at);
    }
    assert!(waits[0] < ms(320), "{waits:?}");
    assert!(waits[6] > Duration::from_secs(3) && waits[6] < Duration::from_secs(7), "{waits:?}");
}

#[test]
fn a_peer_that_turns_up_at_another_address_has_its_link_doubted_once() {
    let now = Instant::now();
    let mut peers = linked(now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    assert_eq!(peers.actions(now).first(), Some(&Action::Doubt { link: LinkId(1) }));
    peers.heard(HIGH, said(tcp(), Kind::Real), now + ms(1));
    assert_eq!(peers.actions(now + ms(1)), []);
}

#[test]
fn who_does_not_answer_is_gone_and_an_announcement_brings_it_back() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now + ms(50));
    peers.dial_failed(HIGH, now + ms(50));
    peers.actions(now + ms(400));
    peers.dial_failed(HIGH, now + ms(400));
    assert_eq!(peers.actions(now + ms(400)), [Action::Gone { device: HIGH }]);

    let back = now + Duration::from_secs(2);
    peers.heard(HIGH, said(tcp(), Kind::Real), back);
    let actions = peers.actions(back + ms(200));
    assert!(matches!(actions.as_slice(), [Action::Discovered { .. }, Action::Dial { .. }]), "{actions:?}");
}

#[test]
fn an_announcement_that_runs_out_is_forgotten() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now + ms(50));
    assert_eq!(peers.actions(now + LIVES), [Action::Gone { device: HIGH }]);
    peers.dial_failed(HIGH, now + LIVES);
    peers.actions(now + LIVES);
    assert!(peers.peers.is_empty());
}

#[test]
fn a_goodbye_counts_for_its_own_host_only() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now);
    peers.goodbye(HIGH, IpAddr::from([10, 0, 0, 66]));
    assert_eq!(peers.actions(now), []);
    peers.goodbye(HIGH, IpAddr::from([10, 0, 0, 7]));
    assert_eq!(peers.actions(now), [Action::Gone { device: HIGH }]);
}

#[test]
fn over_ipv6_is_dialled_what_ipv4_does_not_reach_and_it_goes_with_the_host_that_said_it() {
    let (mut peers, now) = peers(LOW);
    let six = address("/ip6/fd77::7/tcp/1");
    let host = IpAddr::from([10, 0, 0, 7]);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.heard(HIGH, Heard { host, ..said(six.clone(), Kind::Real) }, now);
    peers.actions(now);
    let due = now + ms(50);
    assert_eq!(peers.actions(due), [Action::Dial { device: HIGH, addresses: vec![tcp()] }]);
    peers.dial_failed(HIGH, due);
    assert_eq!(peers.actions(due + ms(320)), [Action::Dial { device: HIGH, addresses: vec![tcp(), six.clone()] }]);
    // Somebody says the same, for a moment, and takes it back.
    let other = IpAddr::from([10, 0, 0, 66]);
    peers.heard(HIGH, Heard { host: other, lives: ms(1), ..said(six.clone(), Kind::Real) }, due + ms(320));
    peers.goodbye(HIGH, other);
    let dialled = |actions: Vec<Action>| {
        let addresses = |action| match action {
            Action::Dial { addresses, .. } => Some(addresses),
            _ => None,
        };
        actions.into_iter().filter_map(addresses).collect::<Vec<_>>()
    };
    peers.dial_failed(HIGH, due + ms(330));
    let soon = due + ms(330) + Duration::from_secs(2);
    assert_eq!(dialled(peers.actions(soon)), [vec![tcp()]], "over IPv6 not so soon again");
    peers.dial_failed(HIGH, soon);
    let later = soon + IPV6_AGAIN;
    assert_eq!(dialled(peers.actions(later)), [vec![tcp(), six]], "whoever takes it back, it is still there");
    peers.goodbye(HIGH, host);
    peers.dial_failed(HIGH, later);
    assert!(dialled(peers.actions(later + Duration::from_secs(60))).is_empty(), "no address is left");
}

#[test]
fn what_a_neighbour_says_makes_nobody_be_dialled_over_ipv6_more_often() {
    let (mut peers, now) = peers(LOW);
    let mut dialled = 0;
    // Once a second a device is announced anew, is at its IPv4 address for a moment, and is forgotten.
    for second in 1..=60 {
        let at = now + Duration::from_secs(second);
        let host = IpAddr::from([10, 0, 0, 66]);
        let shortly = |address: &str| Heard { host, lives: ms(400), ..said(self::address(address), Kind::Real) };
        if second % 2 == 0 {
            peers.heard(HIGH, shortly("/ip4/10.0.0.66/tcp/1"), at);
        }
        peers.heard(HIGH, shortly("/ip6/fd77::7/tcp/1"), at);
        for later in [0, 100, 300, 500, 900].map(ms) {
            for action in peers.actions(at + later) {
                let Action::Dial { addresses, .. } = action else { continue };
                assert!(!addresses.is_empty(), "a dial leads somewhere");
                dialled += u32::from(addresses.iter().any(|address| !is_ipv4(address)));
                peers.dial_failed(HIGH, at + later);
            }
        }
    }
    assert!((2..=12).contains(&dialled), "{dialled} times in a minute");
}

#[test]
fn whoever_says_too_much_of_a_device_pushes_out_what_they_said_themselves() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    let six = address("/ip6/fd77::7/tcp/1");
    peers.heard(HIGH, Heard { host: IpAddr::from([10, 0, 0, 7]), ..said(six.clone(), Kind::Real) }, now);
    for port in 0..100 {
        let said = said(address(&format!("/ip4/10.0.0.66/tcp/{port}")), Kind::Real);
        peers.heard(HIGH, Heard { lives: 2 * LIVES, ..said }, now);
    }
    let known: Vec<&Multiaddr> = peers.peers[&HIGH].addresses.iter().map(|known| &known.address).collect();
    assert!(known.contains(&&tcp()) && known.contains(&&six), "{known:?}");
    assert_eq!(known.len(), PEER_ADDRESSES);
}

#[test]
fn another_program_is_left_alone() {
    let (mut peers, now) = peers(LOW);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    peers.actions(now + ms(50));
    peers.connected(HIGH, connection(1), true, now + ms(60));
    assert_eq!(peers.actions(now + ms(60)), [Action::Open { device: HIGH, connection: connection(1) }]);
    peers.open_failed(HIGH, connection(1), true, now + ms(70));
    assert_eq!(peers.actions(now + ms(70)), [Action::Disconnect { device: HIGH }]);
    peers.disconnected(HIGH, connection(1), now + ms(80));
    for second in 1..30 {
        let later = now + Duration::from_secs(second);
        peers.heard(HIGH, said(tcp(), Kind::Real), later);
        assert_eq!(peers.actions(later), [], "however often it announces itself");
    }
}

#[test]
fn misconduct_keeps_a_peer_out_for_longer_each_time() {
    let now = Instant::now();
    let mut peers = linked(now);
    peers.link_ended(HIGH, LinkId(1), &DownReason::EmptyFrames, None, now);
    let actions = peers.actions(now);
    assert!(actions.contains(&Action::KeepOut { device: HIGH, out: true }), "{actions:?}");
    assert!(actions.contains(&Action::Disconnect { device: HIGH }), "{actions:?}");
    peers.disconnected(HIGH, connection(1), now);
    assert_eq!(peers.timeout(), Some(now + KEPT_OUT));
    assert_eq!(peers.actions(now + KEPT_OUT), [Action::KeepOut { device: HIGH, out: false }]);

    let again = now + KEPT_OUT;
    peers.connected(HIGH, connection(2), false, again);
    peers.actions(again);
    peers.stream(HIGH, connection(2), true, again);
    peers.link_started(HIGH, LinkId(2), connection(2), again);
    peers.link_ended(HIGH, LinkId(2), &DownReason::FrameTooSlow, None, again);
    peers.actions(again);
    peers.disconnected(HIGH, connection(2), again);
    assert_eq!(peers.timeout(), Some(again + 2 * KEPT_OUT));
}

/// What is due, and what follows, after the driver closed a link.
fn closed(closing: Closing) -> (Peers, Vec<Action>, Instant) {
    let now = Instant::now();
    let mut peers = linked(now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    let reason = DownReason::ClosedHere { closing, reason: "for a reason".into() };
    peers.link_ended(HIGH, LinkId(1), &reason, None, now);
    let actions = peers.actions(now);
    peers.disconnected(HIGH, connection(1), now);
    (peers, actions, now)
}

#[test]
fn whoever_found_no_room_is_let_in_and_dialled_after_the_ordinary_back_off() {
    let (mut peers, actions, now) = closed(Closing::Busy);
    assert!(!actions.iter().any(|action| matches!(action, Action::KeepOut { .. })), "{actions:?}");
    assert!(peers.may_link(&HIGH));
    let due = peers.timeout().expect("it will be dialled");
    assert!(due <= now + ms(320), "{:?}", due - now);
    assert!(matches!(peers.actions(due).as_slice(), [Action::Dial { .. }]));
    assert_eq!(peers.peers[&HIGH].strikes.0, 0, "nothing is held against it");
}

#[test]
fn with_whom_nothing_can_come_of_a_link_it_is_tried_once_a_minute() {
    let (mut peers, actions, now) = closed(Closing::Unfit);
    assert!(actions.contains(&Action::KeepOut { device: HIGH, out: true }), "{actions:?}");
    assert_eq!(peers.actions(now + UNFIT - ms(1)), []);
    let actions = peers.actions(now + UNFIT);
    assert_eq!(actions.first(), Some(&Action::KeepOut { device: HIGH, out: false }));
    assert!(matches!(actions.last(), Some(Action::Dial { .. })), "{actions:?}");
    assert_eq!(peers.peers[&HIGH].strikes.0, 0, "the next time it is a minute again");
}

#[test]
fn a_hostile_peer_is_kept_out_for_longer_each_time() {
    let (mut peers, actions, now) = closed(Closing::Hostile);
    assert!(actions.contains(&Action::KeepOut { device: HIGH, out: true }), "{actions:?}");
    assert!(!peers.may_link(&HIGH));
    assert!(peers.actions(now + KEPT_OUT).contains(&Action::KeepOut { device: HIGH, out: false }));
    assert_eq!(peers.peers[&HIGH].strikes.0, 1);
}

#[test]
fn whoever_is_turned_away_each_time_stays_below_what_counts_as_misconduct() {
    let (mut peers, start) = peers(HIGH);
    let (mut dialler, mut at) = (Backoff::new(start), start);
    let (mut jitter, mut number) = (Jitter::new(7), 0);
    while at < start + 5 * LINK_CHURN_WINDOW {
        let on = connection(usize::try_from(number).expect("small"));
        peers.connected(LOW, on, false, at);
        assert_eq!(peers.stream(LOW, on, false, at), Verdict::Start, "link {number}");
        peers.link_started(LOW, LinkId(number), on, at);
        let reason = DownReason::ClosedHere { closing: Closing::Busy, reason: "there are too many links".into() };
        peers.link_ended(LOW, LinkId(number), &reason, None, at);
        peers.actions(at);
        peers.disconnected(LOW, on, at);
        // What the other side does, for which the same link ended soon after it began.
        dialler.unreachable(at, &mut jitter);
        (at, number) = (dialler.due(), number + 1);
    }
    assert!(number > 40, "{number}");
}

#[test]
fn links_opened_without_end_are_misconduct() {
    let (mut peers, now) = peers(HIGH);
    peers.connected(LOW, connection(1), false, now);
    for number in 0..u64::from(LINK_CHURN) {
        assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Start, "link {number}");
        peers.link_started(LOW, LinkId(number), connection(1), now);
        peers.link_ended(LOW, LinkId(number), &DownReason::ClosedThere, Some(connection(1)), now);
    }
    peers.actions(now);
    assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Drop);
    assert!(peers.actions(now).contains(&Action::KeepOut { device: LOW, out: true }));
    assert!(!peers.may_link(&LOW));
}

#[test]
fn a_link_replaced_without_end_is_ended() {
    let (mut peers, now) = peers(HIGH);
    peers.connected(LOW, connection(1), false, now);
    assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Start);
    peers.link_started(LOW, LinkId(1), connection(1), now);
    for _ in 1..LINK_CHURN {
        assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::Replace(LinkId(1)));
    }
    assert_eq!(peers.stream(LOW, connection(1), false, now), Verdict::TooMany(LinkId(1)));
    peers.link_ended(LOW, LinkId(1), &DownReason::TooManyLinks, None, now);
    assert!(peers.actions(now).contains(&Action::KeepOut { device: LOW, out: true }));
}

#[test]
fn a_refused_device_is_kept_out_until_it_is_allowed() {
    let now = Instant::now();
    let mut peers = linked(now);
    assert_eq!(peers.refuse(HIGH, true, now), Some(LinkId(1)));
    assert_eq!(peers.refuse(HIGH, true, now), None, "once is enough");
    assert_eq!(peers.actions(now), [Action::KeepOut { device: HIGH, out: true }]);
    peers.link_ended(HIGH, LinkId(1), &DownReason::Broken("reset".into()), None, now);
    peers.disconnected(HIGH, connection(1), now);
    peers.heard(HIGH, said(tcp(), Kind::Real), now);
    let dials = |actions: Vec<Action>| actions.iter().any(|action| matches!(action, Action::Dial { .. }));
    assert!(!dials(peers.actions(now + Duration::from_secs(60))));
    peers.refuse(HIGH, false, now + Duration::from_secs(60));
    assert!(dials(peers.actions(now + Duration::from_secs(60))));
}

#[test]
fn ten_thousand_announcements_take_the_room_of_a_thousand() {
    let (mut peers, now) = peers(LOW);
    peers.connected(HIGH, connection(1), false, now);
    for number in 0..10_000_u32 {
        let mut key = [2; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        peers.heard(DeviceKey::new(key), said(tcp(), Kind::Real), now + ms(u64::from(number) / 10));
    }
    assert!(peers.peers.len() <= KNOWN_PEERS);
    assert!(peers.is_connected(&HIGH), "who is connected stays");
    for port in 0..100 {
        peers.heard(HIGH, said(address(&format!("/ip4/10.0.0.7/tcp/{port}")), Kind::Real), now);
    }
    assert_eq!(peers.peers[&HIGH].addresses.len(), PEER_ADDRESSES);
}
