//! Benchmarks that a person can run: `cargo xtask bench`. IO all through, and no part of the app.
//!
//! [`dataset`] makes honest messages. The measures run the built programs and the store on them, beside the JavaScript
//! reference where both do the same work.

pub mod dataset;
mod error;

pub use error::Error;
