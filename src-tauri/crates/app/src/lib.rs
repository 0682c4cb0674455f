//! A running node for any front end.

pub mod view;
