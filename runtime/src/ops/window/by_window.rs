//! One table a window, so that closing a window drops a whole table.

use std::collections::BTreeMap;

use tidegate_core::{Error, Result};

use super::assign::{Assigner, Bounds};

/// What is kept of a window.
pub(super) trait Table {
    /// Number of groups.
    fn len(&self) -> usize;
    /// Removes all groups; the memory is kept.
    fn clear(&mut self);
}

/// Tables by window, the window that closes first in front.
pub(super) struct ByWindow<T> {
    tables: BTreeMap<Bounds, T>,
    /// Empty tables: the next windows have about as many groups, and find the room made.
    spare: Vec<T>,
}

/// Empty tables kept at most.
const SPARE: usize = 4;
/// Groups of a table that is kept: more of them are rare, and much memory.
const SPARE_GROUPS: usize = 32_768;

impl<T: Table> ByWindow<T> {
    /// Without windows.
    pub fn new() -> Self {
        ByWindow { tables: BTreeMap::new(), spare: Vec::new() }
    }
    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.tables.values().map(T::len).sum()
    }
    /// The tables, those that close first in front.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Bounds, &mut T)> {
        self.tables.iter_mut()
    }
    /// The table of a window, made where there is none.
    ///
    /// # Errors
    /// Where a table cannot be made.
    pub fn of(&mut self, window: Bounds, make: impl FnOnce() -> Result<T>) -> Result<&mut T> {
        if !self.tables.contains_key(&window) {
            let table = self.spare.pop().map_or_else(make, Ok)?;
            self.tables.insert(window, table);
        }
        self.tables.get_mut(&window).ok_or_else(|| Error::internal("a window without a table"))
    }
    /// Takes back a table whose groups are no longer needed.
    pub fn give_back(&mut self, mut table: T) {
        if self.spare.len() < SPARE && table.len() <= SPARE_GROUPS {
            table.clear();
            self.spare.push(table);
        }
    }
    /// Drops the table of a window.
    pub fn remove(&mut self, window: Bounds) {
        self.tables.remove(&window);
    }
    /// Takes out the table that closes first, if its window's last instant is at or below `until`.
    pub fn take_closed(&mut self, until: i64, assigner: &Assigner) -> Option<(Bounds, T)> {
        let entry = self.tables.first_entry()?;
        if assigner.last_instant(*entry.key()) > until { None } else { Some(entry.remove_entry()) }
    }
}
