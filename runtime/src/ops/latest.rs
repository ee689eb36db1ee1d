//! One current row a key: deduplication that keeps the last row (or, by time, the first where it may
//! still be replaced), and normalisation of upsert sources.
//!
//! Changes are collapsed per input batch, per row without mini-batch; a row that comes again unchanged
//! emits nothing (but with a TTL it does, so that state behind does not expire first).

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Error, Result, RowKind};
use tidegate_plan::{Changes, Node, Plan};

use super::changes::{ChangeRows, concat, project, take};
use crate::batch::Batch;
use crate::metrics::Share;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;
use crate::state::physical::{View, view};
use crate::state::rows::KeyedRows;

/// Which row is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The one that came last, or has the latest time (of equal ones the later arrival).
    Last,
    /// The one with the earliest time.
    First,
    /// The one that came last; `-D` removes it, `-U` says nothing.
    Upsert,
}

/// The operator.
pub struct LatestRow {
    keep: Keep,
    keys: Vec<usize>,
    order: Option<usize>,
    state: KeyedRows,
    types: Vec<DataType>,
    schema: SchemaRef,
    changes: Changes,
    per_row: bool,
    ttl: i64,
    ctx: OperatorContext,
    scratch: EncodedRows,
    met: Vec<u64>,
    round: u64,
    sweep_at: u32,
    reported: Share,
}

/// Keys met since the last emission: with the row they had and the one they have now.
#[derive(Default)]
struct Met {
    ids: Vec<u32>,
    /// Index into `olds`.
    old: Vec<Option<usize>>,
    olds: Vec<Vec<u8>>,
    /// The row of the batch that is current now.
    new: Vec<Option<u32>>,
}

impl LatestRow {
    /// Builds it.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(
        node: &Node,
        plan: &Plan,
        keys: &[usize],
        order: Option<usize>,
        keep: Keep,
        ctx: OperatorContext,
    ) -> Result<Self> {
        let types: Vec<DataType> = node.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        let key_types: Vec<DataType> = keys.iter().map(|k| types[*k].clone()).collect();
        Ok(LatestRow {
            keep,
            keys: keys.to_vec(),
            order,
            state: KeyedRows::new(&key_types),
            types,
            schema: arrow_schema(&node.columns),
            changes: node.changes,
            per_row: !plan.settings.mini_batch,
            ttl: plan.settings.state_ttl_ms,
            ctx,
            scratch: EncodedRows::default(),
            met: Vec::new(),
            round: 0,
            sweep_at: 0,
            reported: Share::default(),
        })
    }

    /// Where the key was first met in this round, it is added with its old row.
    fn meet(&mut self, id: u32, at: &mut [usize], met: &mut Met, now: i64) -> usize {
        if self.met[id as usize] == self.round {
            return at[id as usize];
        }
        self.met[id as usize] = self.round;
        if self.ttl > 0 && self.state.row(id).is_some() && now - self.state.touched(id) > self.ttl {
            self.state.clear(id, now);
        }
        at[id as usize] = met.ids.len();
        met.ids.push(id);
        met.new.push(None);
        met.old.push(self.state.row(id).map(|row| {
            met.olds.push(row.to_vec());
            met.olds.len() - 1
        }));
        met.ids.len() - 1
    }

    fn replaces(&self, id: u32, order: i64) -> bool {
        self.state.row(id).is_none()
            || match self.keep {
                Keep::Upsert => true,
                Keep::Last => order >= self.state.order(id),
                Keep::First => order < self.state.order(id),
            }
    }

    fn collect(&self, met: &Met, offset: usize, rows: usize, out: &mut ChangeRows) {
        for (i, id) in met.ids.iter().enumerate() {
            let old = met.old[i];
            let old_index = old.map(|o| (rows + offset + o) as u32);
            let current = self.state.row(*id);
            match (old, current) {
                (Some(o), Some(current)) if self.ttl <= 0 && met.olds[o] == current => {}
                (_, Some(_)) if met.new[i].is_none() => {}
                (_, current) => out.change(self.changes, old_index, current.and(met.new[i])),
            }
        }
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.state.keys().table().len());
    }
}

/// The order numbers of a batch; a NULL order comes before all others.
fn orders(batch: &Batch, order: Option<usize>) -> Result<Vec<i64>> {
    let Some(order) = order else { return Ok(vec![0; batch.len()]) };
    let column = batch.change.rows.column(order);
    match view(column)? {
        View::I64(v) => Ok(v.iter().enumerate().map(|(i, v)| if column.is_null(i) { i64::MIN } else { *v }).collect()),
        _ => Err(Error::internal(format!("deduplication by a column of type {}", column.data_type()))),
    }
}

impl Operator for LatestRow {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let n = batch.len();
        let now = self.ctx.clock.now_millis();
        let columns = batch.change.rows.columns();
        let ids = self.state.intern(&project(columns, &self.keys), n, &mut Vec::new())?;
        let orders = orders(&batch, self.order)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.encode(columns, n, Form::Row)?;
        let bound = self.state.keys().table().bound();
        self.met.resize(bound.max(self.met.len()), 0);
        let mut at = vec![0; bound];
        let (mut met, mut rows, mut olds) = (Met::default(), ChangeRows::default(), Vec::new());
        self.round += 1;
        for (row, id) in ids.iter().enumerate() {
            let slot = self.meet(*id, &mut at, &mut met, now);
            match batch.change.kind(row) {
                RowKind::Insert | RowKind::UpdateAfter => {
                    if self.replaces(*id, orders[row]) {
                        self.state.set(*id, scratch.row(row), orders[row], now);
                        met.new[slot] = Some(row as u32);
                    }
                }
                RowKind::Delete if self.keep == Keep::Upsert => self.state.clear(*id, now),
                RowKind::UpdateBefore if self.keep == Keep::Upsert => {}
                RowKind::Delete | RowKind::UpdateBefore => {
                    return Err(Error::internal("deduplication got a row that is taken back"));
                }
            }
            if self.per_row {
                self.collect(&met, olds.len(), n, &mut rows);
                olds.append(&mut met.olds);
                met = Met::default();
                self.round += 1;
            }
        }
        self.collect(&met, olds.len(), n, &mut rows);
        olds.append(&mut met.olds);
        self.scratch = scratch;
        for id in ids {
            if self.state.keys().table().is_live(id) && self.state.row(id).is_none() {
                self.state.remove(id);
            }
        }
        self.report();
        if rows.is_empty() {
            return Ok(());
        }
        let indices = rows.indices();
        let with_old = indices.values().iter().any(|i| *i as usize >= n);
        let olds = decode(&self.types, Form::Row, olds.iter().map(Vec::as_slice))?;
        let columns = columns
            .iter()
            .zip(&olds)
            .map(|(new, old)| if with_old { take(&concat(new, old)?, &indices) } else { take(new, &indices) })
            .collect::<Result<Vec<ArrayRef>>>()?;
        out.emit(Batch::new(rows.finish(&self.schema, columns)?))
    }

    fn tick(&mut self, now_ms: i64, _: &mut dyn Output) -> Result<()> {
        sweep(&mut self.state, &mut self.sweep_at, self.ttl, now_ms);
        self.report();
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
        self.report();
        Ok(())
    }
}

/// The layout of keyed rows.
pub(super) fn layout(state: &KeyedRows) -> StateLayout {
    let keys: Vec<usize> = (0..state.keys().types().len()).collect();
    StateLayout { schema: state.schema().clone(), key_columns: keys.clone(), partition_columns: keys }
}

/// Removes some of the keys that have expired.
pub(super) fn sweep(state: &mut KeyedRows, at: &mut u32, ttl: i64, now: i64) {
    let bound = state.keys().table().bound() as u32;
    if ttl <= 0 || bound == 0 {
        return;
    }
    for _ in 0..bound.min(4096) {
        *at = (*at + 1) % bound;
        if state.keys().table().is_live(*at) && now - state.touched(*at) > ttl {
            state.remove(*at);
        }
    }
}
