//! The folder of blobs as whoever uses it sees it, on a real disk.

mod adding;
mod hostile;
mod pictures;
mod reading;
mod sample;
mod scanning;
mod tidying;
mod travelling;
