//! Byte strings to dense ids: the hash table under every keyed state. Bytes live in one arena, ids
//! of removed entries are used again.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::codec::EncodedRows;

/// Byte strings with dense ids.
#[derive(Debug, Default)]
pub struct ByteTable {
    table: HashTable<Slot>,
    arena: Vec<u8>,
    spans: Vec<Span>,
    free: Vec<u32>,
    dead: usize,
    state: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    len: u32,
}

/// Length of a span that belongs to no entry.
const FREE: u32 = u32::MAX;
/// Below this many bytes the arena is not worth compacting.
const COMPACT_FROM: usize = 1 << 16;

/// The table takes its bucket from the low bits and its tag from the high ones; 32 kept bits serve
/// as both, and make most comparisons of unequal keys unnecessary.
fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash) << 32
}

impl ByteTable {
    fn hash(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.state.build_hasher();
        hasher.write(bytes);
        let h = hasher.finish();
        (h ^ h >> 32) as u32
    }
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.table.len()
    }
    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
    /// All ids are below this.
    pub fn bound(&self) -> usize {
        self.spans.len()
    }
    /// Whether an id is in use.
    pub fn is_live(&self, id: u32) -> bool {
        self.spans[id as usize].len != FREE
    }
    /// The bytes of an id in use.
    pub fn bytes(&self, id: u32) -> &[u8] {
        let span = self.spans[id as usize];
        debug_assert!(span.len != FREE);
        &self.arena[span.start..span.start + span.len as usize]
    }
    /// The ids in use.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.spans.len() as u32).filter(|id| self.is_live(*id))
    }
    /// The id of an entry, if there is one.
    pub fn find(&self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hash(bytes);
        self.table.find(spread(hash), |s| s.hash == hash && self.bytes(s.id) == bytes).map(|s| s.id)
    }
    /// The id of an entry, made where there is none; the flag says that it was made.
    pub fn intern(&mut self, bytes: &[u8]) -> (u32, bool) {
        let hash = self.hash(bytes);
        let ByteTable { table, arena, spans, free, .. } = self;
        let same = |s: &Slot| {
            let span = spans[s.id as usize];
            s.hash == hash && &arena[span.start..span.start + span.len as usize] == bytes
        };
        match table.entry(spread(hash), same, |s| spread(s.hash)) {
            Entry::Occupied(entry) => (entry.get().id, false),
            Entry::Vacant(entry) => {
                let span = Span { start: arena.len(), len: bytes.len() as u32 };
                arena.extend_from_slice(bytes);
                let id = if let Some(id) = free.pop() {
                    spans[id as usize] = span;
                    id
                } else {
                    spans.push(span);
                    (spans.len() - 1) as u32
                };
                entry.insert(Slot { hash, id });
                (id, true)
            }
        }
    }
    /// Interns encoded rows, all or the selected ones: their ids go to `ids`, in order, and those
    /// that were made also to `made`.
    pub fn intern_rows(
        &mut self,
        rows: &EncodedRows,
        selected: Option<&[u32]>,
        ids: &mut Vec<u32>,
        made: &mut Vec<u32>,
    ) {
        let mut one = |table: &mut Self, row: usize| {
            let (id, new) = table.intern(rows.row(row));
            ids.push(id);
            if new {
                made.push(id);
            }
        };
        match selected {
            None => (0..rows.len()).for_each(|i| one(self, i)),
            Some(selected) => selected.iter().for_each(|i| one(self, *i as usize)),
        }
    }
    /// Removes an entry in use; its id will be used again.
    pub fn remove(&mut self, id: u32) {
        let hash = self.hash(self.bytes(id));
        if let Ok(entry) = self.table.find_entry(spread(hash), |s| s.id == id) {
            entry.remove();
        }
        self.dead += self.spans[id as usize].len as usize;
        self.spans[id as usize] = Span { start: 0, len: FREE };
        self.free.push(id);
        if self.dead > COMPACT_FROM && self.dead * 2 > self.arena.len() {
            self.compact();
        }
    }
    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.dead);
        for span in self.spans.iter_mut().filter(|s| s.len != FREE) {
            let start = arena.len();
            arena.extend_from_slice(&self.arena[span.start..span.start + span.len as usize]);
            span.start = start;
        }
        self.arena = arena;
        self.dead = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::test_data::Random;
    use std::collections::HashMap;

    #[test]
    fn behaves_like_a_map() {
        let mut r = Random::new(7);
        let mut table = ByteTable::default();
        let mut model: HashMap<Vec<u8>, u32> = HashMap::new();
        for _ in 0..60_000 {
            let key = format!("key number {}", r.below(3000)).into_bytes();
            if r.below(3) == 0 {
                if let Some(id) = model.remove(&key) {
                    assert_eq!(table.find(&key), Some(id));
                    table.remove(id);
                }
                assert_eq!(table.find(&key), None);
            } else {
                let (id, new) = table.intern(&key);
                assert_eq!(new, !model.contains_key(&key));
                assert_eq!(*model.entry(key.clone()).or_insert(id), id);
                assert_eq!(table.bytes(id), key);
            }
            assert_eq!(table.len(), model.len());
        }
        assert!(table.bound() <= 3000, "ids are used again");
        let mut ids: Vec<_> = model.values().copied().collect();
        ids.sort_unstable();
        assert_eq!(table.ids().collect::<Vec<_>>(), ids);
    }
}
