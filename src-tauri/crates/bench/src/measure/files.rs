//! A file that is asked for by hand, over loopback, beside a bare stream of the same transport; from one source and from three.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use app::{
    blobs::{AddedBlob, BlobFetch, FetchState},
    rpc::Request,
    status::Links,
};
use feed::{KeyPair, json::Value};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use store::Store;
use tokio::time::sleep;

use super::{
    Setup, Stores,
    peers::{Peer, serve},
};
use crate::{
    Error, bare,
    process::{Companion, PATIENCE, run},
    proxy::Proxy,
    report::{Figure, Goal, Section, Unit},
    times::Samples,
};

/// Of what a bare stream carries in the same time, at least.
const OF_BARE: f64 = 0.7;
/// Three sources against one, when each is limited, at least.
const OF_ONE: f64 = 1.5;
/// Memory with the largest file against the file a fifth of its size, at most.
const FLAT: f64 = 1.1;

/// The file that is timed, in bytes; and in the short form.
const TIMED: [u64; 2] = [1_000_000_000, 50_000_000];
/// The file by which memory is judged; the short form has none.
const LARGE: u64 = 5_000_000_000;
/// The file that comes over limited wires, and how many bytes a second each of these carries.
const LIMITED: [u64; 2] = [48_000_000, 12_000_000];
const WIRE: u64 = 8_000_000;
/// How often it is asked whether the file is here.
const LOOK: Duration = Duration::from_millis(5);

pub(super) async fn measure(stores: &mut Stores, section: &mut Section) -> Result<(), Error> {
    let setup = stores.setup.clone();
    let folder = setup.folder.join("run").join("files");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Error::disk(&folder))?;
    }
    fs::create_dir_all(&folder).map_err(Error::disk(&folder))?;
    let form = usize::from(setup.short);
    let measured = async {
        let peak = timed(&setup, &folder, TIMED[form], section).await?;
        if !setup.short {
            large(&setup, &folder, peak, section).await?;
        }
        several(&setup, &folder, LIMITED[form], section).await
    };
    let measured = measured.await;
    // Gigabytes.
    fs::remove_dir_all(&folder).map_err(Error::disk(&folder))?;
    section.note(
        "Two processes on loopback, linked, the message that links to the file known to both: from asking for it by hand to where it is hashed, \
         named and on the disk. The bare stream is libp2p's, TCP with Noise and Yamux as ours, between two new processes; the one that takes hashes with SHA-256 \
         as it comes, writes and syncs. In turn, medians. Limited sources are behind wires that each carry 8 MB a second.",
    );
    measured
}

/// Writes a file of noise.
fn noise(path: &Path, bytes: u64) -> Result<(), Error> {
    let mut random = ChaCha8Rng::seed_from_u64(bytes);
    let mut file = BufWriter::new(File::create(path).map_err(Error::disk(path))?);
    let mut piece = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(piece.len() as u64);
        let part = &mut piece[..usize::try_from(count).unwrap_or(usize::MAX)];
        random.fill_bytes(part);
        file.write_all(part).map_err(Error::disk(path))?;
        left -= count;
    }
    file.into_inner().map_err(|error| Error::disk(path)(error.into_error()))?.sync_all().map_err(Error::disk(path))
}

/// People with a folder and a process each, who follow the first of them.
struct People<'a> {
    setup: &'a Setup,
    folder: &'a Path,
}

impl People<'_> {
    fn keys(number: u8) -> KeyPair {
        KeyPair::from_seed(&[200 + number; 32])
    }

    /// Somebody with an empty folder.
    async fn begin(&self, number: u8) -> Result<Peer, Error> {
        let home = self.home(number);
        if home.exists() {
            fs::remove_dir_all(&home).map_err(Error::disk(&home))?;
        }
        let keys = Self::keys(number);
        let store = Store::create(&home, &keys, None).await?;
        if number > 0 {
            let whom = Self::keys(0).feed_id().to_string();
            let content =
                Value::object([("type", "contact".into()), ("contact", whom.into()), ("following", Value::Bool(true))]);
            store.append(vec![feed::sign(&keys, None, None, 1e12, &content)?], 1, true).await?;
        }
        store.close().await?;
        // Whoever has it holds the folder.
        drop(store);
        serve(self.setup, &home, 0).await
    }

    fn home(&self, number: u8) -> PathBuf {
        self.folder.join(format!("person-{number}"))
    }
}

/// Adds a file, and writes a post that links to it.
async fn offer(peer: &mut Peer, path: &Path) -> Result<String, Error> {
    let id = add(peer, path).await?;
    peer.post(&format!("[a file]({id})")).await?;
    Ok(id)
}

async fn add(peer: &mut Peer, path: &Path) -> Result<String, Error> {
    let added: AddedBlob = peer.call(&Request::BlobAdd { path: path.to_owned() }).await?;
    Ok(added.id)
}

/// Waits until somebody has a message that links to the file.
async fn knows(peer: &mut Peer, id: &str) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let request = Request::LinksTo { id: id.to_owned(), relation: None, before: None, limit: 1 };
        let found: Links = peer.call(&request).await?;
        if !found.links.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::Wrong("the message that links to the file never comes".into()));
        }
        sleep(LOOK).await;
    }
}

/// Asks for a file by hand; the seconds until it is here.
async fn fetch(peer: &mut Peer, id: &str) -> Result<f64, Error> {
    let begun = Instant::now();
    loop {
        let fetch: BlobFetch = peer.call(&Request::BlobFetch { id: id.to_owned() }).await?;
        if fetch.state == FetchState::Stored {
            return Ok(begun.elapsed().as_secs_f64());
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::Wrong(format!("the file never comes: {} bytes of it did", fetch.done)));
        }
        sleep(LOOK).await;
    }
}

/// The file over a bare stream; the seconds.
async fn over_bare(folder: &Path, path: &Path, id: &str) -> Result<f64, Error> {
    let own = std::env::current_exe()?;
    let mut giving = Command::new(&own);
    giving.arg("--bare-give").arg(path);
    let mut giver = Companion::start(giving)?;
    let listening: bare::Listening = giver.says().await?;
    let out = folder.join("taken");
    let mut taking = Command::new(&own);
    taking.arg("--bare-take").arg(&listening.address).arg("--bare-into").arg(&out);
    let took = tokio::task::spawn_blocking(move || run(&mut taking))
        .await
        .map_err(|error| Error::Wrong(error.to_string()))??;
    let took: bare::Took = serde_json::from_str(took.last_line())?;
    fs::remove_file(&out).map_err(Error::disk(&out))?;
    if took.id != id {
        return Err(Error::Wrong("the bare stream carried something else".into()));
    }
    Ok(took.seconds)
}

/// The timed file; the most memory that the one who took it had.
async fn timed(setup: &Setup, folder: &Path, bytes: u64, section: &mut Section) -> Result<u64, Error> {
    let path = folder.join("noise");
    noise(&path, bytes)?;
    let people = People { setup, folder };
    let mut giver = people.begin(0).await?;
    let id = offer(&mut giver, &path).await?;
    let address = giver.address(giver.port);
    let (mut ours, mut theirs, mut peak) = (Vec::new(), Vec::new(), 0);
    for run in 1..=setup.runs {
        theirs.push(over_bare(folder, &path, &id).await?);
        let mut taker = people.begin(1).await?;
        taker.connect(&address).await?;
        knows(&mut taker, &id).await?;
        rustix::fs::sync();
        let seconds = fetch(&mut taker, &id).await?;
        println!("  [run {run} of {}: {seconds:.2} s, bare {:.2} s]", setup.runs, theirs[run - 1]);
        ours.push(seconds);
        peak = peak.max(taker.peak_bytes());
        taker.end().await?;
    }
    let giver_peak = giver.peak_bytes();
    giver.end().await?;
    fs::remove_file(&path).map_err(Error::disk(&path))?;
    let (ours, theirs) = (Samples::new(ours).median(), Samples::new(theirs).median());
    let of = format!("a file of {} MB", bytes / 1_000_000);
    section.add(Figure::new(format!("{of}, asked for by hand → here"), Unit::Seconds, ours));
    section.add(Figure::new("the same over a bare stream, hashed and stored", Unit::Seconds, theirs));
    let share = Figure::new("of what a bare stream carries", Unit::Times, theirs / ours);
    section.add(setup.goal(share, Goal::AtLeast(OF_BARE)));
    section.add(Figure::new("most memory of the giver", Unit::Megabytes, giver_peak as f64 / 1e6));
    section.add(Figure::new("most memory of the taker", Unit::Megabytes, peak as f64 / 1e6));
    Ok(peak)
}

/// The large file, against the memory that the timed one took.
async fn large(setup: &Setup, folder: &Path, peak: u64, section: &mut Section) -> Result<(), Error> {
    let path = folder.join("noise");
    noise(&path, LARGE)?;
    let people = People { setup, folder };
    let (mut giver, mut taker) = (people.begin(0).await?, people.begin(1).await?);
    let id = offer(&mut giver, &path).await?;
    fs::remove_file(&path).map_err(Error::disk(&path))?;
    taker.connect(&giver.address(giver.port)).await?;
    knows(&mut taker, &id).await?;
    let seconds = fetch(&mut taker, &id).await?;
    let large = taker.peak_bytes();
    taker.end().await?;
    giver.end().await?;
    section.add(Figure::new(format!("a file of {} MB", LARGE / 1_000_000), Unit::Seconds, seconds));
    section.add(Figure::new("most memory of its taker", Unit::Megabytes, large as f64 / 1e6));
    let flat = Figure::new("of what the smaller file took", Unit::Times, large as f64 / peak as f64);
    section.add(setup.goal(flat, Goal::AtMost(FLAT)));
    Ok(())
}

/// One source behind a limited wire, then three.
async fn several(setup: &Setup, folder: &Path, bytes: u64, section: &mut Section) -> Result<(), Error> {
    let path = folder.join("noise");
    noise(&path, bytes)?;
    let people = People { setup, folder };
    let mut seconds = Vec::new();
    for sources in [1, 3] {
        let mut givers = Vec::new();
        for number in 0..sources {
            givers.push(people.begin(number).await?);
        }
        let id = offer(&mut givers[0], &path).await?;
        let first = givers[0].address(givers[0].port);
        for giver in &mut givers[1..] {
            add(giver, &path).await?;
            giver.connect(&first).await?;
            knows(giver, &id).await?;
        }
        let mut taker = people.begin(sources).await?;
        let mut wires = Vec::new();
        for giver in &givers {
            let wire = Proxy::limited(giver.port, WIRE).await?;
            taker.connect(&giver.address(wire.port)).await?;
            wires.push(wire);
        }
        knows(&mut taker, &id).await?;
        seconds.push(fetch(&mut taker, &id).await?);
        taker.end().await?;
        for giver in givers {
            giver.end().await?;
        }
    }
    let of = format!("a file of {} MB over a wire of {} MB a second", bytes / 1_000_000, WIRE / 1_000_000);
    section.add(Figure::new(of, Unit::Seconds, seconds[0]));
    section.add(Figure::new("the same over three such wires from three devices", Unit::Seconds, seconds[1]));
    let figure = Figure::new("as fast as from one", Unit::Times, seconds[0] / seconds[1]);
    section.add(setup.goal(figure, Goal::AtLeast(OF_ONE)));
    Ok(())
}
