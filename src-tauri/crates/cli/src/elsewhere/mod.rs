//! `peri import --ssb`: from the folder of a classic app to one of Periwinkle.
//!
//! The folder is looked through once before anything is brought over, so that the person knows what there is, and so that
//! a key is never used before it is known how far its feed goes.

mod choice;
mod folder;
mod running;
mod source;
mod words;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use app::blobs::BroughtBlob;
use app::rpc::Request;
use app::status::Status;
use app::view::{Failure, FailureCode};
use app::{App, place};
use clap::Args;
use classic::{Own, Survey};
use feed::BlobId;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::connection::{Connection, alone};
use crate::import::{self, Report};
use crate::{Ended, print_json};
use choice::Choice;
use folder::{Folder, Key};
use source::{LogSource, Step};
use words::Findings;

/// How a folder of a classic app is brought over.
#[derive(Args, Debug)]
pub(crate) struct Elsewhere {
    /// Keep the key: be the same person here. The old app must never run with it again
    #[arg(long, requires = "ssb", conflicts_with_all = ["history_only", "file"])]
    keep_key: bool,
    /// Bring what was written only, as somebody new
    #[arg(long, requires = "ssb", conflicts_with = "file")]
    history_only: bool,
    /// With --history-only: follow the old feed from here, in public
    #[arg(long, requires = "history_only", conflicts_with = "keep_key")]
    follow: bool,
    /// With --history-only, where nobody lives in the folder yet: the name people see
    #[arg(long, value_name = "NAME", requires = "history_only", conflicts_with = "keep_key")]
    name: Option<String>,
    /// With --keep-key: do not ask whether that is meant
    #[arg(long, requires = "keep_key", conflicts_with = "history_only")]
    yes: bool,
    /// With --keep-key: also where the old app seems to run, or messages of the key may be missing
    #[arg(long, requires = "keep_key", conflicts_with = "history_only")]
    force: bool,
}

/// The last line on stdout.
#[derive(Debug, Serialize)]
struct Summary {
    id: String,
    #[serde(flatten)]
    import: Report,
    deleted: u64,
    other_formats: u64,
    damaged_bytes: u64,
    files: Files,
    state: String,
}

/// What became of the files that messages link to.
#[derive(Debug, Default, Serialize)]
struct Files {
    stored: u64,
    known: u64,
    left: u64,
}

/// Brings over what is in the folder `from` to the folder `to`.
pub(crate) async fn run(to: &Path, from: &Path, wishes: &Elsewhere) -> Result<(), Ended> {
    if is_inside(to, from) {
        return Err(Failure::new(
            FailureCode::BadInput,
            format!("{} is inside of the old app's folder, into which nothing is written.", to.display()),
            "Choose another folder for Periwinkle with --dir or --profile.",
        )
        .into());
    }
    let looked = from.to_owned();
    let (folder, survey, own) =
        tokio::task::spawn_blocking(move || look_through(&looked)).await.map_err(Failure::internal)??;
    let findings = Findings { folder: &folder, survey: &survey, own: own.as_ref() };
    eprintln!("{}\n", findings.text(SystemTime::now()));

    let choice = match (wishes.keep_key, wishes.history_only) {
        (true, _) => Choice::Key,
        (_, true) => Choice::History { follow: wishes.follow },
        (false, false) => ask(to, &folder)?,
    };
    let mut node = match choice {
        Choice::Key => keep_key(to, &folder, &survey, own.as_ref(), wishes).await?,
        Choice::History { .. } => match place::has_key(to) {
            true => Connection::open(to).await?,
            false => Connection::Here(App::begin(to, alone(), wishes.name.as_deref(), None).await?),
        },
    };
    let brought = bring(&mut node, &folder, &survey, choice).await;
    node.close().await;
    let brought = brought?;
    print_json(&brought)?;
    match brought.import.has_failed || brought.files.left > 0 {
        true => Err(Ended::Found),
        false => Ok(()),
    }
}

/// What there is in a folder.
fn look_through(path: &Path) -> Result<(Folder, Survey, Option<Own>), Failure> {
    let folder = Folder::look(path)?;
    let mut survey = Survey::new(folder.key.pair().map(|pair| pair.feed_id()));
    let bar = bar(&folder, "Looking through it")?;
    let mut source = LogSource::new(folder.logs.clone());
    while let Some(step) = source.step().map_err(|error| Failure::disk(path, &error))? {
        match step {
            Step::Found(found, _) => survey.add(found),
            Step::End => survey.end_of_log(),
        }
        bar.set_position(crate::source::Source::position(&source));
    }
    bar.finish_and_clear();
    let own = survey.own(None);
    Ok((folder, survey, own))
}

/// A bar as long as the logs.
fn bar(folder: &Folder, doing: &'static str) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template(import::BAR).map_err(Failure::internal)?;
    Ok(ProgressBar::new(folder.bytes()).with_style(style).with_message(doing))
}

/// Asks at the terminal what is to be brought over.
fn ask(to: &Path, folder: &Folder) -> Result<Choice, Ended> {
    if !io::stdin().is_terminal() {
        return Err(Ended::Usage(
            "Say what is to be brought over: --history-only for what was written, or --keep-key to stay the same person."
                .to_owned(),
        ));
    }
    let old = folder.key.pair().map(|pair| pair.feed_id().to_string());
    let can_keep = old.is_some() && !place::has_key(to);
    if can_keep {
        eprintln!("{}\n", words::DANGER);
    }
    let asked = choice::ask(&mut io::stdin().lock(), &mut io::stderr(), can_keep, old.as_deref());
    asked.map_err(|error| crate::broken(&error))?.ok_or_else(|| nothing_done().into())
}

fn nothing_done() -> Failure {
    Failure::new(FailureCode::BadInput, "Nothing was brought over.", "Begin again whenever you like.")
}

/// Opens the folder for the person of the classic app: makes it theirs, if it is nobody's yet.
async fn keep_key(
    to: &Path,
    folder: &Folder,
    survey: &Survey,
    own: Option<&Own>,
    wishes: &Elsewhere,
) -> Result<Connection, Ended> {
    let refuse = |message: String, next: &str| Err(Failure::new(FailureCode::BadInput, message, next).into());
    let keys = match &folder.key {
        Key::Whole(pair) => pair.clone(),
        Key::Unusable(reason) => {
            return refuse(
                format!("The key in {} cannot be used: {reason}.", folder.path.display()),
                "Put back a copy of the file `secret`, or bring the history only with --history-only.",
            );
        }
        Key::Missing => {
            return refuse(
                format!("There is no key in {}.", folder.path.display()),
                "Put the file `secret` there, or bring the history only with --history-only.",
            );
        }
    };
    if place::has_key(to) {
        let (node, status) = open_own(to).await?;
        if status.id == keys.feed_id().to_string() {
            // A second run, or one that was interrupted: nothing is to be decided any more.
            return Ok(node);
        }
        node.close().await;
        return refuse(
            format!("Somebody else lives in {} already.", to.display()),
            "Keep the key in a folder of its own (--dir or --profile), or bring the history only with --history-only.",
        );
    }
    let newest = own.and_then(|own| own.newest.as_ref()).map_or(0, |newest| newest.sequence());
    let may_be_missing = survey.own_may_be_missing || own.and_then(|own| own.claimed).is_some_and(|at| at > newest);
    if !wishes.force {
        if let Some(sign) = running::sign(&folder.path, &folder.logs, SystemTime::now()) {
            return refuse(
                format!("The old app seems to run on {}: {sign}.", folder.path.display()),
                "Close it for good and try again in a minute; --force if it surely does not run.",
            );
        }
        if may_be_missing {
            return refuse(
                words::DOUBT.replace('\n', " "),
                "Start the old app once more so that friends give it back what is missing, close it, and try again; or \
                 use --history-only. With --force the key is kept, and publishing waits until a friend was near who \
                 holds this feed.",
            );
        }
    }
    if !wishes.yes {
        if !io::stdin().is_terminal() {
            return Err(Ended::Usage(format!("{}\n\nAdd --yes if that is what you want.", words::DANGER)));
        }
        if wishes.keep_key {
            eprintln!("{}\n", words::DANGER);
        }
        let confirmed = choice::confirm(&mut io::stdin().lock(), &mut io::stderr());
        if !confirmed.map_err(|error| crate::broken(&error))? {
            return Err(nothing_done().into());
        }
    }
    // Looking through it and asking took their time.
    if let Some(log) = running::changed(&folder.logs) {
        return refuse(
            format!(
                "{} was written while it was looked through: the old app runs on {}.",
                log.name,
                folder.path.display()
            ),
            "Close it for good and try again in a minute. Nothing was brought over.",
        );
    }
    Ok(Connection::Here(App::adopt(to, alone(), keys, newest, may_be_missing).await?))
}

async fn open_own(to: &Path) -> Result<(Connection, Status), Failure> {
    let mut node = Connection::open(to).await?;
    match node.ask(Request::Status {}).await {
        Ok(status) => Ok((node, status)),
        Err(failure) => {
            node.close().await;
            Err(failure)
        }
    }
}

/// Brings over the files that messages link to, each checked against its name.
async fn bring_files(node: &mut Connection, folder: &Folder) -> Result<Files, Failure> {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta} left").map_err(Failure::internal)?;
    let bar = ProgressBar::new(folder.blobs.len() as u64).with_style(style).with_message("Files");
    let mut files = Files::default();
    for blob in &folder.blobs {
        let disk = |error| Failure::disk(&blob.path, &error);
        let path = std::path::absolute(&blob.path).map_err(disk)?;
        let id = BlobId::classic(blob.hash).to_string();
        // A path that is not UTF-8 cannot stand in JSON.
        let brought = match node {
            Connection::Here(app) => app.bring_blob(&path, &id).await,
            Connection::There(_) => node.ask(Request::BlobBring { path, id: id.clone() }).await,
        };
        match brought {
            Ok(BroughtBlob::New) => files.stored += 1,
            Ok(BroughtBlob::Known) => files.known += 1,
            Ok(BroughtBlob::Damaged) => {
                files.left += 1;
                bar.suspend(|| eprintln!("{id}: the file is damaged, or not whole, and was left"));
            }
            // One file that is too large or cannot be read costs that file.
            Err(failure) => {
                files.left += 1;
                bar.suspend(|| eprintln!("{id}: {failure}"));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(files)
}

/// Brings over messages, follows and files.
async fn bring(node: &mut Connection, folder: &Folder, survey: &Survey, choice: Choice) -> Result<Summary, Ended> {
    let bar = bar(folder, "Bringing it over")?;
    let source = Box::new(LogSource::new(folder.logs.clone()));
    let import = import::pour(node, source, &bar, &folder.path).await?;
    bar.finish_and_clear();
    if let (Choice::History { follow: true }, Some(old)) = (choice, folder.key.pair()) {
        let followed: String = node.ask(Request::Follow { id: old.feed_id().to_string() }).await?;
        tracing::info!(followed, "the old feed is followed");
    }
    let files = bring_files(node, folder).await?;
    let status: Status = node.ask(Request::Status {}).await?;
    match status.state.as_str() {
        "whole" => {}
        "recovering" => eprintln!(
            "Messages of your own are missing between those that were found, or behind them. Publishing waits until \
             somebody who has them is near."
        ),
        _ => eprintln!("Your feed is forked: two apps wrote with this key. It never grows again."),
    }
    Ok(Summary {
        id: status.id,
        import,
        deleted: survey.deleted,
        other_formats: survey.other_formats,
        damaged_bytes: survey.damaged_bytes,
        files,
        state: status.state,
    })
}

/// Whether a path is inside of another, or the same: nothing may be written into the old folder.
fn is_inside(inner: &Path, outer: &Path) -> bool {
    let whole = |path: &Path| -> PathBuf { std::path::absolute(path).unwrap_or_else(|_| path.to_owned()) };
    // One that is not there yet is inside of what its nearest folder is inside of; an old folder that is not there holds nothing.
    let real = whole(inner).ancestors().find_map(|above| above.canonicalize().ok());
    real.is_some_and(|inner| outer.canonicalize().is_ok_and(|outer| inner.starts_with(outer)))
}
