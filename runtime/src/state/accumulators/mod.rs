//! Accumulators of every aggregate function: columnar, one value a group.

mod aggregates;
mod average;
mod cells;
mod count;
mod first_last;
mod list;
mod min_max;
mod sum;
#[cfg(test)]
mod tests;
mod variance;

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_plan::{AggregateCall, AggregateFunction};

pub use aggregates::{Aggregates, Entries};

use super::ordered::EntryChange;

/// The rows one accumulator has to take.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The group of each position.
    pub groups: &'a [u32],
    /// The row of each position; `None`: position i is row i.
    pub rows: Option<&'a [u32]>,
    /// The argument columns.
    pub args: &'a [ArrayRef],
    /// For each row whether it takes back an earlier one; `None`: none does.
    pub retract: Option<&'a [bool]>,
    /// The arrival number of row 0; row i has that plus i.
    pub sequence: u64,
}

impl Rows<'_> {
    /// Calls `f(group, row, retract)` for each position.
    #[inline(always)]
    pub fn each(&self, mut f: impl FnMut(u32, usize, bool)) {
        match (self.rows, self.retract) {
            (None, None) => self.groups.iter().enumerate().for_each(|(i, g)| f(*g, i, false)),
            (None, Some(r)) => self.groups.iter().enumerate().for_each(|(i, g)| f(*g, i, r[i])),
            (Some(rows), None) => self.groups.iter().zip(rows).for_each(|(g, i)| f(*g, *i as usize, false)),
            (Some(rows), Some(r)) => self.groups.iter().zip(rows).for_each(|(g, i)| f(*g, *i as usize, r[*i as usize])),
        }
    }
    /// The same, without rows whose first argument is NULL.
    #[inline]
    pub fn each_value(&self, mut f: impl FnMut(u32, usize, bool)) {
        match self.args.first().and_then(|a| a.nulls()) {
            None => self.each(f),
            Some(nulls) => self.each(|group, row, retract| {
                if nulls.is_valid(row) {
                    f(group, row, retract);
                }
            }),
        }
    }
    /// The arrival number of a row.
    pub fn arrival(&self, row: usize) -> u64 {
        self.sequence + row as u64
    }
}

/// One aggregate's state over all groups.
pub trait Accumulator: Send {
    /// Makes groups below `n` valid; new ones are empty.
    fn grow(&mut self, n: usize);
    /// Empties a group.
    fn reset(&mut self, group: u32);
    /// Empties all groups below `n`.
    fn reset_below(&mut self, n: u32) {
        (0..n).for_each(|group| self.reset(group));
    }
    /// Takes rows.
    ///
    /// # Errors
    /// Where the columns do not fit.
    fn update(&mut self, rows: &Rows<'_>) -> Result<()>;
    /// Adds what `from` has to `into`; `from` holds the later part. `from` is reset afterwards.
    ///
    /// # Errors
    /// Where the state is broken.
    fn merge(&mut self, into: u32, from: u32) -> Result<()>;
    /// The same for many groups, in order.
    ///
    /// # Errors
    /// Where the state is broken.
    fn merge_all(&mut self, into: &[u32], from: &[u32]) -> Result<()> {
        into.iter().zip(from).try_for_each(|(into, from)| self.merge(*into, *from))
    }
    /// Whether parts of a group that were aggregated apart give, merged in any order, the very result
    /// that the rows give one by one: not where rounding or the order of rows shows.
    fn merges_exactly(&self) -> bool {
        false
    }
    /// The results of these groups.
    ///
    /// # Errors
    /// Where the state is broken.
    fn results(&self, groups: &[u32]) -> Result<ArrayRef>;
    /// The types of the persisted columns: none by default, for what keeps all it has as entries.
    fn types(&self) -> Vec<DataType> {
        Vec::new()
    }
    /// The persisted columns of these groups.
    ///
    /// # Errors
    /// Where the state is broken.
    fn save(&self, _groups: &[u32]) -> Result<Vec<ArrayRef>> {
        Ok(Vec::new())
    }
    /// Loads persisted columns.
    ///
    /// # Errors
    /// Where they do not fit.
    fn load(&mut self, _groups: &[u32], _columns: &[ArrayRef]) -> Result<()> {
        Ok(())
    }
    /// Entries that are persisted by themselves, where there are such.
    fn entries(&mut self) -> Option<&mut dyn EntryState> {
        None
    }
    /// How many additions overflowed since the last call, and a group of one of them.
    fn take_overflows(&mut self) -> Option<(u64, u32)> {
        None
    }
}

/// State below groups that is persisted entry by entry.
pub trait EntryState {
    /// What changed since the last call.
    fn take_changes(&mut self) -> Vec<EntryChange>;
    /// Empties a group; returns the keys that a snapshot may hold.
    fn clear(&mut self, group: u32) -> Vec<Vec<u8>>;
    /// Loads a persisted entry.
    ///
    /// # Errors
    /// Where it does not fit.
    fn load(&mut self, group: u32, key: &[u8], value: Option<&[u8]>) -> Result<()>;
}

/// The accumulator of a call. `arguments` are the types of its arguments; `retract`: rows can be
/// taken back.
///
/// # Errors
/// Where the function does not work on these types.
pub fn accumulator(call: &AggregateCall, arguments: &[DataType], retract: bool) -> Result<Box<dyn Accumulator>> {
    let result = call.data_type.ty.to_arrow();
    let first = || {
        arguments.first().cloned().ok_or_else(|| Error::internal(format!("{:?} without an argument", call.function)))
    };
    Ok(match &call.function {
        AggregateFunction::CountAll | AggregateFunction::Count => Box::new(count::Count::new(result)),
        AggregateFunction::Sum => sum::sum(&first()?, &result, false)?,
        AggregateFunction::Sum0 => sum::sum(&first()?, &result, true)?,
        AggregateFunction::Avg => average::average(&first()?, &result)?,
        AggregateFunction::Min | AggregateFunction::Max => {
            let max = call.function == AggregateFunction::Max;
            if retract {
                Box::new(min_max::Retracting::new(first()?, max))
            } else {
                Box::new(min_max::Appending::new(first()?, max)?)
            }
        }
        AggregateFunction::FirstValue | AggregateFunction::LastValue => {
            let last = call.function == AggregateFunction::LastValue;
            let order = arguments.get(1).cloned();
            if retract {
                Box::new(first_last::Retracting::new(first()?, order, last))
            } else {
                Box::new(first_last::Appending::new(first()?, order, last))
            }
        }
        AggregateFunction::ListAgg(separator) if !retract => Box::new(list::JoinedText::new(separator)),
        AggregateFunction::ListAgg(separator) => Box::new(list::List::text(separator)),
        AggregateFunction::ArrayAgg => Box::new(list::List::array(first()?, result)),
        AggregateFunction::Variance { sample, root } => {
            Box::new(variance::Variance::new(&first()?, result, *sample, *root)?)
        }
    })
}
