//! Pages of the conversation list as they were answered since the last commit: an inbox asks for the same page again and
//! again, and so does everybody who watches it. What cannot have changed is not read and written out anew.

use crate::model::account::Actor;
use crate::model::ids::OrganizationId;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::sync::Arc;

/// As many as are looked through in no time.
const MOST_PAGES: usize = 16;
/// What is longer is asked for seldom, and would take the memory of many.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Default)]
pub struct KeptPages(ArcSwap<Vec<KeptPage>>);

#[derive(Clone)]
struct KeptPage {
    organization: OrganizationId,
    page: Page,
    /// The commit that it was read after.
    commit: u64,
    /// From when on it is right, and from when on no longer: until a session on it ends.
    from: Timestamp,
    until: Timestamp,
    body: Bytes,
}

impl KeptPages {
    /// The page without a filter, if it was answered after this commit and says the same now.
    pub fn get(&self, actor: &Actor, page: Page, commit: u64) -> Option<Bytes> {
        let asked = (actor.organization, page, commit);
        let kept = self.0.load();
        let found = kept.iter().find(|kept| (kept.organization, kept.page, kept.commit) == asked)?;
        (found.from <= actor.now && actor.now < found.until).then(|| found.body.clone())
    }

    /// Keeps a page as it was written at the actor's time. `commit` is the newest that was visible before it was read.
    pub fn keep(&self, actor: &Actor, page: Page, commit: u64, until: Timestamp, body: &Bytes) {
        if body.len() > MOST_BYTES {
            return;
        }
        let (organization, from) = (actor.organization, actor.now);
        let page = KeptPage { organization, page, commit, from, until, body: body.clone() };
        let kept = self.0.load();
        let is_good = |other: &&KeptPage| {
            other.commit == commit && (other.organization, other.page) != (page.organization, page.page)
        };
        let mut pages: Vec<KeptPage> = kept.iter().filter(is_good).take(MOST_PAGES - 1).cloned().collect();
        pages.insert(0, page);
        // Of two that keep one at the same time one is forgotten, which costs that it is written again.
        self.0.store(Arc::new(pages));
    }
}
