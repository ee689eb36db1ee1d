//! What flows between operators: changes, with where they came from and, for rows that may be late,
//! the watermark in force when they were read.

use std::sync::Arc;

use arrow_array::{Int64Array, UInt32Array};
use tidegate_core::raw::RawBatch;
use tidegate_core::{ChangeBatch, Result};

/// A batch on an edge.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The rows.
    pub change: ChangeBatch,
    /// For each row the watermark (ms) in force just before its record was read. Present only where
    /// some row of the batch lies at or below it, i.e. may be late; rows of a batch without marks
    /// are never late. Dropped by operators whose output has no event time.
    pub marks: Option<Int64Array>,
    /// Where the rows came from; lost at the first exchange or stateful operator.
    pub origin: Option<Origin>,
    /// Set on the way from the local part of an aggregate to the aggregate: what these rows are.
    /// Their local part has counted them as the aggregate's input, so nobody does again.
    pub local: Option<Local>,
}

/// What the local part of an aggregate, which stands before the exchange, hands to the aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Rows as they came.
    Rows,
    /// Partial results. Whatever else they have, the first column is the [`crate::hash`] of their key.
    Partials,
}

/// The raw records behind a batch's rows, for dead letters and error messages.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The undecoded records.
    pub raw: Arc<RawBatch>,
    /// Index into `raw.records` of each row; `None`: row i is record i.
    pub records: Option<UInt32Array>,
}

impl Batch {
    /// A batch of changes and nothing else.
    pub fn new(change: ChangeBatch) -> Self {
        Batch { change, marks: None, origin: None, local: None }
    }
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.change.len()
    }
    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.change.is_empty()
    }
    /// The rows at `indices`, with everything that belongs to them.
    ///
    /// # Errors
    /// Where an index is out of bounds.
    pub fn take(&self, indices: &UInt32Array) -> Result<Batch> {
        Ok(Batch {
            change: self.change.take(indices)?,
            marks: self
                .marks
                .as_ref()
                .map(|m| Int64Array::from_iter_values(indices.values().iter().map(|i| m.value(*i as usize)))),
            origin: self.origin.as_ref().map(|o| o.take(indices)),
            local: self.local,
        })
    }
    /// The selected rows; `None` for all.
    ///
    /// # Errors
    /// Where an index is out of bounds.
    pub fn selected(self, rows: Option<&UInt32Array>) -> Result<Batch> {
        match rows {
            None => Ok(self),
            Some(rows) => self.take(rows),
        }
    }
    /// Rows `offset .. offset + len`, without a copy of the columns.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Batch {
        Batch {
            change: self.change.slice(offset, len),
            marks: self.marks.as_ref().map(|m| m.slice(offset, len)),
            origin: self.origin.as_ref().map(|o| Origin {
                raw: o.raw.clone(),
                records: Some(match &o.records {
                    Some(r) => r.slice(offset, len),
                    None => UInt32Array::from_iter_values(offset as u32..(offset + len) as u32),
                }),
            }),
            local: self.local,
        }
    }
}

impl Origin {
    /// The origin of the rows at `indices`.
    #[must_use]
    pub fn take(&self, indices: &UInt32Array) -> Origin {
        Origin {
            raw: self.raw.clone(),
            records: Some(match &self.records {
                Some(r) => UInt32Array::from_iter_values(indices.values().iter().map(|i| r.value(*i as usize))),
                None => indices.clone(),
            }),
        }
    }
    /// The raw record of row `row`.
    pub fn record(&self, row: usize) -> usize {
        self.records.as_ref().map_or(row, |r| r.value(row) as usize)
    }
    /// `topic t partition 1 offset 991`, for messages.
    pub fn describe(&self, row: usize) -> String {
        let record = &self.raw.records[self.record(row)];
        format!("topic {} partition {} offset {}", self.raw.topic, self.raw.partition, record.offset)
    }
}
