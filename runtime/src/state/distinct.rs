//! How often each distinct value occurs in each group.

use super::byte_table::ByteTable;
use super::ordered::{EntryChange, i64_of};

/// Counts by (group, value).
#[derive(Debug, Default)]
pub struct DistinctSet {
    /// Whether values can be taken back. Where not, it is enough to know that a value has come, and a
    /// value that comes again changes nothing.
    counted: bool,
    table: ByteTable,
    entries: Vec<Entry>,
    /// First entry of each group.
    heads: Vec<u32>,
    dirty: Vec<u32>,
    /// Entries that went since the last snapshot while their group stayed.
    gone: Vec<(u32, Vec<u8>)>,
    scratch: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    count: i64,
    next: u32,
    previous: u32,
    dirty: bool,
}

const NONE: u32 = u32::MAX;
const EMPTY: Entry = Entry { count: 0, next: NONE, previous: NONE, dirty: false };

impl DistinctSet {
    /// `counted`: values can be taken back.
    pub fn new(counted: bool) -> Self {
        DistinctSet { counted, ..DistinctSet::default() }
    }
    /// Makes groups below `n` valid.
    pub fn grow(&mut self, n: usize) {
        if n > self.heads.len() {
            self.heads.resize(n, NONE);
        }
    }
    /// Counts a value once more, or once less; says whether it became present, or went.
    pub fn change(&mut self, group: u32, value: &[u8], retract: bool) -> bool {
        let by = if retract { -1 } else { 1 };
        let id = self.entry(group, value);
        let entry = &mut self.entries[id as usize];
        let before = entry.count;
        if !self.counted && before > 0 {
            return false;
        }
        entry.count += by;
        let after = entry.count;
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(id);
        }
        if after == 0 {
            self.remove(group, id);
            self.gone.push((group, value.to_vec()));
        }
        if retract { before == 1 } else { before == 0 }
    }
    /// The values of a group.
    pub fn values(&self, group: u32) -> Vec<(Vec<u8>, i64)> {
        let mut out = Vec::new();
        let mut id = self.heads[group as usize];
        while id != NONE {
            out.push((self.table.bytes(id)[4..].to_vec(), self.entries[id as usize].count));
            id = self.entries[id as usize].next;
        }
        out
    }
    /// Empties a group; returns the values that a snapshot may hold.
    pub fn clear(&mut self, group: u32) -> Vec<Vec<u8>> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        self.gone.retain_mut(|(g, key)| {
            let mine = *g == group;
            if mine {
                keys.push(std::mem::take(key));
            }
            !mine
        });
        let mut id = self.heads[group as usize];
        while id != NONE {
            keys.push(self.table.bytes(id)[4..].to_vec());
            let next = self.entries[id as usize].next;
            self.table.remove(id);
            self.entries[id as usize] = EMPTY;
            id = next;
        }
        self.heads[group as usize] = NONE;
        keys
    }
    /// Empties a group and remembers that its entries are gone.
    pub fn drain(&mut self, group: u32) {
        let keys = self.clear(group);
        self.gone.extend(keys.into_iter().map(|key| (group, key)));
    }
    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Vec<EntryChange> {
        let mut out: Vec<EntryChange> =
            self.gone.drain(..).map(|(group, key)| EntryChange { group, key, value: None }).collect();
        for id in std::mem::take(&mut self.dirty) {
            // An id may be listed twice, or belong to another entry by now: the flag decides.
            let entry = &mut self.entries[id as usize];
            if !std::mem::take(&mut entry.dirty) {
                continue;
            }
            let value = entry.count.to_le_bytes().to_vec();
            let bytes = self.table.bytes(id);
            out.push(EntryChange { group: group_of(bytes), key: bytes[4..].to_vec(), value: Some(value) });
        }
        out
    }
    /// Loads a persisted entry.
    pub fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) {
        let id = self.entry(group, key);
        match value.map(i64_of) {
            Some(n) if n != 0 => self.entries[id as usize].count = n,
            _ => self.remove(group, id),
        }
    }

    fn entry(&mut self, group: u32, value: &[u8]) -> u32 {
        self.scratch.clear();
        self.scratch.extend_from_slice(&group.to_le_bytes());
        self.scratch.extend_from_slice(value);
        let (id, new) = self.table.intern(&self.scratch);
        if new {
            if self.entries.len() < self.table.bound() {
                self.entries.resize(self.table.bound(), EMPTY);
            }
            let head = &mut self.heads[group as usize];
            self.entries[id as usize] = Entry { next: *head, ..EMPTY };
            if *head != NONE {
                self.entries[*head as usize].previous = id;
            }
            *head = id;
        }
        id
    }

    fn remove(&mut self, group: u32, id: u32) {
        let Entry { next, previous, .. } = self.entries[id as usize];
        match previous {
            NONE => self.heads[group as usize] = next,
            p => self.entries[p as usize].next = next,
        }
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        self.entries[id as usize] = EMPTY;
        self.table.remove(id);
    }
}

fn group_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::test_data::Random;
    use std::collections::BTreeMap;

    #[test]
    fn behaves_like_counted_sets() {
        let mut r = Random::new(5);
        let mut set = DistinctSet::new(true);
        set.grow(4);
        let mut model: BTreeMap<(u32, Vec<u8>), i64> = BTreeMap::new();
        let mut stored: BTreeMap<(u32, Vec<u8>), i64> = BTreeMap::new();
        for step in 0..20_000 {
            let (group, value) = (r.below(4) as u32, format!("v{}", r.below(6)).into_bytes());
            let retract = r.below(2) == 0 && model.contains_key(&(group, value.clone()));
            let count = model.entry((group, value.clone())).or_insert(0);
            *count += if retract { -1 } else { 1 };
            let edge = if retract { *count == 0 } else { *count == 1 };
            assert_eq!(set.change(group, &value, retract), edge);
            model.retain(|_, n| *n != 0);
            if step % 7 == 0 {
                for change in set.take_changes() {
                    match change.value {
                        Some(v) => stored.insert((change.group, change.key), i64_of(&v)),
                        None => stored.remove(&(change.group, change.key)),
                    };
                }
                assert_eq!(stored, model);
            }
            if r.below(500) == 0 {
                for key in set.clear(group) {
                    stored.remove(&(group, key));
                }
                model.retain(|(g, _), _| *g != group);
            }
        }
    }

    #[test]
    fn a_value_that_comes_again_is_not_written_again() {
        let mut set = DistinctSet::new(false);
        set.grow(1);
        assert!(set.change(0, b"a", false));
        assert_eq!(set.take_changes().len(), 1);
        assert!(!set.change(0, b"a", false));
        assert!(set.take_changes().is_empty());
    }
}
