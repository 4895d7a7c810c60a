//! The TTL cache of SMS sessions: which conversation a session is bound to, without asking the
//! store. The store is the truth: a miss reads through, nothing is loaded at start, and what a hit
//! says is checked against the conversation before a message joins it.
//!
//! The cache's own clock cannot be ours, so `expires_at` is kept in the value and judged by the
//! caller's `now`; the cache's TTL and capacity only bound memory.

use crate::model::ids::{CallId, OrganizationId};
use crate::model::session::SessionKey;
use crate::model::time::Timestamp;
use moka::sync::Cache;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// At some 350 bytes each this bounds the cache to about 35 MB.
const CAPACITY: u64 = 100_000;

#[derive(Clone, Copy)]
struct Bound {
    call_id: CallId,
    expires_at: Timestamp,
}

/// Clones share one cache.
#[derive(Clone)]
pub struct Sessions {
    cache: Cache<Box<[u8]>, Bound>,
    /// What is bound in another realm is not found in this one.
    realm: u32,
}

static LAST_REALM: AtomicU32 = AtomicU32::new(0);

impl Sessions {
    pub fn new(ttl_seconds: u64) -> Sessions {
        let cache =
            Cache::builder().max_capacity(CAPACITY).time_to_live(Duration::from_secs(ttl_seconds)).build();
        Sessions { cache, realm: 0 }
    }

    /// In the same cache, but nothing that was bound so far is found.
    pub fn apart(&self) -> Sessions {
        Sessions { cache: self.cache.clone(), realm: LAST_REALM.fetch_add(1, Ordering::Relaxed) + 1 }
    }

    /// One run of bytes instead of two strings: half the memory of an entry.
    fn key(&self, organization: OrganizationId, session: &SessionKey) -> Box<[u8]> {
        let (customer, our_number) =
            (session.customer.as_str().as_bytes(), session.our_number.as_str().as_bytes());
        let mut key = Vec::with_capacity(16 + customer.len() + 1 + our_number.len());
        key.extend_from_slice(&self.realm.to_be_bytes());
        key.extend_from_slice(&organization.0.to_be_bytes());
        key.extend_from_slice(&session.assistant_id.0.to_be_bytes());
        key.extend_from_slice(customer);
        key.push(0);
        key.extend_from_slice(our_number);
        key.into_boxed_slice()
    }

    /// The conversation that the session is bound to, while it lives at `now`.
    pub fn get(&self, organization: OrganizationId, session: &SessionKey, now: Timestamp) -> Option<CallId> {
        let bound = self.cache.get(&*self.key(organization, session))?;
        (now < bound.expires_at).then_some(bound.call_id)
    }

    pub fn bind(
        &self,
        organization: OrganizationId,
        session: &SessionKey,
        call_id: CallId,
        expires_at: Timestamp,
    ) {
        self.cache.insert(self.key(organization, session), Bound { call_id, expires_at });
    }

    /// Forgets a session that was closed.
    pub fn unbind(&self, organization: OrganizationId, session: &SessionKey) {
        self.cache.invalidate(&*self.key(organization, session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Address;
    use crate::model::ids::AssistantId;

    #[test]
    fn a_session_is_found_until_it_expires_by_the_callers_clock() {
        let sessions = Sessions::new(60);
        let session = |customer: &str| SessionKey {
            customer: Address::parse(customer).unwrap(),
            assistant_id: AssistantId(1),
            our_number: Address::parse("+15551234567").unwrap(),
        };
        let (org, carla) = (OrganizationId(1), session("+15559876543"));
        sessions.bind(org, &carla, CallId(7), Timestamp(1_000));
        for (organization, asked, now, found) in [
            (org, &carla, 999, Some(CallId(7))),
            (org, &carla, 1_000, None),
            (OrganizationId(2), &carla, 999, None),
            (org, &session("+15559876544"), 999, None),
        ] {
            assert_eq!(sessions.get(organization, asked, Timestamp(now)), found);
        }
        assert_eq!(sessions.apart().get(org, &carla, Timestamp(999)), None);
    }
}
