//! What stands for [`super::lanes`] on processors that are made without such instructions.

use super::cache::{AuthorTable, BaseTable};
use super::check::Claim;
use super::curve::{Addend, Point};

/// There is none.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lanes {}

impl Lanes {
    pub(super) fn detect() -> Option<Self> {
        None
    }

    pub(super) fn multiples<const WIDTH: usize>(self, _: &Point) -> Box<[Addend]> {
        match self {}
    }

    pub(super) fn commitments(self, _: &BaseTable, _: &[(&Claim, &AuthorTable)]) -> Vec<[u8; 32]> {
        match self {}
    }

    pub(super) fn commitments_of_strangers(self, _: &BaseTable, _: &[(&Claim, &Point)]) -> Vec<[u8; 32]> {
        match self {}
    }

    pub(super) fn negated_points(self, _: &[[u8; 32]]) -> Vec<Option<Point>> {
        match self {}
    }

    pub(super) fn digests(self, _: &[&[u8]]) -> Vec<[u8; 64]> {
        match self {}
    }
}
