//! Deduplication that keeps the first row and never takes it back.
//!
//! By arrival a row goes out at once. By time it is held until the watermark has passed it: then no
//! earlier one can come any more.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Result};
use tidegate_plan::{Node, Plan};

use super::changes::{project, record_batch};
use super::latest::{layout, sweep};
use super::window::assign::millis;
use crate::batch::Batch;
use crate::metrics::Share;
use crate::operator::{BadRow, Operator, OperatorContext, Output, StateLayout};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;
use crate::state::rows::KeyedRows;

/// The operator. A key that has emitted stays, without a row.
pub struct FirstRow {
    keys: Vec<usize>,
    order: Option<usize>,
    state: KeyedRows,
    /// Held rows by time (ms).
    held: BTreeSet<(i64, u32)>,
    types: Vec<DataType>,
    schema: SchemaRef,
    ttl: i64,
    ctx: OperatorContext,
    sweep_at: u32,
    reported: Share,
}

impl FirstRow {
    /// Builds it.
    pub fn new(node: &Node, plan: &Plan, keys: &[usize], order: Option<usize>, ctx: OperatorContext) -> Self {
        let types: Vec<DataType> = node.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        let key_types: Vec<DataType> = keys.iter().map(|k| types[*k].clone()).collect();
        FirstRow {
            keys: keys.to_vec(),
            order,
            state: KeyedRows::new(&key_types),
            held: BTreeSet::new(),
            types,
            schema: arrow_schema(&node.columns),
            ttl: plan.settings.state_ttl_ms,
            ctx,
            sweep_at: 0,
            reported: Share::default(),
        }
    }

    fn by_arrival(&mut self, batch: &Batch, out: &mut dyn Output) -> Result<()> {
        let now = self.ctx.clock.now_millis();
        let mut made = Vec::new();
        let ids = self.state.intern(&project(batch.change.rows.columns(), &self.keys), batch.len(), &mut made)?;
        made.sort_unstable();
        let mut first = Vec::new();
        for (row, id) in ids.iter().enumerate() {
            let expired = self.ttl > 0 && self.state.touched(*id) > 0 && now - self.state.touched(*id) > self.ttl;
            let new = made.binary_search(id).is_ok_and(|at| {
                made.remove(at);
                true
            });
            if new || expired {
                self.state.touch(*id, now);
                first.push(row as u32);
            }
        }
        if first.is_empty() { Ok(()) } else { out.emit(batch.take(&UInt32Array::from(first))?) }
    }

    fn by_time(&mut self, batch: &Batch, time: usize, out: &mut dyn Output) -> Result<()> {
        let now = self.ctx.clock.now_millis();
        let columns = batch.change.rows.columns();
        let mut made = Vec::new();
        let ids = self.state.intern(&project(columns, &self.keys), batch.len(), &mut made)?;
        let made: BTreeSet<u32> = made.into_iter().collect();
        let times = millis(&columns[time])?;
        let mut rows = EncodedRows::default();
        rows.encode(columns, batch.len(), Form::Row)?;
        for (row, id) in ids.iter().enumerate() {
            if columns[time].is_null(row) {
                let origin = batch.origin.clone().map(|o| (o, row));
                let reason = format!("the event time {} is NULL", self.schema.field(time).name());
                out.bad_row(BadRow { origin, reason, class: "null-time" })?;
                continue;
            }
            let earlier = match self.state.row(*id) {
                Some(_) => times[row] < self.state.order(*id),
                // A key that has a mark but no row has emitted.
                None => made.contains(id) && self.state.touched(*id) == 0,
            };
            if earlier {
                self.held.remove(&(self.state.order(*id), *id));
                self.state.set(*id, rows.row(row), times[row], now.max(1));
                self.held.insert((times[row], *id));
            }
        }
        for id in made {
            if self.state.touched(id) == 0 {
                self.state.remove(id);
            }
        }
        Ok(())
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.state.keys().table().len());
    }
}

impl Operator for FirstRow {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        match self.order {
            None => self.by_arrival(&batch, out)?,
            Some(time) => self.by_time(&batch, time, out)?,
        }
        self.report();
        Ok(())
    }

    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        let mut ready = Vec::new();
        while let Some((time, id)) = self.held.first().copied() {
            if time > watermark {
                break;
            }
            self.held.pop_first();
            ready.push(id);
        }
        let now = self.ctx.clock.now_millis().max(1);
        for chunk in ready.chunks(8192) {
            let columns = decode(&self.types, Form::Row, chunk.iter().filter_map(|id| self.state.row(*id)))?;
            out.emit(Batch::new(ChangeBatch::append(record_batch(&self.schema, columns, chunk.len())?)))?;
        }
        for id in ready {
            self.state.clear(id, now);
        }
        Ok(())
    }

    fn tick(&mut self, now_ms: i64, _: &mut dyn Output) -> Result<()> {
        if self.order.is_none() {
            sweep(&mut self.state, &mut self.sweep_at, self.ttl, now_ms);
            self.report();
        }
        Ok(())
    }

    fn state(&self) -> Option<StateLayout> {
        Some(layout(&self.state))
    }
    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        self.state.snapshot()
    }
    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        self.state.restore(entries)?;
        let table = self.state.keys().table();
        self.held =
            table.ids().filter(|id| self.state.row(*id).is_some()).map(|id| (self.state.order(id), id)).collect();
        self.report();
        Ok(())
    }
}
