//! How the devices that are linked now are shown.

use std::time::Duration;

use feed::{DeviceKey, PersonId};
use replication::{LinkId, Now, ebt::Note};

use crate::{Node, input::Medium, output::Change, session::Link, timers::Timer};

/// What flows between this device and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Linked, hellos not yet exchanged.
    Connecting,
    /// Each has what the other offers and this one wants.
    Level,
    /// About this many messages are known to be on their way to us.
    Receiving(u64),
    /// About this many messages are known to be on their way to the peer.
    Sending(u64),
}

/// A device that is linked now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// Proved by the connection.
    pub device: DeviceKey,
    /// Whose device it is.
    pub person: PersonId,
    /// The name in the `about` with which it introduced itself: signed by them, proven by nobody. At most
    /// [`social::MAX_NAME_CHARS`] characters.
    pub calls_themselves: Option<String>,
    /// How much it says that it holds of our own feed, once it has said anything on this link.
    pub holds_own: Option<u64>,
    /// How much of our own feed it said that it holds before anything of ours went out to it in this session; none if that was
    /// less than was here, or if it has said nothing. Only this tells how far the feed goes elsewhere.
    pub greeted_own: Option<u64>,
    /// How it is linked.
    pub medium: Medium,
    /// Whether somebody uses it now, as it says; heard within [`crate::limits::WORD_LIVES`].
    pub is_here: bool,
    /// The newest message of its own feed, as it says to everybody; none until it has said anything.
    pub newest: Option<u64>,
    /// What flows.
    pub flow: Flow,
    /// Bytes of replication frames received on this link: hello, notes, messages, level.
    pub received_bytes: u64,
    /// Bytes of replication frames sent on this link.
    pub sent_bytes: u64,
    /// Frames of kinds that this version does not know.
    pub unknown_frames: u64,
    /// Why little is read from it, in words for the person, if so.
    pub slowed: Option<String>,
}

/// How long what flows is gathered before it is looked at anew.
const FLOW_INTERVAL: Duration = Duration::from_millis(500);

impl Node {
    /// The devices that are linked now.
    pub fn peers(&self) -> Vec<PeerView> {
        let view = |(id, link): (&LinkId, &Link)| PeerView {
            device: link.device,
            person: link.device.into(),
            calls_themselves: self.introductions.name(&link.device).map(str::to_owned),
            holds_own: link.heard_at.and(link.own_note).and_then(Note::sequence),
            greeted_own: link.greeted_own,
            medium: link.medium,
            is_here: link.said.here,
            newest: link.said.newest,
            flow: self.flow_of(*id, link),
            received_bytes: link.received_bytes,
            sent_bytes: link.sending.bytes,
            unknown_frames: link.unknown_frames,
            slowed: self.conduct.reason(&link.device).filter(|_| link.is_slowed).map(str::to_owned),
        };
        self.links.iter().map(view).collect()
    }

    fn flow_of(&self, id: LinkId, link: &Link) -> Flow {
        match self.ebt.progress(id) {
            Some(progress) if link.heard_at.is_some() && progress.to_receive > 0 => {
                Flow::Receiving(progress.to_receive)
            }
            Some(progress) if link.heard_at.is_some() && progress.to_send > 0 => Flow::Sending(progress.to_send),
            Some(_) if link.heard_at.is_some() => Flow::Level,
            _ => Flow::Connecting,
        }
    }

    /// Something moved on a link: look in a moment whether that shows.
    pub(crate) fn touch_flow(&mut self, now: Now) {
        self.timers.set_first(Timer::Flow, now.monotonic + FLOW_INTERVAL);
    }

    /// Looks at what flows, and tells if it differs from what was told last.
    pub(crate) fn review_flow(&mut self, now: Now) {
        self.review_progress(now);
        let flows: Vec<(LinkId, Flow)> = self.links.iter().map(|(id, link)| (*id, self.flow_of(*id, link))).collect();
        for (id, flow) in flows {
            if let Some(link) = self.links.get_mut(&id)
                && std::mem::replace(&mut link.flow, flow) != flow
            {
                self.tell(Change::Nearby);
            }
        }
    }
}
