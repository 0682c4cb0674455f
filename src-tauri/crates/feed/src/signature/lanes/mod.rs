//! Eight signatures at once, one in each 64-bit lane of the vectors of AVX-512, on processors that multiply 52 bits by 52
//! there (IFMA: Intel from 2019, AMD from 2022). Everywhere else [`Lanes::detect`] says `None`.
//!
//! It is the computation of the neighbouring modules with the same tables, and comes to the same bytes; which of the two
//! ran can be told by the clock alone.

mod decode;
mod field;
mod hash;
mod machine;
mod point;
mod sums;
mod table;

pub(super) use machine::Lanes;

#[cfg(test)]
mod tests;
