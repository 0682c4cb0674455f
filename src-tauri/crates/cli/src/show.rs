//! What a person at a terminal is shown.

use app::status::{History, Links, Peers, Status};
use app::view::{
    Card, Entry, Flow, Look, NetworkFinding, Page, Person, Post, Progress, Reached, Reason, SearchPage, Target, Thread,
};
use serde::Serialize;

/// `peri timeline --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Timeline {
    posts: Vec<Listed>,
    next: Option<String>,
}

/// A post with what stands around it.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    post: Post,
    latest: Vec<Post>,
    reason: Option<Reason>,
    passing: bool,
    #[serde(rename = "callsThemselves")]
    calls_themselves: Option<String>,
}

impl From<Page> for Timeline {
    fn from(page: Page) -> Self {
        let listed = |Card { post, latest, reason, passing, calls_themselves }| Listed {
            post,
            latest,
            reason,
            passing,
            calls_themselves,
        };
        Self { posts: page.cards.into_iter().map(listed).collect(), next: page.next }
    }
}

pub(crate) fn status(status: &Status) -> String {
    let state = match status.state.as_str() {
        "whole" => "all is well",
        "recovering" => "messages of your own are missing; publishing waits until they come back",
        _ => "your feed was forked: the folder was used twice; publishing is over for this key",
    };
    let progress = status.progress.as_ref().map(progress).unwrap_or_default();
    let indexing = status.indexing.map_or_else(String::new, |indexing| {
        format!("an update sorts {} messages anew: {} are done\n", indexing.total, indexing.done)
    });
    format!(
        "{}\n{} of {}, {:.1} MB\n{} linked now\n{progress}{indexing}{state}",
        status.id,
        count(status.messages, "message"),
        count(status.feeds, "feed"),
        status.bytes as f64 / 1e6,
        status.peers,
    )
}

/// `12000 messages came, 48000 more are on their way: about 2 minutes`, and the end of the line.
fn progress(progress: &Progress) -> String {
    let left = match progress.seconds_left {
        None => String::new(),
        Some(seconds @ 0..=89) => format!(": about {} seconds", seconds.next_multiple_of(5)),
        Some(seconds @ 90..=5_399) => format!(": about {} minutes", seconds.div_ceil(60)),
        Some(seconds) => format!(": about {} hours", seconds.div_ceil(3_600)),
    };
    format!("{} messages came, {} more are on their way{left}\n", progress.done, progress.to_come)
}

pub(crate) fn timeline(page: &Page) -> String {
    let mut text = String::new();
    for card in &page.cards {
        if let Some(Reason::Replied(person)) = &card.reason {
            text.push_str(&format!("{} replied\n", plain(&person.name)));
        }
        if card.passing {
            let calls = card.calls_themselves.as_deref().map(|name| format!(" who calls themselves {}", plain(name)));
            text.push_str(&format!("A stranger near{}, not stored here\n", calls.unwrap_or_default()));
        }
        text.push_str(&post(&card.post, ""));
        for reply in &card.latest {
            text.push_str(&post(reply, "    "));
        }
        text.push('\n');
    }
    match &page.next {
        Some(next) => text.push_str(&format!("Older ones: --before {next}")),
        None if page.cards.is_empty() => text.push_str("Nothing here yet."),
        None => text.push_str("That is all."),
    }
    text
}

pub(crate) fn strangers(are_shown: bool) -> &'static str {
    match are_shown {
        true => "What strangers near write is shown among the posts of people near. It is stored nowhere.",
        false => "What strangers near write is not asked for.",
    }
}

pub(crate) fn look(look: &Look) -> String {
    let claim = look.calls_themselves.as_deref().map(|name| format!(", who calls themselves {}", plain(name)));
    let (who, through) = (person(&look.person), plain(&look.through.name));
    let mut text =
        format!("{who}{}, as {through} has them; nothing of this is stored here.\n\n", claim.unwrap_or_default());
    for shown in &look.posts {
        text.push_str(&post(shown, ""));
    }
    match &look.next {
        Some(next) => text.push_str(&format!("Older ones: --before {next}")),
        None => text.push_str("That is all."),
    }
    text
}

pub(crate) fn thread(thread: &Thread) -> String {
    let mut text = String::new();
    for entry in &thread.entries {
        match entry {
            Entry::Post(shown) => text.push_str(&post(shown, "")),
            Entry::Missing(id) => text.push_str(&format!("({id} has not arrived yet)\n")),
        }
    }
    text.trim_end().to_owned()
}

pub(crate) fn search(page: &SearchPage) -> String {
    let mut text = String::new();
    match &page.target {
        Some(Target::Thread(id)) => text.push_str(&format!("A post that is stored here: peri thread {id}\n")),
        Some(Target::Person(id)) => text.push_str(&format!("A person known here: {id}\n")),
        None => {}
    }
    for person in &page.people {
        text.push_str(&format!("{}  {}\n", plain(&person.name), person.id));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    for hit in &page.hits {
        let channel = hit.channel.as_deref().map(|channel| format!("  #{}", plain(channel))).unwrap_or_default();
        text.push_str(&format!("{}  {}{channel}  {}\n", plain(&hit.author.name), date(hit.time), hit.id));
        for line in hit.title.iter().map(|title| plain(title)) {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(warning) = &hit.content_warning {
            text.push_str(&format!("  ({})\n", plain(warning)));
        }
        let snippet: String = hit.snippet.iter().map(|part| plain(&part.text)).collect();
        text.push_str(&format!("  {snippet}\n"));
    }
    if page.target.is_none() && page.people.is_empty() && page.hits.is_empty() {
        text.push_str(page.note.as_deref().unwrap_or("Nothing found."));
        text.push('\n');
    }
    if let Some(next) = &page.next {
        text.push_str(&format!("Older ones: the same search with --page {next}\n"));
    }
    if page.behind > 0 {
        text.push_str(&format!("{} messages are not searchable yet: ask again in a moment.\n", page.behind));
    }
    text.trim_end().to_owned()
}

pub(crate) fn links(links: &Links) -> String {
    let mut text = String::new();
    for link in &links.links {
        let relations = link.relations.iter().map(|relation| plain(relation)).collect::<Vec<_>>().join(", ");
        text.push_str(&format!("{}  {} by {}  {relations}  {}\n", link.from, plain(&link.kind), link.author, link.to));
    }
    match &links.next {
        Some(next) => text.push_str(&format!("Older ones: --before {next}")),
        None if links.links.is_empty() => text.push_str("No links are stored here."),
        None => text.push_str("That is all."),
    }
    text
}

pub(crate) fn log(log: &History) -> String {
    let mut text = String::new();
    for row in &log.rows {
        let (date, kind) = (date(row.timestamp as f64), plain(&row.kind));
        text.push_str(&format!("{date}  {}  {kind}  {}\n", plain(&row.author.name), row.key));
    }
    match &log.next {
        Some(next) => text.push_str(&format!("Older ones: --before {next}")),
        None if log.rows.is_empty() => text.push_str("Nothing of this is stored here."),
        None => text.push_str("That is all."),
    }
    text
}

pub(crate) fn peers(peers: &Peers) -> String {
    let mut text = String::new();
    for peer in &peers.peers {
        let name = match (&peer.calls_themselves, peer.person.named) {
            (Some(name), false) => format!("calls themselves {}", plain(name)),
            _ => plain(&peer.person.name),
        };
        let flow = match peer.flow {
            Flow::Connecting => "connecting".to_owned(),
            Flow::Level => "level".to_owned(),
            Flow::Receiving(messages) => format!("{messages} to come"),
            Flow::Sending(messages) => format!("{messages} to go"),
        };
        let here = if peer.here { "  at their device" } else { "" };
        let slowed = peer.slowed.as_deref().map(|why| format!("  slowed: {}", plain(why))).unwrap_or_default();
        text.push_str(&format!("{}  {name}  {flow}{here}{slowed}\n", peer.id));
    }
    for out in &peers.left_out {
        let left = out.seconds_left.div_ceil(60);
        text.push_str(&format!(
            "{}  out for {}: {}\n",
            out.person.id,
            count(left.into(), "minute"),
            plain(&out.reason)
        ));
    }
    if peers.peers.is_empty() {
        text.push_str("Nobody is linked now.\n");
    }
    for address in &peers.addresses {
        text.push_str(&format!("reachable at {address}\n"));
    }
    text.trim_end().to_owned()
}

/// `peri net-doctor --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) findings: Vec<NetworkFinding>,
}

pub(crate) fn findings(Findings { findings }: &Findings) -> String {
    let line = |finding: &NetworkFinding| {
        let sign = if finding.problem { "!" } else { " " };
        format!("{sign} {}\n  {}", plain(&finding.what), plain(&finding.next))
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `peri connect --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Addresses {
    pub(crate) addresses: Vec<Reached>,
}

pub(crate) fn addresses(Addresses { addresses }: &Addresses) -> String {
    if addresses.is_empty() {
        return "Links are kept to no address.".to_owned();
    }
    let line = |reached: &Reached| {
        let now = if reached.person.near { "linked" } else { "not linked now" };
        format!("{}  {}  {now}", reached.address, person(&reached.person))
    };
    addresses.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A name and an id, or the id alone.
pub(crate) fn person(person: &Person) -> String {
    match person.named {
        true => format!("{} ({})", plain(&person.name), person.id),
        false => person.id.clone(),
    }
}

fn post(post: &Post, indent: &str) -> String {
    let channel = post.channel.as_deref().map(|channel| format!("  #{}", plain(channel))).unwrap_or_default();
    let mut text = format!("{indent}{}  {}{channel}  {}\n", plain(&post.author.name), date(post.time), post.id);
    if let Some(warning) = &post.content_warning {
        text.push_str(&format!("{indent}  ({})\n", plain(warning)));
    }
    for line in post.text.lines() {
        text.push_str(&format!("{indent}  {}\n", plain(line)));
    }
    text
}

/// `1 message`, `2 messages`.
pub(crate) fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// Text from strangers without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Unix milliseconds as `2026-11-21 05:09` UTC.
pub(crate) fn date(time: f64) -> String {
    let minutes = (time / 60_000.0).clamp(0.0, 1e11) as u64;
    let (days, minute) = (minutes / 1440, minutes % 1440);
    // Howard Hinnant, “chrono-Compatible Low-Level Date Algorithms”, civil_from_days, for days from 1970 on.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_calendar() {
        assert_eq!(date(0.0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_827_640_000.0), "2000-02-29 12:34 UTC");
        assert_eq!(date(32_503_680_000_000.0), "3000-01-01 00:00 UTC");
        assert_eq!(date(-1.0), "1970-01-01 00:00 UTC");
    }

    #[test]
    fn a_terminal_is_not_steered_by_strangers() {
        assert_eq!(plain("\u{1b}[2Jhi\u{7}"), "\u{fffd}[2Jhi\u{fffd}");
    }
}
