//! Partial results of windows, on their way from the local part of an aggregate to the aggregate.
//!
//! A row is a key, a stretch, and what the aggregates hold. The stretch goes from the start of the pane
//! that the rows lie in to the end of the first window they are in time for; they belong to all
//! windows of the pane that end then or later. So a key of a hop crosses once a pane, not once a window.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::{Error, Result};

use super::assign::Bounds;
use super::part::Part;
use super::tables::by_window;
use crate::ops::changes::{record_batch, take};
use crate::state::key_words::KeyWords;

/// The columns of partial results whose aggregates save columns of these types. The hash of the key stands
/// first, as the exchange wants it; the key is in the form that the tables behind the exchange have.
pub(super) fn schema(saved: Vec<DataType>) -> SchemaRef {
    let field = |name: &str, ty: DataType| Field::new(name, ty, false);
    let mut fields = vec![
        field("hash", DataType::UInt64),
        field("key", DataType::Binary),
        field("start", DataType::Int64),
        field("end", DataType::Int64),
    ];
    let states = saved.into_iter().enumerate();
    fields.extend(states.map(|(i, ty)| Field::new(format!("state{i}"), ty, true)));
    Arc::new(Schema::new(fields))
}

/// Partial results of some groups.
///
/// # Errors
/// Where the state is broken.
pub(super) fn partials(
    schema: &SchemaRef,
    stretch: Bounds,
    part: &Part,
    words: &KeyWords,
    ids: &[u32],
) -> Result<RecordBatch> {
    let (keys, hashes) = part.keys(words, ids)?;
    let bound = |wall: i64| Arc::new(Int64Array::from(vec![wall; ids.len()]));
    let mut columns: Vec<ArrayRef> = vec![Arc::new(hashes), Arc::new(keys), bound(stretch.start), bound(stretch.end)];
    columns.extend(part.save(ids)?);
    record_batch(schema, columns, ids.len())
}

/// Partial results that have come in.
pub(super) struct Received<'a> {
    /// The encoded keys.
    pub keys: &'a BinaryArray,
    bounds: [&'a Int64Array; 2],
    states: &'a [ArrayRef],
}

impl<'a> Received<'a> {
    /// Takes a batch apart.
    ///
    /// # Errors
    /// Where it has too few columns.
    pub fn new(columns: &'a [ArrayRef]) -> Result<Self> {
        let [_, keys, start, end, states @ ..] = columns else {
            return Err(Error::internal("partial results lack columns"));
        };
        let bounds = [start.as_primitive::<Int64Type>(), end.as_primitive::<Int64Type>()];
        Ok(Received { keys: keys.as_binary(), bounds, states })
    }
    /// The rows of each stretch.
    pub fn by_stretch(&self) -> BTreeMap<Bounds, Vec<u32>> {
        let [starts, ends] = self.bounds;
        by_window(starts, ends)
    }
    /// What the aggregates of some rows held.
    ///
    /// # Errors
    /// Where a row is out of bounds.
    pub fn states(&self, rows: &[u32]) -> Result<Vec<ArrayRef>> {
        if rows.len() == self.bounds[0].len() {
            return Ok(self.states.to_vec());
        }
        let rows = UInt32Array::from(rows.to_vec());
        self.states.iter().map(|column| take(column, &rows)).collect()
    }
}
