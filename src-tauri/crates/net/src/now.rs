//! What is said to everybody who is connected, and kept by nobody: the *Now* plane, over gossipsub.
//!
//! It is used for its framing and its queues, and for nothing that spreads: there is no mesh, nothing is passed on, remembered for others
//! or offered to them (gossipsub v1.1, `mesh_n`, `D_lazy` and `mcache_gossip` of zero). So whatever comes in was said by the device
//! at the other end of the connection, which has proved its key, and needs no signature.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use libp2p::{
    PeerId,
    gossipsub::{
        self, ConfigBuilder, IdentTopic, MessageAcceptance, MessageAuthenticity, MessageId, PublishError,
        ValidationMode, Version, WhitelistSubscriptionFilter,
    },
};

/// The protocol of the streams. Not the usual one, so that no other program takes part.
const PROTOCOL: &str = "/periwinkle/now/1";
/// The one topic there is.
const TOPIC: &str = "now";
/// The longest word, in bytes.
pub const MAX_WORD: usize = 64;
/// The longest packet of gossipsub: a word with what is around it, or a subscription.
const MAX_PACKET: usize = 512;
/// How often gossipsub tidies up. There is next to nothing to tidy.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Words that may come from one device at once; more than that are not handed over.
const BURST: u32 = 8;
/// How often one more may come.
const REFILL: Duration = Duration::from_millis(500);
/// A device that sends so many more than it may breaks the rules.
const FLOOD: u32 = 64;

/// gossipsub, as narrow as it can be made.
pub(crate) type Behaviour = gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>;

/// Makes the behaviour.
///
/// # Errors
/// What gossipsub says of a configuration that it does not take.
pub(crate) fn behaviour() -> Result<Behaviour, String> {
    let topic = IdentTopic::new(TOPIC);
    // Each word is another one, whatever it says and whoever repeats it: nobody can take the place of somebody's word by being first.
    let number = AtomicU64::new(0);
    let config = ConfigBuilder::default()
        .protocol_id(PROTOCOL, Version::V1_1)
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(move |_| MessageId::new(&number.fetch_add(1, Ordering::Relaxed).to_le_bytes()))
        .validate_messages()
        .flood_publish(true)
        .mesh_outbound_min(0)
        .mesh_n_low(0)
        .mesh_n(0)
        .mesh_n_high(0)
        .gossip_lazy(0)
        .gossip_factor(0.0)
        .history_length(1)
        .history_gossip(0)
        .duplicate_cache_time(Duration::from_secs(1))
        .heartbeat_interval(HEARTBEAT)
        .max_transmit_size(MAX_PACKET)
        .max_publish_messages(BURST as usize)
        .max_ihave_messages_heartbeat(0)
        .connection_handler_queue_len(BURST as usize)
        .build()
        .map_err(|error| error.to_string())?;
    let filter = WhitelistSubscriptionFilter(HashSet::from([topic.hash()]));
    let mut behaviour = Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(str::to_owned)?;
    behaviour.subscribe(&topic).map_err(|error| error.to_string())?;
    Ok(behaviour)
}

/// Says a word to everybody who is connected.
pub(crate) fn say(behaviour: &mut Behaviour, word: Vec<u8>) {
    match behaviour.publish(IdentTopic::new(TOPIC), word) {
        // Nobody listens, or somebody does not read: it would be old by the time they do.
        Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => {}
        Err(error) => tracing::debug!(%error, "a word was not said"),
    }
}

/// Takes what a device said, and sees to it that it goes no further.
pub(crate) fn heard(behaviour: &mut Behaviour, event: gossipsub::Event) -> Option<(PeerId, Vec<u8>)> {
    let gossipsub::Event::Message { propagation_source, message_id, message } = event else { return None };
    behaviour.report_message_validation_result(&message_id, &propagation_source, MessageAcceptance::Ignore);
    Some((propagation_source, message.data))
}

/// How much a device may say.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u32,
    refilled: Instant,
    beyond: u32,
}

/// What to do with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Hear,
    Drop,
    /// It has said far too much.
    Flood,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, refilled: now, beyond: 0 }
    }

    /// Judges a word of so many bytes.
    pub(crate) fn judge(&mut self, bytes: usize, now: Instant) -> Judgement {
        let earned = now.saturating_duration_since(self.refilled).as_millis() / REFILL.as_millis();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        if earned > 0 {
            self.refilled =
                if self.left.saturating_add(earned) >= BURST { now } else { self.refilled + REFILL * earned };
            self.left = self.left.saturating_add(earned).min(BURST);
            self.beyond = self.beyond.saturating_sub(earned);
        }
        if self.left > 0 && bytes <= MAX_WORD {
            self.left -= 1;
            return Judgement::Hear;
        }
        self.beyond += 1;
        if self.beyond > FLOOD { Judgement::Flood } else { Judgement::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_say_a_little_at_once_and_two_words_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let heard = |allowance: &mut Allowance, at| allowance.judge(11, at) == Judgement::Hear;
        assert_eq!((0..20).filter(|_| heard(&mut allowance, start)).count(), 8);
        let minute = (1..=600).filter(|tick| heard(&mut allowance, start + Duration::from_millis(100 * tick))).count();
        assert_eq!(minute, 120);
        assert_eq!((0..20).filter(|_| heard(&mut allowance, start + Duration::from_secs(900))).count(), 8);
    }

    #[test]
    fn one_that_never_stops_is_cut_off_and_one_that_is_a_little_too_eager_is_not() {
        let start = Instant::now();
        let mut eager = Allowance::new(start);
        let judged: Vec<_> =
            (0..4_000).map(|tick| eager.judge(11, start + Duration::from_millis(400 * tick))).collect();
        assert!(!judged.contains(&Judgement::Flood));
        let mut flood = Allowance::new(start);
        let judged: Vec<_> = (0..100).map(|tick| flood.judge(11, start + Duration::from_millis(tick))).collect();
        assert_eq!(judged.iter().position(|judged| *judged == Judgement::Flood), Some(72));
    }

    #[test]
    fn what_is_too_long_is_not_heard() {
        let start = Instant::now();
        assert_eq!(Allowance::new(start).judge(MAX_WORD + 1, start), Judgement::Drop);
        assert_eq!(Allowance::new(start).judge(MAX_WORD, start), Judgement::Hear);
    }
}
