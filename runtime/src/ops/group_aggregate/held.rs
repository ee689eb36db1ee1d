//! Groups that have changed since the last emission.

use arrow_array::{Array, ArrayRef};
use tidegate_core::{Error, Result};

use super::shown::{HIDDEN, Seen};

/// How many changed groups are held back at most.
const MOST_GROUPS: usize = 131_072;
/// How many bytes of what they were before.
const MOST_BYTES: usize = 16 << 20;

/// What was seen of a group before its first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// There was no such group.
    Nothing,
    /// The group was there, but nothing was seen of it.
    Hidden,
    /// This row of the columns that are kept.
    Row(u32),
}

/// The groups, in order of their first change.
#[derive(Default)]
pub(super) struct Held {
    /// By group: whether it is held.
    is_held: Vec<bool>,
    groups: Vec<u32>,
    before: Vec<Before>,
    /// A set of columns a batch.
    columns: Vec<Vec<ArrayRef>>,
    rows: u32,
    bytes: usize,
}

/// What was held: groups, what was seen of each, and the columns that it was seen in.
pub(super) type Changed = (Vec<u32>, Vec<Before>, Vec<ArrayRef>);

impl Held {
    /// Adds those of `ids` that are not held yet; returns them.
    pub fn add(&mut self, ids: &[u32], bound: usize) -> Vec<u32> {
        self.is_held.resize(bound, false);
        let from = self.groups.len();
        for id in ids {
            if !std::mem::replace(&mut self.is_held[*id as usize], true) {
                self.groups.push(*id);
            }
        }
        self.groups[from..].to_vec()
    }
    /// Says of groups just added whether they are new, and what was seen of those that are not.
    pub fn remember(&mut self, new: &[bool], seen: Seen) {
        let mut rows = seen.rows.iter();
        self.before.extend(new.iter().map(|new| match (new, if *new { None } else { rows.next() }) {
            (false, Some(row)) if *row != HIDDEN => Before::Row(self.rows + row),
            (false, _) => Before::Hidden,
            (true, _) => Before::Nothing,
        }));
        if seen.len > 0 {
            self.rows += seen.len;
            self.bytes += seen.columns.iter().map(Array::get_array_memory_size).sum::<usize>();
            self.columns.push(seen.columns);
        }
    }
    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
    /// Whether as much is held as may be.
    pub fn is_full(&self) -> bool {
        self.groups.len() >= MOST_GROUPS || self.bytes >= MOST_BYTES
    }
    /// Gives up everything.
    ///
    /// # Errors
    /// More than 2 GiB of text.
    pub fn take(&mut self) -> Result<Changed> {
        let held = std::mem::take(self);
        self.is_held = held.is_held;
        held.groups.iter().for_each(|g| self.is_held[*g as usize] = false);
        Ok((held.groups, held.before, joined(&held.columns)?))
    }
}

/// Sets of columns, one below the other.
fn joined(parts: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    if let [only] = parts {
        return Ok(only.clone());
    }
    let columns = parts.first().map_or(0, Vec::len);
    (0..columns)
        .map(|c| {
            let all: Vec<&dyn Array> = parts.iter().map(|p| p[c].as_ref()).collect();
            arrow_select::concat::concat(&all).map_err(|e| Error::internal(format!("concat: {e}")))
        })
        .collect()
}
