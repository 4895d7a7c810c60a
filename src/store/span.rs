//! Between which times something lies. What blocks keep of it is a bound: it is widened by what comes, and narrowed only
//! when the rows are counted anew.

use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) least: Timestamp,
    pub(super) most: Timestamp,
}

/// Of nothing.
pub(super) const NONE: Span = Span { least: Timestamp(i64::MAX), most: Timestamp(i64::MIN) };

impl Default for Span {
    fn default() -> Span {
        NONE
    }
}

impl Span {
    /// What is asked for by two bounds, both inclusive.
    pub(super) fn asked(from: Option<Timestamp>, to: Option<Timestamp>) -> Span {
        Span { least: from.unwrap_or(Timestamp(i64::MIN)), most: to.unwrap_or(Timestamp(i64::MAX)) }
    }

    pub(super) fn widen(&mut self, other: Span) {
        *self = Span { least: self.least.min(other.least), most: self.most.max(other.most) };
    }

    pub(super) fn add(&mut self, time: Timestamp) {
        self.widen(Span { least: time, most: time });
    }

    pub(super) fn holds(self, other: Span) -> bool {
        self.least <= other.least && other.most <= self.most
    }

    pub(super) fn is_apart_from(self, other: Span) -> bool {
        self.most < other.least || other.most < self.least
    }
}
