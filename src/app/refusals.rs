//! Webhooks that were refused, and why: so that a wrong secret or proxy setting is found in a minute. Anybody can
//! make us refuse something, so it is kept in memory, the newest of each organization.

use crate::model::ids::OrganizationId;
use crate::model::time::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many of each organization are kept.
const KEPT: usize = 100;
/// A text is cut after so many characters.
const SHOWN: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub at: Timestamp,
    /// The carrier whose webhook it seems to be; of an unknown path none.
    pub carrier: Option<&'static str>,
    pub method: String,
    /// What the carrier must have called for its signature to be right; no query and no password in it.
    pub url: String,
    /// Why, and what to look at.
    pub reason: String,
    /// Seconds that the request's own time is behind our clock, where it tells one.
    pub clock_skew_seconds: Option<i64>,
    /// The headers that matter: signatures cut short, what proxies say of themselves.
    pub headers: Vec<(String, String)>,
}

/// The newest come first.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<OrganizationId, VecDeque<Refused>>>);

impl Refusals {
    pub fn note(&self, organization: OrganizationId, mut refused: Refused) {
        for text in [&mut refused.url, &mut refused.reason] {
            *text = text.chars().take(SHOWN).collect();
        }
        let mut kept = self.kept();
        let kept = kept.entry(organization).or_default();
        kept.truncate(KEPT - 1);
        kept.push_front(refused);
    }

    pub fn list(&self, organization: OrganizationId) -> Vec<Refused> {
        self.kept().get(&organization).map_or(Vec::new(), |kept| kept.iter().cloned().collect())
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<OrganizationId, VecDeque<Refused>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
