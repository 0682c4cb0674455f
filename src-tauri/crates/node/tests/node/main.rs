//! Specifications of a whole peer: nodes in memory, real signatures, bytes on every link, virtual time.

mod sync;
mod world;
