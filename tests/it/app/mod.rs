//! Verbs that have no route of their own.

mod arrivals;
mod message_logs;
mod read_marks;
mod thread;

use crate::util::TestApp;
use smslite::model::account::{Actor, Role};
use smslite::model::ids::{OrganizationId, UserId};

/// Somebody of an organization; the users are numbered as they were made.
pub fn somebody(app: &TestApp, organization: u32, user: u64) -> Actor {
    Actor {
        organization: OrganizationId(organization),
        user_id: UserId(user),
        role: Role::Viewer,
        now: app.clock.now(),
        until: None,
    }
}
