//! Whether one's own feed may be longer than it is here, and who ends that doubt.

use crate::App;
use crate::view::Failure;

impl App {
    /// Whether more of one's own feed may exist than is here. That ends when somebody whom one follows is linked who holds
    /// the feed, and no more of it than is here: what they hold beyond it comes first, and is asked for by itself.
    pub(crate) async fn own_is_doubted(&self) -> Result<bool, Failure> {
        if !self.store().own_is_doubted() {
            return Ok(false);
        }
        let here = self.store().own_head().map_or(0, |head| head.sequence);
        let look = self.look().await?;
        let holds_as_much = |peer: &node::PeerView| {
            let is_friend = self.store().ties(&peer.person).mine == social::Relation::Follows;
            is_friend && peer.holds_own.is_some_and(|sequence| sequence > 0 && sequence <= here)
        };
        let holds_more = |peer: &node::PeerView| peer.holds_own.is_some_and(|sequence| sequence > here);
        let is_confirmed = look.standing == node::Standing::Whole
            && look.peers.iter().any(holds_as_much)
            && !look.peers.iter().any(holds_more);
        if is_confirmed {
            self.store().trust_own().await?;
            tracing::info!(here, "somebody who holds the feed of this key has no more of it");
        }
        Ok(!is_confirmed)
    }
}
