//! The assistants' rules, ready to be asked: patterns are compiled once for each change of an assistant.

use crate::model::assistant::Assistant;
use crate::model::auto_reply::AutoReply;
use crate::model::ids::{AssistantId, OrganizationId};
use crate::model::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Above this many all are forgotten, and made again.
const KEPT: usize = 1_000;

type Key = (OrganizationId, AssistantId);

/// When the assistant was changed last, and its rules as they were then.
type Compiled = (Timestamp, Option<Arc<AutoReply>>);

/// Of each assistant that was asked.
#[derive(Default)]
pub struct Rules(Mutex<HashMap<Key, Compiled>>);

impl Rules {
    pub fn of(&self, key: Key, assistant: &Assistant) -> Option<Arc<AutoReply>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, rules)) = kept.get(&key)
            && *at == assistant.updated_at
        {
            return rules.clone();
        }
        // What an import brought may be no rules.
        let rules = AutoReply::of(assistant.custom_settings.as_ref()).ok().flatten().map(Arc::new);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, (assistant.updated_at, rules.clone()));
        rules
    }
}
