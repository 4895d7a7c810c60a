//! Which ids a table has, in a bit each: as long as they are given one after the other, a million take
//! some hundred kilobytes.

use crate::model::ids::OrganizationId;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Ids(HashMap<(OrganizationId, u64), u64>);

impl Ids {
    pub(super) fn insert(&mut self, organization: OrganizationId, id: u64) {
        *self.0.entry((organization, id / 64)).or_default() |= 1 << (id % 64);
    }

    pub(super) fn contains(&self, organization: OrganizationId, id: u64) -> bool {
        self.0.get(&(organization, id / 64)).is_some_and(|bits| bits & 1 << (id % 64) != 0)
    }
}
