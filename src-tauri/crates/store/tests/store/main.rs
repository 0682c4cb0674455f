//! The store as its users meet it: real files, real SQLite.

mod append;
mod blob_links;
mod clocks;
mod hostile;
mod people;
mod recovery;
mod sample;
mod thread;
mod timeline;
