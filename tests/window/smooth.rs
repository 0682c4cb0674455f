//! The window under load: it scrolls through ten thousand posts while ten thousand messages pour in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use feed::{Head, KeyPair, json::Value, sign};

use crate::browser::Drawing;
use crate::person::{Desk, Person, lan};

/// Posts that are there, and are scrolled through.
const POSTS: usize = 10_000;
/// Messages that pour in meanwhile, in so many portions.
const POURED: usize = 10_000;
const PORTIONS: usize = 10;
/// Threads among those posts that are answered and come up.
const ANSWERED: usize = 150;
/// People who write.
const AUTHORS: usize = 20;
/// How far the list moves in a frame, in pixels: two or three posts, far faster than anybody reads.
const STEP: u32 = 400;
/// How long it may take to scroll through everything.
const SCROLLED_WITHIN: Duration = Duration::from_secs(420);
/// How often it is looked how far the list is: seldom, so that looking costs no frames.
const LOOK: Duration = Duration::from_millis(500);
/// No gap between two frames is longer, in milliseconds.
const LONGEST_GAP: f64 = 50.0;

/// Scrolls the timeline to its end, a step in every frame, and writes down the times between the frames.
const SCROLL: &str = "
    const [step, bar] = arguments;
    const scroller = document.querySelector('[data-scroller]');
    const frames = (window.__frames = { gaps: [], long: [], seen: 0, drawn: 0, done: false });
    const list = document.querySelector('ul[role=list][aria-label=Posts]');
    const begun = performance.now();
    let last = begun;
    const frame = () => {
        const now = performance.now();
        frames.gaps.push(now - last);
        if (now - last > bar) frames.long.push(`${Math.round(now - last)} at ${((now - begun) / 1000).toFixed(1)}`);
        last = now;
        scroller.scrollBy(0, step);
        const row = list.lastElementChild;
        frames.seen = Math.max(frames.seen, Number(row?.getAttribute('aria-posinset') ?? 0));
        frames.drawn = Math.max(frames.drawn, list.childElementCount);
        frames.done = row?.getAttribute('aria-setsize') === String(frames.seen)
            && scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 2;
        if (!frames.done) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);";

#[test]
fn ten_thousand_posts_scroll_smoothly_while_ten_thousand_messages_pour_in() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Edda", &lan.hosts()[0]);
    let edda = desk.open_drawing(Drawing::Plain);
    edda.begin();
    let mut people = Writers::new();
    let history = desk.file("history.ndjson", &people.write(POSTS));
    let portions: Vec<PathBuf> =
        (0..PORTIONS).map(|n| desk.file(&format!("{n}.ndjson"), &people.write(POURED / PORTIONS))).collect();

    import(&desk, &history);
    edda.window.run("location.hash = '#/posts/all'", vec![]);
    edda.window.wait_for("posts", "return document.querySelectorAll('[data-testid=card]').length > 3");
    let begun = Instant::now();
    edda.window.run(SCROLL, vec![STEP.into(), LONGEST_GAP.into()]);
    let machine = Pauses::watch();
    // A portion each time that a part of the posts has gone by.
    let mut pouring = Duration::ZERO;
    let mut poured_at = Vec::new();
    for (at, portion) in portions.iter().enumerate() {
        while seen(&edda) < at * POSTS / PORTIONS {
            assert!(begun.elapsed() < SCROLLED_WITHIN, "{} posts were scrolled through", seen(&edda));
            thread::sleep(LOOK);
        }
        let poured = Instant::now();
        poured_at.push(format!("{:.1}", begun.elapsed().as_secs_f64()));
        import(&desk, portion);
        pouring += poured.elapsed();
    }
    while edda.window.run("return window.__frames.done", vec![]) != true {
        assert!(begun.elapsed() < SCROLLED_WITHIN, "{} posts were scrolled through", seen(&edda));
        thread::sleep(LOOK);
    }
    let scrolling = begun.elapsed();
    let paused = machine.told();

    let frames = edda.window.run("return window.__frames", vec![]);
    let mut gaps: Vec<f64> = frames["gaps"].as_array().expect("a list").iter().filter_map(|gap| gap.as_f64()).collect();
    gaps.sort_by(f64::total_cmp);
    let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
    println!(
        "{} posts in {:.0} s, {} messages poured in within {:.1} s; {} frames, gaps in ms: median {:.0}, P99 {:.0}, worst {:.0}; \
         {} over {LONGEST_GAP:.0}; at most {} posts in the page",
        frames["seen"],
        scrolling.as_secs_f64(),
        POURED,
        pouring.as_secs_f64(),
        gaps.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        gaps.iter().filter(|gap| **gap > LONGEST_GAP).count(),
        frames["drawn"],
    );
    println!("poured in at {} s; long gaps, ms and s: {}", poured_at.join(" "), frames["long"]);
    println!("pauses of the machine itself, ms and s: {}", paused.join(" "));
    assert!(seen(&edda) >= POSTS - AUTHORS - ANSWERED, "{}", frames["seen"]);
    assert!(frames["drawn"].as_u64().is_some_and(|drawn| drawn < 60), "{}", frames["drawn"]);
    // The worst is told and not asserted: one pause of the machine would be enough to fail.
    assert!(at(0.99) < LONGEST_GAP, "one in a hundred gaps is over {:.0} ms", at(0.99));
}

/// Jumps into the middle of the timeline, then looks how far a post in sight moves in every step back up. Heights there were
/// only estimated, so a list that did not hold still would jump.
const BACK: &str = "
    const [steps, step, done] = arguments;
    const scroller = document.querySelector('[data-scroller]');
    const read = () => !document.querySelector('.waiting') && [...document.querySelectorAll('[data-testid=card]')].find((card) => card.getBoundingClientRect().bottom > 200 && top(card) < 600);
    const top = (card) => card.getBoundingClientRect().top;
    const frame = () => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    (async () => {
        scroller.scrollTop = scroller.scrollHeight / 2;
        await frame();
        let worst = 0;
        for (let at = 0; at < steps; at += 1) {
            let card = read();
            // Posts that were let go of are read again.
            for (let patience = 300; !card && patience > 0; patience -= 1) await frame().then(() => (card = read()));
            if (!card) return done('nothing is in sight');
            const before = top(card);
            scroller.scrollTop -= step;
            await frame();
            if (!card.isConnected) return done('what was in sight is gone');
            worst = Math.max(worst, Math.abs(top(card) - before - step));
        }
        window.__read = { id: read().dataset.id, top: top(read()) };
        done(worst);
    })();";

#[test]
fn what_is_being_read_stays_where_it_is() {
    let Some(lan) = lan::<1>() else { return };
    let desk = Desk::new("Runa", &lan.hosts()[0]);
    let runa = desk.open_drawing(Drawing::Plain);
    runa.begin();
    let mut people = Writers::new();
    let history = desk.file("history.ndjson", &people.write(600));
    let news = desk.file("news.ndjson", &people.write(200));
    import(&desk, &history);
    runa.window.run("location.hash = '#/posts/all'", vec![]);
    runa.window.wait_for("posts", "return document.querySelectorAll('[data-testid=card]').length > 3");
    // Everything is asked for once, so that the middle is known.
    runa.window.wait_for(
        "the end of the list",
        "const scroller = document.querySelector('[data-scroller]');
         scroller.scrollTop = scroller.scrollHeight;
         return document.querySelector('[aria-setsize]')?.getAttribute('aria-setsize') !== '-1'",
    );
    let worst = runa.window.run_async(BACK, vec![120.into(), 90.into()]);
    assert!(worst.as_f64().is_some_and(|pixels| pixels <= 1.0), "a post in sight moved by {worst} pixels of its own");

    import(&desk, &news);
    runa.window.wait_for("what is new", "return document.querySelector('[data-testid=new-pill]') !== null");
    let moved = runa.window.run(
        "const card = document.querySelector(`[data-testid=card][data-id=\"${window.__read.id}\"]`);
         return card && Math.abs(card.getBoundingClientRect().top - window.__read.top)",
        vec![],
    );
    assert!(moved.as_f64().is_some_and(|pixels| pixels <= 1.0), "what was being read moved by {moved} pixels");
}

/// A thread that only wants to run every few milliseconds: where it could not, nothing else could either.
struct Pauses {
    over: Arc<AtomicBool>,
    watching: JoinHandle<Vec<String>>,
}

impl Pauses {
    fn watch() -> Self {
        const REST: Duration = Duration::from_millis(5);
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let watching = thread::spawn(move || {
            let begun = Instant::now();
            let mut pauses = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let slept = Instant::now();
                thread::sleep(REST);
                let late = slept.elapsed().saturating_sub(REST).as_millis();
                if late as f64 > LONGEST_GAP / 2.0 {
                    pauses.push(format!("{late} at {:.1}", begun.elapsed().as_secs_f64()));
                }
            }
            pauses
        });
        Self { over, watching }
    }

    fn told(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        self.watching.join().expect("it only sleeps")
    }
}

/// Up to which post the list was scrolled.
fn seen(person: &Person<'_>) -> usize {
    person.window.run("return window.__frames.seen", vec![]).as_u64().map_or(0, |seen| seen as usize)
}

/// Brings messages in through the running window, as `peri import` does.
fn import(desk: &Desk<'_>, file: &Path) {
    let mut command = desk.command(peri().to_str().expect("a plain path"));
    let output = command.arg("import").arg(file).output().expect("peri starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// `peri`, built first where nobody says that everything is.
pub(crate) fn peri() -> &'static Path {
    static PERI: OnceLock<PathBuf> = OnceLock::new();
    PERI.get_or_init(|| {
        if std::env::var_os("PERIWINKLE_BUILT").is_none() {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--quiet", "--package", "cli"]);
            for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
                build.env_remove(name);
            }
            assert!(build.status().expect("cargo runs").success(), "peri does not build");
        }
        Path::new(env!("CARGO_BIN_EXE_periwinkle")).with_file_name("peri")
    })
}

/// People with a feed each, who write in turn.
struct Writers {
    feeds: Vec<(KeyPair, Option<Head>)>,
    written: usize,
    /// Posts that may be answered.
    roots: Vec<String>,
}

impl Writers {
    fn new() -> Self {
        let feeds = (0..AUTHORS).map(|n| (KeyPair::from_seed(&[n as u8 + 1; 32]), None)).collect();
        Self { feeds, written: 0, roots: Vec::new() }
    }

    /// The next `count` messages as lines. The first of each person is their name; the first [`POSTS`] begin threads, later ones
    /// also answer and like what is there.
    fn write(&mut self, count: usize) -> String {
        let mut lines = String::new();
        for _ in 0..count {
            let n = self.written;
            self.written += 1;
            let (keys, head) = &mut self.feeds[n % AUTHORS];
            // A few threads are answered, so that the others stay where they are.
            let root = self.roots.get(POSTS - 2 * ANSWERED + n * 7_919 % ANSWERED).map_or("", String::as_str);
            let content = match head {
                None => Value::object([
                    ("type", "about".into()),
                    ("about", keys.feed_id().to_string().into()),
                    ("name", format!("Neighbour {n}").into()),
                ]),
                Some(_) if n < POSTS || n.is_multiple_of(4) => {
                    Value::object([("type", "post".into()), ("text", text(n).into())])
                }
                Some(_) if n % 4 == 1 => Value::object([
                    ("type", "vote".into()),
                    ("vote", Value::object([("link", root.into()), ("value", 1_u32.into())])),
                ]),
                Some(_) => Value::object([
                    ("type", "post".into()),
                    ("text", text(n).into()),
                    ("root", root.into()),
                    ("branch", root.into()),
                ]),
            };
            let signed = sign(keys, None, head.as_ref(), 1.6e12 + n as f64 * 60_000.0, &content).expect("it is signed");
            *head = Some(signed.head());
            if n < POSTS {
                self.roots.push(signed.id().to_string());
            }
            writeln!(lines, "{}", str::from_utf8(signed.encoded()).expect("text")).expect("a string");
        }
        lines
    }
}

/// Something between one line and a dozen, some of it with Markdown.
fn text(n: usize) -> String {
    const SAID: [&str; 6] = [
        "Low tide at half past six, the walk along the outer wall is open again. ",
        "Does anybody still have the key to the **net loft**? ",
        "Soup at ours from seven, bring a spoon. ",
        "The ferry left with eleven people and a goat; `wind 5` from the west. ",
        "\n\n- rope\n- string\n- a book about knots\n\n",
        "Swallows are back under the eaves. #harbour ",
    ];
    let sentences = 1 + n * 31 % 7;
    let said: String = (0..sentences).map(|at| SAID[(n * 5 + at * 3) % SAID.len()]).collect();
    format!("{n}: {said}")
}
