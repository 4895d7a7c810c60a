//! Something of each organization, the oldest first. Readers share it, and it costs little to change: it is kept in
//! parts of organizations that came one after the other, and a change copies the one that it is in.

use crate::model::ids::OrganizationId;
use std::sync::Arc;

/// So many organizations are in one part at most.
const PART: u32 = 128;

/// Sorted by the first.
type Sorted<K, V> = Vec<(K, V)>;

#[derive(Clone)]
pub(super) struct ByOrganization<V> {
    /// A part that would be empty is not kept.
    parts: Arc<Sorted<u32, Arc<Sorted<OrganizationId, V>>>>,
}

impl<V> Default for ByOrganization<V> {
    fn default() -> ByOrganization<V> {
        ByOrganization { parts: Arc::default() }
    }
}

impl<V> ByOrganization<V> {
    pub(super) fn get(&self, id: OrganizationId) -> Option<&V> {
        let (_, part) = &self.parts[place(&self.parts, id.0 / PART).ok()?];
        Some(&part[place(part, id).ok()?].1)
    }

    /// The oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OrganizationId, &V)> {
        self.parts.iter().flat_map(|(_, part)| part.iter().map(|(id, value)| (*id, value)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

impl<V: Clone> ByOrganization<V> {
    pub(super) fn or_default(&mut self, id: OrganizationId) -> &mut V
    where
        V: Default,
    {
        let part = or_default(Arc::make_mut(&mut self.parts), id.0 / PART);
        or_default(Arc::make_mut(part), id)
    }

    /// Copies nothing where there is nothing to remove.
    pub(super) fn remove(&mut self, id: OrganizationId) -> Option<V> {
        self.get(id)?;
        let parts = Arc::make_mut(&mut self.parts);
        let at = place(parts, id.0 / PART).ok()?;
        let part = Arc::make_mut(&mut parts[at].1);
        let (_, removed) = part.remove(place(part, id).ok()?);
        if part.is_empty() {
            parts.remove(at);
        }
        Some(removed)
    }
}

fn place<K: Ord + Copy, V>(sorted: &[(K, V)], key: K) -> Result<usize, usize> {
    sorted.binary_search_by_key(&key, |(known, _)| *known)
}

fn or_default<K: Ord + Copy, V: Default>(sorted: &mut Sorted<K, V>, key: K) -> &mut V {
    let place = place(sorted, key).unwrap_or_else(|place| {
        sorted.insert(place, (key, V::default()));
        place
    });
    &mut sorted[place].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(map: &ByOrganization<u32>) -> Vec<u32> {
        map.iter().map(|(id, _)| id.0).collect()
    }

    #[test]
    fn the_oldest_come_first_whenever_they_were_put_in() {
        let mut map = ByOrganization::default();
        for id in [PART * 3, 2, PART - 1, PART, 1, PART * 3 + 1] {
            *map.or_default(OrganizationId(id)) += id;
        }
        assert_eq!(ids(&map), [1, 2, PART - 1, PART, PART * 3, PART * 3 + 1]);
        assert!(map.iter().all(|(id, value)| id.0 == *value && map.get(id) == Some(value)));
        assert_eq!((map.get(OrganizationId(3)), map.get(OrganizationId(PART * 2))), (None, None));
    }

    #[test]
    fn what_was_taken_before_a_change_does_not_see_it() {
        let mut map = ByOrganization::default();
        for id in [1, 2, PART] {
            *map.or_default(OrganizationId(id)) = id;
        }
        let before = map.clone();
        assert_eq!(map.remove(OrganizationId(3)), None);
        assert!(Arc::ptr_eq(&map.parts, &before.parts));
        assert_eq!(map.remove(OrganizationId(PART)), Some(PART));
        *map.or_default(OrganizationId(1)) = 7;
        assert_eq!((ids(&map), map.get(OrganizationId(1))), (vec![1, 2], Some(&7)));
        assert_eq!((ids(&before), before.get(OrganizationId(1))), (vec![1, 2, PART], Some(&1)));
        for id in [1, 2] {
            assert!(!map.is_empty());
            map.remove(OrganizationId(id));
        }
        assert!(map.is_empty());
    }
}
