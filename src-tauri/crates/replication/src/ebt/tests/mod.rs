//! What the machine says to each thing that can happen, and how many machines fare together.

mod convergence;
mod desk;
mod hostile;
mod levels;
mod mesh;
mod notes;
mod outbox;
mod repair;
mod saving;
