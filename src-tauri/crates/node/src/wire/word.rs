//! Words: what a device says to everybody it is linked with, kept by nobody. `docs/protocol.md`, *Words*.

use super::{WireError, varint};

/// The version of words that this program speaks.
const VERSION: u8 = 1;
/// Flag: somebody uses the device now.
const ATTENDED: u8 = 1;
/// The largest sequence a classic message can have: 2^53 − 1.
const MAX_SEQUENCE: u64 = (1 << 53) - 1;

/// How things stand at a device just now. Unsigned: whoever hears it knows from the connection who said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// Whether somebody uses the device now.
    pub attended: bool,
    /// The newest message of the device's own feed, 0 for none.
    pub newest: u64,
}

impl Word {
    /// At most ten bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, if self.attended { ATTENDED } else { 0 }];
        varint::write(&mut out, self.newest);
        out
    }

    /// Reads a word; `None` for one of a later version. Flags that are not known and what follows belong to later versions too.
    ///
    /// # Errors
    /// When it ends too early, or its number is none.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        let (&version, rest) = bytes.split_first().ok_or(WireError::Empty)?;
        if version != VERSION {
            return Ok(None);
        }
        let (&flags, mut rest) = rest.split_first().ok_or(WireError::Truncated)?;
        let newest = varint::read(&mut rest)?;
        if newest > MAX_SEQUENCE {
            return Err(WireError::Number);
        }
        Ok(Some(Self { attended: flags & ATTENDED != 0, newest }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_is_written_as_the_protocol_says() {
        assert_eq!(Word { attended: true, newest: 300 }.encode(), [1, 1, 0xac, 2]);
        assert_eq!(Word { attended: false, newest: 0 }.encode(), [1, 0, 0]);
        assert_eq!(Word::decode(&[1, 0xff, 5, 9, 9]), Ok(Some(Word { attended: true, newest: 5 })));
        assert_eq!(Word::decode(&[2, 0xff]), Ok(None));
        assert_eq!(Word::decode(&[]), Err(WireError::Empty));
        assert_eq!(Word::decode(&[1, 1]), Err(WireError::Truncated));
        let over = [&[1, 1][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]].concat();
        assert_eq!(Word::decode(&over), Err(WireError::Number), "2^53 is no sequence");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(attended: bool, newest in 0..=MAX_SEQUENCE) {
            let word = Word { attended, newest };
            prop_assert!(word.encode().len() <= 10);
            prop_assert_eq!(Word::decode(&word.encode()), Ok(Some(word)));
        }

        #[test]
        fn anything_can_be_heard(bytes in prop::collection::vec(any::<u8>(), 0..70)) {
            let _ = Word::decode(&bytes);
        }
    }
}
