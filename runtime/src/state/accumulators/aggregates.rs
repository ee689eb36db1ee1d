//! All aggregates of one operator: which rows each accumulator takes (FILTER, DISTINCT), and their
//! state side by side.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_plan::{AggregateCall, AggregateFunction};

use super::{Accumulator, Rows, accumulator};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;
use crate::state::distinct::DistinctSet;
use crate::state::ordered::EntryChange;

/// The aggregates of one operator.
pub struct Aggregates {
    slots: Vec<Slot>,
}

/// The entries of one part of the state: which part, and what changed.
pub type Entries = Vec<(i32, EntryChange)>;

struct Slot {
    accumulator: Box<dyn Accumulator>,
    args: Vec<usize>,
    filter: Option<usize>,
    types: Vec<DataType>,
    distinct: Option<(DistinctSet, EncodedRows)>,
}

/// Positions that are left after FILTER or DISTINCT.
#[derive(Default)]
struct Chosen {
    groups: Vec<u32>,
    rows: Vec<u32>,
}

impl Aggregates {
    /// For these calls over an input of these types.
    ///
    /// # Errors
    /// Where a function does not work on its arguments.
    pub fn new(calls: &[AggregateCall], input: &[DataType], retract: bool) -> Result<Self> {
        let slots = calls.iter().map(|call| Slot::new(call, input, retract)).collect::<Result<_>>()?;
        Ok(Aggregates { slots })
    }
    /// Adds one more aggregate; what it takes is never taken back from it.
    ///
    /// # Errors
    /// Where the function does not work on its arguments.
    pub fn push_appending(&mut self, call: &AggregateCall, input: &[DataType]) -> Result<()> {
        self.slots.push(Slot::new(call, input, false)?);
        Ok(())
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
    /// Makes groups below `n` valid.
    pub fn grow(&mut self, n: usize) {
        for slot in &mut self.slots {
            slot.accumulator.grow(n);
            if let Some((set, _)) = &mut slot.distinct {
                set.grow(n);
            }
        }
    }
    /// Empties a group; `gone(part, key)` is called for every entry that a snapshot may hold.
    pub fn clear(&mut self, group: u32, mut gone: impl FnMut(i32, Vec<u8>)) {
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let part = 2 * i as i32;
            if let Some(entries) = slot.accumulator.entries() {
                entries.clear(group).into_iter().for_each(|key| gone(part, key));
            }
            slot.accumulator.reset(group);
            if let Some((set, _)) = &mut slot.distinct {
                set.clear(group).into_iter().for_each(|key| gone(part + 1, key));
            }
        }
    }
    /// Empties all groups below `n`; no snapshot holds an entry of theirs.
    pub fn clear_below(&mut self, n: u32) {
        for slot in &mut self.slots {
            slot.accumulator.reset_below(n);
            if let Some(entries) = slot.accumulator.entries() {
                (0..n).for_each(|group| drop(entries.clear(group)));
            }
            if let Some((set, _)) = &mut slot.distinct {
                (0..n).for_each(|group| drop(set.clear(group)));
            }
        }
    }
    /// Takes rows. `columns` are all columns of the input.
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn update(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| slot.update(rows))
    }
    /// Adds the state of one group to another's, which was before it; `from` is empty afterwards.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| slot.merge(into, from))
    }
    /// The same for many groups, in order.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn merge_all(&mut self, into: &[u32], from: &[u32]) -> Result<()> {
        self.slots.iter_mut().try_for_each(|slot| match &slot.distinct {
            None => slot.accumulator.merge_all(into, from),
            Some(_) => into.iter().zip(from).try_for_each(|(into, from)| slot.merge(*into, *from)),
        })
    }
    /// The result columns of these groups.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn results(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.slots.iter().map(|s| s.accumulator.results(groups)).collect()
    }
    /// The results of one of them.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn result(&self, index: usize, groups: &[u32]) -> Result<ArrayRef> {
        let slot = self.slots.get(index).ok_or_else(|| Error::internal("an aggregate that is not there is read"))?;
        slot.accumulator.results(groups)
    }
    /// The types of the persisted columns.
    pub fn types(&self) -> Vec<DataType> {
        self.slots.iter().flat_map(|s| s.accumulator.types()).collect()
    }
    /// The persisted columns of these groups.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let parts = self.slots.iter().map(|s| s.accumulator.save(groups)).collect::<Result<Vec<_>>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
    /// Loads persisted columns.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn load(&mut self, groups: &[u32], mut columns: &[ArrayRef]) -> Result<()> {
        for slot in &mut self.slots {
            let n = slot.accumulator.types().len();
            let (own, rest) =
                columns.split_at_checked(n).ok_or_else(|| Error::internal("stored aggregates have too few columns"))?;
            if n > 0 {
                slot.accumulator.load(groups, own)?;
            }
            columns = rest;
        }
        Ok(())
    }
    /// Whether some state is persisted entry by entry.
    pub fn has_entries(&mut self) -> bool {
        self.slots.iter_mut().any(|s| s.distinct.is_some() || s.accumulator.entries().is_some())
    }
    /// Whether parts of a group that were aggregated apart, saved, and merged in any order give the
    /// very results that the rows give one by one.
    pub fn merge_exactly(&self) -> bool {
        self.slots.iter().all(|s| s.distinct.is_none() && s.accumulator.merges_exactly())
    }
    /// Entries that changed since the last call.
    pub fn take_changes(&mut self) -> Entries {
        let mut out = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let part = 2 * i as i32;
            if let Some(entries) = slot.accumulator.entries() {
                out.extend(entries.take_changes().into_iter().map(|c| (part, c)));
            }
            if let Some((set, _)) = &mut slot.distinct {
                out.extend(set.take_changes().into_iter().map(|c| (part + 1, c)));
            }
        }
        out
    }
    /// Loads a persisted entry.
    ///
    /// # Errors
    /// Where there is no such part.
    pub fn load_entry(&mut self, group: u32, part: i32, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let slot = usize::try_from(part / 2).ok().and_then(|i| self.slots.get_mut(i));
        match slot {
            Some(Slot { distinct: Some((set, _)), .. }) if part % 2 == 1 => {
                set.load(group, key, value);
                Ok(())
            }
            Some(slot) if part % 2 == 0 => match slot.accumulator.entries() {
                Some(entries) => entries.load(group, key, value),
                None => Err(Error::internal("a stored entry belongs to no aggregate")),
            },
            _ => Err(Error::internal("a stored entry belongs to no aggregate")),
        }
    }
    /// How many sums overflowed since the last call, and one of their groups.
    pub fn take_overflows(&mut self) -> Option<(u64, u32)> {
        self.slots.iter_mut().filter_map(|s| s.accumulator.take_overflows()).reduce(|a, b| (a.0 + b.0, a.1))
    }
}

impl Slot {
    fn new(call: &AggregateCall, input: &[DataType], retract: bool) -> Result<Self> {
        let args =
            if call.function == AggregateFunction::CountAll && !call.distinct { Vec::new() } else { call.args.clone() };
        let types = args
            .iter()
            .map(|a| input.get(*a).cloned())
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::internal("an aggregate reads a column that its input does not have"))?;
        let accumulator = accumulator(call, &types, retract)?;
        let distinct = call.distinct.then(|| (DistinctSet::new(retract), EncodedRows::default()));
        Ok(Slot { accumulator, args, filter: call.filter, types, distinct })
    }

    fn update(&mut self, all: &Rows<'_>) -> Result<()> {
        let args: Vec<ArrayRef> = self.args.iter().map(|a| all.args[*a].clone()).collect();
        let mut rows = Rows { args: &args, ..*all };
        let filtered;
        if let Some(column) = self.filter {
            filtered = filter(&rows, all.args[column].as_boolean());
            rows = Rows { groups: &filtered.groups, rows: Some(&filtered.rows), ..rows };
        }
        let chosen;
        if let Some((set, scratch)) = &mut self.distinct {
            chosen = distinct(&rows, set, scratch)?;
            rows = Rows { groups: &chosen.groups, rows: Some(&chosen.rows), ..rows };
        }
        self.accumulator.update(&rows)
    }

    fn merge(&mut self, into: u32, from: u32) -> Result<()> {
        let Some((set, _)) = &mut self.distinct else { return self.accumulator.merge(into, from) };
        // A value in both groups counts once: the accumulator gets those that are new to `into`.
        let values = set.values(from);
        let mut new = Vec::new();
        for (value, count) in &values {
            let mut became = false;
            for _ in 0..count.unsigned_abs() {
                became |= set.change(into, value, *count < 0);
            }
            if became {
                new.push(value.as_slice());
            }
        }
        set.drain(from);
        self.accumulator.reset(from);
        let args = decode(&self.types, Form::Key, new.iter().copied())?;
        let groups = vec![into; new.len()];
        self.accumulator.update(&Rows { groups: &groups, rows: None, args: &args, retract: None, sequence: 0 })
    }
}

fn filter(rows: &Rows<'_>, keep: &BooleanArray) -> Chosen {
    let mut out = Chosen::default();
    rows.each(|group, row, _| {
        if keep.is_valid(row) && keep.value(row) {
            out.groups.push(group);
            out.rows.push(row as u32);
        }
    });
    out
}

fn distinct(rows: &Rows<'_>, set: &mut DistinctSet, scratch: &mut EncodedRows) -> Result<Chosen> {
    let n = rows.args.first().map_or(0, Array::len);
    scratch.encode(rows.args, n, Form::Key)?;
    let mut out = Chosen::default();
    rows.each(|group, row, retract| {
        if rows.args.iter().all(|a| a.is_valid(row)) && set.change(group, scratch.row(row), retract) {
            out.groups.push(group);
            out.rows.push(row as u32);
        }
    });
    Ok(out)
}
