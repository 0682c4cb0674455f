//! Real processes on one machine: the command line's contract, and nodes that meet on loopback.

mod bad_input;
mod blobs;
mod classic;
mod commands;
mod connect;
mod fair;
mod hostile;
mod import;
mod meeting;
mod people;
mod peri;
mod reconnect;
mod search;
mod travel;
