//! What is to happen, as data.

use serde::Deserialize;

/// The most nodes in a scenario.
const MAX_NODES: usize = 2_000;
/// The most messages.
const MAX_MESSAGES: usize = 1_000_000;
/// The longest of its times: a day.
const MAX_MS: u64 = 86_400_000;
/// The most links that each node opens or has, so that nobody draws more than a node takes but by bad luck.
const MAX_DEGREE: usize = node::limits::LINKS / 2;

/// What is to happen. Read from TOML with [`Scenario::parse`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a sentence.
    pub about: String,
    /// Peers; each writes one feed, and everyone wants all of them.
    pub nodes: usize,
    /// Who is linked to whom.
    pub graph: Graph,
    /// Milliseconds that a frame takes: each link draws one delay, evenly between these two.
    pub delay_ms: [u64; 2],
    /// Milliseconds until the store has written a batch, read messages or checked signatures.
    #[serde(default)]
    pub store_ms: u64,
    /// Messages, each by a random author.
    pub messages: usize,
    /// Milliseconds between two messages.
    pub every_ms: u64,
    /// Milliseconds between the links and the first message.
    #[serde(default = "Scenario::default_warm_up_ms")]
    pub warm_up_ms: u64,
    /// Milliseconds after the last message until the run ends, if the nodes do not fall quiet before.
    #[serde(default = "Scenario::default_settle_ms")]
    pub settle_ms: u64,
    /// The report gives its figures apart for the messages up to each of these.
    #[serde(default)]
    pub phases: Vec<usize>,
    /// Links that go for good.
    pub cut: Option<Cut>,
    /// Halves that lose each other for a while.
    pub partition: Option<Partition>,
    /// Links that break all the time and come back.
    pub resets: Option<Resets>,
    /// People who come and go.
    pub churn: Option<Churn>,
}

/// Who is linked to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", deny_unknown_fields)]
pub enum Graph {
    /// A random connected graph in which everyone has this many links.
    Regular {
        /// Links of each node.
        degree: usize,
    },
    /// Everyone opens links to this many random others.
    Out {
        /// Links that each node opens.
        degree: usize,
    },
    /// Of a network like [`Graph::Regular`] the links of one tree alone: from one node to all others by the fewest links.
    Tree {
        /// Links of each node in that network.
        degree: usize,
    },
    /// One after the other.
    Line,
}

/// Links that go for good, without tearing the network apart.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// After this many messages.
    pub after: usize,
    /// This share of all links, 0 to 0.5.
    pub share: f64,
}

/// Two halves of the nodes that lose each other for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// After this many messages all links between the halves break …
    pub after: usize,
    /// … and come back after this many.
    pub healed_after: usize,
}

/// Links that break at random and come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resets {
    /// Milliseconds between two breaks, somewhere in the network, on average.
    pub every_ms: u64,
    /// Milliseconds until a broken link is back.
    pub away_ms: u64,
}

/// People who are there for a while, then away, and come back, until the last message was published. They write also while they
/// are away.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// This share of all, 0 to 1.
    pub share: f64,
    /// Milliseconds that each is there, on average: evenly between half of it and one and a half times it.
    pub session_ms: u64,
    /// Milliseconds that each is away.
    pub away_ms: u64,
}

/// A scenario that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Not the TOML of a scenario.
    #[error("this is not a scenario: {0}")]
    Syntax(String),
    /// It asks for something impossible.
    #[error("this scenario cannot be run: {0}")]
    Impossible(&'static str),
    /// A node would not go on, as nodes that are asked for too much do not.
    #[error("a node gave up: {0}")]
    GaveUp(String),
}

impl Scenario {
    const fn default_warm_up_ms() -> u64 {
        5_000
    }

    const fn default_settle_ms() -> u64 {
        60_000
    }

    /// Reads a scenario from TOML.
    ///
    /// # Errors
    ///
    /// [`ScenarioError::Syntax`] with the place and the reason.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| ScenarioError::Syntax(error.to_string().trim_end().to_owned()))
    }

    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        let impossible = |reason| Err(ScenarioError::Impossible(reason));
        if self.nodes < 2 || self.nodes > MAX_NODES {
            return impossible("there must be 2 to 2,000 nodes");
        }
        if self.messages == 0 || self.messages > MAX_MESSAGES {
            return impossible("there must be 1 to 1,000,000 messages");
        }
        let times = [self.delay_ms[1], self.store_ms, self.every_ms, self.warm_up_ms, self.settle_ms];
        let resets = self.resets.iter().flat_map(|resets| [resets.every_ms, resets.away_ms]);
        let churn = self.churn.iter().flat_map(|churn| [churn.session_ms, churn.away_ms]);
        if times.into_iter().chain(resets).chain(churn).any(|time| time > MAX_MS) {
            return impossible("no time is longer than a day");
        }
        if self.phases.first() == Some(&0) || !self.phases.is_sorted_by(|a, b| a < b) {
            return impossible("phases end at messages from 1 on, in order");
        }
        if self.delay_ms[0] > self.delay_ms[1] {
            return impossible("the shorter delay comes first");
        }
        match self.graph {
            Graph::Regular { degree } | Graph::Tree { degree }
                if !self.allows(degree) || (degree * self.nodes) % 2 == 1 =>
            {
                return impossible("nodes × degree must be even, and the degree 2 to 64 and at most half of the nodes");
            }
            Graph::Out { degree } if !self.allows(degree) => {
                return impossible("the degree must be 2 to 64 and at most half of the nodes");
            }
            _ => {}
        }
        if self.cut.is_some_and(|cut| !(0.0..=0.5).contains(&cut.share)) {
            return impossible("at most half of the links can be cut");
        }
        if self.partition.is_some_and(|partition| partition.after >= partition.healed_after) {
            return impossible("a partition heals after it began");
        }
        if self.resets.is_some_and(|resets| resets.every_ms == 0) {
            return impossible("breaks need time between them");
        }
        if self.churn.is_some_and(|churn| !(0.0..=1.0).contains(&churn.share) || churn.session_ms == 0) {
            return impossible("at most all come and go, and they stay for a while");
        }
        Ok(())
    }

    /// Denser graphs are hardly found by chance.
    fn allows(&self, degree: usize) -> bool {
        (2..=MAX_DEGREE).contains(&degree) && 2 * degree <= self.nodes
    }
}
