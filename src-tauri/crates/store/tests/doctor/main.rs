//! Folders that are damaged in every way that a disk knows, and what the doctor makes of them.

mod copies;
mod damage;
mod folders;
mod forks;
mod interrupted;
mod pages;
#[path = "../store/people.rs"]
#[allow(dead_code)] // Shared with `tests/store`, which uses all of it.
mod people;
