//! Who says what kind of thing when, and what it answers. Numbers only: the words and the ids come with the signing.

use std::collections::VecDeque;

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::chance::{Weights, below, fraction, happens};

/// When the first message was written: 2020-01-01, in milliseconds since 1970.
pub(crate) const BEGIN_MS: u64 = 1_577_836_800_000;
/// From one message to the next, in milliseconds, at most; half of it on average. A million messages take four years.
const LONGEST_PAUSE_MS: usize = 240_000;
/// Threads that still get replies.
const LIVE_THREADS: usize = 400;
/// The newest posts, which votes and quotations are about.
const RECENT_POSTS: usize = 3000;
/// The newest posts of a thread that a reply may answer.
const MAX_TIPS: usize = 4;
/// A person follows at most so many people; the reader may follow [`READER_FOLLOWS`].
const FOLLOWS: usize = 20;
/// Whom the reader follows: as many people as one can know (Dunbar), where there are so many.
const READER_FOLLOWS: usize = 150;

/// A message to be signed. Authors are numbers below the set's number of authors; messages are named by their number in
/// the set, and none that is named belongs to the same round.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) author: usize,
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) says: Says,
}

/// What a message is.
#[derive(Debug)]
pub(crate) enum Says {
    About { of: usize, is_first: bool },
    Contact { whom: usize, following: bool, blocking: bool },
    Post { place: Option<InThread>, quotes: Option<usize> },
    Vote { link: usize },
    Private { recipients: Vec<usize> },
    Channel,
    Pub { whom: usize },
    Blog,
}

/// Where a reply stands.
#[derive(Debug)]
pub(crate) struct InThread {
    pub(crate) root: usize,
    pub(crate) branch: Vec<usize>,
    /// The root of the thread that this one branches off from.
    pub(crate) fork: Option<usize>,
}

struct Thread {
    root: usize,
    tips: Vec<usize>,
}

/// The course of events.
pub(crate) struct Plan {
    random: ChaCha8Rng,
    authors: usize,
    activity: Weights,
    time_ms: u64,
    next: usize,
    /// Who introduces themselves and whom they follow, before the talk begins.
    opening: VecDeque<(usize, Says)>,
    threads: VecDeque<Thread>,
    recent: VecDeque<usize>,
    /// Opened, answered or written in this round: nobody knows their ids yet.
    fresh_threads: Vec<Thread>,
    fresh_tips: Vec<(usize, usize)>,
    fresh_posts: Vec<usize>,
}

impl Plan {
    pub(crate) fn new(seed: u64, authors: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // The busiest author of a hundred writes a tenth, of a thousand a hundredth.
        let shift = 1.0 + (authors / 50) as f64;
        let activity = Weights::new((0..authors).map(|author| 1.0 / (author as f64 + shift)));
        let opening = opening(authors, &mut random);
        Self {
            random,
            authors,
            activity,
            time_ms: BEGIN_MS,
            next: 0,
            opening,
            threads: VecDeque::new(),
            recent: VecDeque::new(),
            fresh_threads: Vec::new(),
            fresh_tips: Vec::new(),
            fresh_posts: Vec::new(),
        }
    }

    /// The next `count` messages. Those of earlier rounds have ids by now.
    pub(crate) fn round(&mut self, count: usize) -> Vec<Draft> {
        for (root, tip) in self.fresh_tips.drain(..) {
            if let Some(thread) = self.threads.iter_mut().rev().find(|thread| thread.root == root) {
                thread.tips.push(tip);
                let old = thread.tips.len().saturating_sub(MAX_TIPS);
                thread.tips.drain(..old);
            }
        }
        self.threads.extend(self.fresh_threads.drain(..));
        self.threads.drain(..self.threads.len().saturating_sub(LIVE_THREADS));
        self.recent.extend(self.fresh_posts.drain(..));
        self.recent.drain(..self.recent.len().saturating_sub(RECENT_POSTS));
        (0..count).map(|_| self.draft()).collect()
    }

    fn draft(&mut self) -> Draft {
        self.time_ms += 1 + below(&mut self.random, LONGEST_PAUSE_MS) as u64;
        let (author, says) = match self.opening.pop_front() {
            Some(opening) => opening,
            None => {
                let author = self.activity.choose(&mut self.random);
                (author, self.says(author))
            }
        };
        self.next += 1;
        Draft { author, time_ms: self.time_ms, says }
    }

    /// The mix of kinds of a living network: 58 % posts, 25 % votes, 10 % private.
    fn says(&mut self, author: usize) -> Says {
        let kind = below(&mut self.random, 1000);
        match kind {
            580..830 if !self.recent.is_empty() => {
                Says::Vote { link: self.recent[below(&mut self.random, self.recent.len())] }
            }
            830..930 => {
                let mut recipients = vec![author];
                for _ in 0..1 + below(&mut self.random, 6) {
                    let other = self.anybody();
                    if !recipients.contains(&other) {
                        recipients.push(other);
                    }
                }
                Says::Private { recipients }
            }
            930..960 => {
                let whom = self.anybody();
                // The reader blocks nobody: what blocked people say is not stored, and then stores would differ.
                let blocking = author != 0 && happens(&mut self.random, 100);
                let following = !blocking && happens(&mut self.random, 850);
                Says::Contact {
                    whom: if whom == author { (whom + 1) % self.authors } else { whom },
                    following,
                    blocking,
                }
            }
            960..975 => {
                let of = if happens(&mut self.random, 900) { author } else { self.anybody() };
                Says::About { of, is_first: false }
            }
            975..985 => Says::Channel,
            985..990 => Says::Pub { whom: self.anybody() },
            990.. => Says::Blog,
            _ => self.post(),
        }
    }

    fn anybody(&mut self) -> usize {
        below(&mut self.random, self.authors)
    }

    fn post(&mut self) -> Says {
        self.fresh_posts.push(self.next);
        let quotes = (happens(&mut self.random, 50) && !self.recent.is_empty())
            .then(|| self.recent[below(&mut self.random, self.recent.len())]);
        let place = (!self.threads.is_empty() && happens(&mut self.random, 600)).then(|| self.reply());
        if place.is_none() {
            self.fresh_threads.push(Thread { root: self.next, tips: vec![self.next] });
        }
        Says::Post { place, quotes }
    }

    fn reply(&mut self) -> InThread {
        // The newest threads get most of the replies.
        let age = fraction(&mut self.random);
        let back = (age * age * self.threads.len() as f64) as usize;
        let thread = &self.threads[self.threads.len() - 1 - back.min(self.threads.len() - 1)];
        let root = thread.root;
        let newest = thread.tips.len() - 1;
        let branch = match thread.tips.get(newest.wrapping_sub(1)) {
            Some(other) if happens(&mut self.random, 200) => vec![*other, thread.tips[newest]],
            _ => vec![thread.tips[newest]],
        };
        if branch != [root] && branch.len() == 1 && happens(&mut self.random, 30) {
            return InThread { root: branch[0], branch, fork: Some(root) };
        }
        self.fresh_tips.push((root, self.next));
        InThread { root, branch, fork: None }
    }
}

/// Everybody introduces themselves, then follows some others; whoever is followed by nobody else is by their successor.
fn opening(authors: usize, random: &mut ChaCha8Rng) -> VecDeque<(usize, Says)> {
    let mut opening: VecDeque<_> =
        (0..authors).map(|author| (author, Says::About { of: author, is_first: true })).collect();
    let others = authors.saturating_sub(1);
    for author in 0..authors {
        let mut follows: Vec<usize> = Vec::new();
        if author == 0 {
            follows.extend(1..=READER_FOLLOWS.min((authors / 5).max(FOLLOWS)).min(others));
        } else {
            follows.push(author - 1);
            for _ in 0..3 + below(random, FOLLOWS.min(authors)) {
                follows.push(below(random, authors));
            }
        }
        let mut seen = vec![author];
        for whom in follows {
            if !seen.contains(&whom) {
                seen.push(whom);
                opening.push_back((author, Says::Contact { whom, following: true, blocking: false }));
            }
        }
    }
    opening
}
