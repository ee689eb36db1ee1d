//! The groups of windows. Each window has a table of its own, so that closing it drops a whole table.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arrow_array::{ArrayRef, Int64Array};
use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_plan::{AggregateCall, Node, Plan};

use super::assign::{Assigner, Bounds};
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::ops::count_overflows;
use crate::state::codec::EncodedRows;
use crate::state::groups::Groups;

/// Groups by window, the window that closes first in front.
pub(super) struct Tables {
    key_types: Vec<DataType>,
    input_types: Vec<DataType>,
    aggregates: Vec<AggregateCall>,
    retract: bool,
    /// See [`Groups::untracked`].
    tracked: bool,
    windows: BTreeMap<Bounds, Groups>,
    /// Empty tables: the next windows have about as many groups, and find the room made.
    spare: Vec<Groups>,
}

/// Empty tables kept at most.
const SPARE: usize = 4;
/// Groups of a table that is kept: more of them are rare, and much memory.
const SPARE_GROUPS: usize = 32_768;

/// Rows whose keys are encoded and looked up at a time: what lies in between stays in the processor's
/// cache then, and does not drive the tables out of it.
pub(super) const BLOCK: usize = 512;

impl Tables {
    /// Of an aggregate.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(node: &Node, plan: &Plan, keys: &[usize], aggregates: &[AggregateCall]) -> Result<Self> {
        let input = &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("an aggregate without input"))?];
        let input_types: Vec<DataType> = input.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        Ok(Tables {
            key_types: keys.iter().map(|k| input_types[*k].clone()).collect(),
            input_types,
            aggregates: aggregates.to_vec(),
            retract: input.changes.update_before || input.changes.delete,
            tracked: true,
            windows: BTreeMap::new(),
            spare: Vec::new(),
        })
    }
    /// The same where no snapshot is ever taken.
    pub fn untracked(self) -> Self {
        Tables { tracked: false, ..self }
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
        let groups = Groups::new(&self.key_types, &self.aggregates, &self.input_types, self.retract)?;
        Ok(if self.tracked { groups } else { groups.untracked() })
    }
    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.windows.values().map(Groups::len).sum()
    }
    /// The tables, those that close first in front.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Bounds, &mut Groups)> {
        self.windows.iter_mut()
    }
    /// The table of a window, made where there is none.
    ///
    /// # Errors
    /// Where an aggregate does not work on its arguments.
    pub fn of(&mut self, window: Bounds) -> Result<&mut Groups> {
        if !self.windows.contains_key(&window) {
            let groups = self.spare.pop().map_or_else(|| self.empty(), Ok)?;
            self.windows.insert(window, groups);
        }
        self.windows.get_mut(&window).ok_or_else(|| Error::internal("a window without a table"))
    }
    /// Takes back a table whose groups are no longer needed.
    pub fn give_back(&mut self, mut groups: Groups) {
        if self.spare.len() < SPARE && groups.len() <= SPARE_GROUPS {
            groups.clear();
            self.spare.push(groups);
        }
    }
    /// Drops the table of a window.
    pub fn remove(&mut self, window: Bounds) {
        self.windows.remove(&window);
    }
    /// Takes out the table that closes first, if its window's last instant is at or below `until`.
    pub fn take_closed(&mut self, until: i64, assigner: &Assigner) -> Option<(Bounds, Groups)> {
        let entry = self.windows.first_entry()?;
        if assigner.last_instant(*entry.key()) > until { None } else { Some(entry.remove_entry()) }
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
