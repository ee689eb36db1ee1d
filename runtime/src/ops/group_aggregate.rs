//! GROUP BY without a window.
//!
//! Changes are held back to the end of the epoch, where nothing could be seen of them any sooner: a
//! group emits once an epoch (or when very many have changed), and not at all where its result is what
//! it was. With `table.exec.mini-batch.enabled = false` every row emits, in order, as Flink does. A
//! group that loses its last row emits `-D` and is removed; the one group of an aggregate without keys
//! stays, as in Flink.
//!
//! State older than `table.exec.state.ttl` is dropped unseen: the group starts anew. While a TTL is
//! set, unchanged results are emitted too, so that state behind this operator does not expire first.

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Error, Result};
use tidegate_plan::{AggregateCall, Changes, Node, Plan};

use super::changes::{ChangeRows, interleave, mark_changed, project, retractions, take};
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::state::groups::Groups;

/// How many groups a tick looks at for expiry.
const SWEEP: usize = 4096;
/// How many changed groups are held back at most.
const MOST_HELD: usize = 32_768;

/// The operator.
pub struct GroupAggregate {
    keys: Vec<usize>,
    groups: Groups,
    retract: bool,
    changes: Changes,
    schema: SchemaRef,
    per_row: bool,
    ttl: i64,
    ctx: OperatorContext,
    held: Held,
    /// Groups that have lost their last row. Ids of the batch may still name them until its end.
    gone: Vec<u32>,
    sweep_at: u32,
    reported: u64,
}

/// Groups that have changed since the last emission, in order of their first change.
#[derive(Default)]
struct Held {
    /// By group: whether it is held.
    is_held: Vec<bool>,
    groups: Vec<u32>,
    /// Whether the group was there before.
    new: Vec<bool>,
    /// The results before the first change, a set of columns a batch.
    old: Vec<Vec<ArrayRef>>,
}

impl GroupAggregate {
    /// Builds it.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(
        node: &Node,
        plan: &Plan,
        keys: &[usize],
        aggregates: &[AggregateCall],
        ctx: OperatorContext,
    ) -> Result<Self> {
        let input = &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("an aggregate without input"))?];
        let types: Vec<DataType> = input.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        let key_types: Vec<DataType> = keys.iter().map(|k| types[*k].clone()).collect();
        let retract = input.changes.update_before || input.changes.delete;
        Ok(GroupAggregate {
            keys: keys.to_vec(),
            groups: Groups::new(&key_types, aggregates, &types, retract)?,
            retract,
            changes: node.changes,
            schema: arrow_schema(&node.columns),
            per_row: !plan.settings.mini_batch,
            ttl: plan.settings.state_ttl_ms,
            ctx,
            held: Held::default(),
            gone: Vec::new(),
            sweep_at: 0,
            reported: 0,
        })
    }

    /// The end of the longest run from `start` in which no group occurs twice.
    fn run_end(&mut self, ids: &[u32], start: usize) -> usize {
        self.groups.start_round();
        for (i, id) in ids.iter().enumerate().skip(start) {
            if !self.groups.meet(*id) {
                return i;
            }
        }
        ids.len()
    }

    /// Takes rows `offset..` of `columns` and remembers what they change.
    fn take_rows(&mut self, part: &Part<'_>) -> Result<()> {
        let now = self.ctx.clock.now_millis();
        self.hold(part.ids, now)?;
        self.apply(part, now)
    }

    /// Holds the groups that are not held yet, with their results as they are.
    fn hold(&mut self, ids: &[u32], now: i64) -> Result<()> {
        self.held.is_held.resize(self.groups.keys().table().bound(), false);
        let from = self.held.groups.len();
        for id in ids {
            if !std::mem::replace(&mut self.held.is_held[*id as usize], true) {
                self.held.groups.push(*id);
            }
        }
        let first = &self.held.groups[from..];
        if first.is_empty() {
            return Ok(());
        }
        for group in first {
            // Where rows can be taken back, an empty group is a new one; elsewhere those just made are.
            let mut new = if self.retract { self.groups.count(*group) == 0 } else { self.groups.take_fresh(*group) };
            if self.ttl > 0 && !new && now - self.groups.touched(*group) > self.ttl {
                self.groups.reset(*group);
                new = true;
            }
            self.held.new.push(new);
        }
        self.held.old.push(self.groups.results(first)?);
        Ok(())
    }

    /// Emits what the held groups have come to.
    fn release(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.held.groups.is_empty() {
            return Ok(());
        }
        let groups = std::mem::take(&mut self.held.groups);
        let new = std::mem::take(&mut self.held.new);
        let old = joined(&std::mem::take(&mut self.held.old))?;
        groups.iter().for_each(|g| self.held.is_held[*g as usize] = false);
        let results = self.groups.results(&groups)?;
        let mut changed = vec![self.ttl > 0; groups.len()];
        for (a, b) in old.iter().zip(&results) {
            mark_changed(a, b, &mut changed);
        }
        let n = groups.len() as u32;
        let (mut rows, mut with_old) = (ChangeRows::default(), false);
        for (i, group) in (0..n).zip(&groups) {
            let gone = self.retract && self.groups.count(*group) == 0 && !self.keys.is_empty();
            match (new[i as usize], gone) {
                (true, true) => {}
                (true, false) => rows.change(self.changes, None, Some(n + i)),
                (false, true) => {
                    with_old = true;
                    rows.change(self.changes, Some(i), None);
                }
                (false, false) if changed[i as usize] => {
                    with_old |= self.changes.update_before;
                    rows.change(self.changes, Some(i), Some(n + i));
                }
                (false, false) => {}
            }
            if gone {
                self.groups.reset(*group);
                self.gone.push(*group);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let columns = self.columns(&groups, &rows, (&old, &results, with_old))?;
        out.emit(Batch::new(rows.finish(&self.schema, columns)?))
    }

    fn remove_gone(&mut self) {
        for group in std::mem::take(&mut self.gone) {
            if self.groups.keys().table().is_live(group) && self.groups.count(group) == 0 {
                self.groups.remove(group);
            }
        }
        self.report();
    }

    fn apply(&mut self, part: &Part<'_>, now: i64) -> Result<()> {
        let selected: Option<Vec<u32>> = (part.ids.len() != part.rows)
            .then(|| (part.offset as u32..(part.offset + part.ids.len()) as u32).collect());
        let known = self.groups.count_rows(part.ids, selected.as_deref(), part.retract);
        if let Some(known) = known {
            let keep = |i: &usize| known[*i];
            let missing = known.iter().filter(|k| !**k).count() as u64;
            let sample = part.ids.iter().zip(&known).find(|(_, k)| !**k).map(|(g, _)| *g);
            self.ctx.metrics.count("retraction-of-nothing", missing, || {
                sample.map(|g| self.groups.keys().describe(g)).unwrap_or_default()
            });
            let ids: Vec<u32> = (0..part.ids.len()).filter(keep).map(|i| part.ids[i]).collect();
            let rows: Vec<u32> = (0..part.ids.len()).filter(keep).map(|i| (part.offset + i) as u32).collect();
            return self.groups.update(&ids, Some(&rows), part.columns, part.retract, now);
        }
        self.groups.update(part.ids, selected.as_deref(), part.columns, part.retract, now)?;
        let groups = &mut self.groups;
        if let Some((n, group)) = groups.take_overflows() {
            let keys = groups.keys();
            self.ctx.metrics.count("sum-overflow", n, || format!("group {}", keys.describe(group)));
        }
        Ok(())
    }

    /// The output columns at the rows' indices: keys, results old and new.
    fn columns(
        &self,
        groups: &[u32],
        rows: &ChangeRows,
        (old, new, with_old): (&[ArrayRef], &[ArrayRef], bool),
    ) -> Result<Vec<ArrayRef>> {
        let n = groups.len() as u32;
        let indices = rows.indices();
        let of: Vec<u32> = indices.values().iter().map(|i| groups[(i % n) as usize]).collect();
        let mut columns = self.groups.keys().columns(&of)?;
        if with_old {
            let places: Vec<(usize, usize)> = indices
                .values()
                .iter()
                .map(|i| if *i < n { (0, *i as usize) } else { (1, (*i - n) as usize) })
                .collect();
            for (old, new) in old.iter().zip(new) {
                columns.push(interleave(old, new, &places)?);
            }
        } else {
            let indices = indices.values().iter().map(|i| i - n).collect();
            for new in new {
                columns.push(take(new, &indices)?);
            }
        }
        Ok(columns)
    }

    fn report(&mut self) {
        let n = self.groups.len() as u64;
        // Tasks share the counter: add or take away what this one's number changed by.
        OperatorMetrics::add(&self.ctx.metrics.state_entries, n.wrapping_sub(self.reported));
        self.reported = n;
    }
}

/// Sets of columns, one below the other.
fn joined(parts: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    if let [only] = parts {
        return Ok(only.clone());
    }
    let columns = parts.first().map_or(0, Vec::len);
    (0..columns)
        .map(|c| {
            let all: Vec<&dyn Array> = parts.iter().map(|p| p[c].as_ref()).collect();
            arrow_select::concat::concat(&all).map_err(|e| Error::internal(format!("concat: {e}")))
        })
        .collect()
}

/// Part of an input batch.
struct Part<'a> {
    columns: &'a [ArrayRef],
    retract: Option<&'a [bool]>,
    ids: &'a [u32],
    offset: usize,
    rows: usize,
}

impl Operator for GroupAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let rows = batch.len();
        if rows == 0 {
            return Ok(());
        }
        let retract = retractions(&batch.change);
        let columns = batch.change.rows.columns();
        let keys = project(columns, &self.keys);
        let mut ids = Vec::with_capacity(rows);
        self.groups.intern(&keys, rows, &mut ids, &mut Vec::new())?;
        let mut part = Part { columns, retract: retract.as_deref(), ids: &ids, offset: 0, rows };
        while part.offset < rows {
            let end = if self.per_row { self.run_end(&ids, part.offset) } else { rows };
            part.ids = &ids[part.offset..end];
            self.take_rows(&part)?;
            part.offset = end;
            if self.per_row {
                self.release(out)?;
            }
        }
        if self.held.groups.len() >= MOST_HELD {
            self.release(out)?;
        }
        self.remove_gone();
        Ok(())
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        self.release(out)?;
        self.remove_gone();
        Ok(())
    }

    fn tick(&mut self, now_ms: i64, out: &mut dyn Output) -> Result<()> {
        let bound = self.groups.keys().table().bound() as u32;
        if self.ttl <= 0 || bound == 0 {
            return Ok(());
        }
        // What expires must not be held.
        self.flush(out)?;
        for _ in 0..SWEEP.min(bound as usize) {
            self.sweep_at = (self.sweep_at + 1) % bound;
            let group = self.sweep_at;
            if self.groups.keys().table().is_live(group) && now_ms - self.groups.touched(group) > self.ttl {
                self.groups.remove(group);
            }
        }
        self.report();
        Ok(())
    }

    fn state(&self) -> Option<StateLayout> {
        Some(StateLayout {
            schema: self.groups.schema().clone(),
            key_columns: self.groups.entry_key(),
            partition_columns: (0..self.keys.len()).collect(),
        })
    }

    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        self.groups.snapshot()
    }

    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        self.groups.restore(entries.columns())?;
        self.report();
        Ok(())
    }
}
