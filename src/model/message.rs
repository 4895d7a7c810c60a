//! Messages: what was said in a thread, in the order of `message_index` (1, 2, 3 ... no gaps).

use super::ids::MessageId;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The customer.
    User,
    /// Our side: an assistant, a rule or a person at the API.
    Assistant,
    System,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::User, Role::Assistant, Role::System];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
        }
    }
}

/// A message without its conversation and index, which are its key. Borrows when read from disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message<'a> {
    pub id: MessageId,
    pub role: Role,
    #[serde(borrow)]
    pub content: Cow<'a, str>,
    pub timestamp: Timestamp,
    #[serde(borrow)]
    pub llm_provider: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub llm_model: Option<Cow<'a, str>>,
}

/// Which messages of a thread are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageRange {
    /// Only messages with a greater index.
    pub after_index: u32,
    pub skip: u32,
    /// `None`: all of them.
    pub limit: Option<u32>,
}

impl MessageRange {
    /// The indexes asked for, first and last inclusive. Indexes have no gaps, so a page is found
    /// by arithmetic and `skip` costs nothing.
    pub fn indexes(self) -> Option<(u32, u32)> {
        let first = self.after_index.checked_add(self.skip)?.checked_add(1)?;
        let last = match self.limit {
            None => u32::MAX,
            Some(0) => return None,
            Some(limit) => first.saturating_add(limit - 1),
        };
        Some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_messages_is_found_by_arithmetic() {
        for (after_index, skip, limit, indexes) in [
            (0, 0, None, Some((1, u32::MAX))),
            (0, 2, Some(3), Some((3, 5))),
            (10, 2, Some(1), Some((13, 13))),
            (0, 0, Some(0), None),
            (u32::MAX, 0, None, None),
            (5, u32::MAX, Some(1), None),
        ] {
            let range = MessageRange { after_index, skip, limit };
            assert_eq!(range.indexes(), indexes, "{range:?}");
        }
    }
}
