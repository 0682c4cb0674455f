//! A device that the test plays itself, frame by frame.

use feed::{FeedId, KeyPair, Message};
use node::{
    Input, LinkId, NetworkId,
    wire::{Hello, MessagesWriter, SentIds, VERSION, clock_digest, coding::plain, write_notes},
};
use replication::ebt::{Clock, Note};

use crate::world::{Who, World, ms};

/// The test's end of a link.
pub(crate) struct Stranger {
    pub(crate) link: LinkId,
    pub(crate) who: Who,
    pub(crate) ids: SentIds,
}

/// A hello of somebody who was never met.
pub(crate) fn hello() -> Hello {
    let nothing = clock_digest(&Clock::new());
    Hello {
        version: VERSION,
        features: 0,
        frame_limit: 1 << 20,
        network: NetworkId::of(None),
        generation: 1,
        run: 1,
        told: nothing,
        held: nothing,
    }
}

impl Stranger {
    /// Links to `who` without a word.
    pub(crate) fn silent(world: &mut World, who: Who, keys: KeyPair) -> Self {
        let link = world.link_to_test(who, keys.device_key());
        world.run(ms(1));
        Self { link, who, ids: SentIds::default() }
    }

    /// Links to `who` and says hello, with these features.
    pub(crate) fn greeted_with(world: &mut World, who: Who, keys: KeyPair, features: u32) -> Self {
        let stranger = Self::silent(world, who, keys);
        stranger.send(world, Hello { features, ..hello() }.encode());
        stranger
    }

    /// Links to `who` and says hello.
    pub(crate) fn greeted(world: &mut World, who: Who, keys: KeyPair) -> Self {
        let stranger = Self::silent(world, who, keys);
        stranger.send(world, hello().encode());
        stranger
    }

    pub(crate) fn send(&self, world: &mut World, frame: Vec<u8>) {
        world.input(self.who, Input::Received { link: self.link, frame });
        world.run(ms(1));
    }

    pub(crate) fn send_notes(&mut self, world: &mut World, notes: &[(FeedId, Note)]) {
        let frame = write_notes(notes, &mut self.ids).expect("few feeds");
        self.send(world, frame);
    }

    pub(crate) fn send_messages(&mut self, world: &mut World, messages: &[Message]) {
        let mut writer = MessagesWriter::default();
        for message in messages {
            writer.push(message, &mut self.ids).expect("few feeds");
        }
        self.send(world, writer.finish());
    }

    /// Sends one message's place in a feed with other bytes.
    pub(crate) fn send_bytes(&mut self, world: &mut World, feed: FeedId, sequence: u64, bytes: &[u8]) {
        let mut writer = MessagesWriter::default();
        writer.push_coded(feed, sequence, &plain(bytes), &mut self.ids).expect("few feeds");
        self.send(world, writer.finish());
    }
}
