//! A step of the processing of messages, as pages show it.

use super::page::Shell;
use super::when::When;
use crate::model::audit::Level;
use crate::model::timeline::TimelineEvent;
use serde_json::Value;

pub struct StepView {
    pub at: When,
    /// `webhook_received`
    pub name: String,
    pub level: &'static str,
    pub text: String,
    /// What is known beside it.
    pub facts: Vec<(String, String)>,
    /// The message that it is about, where there are several.
    pub log_id: Option<u64>,
}

impl StepView {
    pub fn of(shell: &Shell, event: TimelineEvent) -> StepView {
        let words = event.words;
        let fields = match words.data {
            Some(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let log_id = fields.get("log_id").and_then(Value::as_u64);
        // What is not there is not worth a line.
        let told = fields.into_iter().filter(|(name, value)| !value.is_null() && name != "log_id");
        StepView {
            at: shell.when(event.at),
            name: words.event_type,
            level: match words.level {
                Level::Debug | Level::Info => "info",
                Level::Warning => "warning",
                Level::Error => "error",
            },
            text: words.message,
            facts: told.map(|(name, value)| (name.replace('_', " "), plain(value))).collect(),
            log_id,
        }
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}
