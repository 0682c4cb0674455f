//! People as screens show them: names, pictures and relations of many with one question to the store.

use std::collections::{BTreeMap, BTreeSet};

use feed::PersonId;
use social::Relation as Stance;
use store::{Profile, Store, Ties};

use crate::App;
use crate::app::person_id;
use crate::view::{BlockKind, Failure, Flow, LeftOut, Me, NearPerson, Nearby, Person, PersonPage, Progress, Relation};

/// Characters of an id that stand for somebody of whom no name is known, with the `@`.
const SHORT_ID: usize = 9;

/// What is known of some people at one moment.
pub(crate) struct People {
    me: PersonId,
    store: Store,
    profiles: BTreeMap<PersonId, Profile>,
    near: BTreeSet<PersonId>,
}

impl People {
    /// Asks for these people; `near` are those on this network now.
    pub(crate) async fn load(
        store: &Store,
        people: BTreeSet<PersonId>,
        near: BTreeSet<PersonId>,
    ) -> Result<Self, Failure> {
        let people: Vec<PersonId> = people.into_iter().collect();
        let profiles = store.names(&people).await?;
        Ok(Self { me: PersonId::from(store.keys().feed_id()), store: store.clone(), profiles, near })
    }

    /// Somebody who was asked for; others have no name.
    pub(crate) fn view(&self, person: PersonId) -> Person {
        let profile = self.profiles.get(&person);
        let name = profile.and_then(|profile| profile.name.clone());
        Person {
            id: person.to_string(),
            named: name.is_some(),
            name: name.unwrap_or_else(|| short(person)),
            image: profile.and_then(|profile| profile.image).map(|image| image.to_string()),
            relation: if person == self.me { Relation::Me } else { relation(self.store.ties(&person)) },
            near: self.near.contains(&person),
        }
    }
}

impl App {
    /// The reader: who, how many follow, whether publishing is possible.
    ///
    /// # Errors
    /// When the node is shutting down or the store cannot be read.
    pub async fn me(&self) -> Result<Me, Failure> {
        let me = self.id();
        let people = People::load(self.store(), [me].into(), BTreeSet::new()).await?;
        let followers = self.store().person(&me).await?.followers;
        Ok(Me { person: people.view(me), followers, standing: self.standing().await? })
    }

    /// A person's page; of somebody never heard of it is empty.
    ///
    /// # Errors
    /// When the id cannot be read, the node is shutting down or the store cannot be read.
    pub async fn person(&self, id: &str) -> Result<PersonPage, Failure> {
        let person = person_id(id)?;
        let row = self.store().person(&person).await?;
        let shown = row.followed_by.iter().copied().chain([person]).collect();
        let people = People::load(self.store(), shown, self.near().await?).await?;
        Ok(PersonPage {
            person: people.view(person),
            description: row.description,
            follows: row.follows,
            followers: row.followers,
            followed_by: row.followed_by.into_iter().map(|follower| people.view(follower)).collect(),
            messages: u32::try_from(row.messages).unwrap_or(u32::MAX),
            bytes: row.bytes as f64,
            forked: row.is_forked,
            blocks: blocks(self.store(), &person),
            muted: self.store().stance(&person).muted,
            hop: self.store().distance(&person),
        })
    }

    /// The people on this network: friends first, then by name.
    ///
    /// # Errors
    /// When the node is shutting down or the store cannot be read.
    pub async fn nearby(&self) -> Result<Nearby, Failure> {
        let look = self.look().await?;
        let near: BTreeSet<PersonId> = look.peers.iter().map(|peer| peer.person).collect();
        let reached = self.reached_among(&near).await?;
        let out = look.left_out.iter().map(|out| PersonId::from(out.device));
        let known = People::load(self.store(), near.iter().copied().chain(out).collect(), near).await?;
        let mut people: Vec<NearPerson> = look
            .peers
            .iter()
            .map(|peer| NearPerson {
                person: known.view(peer.person),
                calls_themselves: peer.calls_themselves.clone(),
                here: peer.is_here,
                flow: flow(peer.flow),
                slowed: peer.slowed.clone(),
            })
            .collect();
        people.sort_by_cached_key(|near| {
            let name = near.calls_themselves.as_ref().filter(|_| !near.person.named).unwrap_or(&near.person.name);
            (rank(near.person.relation), name.to_lowercase(), near.person.id.clone())
        });
        let left_out = look.left_out.iter().map(|out| left_out(&known, out)).collect();
        Ok(Nearby {
            people,
            addresses: look.addresses,
            progress: look.progress.as_ref().map(progress),
            reached,
            left_out,
        })
    }

    /// Who is on this network now.
    pub(crate) async fn near(&self) -> Result<BTreeSet<PersonId>, Failure> {
        Ok(self.look().await?.peers.iter().map(|peer| peer.person).collect())
    }
}

/// How the reader blocks somebody, if they do. What is said in public is no secret.
pub(crate) fn blocks(store: &Store, person: &PersonId) -> Option<BlockKind> {
    if store.relation_said(person) == Stance::Blocks {
        return Some(BlockKind::Public);
    }
    store.stance(person).blocked.then_some(BlockKind::Private)
}

/// The nearest relation that both stances make.
fn relation(ties: Ties) -> Relation {
    match (ties.mine, ties.theirs) {
        (Stance::Blocks, _) => Relation::Blocked,
        (Stance::Follows, Stance::Follows) => Relation::Friends,
        (Stance::Follows, _) => Relation::Following,
        (_, Stance::Follows) => Relation::FollowsMe,
        _ if ties.is_friend_of_friend => Relation::FriendOfFriend,
        _ => Relation::Stranger,
    }
}

/// The order of relations on a list of people.
fn rank(relation: Relation) -> u8 {
    match relation {
        Relation::Me => 0,
        Relation::Friends => 1,
        Relation::Following => 2,
        Relation::FollowsMe => 3,
        Relation::FriendOfFriend => 4,
        Relation::Stranger => 5,
        Relation::Blocked => 6,
    }
}

/// A device that is left out.
pub(crate) fn left_out(people: &People, out: &node::LeftOut) -> LeftOut {
    LeftOut {
        person: people.view(out.device.into()),
        calls_themselves: out.calls_themselves.clone(),
        reason: out.reason.clone(),
        seconds_left: u32::try_from(out.remaining.as_secs().max(1)).unwrap_or(u32::MAX),
    }
}

/// What flows on a link.
pub(crate) fn flow(flow: node::Flow) -> Flow {
    let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
    match flow {
        node::Flow::Connecting => Flow::Connecting,
        node::Flow::Level => Flow::Level,
        node::Flow::Receiving(messages) => Flow::Receiving(count(messages)),
        node::Flow::Sending(messages) => Flow::Sending(count(messages)),
    }
}

/// How far catching up has come.
pub(crate) fn progress(progress: &node::Progress) -> Progress {
    let count = |messages| u32::try_from(messages).unwrap_or(u32::MAX);
    let seconds = |remaining: std::time::Duration| u32::try_from(remaining.as_secs().max(1)).unwrap_or(u32::MAX);
    Progress {
        done: count(progress.done),
        to_come: count(progress.to_come),
        seconds_left: progress.remaining.map(seconds),
    }
}

/// A short form of an id, for those of whom no name is known.
fn short(person: PersonId) -> String {
    person.to_string().chars().take(SHORT_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_what_both_say() {
        let ties = |mine, theirs, is_friend_of_friend| relation(Ties { mine, theirs, is_friend_of_friend });
        assert_eq!(ties(Stance::Follows, Stance::Follows, true), Relation::Friends);
        assert_eq!(ties(Stance::Follows, Stance::Blocks, false), Relation::Following);
        assert_eq!(ties(Stance::None, Stance::Follows, true), Relation::FollowsMe);
        assert_eq!(ties(Stance::None, Stance::None, true), Relation::FriendOfFriend);
        assert_eq!(ties(Stance::None, Stance::Blocks, false), Relation::Stranger);
        assert_eq!(ties(Stance::Blocks, Stance::Follows, true), Relation::Blocked);
    }
}
