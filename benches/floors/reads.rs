//! The reads that are measured, here against bare axum and there on little and on much data.

use crate::data::{Made, THOUSAND};

pub(crate) struct Read {
    pub name: String,
    /// The least that is wanted of the ratio to bare axum.
    pub target: f64,
    /// As a router has it.
    pub route: &'static str,
    /// What is asked for in turn.
    pub paths: Vec<String>,
}

/// One page again and again: smslite keeps its bytes until something is written.
pub(crate) const KEPT: &str = "list 50 conversations";

const CONVERSATIONS: &str = "/api/v1/sms-conversations/";

pub(crate) fn reads(made: &Made) -> Vec<Read> {
    let each = |ids: &[u64], after: &str| -> Vec<String> {
        ids.iter().map(|id| format!("{CONVERSATIONS}{id}{after}")).collect()
    };
    vec![
        Read {
            name: KEPT.to_owned(),
            target: 0.60,
            route: CONVERSATIONS,
            paths: vec![format!("{CONVERSATIONS}?limit=50")],
        },
        // More than are kept.
        Read {
            name: "list 50 conversations, always others".to_owned(),
            target: 0.60,
            route: CONVERSATIONS,
            paths: (0..32).map(|page| format!("{CONVERSATIONS}?limit=50&skip={page}")).collect(),
        },
        Read {
            name: "one conversation".to_owned(),
            target: 0.75,
            route: "/api/v1/sms-conversations/{id}",
            paths: each(&made.some, ""),
        },
        Read {
            name: "messages of an 8-message thread".to_owned(),
            target: 0.70,
            route: "/api/v1/sms-conversations/{id}/messages",
            paths: each(&made.long, "/messages"),
        },
        Read {
            name: format!("export csv of {THOUSAND} messages"),
            target: 0.40,
            route: "/api/v1/sms-conversations/{id}/export",
            paths: each(&[made.thousand], "/export?format=csv"),
        },
        Read {
            name: "message logs, outbound and delivered".to_owned(),
            target: 0.40,
            route: "/api/v1/sms-logs/",
            paths: vec!["/api/v1/sms-logs/?direction=outbound&status=delivered".to_owned()],
        },
    ]
}
