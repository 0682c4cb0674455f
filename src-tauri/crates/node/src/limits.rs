//! Every bound of a node, in one place. What a peer can see of them is repeated in `docs/protocol.md`.

use std::time::Duration;

// What crosses a link.

/// Longest frame, in bytes without the length prefix.
pub const FRAME: usize = 1 << 20;
/// Longest hello, which is the longest frame before the hello too, in bytes.
pub const HELLO: usize = 16 << 10;
/// Longest message, in bytes of its encoded form: 8,192 UTF-16 units of at most three bytes each.
pub const MESSAGE: usize = 3 * 8_192;
/// Longest message as it is coded in a frame, in bytes.
pub const CODED: usize = MESSAGE + 1;
/// Longest `about` with which a device introduces itself, in bytes.
pub const ABOUT: usize = 8_192;
/// Frames of this kind that are looked at on one link: each may cost a signature check.
pub const ABOUTS: u32 = 16;
/// Bytes of messages after which a frame is full. Small enough that a live post never waits long behind a bulk.
pub const MESSAGES_FRAME: usize = 96 << 10;

// Links.

/// How long a new link may stay without a hello.
pub const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long after a greeting with matching digests the other end has to say what is new.
pub const GREETING_GRACE: Duration = Duration::from_millis(300);
/// How long a link may take nothing of what is sent to it.
pub const STALL_PATIENCE: Duration = Duration::from_secs(30);
/// Links at once.
pub const LINKS: usize = 128;
/// Bytes handed to a link before it must say that there is room again.
pub const SEND_WINDOW: usize = 512 << 10;
/// Bytes of history on their way to a peer that has not said yet that it took them up. A post that is written meanwhile stands behind no more
/// than these: at 1 MiB a second half a second, where buffers alone hold several times as much. On a link of 100 ms there and
/// back it still lets 5 MiB a second through.
pub const HISTORY_AHEAD: usize = 512 << 10;
/// Bytes of frames of messages after which a receiver says that it took them up: often enough that the sender never waits for the word alone.
pub const TAKEN_EVERY: usize = HISTORY_AHEAD / 4;
/// Bytes of messages read ahead for a link, loads under way included.
pub const READ_AHEAD: usize = 1 << 20;
/// Bytes of messages asked for in one load.
pub const LOAD: usize = 64 << 10;
/// How long a link's streams rest after the store could not read.
pub const LOAD_REST: Duration = Duration::from_secs(5);
/// Points from which on less is read from a device.
pub const CONDUCT_SLOW: u32 = 8;
/// Points at which a device is cut off, and those of what nobody honest sends.
pub const CONDUCT_CUT: u32 = 32;
/// Points of a message that does not hold: four of them slow, sixteen cut off.
pub const CONDUCT_MESSAGE: u32 = 2;
/// Points of a link that the transport ended for what a bad line may have caused: one slows, three cut off.
pub const CONDUCT_TRANSPORT: u32 = 12;
/// How long it takes until half of the points are forgotten.
pub const CONDUCT_HALVES: Duration = Duration::from_secs(60);
/// How long a device is out that was cut off; twice as long each further time within [`CONDUCT_REMEMBERS`].
pub const CUT_OFF: Duration = Duration::from_secs(60);
/// How long being cut off counts.
pub const CONDUCT_REMEMBERS: Duration = Duration::from_secs(3_600);
/// How often a device is cut off within that time until it is refused for [`REFUSED`].
pub const CONDUCT_CUTS: u32 = 4;
/// See [`CONDUCT_CUTS`].
pub const REFUSED: Duration = Duration::from_secs(3_600);
/// Devices remembered for what they did.
pub const CONDUCT_DEVICES: usize = 1_024;
/// Devices remembered as having been behind in one's own feed. Beyond that no greeting of the session counts as news of it.
pub const SUPPLIED_DEVICES: usize = 1_024;
/// Devices whose introductions, theirs and ours, are remembered.
pub const INTRODUCTIONS: usize = 1_024;

// What comes in.

/// Bytes of received messages that are being checked and stored. A link may fill as much of it as the others leave free; beyond that
/// its frames wait. One frame of each link is taken in any case.
pub const INTAKE: usize = 16 << 20;
/// Bytes of frames that wait on one link. Beyond it the link is closed: the driver did not heed [`crate::Output::Hold`] or the
/// peer found a way around it.
pub const INBOX: usize = 4 << 20;
/// Messages of one feed that are sent, and taken, before the history of others; more at once is history too.
pub const LIVE_RUN: usize = 64;
/// Bytes of one link, as they are coded, that go before the history of others, or one message. Enough for what people write, too little
/// to keep anybody waiting.
pub const LIVE_BYTES: usize = 64 << 10;
/// Messages whose signatures are checked at once.
pub const VERIFY_BATCH: usize = 2_048;
/// Messages that become durable at once.
pub const APPEND_BATCH: usize = 8_192;
/// How long what was checked waits for more to be stored with it. Short beside what a person notices of a live post.
pub const APPEND_GATHER: Duration = Duration::from_millis(50);
/// Batches being checked at once, and batches being stored: one is worked on, the next is made ready meanwhile.
pub const BATCHES: usize = 2;
/// Messages from which on a batch is checked beside the one under way. Fewer wait, and share the next one's costs.
pub const BATCH_BESIDE: usize = 1_024;
/// How long a peer is not asked for a feed of which something was lost through no fault of that peer.
pub const RETRY: Duration = Duration::from_secs(1);
/// How long the intake rests after the store could not write; then what was lost is asked for again.
pub const APPEND_REST: Duration = Duration::from_secs(5);
/// Bytes of the newest messages kept in memory, so that live posts are passed on without reading them back.
pub const RECENT: usize = 4 << 20;

// Looking at feeds that are not stored.

/// Messages of one look: a screen.
pub const LOOK_MESSAGES: u8 = 32;
/// Encoded bytes of the messages of one look.
pub const LOOK_BYTES: usize = 96 << 10;
/// Longest answer to one: those messages, one that alone is longer than what was left, a name, and numbers.
pub const TELL: usize = LOOK_BYTES + 2 * (MESSAGE + 16) + 512;
/// Longest question.
pub const ASK: usize = 64;
/// Questions of one link that are answered at once. A person turns pages no faster.
pub const ASKS: u32 = 8;
/// How soon one more is answered: a stranger costs at most thirty small reads a minute.
pub const ASK_EVERY: Duration = Duration::from_secs(2);
/// Answers that may wait on one link, or are being made ready for it.
pub const TELLS: usize = 4;
/// Answers that are being made ready on all links.
pub const ANSWERING: usize = 4;
/// Looks of our own at once.
pub const LOOKS: usize = 4;
/// Devices that are asked for one look.
pub const LOOK_PEERS: usize = 4;
/// How long one of them may take before the next is asked.
pub const LOOK_PATIENCE: Duration = Duration::from_secs(3);
/// How long a look may take in all.
pub const LOOK_TIME: Duration = Duration::from_secs(10);

// What is said to everybody.

/// How often somebody who uses their device says so. Two words may be lost before they count as gone.
pub const WORD_EVERY: Duration = Duration::from_secs(4);
/// How long a word counts.
pub const WORD_LIVES: Duration = Duration::from_secs(10);
/// The shortest time between two words.
pub const WORD_REST: Duration = Duration::from_secs(1);

// Publishing and import.

/// How long the first publish waits for peers who may hold newer messages of one's own.
pub const PUBLISH_PATIENCE: Duration = Duration::from_secs(2);
/// Contents that wait to be published.
pub const PUBLISH_QUEUE: usize = 1_024;
/// How long a publish waits for missing messages of one's own before it is refused.
pub const RECOVERY_PATIENCE: Duration = Duration::from_secs(5);
/// How long a stranger's unproven word that messages of one's own are missing stops publishing.
pub const CLAIM_PATIENCE: Duration = Duration::from_secs(30);
/// The same for somebody whom the person follows. Long enough for one who went out of reach to come back; a lie of theirs ends
/// sooner when they take it back, or are followed no more, or with the session.
pub const FRIENDS_CLAIM_PATIENCE: Duration = Duration::from_secs(3600);
/// Messages in one import.
pub const IMPORT_BATCH: usize = 16_384;
/// Bytes of imported messages that wait because one before them is missing; what is around them in memory takes as much again.
/// A file in so bad an order that this is not enough is read more than once.
pub const WAITING: usize = 64 << 20;

// What the person is told.

/// Shortest time between two changes of one kind.
pub const CHANGE_INTERVAL: Duration = Duration::from_millis(200);
/// Changes that wait for that time to pass; beyond it they leave at once.
pub const CHANGES: usize = 4_096;
/// Notifications at once, and how long one of them is counted.
pub const NOTIFICATIONS: usize = 5;
/// See [`NOTIFICATIONS`].
pub const NOTIFICATION_INTERVAL: Duration = Duration::from_secs(10);
/// Messages from the links in one go beyond which they are history, not news.
pub const NEWS_BATCH: usize = 64;
/// What comes after this long without a message is another go.
pub const NEWS_QUIET: Duration = Duration::from_secs(1);
/// Own messages remembered by id, newest first, so that answers to them are recognised.
pub const OWN_IDS: usize = 4_096;
/// Distance in follows up to which feeds are stored.
pub const HOPS: u8 = 2;
