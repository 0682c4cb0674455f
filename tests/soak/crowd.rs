//! The people of the soak: who is there, what they wrote, what their logs say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;

use app::rpc::Client;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::chain::holds;
use crate::peri::{Node, Person, post, status, until};

/// A node that runs, and a connection to it.
struct Here {
    node: Node,
    client: Client,
}

/// Everybody.
pub(crate) struct Crowd {
    people: Vec<Person>,
    here: BTreeMap<usize, Here>,
    /// Who went, in that order.
    gone: VecDeque<usize>,
    logs: Vec<File>,
    folder: TempDir,
    /// How many of them stay, the first ones.
    stay: usize,
    /// The ids of each one's posts that were acknowledged.
    acknowledged: Vec<BTreeSet<String>>,
    random: ChaCha8Rng,
    /// How often somebody went.
    pub(crate) departures: usize,
}

impl Crowd {
    /// People who all follow the first, who follows all: everybody's posts are two hops away at most.
    pub(crate) async fn gather(count: usize, stay: usize) -> Self {
        let people: Vec<Person> = (0..count).map(|n| Person::new(&format!("Person {n}"))).collect();
        for person in &people[1..] {
            people[0].ok(&["follow", &person.id]);
            person.ok(&["follow", &people[0].id]);
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = |n: usize| File::options().create(true).append(true).open(log(&folder, n)).expect("a log");
        let logs = (0..count).map(log).collect();
        let mut crowd = Self {
            people,
            here: BTreeMap::new(),
            gone: (0..count).collect(),
            logs,
            folder,
            stay,
            acknowledged: vec![BTreeSet::new(); count],
            random: ChaCha8Rng::seed_from_u64(12),
            departures: 0,
        };
        crowd.all_come().await;
        crowd
    }

    fn below(&mut self, count: usize) -> usize {
        (self.random.next_u64() % count as u64) as usize
    }

    /// Those who are here; the ones who stay come first.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.here.values().map(|here| &here.node)
    }

    /// Where everybody who is here listens.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.nodes().map(|node| node.address.clone()).collect()
    }

    /// The one who has been away for longest comes, and links to one who stays, so that nobody is cut off for good, and to two others.
    async fn somebody_comes(&mut self) {
        let Some(n) = self.gone.pop_front() else { return };
        let here: Vec<usize> = self.here.keys().copied().collect();
        let staying = here.iter().filter(|n| **n < self.stay).count();
        let mut chosen = BTreeSet::new();
        for among in [staying, here.len(), here.len()] {
            if among > 0 {
                chosen.insert(here[self.below(among)]);
            }
        }
        let dial: Vec<&Node> = chosen.iter().map(|n| &self.here[n].node).collect();
        let log = self.logs[n].try_clone().expect("one more handle");
        let node = self.people[n].spawn_into(&dial, &[("RUST_LOG", "warn")], log.into());
        let node = self.people[n].ready(node).expect("it becomes ready");
        let client = node.client().await;
        self.here.insert(n, Here { node, client });
    }

    /// Everybody who is away comes.
    pub(crate) async fn all_come(&mut self) {
        while !self.gone.is_empty() {
            self.somebody_comes().await;
        }
    }

    /// One of those who do not stay goes, every other time without a goodbye; who went before the last comes back.
    pub(crate) async fn somebody_goes(&mut self) {
        let can: Vec<usize> = self.here.keys().copied().filter(|n| *n >= self.stay).collect();
        let n = can[self.below(can.len())];
        let mut here = self.here.remove(&n).expect("it is here");
        self.departures += 1;
        if self.departures.is_multiple_of(2) {
            here.node.kill();
        } else {
            assert!(here.node.stop().success(), "it ends in good order");
        }
        self.gone.push_back(n);
        if self.gone.len() > 2 {
            self.somebody_comes().await;
        }
    }

    /// One of those who are here writes.
    pub(crate) async fn somebody_writes(&mut self) {
        let here: Vec<usize> = self.here.keys().copied().collect();
        let n = here[self.below(here.len())];
        let client = &mut self.here.get_mut(&n).expect("it is here").client;
        let id = post(client, &format!("Person {n} was here, and says so in a line or two.")).await.expect("published");
        self.acknowledged[n].insert(id);
    }

    /// Waits until everybody has everything, then looks at each feed at its author's and at a neighbour's. How many posts there are.
    pub(crate) async fn all_have_all(&mut self) -> usize {
        let posts: usize = self.acknowledged.iter().map(BTreeSet::len).sum();
        let count = self.people.len();
        // A name each, and who follows whom. Who is killed is killed between two posts: none is stored that was not acknowledged.
        let all = (posts + count + 2 * (count - 1)) as u64;
        for here in self.here.values_mut() {
            until("all", async || status(&mut here.client).await.messages, |messages| *messages == all).await;
        }
        for (n, person) in self.people.iter().enumerate() {
            let mut neighbour = self.here[&((n + 1) % count)].node.client().await;
            let author = &mut self.here.get_mut(&n).expect("all are here").client;
            holds(author, &mut neighbour, &person.id, &self.acknowledged[n]).await;
        }
        posts
    }

    /// Everybody goes in good order; the lines of their logs that say something went wrong.
    pub(crate) fn ends(self) -> Vec<String> {
        for here in self.here.into_values() {
            assert!(here.node.stop().success(), "it ends in good order");
        }
        let mut wrong = Vec::new();
        let mut warnings: BTreeMap<String, usize> = BTreeMap::new();
        for n in 0..self.people.len() {
            for line in std::fs::read_to_string(log(&self.folder, n)).expect("a log").lines() {
                if line.contains(" ERROR ") || line.contains("panicked") {
                    wrong.push(format!("person {n}: {line}"));
                } else if let Some((_, said)) = line.split_once(" WARN ") {
                    *warnings.entry(said.chars().take(100).collect()).or_default() += 1;
                }
            }
        }
        for (said, times) in warnings {
            println!("{times} times a warning: {said}");
        }
        wrong
    }
}

fn log(folder: &TempDir, n: usize) -> std::path::PathBuf {
    folder.path().join(format!("{n}.log"))
}
