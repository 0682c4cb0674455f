//! What is said to everybody who is connected, and kept by nobody: the *Now* plane, over gossipsub.
//!
//! It is used for its framing and its queues, and for nothing that spreads: there is no mesh, nothing is passed on, remembered for others
//! or offered to them (gossipsub v1.1, `mesh_n`, `D_lazy` and `mcache_gossip` of zero). So whatever comes in was said by the device
//! at the other end of the connection, which has proved its key, and needs no signature.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    gossipsub::{
        self, ConfigBuilder, IdentTopic, MessageAuthenticity, MessageId, PublishError, ValidationMode, Version,
        WhitelistSubscriptionFilter,
    },
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm, behaviour::ConnectionClosed,
    },
};

/// The protocol of the streams. Not the usual one, so that no other program takes part.
const PROTOCOL: &str = "/periwinkle/now/1";
/// The one topic there is.
const TOPIC: &str = "now";
/// The longest word, in bytes.
pub const MAX_WORD: usize = 64;
/// The longest packet of gossipsub. A word with what is around it takes less than a hundred bytes, but gossipsub measures all that it finds in its
/// buffer.
const MAX_PACKET: usize = 4096;
/// Words that may be in its buffer at once.
const WORDS_AT_ONCE: usize = 16;
/// How often gossipsub tidies up. There is next to nothing to tidy.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Packets and words that may come from one device at once; what is more is dropped unread.
const BURST: u32 = 32;
/// How often one more may come.
const REFILL: Duration = Duration::from_millis(250);
/// A device that sends so many more than it may breaks the rules.
const FLOOD: u32 = 64;

type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// gossipsub, as narrow as it can be made, and behind a count of what comes: it has no bound of its own on small packets.
pub(crate) struct Behaviour {
    gossip: Gossip,
    topic: IdentTopic,
    /// How much each connected device may still send.
    allowances: BTreeMap<PeerId, Allowance>,
    /// Devices that sent far too much and were not reported yet.
    floods: VecDeque<PeerId>,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Event {
    /// A word of the device at the other end.
    Said { peer: PeerId, word: Vec<u8> },
    /// It sends far more than anybody needs.
    Flood { peer: PeerId },
    /// Nothing that concerns anybody.
    Nothing,
}

impl Behaviour {
    /// # Errors
    /// What gossipsub says of a configuration that it does not take.
    pub(crate) fn new() -> Result<Self, String> {
        let topic = IdentTopic::new(TOPIC);
        // Each word is another one, whatever it says and whoever repeats it: nobody can take the place of somebody's word by being first.
        let number = AtomicU64::new(0);
        let config = ConfigBuilder::default()
            .protocol_id(PROTOCOL, Version::V1_1)
            .validation_mode(ValidationMode::Anonymous)
            .message_id_fn(move |_| MessageId::new(&number.fetch_add(1, Ordering::Relaxed).to_le_bytes()))
            // Only what is reported as valid is passed on, and nothing ever is.
            .validate_messages()
            .flood_publish(true)
            .mesh_outbound_min(0)
            .mesh_n_low(0)
            .mesh_n(0)
            .mesh_n_high(0)
            .gossip_lazy(0)
            .gossip_factor(0.0)
            .history_length(0)
            .history_gossip(0)
            .duplicate_cache_time(Duration::from_secs(1))
            .heartbeat_interval(HEARTBEAT)
            .max_transmit_size(MAX_PACKET)
            .max_publish_messages(WORDS_AT_ONCE)
            .max_ihave_messages_heartbeat(0)
            .connection_handler_queue_len(WORDS_AT_ONCE)
            .build()
            .map_err(|error| error.to_string())?;
        let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
        let gossip = Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter);
        let mut gossip = gossip.map_err(str::to_owned)?;
        gossip.subscribe(&topic).map_err(|error| error.to_string())?;
        Ok(Self { gossip, topic, allowances: BTreeMap::new(), floods: VecDeque::new() })
    }

    /// Says a word to everybody who is connected.
    pub(crate) fn say(&mut self, word: Vec<u8>) {
        match self.gossip.publish(self.topic.clone(), word) {
            // Nobody listens, or somebody does not read: it would be old by the time they do.
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {}
            Err(error) => tracing::debug!(%error, "a word was not said"),
        }
    }

    /// Tells everybody again that we listen. gossipsub tells a device on its first connection only; when that is dead, its other end may
    /// know of a later one alone.
    fn listen_again(&mut self) {
        self.gossip.unsubscribe(&self.topic);
        if let Err(error) = self.gossip.subscribe(&self.topic) {
            tracing::warn!(%error, "nothing that is said to everybody is heard from now on");
        }
    }

    /// Whether something of a device is taken.
    fn takes_from(&mut self, peer: PeerId) -> bool {
        let now = Instant::now();
        match self.allowances.entry(peer).or_insert_with(|| Allowance::new(now)).judge(now) {
            Judgement::Take => true,
            Judgement::Drop => false,
            Judgement::Flood => {
                if !self.floods.contains(&peer) {
                    self.floods.push_back(peer);
                }
                false
            }
        }
    }

    fn event(&mut self, event: gossipsub::Event) -> Event {
        match event {
            gossipsub::Event::Message { propagation_source: peer, message, .. }
                if message.data.len() <= MAX_WORD && self.takes_from(peer) =>
            {
                Event::Said { peer, word: message.data }
            }
            _ => Event::Nothing,
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = <Gossip as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.gossip.on_swarm_event(event);
        if let FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established, .. }) = event {
            match remaining_established {
                0 => _ = self.allowances.remove(&peer_id),
                _ => self.listen_again(),
            }
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        // A packet, whatever is in it.
        if self.takes_from(peer) {
            self.gossip.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        if let Some(peer) = self.floods.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(Event::Flood { peer }));
        }
        self.gossip.poll(context).map(|to_swarm| to_swarm.map_out(|event| self.event(event)))
    }
}

/// How much a device may say.
#[derive(Debug)]
struct Allowance {
    left: u32,
    refilled: Instant,
    beyond: u32,
}

/// What to do with something that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Take,
    Drop,
    /// Far too much has come.
    Flood,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { left: BURST, refilled: now, beyond: 0 }
    }

    fn judge(&mut self, now: Instant) -> Judgement {
        let earned = now.saturating_duration_since(self.refilled).as_millis() / REFILL.as_millis();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned > 0 {
            self.refilled =
                if self.left.saturating_add(earned) >= BURST { now } else { self.refilled + REFILL * earned };
            self.left = self.left.saturating_add(earned).min(BURST);
            self.beyond = self.beyond.saturating_sub(earned);
        }
        if self.left > 0 {
            self.left -= 1;
            return Judgement::Take;
        }
        self.beyond += 1;
        if self.beyond > FLOOD { Judgement::Flood } else { Judgement::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_send_a_little_at_once_and_four_things_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let taken = |allowance: &mut Allowance, at| allowance.judge(at) == Judgement::Take;
        assert_eq!((0..50).filter(|_| taken(&mut allowance, start)).count(), 32);
        let minute = (1..=600).filter(|tick| taken(&mut allowance, start + Duration::from_millis(100 * tick))).count();
        assert_eq!(minute, 240);
        assert_eq!((0..50).filter(|_| taken(&mut allowance, start + Duration::from_secs(900))).count(), 32);
    }

    #[test]
    fn one_that_never_stops_is_a_flood_and_one_that_is_a_little_too_eager_is_not() {
        let start = Instant::now();
        let judge = |every: u64, times: u64| {
            let mut allowance = Allowance::new(start);
            (0..times).map(|tick| allowance.judge(start + Duration::from_millis(every * tick))).collect::<Vec<_>>()
        };
        assert!(!judge(200, 4_000).contains(&Judgement::Flood), "five a second");
        assert_eq!(judge(1, 200).iter().position(|judged| *judged == Judgement::Flood), Some(96));
    }
}
