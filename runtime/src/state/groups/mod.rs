//! Groups: keys, their aggregates, and what of both is persisted.
//!
//! A persisted entry is either a group (part -1) or, for aggregates that keep every value (DISTINCT,
//! retractable MIN, FIRST_VALUE and the like), one value below a group. So a snapshot costs what
//! changed, however much a group holds.

mod parts;
mod persist;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::Result;
use tidegate_plan::AggregateCall;

use crate::state::accumulators::{Aggregates, Rows};
use crate::state::codec::EncodedRows;
use crate::state::keys::KeyTable;

/// The part that a group's own entry has.
const GROUP: i32 = -1;

/// Keyed aggregates.
pub struct Groups {
    keys: KeyTable,
    aggregates: Aggregates,
    /// Whether values are persisted entry by entry.
    entries: bool,
    /// Rows in each group, where rows can be taken back.
    counts: Option<Vec<i64>>,
    marks: Vec<Mark>,
    round: u32,
    dirty_list: Vec<u32>,
    removed: Vec<Removed>,
    sequence: u64,
    schema: SchemaRef,
}

/// A persisted entry that is gone: its group's key, its part, its key in there.
#[derive(Debug, Clone)]
struct Removed {
    key: Vec<u8>,
    part: i32,
    entry: Vec<u8>,
}

/// What is known of a group besides its aggregates; together, because it is looked at together.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    touched: i64,
    round: u32,
    persisted: bool,
    dirty: bool,
    fresh: bool,
}

impl Groups {
    /// Groups by keys of these types over an input of these types. `retract`: rows can be taken back.
    ///
    /// # Errors
    /// Where an aggregate does not work on its arguments.
    pub fn new(keys: &[DataType], calls: &[AggregateCall], input: &[DataType], retract: bool) -> Result<Self> {
        Ok(Self::with(keys, Aggregates::new(calls, input, retract)?, retract))
    }
    /// Groups with these aggregates.
    pub fn with(keys: &[DataType], mut aggregates: Aggregates, retract: bool) -> Self {
        let entries = aggregates.has_entries();
        let schema = schema(keys, &aggregates, entries, retract);
        Groups {
            keys: KeyTable::new(keys.to_vec()),
            aggregates,
            entries,
            counts: retract.then(Vec::new),
            marks: Vec::new(),
            round: 0,
            dirty_list: Vec::new(),
            removed: Vec::new(),
            sequence: 0,
            schema,
        }
    }
    /// The columns of a persisted entry; the last is `__deleted`.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    /// The columns that identify an entry.
    pub fn entry_key(&self) -> Vec<usize> {
        let n = self.keys.types().len();
        (0..if self.entries { n + 2 } else { n }).collect()
    }
    /// The keys.
    pub fn keys(&self) -> &KeyTable {
        &self.keys
    }
    /// Number of groups.
    pub fn len(&self) -> usize {
        self.keys.table().len()
    }
    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All groups, oldest id first.
    pub fn ids(&self) -> Vec<u32> {
        self.keys.table().ids().collect()
    }
    /// Rows in a group; 1 where rows are never taken back.
    pub fn count(&self, group: u32) -> i64 {
        self.counts.as_ref().map_or(1, |c| c[group as usize])
    }
    /// When a group was last touched (ms).
    pub fn touched(&self, group: u32) -> i64 {
        self.marks[group as usize].touched
    }
    /// Starts a round in which [`Groups::meet`] says whether a group has been met.
    pub fn start_round(&mut self) {
        if self.round == u32::MAX {
            self.marks.iter_mut().for_each(|m| m.round = 0);
            self.round = 0;
        }
        self.round += 1;
    }
    /// Meets a group; true for the first time in this round.
    pub fn meet(&mut self, group: u32) -> bool {
        std::mem::replace(&mut self.marks[group as usize].round, self.round) != self.round
    }
    /// Whether the group was made since it was last asked.
    pub fn take_fresh(&mut self, group: u32) -> bool {
        std::mem::take(&mut self.marks[group as usize].fresh)
    }

    /// The groups of the rows of `columns`, made where needed; made ones also go to `made`.
    ///
    /// # Errors
    /// Where a type cannot be a key.
    pub fn intern(&mut self, columns: &[ArrayRef], rows: usize, ids: &mut Vec<u32>, made: &mut Vec<u32>) -> Result<()> {
        self.keys.intern(columns, rows, ids, made)?;
        self.grow();
        for id in made {
            self.marks[*id as usize].fresh = true;
        }
        Ok(())
    }
    /// The same for rows encoded in the key form, all or the selected ones.
    pub fn intern_encoded(
        &mut self,
        rows: &EncodedRows,
        selected: Option<&[u32]>,
        ids: &mut Vec<u32>,
        made: &mut Vec<u32>,
    ) {
        self.keys.intern_encoded(rows, selected, ids, made);
        self.grow();
    }
    /// The group of one encoded key, made where needed.
    pub fn intern_one(&mut self, key: &[u8]) -> u32 {
        let (id, _) = self.keys.intern_one(key);
        self.grow();
        id
    }
    fn grow(&mut self) {
        let n = self.keys.table().bound();
        if n > self.marks.len() {
            self.marks.resize(n, Mark::default());
            if let Some(counts) = &mut self.counts {
                counts.resize(n, 0);
            }
            self.aggregates.grow(n);
        }
    }
    /// Counts rows in and out of their groups, in order; says for each position whether it takes part:
    /// a row that is taken back from an empty group was never there and is left out.
    pub fn count_rows(&mut self, groups: &[u32], rows: Option<&[u32]>, retract: Option<&[bool]>) -> Option<Vec<bool>> {
        let counts = self.counts.as_mut()?;
        let retract = retract.map(|r| move |i: usize| r[rows.map_or(i, |rows| rows[i] as usize)]);
        let mut missing = None;
        for (i, group) in groups.iter().enumerate() {
            let count = &mut counts[*group as usize];
            if !retract.as_ref().is_some_and(|r| r(i)) {
                *count += 1;
            } else if *count > 0 {
                *count -= 1;
            } else {
                missing.get_or_insert_with(|| vec![true; groups.len()])[i] = false;
            }
        }
        missing
    }
    /// Takes rows: `groups[i]` is the group of row `rows[i]` (or row i).
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn update(
        &mut self,
        groups: &[u32],
        rows: Option<&[u32]>,
        columns: &[ArrayRef],
        retract: Option<&[bool]>,
        now: i64,
    ) -> Result<()> {
        self.aggregates.update(&Rows { groups, rows, args: columns, retract, sequence: self.sequence })?;
        self.sequence += columns.first().map_or(groups.len(), Array::len) as u64;
        groups.iter().for_each(|group| self.touch(*group, now));
        Ok(())
    }
    /// Marks a group as changed now.
    pub fn touch(&mut self, group: u32, now: i64) {
        let mark = &mut self.marks[group as usize];
        mark.touched = now;
        if !std::mem::replace(&mut mark.dirty, true) {
            self.dirty_list.push(group);
        }
    }
    /// Adds one group's aggregates to another's, which came before, and removes it.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn merge(&mut self, into: u32, from: u32, now: i64) -> Result<()> {
        self.aggregates.merge(into, from)?;
        if let Some(counts) = &mut self.counts {
            counts[into as usize] += counts[from as usize];
        }
        self.touch(into, now);
        self.remove(from);
        Ok(())
    }
    /// The result columns of these groups.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn results(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.aggregates.results(groups)
    }
    /// Some columns of these groups, counted over those of the key and then the results.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn output(&self, columns: &[usize], groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let n = self.keys.types().len();
        let keys = if columns.iter().any(|c| *c < n) { self.keys.columns(groups)? } else { Vec::new() };
        columns
            .iter()
            .map(|c| if *c < n { Ok(keys[*c].clone()) } else { self.aggregates.result(*c - n, groups) })
            .collect()
    }
    /// How many sums overflowed since the last call, and one of their groups.
    pub fn take_overflows(&mut self) -> Option<(u64, u32)> {
        self.aggregates.take_overflows()
    }
    /// Empties a group without removing it.
    pub fn reset(&mut self, group: u32) {
        let Groups { keys, aggregates, marks, removed, counts, .. } = self;
        let key = keys.table().bytes(group);
        let persisted = marks[group as usize].persisted;
        aggregates.clear(group, |part, entry| {
            if persisted {
                removed.push(Removed { key: key.to_vec(), part, entry });
            }
        });
        if let Some(counts) = counts {
            counts[group as usize] = 0;
        }
    }
    /// Removes all groups and forgets that there were any; the memory is kept.
    pub fn clear(&mut self) {
        self.aggregates.clear_below(self.keys.table().bound() as u32);
        self.keys.clear();
        self.marks.fill(Mark::default());
        if let Some(counts) = &mut self.counts {
            counts.fill(0);
        }
        self.dirty_list.clear();
        self.removed.clear();
    }
    /// Removes a group.
    pub fn remove(&mut self, group: u32) {
        self.reset(group);
        if self.marks[group as usize].persisted {
            self.removed.push(Removed { key: self.keys.table().bytes(group).to_vec(), part: GROUP, entry: Vec::new() });
        }
        self.marks[group as usize] = Mark::default();
        self.keys.remove(group);
    }
}

fn schema(keys: &[DataType], aggregates: &Aggregates, entries: bool, retract: bool) -> SchemaRef {
    let mut fields: Vec<Field> =
        keys.iter().enumerate().map(|(i, t)| Field::new(format!("key{i}"), t.clone(), true)).collect();
    if entries {
        fields.push(Field::new("part", DataType::Int32, true));
        fields.push(Field::new("entry_key", DataType::Binary, true));
    }
    fields.extend(aggregates.types().into_iter().enumerate().map(|(i, t)| Field::new(format!("state{i}"), t, true)));
    if entries {
        fields.push(Field::new("entry_value", DataType::Binary, true));
        fields.push(Field::new("arrival", DataType::Int64, true));
    }
    if retract {
        fields.push(Field::new("rows", DataType::Int64, true));
    }
    fields.push(Field::new("touched", DataType::Int64, true));
    fields.push(Field::new("__deleted", DataType::Boolean, true));
    Arc::new(Schema::new(fields))
}
