//! The changelog: Arrow columns plus a row kind.

use arrow_array::{Int8Array, RecordBatch, UInt32Array};

use crate::error::{Error, Result};

/// What a row means. The numbers are persisted: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum RowKind {
    /// `+I` a new row
    Insert = 0,
    /// `-U` the old version of an updated row
    UpdateBefore = 1,
    /// `+U` the new version of an updated row
    UpdateAfter = 2,
    /// `-D` a removed row
    Delete = 3,
}

impl RowKind {
    /// From its number.
    pub fn from_i8(n: i8) -> Option<RowKind> {
        match n {
            0 => Some(RowKind::Insert),
            1 => Some(RowKind::UpdateBefore),
            2 => Some(RowKind::UpdateAfter),
            3 => Some(RowKind::Delete),
            _ => None,
        }
    }
    /// `+I`, `-U`, `+U` or `-D`.
    pub fn symbol(self) -> &'static str {
        match self {
            RowKind::Insert => "+I",
            RowKind::UpdateBefore => "-U",
            RowKind::UpdateAfter => "+U",
            RowKind::Delete => "-D",
        }
    }
    /// `+I` and `+U` add a row, `-U` and `-D` take one away.
    pub fn is_addition(self) -> bool {
        matches!(self, RowKind::Insert | RowKind::UpdateAfter)
    }
}

/// Rows of a changelog. The schema of `rows` names the columns that are carried: a batch for a
/// partial-column upsert simply lacks the others (absent is not NULL).
#[derive(Debug, Clone)]
pub struct ChangeBatch {
    /// The rows, in order.
    pub rows: RecordBatch,
    /// One [`RowKind`] number a row; `None` means that every row is `+I`.
    pub kinds: Option<Int8Array>,
}

impl ChangeBatch {
    /// Rows that are all `+I`.
    pub fn append(rows: RecordBatch) -> Self {
        ChangeBatch { rows, kinds: None }
    }
    /// Rows with kinds.
    ///
    /// # Errors
    /// Where the number of kinds is not the number of rows or a kind is unknown.
    pub fn new(rows: RecordBatch, kinds: Int8Array) -> Result<Self> {
        if kinds.len() != rows.num_rows() || kinds.values().iter().any(|k| RowKind::from_i8(*k).is_none()) {
            return Err(Error::internal("row kinds do not fit the rows"));
        }
        Ok(ChangeBatch { rows, kinds: Some(kinds) })
    }
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The kind of row `i`.
    pub fn kind(&self, i: usize) -> RowKind {
        match &self.kinds {
            None => RowKind::Insert,
            Some(k) => RowKind::from_i8(k.value(i)).unwrap_or(RowKind::Insert),
        }
    }
    /// Rows `offset .. offset+len`, without a copy.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        ChangeBatch { rows: self.rows.slice(offset, len), kinds: self.kinds.as_ref().map(|k| k.slice(offset, len)) }
    }
    /// The rows at `indices`, in that order.
    ///
    /// # Errors
    /// Where an index is out of bounds.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self> {
        let columns = self
            .rows
            .columns()
            .iter()
            .map(|c| arrow_select::take::take(c, indices, None))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::internal(format!("take: {e}")))?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(indices.len()));
        let rows = RecordBatch::try_new_with_options(self.rows.schema(), columns, &options)
            .map_err(|e| Error::internal(format!("take: {e}")))?;
        let kinds = self
            .kinds
            .as_ref()
            .map(|k| Int8Array::from_iter_values(indices.values().iter().map(|i| k.value(*i as usize))));
        Ok(ChangeBatch { rows, kinds })
    }
}
