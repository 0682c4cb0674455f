//! Specifications of a whole peer: nodes in memory, real signatures, bytes on every link, virtual time.

mod blame;
mod blobs;
mod blocking;
mod golden;
mod greeting;
mod hostile;
mod importing;
mod lanes;
mod looking;
mod own_feed;
mod presence;
mod stranger;
mod sync;
mod telling;
mod world;
