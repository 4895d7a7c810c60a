//! What a line says of the past. A time that is still to come would stamp the live messages that
//! follow it in its thread, so the importer refuses it.

use super::Line;
use crate::model::time::Timestamp;

impl Line {
    /// When something happened, each time with its field. What lies ahead by its nature (an
    /// expiry, a job that is due) is not among them.
    pub fn past_times(&self) -> [Option<(&'static str, Timestamp)>; 3] {
        let created_updated = |created: Option<Timestamp>, updated: Option<Timestamp>| {
            [created.map(|time| ("created_at", time)), updated.map(|time| ("updated_at", time)), None]
        };
        match self {
            Line::Organization(line) => created_updated(line.created_at, None),
            Line::User(line) => created_updated(line.created_at, line.updated_at),
            Line::Assistant(line) => created_updated(line.created_at, line.updated_at),
            Line::PhoneNumber(line) => created_updated(line.created_at, line.updated_at),
            Line::MessageLog(line) => created_updated(Some(line.created_at), line.updated_at),
            Line::OutboundJob(line) => created_updated(Some(line.created_at), line.updated_at),
            Line::ApiKey(line) => {
                let [created, updated, _] = created_updated(line.created_at, line.updated_at);
                [created, updated, line.revoked_at.map(|time| ("revoked_at", time))]
            }
            Line::Call(line) => [
                Some(("started_at", line.started_at)),
                line.last_activity.map(|time| ("last_activity", time)),
                line.ended_at.map(|time| ("ended_at", time)),
            ],
            Line::Message(line) => [Some(("timestamp", line.timestamp)), None, None],
            Line::AuditEvent(line) => [Some(("timestamp", line.timestamp)), None, None],
            Line::OptOut(line) => [Some(("opted_out_at", line.opted_out_at)), None, None],
        }
    }
}
