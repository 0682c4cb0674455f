//! Real hosts, each with the real `peri serve`: they find each other, part and meet again, and pass on what they have.
//!
//! The hosts are network namespaces, so this needs root on Linux: `sudo -E cargo test --test network`. One test at a time, because they
//! measure time.

#[allow(dead_code, reason = "shared with the tests of the window")]
#[path = "../window/hosts.rs"]
mod hosts;
#[allow(dead_code, reason = "shared with the tests on one machine")]
#[path = "../nodes/peri.rs"]
mod peri;
mod serving;

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use app::rpc::{Client, Request};
use hosts::Lan;
use peri::{Person, post, status, until};
use serving::{Serving, all_follow_all, octets, within};
use tokio::runtime::Runtime;

/// From being there to being seen by others.
const FOUND: Duration = Duration::from_secs(2);
/// From leaving without a word to being gone for others.
const GONE: Duration = Duration::from_secs(10);
/// From a cable put back to all having all. Whoever is not reached is dialled again after five seconds, more or less.
const LEVEL_AGAIN: Duration = Duration::from_secs(8);
/// Longer than anything takes that is not measured.
const SOME_TIME: Duration = Duration::from_secs(30);

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that the next one could trip over.
    TURN.lock().unwrap_or_else(|failed| failed.into_inner())
}

fn lan<const N: usize>() -> Lan {
    made(Lan::of::<N>())
}

fn made(lan: Option<Lan>) -> Lan {
    lan.expect(
        "cannot make network namespaces: run these tests as root (`sudo -E cargo test --test network`), \
         with the package iproute2 installed",
    )
}

#[test]
fn three_people_find_each_other_part_and_are_level_again() {
    let _turn = one_at_a_time();
    let lan = lan::<3>();
    let [ada, ben, cleo] = ["Ada", "Ben", "Cleo"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let mut ben_serves = Serving::start(&lan.hosts()[1], &ben);
    within(SOME_TIME, "Ada and Ben meet", || ada.sees(&ben) && ben.sees(&ada));

    let _cleo = Serving::start(&lan.hosts()[2], &cleo);
    let found = within(FOUND, "a newcomer is found by everybody", || {
        ada.sees(&cleo) && ben.sees(&cleo) && cleo.sees(&ada) && cleo.sees(&ben)
    });
    println!("found after {found:?}");

    let people = [&ada, &ben, &cleo];
    all_follow_all(&people);
    let hellos = ["hello from Ada", "hello from Ben", "hello from Cleo"];
    for (person, hello) in people.iter().zip(hellos) {
        person.ok(&["post", hello]);
    }
    within(SOME_TIME, "everybody has every post", || {
        people.iter().all(|person| hellos.iter().all(|hello| person.shows(hello)))
    });
    within(SOME_TIME, "everybody is level", || people.iter().all(|person| person.is_level_with(2)));

    lan.hosts()[2].cut();
    let gone = within(GONE, "who is cut off is gone", || !ada.sees(&cleo) && !cleo.sees(&ada));
    println!("gone after {gone:?} without a cable");
    ada.ok(&["post", "written with a network"]);
    cleo.ok(&["post", "written without a network"]);
    within(SOME_TIME, "Ben has what Ada wrote", || ben.shows("written with a network"));
    assert!(!ada.shows("written without a network") && !cleo.shows("written with a network"), "there is no way across");

    lan.hosts()[2].heal();
    let level = within(LEVEL_AGAIN, "what was written apart is everywhere", || {
        ada.shows("written without a network")
            && ben.shows("written without a network")
            && cleo.shows("written with a network")
    });
    println!("level again after {level:?}");

    ben_serves.kill();
    let gone = within(GONE, "who was killed is gone", || !ada.sees(&ben) && !cleo.sees(&ben));
    println!("gone after {gone:?} without a goodbye");
    assert!(ada.sees(&cleo), "the others stay");
}

#[test]
fn whose_ipv4_addresses_do_not_fit_together_meet_over_ipv6() {
    let _turn = one_at_a_time();
    if !Path::new("/proc/net/if_inet6").exists() {
        println!("skipped: this system has no IPv6");
        return;
    }
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    for (host, four, six) in [(0, "10.77.0.1/24", "fd77::1/64"), (1, "10.78.0.1/24", "fd77::2/64")] {
        let host = &lan.hosts()[host];
        // Else packets from a network that it knows no way to are dropped.
        host.run(
            "sh",
            &["-c", "echo 0 | tee /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/conf/eth0/rp_filter"],
        );
        host.run("ip", &["address", "flush", "dev", "eth0"]);
        host.run("ip", &["address", "add", four, "dev", "eth0"]);
        host.run("ip", &["address", "add", six, "dev", "eth0", "nodad"]);
    }
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let _ben = Serving::start(&lan.hosts()[1], &ben);
    let met = within(SOME_TIME, "Ada and Ben meet", || ada.sees(&ben) && ben.sees(&ada));
    println!("met over IPv6 after {met:?}");
    all_follow_all(&[&ada, &ben]);
    ada.ok(&["post", "over another protocol"]);
    within(SOME_TIME, "Ben has the post", || ben.shows("over another protocol"));
}

#[test]
fn a_host_that_loses_power_is_gone_and_found_again_when_it_is_back() {
    let _turn = one_at_a_time();
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let mut ben_serves = Serving::start(&lan.hosts()[1], &ben);
    within(SOME_TIME, "they meet", || ada.sees(&ben) && ben.sees(&ada));

    // The cable first, so that no connection can be closed in good order.
    lan.hosts()[1].cut();
    ben_serves.kill();
    let gone = within(GONE, "the dead host is gone", || !ada.sees(&ben));
    println!("gone after {gone:?}");

    lan.hosts()[1].heal();
    let _ben = Serving::start(&lan.hosts()[1], &ben);
    let found = within(FOUND, "it is found again", || ada.sees(&ben));
    println!("found again after {found:?}");
}

/// Five people who follow each other, one on each host, and a line to each of them.
async fn five_friends(lan: &Lan) -> ([Person; 5], Vec<Serving>, Vec<Client>) {
    let people = ["Ada", "Ben", "Cleo", "Dov", "Esi"].map(Person::new);
    all_follow_all(&people.each_ref());
    let serving = lan.hosts().iter().zip(&people).map(|(host, person)| Serving::start(host, person)).collect();
    let mut lines = Vec::new();
    for person in &people {
        lines.push(Client::connect(&person.folder()).await.expect("the node answers"));
    }
    (people, serving, lines)
}

/// How many messages each of them has.
async fn counts(lines: &mut [Client]) -> Vec<u64> {
    let mut counts = Vec::new();
    for line in lines {
        counts.push(status(line).await.messages);
    }
    counts
}

/// What five friends wrote before they met: their names, and whom they follow.
const BEFORE: u64 = 5 * 5;

/// Each has a cable to the next alone: posts go from one end to the other.
#[test]
fn a_post_passes_four_cables_at_once() {
    /// From the click at one end to being stored at the other, the median of these.
    const PASSED: Duration = Duration::from_millis(150);
    const POSTS: usize = 20;

    let _turn = one_at_a_time();
    let lan = made(Lan::line::<5>());
    Runtime::new().expect("a runtime").block_on(async {
        let (people, _serving, mut lines) = five_friends(&lan).await;
        until("all have all", async || counts(&mut lines).await, |counts| *counts == [BEFORE; 5]).await;
        within(SOME_TIME, "each is level with its neighbours", || {
            people.iter().zip([1, 2, 2, 2, 1]).all(|(person, neighbours)| person.is_level_with(neighbours))
        });
        let mut passed = Vec::new();
        for number in 0..POSTS {
            let begun = Instant::now();
            let id = post(&mut lines[0], &format!("number {number}")).await.expect("published");
            while lines[4].call::<app::view::Thread>(&Request::Thread { id: id.clone() }).await.is_err() {
                assert!(begun.elapsed() < SOME_TIME, "number {number} never comes");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            passed.push(begun.elapsed());
        }
        passed.sort();
        let (median, worst) = (passed[POSTS / 2], passed[POSTS - 1]);
        println!("over four cables: median {median:?}, worst {worst:?}");
        assert!(median < PASSED, "{passed:?}");
    });
}

/// The cable between two rooms breaks: nobody's own cable does.
#[test]
fn two_rooms_that_were_apart_for_a_minute_are_level_again_soon() {
    const APART: Duration = Duration::from_secs(60);

    let _turn = one_at_a_time();
    let lan = made(Lan::of_two_rooms::<2, 3>());
    Runtime::new().expect("a runtime").block_on(async {
        let (people, _serving, mut lines) = five_friends(&lan).await;
        until("all have all", async || counts(&mut lines).await, |counts| *counts == [BEFORE; 5]).await;
        within(SOME_TIME, "all are level with all", || people.iter().all(|person| person.is_level_with(4)));

        lan.part();
        let parted = Instant::now();
        within(GONE, "the other room is gone", || !people[0].sees(&people[4]) && !people[4].sees(&people[1]));
        for line in &mut lines {
            post(line, "what was said when the cable was broken").await.expect("published");
        }
        let apart = [2, 2, 3, 3, 3].map(|posts| BEFORE + posts);
        until("each room has its own", async || counts(&mut lines).await, |counts| *counts == apart).await;
        // Not waiting for something to happen: the longer they are apart, the less often they may look for each other.
        tokio::time::sleep(APART.saturating_sub(parted.elapsed())).await;
        assert_eq!(counts(&mut lines).await, apart, "there is no way across");

        lan.join();
        let joined = Instant::now();
        until("all have all again", async || counts(&mut lines).await, |counts| *counts == [BEFORE + 5; 5]).await;
        let level = joined.elapsed();
        println!("level {level:?} after a minute apart");
        assert!(level < LEVEL_AGAIN, "level after {level:?}");
    });
}

#[test]
fn another_address_is_another_place_and_the_same_person() {
    let _turn = one_at_a_time();
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let _ben = Serving::start(&lan.hosts()[1], &ben);
    all_follow_all(&[&ada, &ben]);
    within(SOME_TIME, "they meet", || ada.sees(&ben) && ben.sees(&ada));

    serving::change_address(&lan.hosts()[1], "10.77.0.2/24", "10.77.0.99/24");
    ben.ok(&["post", "from another place"]);
    let moved = within(GONE, "the post arrives from the new address", || ada.shows("from another place"));
    println!("arrived {moved:?} after the move");
    // The connection to where he was is dead at his end alone for a while.
    for person in [&ada, &ben] {
        person.attends(true);
    }
    within(SOME_TIME, "each hears of the other over the new connection", || {
        ada.sees_at_work(&ben) && ben.sees_at_work(&ada)
    });
}

#[test]
fn two_who_have_nothing_to_say_are_quiet() {
    /// Bytes a minute in both directions together, everything counted that crosses the cable.
    const QUIET: u64 = 20_000;
    /// Discovery is eager for so long after a start.
    const EAGER: Duration = Duration::from_secs(6);
    const MEASURED: Duration = Duration::from_secs(32);

    /// What crosses the cable of the first host from now on, a minute.
    fn per_minute(lan: &Lan) -> u64 {
        // Not waiting for something to happen, but for nothing to: this is the measurement.
        let (before, begun) = (octets(&lan.hosts()[0]), Instant::now());
        std::thread::sleep(MEASURED);
        let (bytes, time) = (octets(&lan.hosts()[0]) - before, begun.elapsed());
        bytes * 60_000 / u64::try_from(time.as_millis()).expect("less than a minute or two")
    }

    let _turn = one_at_a_time();
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let _ben = Serving::start(&lan.hosts()[1], &ben);
    all_follow_all(&[&ada, &ben]);
    ada.ok(&["post", "before the silence"]);
    within(SOME_TIME, "they are level", || ben.shows("before the silence") && ada.is_level_with(1));

    std::thread::sleep(EAGER);
    let at_rest = per_minute(&lan);
    for person in [&ada, &ben] {
        person.attends(true);
    }
    within(SOME_TIME, "each sees that the other is there", || ada.sees_at_work(&ben) && ben.sees_at_work(&ada));
    let attended = per_minute(&lan);
    println!("{at_rest} bytes a minute at rest, {attended} while somebody uses both");
    assert!(
        at_rest < QUIET && attended < QUIET,
        "{at_rest} bytes a minute at rest, {attended} while somebody uses both"
    );
    assert!(ada.sees_at_work(&ben) && ben.sees_at_work(&ada), "and they are still there");
}

/// What the doctor finds, by its names.
fn troubles(host: &hosts::Host, person: &Person) -> Vec<String> {
    let mut command = host.command(&peri::binary().display().to_string());
    let output = command.arg("--dir").arg(person.folder()).args(["net-doctor", "--json"]).output().expect("peri runs");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = found["findings"].as_array().expect("findings");
    let problems = findings.iter().filter(|finding| finding["problem"] == true).count();
    assert_eq!(output.status.code(), Some(i32::from(problems > 0)), "{found}");
    findings.iter().map(|finding| finding["trouble"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_network_doctor_tells_being_alone_from_being_without_a_network() {
    let _turn = one_at_a_time();
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    assert_eq!(troubles(&lan.hosts()[0], &ada), ["isolated"], "nobody else is there");
    // Ben runs nothing: he hears Ada, and there is no neighbour to ask.
    assert_eq!(troubles(&lan.hosts()[1], &ben), ["works"]);

    let _ben = Serving::start(&lan.hosts()[1], &ben);
    within(SOME_TIME, "they meet", || ada.sees(&ben) && ben.sees(&ada));
    for (host, person) in lan.hosts().iter().zip([&ada, &ben]) {
        let mut found = troubles(host, person);
        found.sort();
        assert_eq!(found, ["reachable", "works"]);
    }

    lan.hosts()[1].cut();
    assert_eq!(troubles(&lan.hosts()[1], &ben), ["noNetwork"]);
}
