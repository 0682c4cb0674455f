//! Benchmarks that a person can run: `cargo xtask bench`. IO all through, and no part of the app.
//!
//! [`dataset`] makes honest messages. The measures run the built programs and the store on them, beside the JavaScript
//! reference where both do the same work; [`report`] shows what came out. A figure that falls short stands there as it is,
//! and where something cannot be measured the table says why.

pub mod bare;
pub mod dataset;
mod error;
pub mod machine;
pub mod measure;
mod page_cache;
mod process;
mod proxy;
mod reference;
pub mod report;
mod times;

pub use error::Error;
pub use reference::Reference;
