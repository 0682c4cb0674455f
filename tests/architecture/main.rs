//! The rules of ARCHITECTURE.md that a machine can check: who may import whom, what purity means, and tidiness.

mod arrows;
mod sources;
mod tidy;
