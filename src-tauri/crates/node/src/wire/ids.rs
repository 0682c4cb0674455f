//! Feed ids on a link: 33 bytes the first time, a short number afterwards.
//!
//! Each direction of a link has its own table. A reference is a varint: 0 says that the 33 tagged bytes follow, which get
//! the next free number, from 1; any other number is one given before.

use std::collections::BTreeMap;

use feed::FeedId;

use super::{WireError, varint};

/// Feeds that may be named in one direction of one link: bounds the table at 131,072 × 33 bytes.
pub const FEEDS_PER_LINK: usize = 1 << 17;

/// Bytes of a tagged feed id: the format, then the key.
const TAGGED: usize = 33;

/// Numbers given to feeds in the direction that we send.
#[derive(Debug, Default)]
pub struct SentIds {
    numbers: BTreeMap<FeedId, u64>,
}

impl SentIds {
    /// Appends a reference to `feed`.
    ///
    /// # Errors
    /// [`WireError::TooManyFeeds`] when the table is full; nothing is appended then.
    pub fn write(&mut self, out: &mut Vec<u8>, feed: FeedId) -> Result<(), WireError> {
        if let Some(&number) = self.numbers.get(&feed) {
            varint::write(out, number);
            return Ok(());
        }
        if self.numbers.len() >= FEEDS_PER_LINK {
            return Err(WireError::TooManyFeeds);
        }
        self.numbers.insert(feed, self.numbers.len() as u64 + 1);
        varint::write(out, 0);
        out.extend_from_slice(&feed.to_tagged());
        Ok(())
    }
}

/// Numbers that the peer gave to feeds.
#[derive(Debug, Default)]
pub struct ReceivedIds {
    feeds: Vec<FeedId>,
}

impl ReceivedIds {
    /// Takes a reference from the front of `bytes`.
    ///
    /// # Errors
    /// For a number never given, bytes that are no id, too many ids, or too few bytes.
    pub fn read(&mut self, bytes: &mut &[u8]) -> Result<FeedId, WireError> {
        let number = varint::read(bytes)?;
        let Some(index) = number.checked_sub(1) else {
            let (tagged, rest) = bytes.split_at_checked(TAGGED).ok_or(WireError::Truncated)?;
            *bytes = rest;
            let feed = FeedId::from_tagged(tagged).map_err(|_| WireError::FeedId)?;
            if self.feeds.len() >= FEEDS_PER_LINK {
                return Err(WireError::TooManyFeeds);
            }
            self.feeds.push(feed);
            return Ok(feed);
        };
        usize::try_from(index).ok().and_then(|index| self.feeds.get(index)).copied().ok_or(WireError::UnknownIndex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(number: u8) -> FeedId {
        FeedId::classic([number; 32])
    }

    #[test]
    fn the_second_mention_of_a_feed_takes_one_byte() {
        let mut sent = SentIds::default();
        let mut bytes = Vec::new();
        sent.write(&mut bytes, feed(7)).unwrap();
        assert_eq!(bytes.len(), 34);
        sent.write(&mut bytes, feed(7)).unwrap();
        assert_eq!(bytes.len(), 35);

        let mut received = ReceivedIds::default();
        let mut rest = bytes.as_slice();
        assert_eq!(received.read(&mut rest), Ok(feed(7)));
        assert_eq!(received.read(&mut rest), Ok(feed(7)));
        assert!(rest.is_empty());
    }

    #[test]
    fn a_number_never_given_is_refused() {
        assert_eq!(ReceivedIds::default().read(&mut &[1u8][..]), Err(WireError::UnknownIndex));
        assert_eq!(ReceivedIds::default().read(&mut &[0u8, 1, 2][..]), Err(WireError::Truncated));
    }
}
