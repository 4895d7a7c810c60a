//! What users have read: each mark is of a user and of a conversation that is there.

use super::Check;
use super::ids::Ids;
use crate::model::call::Call;
use crate::model::read_mark::ReadMark;
use crate::model::time::Timestamp;
use crate::store::error::ReadError;
use crate::store::key::{self, ForwardKey};

impl Check<'_, '_, '_> {
    pub(super) fn read_marks(&mut self, users: &Ids) -> Result<(), ReadError> {
        let tables = self.tables;
        self.each::<Timestamp>("read_before", &tables.read_before, |check, org, id, _| {
            let damage = format_args!("what user {id} has read is of no user");
            let sound = users.contains(org, id);
            check.derived(sound, org, damage, |t| t.read_before.remove(&key::serial(org, id)).map(drop))
        })?;
        for row in tables.read_marks.range::<&ForwardKey>(..)? {
            let (key, bytes) = row?;
            let (org, user, call) = key::read_mark_parts(key.value());
            self.row(org);
            self.decode::<ReadMark>("read_marks", org, bytes.value());
            let sound = users.contains(org, user.0)
                && self.has_call(org, call, |call: Call| call.is_conversation())?;
            let damage =
                format_args!("what user {user} has read of call {call} is of no user or no conversation");
            self.derived(sound, org, damage, |t| t.read_marks.remove(key.value()).map(drop))?;
        }
        Ok(())
    }
}
