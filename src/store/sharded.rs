//! A map that readers share and that costs little to change: it is kept in parts, and a change copies the one that it
//! is in. Taking what it is at one moment copies a pointer.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Of ten thousand entries a change copies about as many pointers to parts as entries in one.
const PARTS: usize = 128;

#[derive(Clone)]
pub(super) struct Sharded<K, V> {
    parts: Arc<[Arc<HashMap<K, V>>; PARTS]>,
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Sharded<K, V> {
        // One for all, as long as nothing is in them.
        let empty = Arc::<HashMap<K, V>>::default();
        Sharded { parts: Arc::new(std::array::from_fn(|_| empty.clone())) }
    }
}

impl<K: Hash + Eq, V> Sharded<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.parts[part_of(key)].get(key)
    }

    /// In no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.parts.iter().flat_map(|part| part.values())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Sharded<K, V> {
    /// The part that the key is in, for this map alone.
    fn part_mut(&mut self, key: &K) -> &mut HashMap<K, V> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.parts)[part_of(key)])
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        self.part_mut(&key).insert(key, value);
    }

    /// Copies nothing where there is nothing to remove.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.get(key)?;
        self.part_mut(key).remove(key)
    }

    /// To be changed; `None` and nothing copied: there is no such key.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.get(key)?;
        self.part_mut(key).get_mut(key)
    }

    pub(super) fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.part_mut(&key).entry(key).or_default()
    }
}

fn part_of(key: &impl Hash) -> usize {
    let mut mixed = Mixed(0);
    key.hash(&mut mixed);
    mixed.finish() as usize % PARTS
}

/// Spreads keys over the parts, quickly and always the same. Keys that are made to be in one part make its changes
/// slow, but no lookup: each part is a map that hashes by a secret of its own.
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            let word = u64::from_le_bytes(word);
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        // Of a product the upper bits are the mixed ones.
        self.0 >> 48
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_until_it_is_removed() {
        let mut map = Sharded::default();
        for key in 0..1_000_u32 {
            map.insert(key, key * 2);
        }
        assert!((0..1_000).all(|key| map.get(&key) == Some(&(key * 2))));
        assert_eq!(map.get(&1_000), None);
        map.insert(7, 1);
        assert_eq!((map.remove(&7), map.remove(&7), map.get(&7)), (Some(1), None, None));
        let mut values: Vec<_> = map.values().copied().collect();
        values.sort_unstable();
        assert_eq!(values, (0..1_000).filter(|key| *key != 7).map(|key| key * 2).collect::<Vec<_>>());
        *map.or_default(7) += 3;
        *map.get_mut(&7).unwrap() += 1;
        assert_eq!(map.get(&7), Some(&4));
        assert_eq!(map.get_mut(&1_000), None);
    }

    #[test]
    fn what_was_taken_before_a_change_does_not_see_it() {
        let mut map = Sharded::default();
        map.insert("kept", 1);
        map.insert("changed", 1);
        let before = map.clone();
        map.insert("new", 1);
        *map.or_default("changed") = 2;
        map.remove(&"kept");
        let all =
            |map: &Sharded<&'static str, i32>| ["kept", "changed", "new"].map(|key| map.get(&key).copied());
        assert_eq!(all(&before), [Some(1), Some(1), None]);
        assert_eq!(all(&map), [None, Some(2), Some(1)]);
    }

    #[test]
    fn a_change_copies_one_part() {
        let mut map = Sharded::default();
        for key in 0..1_000_u32 {
            map.insert(key.to_string(), key);
        }
        let before = map.clone();
        map.insert("new".to_owned(), 0);
        let copied = map.parts.iter().zip(before.parts.iter()).filter(|(now, then)| !Arc::ptr_eq(now, then));
        assert_eq!(copied.count(), 1);
        let before = map.clone();
        map.remove(&"unknown".to_owned());
        assert!(Arc::ptr_eq(&map.parts, &before.parts));
    }

    #[test]
    fn keys_are_spread_over_the_parts() {
        let mut map = Sharded::default();
        for key in 0..12_800_u32 {
            map.insert(format!("+1555{key:07}"), ());
        }
        let longest = map.parts.iter().map(|part| part.len()).max();
        assert!(longest < Some(200), "{longest:?} of 100");
    }
}
