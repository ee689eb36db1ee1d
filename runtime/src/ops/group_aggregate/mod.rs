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
//!
//! A Calc that alone reads the aggregate may be fused in; see `shown.rs`.

mod held;
mod shown;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use tidegate_core::Result;
use tidegate_core::types::arrow_schema;
use tidegate_plan::{AggregateCall, Changes, Node, Plan};

pub use shown::fuses;

use self::held::{Before, Held};
use self::shown::{FusedCalc, HIDDEN, Seen, Shown};
use super::calc::report;
use super::changes::{ChangeRows, interleave, mark_changed, project, retractions, take};
use super::{Input, count_overflows};
use crate::batch::Batch;
use crate::expr::RowErrors;
use crate::metrics::{OperatorMetrics, Share};
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::state::groups::Groups;

/// How many groups a tick looks at for expiry.
const SWEEP: usize = 4096;
/// Groups of one emitted batch at most.
const EMIT_GROUPS: usize = 8192;

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
    shown: Shown,
    held: Held,
    /// Groups that have lost their last row. Ids of the batch may still name them until its end.
    gone: Vec<u32>,
    sweep_at: u32,
    reported: Share,
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
        let input = Input::of(node, plan)?;
        let (key_types, retract) = (input.types_of(keys), input.retract);
        Ok(GroupAggregate {
            keys: keys.to_vec(),
            groups: Groups::new(&key_types, aggregates, &input.types, retract)?,
            retract,
            changes: node.changes,
            schema: arrow_schema(&node.columns),
            per_row: !plan.settings.mini_batch,
            ttl: plan.settings.state_ttl_ms,
            ctx,
            shown: Shown::Results,
            held: Held::default(),
            gone: Vec::new(),
            sweep_at: 0,
            reported: Share::default(),
        })
    }

    /// Takes in the Calc behind it, for which [`fuses`] holds.
    ///
    /// # Errors
    /// Where an expression does not compile.
    pub fn with_calc(mut self, calc: &Node, input: &Node, metrics: Arc<OperatorMetrics>) -> Result<Self> {
        let calc = FusedCalc::new(calc, &input.columns, self.ctx.clock.clone(), metrics)?;
        self.schema = calc.schema.clone();
        self.shown = Shown::Calc(Box::new(calc));
        Ok(self)
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

    /// Holds the groups that are not held yet, with what is seen of them now.
    fn hold(&mut self, ids: &[u32], now: i64) -> Result<()> {
        let first = self.held.add(ids, self.groups.keys().table().bound());
        if first.is_empty() {
            return Ok(());
        }
        let new: Vec<bool> = first.iter().map(|group| self.is_new(*group, now)).collect();
        let known: Vec<u32> = first.iter().zip(&new).filter(|(_, new)| !**new).map(|(group, _)| *group).collect();
        // What fails now has failed, and was reported, when it came to be.
        let seen = self.shown.of(&self.groups, &known, &mut RowErrors::default())?;
        self.held.remember(&new, seen);
        Ok(())
    }

    /// Whether nothing was there of a group before the rows that are about to be taken.
    fn is_new(&mut self, group: u32, now: i64) -> bool {
        // Where rows can be taken back, an empty group is a new one; elsewhere those just made are.
        let new = if self.retract { self.groups.count(group) == 0 } else { self.groups.take_fresh(group) };
        if self.ttl > 0 && !new && now - self.groups.touched(group) > self.ttl {
            self.groups.reset(group);
            return true;
        }
        new
    }

    /// Emits what the held groups have come to.
    fn release(&mut self, out: &mut dyn Output) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let (groups, before, old) = self.held.take()?;
        for (groups, before) in groups.chunks(EMIT_GROUPS).zip(before.chunks(EMIT_GROUPS)) {
            self.emit(groups, before, &old, out)?;
        }
        Ok(())
    }

    fn emit(&mut self, groups: &[u32], before: &[Before], old: &[ArrayRef], out: &mut dyn Output) -> Result<()> {
        let live: Cow<'_, [u32]> = if self.retract {
            groups.iter().copied().filter(|g| !self.is_empty(*g)).collect()
        } else {
            Cow::Borrowed(groups)
        };
        let mut errors = RowErrors::default();
        let seen = self.shown.of(&self.groups, &live, &mut errors)?;
        let metrics = if let Shown::Calc(calc) = &self.shown { &calc.metrics } else { &self.ctx.metrics };
        report(&errors, None, metrics, out)?;
        let changes = self.changes(groups, before, old, &seen)?;
        if changes.rows.is_empty() {
            return Ok(());
        }
        let columns = self.columns(&changes, old, &seen.columns)?;
        if let Shown::Calc(calc) = &self.shown {
            OperatorMetrics::add(&calc.metrics.rows_in, changes.rows.len() as u64);
            OperatorMetrics::add(&calc.metrics.rows_out, changes.rows.len() as u64);
        }
        out.emit(Batch::new(changes.rows.finish(&self.schema, columns)?))
    }

    /// A group without rows is about to go; but the one of an aggregate without keys stays.
    fn is_empty(&self, group: u32) -> bool {
        self.groups.count(group) == 0 && !self.keys.is_empty()
    }

    /// The rows to emit for groups. Those that are empty now are emptied altogether.
    fn changes(&mut self, groups: &[u32], before: &[Before], old: &[ArrayRef], seen: &Seen) -> Result<Emission> {
        let base = old.first().map_or(0, |c| c.len() as u32);
        let mut now = seen.rows.iter().map(|row| (*row != HIDDEN).then_some(*row));
        let states: Vec<(bool, Option<u32>)> = groups
            .iter()
            .map(|group| if self.is_empty(*group) { (true, None) } else { (false, now.next().flatten()) })
            .collect();
        let differs = self.differences(before, &states, old, &seen.columns);
        let mut out = Emission { base, ..Emission::default() };
        for (i, (group, (gone, now))) in groups.iter().zip(states).enumerate() {
            let now = now.map(|row| base + row);
            match (before[i], gone) {
                (Before::Row(old), true) => out.rows.change(self.changes, Some(old), None),
                (Before::Row(old), false) if differs[i] => out.rows.update(self.changes, Some(old), now),
                (Before::Hidden, false) => out.rows.update(self.changes, None, now),
                (Before::Nothing, false) => out.rows.change(self.changes, None, now),
                (Before::Row(_), false) | (Before::Hidden | Before::Nothing, true) => {}
            }
            out.groups.resize(out.rows.len(), *group);
            if gone {
                self.groups.reset(*group);
                self.gone.push(*group);
            }
        }
        Ok(out)
    }

    /// For each group whether it is seen to be another than before.
    fn differences(
        &self,
        before: &[Before],
        now: &[(bool, Option<u32>)],
        old: &[ArrayRef],
        new: &[ArrayRef],
    ) -> Vec<bool> {
        let mut differs = vec![true; before.len()];
        if self.ttl > 0 {
            return differs;
        }
        let (mut at, mut pairs) = (Vec::new(), Vec::new());
        for (i, (before, (_, now))) in before.iter().zip(now).enumerate() {
            if let (Before::Row(before), Some(now)) = (before, now) {
                at.push(i);
                pairs.push((*before as usize, *now as usize));
            }
        }
        let mut changed = vec![false; pairs.len()];
        for (old, new) in old.iter().zip(new) {
            mark_changed(old, new, &pairs, &mut changed);
        }
        at.into_iter().zip(changed).for_each(|(i, changed)| differs[i] = changed);
        differs
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
        count_overflows(&mut self.groups, &self.ctx.metrics);
        Ok(())
    }

    /// The output columns of what is emitted; rows from `base` on are those of `new`.
    fn columns(&self, emitted: &Emission, old: &[ArrayRef], new: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let mut columns = match self.shown {
            Shown::Results => self.groups.keys().columns(&emitted.groups)?,
            Shown::Calc(_) => Vec::new(),
        };
        let (base, indices) = (emitted.base, emitted.rows.indices());
        if indices.values().iter().any(|i| *i < base) {
            let places: Vec<(usize, usize)> = indices
                .values()
                .iter()
                .map(|i| if *i < base { (0, *i as usize) } else { (1, (*i - base) as usize) })
                .collect();
            for (old, new) in old.iter().zip(new) {
                columns.push(interleave(old, new, &places)?);
            }
        } else {
            let indices = indices.values().iter().map(|i| i - base).collect();
            for new in new {
                columns.push(take(new, &indices)?);
            }
        }
        Ok(columns)
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.groups.len());
    }
}

/// Rows to emit: an index below `base` is a row of what was seen before, the others are rows of what is
/// seen now.
#[derive(Default)]
struct Emission {
    rows: ChangeRows,
    base: u32,
    /// The group of each row.
    groups: Vec<u32>,
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
        if self.held.is_full() {
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
