//! Three real hosts on one switch, each with the real `peri serve`: they find each other, part and meet again.
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

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hosts::Lan;
use peri::Person;
use serving::{Serving, all_follow_all, octets, within};

/// From being there to being seen by others.
const FOUND: Duration = Duration::from_secs(2);
/// From leaving without a word to being gone for others.
const GONE: Duration = Duration::from_secs(10);
/// From a cable put back to all having all.
const LEVEL_AGAIN: Duration = Duration::from_secs(8);
/// Longer than anything takes that is not measured.
const SOME_TIME: Duration = Duration::from_secs(30);

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that failed leaves nothing behind that the next one could trip over.
    TURN.lock().unwrap_or_else(|failed| failed.into_inner())
}

fn lan<const N: usize>() -> Lan {
    Lan::of::<N>().expect(
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
}

#[test]
fn two_who_have_nothing_to_say_are_quiet() {
    /// Bytes a minute in both directions together, everything counted that crosses the cable.
    const QUIET: u64 = 20_000;
    /// Discovery is eager for so long after a start.
    const EAGER: Duration = Duration::from_secs(6);
    const MEASURED: Duration = Duration::from_secs(40);

    let _turn = one_at_a_time();
    let lan = lan::<2>();
    let [ada, ben] = ["Ada", "Ben"].map(Person::new);
    let _ada = Serving::start(&lan.hosts()[0], &ada);
    let _ben = Serving::start(&lan.hosts()[1], &ben);
    all_follow_all(&[&ada, &ben]);
    ada.ok(&["post", "before the silence"]);
    within(SOME_TIME, "they are level", || ben.shows("before the silence") && ada.is_level_with(1));

    // Not waiting for something to happen, but for nothing to: this is the measurement.
    std::thread::sleep(EAGER);
    let (before, begun) = (octets(&lan.hosts()[0]), Instant::now());
    std::thread::sleep(MEASURED);
    let (bytes, time) = (octets(&lan.hosts()[0]) - before, begun.elapsed());
    let per_minute = bytes * 60_000 / u64::try_from(time.as_millis()).expect("less than a minute or two");
    println!("{bytes} bytes in {time:?}: {per_minute} a minute");
    assert!(per_minute < QUIET, "{per_minute} bytes a minute at rest");
    assert!(ada.sees(&ben) && ben.sees(&ada), "and they are still there");
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
