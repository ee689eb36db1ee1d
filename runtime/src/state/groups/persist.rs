//! Snapshots of groups, and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryArray, BooleanArray, Int32Array, Int64Array, RecordBatch, new_null_array};
use arrow_schema::DataType;
use tidegate_core::{Error, Result};

use super::{GROUP, Groups, Removed};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;

/// Rows in one batch of a snapshot: keeps text columns far below 2 GiB.
const SNAPSHOT_ROWS: usize = 65_536;

impl Removed {
    fn entry(&self) -> Entry<'_> {
        Entry { group: &self.key, part: self.part, key: &self.entry, value: None }
    }
}

/// An entry to persist: its group's key, its part, its key in there, its value.
struct Entry<'a> {
    group: &'a [u8],
    part: i32,
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl Groups {
    /// The entries that changed since the last snapshot: first those that are gone.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        let mut out = Vec::new();
        let removed = std::mem::take(&mut self.removed);
        for chunk in removed.chunks(SNAPSHOT_ROWS) {
            let entries: Vec<_> = chunk.iter().map(Removed::entry).collect();
            out.push(self.entry_batch(&entries, true)?);
        }
        let mut dirty = std::mem::take(&mut self.dirty_list);
        // In the order in which they lie in memory: gathering them then reads forward, not at random.
        dirty.sort_unstable();
        dirty.retain(|g| std::mem::take(&mut self.marks[*g as usize].dirty));
        let changes = self.aggregates.take_changes();
        for chunk in dirty.chunks(SNAPSHOT_ROWS) {
            out.push(self.group_batch(chunk)?);
        }
        for chunk in changes.chunks(SNAPSHOT_ROWS) {
            let table = self.keys.table();
            for deleted in [true, false] {
                let entries: Vec<_> = chunk
                    .iter()
                    .filter(|(_, c)| c.value.is_none() == deleted)
                    .map(|(part, c)| Entry {
                        group: table.bytes(c.group),
                        part: *part,
                        key: &c.key,
                        value: c.value.as_deref(),
                    })
                    .collect();
                if !entries.is_empty() {
                    out.push(self.entry_batch(&entries, deleted)?);
                }
            }
        }
        for group in dirty {
            self.marks[group as usize].persisted = true;
        }
        Ok(out)
    }

    /// Deletion entries for everything that is persisted; for groups that are about to be dropped or cleared
    /// as a whole.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn deletions(&mut self) -> Result<Vec<RecordBatch>> {
        let mut persisted = self.ids();
        persisted.retain(|group| self.marks[*group as usize].persisted);
        if self.entries {
            persisted.iter().for_each(|group| self.reset(*group));
        }
        let removed = std::mem::take(&mut self.removed);
        let table = self.keys.table();
        let whole = |group: &u32| Entry { group: table.bytes(*group), part: GROUP, key: &[], value: None };
        let entries: Vec<_> = removed.iter().map(Removed::entry).chain(persisted.iter().map(whole)).collect();
        entries.chunks(SNAPSHOT_ROWS).map(|chunk| self.entry_batch(chunk, true)).collect()
    }

    fn group_batch(&self, groups: &[u32]) -> Result<RecordBatch> {
        let n = groups.len();
        let mut columns = self.keys.columns(groups)?;
        if self.entries {
            columns.push(Arc::new(Int32Array::from(vec![GROUP; n])));
            columns.push(Arc::new(BinaryArray::from_iter_values(groups.iter().map(|_| b""))));
        }
        columns.extend(self.aggregates.save(groups)?);
        if self.entries {
            columns.push(new_null_array(&DataType::Binary, n));
            columns.push(Arc::new(Int64Array::from(vec![self.sequence as i64; n])));
        }
        if let Some(counts) = &self.counts {
            columns.push(Arc::new(Int64Array::from_iter_values(groups.iter().map(|g| counts[*g as usize]))));
        }
        columns.push(Arc::new(Int64Array::from_iter_values(groups.iter().map(|g| self.touched(*g)))));
        columns.push(Arc::new(BooleanArray::from(vec![false; n])));
        self.batch(columns)
    }

    /// Entries below groups, or deletions; the group's own columns are NULL.
    fn entry_batch(&self, entries: &[Entry<'_>], deleted: bool) -> Result<RecordBatch> {
        let n = entries.len();
        let mut columns = decode(self.keys.types(), Form::Key, entries.iter().map(|e| e.group))?;
        let mut rest = columns.len();
        if self.entries {
            columns.push(Arc::new(Int32Array::from_iter_values(entries.iter().map(|e| e.part))));
            columns.push(Arc::new(BinaryArray::from_iter_values(entries.iter().map(|e| e.key))));
            rest += 2;
        }
        let value = self.schema.index_of("entry_value").ok();
        for (i, field) in self.schema.fields().iter().enumerate().skip(rest) {
            columns.push(if Some(i) == value {
                Arc::new(entries.iter().map(|e| e.value).collect::<BinaryArray>())
            } else if i + 1 == self.schema.fields().len() {
                Arc::new(BooleanArray::from(vec![deleted; n]))
            } else {
                new_null_array(field.data_type(), n)
            });
        }
        self.batch(columns)
    }

    fn batch(&self, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::internal(format!("snapshot: {e}")))
    }

    /// Loads entries of [`Groups::schema`].
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn restore(&mut self, columns: &[ArrayRef]) -> Result<()> {
        if columns.len() != self.schema.fields().len() {
            return Err(Error::internal("stored groups have another number of columns"));
        }
        let n = self.keys.types().len();
        let rows = columns[columns.len() - 1].len();
        let mut encoded = EncodedRows::default();
        encoded.encode(&columns[..n], rows, Form::Key)?;
        let deleted = columns[columns.len() - 1].as_boolean();
        let parts = self.entries.then(|| columns[n].as_primitive::<Int32Type>());
        let part = |row: usize| parts.map_or(GROUP, |p| p.value(row));
        // Groups are loaded together, but before one is removed.
        let mut groups = Vec::new();
        let mut group_rows = Vec::new();
        for row in 0..rows {
            let key = encoded.row(row);
            match (deleted.value(row), part(row)) {
                (true, GROUP) => {
                    self.load_groups(&std::mem::take(&mut groups), &std::mem::take(&mut group_rows).into(), columns)?;
                    if let Some(group) = self.keys.find(key) {
                        self.marks[group as usize].persisted = false;
                        self.remove(group);
                    }
                }
                (true, part) => {
                    if let Some(group) = self.keys.find(key) {
                        self.aggregates.load_entry(group, part, columns[n + 1].as_binary::<i32>().value(row), None)?;
                    }
                }
                (false, GROUP) => {
                    groups.push(self.intern_one(key));
                    group_rows.push(row as u32);
                }
                (false, part) => {
                    let group = self.intern_one(key);
                    let value = columns[self.value_column()].as_binary::<i32>().value(row);
                    self.marks[group as usize].persisted = true;
                    self.aggregates.load_entry(
                        group,
                        part,
                        columns[n + 1].as_binary::<i32>().value(row),
                        Some(value),
                    )?;
                }
            }
        }
        self.load_groups(&groups, &group_rows.into(), columns)
    }

    fn value_column(&self) -> usize {
        self.keys.types().len() + 2 + self.aggregates.types().len()
    }

    fn load_groups(&mut self, groups: &[u32], rows: &arrow_array::UInt32Array, columns: &[ArrayRef]) -> Result<()> {
        if groups.is_empty() {
            return Ok(());
        }
        let take = |i: usize| {
            arrow_select::take::take(&columns[i], rows, None)
                .map_err(|e| Error::internal(format!("stored groups: {e}")))
        };
        let first = self.keys.types().len() + if self.entries { 2 } else { 0 };
        let mut at = first + self.aggregates.types().len();
        let states = (first..at).map(take).collect::<Result<Vec<_>>>()?;
        self.aggregates.load(groups, &states)?;
        if self.entries {
            let sequences = take(at + 1)?;
            let newest = sequences.as_primitive::<Int64Type>().values().iter().max().copied().unwrap_or(0);
            self.sequence = self.sequence.max(newest as u64);
            at += 2;
        }
        if let Some(counts) = &mut self.counts {
            for (group, n) in groups.iter().zip(take(at)?.as_primitive::<Int64Type>().values()) {
                counts[*group as usize] = *n;
            }
            at += 1;
        }
        for (group, touched) in groups.iter().zip(take(at)?.as_primitive::<Int64Type>().values()) {
            let mark = &mut self.marks[*group as usize];
            (mark.touched, mark.persisted) = (*touched, true);
        }
        Ok(())
    }
}
