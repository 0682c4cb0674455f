//! What a person is told before anything is brought over.

use std::time::{SystemTime, UNIX_EPOCH};

use classic::{Own, Survey};

use super::folder::{Folder, Key};
use crate::show::{count, date};

/// What a folder holds.
pub(crate) struct Findings<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) survey: &'a Survey,
    /// What there is of the person whose folder it is.
    pub(crate) own: Option<&'a Own>,
}

impl Findings<'_> {
    /// All of it, in lines.
    pub(crate) fn text(&self, now: SystemTime) -> String {
        let Self { folder, survey, own } = self;
        let mut lines = vec![format!("Found in {}:", folder.path.display())];
        lines.push(match &folder.key {
            Key::Whole(pair) => format!("  the key of {}", pair.feed_id()),
            Key::Unusable(reason) => format!("  a key that cannot be used: {reason}"),
            Key::Missing => "  no key".to_owned(),
        });
        lines.extend(folder.logs.iter().map(|log| format!("  {}, {}", log.name, size(log.bytes))));
        lines.push(format!("  {} of {}", count(survey.messages, "message"), count(survey.feeds() as u64, "feed")));
        if folder.logs.len() > 1 {
            lines.push("  (a message that is in two logs counts twice)".to_owned());
        }
        if let Some(own) = own {
            lines.push(match &own.newest {
                Some(newest) => format!(
                    "  the newest message of this key is number {}, {}",
                    newest.sequence(),
                    when(newest.timestamp(), now)
                ),
                None => "  no message of this key".to_owned(),
            });
        }
        if !folder.blobs.is_empty() {
            let bytes = folder.blobs.iter().map(|blob| blob.bytes).sum();
            lines.push(format!("  {} files that messages link to, {}", folder.blobs.len(), size(bytes)));
        }
        if survey.deleted > 0 {
            lines.push(format!("  {} messages that were deleted there", survey.deleted));
        }
        if survey.other_formats > 0 {
            lines.push(format!("  {} messages in other formats, which are left out", survey.other_formats));
        }
        if survey.unreadable > 0 {
            lines.push(format!("  {} records that hold no message", survey.unreadable));
        }
        if survey.damaged_places > 0 {
            lines.push(format!(
                "  damage at {} places: {} make no sense and are passed over",
                survey.damaged_places,
                size(survey.damaged_bytes)
            ));
        }
        lines.join("\n")
    }
}

/// The danger of keeping the key, said plainly.
pub(crate) const DANGER: &str = "\
A key must live in one app only. If the old app and Periwinkle both write with it, there are two different messages with one
number: the feed is forked, everybody who sees it stops taking it, and nothing can mend that. So if you keep the key here,
never start the old app with it again: not on this computer, and on no other.";

/// What it means to keep a key where messages of its feed may be missing.
pub(crate) const DOUBT: &str = "\
A log is damaged behind the newest message of this key, so newer ones may have been there. Writing on without them would fork
the feed.";

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A date, and how long ago that is.
fn when(timestamp: f64, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3);
    let days = (now - timestamp) / 86_400_000.0;
    let ago = match days {
        _ if !days.is_finite() || days < 0.0 => "by a clock that is ahead".to_owned(),
        _ if days < 1.0 => "less than a day ago".to_owned(),
        _ if days < 60.0 => format!("{days:.0} days ago"),
        _ if days < 730.0 => format!("{:.0} months ago", days / 30.4),
        _ => format!("{:.0} years ago", days / 365.25),
    };
    format!("of {}, {ago}", date(timestamp))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_age_is_said_in_words() {
        let now = UNIX_EPOCH + Duration::from_secs(1_600_000_000);
        let of = |days: f64| when(1.6e12 - days * 86_400_000.0, now);
        assert_eq!(of(0.5), "of 2020-09-13 00:26 UTC, less than a day ago");
        for (days, words) in [(3.0, "3 days ago"), (100.0, "3 months ago"), (4000.0, "11 years ago")] {
            assert!(of(days).ends_with(words), "{}", of(days));
        }
        for ahead in [of(-1.0), when(f64::NAN, now)] {
            assert!(ahead.ends_with("by a clock that is ahead"), "{ahead}");
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            (size(34), size(196_608), size(3_000_000_000)),
            ("34 bytes".into(), "196.6 kB".into(), "3000.0 MB".into())
        );
    }
}
