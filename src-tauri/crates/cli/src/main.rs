//! `peri`: Periwinkle without a window, and every command a script needs.
//!
//! IO only: arguments, standard streams, exit codes. What the commands do is in `app`, what is valid in `feed`.

mod arguments;
mod blob;
mod connection;
mod doctor;
mod elsewhere;
mod export;
mod history;
mod import;
mod lab;
mod lines;
mod memory;
mod opening;
mod refusals;
mod search;
mod serve;
mod show;
mod source;
mod verify;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use app::rpc::Request;
use app::view::{Audience, Draft, Failure, FailureCode, Page, SearchOrder, SearchQuery, Settings, Thread};
use app::{App, place, status};
use clap::Parser;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Command, OnOff, Place};
use connection::{Connection, alone};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse_from(arguments::with_words_left_out(std::env::args_os()));
    if matches!(arguments.command, Command::Import { .. }) {
        memory::keep_together();
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        // `peri timeline | head`: whoever reads has enough.
        Err(Ended::Unread) => ExitCode::SUCCESS,
        Err(Ended::Refused(failure)) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
        Err(Ended::Found) => ExitCode::FAILURE,
        Err(Ended::InUse(failure)) => {
            eprintln!("{failure}");
            ExitCode::from(IN_USE)
        }
        Err(Ended::Usage(words)) => {
            eprintln!("{words}");
            ExitCode::from(WRONG_USAGE)
        }
    }
}

/// The exit code of wrong usage, also where the arguments alone do not show it.
const WRONG_USAGE: u8 = 2;

/// The exit code of the doctor where something runs on the folder, so that it was not looked at.
const IN_USE: u8 = 3;

/// Why a command ended early.
enum Ended {
    /// It was refused, and why.
    Refused(Failure),
    /// Something has to be said that was not, and nobody is there to ask.
    Usage(String),
    /// Nobody reads its output any more.
    Unread,
    /// It found something wrong, and has said so.
    Found,
    /// The doctor did not look, because something runs on the folder.
    InUse(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

async fn run(arguments: Arguments) -> Result<(), Ended> {
    let place = arguments.place;
    match arguments.command {
        Command::Verify => verify::run(io::stdin().lock(), io::stdout().lock()).map_err(|error| broken(&error)),
        Command::Lab { scenario, seeds, seed, plot, json } => lab::run(&scenario, seed, seeds, plot.as_deref(), json),
        Command::Init { name, network } => {
            let app = App::begin(&folder(place)?, alone(), name.as_deref(), network.as_deref()).await?;
            let id = app.id();
            app.shutdown().await;
            print(id)
        }
        Command::Import { ssb: Some(from), elsewhere, .. } => elsewhere::run(&folder(place)?, &from, &elsewhere).await,
        Command::Serve { listen, dial, no_mdns } => {
            serve::run(&folder(place)?, app::Network { listen, dial, mdns: !no_mdns }).await
        }
        Command::Doctor { quick, repair, json } => doctor::run(&folder(place)?, quick, repair, json).await,
        Command::Blob(command) => {
            let folder = folder(place)?;
            let mut connection = Connection::open(&folder).await?;
            let result = blob::run(command, &folder, &mut connection).await;
            connection.close().await;
            result
        }
        command => {
            let mut connection = Connection::open(&folder(place)?).await?;
            let result = ask(command, &mut connection).await;
            connection.close().await;
            result
        }
    }
}

/// The commands that ask a node.
async fn ask(command: Command, node: &mut Connection) -> Result<(), Ended> {
    match command {
        Command::Id => print(node.ask::<status::Status>(Request::Status {}).await?.id),
        Command::Status { json } => show_or_json(json, &node.ask(Request::Status {}).await?, show::status),
        Command::Post { text, reply_to, channel } => {
            print_id(node, Request::Publish(Draft { text, reply_to, channel })).await
        }
        Command::Follow { id } => print_id(node, Request::Follow { id }).await,
        Command::Unfollow { id } => print_id(node, Request::Unfollow { id }).await,
        Command::Block { id, private } => {
            let said = node.ask::<Option<String>>(Request::Block { id, private }).await?;
            print(said.as_deref().unwrap_or("Blocked on this device; nobody is told."))
        }
        Command::Unblock { id } => {
            let said = node.ask::<Option<String>>(Request::Unblock { id }).await?;
            print(said.as_deref().unwrap_or("Unblocked; nobody was told of the block."))
        }
        Command::Look { id, limit, before, json } => {
            let look = node.ask(Request::LookAt { id, before, limit }).await?;
            show_or_json(json, &look, show::look)
        }
        Command::Mute { id } => mute(node, id, true).await,
        Command::Unmute { id } => mute(node, id, false).await,
        Command::Name { name } => print_id(node, Request::Rename { name: Some(name), description: None }).await,
        Command::Timeline { of, limit, before, json } => {
            let page = timeline(node, of, before, limit as usize).await?;
            match json {
                true => print_json(&show::Timeline::from(page)),
                false => print(show::timeline(&page)),
            }
        }
        Command::Thread { id, json } => {
            let thread: Thread = node.ask(Request::Thread { id }).await?;
            show_or_json(json, &thread, show::thread)
        }
        Command::Search { words, from, channel, before, after, best, limit, page, json } => {
            let order = if best { SearchOrder::Best } else { SearchOrder::Newest };
            let text = words.join(" ");
            let query = SearchQuery { text, typing: false, from, channel, before, after, order, cursor: page, limit };
            show_or_json(json, &search::all(node, query).await?, show::search)
        }
        Command::Links { id, rel, to: _, from, limit, before, json } => {
            let links = match from {
                true => node.ask(Request::LinksFrom { id, relation: rel }).await?,
                false => history::links(node, id, rel, before, limit as usize).await?,
            };
            show_or_json(json, &links, show::links)
        }
        Command::Log { feed, kind, limit, before, json } => {
            let log = history::log(node, feed, kind, before, limit as usize).await?;
            match json {
                true => print_json(&history::Messages::try_from(log)?),
                false => print(show::log(&log)),
            }
        }
        Command::Connect { address: Some(address), forget: true, .. } => {
            node.ask::<()>(Request::ForgetAddress { address }).await?;
            print("Forgotten. A link that stands stays until it ends.")
        }
        Command::Connect { address: Some(address), .. } => {
            let person = node.ask(Request::Connect { address }).await?;
            print(format!("Linked with {}, and again whenever they are there.", show::person(&person)))
        }
        Command::Connect { address: None, json, .. } => {
            let addresses = show::Addresses { addresses: node.ask(Request::Addresses {}).await? };
            show_or_json(json, &addresses, show::addresses)
        }
        Command::NetDoctor { json } => {
            let findings = show::Findings { findings: node.ask(Request::CheckNetwork {}).await? };
            show_or_json(json, &findings, show::findings)?;
            if findings.findings.iter().any(|finding| finding.problem) { Err(Ended::Found) } else { Ok(()) }
        }
        Command::Strangers { show: Some(show) } => {
            let mut settings: Settings = node.ask(Request::Settings {}).await?;
            settings.shows_strangers = show == OnOff::On;
            node.ask::<()>(Request::Choose(settings)).await?;
            print(show::strangers(settings.shows_strangers))
        }
        Command::Strangers { show: None } => {
            let settings: Settings = node.ask(Request::Settings {}).await?;
            print(show::strangers(settings.shows_strangers))
        }
        Command::Peers { json } => show_or_json(json, &node.ask(Request::Peers {}).await?, show::peers),
        Command::Import { file: Some(file), .. } => import::run(node, &file).await,
        Command::Export { feed, file, force } => export::run(node, feed, &file, force).await,
        Command::Doctor { .. }
        | Command::Init { .. }
        | Command::Import { .. }
        | Command::Serve { .. }
        | Command::Blob(_)
        | Command::Lab { .. }
        | Command::Verify => Err(Failure::internal("a command went astray").into()),
    }
}

/// The folder that was meant.
fn folder(place: Place) -> Result<PathBuf, Failure> {
    match place.dir {
        Some(folder) => Ok(folder),
        None => place::profile_folder(place.profile.as_deref().unwrap_or(place::DEFAULT_PROFILE)),
    }
}

/// As many cards as were asked for, page by page: one page is bounded, and may be short without being the last.
async fn timeline(
    node: &mut Connection,
    audience: Audience,
    before: Option<String>,
    limit: usize,
) -> Result<Page, Failure> {
    let mut all = Page { cards: Vec::new(), next: before };
    loop {
        let missing = u32::try_from(limit - all.cards.len()).map_err(Failure::internal)?;
        let request = Request::Timeline { audience: audience.clone(), before: all.next.take(), limit: missing };
        let page: Page = node.ask(request).await?;
        all.cards.extend(page.cards);
        all.next = page.next;
        if all.next.is_none() || all.cards.len() >= limit {
            return Ok(all);
        }
    }
}

async fn print_id(node: &mut Connection, request: Request) -> Result<(), Ended> {
    print(node.ask::<String>(request).await?)
}

async fn mute(node: &mut Connection, id: String, on: bool) -> Result<(), Ended> {
    node.ask::<()>(Request::Mute { id, on }).await?;
    print(if on { "Muted on this device; nobody is told." } else { "Muted no more." })
}

fn show_or_json<T: Serialize>(json: bool, value: &T, show: impl FnOnce(&T) -> String) -> Result<(), Ended> {
    match json {
        true => print_json(value),
        false => print(show(value)),
    }
}

fn print_json(value: &impl Serialize) -> Result<(), Ended> {
    print(serde_json::to_string(value).map_err(Failure::internal)?)
}

/// Writes one line to stdout, flushed, so that whoever reads a pipe has it.
fn print(line: impl std::fmt::Display) -> Result<(), Ended> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(|error| broken(&error))
}

/// A standard stream that cannot be used.
fn broken(error: &io::Error) -> Ended {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ended::Unread,
        _ => Ended::Refused(Failure::new(
            FailureCode::Disk,
            format!("Reading or writing failed: {error}."),
            "Look at what the command is connected to.",
        )),
    }
}
