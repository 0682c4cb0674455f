//! What the apps before us left on the disk: readers of their message logs.
//!
//! All of it is pure: bytes go in, messages come out. Who opens the files, and what becomes of the messages, is the
//! caller's business; the key file needs no reader of its own, [`feed::KeyPair::from_secret_text`] reads it.
//!
//! A [`LogReader`] is given the bytes of a log, piece by piece, and finds the [`Record`]s in them; a record gives its
//! [`feed::Message`], structurally sound and canonical, its signature *not* checked. [`Survey`] counts what a log holds
//! without decoding every message.
//!
//! Three forms are read:
//!
//! - [`Form::Blocks`], `db2/log.bipf`: the log of ssb-db2, records of [`bipf`] in blocks of 64 KiB;
//! - [`Form::Frames`], `flume/log.offset`: the log of ssb-db, JSON between two lengths;
//! - [`Form::Lines`]: JSON lines, as exports have them.
//!
//! Every log may be damaged or made by an enemy: lengths are checked before they are believed, memory is bounded by
//! [`MAX_RECORD`], nothing panics, and behind damage the next record that makes sense is looked for. What was passed over
//! is told, never hidden.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bipf;
mod json;
mod log;
mod record;
mod survey;

pub use log::{BLOCK, Form, Found, LogReader, MAX_RECORD};
pub use record::{Claim, Record, RecordError};
pub use survey::{MAX_FEEDS, Own, Survey};
