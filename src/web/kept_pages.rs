//! Pages of the conversation list as they were answered since the last commit: an inbox asks for the same page again and
//! again, and so does everybody who watches it. What cannot have changed is not read and written out anew.

use crate::model::account::Actor;
use crate::model::ids::OrganizationId;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use crate::store::Version;
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
    /// What the store showed at least when it was read.
    version: Version,
    /// From when on it is right, and from when on no longer: until a session on it ends.
    from: Timestamp,
    until: Timestamp,
    body: Bytes,
}

impl KeptPages {
    /// The page without a filter, if it was answered of this version and says the same now.
    pub fn get(&self, actor: &Actor, page: Page, version: Version) -> Option<Bytes> {
        let asked = (actor.organization, page, version);
        let kept = self.0.load();
        let found = kept.iter().find(|kept| (kept.organization, kept.page, kept.version) == asked)?;
        (found.from <= actor.now && actor.now < found.until).then(|| found.body.clone())
    }

    /// Keeps a page as it was written at the actor's time. `version` is what was visible before it was read.
    pub fn keep(&self, actor: &Actor, page: Page, version: Version, until: Timestamp, body: &Bytes) {
        if body.len() > MOST_BYTES {
            return;
        }
        let (organization, from) = (actor.organization, actor.now);
        let page = KeptPage { organization, page, version, from, until, body: body.clone() };
        let kept = self.0.load();
        // One who was slow to read would throw out what others kept since, for a page that nobody asks for any more.
        if kept.iter().any(|other| other.version > version) {
            return;
        }
        let is_good = |other: &&KeptPage| {
            other.version == version && (other.organization, other.page) != (page.organization, page.page)
        };
        let mut pages: Vec<KeptPage> = kept.iter().filter(is_good).take(MOST_PAGES - 1).cloned().collect();
        pages.insert(0, page);
        // Of two that keep one at the same time one is forgotten, which costs that it is written again.
        self.0.store(Arc::new(pages));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::account::Role;
    use crate::model::ids::UserId;

    const PAGE: Page = Page { skip: 0, limit: 50 };

    fn actor(now: i64) -> Actor {
        let (organization, user_id) = (OrganizationId(1), UserId(1));
        Actor { organization, user_id, role: Role::Viewer, now: Timestamp(now), until: None }
    }

    fn version(commit: u64, directory: u64) -> Version {
        Version { commit, directory }
    }

    fn keep(pages: &KeptPages, page: Page, version: Version, body: &'static str) {
        pages.keep(&actor(10), page, version, Timestamp(20), &Bytes::from_static(body.as_bytes()));
    }

    #[test]
    fn a_page_is_answered_again_while_it_is_right_and_to_nobody_else() {
        let pages = KeptPages::default();
        keep(&pages, PAGE, version(1, 1), "one");
        let got = |actor: &Actor, page, version| pages.get(actor, page, version).is_some();
        let at = |now, version| got(&actor(now), PAGE, version);
        assert_eq!([9, 10, 19, 20].map(|now| at(now, version(1, 1))), [false, true, true, false]);
        // Something was written; or only an assistant's name could be shown.
        assert!(!at(10, version(2, 1)) && !at(10, version(1, 2)));
        assert!(!got(&actor(10), Page { skip: 1, ..PAGE }, version(1, 1)));
        let other = Actor { organization: OrganizationId(2), ..actor(10) };
        assert!(!got(&other, PAGE, version(1, 1)));
    }

    #[test]
    fn one_who_comes_late_throws_out_nothing_newer() {
        let pages = KeptPages::default();
        let (first, second) = (PAGE, Page { skip: 50, ..PAGE });
        keep(&pages, first, version(1, 1), "old");
        keep(&pages, first, version(2, 1), "new");
        keep(&pages, second, version(2, 1), "new, too");
        keep(&pages, first, version(1, 1), "late");
        let get = |page, version| pages.get(&actor(10), page, version);
        assert_eq!(get(first, version(2, 1)), Some(Bytes::from_static(b"new")));
        assert_eq!(get(second, version(2, 1)), Some(Bytes::from_static(b"new, too")));
        assert_eq!(get(first, version(1, 1)), None);
    }

    #[test]
    fn no_more_are_kept_than_are_quickly_looked_through() {
        let pages = KeptPages::default();
        for skip in 0..3 * MOST_PAGES as u64 {
            keep(&pages, Page { skip, ..PAGE }, version(1, 1), "page");
        }
        assert_eq!(pages.0.load().len(), MOST_PAGES);
    }
}
