//! Ordered entries under groups: what MIN, MAX, FIRST_VALUE, LAST_VALUE and lists need where rows can
//! be taken back. Each entry is persisted by itself, so a snapshot costs what changed.

use std::collections::{BTreeMap, BTreeSet};

/// The entries of one group: key to value.
pub type Entries = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// Bytes in order, with a value, under each group.
#[derive(Debug, Default)]
pub struct Ordered {
    groups: Vec<Entries>,
    changed: BTreeSet<(u32, Box<[u8]>)>,
}

/// A persisted entry that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryChange {
    /// Its group.
    pub group: u32,
    /// Its key inside the group.
    pub key: Vec<u8>,
    /// Its value; `None`: it is gone.
    pub value: Option<Vec<u8>>,
}

impl Ordered {
    /// Makes groups below `n` valid.
    pub fn grow(&mut self, n: usize) {
        if n > self.groups.len() {
            self.groups.resize_with(n, BTreeMap::new);
        }
    }
    /// The entries of a group, in order.
    pub fn group(&self, group: u32) -> &Entries {
        &self.groups[group as usize]
    }
    /// Puts an entry.
    pub fn put(&mut self, group: u32, key: &[u8], value: &[u8]) {
        self.groups[group as usize].insert(key.into(), value.into());
        self.changed.insert((group, key.into()));
    }
    /// Removes an entry.
    pub fn remove(&mut self, group: u32, key: &[u8]) {
        if self.groups[group as usize].remove(key).is_some() {
            self.changed.insert((group, key.into()));
        }
    }
    /// Adds to the count that an entry's value is (i64, little endian); at zero the entry goes.
    pub fn count(&mut self, group: u32, key: &[u8], by: i64) {
        let old = self.groups[group as usize].get(key).map_or(0, |v| i64_of(v));
        match old + by {
            0 => self.remove(group, key),
            n => self.put(group, key, &n.to_le_bytes()),
        }
    }
    /// Empties a group; returns the keys that were there or that a snapshot may still hold.
    pub fn clear(&mut self, group: u32) -> Vec<Vec<u8>> {
        let mut keys: BTreeSet<Box<[u8]>> = std::mem::take(&mut self.groups[group as usize]).into_keys().collect();
        let pending: Vec<_> =
            self.changed.range((group, Box::default())..(group + 1, Box::default())).cloned().collect();
        for entry in pending {
            self.changed.remove(&entry);
            keys.insert(entry.1);
        }
        keys.into_iter().map(<[u8]>::into_vec).collect()
    }
    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Vec<EntryChange> {
        std::mem::take(&mut self.changed)
            .into_iter()
            .map(|(group, key)| EntryChange {
                group,
                value: self.groups[group as usize].get(&key).map(|v| v.to_vec()),
                key: key.into_vec(),
            })
            .collect()
    }
    /// Loads a persisted entry.
    pub fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) {
        let entries = &mut self.groups[group as usize];
        match value {
            Some(v) => entries.insert(key.into(), v.into()),
            None => entries.remove(key),
        };
    }
}

/// The count in an entry's value.
pub fn i64_of(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, i64::from_le_bytes)
}
