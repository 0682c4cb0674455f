//! The store as its users meet it: real files, real SQLite.

mod append;
mod blob_links;
mod clocks;
mod hostile;
mod people;
mod rebuild;
mod recovery;
mod sample;
mod search;
mod thread;
mod timeline;
