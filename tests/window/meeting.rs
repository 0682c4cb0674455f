//! Two people meet, follow, write, lose each other and are level again.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::{Drawing, shots, until};
use crate::person::{Desk, lan};

/// Person near → on the Nearby page.
const NEAR_WITHIN: Duration = Duration::from_secs(2);
/// Cable out → gone from the Nearby page.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// Published in one window → painted in the other, median, in milliseconds.
const PAINTED_WITHIN: f64 = 100.0;
/// How many posts that median is of.
const PAINTED_POSTS: usize = 15;

#[test]
fn two_people_meet_write_and_are_level_again_after_the_cable_was_out() {
    let Some(lan) = lan::<2>() else { return };
    let [alices, bobs] = lan.hosts() else { unreachable!("two were asked for") };
    let (alices_desk, bobs_desk) = (Desk::new("Alice", alices), Desk::new("Bob", bobs));
    let (alice, bob) = (alices_desk.open(), bobs_desk.open());
    alice.window.shoot("welcome");

    // They give a name and see each other.
    alice.begin();
    alice.window.shoot("begun");
    alice.go_to("nearby");
    bob.begin();
    let begun = Instant::now();
    bob.go_to("nearby");
    bob.sees_near("Alice", NEAR_WITHIN);
    alice.sees_near("Bob", NEAR_WITHIN.saturating_sub(begun.elapsed()));
    println!("both saw the other {} ms after the second began", begun.elapsed().as_millis());
    bob.window.shoot("nearby");

    // One follows; what the other writes appears, and is told.
    bob.follow("Alice");
    alice.go_to("timeline");
    alice.post("The kettle is on. Come over!");
    let told = until(Duration::from_secs(10), || {
        bobs_desk.bus.sent().into_iter().find(|sent| sent.body.contains("The kettle is on"))
    });
    let told = told.unwrap_or_else(|| panic!("Bob is notified; he was shown {:?}", bobs_desk.bus.sent()));
    assert_eq!(told.app_name, "Periwinkle");
    assert!(told.summary.contains("Alice"), "{told:?}");
    assert_eq!(told.actions, ["default", "Open"]);
    bob.go_to("timeline");
    bob.reads("The kettle is on. Come over!");
    bob.window.shoot("timeline");

    // A click on the notification opens what it tells of.
    bob.go_to("nearby");
    bobs_desk.bus.click(&told);
    bob.window.wait_for("the thread that was clicked", "return location.hash.startsWith('#/thread/')");
    bob.reads("The kettle is on. Come over!");
    bob.window.shoot("thread");

    // They follow each other, and talk.
    alice.go_to("nearby");
    alice.follow("Bob");
    bob.reply("On my way. Shall I bring the *oat* biscuits?");
    alice.go_to("timeline");
    alice.reads("On my way.");
    alice.post("Low tide is at **16:20** today. Who comes along to the shell bank?");
    bob.go_to("timeline");
    bob.post("Found the missing ladder behind the boat shed.");
    alice.reads("Found the missing ladder behind the boat shed.");
    std::fs::copy(alice.window.shoot("talk"), shots().join("readme.png")).expect("the picture is copied");

    // With the cable out both go on; with the cable back both are level.
    alice.go_to("nearby");
    bob.go_to("nearby");
    alices.cut();
    let cut = Instant::now();
    alice.misses("Bob", GONE_WITHIN);
    bob.misses("Alice", GONE_WITHIN.saturating_sub(cut.elapsed()));
    println!("both missed the other {} ms after the cable was out", cut.elapsed().as_millis());
    alice.window.shoot("alone");
    for person in [&alice, &bob] {
        person.go_to("timeline");
        person.post(&format!("{} wrote this alone.", person.name));
    }
    alices.heal();
    alice.reads("Bob wrote this alone.");
    bob.reads("Alice wrote this alone.");
    for (person, other) in [(&alice, "Bob"), (&bob, "Alice")] {
        person.go_to("nearby");
        person.is_level_with(other);
    }
    bob.window.shoot("level");
}

/// Alice answers in a thread that Bob has open. Each answer is timed from its signature, and from her click on the button, to
/// the end of the frame that shows it in Bob's window. Nobody looks at the pages meanwhile, so that only they use the machine.
#[test]
fn a_post_is_painted_in_the_other_window_soon_after_it_was_signed() {
    let Some(lan) = lan::<2>() else { return };
    let [alices, bobs] = lan.hosts() else { unreachable!("two were asked for") };
    let (alices_desk, bobs_desk) = (Desk::new("Alice", alices), Desk::new("Bob", bobs));
    let (alice, bob) = (alices_desk.open_drawing(Drawing::Plain), bobs_desk.open_drawing(Drawing::Plain));
    alice.begin();
    bob.begin();
    bob.go_to("nearby");
    bob.follow("Alice");
    alice.post("Who wants tea?");
    for person in [&alice, &bob] {
        person.go_to("timeline");
        person.open_thread("Who wants tea?");
    }
    bob.window.wait_for(
        "the paint of the question",
        "return [...document.querySelectorAll('[data-testid=card]')].every((card) => card.dataset.id in window.__painted)",
    );
    let (mut from_signature, mut from_click) = (Vec::new(), Vec::new());
    for number in 1..=PAINTED_POSTS {
        let text = format!("Cup number {number}");
        alice.window.fill("[data-testid=reply-text]", &text);
        // He reads on at the end: what is far out of sight is not painted.
        bob.window.run("document.querySelector('[data-scroller]').scrollTop = 1e6", vec![]);
        bob.window
            .run("window.__shown = new Promise((done) => addEventListener('painted', done, { once: true }))", vec![]);
        let clicked = alice.window.run(
            "document.querySelector('[data-testid=reply-publish]').click(); return performance.timeOrigin + performance.now()",
            vec![],
        );
        let shown = bob.window.run_async(
            "const done = arguments[0];
             const answer = ({ detail }) => window.__TAURI_INTERNALS__.invoke('thread', { id: detail.id }).then(({ entries }) => {
                 const { text, time } = entries.find((entry) => entry.value.id === detail.id).value;
                 done({ text, signed: time, painted: detail.at });
             });
             window.__shown.then(answer);",
            vec![],
        );
        assert_eq!(shown["text"], text, "what was painted is what was written");
        let time = |value: &Value| value.as_f64().expect("a time in milliseconds");
        from_signature.push(time(&shown["painted"]) - time(&shown["signed"]));
        from_click.push(time(&shown["painted"]) - time(&clicked));
        alice.reads(&text);
    }
    let median = told(from_signature, "from the signature to the paint in the other window");
    told(from_click, "from the click to the paint in the other window");
    assert!(median < PAINTED_WITHIN, "the median is {median:.0} ms");
}

/// Prints `times` in milliseconds in order, and gives their median.
fn told(mut times: Vec<f64>, what: &str) -> f64 {
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let list: Vec<String> = times.iter().map(|time| format!("{time:.0}")).collect();
    println!("{what}, ms: {} (median {median:.0})", list.join(" "));
    median
}
