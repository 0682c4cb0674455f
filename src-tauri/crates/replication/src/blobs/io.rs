//! What goes into the machine and what comes out.

use feed::{BlobId, DeviceKey, FeedId};

use crate::LinkId;

/// One fetch of a part of a blob from one device, numbered by the machine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Why a blob is wanted: the more urgent the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The person asked for it: any size, kept for good, and never given up by itself.
    ByHand,
    /// It is missing on a page that is looked at.
    Seen,
    /// Somebody's picture.
    Portrait,
    /// A stored message links to it.
    Mentioned,
    /// A neighbour wants it.
    Forwarded,
}

/// A want, and what decides about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Why.
    pub why: Why,
    /// Whose message links to it, where one is known: when they are blocked, the want ends.
    pub author: Option<FeedId>,
    /// When that message says it was written, Unix milliseconds. Only orders wants: newer ones first.
    pub mentioned: i64,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A link to a device stands, and both ends speak of blobs.
    LinkUp {
        /// Its name.
        link: LinkId,
        /// Who is there.
        device: DeviceKey,
        /// The number of its process, from its hello: the same process remembers what it was told.
        run: u32,
    },
    /// The link is gone.
    LinkDown {
        /// Which.
        link: LinkId,
    },
    /// The peer wants blobs, over so many devices, or no more.
    Wants {
        /// On which link.
        link: LinkId,
        /// At most [`super::MAX_ENTRIES`].
        wants: Vec<(BlobId, Option<u8>)>,
    },
    /// The peer holds blobs that we want, of so many bytes.
    Haves {
        /// On which link.
        link: LinkId,
        /// At most [`super::MAX_ENTRIES`].
        haves: Vec<(BlobId, u64)>,
    },
    /// The last [`Output::Tell`] of this link has left.
    Told {
        /// Which.
        link: LinkId,
    },
    /// Somebody here wants a blob.
    Want {
        /// Which.
        blob: BlobId,
        /// Why.
        wish: Wish,
    },
    /// It is not wanted any more.
    GiveUp {
        /// Which.
        blob: BlobId,
    },
    /// An author is blocked: what is wanted for their messages is not wanted any more.
    Blocked {
        /// Whom.
        author: FeedId,
    },
    /// The driver answers an [`Order`], or tells of the disk.
    Report(Report),
}

/// What the driver tells of blobs.
#[derive(Clone, Debug)]
pub enum Report {
    /// Answers [`Order::Look`].
    Looked {
        /// Which.
        blob: BlobId,
        /// What is here of it.
        found: Found,
    },
    /// Answers [`Order::Judge`].
    Judged {
        /// As asked.
        link: LinkId,
        /// For each.
        answers: Vec<(BlobId, Judgement)>,
    },
    /// A job has come so far. May be left out; [`Self::Ended`] counts.
    Took {
        /// Which.
        job: JobId,
        /// Bytes up to here are on the disk.
        at: u64,
    },
    /// A job has ended.
    Ended {
        /// Which.
        job: JobId,
        /// Bytes up to here are on the disk.
        at: u64,
        /// How.
        how: Ending,
    },
    /// Answers [`Order::Name`].
    Named {
        /// Which.
        blob: BlobId,
        /// What became of it.
        named: Named,
    },
    /// A blob came to be here otherwise: by hand, by an import.
    Stored {
        /// Which.
        blob: BlobId,
    },
}

/// What is here of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// All of it.
    Held,
    /// An earlier fetch left some parts: from the first byte to the one after the last, of so many bytes in all.
    Begun {
        /// In bytes.
        size: u64,
        /// Disjoint, at most [`super::MAX_PARTS`].
        parts: Vec<(u64, u64)>,
    },
    /// Nothing.
    Absent,
}

/// Whether a device may have a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may, and it is here, of so many bytes.
    Held(u64),
    /// It may, and it is not here.
    Absent,
    /// No message that it may receive from here links to it.
    Refused,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It brought what it was to bring.
    Done,
    /// The connection broke, or was too slow.
    Cut,
    /// The peer does not have it, or does not give it to us.
    NotHere,
    /// The peer serves too many now.
    Busy,
    /// The peer has something of another size under that name.
    Size(u64),
    /// There is no room here, or the disk refuses.
    NoRoom,
}

/// Whether what was fetched is what its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// It is, and is stored, of so many bytes.
    Whole(u64),
    /// It is not: some of it was other bytes.
    Wrong,
    /// The disk refuses.
    Failed,
}

/// What the driver is to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Tell the peer; answered by [`Input::Told`] once it has left. One a link at a time.
    Tell {
        /// On which link.
        link: LinkId,
        /// At most [`super::MAX_ENTRIES`].
        wants: Vec<(BlobId, Option<u8>)>,
        /// At most [`super::MAX_ENTRIES`].
        haves: Vec<(BlobId, u64)>,
    },
    /// A device gave bytes that are not what their name says, alone, and so for certain.
    Blame {
        /// Who.
        device: DeviceKey,
        /// Of which blob.
        blob: BlobId,
        /// How often within [`super::BLAME_MEMORY`], this time included.
        times: u32,
    },
    /// A blob has come: who shows it may show it now.
    Arrived {
        /// Which.
        blob: BlobId,
    },
    /// For whoever has the disk and the streams.
    Order(Order),
}

/// What whoever has the disk and the streams is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Look what is here of a blob; [`Report::Looked`].
    Look {
        /// Which.
        blob: BlobId,
        /// Whether it is to be kept for good if it is here.
        by_hand: bool,
    },
    /// Find out what the device may have; [`Report::Judged`].
    Judge {
        /// For the answer.
        link: LinkId,
        /// Who asks.
        device: DeviceKey,
        /// At most [`super::MAX_ENTRIES`].
        blobs: Vec<BlobId>,
    },
    /// Fetch a part of a blob; [`Report::Took`] now and then, [`Report::Ended`] once.
    Fetch {
        /// For the answers.
        job: JobId,
        /// From the device at the other end.
        link: LinkId,
        /// Which.
        blob: BlobId,
        /// Of how many bytes in all. What an earlier fetch of another size left is of no use.
        size: u64,
        /// The first byte.
        from: u64,
        /// The byte after the last.
        until: u64,
        /// Whether the quota does not count.
        by_hand: bool,
    },
    /// A job needs to bring less: another source brings the rest. Best effort.
    Shorten {
        /// Which.
        job: JobId,
        /// The byte after the last.
        until: u64,
    },
    /// End a job; its [`Report::Ended`] is passed over.
    Stop {
        /// Which.
        job: JobId,
    },
    /// Forget what was fetched of a blob: it is fetched anew.
    Again {
        /// Which.
        blob: BlobId,
    },
    /// All of it is here: hold it against its name and store it; [`Report::Named`].
    Name {
        /// Which.
        blob: BlobId,
        /// In bytes.
        size: u64,
        /// Whether it is to be kept for good.
        by_hand: bool,
    },
    /// Remove what was fetched of a blob.
    GiveUp {
        /// Which.
        blob: BlobId,
    },
    /// Remember these wants over a restart: all that are, in place of those saved before.
    Save {
        /// By hand and mentioned ones.
        wants: Vec<(BlobId, Wish)>,
    },
}

/// A blob that is wanted, as a page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Which.
    pub blob: BlobId,
    /// Why.
    pub why: Why,
    /// In bytes, once somebody has said.
    pub size: Option<u64>,
    /// Bytes that are here.
    pub done: u64,
    /// Devices near that say they have it.
    pub sources: usize,
    /// Whether bytes are on their way.
    pub flows: bool,
}
