//! Names among strangers: each device shows the signed `about` of its person to those who do not store their feed.
//!
//! It is a frame of its own, right after the hello and whenever it changes, so that a reconnect does not repeat it.

use std::collections::BTreeMap;

use feed::{DeviceKey, Message};
use replication::{LinkId, ebt::Note};
use social::{Kind, Target};

use crate::{Node, limits, output::Change, sending::Control, wire};

/// Who has introduced themselves to whom, in this process.
#[derive(Debug, Default)]
pub(crate) struct Introductions {
    /// What we were told: the sequence of the newest `about`, and the name in it.
    names: BTreeMap<DeviceKey, (u64, String)>,
    /// What we told: to which run of the device, and the sequence of the `about`.
    told: BTreeMap<DeviceKey, (u32, u64)>,
}

impl Introductions {
    /// How a device's person calls themselves.
    pub(crate) fn name(&self, device: &DeviceKey) -> Option<&str> {
        self.names.get(device).map(|(_, name)| name.as_str())
    }
}

/// Inserts; a full map first forgets some other device.
fn remember<T>(map: &mut BTreeMap<DeviceKey, T>, device: DeviceKey, value: T) {
    if map.len() >= limits::INTRODUCTIONS && !map.contains_key(&device) {
        map.pop_first();
    }
    map.insert(device, value);
}

impl Node {
    /// Shows who we are on a link, unless the other end knows: because it stores our feed, or from this very frame.
    pub(crate) fn introduce(&mut self, id: LinkId) {
        let Some(about) = &self.about else { return };
        let Some(link) = self.links.get_mut(&id).filter(|link| link.is_live()) else { return };
        if matches!(link.own_note, Some(Note::Have { .. })) {
            return;
        }
        let word = (link.run, about.sequence());
        if self.introductions.told.get(&link.device) == Some(&word) {
            return;
        }
        remember(&mut self.introductions.told, link.device, word);
        link.sending.control.push_back(Control::About(wire::write_about(about.encoded())));
    }

    /// Our own `about` has changed: those who do not store our feed hear of it in this way.
    pub(crate) fn introduce_anew(&mut self, about: Message) {
        self.about = Some(about);
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.introduce(link);
        }
    }

    /// Somebody introduces themselves: has the signature checked if there is a new name in it.
    pub(crate) fn on_about(&mut self, id: LinkId, about: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.abouts = link.abouts.saturating_add(1);
        if link.abouts > limits::ABOUTS {
            return;
        }
        let known = self.introductions.names.get(&link.device).map_or(0, |(sequence, _)| *sequence);
        if let Ok(message) = Message::decode(about)
            && message.author() == link.device.feed()
            && message.sequence() > known
            && name_of(&message).is_some()
        {
            self.intake.check_name(id, message);
        }
    }

    /// The signature holds.
    pub(crate) fn on_name(&mut self, id: LinkId, about: &Message) {
        if let Some(link) = self.links.get(&id)
            && let Some(name) = name_of(about)
        {
            remember(&mut self.introductions.names, link.device, (about.sequence(), name));
            self.tell(Change::Nearby);
        }
    }
}

/// The name that the author of an `about` gives themselves.
pub(crate) fn name_of(message: &Message) -> Option<String> {
    match social::read(message).kind {
        Kind::About(about) if about.about == Target::Feed(message.author()) => about.name,
        _ => None,
    }
}
