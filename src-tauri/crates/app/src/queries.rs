//! TEMP
use crate::App;
use crate::view::*;
use feed::{MessageId, PersonId};
use store::Store;

pub(crate) fn standing(standing: node::Standing) -> Standing {
    match standing {
        node::Standing::Whole => Standing::Whole,
        _ => Standing::Recovering,
    }
}
pub(crate) async fn name(_store: &Store, _me: PersonId, _p: PersonId) -> Result<String, Failure> {
    Ok(String::new())
}
pub(crate) async fn text(_store: &Store, _m: MessageId) -> Result<Option<String>, Failure> {
    Ok(None)
}
impl App {
    pub(crate) async fn root_of(&self, id: MessageId) -> Result<MessageId, Failure> {
        Ok(id)
    }
    /// me
    pub async fn me(&self) -> Result<Me, Failure> {
        Err(Failure::internal("x"))
    }
    /// me
    pub async fn nearby(&self) -> Result<Nearby, Failure> {
        Ok(Nearby { people: vec![], addresses: self.look().await?.addresses })
    }
    /// me
    pub async fn timeline(&self, _a: Audience, _b: Option<String>, _l: u32) -> Result<Page, Failure> {
        Err(Failure::internal("x"))
    }
    /// me
    pub async fn thread(&self, _a: &str) -> Result<Thread, Failure> {
        Err(Failure::internal("x"))
    }
    /// me
    pub async fn person(&self, _a: &str) -> Result<PersonPage, Failure> {
        Err(Failure::internal("x"))
    }
}
