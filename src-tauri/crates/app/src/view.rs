//! What the window and the command line are shown: plain data, named for people.
//!
//! TypeScript types are generated from these, so a change here changes the page's types.
//! Ids travel as their text forms; times as Unix milliseconds.

mod search;

use serde::{Deserialize, Serialize};
use specta::Type;

pub use search::{SearchHit, SearchOrder, SearchPage, SearchQuery, SnippetPart};

/// Somebody, as every screen shows them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// `@….ed25519`.
    pub id: String,
    /// The name they gave themselves, else the one most recently given by someone stored here, else a short form of the id.
    pub name: String,
    /// Whether `name` is one that somebody gave (false: the short form of the id).
    pub named: bool,
    /// Their picture's blob id, where they announced one.
    pub image: Option<String>,
    /// How we are linked.
    pub relation: Relation,
    /// Whether they are on this network now.
    pub near: bool,
}

/// How a person and the reader are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// The reader.
    Me,
    /// Each follows the other.
    Friends,
    /// The reader follows them.
    Following,
    /// They follow the reader.
    FollowsMe,
    /// Somebody the reader follows follows them.
    FriendOfFriend,
    /// The reader blocked them.
    Blocked,
    /// None of these.
    Stranger,
}

/// Which posts a timeline shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "value")]
pub enum Audience {
    /// Everything stored here.
    All,
    /// The reader and the people they follow.
    Following,
    /// Following, and the people those follow.
    Friends,
    /// The people on this network now.
    Nearby,
    /// One channel, without `#`.
    Channel(String),
    /// One person's posts, by id.
    Person(String),
}

/// One post.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// `%….sha256`.
    pub id: String,
    /// Who signed it.
    pub author: Person,
    /// The text as Markdown, at most 8 KiB.
    pub text: String,
    /// What it warns of, where the author gave a warning.
    pub content_warning: Option<String>,
    /// The channel it was posted to, without `#`.
    pub channel: Option<String>,
    /// The first post of its thread, where this is a reply.
    pub root: Option<String>,
    /// The people whom the text names: id and the name it should show.
    pub mentions: Vec<Mention>,
    /// When it is shown to have been written: the earlier of the author's claim and its first receipt here.
    pub time: f64,
    /// Sequence in its author's feed, from 1.
    pub sequence: f64,
    /// Replies stored here.
    pub replies: u32,
    /// People who like it.
    pub likes: u32,
    /// Whether the reader likes it.
    pub liked: bool,
}

/// A name in a text that stands for an id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Mention {
    /// Any id.
    pub link: String,
    /// The name to show for it.
    pub name: String,
}

/// One card of a timeline: a thread's first post where it is stored, with its newest replies rolled up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The thread's first post, or the reply itself where the first is not stored here.
    pub post: Post,
    /// Its newest replies that this timeline shows, oldest first; at most two.
    pub latest: Vec<Post>,
    /// Who brought the card up, where that is not the author: `{name} replied`.
    pub reason: Option<Reason>,
    /// Whether it is a post of a stranger near, which is not stored here: it has no thread, and goes with them.
    pub passing: bool,
    /// What that stranger says their name is: unproven, so shown as `calls themselves …`.
    pub calls_themselves: Option<String>,
}

/// Why a card stands where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "person")]
pub enum Reason {
    /// This person replied last.
    Replied(Person),
}

/// A page of a timeline, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The cards.
    pub cards: Vec<Card>,
    /// Where the next older page begins; none at the end.
    pub next: Option<String>,
}

/// A thread in causal order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Thread {
    /// The id of the first post, stored or not.
    pub root: String,
    /// The entries, each after those it answers.
    pub entries: Vec<Entry>,
}

/// One place in a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "value")]
pub enum Entry {
    /// A post stored here.
    Post(Box<Post>),
    /// A post that others answer and that has not arrived; by id.
    Missing(String),
}

/// A person's page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PersonPage {
    /// Who.
    pub person: Person,
    /// What they say of themselves.
    pub description: Option<String>,
    /// How many people stored here they follow.
    pub follows: u32,
    /// How many people stored here follow them.
    pub followers: u32,
    /// Some of those followers whom the reader follows; at most three.
    pub followed_by: Vec<Person>,
    /// Messages of theirs stored here.
    pub messages: u32,
    /// What those occupy, in bytes.
    pub bytes: f64,
    /// Whether their feed is frozen because it was forked.
    pub forked: bool,
    /// How the reader blocks them, if they do.
    pub blocks: Option<BlockKind>,
    /// Whether the reader has muted them.
    pub muted: bool,
    /// How many follows lead from the reader to them, if at most three do; none for whom the reader blocks.
    pub hop: Option<u8>,
}

/// What is seen of somebody whose feed is not stored here, as somebody near has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Who is looked at.
    pub person: Person,
    /// What they call themselves, where nobody whom the reader knows names them: signed by them, and a claim.
    pub calls_themselves: Option<String>,
    /// Who had it.
    pub through: Person,
    /// The newest sequence that they have, by their word.
    pub head: f64,
    /// Posts, newest first; how many like or answer them is not known.
    pub posts: Vec<Post>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}

/// How the reader blocks somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum BlockKind {
    /// By a message that everybody can read.
    Public,
    /// On this device, in no message.
    Private,
}

/// The people on this network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Nearby {
    /// The people, friends first.
    pub people: Vec<NearPerson>,
    /// The addresses at which this device can be reached.
    pub addresses: Vec<String>,
    /// How far catching up with them has come, while anything is known to be on its way to the reader.
    pub progress: Option<Progress>,
    /// The addresses that links are kept to by hand.
    pub reached: Vec<Reached>,
    /// Devices that are left out, for what they did.
    pub left_out: Vec<LeftOut>,
}

/// A device that is left out, for what it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Whose.
    pub person: Person,
    /// What a stranger's device says their name is: unproven.
    pub calls_themselves: Option<String>,
    /// What it did, in words.
    pub reason: String,
    /// For how many seconds yet.
    pub seconds_left: u32,
}

/// An address that a link is kept to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// As a multiaddr.
    pub address: String,
    /// Who answered there.
    pub person: Person,
}

/// One thing that the network doctor found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct NetworkFinding {
    /// What it is; scripts compare this and never the texts.
    pub trouble: NetworkTrouble,
    /// The adapter it is about.
    pub adapter: Option<String>,
    /// Whether something is wrong.
    pub problem: bool,
    /// What was found.
    pub what: String,
    /// The one thing to do next.
    pub next: String,
}

/// The closed set of what the network doctor finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum NetworkTrouble {
    /// No adapter is up and has an address.
    NoNetwork,
    /// An adapter has no IPv4 address.
    NoIpv4,
    /// Nothing can be sent to all.
    MulticastNotSent,
    /// What is sent to all does not arrive.
    MulticastBlocked,
    /// Nobody at all is heard.
    Isolated,
    /// A virtual adapter with nobody on it.
    VirtualOnly,
    /// Others are heard, none with Periwinkle.
    NobodyOfOurs,
    /// Others with Periwinkle are heard.
    Works,
    /// Neighbours cannot connect to this device.
    NotReachable,
    /// Neighbours can.
    Reachable,
    /// Clocks differ.
    ClockOff,
}

/// How far catching up with the people near has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Messages that were stored since it began.
    pub done: u32,
    /// About this many more are known to come.
    pub to_come: u32,
    /// About how many seconds those take at the present pace, at least one; none until there is a pace.
    pub seconds_left: Option<u32>,
}

/// How far the indexes have been filled again after an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Indexing {
    /// Messages that are in.
    pub done: u32,
    /// All messages.
    pub total: u32,
}

/// Somebody on this network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct NearPerson {
    /// Who.
    pub person: Person,
    /// What a stranger's device says their name is: unproven, so shown as `calls themselves …`.
    pub calls_themselves: Option<String>,
    /// Whether they use their device now, as it says: unproven.
    pub here: bool,
    /// What is flowing.
    pub flow: Flow,
    /// Why little is read from their device, if so.
    pub slowed: Option<String>,
}

/// What flows between the reader and somebody near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "messages")]
pub enum Flow {
    /// Found, not yet speaking.
    Connecting,
    /// Nothing to exchange.
    Level,
    /// This many messages are known to be on their way to us.
    Receiving(u32),
    /// This many messages are known to be on their way to them.
    Sending(u32),
}

/// What a person may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether those near are told that somebody uses this device, while somebody does.
    pub says_here: bool,
    /// Whether the timeline of people near shows what strangers among them write. It is looked at, and kept nowhere.
    pub shows_strangers: bool,
}

/// What a person writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Markdown.
    pub text: String,
    /// The post it answers.
    pub reply_to: Option<String>,
    /// The channel, without `#`.
    pub channel: Option<String>,
}

/// What the window finds when it opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "value")]
pub enum StartState {
    /// No key in this folder yet: ask for a name.
    Welcome,
    /// Running as this person.
    Ready(Me),
    /// The folder could not be opened.
    Failed(Failure),
}

/// The reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Who.
    pub person: Person,
    /// People stored here who follow the reader: the known audience of a post.
    pub followers: u32,
    /// Whether publishing is possible.
    pub standing: Standing,
}

/// Whether one's own feed may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// Everything is in order.
    Whole,
    /// Messages of one's own are missing here: reading works, publishing waits until they arrive.
    Recovering,
}

/// What changed; the page asks again for what it shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum Change {
    /// New posts.
    Timeline,
    /// A thread, by its root.
    Thread(String),
    /// A person's name, picture or relations, by id.
    Person(String),
    /// Who is near, or what flows.
    Nearby,
    /// The standing of one's own feed.
    Standing,
    /// A file that was wanted has come, by id.
    Blob(String),
    /// How far the indexes have been filled again after an update; until then older posts are missing.
    Indexing,
    /// What a person chose, here or by another program.
    Settings,
}

/// A place in the window that a notification opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum Target {
    /// A thread, by any post in it.
    Thread(String),
    /// A person.
    Person(String),
}

/// Something that did not work, in words for the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message} {next}")]
pub struct Failure {
    /// What kind of failure; the page never compares texts.
    pub code: FailureCode,
    /// What happened and why.
    pub message: String,
    /// The one thing to do next.
    pub next: String,
}

/// The closed set of failures that cross to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum FailureCode {
    /// An id or name that cannot be read.
    BadInput,
    /// The text does not fit into one message.
    TooLong,
    /// The thing asked for is not stored here.
    NotFound,
    /// Publishing waits for one's own missing messages.
    Recovering,
    /// Another program uses this folder.
    Busy,
    /// The folder cannot be read or written.
    Disk,
    /// The network could not be used.
    Network,
    /// No key here yet.
    NotStarted,
    /// Anything else: a mistake of ours.
    Internal,
}
