//! What the machine says to each thing that can happen, and how many machines fare together.

mod desk;
mod levels;
mod mesh;
mod outbox;
mod repair;
mod scenario;
