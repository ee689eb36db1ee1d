//! The groups of the windows of an aggregate.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use tidegate_core::Result;
use tidegate_plan::{AggregateCall, Node, Plan};

use super::assign::Bounds;
use super::by_window::{ByWindow, Table};
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::ops::{Input, count_overflows};
use crate::state::codec::EncodedRows;
use crate::state::groups::Groups;

impl Table for Groups {
    fn len(&self) -> usize {
        Groups::len(self)
    }
    fn clear(&mut self) {
        Groups::clear(self);
    }
}

/// Groups by window, the window that closes first in front.
pub(super) struct Tables {
    key_types: Vec<DataType>,
    input_types: Vec<DataType>,
    aggregates: Vec<AggregateCall>,
    retract: bool,
    pub by_window: ByWindow<Groups>,
}

/// Rows whose keys are encoded and looked up at a time: what lies in between stays in the processor's
/// cache then, and does not drive the tables out of it.
pub(super) const BLOCK: usize = 512;

impl Tables {
    /// Of an aggregate.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(node: &Node, plan: &Plan, keys: &[usize], aggregates: &[AggregateCall]) -> Result<Self> {
        let input = Input::of(node, plan)?;
        Ok(Tables {
            key_types: input.types_of(keys),
            input_types: input.types,
            aggregates: aggregates.to_vec(),
            retract: input.retract,
            by_window: ByWindow::new(),
        })
    }
    /// Whether rows can be taken back.
    pub fn retract(&self) -> bool {
        self.retract
    }
    /// A table without groups.
    ///
    /// # Errors
    /// Where an aggregate does not work on its arguments.
    pub fn empty(&self) -> Result<Groups> {
        Groups::new(&self.key_types, &self.aggregates, &self.input_types, self.retract)
    }
    /// The table of a window, made where there is none.
    ///
    /// # Errors
    /// Where an aggregate does not work on its arguments.
    pub fn of(&mut self, window: Bounds) -> Result<&mut Groups> {
        let Tables { key_types, aggregates, input_types, retract, by_window } = self;
        by_window.of(window, || Groups::new(key_types, aggregates, input_types, *retract))
    }

    /// Takes rows of a batch into a window. Row i of `keys` is the encoded key of `rows[i]`.
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn add(
        &mut self,
        window: Bounds,
        batch: &Batch,
        rows: &[u32],
        retract: Option<&[bool]>,
        keys: &EncodedRows,
        metrics: &OperatorMetrics,
    ) -> Result<()> {
        let groups = self.of(window)?;
        let mut ids = Vec::with_capacity(rows.len());
        groups.intern_encoded(keys, None, &mut ids, &mut Vec::new());
        let mut rows = Cow::Borrowed(rows);
        if let Some(known) = groups.count_rows(&ids, Some(&rows), retract) {
            let missing = known.iter().filter(|k| !**k).count() as u64;
            metrics.count("retraction-of-nothing", missing, || format!("a window that ends at {}", window.end));
            rows = rows.iter().zip(&known).filter(|(_, k)| **k).map(|(r, _)| *r).collect();
            ids = ids.into_iter().zip(&known).filter(|(_, k)| **k).map(|(g, _)| g).collect();
        }
        groups.update(&ids, Some(&rows), batch.change.rows.columns(), retract, 0)?;
        count_overflows(groups, metrics);
        Ok(())
    }

    /// Adds what local parts have saved to a window: `states` row i belongs to row `rows[i]` of `keys`.
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn merge(
        &mut self,
        window: Bounds,
        rows: &[u32],
        states: &[ArrayRef],
        keys: &EncodedRows,
        metrics: &OperatorMetrics,
    ) -> Result<()> {
        let groups = self.of(window)?;
        let mut ids = Vec::with_capacity(rows.len());
        groups.intern_encoded(keys, Some(rows), &mut ids, &mut Vec::new());
        groups.merge_saved(&ids, states, 0)?;
        count_overflows(groups, metrics);
        Ok(())
    }
}

/// The rows of each window of two columns that hold its boundaries.
pub(super) fn by_window(starts: &Int64Array, ends: &Int64Array) -> BTreeMap<Bounds, Vec<u32>> {
    let mut rows: BTreeMap<Bounds, Vec<u32>> = BTreeMap::new();
    for (row, (start, end)) in (0..).zip(starts.values().iter().zip(ends.values())) {
        rows.entry(Bounds { start: *start, end: *end }).or_default().push(row);
    }
    rows
}
