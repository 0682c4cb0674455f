//! Making room.

use blobs::{Limits, Plan, Reason};

use crate::sample::Home;

#[test]
fn what_a_plan_says_goes_and_what_was_pinned_meanwhile_stays() {
    let home = Home::new();
    let (one, other, third) = (home.add(&[1; 100]), home.add(&[2; 100]), home.add(&[3; 100]));
    let mut plan = Plan::new(200);
    for entry in home.blobs.list(None).unwrap().iter().filter(|entry| entry.id != third) {
        plan.consider(entry, Reason::Unlinked);
    }
    assert_eq!((plan.candidates().count(), plan.bytes()), (2, 200));
    assert_eq!(home.blobs.usage().unwrap().count, 3, "a plan does nothing");

    home.blobs.pin(&other).unwrap();
    assert_eq!(home.blobs.tidy(&plan).unwrap(), 100);
    assert_eq!(home.blobs.tidy(&plan).unwrap(), 0, "once");
    let left: Vec<bool> = [one, other, third].iter().map(|id| home.blobs.has(id).unwrap()).collect();
    assert_eq!(left, [false, true, true]);
    assert_eq!(home.blobs.usage().unwrap().bytes, 200);
}

#[test]
fn a_pin_survives_a_restart_and_goes_with_its_blob() {
    let home = Home::new();
    let id = home.add(b"tide");
    home.blobs.pin(&id).unwrap();
    home.blobs.pin(&id).unwrap();
    let home = home.reopened();
    assert!(home.blobs.is_pinned(&id).unwrap());
    home.blobs.unpin(&id).unwrap();
    assert!(!home.blobs.is_pinned(&id).unwrap());
    home.blobs.pin(&id).unwrap();
    home.blobs.remove(&id).unwrap();
    assert!(!home.blobs.is_pinned(&id).unwrap());
}

#[test]
fn what_is_added_by_hand_is_pinned_and_what_was_refused_is_not() {
    let home = Home::with(Limits { one: 10, ..Limits::default() });
    let kept = home.blobs.add_pinned(&b"tide"[..]).unwrap();
    assert!(kept.is_new && home.blobs.is_pinned(&kept.id).unwrap());
    assert!(!home.blobs.add_pinned(&b"tide"[..]).unwrap().is_new);
    home.blobs.add_pinned(&b"too much for it"[..]).unwrap_err();
    assert_eq!(home.count("pinned"), 1);
}
