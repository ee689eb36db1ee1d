//! GROUP BY over tumbling, hopping and cumulating windows. Each window has a table of its own, so
//! that firing drops a whole table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Error, Result};
use tidegate_plan::{AggregateCall, Node, Plan, Window};

use super::assign::{Assigner, Bounds};
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::ops::changes::{project, record_batch, retractions, take};
use crate::state::codec::{EncodedRows, Form};
use crate::state::groups::Groups;

/// Rows of one emitted batch at most.
const EMIT_ROWS: usize = 8192;

/// The operator.
pub struct WindowAggregate {
    time: Option<usize>,
    assigner: Assigner,
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    key_types: Vec<DataType>,
    input_types: Vec<DataType>,
    retract: bool,
    schema: SchemaRef,
    windows: BTreeMap<Bounds, Groups>,
    /// Persisted entries of windows that have fired.
    deletions: Vec<RecordBatch>,
    layout: StateLayout,
    scratch: EncodedRows,
    ctx: OperatorContext,
    reported: u64,
}

impl WindowAggregate {
    /// Builds it.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(
        node: &Node,
        plan: &Plan,
        window: &Window,
        keys: &[usize],
        aggregates: &[AggregateCall],
        ctx: OperatorContext,
    ) -> Result<Self> {
        let input = &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("an aggregate without input"))?];
        let input_types: Vec<DataType> = input.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        let key_types: Vec<DataType> = keys.iter().map(|k| input_types[*k].clone()).collect();
        let retract = input.changes.update_before || input.changes.delete;
        let prototype = Groups::new(&key_types, aggregates, &input_types, retract)?;
        Ok(WindowAggregate {
            time: window.time,
            assigner: Assigner::new(window)?,
            keys: keys.to_vec(),
            aggregates: aggregates.to_vec(),
            key_types,
            input_types,
            retract,
            schema: arrow_schema(&node.columns),
            windows: BTreeMap::new(),
            deletions: Vec::new(),
            layout: layout(&prototype, keys.len()),
            scratch: EncodedRows::default(),
            ctx,
            reported: 0,
        })
    }

    fn groups(&mut self, bounds: Bounds) -> Result<&mut Groups> {
        use std::collections::btree_map::Entry;
        Ok(match self.windows.entry(bounds) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => {
                e.insert(Groups::new(&self.key_types, &self.aggregates, &self.input_types, self.retract)?)
            }
        })
    }

    /// Rows by pane, in order; late ones left out and counted.
    fn panes(&mut self, batch: &Batch, times: &[i64], valid: Option<&ArrayRef>) -> BTreeMap<i64, Vec<u32>> {
        let mut panes: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        let mut current: Option<(i64, Vec<u32>)> = None;
        for (row, time) in times.iter().enumerate() {
            if valid.is_some_and(|v| v.is_null(row)) {
                continue;
            }
            let pane = self.assigner.pane(*time);
            match &mut current {
                Some((p, rows)) if *p == pane => rows.push(row as u32),
                _ => {
                    if let Some((p, rows)) = current.take() {
                        panes.insert(p, rows);
                    }
                    let mut rows = panes.remove(&pane).unwrap_or_default();
                    rows.push(row as u32);
                    current = Some((pane, rows));
                }
            }
        }
        panes.extend(current);
        if let Some(marks) = &batch.marks {
            let mut late = 0;
            for (pane, rows) in &mut panes {
                // Late for its last window is late for all.
                let Some(last) = self.assigner.windows(*pane).pop() else { continue };
                let last = self.assigner.last_instant(last);
                let before = rows.len();
                rows.retain(|row| last > marks.value(*row as usize));
                late += before - rows.len();
            }
            OperatorMetrics::add(&self.ctx.metrics.late, late as u64);
        }
        panes
    }

    fn add(
        &mut self,
        bounds: Bounds,
        batch: &Batch,
        rows: &[u32],
        retract: Option<&[bool]>,
        scratch: &EncodedRows,
    ) -> Result<()> {
        let last = self.assigner.last_instant(bounds);
        let in_time;
        let rows = match &batch.marks {
            Some(marks) if rows.iter().any(|r| last <= marks.value(*r as usize)) => {
                in_time = rows.iter().copied().filter(|r| last > marks.value(*r as usize)).collect::<Vec<_>>();
                &in_time
            }
            _ => rows,
        };
        if rows.is_empty() {
            return Ok(());
        }
        let ctx = self.ctx.clone();
        let groups = self.groups(bounds)?;
        let mut selected = (rows.len() != batch.len()).then_some(rows);
        let mut ids = Vec::with_capacity(rows.len());
        groups.intern_encoded(scratch, selected, &mut ids, &mut Vec::new());
        let mut known_rows = Vec::new();
        if let Some(known) = groups.count_rows(&ids, selected, retract) {
            let missing = known.iter().filter(|k| !**k).count() as u64;
            ctx.metrics.count("retraction-of-nothing", missing, || format!("a window that ends at {}", bounds.end));
            known_rows = rows.iter().zip(&known).filter(|(_, k)| **k).map(|(r, _)| *r).collect();
            ids = ids.into_iter().zip(&known).filter(|(_, k)| **k).map(|(g, _)| g).collect();
        }
        if !known_rows.is_empty() {
            selected = Some(&known_rows);
        }
        groups.update(&ids, selected, batch.change.rows.columns(), retract, 0)?;
        if let Some((n, group)) = groups.take_overflows() {
            let keys = groups.keys();
            ctx.metrics.count("sum-overflow", n, || format!("group {}", keys.describe(group)));
        }
        Ok(())
    }

    /// Fires all windows whose last instant is at or below `until`.
    fn fire(&mut self, until: i64, out: &mut dyn Output) -> Result<()> {
        while let Some(entry) = self.windows.first_entry() {
            let bounds = *entry.key();
            if self.assigner.last_instant(bounds) > until {
                break;
            }
            let groups = entry.remove();
            self.emit(bounds, &groups, out)?;
            for batch in groups.into_deletions()? {
                self.deletions.push(with_bounds(&self.layout.schema, bounds, &batch)?);
            }
        }
        self.report();
        Ok(())
    }

    fn emit(&self, bounds: Bounds, groups: &Groups, out: &mut dyn Output) -> Result<()> {
        let mut ids = groups.ids();
        if self.retract {
            ids.retain(|g| groups.count(*g) > 0);
        }
        for ids in ids.chunks(EMIT_ROWS) {
            let mut columns = groups.keys().columns(ids)?;
            columns.extend(groups.results(ids)?);
            push_boundaries(&mut columns, &self.assigner, &self.schema, &vec![bounds; ids.len()])?;
            out.emit(Batch::new(ChangeBatch::append(record_batch(&self.schema, columns, ids.len())?)))?;
        }
        Ok(())
    }

    fn report(&mut self) {
        let n: u64 = self.windows.values().map(|g| g.len() as u64).sum();
        OperatorMetrics::add(&self.ctx.metrics.state_entries, n.wrapping_sub(self.reported));
        self.reported = n;
    }
}

/// Adds start, end and time of the windows, as many of them as the schema still has columns for.
pub(super) fn push_boundaries(
    columns: &mut Vec<ArrayRef>,
    assigner: &Assigner,
    schema: &SchemaRef,
    bounds: &[Bounds],
) -> Result<()> {
    let starts: Vec<i64> = bounds.iter().map(|b| b.start).collect();
    let ends: Vec<i64> = bounds.iter().map(|b| b.end).collect();
    for (walls, before) in [(&starts, 0), (&ends, 0), (&ends, 1)] {
        let Some(field) = schema.fields().get(columns.len()) else { break };
        columns.push(assigner.boundary(walls, before, field.data_type())?);
    }
    Ok(())
}

fn layout(groups: &Groups, keys: usize) -> StateLayout {
    let mut fields =
        vec![Field::new("window_end", DataType::Int64, true), Field::new("window_start", DataType::Int64, true)];
    fields.extend(groups.schema().fields().iter().map(|f| f.as_ref().clone()));
    StateLayout {
        schema: Arc::new(Schema::new(fields)),
        key_columns: [0, 1].into_iter().chain(groups.entry_key().into_iter().map(|i| i + 2)).collect(),
        partition_columns: (2..keys + 2).collect(),
    }
}

fn with_bounds(schema: &SchemaRef, bounds: Bounds, batch: &RecordBatch) -> Result<RecordBatch> {
    let n = batch.num_rows();
    let mut columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(vec![bounds.end; n])), Arc::new(Int64Array::from(vec![bounds.start; n]))];
    columns.extend(batch.columns().iter().cloned());
    record_batch(schema, columns, n)
}

impl Operator for WindowAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (times, valid) = super::times(&batch, self.time, self.ctx.clock.now_millis(), out)?;
        let panes = self.panes(&batch, &times, valid.as_ref());
        let retract = retractions(&batch.change);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.encode(&project(batch.change.rows.columns(), &self.keys), batch.len(), Form::Key)?;
        for (pane, rows) in panes {
            for bounds in self.assigner.windows(pane) {
                self.add(bounds, &batch, &rows, retract.as_deref(), &scratch)?;
            }
        }
        self.scratch = scratch;
        self.report();
        Ok(())
    }

    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        if self.time.is_some() || watermark == i64::MAX { self.fire(watermark, out) } else { Ok(()) }
    }

    fn tick(&mut self, now_ms: i64, out: &mut dyn Output) -> Result<()> {
        if self.time.is_none() { self.fire(now_ms - 1, out) } else { Ok(()) }
    }

    fn state(&self) -> Option<StateLayout> {
        Some(self.layout.clone())
    }

    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        let mut out = std::mem::take(&mut self.deletions);
        for (bounds, groups) in &mut self.windows {
            for batch in groups.snapshot()? {
                out.push(with_bounds(&self.layout.schema, *bounds, &batch)?);
            }
        }
        Ok(out)
    }

    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        let columns = entries.columns();
        if columns.len() != self.layout.schema.fields().len() {
            return Err(Error::internal("stored windows have another number of columns"));
        }
        let (ends, starts) = (columns[0].as_primitive::<Int64Type>(), columns[1].as_primitive::<Int64Type>());
        let mut rows: BTreeMap<Bounds, Vec<u32>> = BTreeMap::new();
        for row in 0..entries.num_rows() {
            rows.entry(Bounds { end: ends.value(row), start: starts.value(row) }).or_default().push(row as u32);
        }
        for (bounds, rows) in rows {
            let indices = UInt32Array::from(rows);
            let own = columns[2..].iter().map(|c| take(c, &indices)).collect::<Result<Vec<_>>>()?;
            let groups = self.groups(bounds)?;
            groups.restore(&own)?;
            if groups.is_empty() {
                self.windows.remove(&bounds);
            }
        }
        self.report();
        Ok(())
    }
}
