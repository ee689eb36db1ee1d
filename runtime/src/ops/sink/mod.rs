//! From the rows of an INSERT to what the target's log gets: columns in their places, changes as the
//! target takes them, NOT NULL enforced, messages encoded, rows spread over lanes.
//!
//! - Columns that an INSERT leaves out are absent from its batches where the target replaces rows by
//!   key (a partial-column upsert), and NULL elsewhere.
//! - A NULL in a NOT NULL column is an error that names column and row, or drops the row, counted,
//!   with `table.exec.sink.not-null-enforcer = DROP`.
//! - Rows of one sink key always reach the same lane. Rows without a key stay with their task's lane,
//!   so they keep the order in which the task produced them.

mod materialize;
mod messages;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow_schema::{Field, Schema, SchemaRef};
use tidegate_core::sink::SinkInput;
use tidegate_core::table::{BoundTable, SinkChanges};
use tidegate_core::{ChangeBatch, Column, Error, Result, RowKind, SqlType};
use tidegate_plan::{Node, Op, Plan, Sink};

use self::materialize::Materialize;
use self::messages::Messages;
use super::changes::record_batch;
use crate::batch::Batch;
use crate::hash;
use crate::operator::{BadRow, Operator, OperatorContext, Output};
use crate::state::describe_row;

/// Prepares the rows of all INSERTs of one task into one target table.
pub struct SinkPrepare {
    sink: Sink,
    table: BoundTable,
    columns: Vec<Column>,
    inserts: Vec<Mapping>,
    materialize: Option<Materialize>,
    messages: Option<Messages>,
    lanes: u32,
    ctx: OperatorContext,
}

/// Where the columns of an INSERT go.
struct Mapping {
    schema: SchemaRef,
    /// For each column that is written: its position among the writable ones, and the input's column.
    columns: Vec<(usize, Option<usize>)>,
}

impl Mapping {
    /// Where a writable column stands in the mapped rows.
    fn position(&self, writable: usize) -> Option<usize> {
        self.columns.iter().position(|(w, _)| *w == writable)
    }
}

impl SinkPrepare {
    /// For the sink node `node`. `input` is what the opened sink wants, `lanes` the number of lanes of
    /// its log.
    ///
    /// # Errors
    /// Where the table's format cannot write its columns, or the plan does not fit together.
    pub fn new(node: &Node, plan: &Plan, input: SinkInput, lanes: u32, ctx: OperatorContext) -> Result<Self> {
        let Op::Sink(sink) = &node.op else { return Err(Error::internal("a sink was expected")) };
        let table = plan.tables.get(sink.table).ok_or_else(|| Error::internal("a sink without table"))?;
        let columns: Vec<Column> = table.spec.writable().map(|c| c.column.clone()).collect();
        let partial = input == SinkInput::Columns
            && !sink.key.is_empty()
            && matches!(sink.changes, SinkChanges::Upsert | SinkChanges::UpsertIgnoreDelete);
        let mut union: Vec<usize> = sink.inserts.iter().flat_map(|i| i.columns.iter().copied()).collect();
        union.sort_unstable();
        union.dedup();
        let inserts: Vec<Mapping> = sink
            .inserts
            .iter()
            .map(|insert| {
                let written: Vec<usize> = match (partial, sink.materialize) {
                    (true, false) => {
                        insert.columns.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
                    }
                    // Contending rows of all INSERTs have the same columns.
                    (true, true) => union.clone(),
                    (false, _) => (0..columns.len()).collect(),
                };
                let fields: Vec<Field> = written.iter().map(|w| columns[*w].to_arrow()).collect();
                let from = |w: usize| insert.columns.iter().position(|c| *c == w);
                Mapping {
                    schema: Arc::new(Schema::new(fields)),
                    columns: written.into_iter().map(|w| (w, from(w))).collect(),
                }
            })
            .collect();
        let materialize = if sink.materialize { Some(materializer(node, plan, sink, &inserts, &ctx)?) } else { None };
        let messages = match input {
            SinkInput::Columns => None,
            SinkInput::Messages { partitions } => {
                Some(Messages::new(table, &columns, sink.changes, partitions, &plan.settings, &ctx)?)
            }
        };
        Ok(SinkPrepare {
            sink: sink.clone(),
            table: table.clone(),
            columns,
            inserts,
            materialize,
            messages,
            lanes: lanes.max(1),
            ctx,
        })
    }

    /// The stateful part, where there is one: to be snapshotted and restored like any operator, under
    /// the sink node's id. Its rows go through [`SinkPrepare::prepare`] only.
    pub fn operator(&mut self) -> Option<&mut dyn Operator> {
        self.materialize.as_mut().map(|m| m as &mut dyn Operator)
    }

    /// Prepares rows of INSERT number `input` (from 0): batches with the lane each belongs to, in
    /// order.
    ///
    /// # Errors
    /// Where a row cannot be written and the policy is to stop.
    pub fn prepare(&mut self, input: usize, batch: Batch, out: &mut dyn Output) -> Result<Vec<(u32, ChangeBatch)>> {
        let batch = self.map(input, batch)?;
        let mut batch = self.enforce_not_null(input, batch, out)?;
        if let Some(materialize) = &mut self.materialize {
            let mut collected = Collect { batches: Vec::new(), out };
            materialize.process(input, batch, &mut collected)?;
            match collected.batches.pop() {
                None => return Ok(Vec::new()),
                Some(emitted) => batch = emitted,
            }
        }
        let Some((batch, deletes)) = self.apply_changes(batch)? else { return Ok(Vec::new()) };
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        match &mut self.messages {
            Some(messages) => messages.encode(&batch, deletes.as_deref(), self.lanes, out),
            None => self.spread(input, batch.change),
        }
    }

    fn map(&self, input: usize, batch: Batch) -> Result<Batch> {
        let mapping =
            self.inserts.get(input).ok_or_else(|| Error::internal("a sink got rows of an INSERT it does not have"))?;
        let rows = &batch.change.rows;
        let columns: Vec<ArrayRef> = mapping
            .columns
            .iter()
            .zip(mapping.schema.fields())
            .map(|((_, from), field)| match from {
                Some(i) => rows.column(*i).clone(),
                None => new_null_array(field.data_type(), rows.num_rows()),
            })
            .collect();
        let rows = record_batch(&mapping.schema, columns, rows.num_rows())?;
        Ok(Batch { origin: batch.origin, ..Batch::new(ChangeBatch { rows, kinds: batch.change.kinds }) })
    }

    fn enforce_not_null(&self, input: usize, batch: Batch, out: &mut dyn Output) -> Result<Batch> {
        let mapping = &self.inserts[input];
        let mut bad: Vec<Option<usize>> = Vec::new();
        for writable in &self.sink.not_null {
            let Some(column) = mapping.position(*writable).map(|p| batch.change.rows.column(p)) else { continue };
            if column.null_count() == 0 {
                continue;
            }
            let is_key = self.sink.key.contains(writable);
            bad.resize(batch.len(), None);
            for (row, slot) in bad.iter_mut().enumerate() {
                // A retraction only needs its key.
                if slot.is_none() && column.is_null(row) && (is_key || batch.change.kind(row).is_addition()) {
                    *slot = Some(*writable);
                }
            }
        }
        if bad.is_empty() {
            return Ok(batch);
        }
        for (row, writable) in bad.iter().enumerate() {
            if let Some(writable) = writable {
                self.report_null(&batch, row, *writable, out)?;
            }
        }
        let keep: Vec<u32> = (0..batch.len() as u32).filter(|i| bad[*i as usize].is_none()).collect();
        batch.take(&UInt32Array::from(keep))
    }

    fn report_null(&self, batch: &Batch, row: usize, writable: usize, out: &mut dyn Output) -> Result<()> {
        let class = if self.sink.key.contains(&writable) { "null-key" } else { "not-null" };
        let what = if class == "null-key" { "part of the key" } else { "NOT NULL" };
        let reason = format!(
            "column {} of table {} is {what}, but is NULL in the row {}",
            self.columns[writable].name,
            self.table.spec.name,
            describe_row(batch.change.rows.columns(), row)
        );
        if self.sink.drop_nulls {
            let at =
                || batch.origin.as_ref().map_or_else(|| reason.clone(), |o| format!("{}: {reason}", o.describe(row)));
            self.ctx.metrics.count(class, 1, at);
            return Ok(());
        }
        out.bad_row(BadRow { origin: batch.origin.clone().map(|o| (o, row)), reason, class })
    }

    /// What the target takes of the changes; for message sinks also which rows are deletes. `None`:
    /// nothing.
    fn apply_changes(&self, batch: Batch) -> Result<Option<(Batch, Option<Vec<bool>>)>> {
        if self.sink.changes == SinkChanges::RetractFlag {
            return self.with_retract_flag(batch).map(|b| Some((b, None)));
        }
        if batch.change.kinds.is_none() {
            return Ok(Some((batch, None)));
        }
        let kinds: Vec<RowKind> = (0..batch.len()).map(|i| batch.change.kind(i)).collect();
        let keeps = |kind: RowKind| match self.sink.changes {
            SinkChanges::AppendOnly | SinkChanges::RetractFlag | SinkChanges::All => true,
            SinkChanges::Upsert => kind != RowKind::UpdateBefore,
            SinkChanges::NewestValues | SinkChanges::UpsertIgnoreDelete => kind.is_addition(),
        };
        if self.sink.changes == SinkChanges::AppendOnly && kinds.iter().any(|k| *k != RowKind::Insert) {
            return Err(Error::internal(format!(
                "table {} takes new rows only, but got an update",
                self.table.spec.name
            )));
        }
        let ignored = kinds.iter().filter(|k| **k == RowKind::Delete && !keeps(**k)).count() as u64;
        if ignored > 0 {
            self.ctx
                .metrics
                .count("delete-not-written", ignored, || format!("table {} ignores deletes", self.table.spec.name));
        }
        let keep: Vec<u32> = (0..batch.len() as u32).filter(|i| keeps(kinds[*i as usize])).collect();
        if keep.is_empty() {
            return Ok(None);
        }
        let mut batch = if keep.len() == batch.len() { batch } else { batch.take(&UInt32Array::from(keep))? };
        let deletes: Vec<bool> = (0..batch.len()).map(|i| batch.change.kind(i) == RowKind::Delete).collect();
        if matches!(self.sink.changes, SinkChanges::NewestValues | SinkChanges::AppendOnly) {
            batch.change.kinds = None;
        }
        let deletes = deletes.contains(&true).then_some(deletes);
        Ok(Some((batch, deletes)))
    }

    fn with_retract_flag(&self, batch: Batch) -> Result<Batch> {
        let flags: BooleanArray = (0..batch.len()).map(|i| Some(batch.change.kind(i).is_addition())).collect();
        let rows = &batch.change.rows;
        let mut fields: Vec<Field> = rows.schema().fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(retract_column().to_arrow());
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(flags));
        let rows = record_batch(&Arc::new(Schema::new(fields)), columns, rows.num_rows())?;
        Ok(Batch { change: ChangeBatch::append(rows), ..batch })
    }

    /// Rows to lanes by the hash of their sink key.
    fn spread(&self, input: usize, change: ChangeBatch) -> Result<Vec<(u32, ChangeBatch)>> {
        if self.lanes == 1 {
            return Ok(vec![(0, change)]);
        }
        let mapping = &self.inserts[input];
        let key: Option<Vec<ArrayRef>> =
            self.sink.key.iter().map(|k| mapping.position(*k).map(|p| change.rows.column(p).clone())).collect();
        match key {
            Some(key) if !key.is_empty() => {
                let hashes = hash::hash_columns(&key, change.len())?;
                by_lane(&change, self.lanes, |row| hash::owner(hashes[row], self.lanes))
            }
            _ => Ok(vec![(self.ctx.task % self.lanes, change)]),
        }
    }
}

/// The column that [`SinkChanges::RetractFlag`] adds.
fn retract_column() -> Column {
    Column::new("retract", SqlType::Boolean.not_null())
}

/// Rows in order, apart by lane.
fn by_lane(change: &ChangeBatch, lanes: u32, lane: impl Fn(usize) -> u32) -> Result<Vec<(u32, ChangeBatch)>> {
    if lanes == 1 {
        return Ok(vec![(0, change.clone())]);
    }
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); lanes as usize];
    for row in 0..change.len() {
        rows[lane(row) as usize].push(row as u32);
    }
    let mut out = Vec::new();
    for (lane, rows) in rows.into_iter().enumerate().filter(|(_, r)| !r.is_empty()) {
        out.push((
            lane as u32,
            if rows.len() == change.len() { change.clone() } else { change.take(&UInt32Array::from(rows))? },
        ));
    }
    Ok(out)
}

fn materializer(
    node: &Node,
    plan: &Plan,
    sink: &Sink,
    inserts: &[Mapping],
    ctx: &OperatorContext,
) -> Result<Materialize> {
    let first = inserts.first().ok_or_else(|| Error::internal("a sink without INSERT"))?;
    let key = sink
        .key
        .iter()
        .map(|k| first.position(*k))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::internal("an INSERT leaves out part of the sink key"))?;
    let upsert_keys = node
        .inputs
        .iter()
        .zip(&sink.inserts)
        .map(|(input, insert)| {
            let own = plan.nodes[*input].upsert_key.as_ref()?;
            own.iter().map(|c| first.position(*insert.columns.get(*c)?)).collect::<Option<Vec<_>>>()
        })
        .collect();
    Ok(Materialize::new(first.schema.clone(), key, upsert_keys, ctx.clone()))
}

/// Collects what the materialiser emits.
struct Collect<'a> {
    batches: Vec<Batch>,
    out: &'a mut dyn Output,
}

impl Output for Collect<'_> {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.batches.push(batch);
        Ok(())
    }
    fn bad_row(&mut self, row: BadRow) -> Result<()> {
        self.out.bad_row(row)
    }
}
