//! What the format is, held against vectors, crafted signatures, random data and the JavaScript reference.

mod crafted;
mod data;
mod dataset;
mod differential;
mod hostile;
mod javascript;
mod packed;
mod properties;
mod random;
mod sample;
mod vectors;
