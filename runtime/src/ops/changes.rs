//! From old and new results of groups to the rows of a changelog.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int8Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::{ChangeBatch, Error, Result, RowKind};
use tidegate_plan::Changes;

/// Collects rows of a changelog as (kind, index) over columns that are given at the end.
#[derive(Debug, Default)]
pub struct ChangeRows {
    kinds: Vec<i8>,
    indices: Vec<u32>,
}

impl ChangeRows {
    /// Adds a row.
    pub fn push(&mut self, kind: RowKind, index: u32) {
        self.kinds.push(kind as i8);
        self.indices.push(index);
    }
    /// Adds what a key's change from `old` to `new` means to a consumer that wants `changes`.
    pub fn change(&mut self, changes: Changes, old: Option<u32>, new: Option<u32>) {
        match (old, new) {
            (None, None) => {}
            (None, Some(new)) => self.push(RowKind::Insert, new),
            (Some(old), None) => {
                if changes.delete {
                    self.push(RowKind::Delete, old);
                }
            }
            (Some(_), Some(_)) => self.update(changes, old, new),
        }
    }
    /// Adds what an update means of which one side or the other may have been filtered out.
    pub fn update(&mut self, changes: Changes, old: Option<u32>, new: Option<u32>) {
        if let (Some(old), true) = (old, changes.update_before) {
            self.push(RowKind::UpdateBefore, old);
        }
        if let Some(new) = new {
            self.push(if changes.update_after { RowKind::UpdateAfter } else { RowKind::Insert }, new);
        }
    }
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
    /// The indices.
    pub fn indices(&self) -> UInt32Array {
        UInt32Array::from(self.indices.clone())
    }
    /// The rows, whose columns have been taken at [`ChangeRows::indices`].
    ///
    /// # Errors
    /// Where the columns do not fit the schema.
    pub fn finish(self, schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<ChangeBatch> {
        let rows = record_batch(schema, columns, self.kinds.len())?;
        if self.kinds.iter().all(|k| *k == RowKind::Insert as i8) {
            return Ok(ChangeBatch::append(rows));
        }
        ChangeBatch::new(rows, Int8Array::from(self.kinds))
    }
}

/// A record batch that may have no columns.
///
/// # Errors
/// Where the columns do not fit the schema.
pub fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(|e| Error::internal(format!("an operator's columns do not fit its schema: {e}")))
}

/// The rows at `indices`.
///
/// # Errors
/// Where an index is out of bounds.
pub fn take(column: &ArrayRef, indices: &UInt32Array) -> Result<ArrayRef> {
    arrow_select::take::take(column, indices, None).map_err(|e| Error::internal(format!("take: {e}")))
}

/// One column after the other.
///
/// # Errors
/// Where the types differ.
pub fn concat(a: &ArrayRef, b: &ArrayRef) -> Result<ArrayRef> {
    arrow_select::concat::concat(&[a.as_ref(), b.as_ref()]).map_err(|e| Error::internal(format!("concat: {e}")))
}

/// The values at `places`: (0, row of `a`) or (1, row of `b`).
///
/// # Errors
/// Where the types differ or a row is out of bounds.
pub fn interleave(a: &ArrayRef, b: &ArrayRef, places: &[(usize, usize)]) -> Result<ArrayRef> {
    arrow_select::interleave::interleave(&[a.as_ref(), b.as_ref()], places)
        .map_err(|e| Error::internal(format!("interleave: {e}")))
}

/// Marks in `changed` the pairs (row of `a`, row of `b`) that differ; NULL equals NULL, and doubles are
/// compared by their bits.
pub fn mark_changed(a: &ArrayRef, b: &ArrayRef, pairs: &[(usize, usize)], changed: &mut [bool]) {
    let mut mark = |same: &dyn Fn(usize, usize) -> bool| {
        for ((i, j), c) in pairs.iter().zip(changed.iter_mut()) {
            *c |= match (a.is_null(*i), b.is_null(*j)) {
                (false, false) => !same(*i, *j),
                (m, n) => m != n,
            };
        }
    };
    macro_rules! by_value {
        ($t:ty, $same:expr) => {{
            let (x, y) = (a.as_primitive::<$t>(), b.as_primitive::<$t>());
            mark(&|i, j| $same(x.value(i), y.value(j)));
        }};
    }
    match a.data_type() {
        DataType::Int64 => by_value!(Int64Type, |x, y| x == y),
        DataType::Timestamp(..) => by_value!(TimestampMicrosecondType, |x, y| x == y),
        DataType::Decimal128(..) => by_value!(Decimal128Type, |x, y| x == y),
        DataType::Float64 => by_value!(Float64Type, |x: f64, y: f64| x.to_bits() == y.to_bits()),
        DataType::Utf8 => {
            let (x, y) = (a.as_string::<i32>(), b.as_string::<i32>());
            mark(&|i, j| x.value(i) == y.value(j));
        }
        _ => mark(&|i, j| a.slice(i, 1).as_ref() == b.slice(j, 1).as_ref()),
    }
}

/// For each row whether it takes one back; `None`: none does.
pub fn retractions(change: &ChangeBatch) -> Option<Vec<bool>> {
    let kinds = change.kinds.as_ref()?;
    let out: Vec<bool> =
        kinds.values().iter().map(|k| *k == RowKind::UpdateBefore as i8 || *k == RowKind::Delete as i8).collect();
    out.contains(&true).then_some(out)
}

/// The columns at these positions.
pub fn project(columns: &[ArrayRef], positions: &[usize]) -> Vec<ArrayRef> {
    positions.iter().map(|i| columns[*i].clone()).collect()
}
