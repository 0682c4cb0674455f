//! The command line's surface: what can be typed, and the words of `--help`.

use std::ffi::OsString;
use std::path::PathBuf;

use app::view::Audience;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::blob::BlobCommand;
use crate::elsewhere::Elsewhere;

/// Periwinkle without a window: posts and people on your local network.
#[derive(Debug, Parser)]
#[command(
    name = "peri",
    version,
    about,
    after_help = "While `peri serve` or the window runs on a folder, the other commands speak to it; else they open the folder \
                  themselves.\n\nExit codes: 0 done; 1 refused, with the reason on stderr; 2 wrong usage; 3 `peri doctor` on a folder in use.\n\
                  RUST_LOG=info (or debug) writes a log to stderr."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whose folder.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The folder that holds your key and what you have read
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "profile")]
    pub(crate) dir: Option<PathBuf>,
    /// One of this computer's people: a folder of that name under $XDG_DATA_HOME/periwinkle
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// A choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and a store; print your id
    Init {
        /// The name people see
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Join a closed network: its key, 32 bytes as base64. Cannot be changed later
        #[arg(long, value_name = "KEY")]
        network: Option<String>,
    },
    /// Print your id
    Id,
    /// What is stored, who is near, whether all is well
    Status {
        /// One JSON object: {"id","messages","feeds","peers","bytes","state","progress","indexing"}, state "whole", "recovering" or "forked";
        /// progress {"done","toCome","secondsLeft"} while messages are on their way here, else null;
        /// indexing {"done","total"} while an update sorts stored messages anew, else null
        #[arg(long)]
        json: bool,
    },
    /// Run a node until SIGTERM or Ctrl-C
    #[command(long_about = "Run a node until SIGTERM or Ctrl-C.\n\nThe first line on stdout is \
                            {\"ready\":true,\"id\":\"@…\",\"addresses\":[\"…\"]}.")]
    Serve {
        /// Listen here instead of on every address, for instance /ip4/127.0.0.1/tcp/0; may be given more than once
        #[arg(long, value_name = "MULTIADDR")]
        listen: Vec<String>,
        /// Keep a link to the node at this address, as `peri connect` takes it; may be given more than once
        #[arg(long, value_name = "MULTIADDR")]
        dial: Vec<String>,
        /// Do not look for people on the local network, and do not be seen there
        #[arg(long)]
        no_mdns: bool,
    },
    /// Publish a post; print its id. What is published cannot be unpublished
    Post {
        /// The text, Markdown
        text: String,
        /// Answer this post
        #[arg(long, value_name = "%ID")]
        reply_to: Option<String>,
        /// Post to this channel, without #
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
    },
    /// Follow a person: keep and pass on what they write
    Follow {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
    },
    /// Follow a person no more
    Unfollow {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
    },
    /// Block a person: nothing flows between you, and what is stored of them is hidden; print the id of the message that says so
    #[command(
        long_about = "Block a person: nothing flows between you and them from now on, and what is stored of them is hidden.\n\nPrints the id of \
                            the message by which everybody can read it. With --private there is no such message: only this device knows, but that \
                            nothing flows can be noticed. A private block is not there any more when only your key and your messages are left."
    )]
    Block {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
        /// Say so to nobody
        #[arg(long)]
        private: bool,
    },
    /// Block a person no more
    Unblock {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
    },
    /// Mute a person: nothing of theirs in timelines, threads and news; their own page and searches still show it. Only this device
    /// knows, and they are passed on as before
    Mute {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
    },
    /// Mute a person no more
    Unmute {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
    },
    /// See the newest posts of somebody whose feed is not stored here, as somebody near has them; nothing of it is stored
    Look {
        /// Their id
        #[arg(value_name = "@ID")]
        id: String,
        /// Most posts to show
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=256))]
        limit: u32,
        /// Go on where an earlier page ended: its "next"
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
        /// One JSON object: {"person","through","head","posts":[…],"next":CURSOR|null}
        #[arg(long)]
        json: bool,
    },
    /// Say what you are called
    Name {
        /// The new name
        name: String,
    },
    /// Show posts, newest first
    Timeline {
        /// Whose: all (everything stored here), following, friends (and those they follow), nearby, or channel:NAME
        #[arg(long, value_name = "WHOSE", default_value = "all", value_parser = audience)]
        of: Audience,
        /// Most threads to show
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on where an earlier page ended: its "next"
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
        /// One JSON object: {"posts":[…],"next":CURSOR|null}; a post carries its newest replies as "latest"
        #[arg(long)]
        json: bool,
    },
    /// Show a thread, by any post in it
    Thread {
        /// A post's id
        #[arg(value_name = "%ID")]
        id: String,
        /// One JSON object: {"root":"%…","entries":[{"kind":"post"|"missing","value":…}]}
        #[arg(long)]
        json: bool,
    },
    /// Find posts by their words, newest first; or people by their names, and the thing itself by its id
    #[command(
        long_about = "Find posts by their words, newest first; or people by their names, and the thing itself by its id.\n\n\
                            Words, \"phrases\", word* for its beginning, -word for what is not in it; from:NAME, in:CHANNEL, \
                            before:DAY, after:DAY. Case and accents make no difference. Put a query that holds quotes into single \
                            quotes; one that begins with two hyphens goes after --."
    )]
    Search {
        /// What to look for
        words: Vec<String>,
        /// Only what this person wrote: an id or a name
        #[arg(long, value_name = "@ID")]
        from: Option<String>,
        /// Only in this channel, without #
        #[arg(long = "in", value_name = "CHANNEL")]
        channel: Option<String>,
        /// Only from before this day, like 2026-11-21 (UTC)
        #[arg(long, value_name = "DAY")]
        before: Option<String>,
        /// Only from this day on
        #[arg(long, value_name = "DAY")]
        after: Option<String>,
        /// The best of the newest 5,000 first, in place of the newest
        #[arg(long)]
        best: bool,
        /// Most posts to show
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on where an earlier page ended: its "next"
        #[arg(long, value_name = "CURSOR", conflicts_with = "best")]
        page: Option<String>,
        /// One JSON object: {"target","people":[…],"hits":[{"id","author","time","snippet":[{"text","matched"}],…}],"next","behind","note"};
        /// note says why nothing is found, or what a pasted id is
        #[arg(long)]
        json: bool,
    },
    /// Show what links to a message, a person or a file, the newest first; or what a message links to
    Links {
        /// Any id
        #[arg(value_name = "ID")]
        id: String,
        /// Only under this relation: root, branch, mentions, vote, about, contact, image, …
        #[arg(long, value_name = "RELATION")]
        rel: Option<String>,
        /// What links to it (this is what happens without a direction)
        #[arg(long, conflicts_with = "from")]
        to: bool,
        /// What it links to
        #[arg(long)]
        from: bool,
        /// Most links to show
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on where an earlier page ended: its "next"
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
        /// One JSON object: {"links":[{"from":"%…","to":ID,"relations":["…"],"author":"@…","type"}],"next":CURSOR|null}
        #[arg(long)]
        json: bool,
    },
    /// Show what is stored, message by message, the one received last first
    Log {
        /// Only this person's
        #[arg(long, value_name = "@ID")]
        feed: Option<String>,
        /// Only this type: post, vote, contact, about, …; box for sealed ones
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Most messages to show
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// Go on where an earlier page ended: its "next"
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
        /// One JSON object: {"messages":[{"key","value","timestamp"}],"next":CURSOR|null}
        #[arg(long)]
        json: bool,
    },
    /// Show who is linked now, and what flows
    Peers {
        /// One JSON object: {"peers":[{"id","person","here","flow","bytesReceived","bytesSent","slowed",…}],
        /// "leftOut":[{"person","callsThemselves","reason","secondsLeft"}],"addresses":["…"]}
        #[arg(long)]
        json: bool,
    },
    /// Show in `timeline --of nearby` what strangers near write as well, or not; without an argument, say which
    #[command(
        long_about = "Show in `timeline --of nearby` what strangers near write as well, or not.\n\nWhile `peri serve` or the window runs, their devices are \
                            asked for it, which they can tell. Nothing of it is stored. Without an argument it says what was chosen."
    )]
    Strangers {
        /// on or off
        #[arg(value_enum)]
        show: Option<OnOff>,
    },
    /// Find out why somebody near is not seen: look at each network adapter, and ask the neighbours
    #[command(
        long_about = "Find out why somebody near is not seen.\n\nLooks at each network adapter: does what is said to everybody leave and \
                            arrive, and who else is heard? While `peri serve` or the window runs, it also asks the neighbours whether they can \
                            connect to this computer, and what their clocks say. Takes a few seconds; ends with 1 when something is wrong."
    )]
    NetDoctor {
        /// One JSON object: {"findings":[{"trouble","adapter","problem","what","next"}]}; trouble is noNetwork, noIpv4, multicastNotSent,
        /// multicastBlocked, isolated, virtualOnly, nobodyOfOurs, works, notReachable, reachable or clockOff
        #[arg(long)]
        json: bool,
    },
    /// Link with somebody who is not found by itself, and keep the link; without an address, list those that are kept
    Connect {
        /// Where they are: 192.168.1.20:4100, or a multiaddr as their `peri peers` shows it
        #[arg(value_name = "MULTIADDR")]
        address: Option<String>,
        /// Keep no link to it any more
        #[arg(long, requires = "address")]
        forget: bool,
        /// Without an address: one JSON object: {"addresses":[{"address","person"}]}
        #[arg(long, conflicts_with = "address")]
        json: bool,
    },
    /// Bring in messages from a file or a classic app's folder, every one verified; their feeds are kept from then on
    #[command(
        long_about = "Bring in messages from a file, every one verified; their feeds count as asked for, so they are \
                            kept and passed on.\n\nLines of {key, value, timestamp} or bare messages, in any order within \
                            reason. The last line on stdout is {\"read\",\"stored\",\"known\",\"rejected\",\"waiting\",\"seconds\"}; \
                            what was rejected is named on stderr. Ends with 1 when there was nothing to read or something was \
                            rejected, unless that is only because its author is blocked here.\n\nWith --ssb DIR: from the folder of a classic Scuttlebutt \
                            app (ssb-db2's db2/log.bipf, ssb-db's flume/log.offset, JSON lines), which is only read. What it \
                            holds is shown on stderr first, and a terminal is asked whether the key comes along. The last \
                            line has \"id\", \"deleted\", \"other_formats\", \"damaged_bytes\", \"files\" and \"state\" as well. Ends with 1 also \
                            when files were left."
    )]
    Import {
        /// The file; - for stdin
        #[arg(value_name = "FILE|-", required_unless_present = "ssb")]
        file: Option<String>,
        /// The folder of a classic app, the one with `secret` in it
        #[arg(long, value_name = "DIR", conflicts_with = "file")]
        ssb: Option<PathBuf>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Write messages to a file, one {"key","value","timestamp"} a line, each value byte for byte as it was signed
    Export {
        /// Only this person's
        #[arg(long, value_name = "@ID")]
        feed: Option<String>,
        /// The file, which must not be there yet; - for stdout
        #[arg(value_name = "FILE|-")]
        file: String,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Files that messages link to: add, get, check, make room
    #[command(subcommand)]
    Blob(BlobCommand),
    /// Look whether the folder is whole, and mend it
    #[command(
        long_about = "Look whether the folder is whole, and mend it.\n\nFor a folder on which nothing runs. Looks at the \
                            database, every message, every index, the journal of your own messages, files and permissions. \
                            Ends with 0 when all is whole, with 1 when something was found, and with 3 when the folder is in use.\n\nWhat --repair does: it keeps \
                            what was there, makes indexes again from the messages, and where the database itself is damaged, \
                            makes it again from every message that can still be read there, in its copies and in the journal. \
                            It says which messages are lost; friends send them again."
    )]
    Doctor {
        /// Mend what can be mended
        #[arg(long, conflicts_with = "quick")]
        repair: bool,
        /// Leave out what takes long: indexes against messages, and files
        #[arg(long)]
        quick: bool,
        /// One JSON object: {"findings":[{"about","what","means","next","remedy"}],"notes":["…"],"messages","feeds"}; {"inUse":true,"status"} while something runs on the folder; with --repair
        /// {"before":…,"done":["…"],"lost":[{"feed","from","through"}],"kept","setAside","after":…}
        #[arg(long)]
        json: bool,
    },
    /// Play how posts spread among many peers, in virtual time, and say what that costs
    #[command(
        long_about = "Play how posts spread among many peers, in virtual time, and say what that costs.\n\nWhole peers with real signatures and \
                      real bytes on links that delay, break and come back, as a scenario says; beside each figure stands that of flooding. \
                      docs/lab.md explains scenarios and figures. Nothing is opened, stored or sent."
    )]
    Lab {
        /// The scenario, a TOML file; src-tauri/crates/sim/scenarios has some
        #[arg(value_name = "SCENARIO.toml")]
        scenario: PathBuf,
        /// Play it so many times, each with other chances, and give the median and the worst of each figure too
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        seeds: u16,
        /// The seed of the first; the others follow it
        #[arg(long, value_name = "SEED", default_value_t = 1)]
        seed: u64,
        /// Draw the first one to this file as SVG: how long deliveries take, and what each message costs
        #[arg(long, value_name = "FILE.svg")]
        plot: Option<PathBuf>,
        /// One JSON object a run, on a line of its own, in the order of the seeds: {"seed","nodes","links","resets","departures","quietAfter",
        /// "phases":[{"first","last","payload","flooding","notes","levels","lastHop","missed","p50","p99","max","floodingP50","floodingP99","bytes"}]},
        /// times in milliseconds, the last phase being all messages; a figure is null where nothing was
        /// delivered
        #[arg(long)]
        json: bool,
    },
    /// Check messages without storing them
    #[command(long_about = "Check messages without storing them.\n\nReads lines of \
                            {\"hmacKey\":KEY|null,\"state\":null|{\"id\",\"sequence\"},\"message\":…} on stdin and writes, for each, \
                            {\"valid\":bool,\"id\":\"%…\"|null,\"error\":\"…\"|null}.")]
    Verify,
}

/// The words of a search that begin with one hyphen leave something out: they go behind `--`, where none is an option. The
/// order of words does not matter to a search.
pub(crate) fn with_words_left_out(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.into_iter().collect();
    let mut at = 1;
    while let Some(option) = all.get(at).filter(|word| word.as_encoded_bytes().starts_with(b"-")) {
        at += if option == "--dir" || option == "--profile" { 2 } else { 1 };
    }
    if all.get(at).is_none_or(|command| command != "search") {
        return all;
    }
    let mut after = all.split_off(at + 1);
    let end = after.iter().position(|word| word == "--").unwrap_or(after.len());
    let behind = after.split_off(end);
    let is_left_out = |word: &OsString| match word.as_encoded_bytes() {
        [b'-', second, ..] => *second != b'-' && word != "-h",
        _ => false,
    };
    let (left_out, others): (Vec<_>, Vec<_>) = after.into_iter().partition(is_left_out);
    all.extend(others);
    all.push("--".into());
    all.extend(left_out);
    all.extend(behind.into_iter().skip(1));
    all
}

/// Reads the value of `--of`.
fn audience(text: &str) -> Result<Audience, String> {
    match text {
        "all" => Ok(Audience::All),
        "following" => Ok(Audience::Following),
        "friends" => Ok(Audience::Friends),
        "nearby" => Ok(Audience::Nearby),
        _ => match text.strip_prefix("channel:").map(|name| name.trim_start_matches('#')) {
            Some(name) if !name.is_empty() => Ok(Audience::Channel(name.to_owned())),
            _ => Err("expected all, following, friends, nearby or channel:NAME".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_surface_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_folder_may_be_named_before_or_after_the_command() {
        for line in ["peri --dir /x id", "peri id --dir /x"] {
            assert_eq!(parse(line).expect("parses").place.dir, Some(PathBuf::from("/x")), "{line}");
        }
        let both = parse("peri --dir /x --profile ada id").expect_err("one place only");
        assert_eq!(both.kind(), ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_word_of_a_search_that_begins_with_a_hyphen_is_no_option() {
        for line in ["peri search tide -ferry", "peri --dir /x search tide -harbour --best", "peri search -- tide -x"] {
            let arguments = with_words_left_out(line.split(' ').map(OsString::from));
            let parsed = Arguments::try_parse_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
            let Command::Search { words, best, .. } = parsed.command else { panic!("{line}") };
            assert!(words[0] == "tide" && words[1].starts_with('-') && words.len() == 2, "{line}: {words:?}");
            assert_eq!(best, line.contains("best"));
        }
        for line in ["peri post search -x", "peri id -x"] {
            assert_eq!(with_words_left_out(line.split(' ').map(OsString::from)).join(" ".as_ref()), line);
        }
    }

    #[test]
    fn choices_for_a_classic_folder_are_wrong_without_one() {
        for choice in ["--keep-key", "--history-only", "--history-only --follow", "--keep-key --yes"] {
            let line = format!("peri import notes.ndjson {choice}");
            assert_eq!(parse(&line).expect_err(&line).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn wrong_usage_ends_with_two() {
        for line in
            ["peri", "peri fly", "peri post", "peri timeline --of everyone", "peri timeline --limit 0", "peri import"]
        {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_timeline_can_be_of_a_channel() {
        assert_eq!(audience("channel:tea"), Ok(Audience::Channel("tea".into())));
        assert_eq!(audience("channel:#tea"), Ok(Audience::Channel("tea".into())));
        assert!(audience("channel:").is_err());
    }
}
