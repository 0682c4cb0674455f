//! The real window: two people on two hosts, each with a display, a session bus and a home of their own, driven as a person
//! would drive it. Pictures of every step are kept in `target/shots`.

mod browser;
mod bus;
mod display;
#[allow(dead_code, reason = "shared with the tests between hosts")]
mod hosts;
mod meeting;
mod page;
mod person;
mod pictures;
mod process;
mod smooth;
