//! The store as its users meet it: real files, real SQLite.

mod activity;
mod append;
mod blob_links;
mod clocks;
mod history;
mod hostile;
mod people;
mod private;
mod rebuild;
mod recovery;
mod sample;
mod search;
mod stances;
mod thread;
mod timeline;
