//! Frames of a look at a feed that is not stored here: a question, and its answer. Both name the feed by its id, not by a number of
//! the link: looks are rare, and name feeds that nobody notes.

use feed::{FeedId, TAGGED_LEN};

use super::{WireError, kind, varint};
use crate::limits;

/// What is asked for: the newest messages of a feed. Other numbers belong to later versions.
const NEWEST: u8 = 1;

const HERE: u8 = 0;
const NOT_HERE: u8 = 1;
const NOT_NOW: u8 = 2;

/// A question, numbered by who asks: from 1 on each link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Joins it and its answer.
    pub number: u64,
    /// What is asked for; none where that belongs to a later version.
    pub look: Option<Newest>,
}

/// The newest messages of a feed are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Whose.
    pub feed: FeedId,
    /// Only those below this sequence; 0 for the newest of all.
    pub before: u64,
    /// At most so many, from 1 to [`limits::LOOK_MESSAGES`].
    pub most: u8,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell<'a> {
    /// The number of the question.
    pub number: u64,
    /// What it says.
    pub answer: Answer<'a>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Not held, not wanted, or not for you: these are not told apart.
    NotHere,
    /// Too much is asked at the moment.
    NotNow,
    /// Messages, nothing of them looked at yet.
    Here {
        /// The newest sequence that is held.
        head: u64,
        /// The sequence of the first.
        first: u64,
        /// Consecutive messages, as [`super::coding`] writes them; possibly none.
        messages: Vec<&'a [u8]>,
        /// The sequence of the author's newest words about themselves with a name, and those, coded plain.
        about: Option<(u64, &'a [u8])>,
    },
}

/// Reads the body of an ask frame.
///
/// # Errors
/// For whatever [`write_ask`] would not write, except what later versions ask for.
pub fn read_ask(mut body: &[u8]) -> Result<Ask, WireError> {
    let number = varint::read(&mut body)?;
    let (&what, rest) = body.split_first().ok_or(WireError::Truncated)?;
    if what != NEWEST {
        return Ok(Ask { number, look: None });
    }
    let (id, mut rest) = rest.split_at_checked(TAGGED_LEN).ok_or(WireError::Truncated)?;
    let feed = FeedId::from_tagged(id).map_err(|_| WireError::FeedId)?;
    let before = varint::read(&mut rest)?;
    match *rest {
        [most] if (1..=limits::LOOK_MESSAGES).contains(&most) => {
            Ok(Ask { number, look: Some(Newest { feed, before, most }) })
        }
        [_] => Err(WireError::Number),
        [] => Err(WireError::Truncated),
        _ => Err(WireError::TooLong),
    }
}

/// An ask frame. The caller keeps to [`limits::LOOK_MESSAGES`].
pub fn write_ask(number: u64, Newest { feed, before, most }: &Newest) -> Vec<u8> {
    let mut out = vec![kind::ASK];
    varint::write(&mut out, number);
    out.push(NEWEST);
    out.extend_from_slice(&feed.to_tagged());
    varint::write(&mut out, *before);
    out.push(*most);
    out
}

/// Reads the body of a tell frame.
///
/// # Errors
/// For whatever [`write_tell`] would not write.
pub fn read_tell(mut body: &[u8]) -> Result<Tell<'_>, WireError> {
    let number = varint::read(&mut body)?;
    let (&status, mut rest) = body.split_first().ok_or(WireError::Truncated)?;
    let answer = match status {
        HERE => {
            let (&what, after) = rest.split_first().ok_or(WireError::Truncated)?;
            rest = after;
            if what != NEWEST {
                return Err(WireError::Number);
            }
            let (head, first) = (sequence(&mut rest)?, sequence(&mut rest)?);
            let mut messages = Vec::new();
            loop {
                let length = varint::read(&mut rest)?;
                if length == 0 {
                    break;
                }
                if messages.len() >= usize::from(limits::LOOK_MESSAGES) {
                    return Err(WireError::TooManyEntries);
                }
                messages.push(take(&mut rest, length)?);
            }
            let about = match sequence(&mut rest)? {
                0 => None,
                sequence => {
                    let length = varint::read(&mut rest)?;
                    Some((sequence, take(&mut rest, length)?))
                }
            };
            Answer::Here { head, first, messages, about }
        }
        NOT_HERE => Answer::NotHere,
        NOT_NOW => Answer::NotNow,
        _ => return Err(WireError::Number),
    };
    if rest.is_empty() { Ok(Tell { number, answer }) } else { Err(WireError::TooLong) }
}

/// A place in a feed, with room for those after it.
fn sequence(rest: &mut &[u8]) -> Result<u64, WireError> {
    let sequence = varint::read(rest)?;
    if sequence > feed::MAX_SEQUENCE { Err(WireError::Number) } else { Ok(sequence) }
}

/// Takes a message of this length, which cannot be empty.
fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], WireError> {
    if length == 0 || length > limits::MESSAGE as u64 + 1 {
        return Err(WireError::MessageLength);
    }
    let (message, after) = rest.split_at_checked(length as usize).ok_or(WireError::Truncated)?;
    *rest = after;
    Ok(message)
}

/// A tell frame.
pub fn write_tell(tell: &Tell<'_>) -> Vec<u8> {
    let mut out = vec![kind::TELL];
    varint::write(&mut out, tell.number);
    match &tell.answer {
        Answer::NotHere => out.push(NOT_HERE),
        Answer::NotNow => out.push(NOT_NOW),
        Answer::Here { head, first, messages, about } => {
            out.extend([HERE, NEWEST]);
            varint::write(&mut out, *head);
            varint::write(&mut out, *first);
            for message in messages {
                varint::write(&mut out, message.len() as u64);
                out.extend_from_slice(message);
            }
            out.push(0);
            varint::write(&mut out, about.map_or(0, |(sequence, _)| sequence));
            if let Some((_, about)) = about {
                varint::write(&mut out, about.len() as u64);
                out.extend_from_slice(about);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 1..200)
    }

    proptest! {
        #[test]
        fn asks_are_read_back(number: u64, key: [u8; 32], before: u64, most in 1..=limits::LOOK_MESSAGES) {
            let look = Newest { feed: FeedId::classic(key), before, most };
            prop_assert_eq!(read_ask(&write_ask(number, &look)[1..]), Ok(Ask { number, look: Some(look) }));
        }

        #[test]
        fn tells_are_read_back(
            number: u64,
            head in 0..=feed::MAX_SEQUENCE,
            first in 0..=feed::MAX_SEQUENCE,
            coded in prop::collection::vec(bytes(), 0..=32),
            name in prop::option::of((1..=feed::MAX_SEQUENCE, bytes())),
        ) {
            let messages = coded.iter().map(Vec::as_slice).collect();
            let about = name.as_ref().map(|(sequence, about)| (*sequence, about.as_slice()));
            for answer in [Answer::Here { head, first, messages, about }, Answer::NotHere, Answer::NotNow] {
                let tell = Tell { number, answer };
                let frame = write_tell(&tell);
                prop_assert_eq!(read_tell(&frame[1..]), Ok(tell));
            }
        }

        #[test]
        fn no_bytes_make_a_reader_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = (read_ask(&body), read_tell(&body));
        }
    }

    #[test]
    fn what_nobody_writes_is_refused_and_what_comes_later_is_not() {
        let look = Newest { feed: FeedId::classic([7; 32]), before: 0, most: 32 };
        let mut ask = write_ask(1, &look);
        *ask.last_mut().expect("not empty") = 33;
        assert_eq!(read_ask(&ask[1..]), Err(WireError::Number));
        ask.push(0);
        assert_eq!(read_ask(&ask[1..]), Err(WireError::TooLong));
        assert_eq!(read_ask(&[5, 9, 1, 2, 3]), Ok(Ask { number: 5, look: None }), "something else is asked for");
        let many = [7_u8; 1];
        let messages = vec![&many[..]; 33];
        let tell = Tell { number: 1, answer: Answer::Here { head: 40, first: 1, messages, about: None } };
        assert_eq!(read_tell(&write_tell(&tell)[1..]), Err(WireError::TooManyEntries));
        assert_eq!(read_tell(&[1, 3]), Err(WireError::Number));
        let tell =
            |head, first| Tell { number: 1, answer: Answer::Here { head, first, messages: vec![&many], about: None } };
        for beyond in [feed::MAX_SEQUENCE + 1, u64::MAX] {
            assert_eq!(
                read_tell(&write_tell(&tell(beyond, 1))[1..]),
                Err(WireError::Number),
                "no such place in a feed"
            );
            assert_eq!(read_tell(&write_tell(&tell(1, beyond))[1..]), Err(WireError::Number));
        }
    }
}
