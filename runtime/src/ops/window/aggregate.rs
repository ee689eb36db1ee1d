//! GROUP BY over tumbling, hopping and cumulating windows, of rows and of what local parts have made
//! of rows.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Error, Result};
use tidegate_plan::{AggregateCall, Node, Plan, Window};

use super::assign::{Assigner, Bounds};
use super::intake::Intake;
use super::partials::Received;
use super::tables::{BLOCK, Tables, by_window};
use crate::batch::{Batch, Local};
use crate::metrics::Share;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::ops::changes::{project, record_batch, retractions, take};
use crate::state::codec::{EncodedRows, Form};
use crate::state::groups::Groups;

/// Rows of one emitted batch at most.
const EMIT_ROWS: usize = 8192;

/// The operator.
pub struct WindowAggregate {
    intake: Intake,
    keys: Vec<usize>,
    schema: SchemaRef,
    windows: Tables,
    /// Persisted entries of windows that have fired.
    deletions: Vec<RecordBatch>,
    layout: StateLayout,
    scratch: EncodedRows,
    ctx: OperatorContext,
    reported: Share,
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
        let windows = Tables::new(node, plan, keys, aggregates)?;
        Ok(WindowAggregate {
            intake: Intake::new(window, ctx.clone())?,
            keys: keys.to_vec(),
            schema: arrow_schema(&node.columns),
            layout: layout(&windows.empty()?, keys.len()),
            windows,
            deletions: Vec::new(),
            scratch: EncodedRows::default(),
            ctx,
            reported: Share::default(),
        })
    }

    /// Takes rows into their windows.
    fn add(&mut self, batch: &Batch, out: &mut dyn Output) -> Result<()> {
        let panes = self.intake.panes(batch, None, out)?;
        let (retract, keys) = (retractions(&batch.change), project(batch.change.rows.columns(), &self.keys));
        for (pane, rows) in panes {
            for rows in rows.chunks(BLOCK) {
                self.add_block(pane, batch, rows, retract.as_deref(), &keys)?;
            }
        }
        Ok(())
    }

    /// Takes rows of one pane.
    fn add_block(
        &mut self,
        pane: i64,
        batch: &Batch,
        rows: &[u32],
        retract: Option<&[bool]>,
        keys: &[ArrayRef],
    ) -> Result<()> {
        let metrics = &self.ctx.metrics;
        self.scratch.encode_selected(keys, rows, Form::Key)?;
        for window in self.intake.assigner.windows(pane) {
            match self.intake.in_time(window, rows, batch) {
                Cow::Borrowed(rows) => self.windows.add(window, batch, rows, retract, &self.scratch, metrics)?,
                Cow::Owned(none) if none.is_empty() => {}
                Cow::Owned(some) => {
                    let mut own = EncodedRows::default();
                    own.encode_selected(keys, &some, Form::Key)?;
                    self.windows.add(window, batch, &some, retract, &own, metrics)?;
                }
            }
        }
        Ok(())
    }

    /// Adds partial results, whose rows have been judged and counted where they were made.
    fn merge(&mut self, batch: &Batch) -> Result<()> {
        let received = Received::new(batch.change.rows.columns())?;
        self.scratch.load(received.keys);
        for (stretch, rows) in received.by_stretch() {
            let states = received.states(&rows)?;
            for window in self.intake.windows_of(stretch) {
                self.windows.merge(window, &rows, &states, &self.scratch, &self.ctx.metrics)?;
            }
        }
        Ok(())
    }

    /// Fires all windows whose last instant is at or below `until`.
    fn fire(&mut self, until: i64, out: &mut dyn Output) -> Result<()> {
        while let Some((bounds, mut groups)) = self.windows.by_window.take_closed(until, &self.intake.assigner) {
            self.emit(bounds, &groups, out)?;
            for batch in groups.deletions()? {
                self.deletions.push(with_bounds(&self.layout.schema, bounds, &batch)?);
            }
            self.windows.by_window.give_back(groups);
        }
        self.report();
        Ok(())
    }

    fn emit(&self, bounds: Bounds, groups: &Groups, out: &mut dyn Output) -> Result<()> {
        let mut ids = groups.ids();
        if self.windows.retract() {
            ids.retain(|g| groups.count(*g) > 0);
        }
        for ids in ids.chunks(EMIT_ROWS) {
            let mut columns = groups.keys().columns(ids)?;
            columns.extend(groups.results(ids)?);
            push_boundaries(&mut columns, &self.intake.assigner, &self.schema, &vec![bounds; ids.len()])?;
            out.emit(Batch::new(ChangeBatch::append(record_batch(&self.schema, columns, ids.len())?)))?;
        }
        Ok(())
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.windows.by_window.groups());
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
        match batch.local {
            Some(Local::Partials) => self.merge(&batch)?,
            Some(Local::Rows) | None => self.add(&batch, out)?,
        }
        self.report();
        Ok(())
    }

    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        if self.intake.has_time() || watermark == i64::MAX { self.fire(watermark, out) } else { Ok(()) }
    }

    fn tick(&mut self, now_ms: i64, out: &mut dyn Output) -> Result<()> {
        if !self.intake.has_time() { self.fire(now_ms - 1, out) } else { Ok(()) }
    }

    fn state(&self) -> Option<StateLayout> {
        Some(self.layout.clone())
    }

    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        let mut out = std::mem::take(&mut self.deletions);
        for (bounds, groups) in self.windows.by_window.iter_mut() {
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
        for (bounds, rows) in by_window(starts, ends) {
            let indices = UInt32Array::from(rows);
            let own = columns[2..].iter().map(|c| take(c, &indices)).collect::<Result<Vec<_>>>()?;
            let groups = self.windows.of(bounds)?;
            groups.restore(&own)?;
            if groups.is_empty() {
                self.windows.by_window.remove(bounds);
            }
        }
        self.report();
        Ok(())
    }
}
