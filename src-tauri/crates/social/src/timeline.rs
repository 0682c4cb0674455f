//! When a post is shown to have been written, and how a thread is rolled up into a card.

use feed::PersonId;

/// How many of a thread's newest replies a card shows.
pub const ROLLED_UP_REPLIES: usize = 2;

/// When a message is shown to have been written, Unix milliseconds: the earlier of what its author claims and when it
/// first came here.
///
/// So a clock that is ahead never keeps a post on top. Claims before 1970, and claims that are no number, count as what
/// they can: the start of 1970, and the time of receipt.
pub fn shown_time(claimed_ms: f64, received_ms: i64) -> i64 {
    if claimed_ms.is_nan() {
        return received_ms;
    }
    // The cast saturates, so infinities and 1e300 are in order as well.
    (claimed_ms.floor() as i64).max(0).min(received_ms)
}

/// A post of a thread as a card sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Who wrote it.
    pub author: PersonId,
    /// Where its row is.
    pub row: T,
}

/// One card of a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card<T> {
    /// The post at its head.
    pub post: T,
    /// The replies under it, oldest first, at most [`ROLLED_UP_REPLIES`].
    pub latest: Vec<T>,
    /// Who brought it up, where that is not the author of the post at its head.
    pub brought_up_by: Option<PersonId>,
}

/// Rolls a thread up: its first post, if that can be shown, with its newest replies; else the newest reply alone.
///
/// `newest` is the post that gave the thread its place; `earlier` are the replies before it that the timeline shows,
/// newest first. A thread whose first post is the newest has no replies to show.
pub fn card<T>(
    root: Option<Listed<T>>,
    newest: Listed<T>,
    newest_is_root: bool,
    earlier: impl IntoIterator<Item = T>,
) -> Card<T> {
    let alone = |row| Card { post: row, latest: Vec::new(), brought_up_by: None };
    match root {
        _ if newest_is_root => alone(newest.row),
        None => alone(newest.row),
        Some(root) => {
            let mut latest: Vec<T> = earlier.into_iter().take(ROLLED_UP_REPLIES - 1).collect();
            latest.reverse();
            let brought_up_by = (newest.author != root.author).then_some(newest.author);
            latest.push(newest.row);
            Card { post: root.row, latest, brought_up_by }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use feed::FeedId;
    use proptest::prelude::*;

    fn by(n: u8, row: u32) -> Listed<u32> {
        Listed { author: PersonId::from(FeedId::classic([n; 32])), row }
    }

    #[test]
    fn a_post_from_the_future_is_shown_when_it_came() {
        assert_eq!(shown_time(32_503_680_000_000.0, 1_000), 1_000);
        assert_eq!(shown_time(500.9, 1_000), 500);
        assert_eq!(shown_time(f64::INFINITY, 1_000), 1_000);
        assert_eq!(shown_time(f64::NAN, 1_000), 1_000);
        assert_eq!(shown_time(f64::NEG_INFINITY, 1_000), 0);
        assert_eq!(shown_time(-5.0, 1_000), 0);
    }

    #[test]
    fn a_thread_is_its_first_post_with_its_newest_replies_and_who_brought_it_up() {
        let rolled = card(Some(by(1, 10)), by(2, 40), false, [30, 20]);
        assert_eq!((rolled.post, rolled.latest, rolled.brought_up_by), (10, vec![30, 40], Some(by(2, 0).author)));
        let own = card(Some(by(1, 10)), by(1, 40), false, []);
        assert_eq!((own.post, own.latest, own.brought_up_by), (10, vec![40], None));
    }

    #[test]
    fn a_reply_to_what_is_not_here_stands_alone_and_so_does_a_first_post() {
        assert_eq!(card(None, by(2, 40), false, [30]), Card { post: 40, latest: vec![], brought_up_by: None });
        assert_eq!(
            card(Some(by(1, 10)), by(1, 10), true, [30]),
            Card { post: 10, latest: vec![], brought_up_by: None }
        );
    }

    proptest! {
        #[test]
        fn nothing_is_shown_later_than_it_came(claimed in any::<f64>(), received in 0i64..i64::MAX) {
            let shown = shown_time(claimed, received);
            prop_assert!((0..=received).contains(&shown));
        }
    }
}
