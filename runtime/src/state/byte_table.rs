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
    /// For each entry its length (u32, little endian) and its bytes.
    arena: Vec<u8>,
    /// Where each id's entry starts.
    starts: Vec<usize>,
    free: Vec<u32>,
    dead: usize,
    state: RandomState,
    hashes: Vec<u32>,
    found: Vec<Option<(u32, usize)>>,
}

/// The start stands here too, so that a look-up touches the slot and the bytes and nothing else.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
    start: usize,
}

/// Start of an id that belongs to no entry.
const FREE: usize = usize::MAX;
/// Below this many bytes the arena is not worth compacting.
const COMPACT_FROM: usize = 1 << 16;

/// The table takes its bucket from the low bits and its tag from the high ones; 32 kept bits serve
/// as both, and make most comparisons of unequal keys unnecessary.
pub(super) fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash) << 32
}

/// The 32 bits that are kept of a hash.
pub(super) fn kept(hasher: &impl Hasher) -> u32 {
    let h = hasher.finish();
    (h ^ h >> 32) as u32
}

fn entry_at(arena: &[u8], start: usize) -> &[u8] {
    let head = &arena[start..start + 4];
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    &arena[start + 4..start + 4 + length]
}

impl ByteTable {
    fn hash(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.state.build_hasher();
        hasher.write(bytes);
        kept(&hasher)
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
        self.starts.len()
    }
    /// Whether an id is in use.
    pub fn is_live(&self, id: u32) -> bool {
        self.starts[id as usize] != FREE
    }
    /// The bytes of an id in use.
    pub fn bytes(&self, id: u32) -> &[u8] {
        entry_at(&self.arena, self.starts[id as usize])
    }
    /// The ids in use.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.starts.len() as u32).filter(|id| self.is_live(*id))
    }
    /// The id of an entry, if there is one.
    pub fn find(&self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hash(bytes);
        let same = |s: &Slot| s.hash == hash && entry_at(&self.arena, s.start) == bytes;
        self.table.find(spread(hash), same).map(|s| s.id)
    }
    /// The id of an entry, made where there is none; the flag says that it was made.
    pub fn intern(&mut self, bytes: &[u8]) -> (u32, bool) {
        self.intern_hashed(bytes, self.hash(bytes))
    }
    fn intern_hashed(&mut self, bytes: &[u8], hash: u32) -> (u32, bool) {
        let ByteTable { table, arena, starts, free, .. } = self;
        let same = |s: &Slot| s.hash == hash && entry_at(arena, s.start) == bytes;
        match table.entry(spread(hash), same, |s| spread(s.hash)) {
            Entry::Occupied(entry) => (entry.get().id, false),
            Entry::Vacant(entry) => {
                let start = arena.len();
                arena.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                arena.extend_from_slice(bytes);
                let id = if let Some(id) = free.pop() {
                    starts[id as usize] = start;
                    id
                } else {
                    starts.push(start);
                    (starts.len() - 1) as u32
                };
                entry.insert(Slot { hash, id, start });
                (id, true)
            }
        }
    }
    /// Interns encoded rows, all or the selected ones: their ids go to `ids`, in order, and those
    /// that were made also to `made`.
    ///
    /// Three short loops instead of one, so that the processor waits for many rows' memory at once.
    pub fn intern_rows(
        &mut self,
        rows: &EncodedRows,
        selected: Option<&[u32]>,
        ids: &mut Vec<u32>,
        made: &mut Vec<u32>,
    ) {
        let n = selected.map_or(rows.len(), <[u32]>::len);
        let row = |i: usize| rows.row(selected.map_or(i, |s| s[i] as usize));
        let (mut hashes, mut found) = (std::mem::take(&mut self.hashes), std::mem::take(&mut self.found));
        hashes.clear();
        hashes.extend((0..n).map(|i| self.hash(row(i))));
        found.clear();
        found.extend(
            hashes.iter().map(|hash| self.table.find(spread(*hash), |s| s.hash == *hash).map(|s| (s.id, s.start))),
        );
        ids.reserve(n);
        for (i, (hash, found)) in hashes.iter().zip(&found).enumerate() {
            match found {
                Some((id, start)) if entry_at(&self.arena, *start) == row(i) => ids.push(*id),
                // New, made by an earlier row of this batch, or another key of the same hash.
                _ => {
                    let (id, new) = self.intern_hashed(row(i), *hash);
                    ids.push(id);
                    if new {
                        made.push(id);
                    }
                }
            }
        }
        (self.hashes, self.found) = (hashes, found);
    }
    /// Removes all entries; the memory is kept.
    pub fn clear(&mut self) {
        self.table.clear();
        self.arena.clear();
        self.starts.clear();
        self.free.clear();
        self.dead = 0;
    }
    /// Removes an entry in use; its id will be used again.
    pub fn remove(&mut self, id: u32) {
        let bytes = self.bytes(id);
        let (hash, length) = (self.hash(bytes), bytes.len());
        if let Ok(entry) = self.table.find_entry(spread(hash), |s| s.id == id) {
            entry.remove();
        }
        self.dead += length + 4;
        self.starts[id as usize] = FREE;
        self.free.push(id);
        if self.dead > COMPACT_FROM && self.dead * 2 > self.arena.len() {
            self.compact();
        }
    }
    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.dead);
        for start in self.starts.iter_mut().filter(|s| **s != FREE) {
            let bytes = entry_at(&self.arena, *start);
            *start = arena.len();
            arena.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            arena.extend_from_slice(bytes);
        }
        for slot in &mut self.table {
            slot.start = self.starts[slot.id as usize];
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
