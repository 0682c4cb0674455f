//! The store as its users meet it: real files, real SQLite.

mod append;
mod people;
mod recovery;
