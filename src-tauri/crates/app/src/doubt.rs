//! Whether one's own feed may be longer than it is here, and who ends that doubt.

use crate::App;
use crate::view::Failure;

impl App {
    /// Whether more of one's own feed may exist than is here. That ends when somebody whom one follows is linked who came with
    /// at least as much of it as is here: who is behind proves nothing, and after they have it from us their word is ours.
    /// What anybody holds beyond it comes first, and is asked for by itself.
    pub(crate) async fn own_is_doubted(&self) -> Result<bool, Failure> {
        if !self.store().own_is_doubted() {
            return Ok(false);
        }
        let here = self.store().own_head().map_or(0, |head| head.sequence);
        let look = self.look().await?;
        let holds_as_much = |peer: &node::PeerView| {
            let is_friend = self.store().ties(&peer.person).mine == social::Relation::Follows;
            is_friend && confirms(peer.greeted_own, here)
        };
        let holds_more = |peer: &node::PeerView| peer.holds_own.is_some_and(|sequence| sequence > here);
        let is_confirmed = look.standing == node::Standing::Whole
            && look.peers.iter().any(holds_as_much)
            && !look.peers.iter().any(holds_more);
        if is_confirmed {
            self.store().trust_own().await?;
            tracing::info!(here, "a friend came with as much of the feed of this key as is here, and with no more");
        }
        Ok(!is_confirmed)
    }
}

/// Whether somebody who greeted with so much of one's own feed shows that it goes no further than `here`, once nobody near
/// holds more.
fn confirms(greeted: Option<u64>, here: u64) -> bool {
    greeted.is_some_and(|sequence| sequence > 0 && sequence >= here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_friend_who_is_behind_or_holds_nothing_ends_no_doubt() {
        assert!(!confirms(None, 0) && !confirms(None, 5));
        assert!(!confirms(Some(0), 0) && !confirms(Some(4), 5));
        assert!(confirms(Some(5), 5) && confirms(Some(7), 5));
    }
}
