//! The window under load: it scrolls through ten thousand posts while ten thousand messages pour in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use feed::{Head, KeyPair, json::Value, sign};

use crate::browser::Drawing;
use crate::person::{Desk, lan};

/// Posts that are there, and are scrolled through.
const POSTS: usize = 10_000;
/// Messages that pour in meanwhile, in so many portions.
const POURED: usize = 10_000;
const PORTIONS: usize = 10;
/// People who write.
const AUTHORS: usize = 20;
/// How far the list moves in a frame, in pixels: two or three posts, far faster than anybody reads.
const STEP: u32 = 400;
/// How long it may take to scroll through everything.
const SCROLLED_WITHIN: Duration = Duration::from_secs(420);
/// No gap between two frames is longer, in milliseconds.
const LONGEST_GAP: f64 = 50.0;

/// Scrolls the timeline to its end, a step in every frame, and writes down the times between the frames.
const SCROLL: &str = "
    const [step] = arguments;
    const scroller = document.querySelector('[data-scroller]');
    const frames = (window.__frames = { gaps: [], seen: 0, drawn: 0, done: false });
    const list = document.querySelector('ul[role=list][aria-label=Posts]');
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        frames.gaps.push(now - last);
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
    edda.window.run(SCROLL, vec![STEP.into()]);
    let pouring = thread::scope(|scope| {
        let poured = scope.spawn(|| {
            for portion in &portions {
                import(&desk, portion);
            }
            begun.elapsed()
        });
        while edda.window.run("return window.__frames.done", vec![]) != true {
            assert!(begun.elapsed() < SCROLLED_WITHIN, "{}", edda.window.run("return window.__frames.seen", vec![]));
            thread::sleep(Duration::from_secs(1));
        }
        poured.join().expect("everything was imported")
    });
    let scrolling = begun.elapsed();

    let frames = edda.window.run("return window.__frames", vec![]);
    let mut gaps: Vec<f64> = frames["gaps"].as_array().expect("a list").iter().filter_map(|gap| gap.as_f64()).collect();
    gaps.sort_by(f64::total_cmp);
    let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
    println!(
        "{} posts in {:.0} s, {} messages poured in within {:.0} s; {} frames, gaps in ms: median {:.0}, P99 {:.0}, worst {:.0}; \
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
    let end = edda.window.run("return document.body.innerText.slice(-600)", vec![]);
    assert!(frames["seen"].as_u64().is_some_and(|seen| seen >= (POSTS - AUTHORS) as u64), "{}: {end}", frames["seen"]);
    assert!(frames["drawn"].as_u64().is_some_and(|drawn| drawn < 60), "{}", frames["drawn"]);
    assert!(at(1.0) < LONGEST_GAP, "the longest gap is {:.0} ms", at(1.0));
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
            let root = self.roots.get(n * 7_919 % self.roots.len().max(1)).map_or("", String::as_str);
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
