//! The part of a window aggregate that stands before the exchange: it aggregates what one task reads,
//! so that partial results cross and not rows.
//!
//! It keeps nothing beyond a barrier, so it has no state of its own, and what the aggregate behind the
//! exchange stores is the same with and without it.

use arrow_array::{Array, RecordBatch, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::{ChangeBatch, Error, Result};
use tidegate_plan::{AggregateCall, Node, Plan, Window};

use super::by_window::{ByWindow, Table};
use super::intake::Intake;
use super::part::Part;
use super::partials::{partials, schema};
use super::tables::BLOCK;
use crate::batch::{Batch, Local};
use crate::operator::{Operator, OperatorContext, Output};
use crate::ops::Input;
use crate::ops::changes::project;
use crate::ops::trial::Trial;
use crate::state::accumulators::Aggregates;
use crate::state::key_words::{KeyColumn, KeyWords};

/// Groups that are held at most. More would be fewer partial results of many keys, and more memory.
const HELD: usize = 32_768;
/// Rows of one emitted batch at most.
const EMIT_ROWS: usize = 8192;

/// The operator.
pub struct LocalWindowAggregate {
    time: usize,
    intake: Intake,
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    input_types: Vec<DataType>,
    /// By stretch.
    held: ByWindow<Part>,
    /// The keys of what is held are words of these.
    pub(super) words: KeyWords,
    /// How many groups are held at most, and how many long texts in keys, but for those of one batch.
    pub(super) limit: usize,
    schema: SchemaRef,
    pub(super) trial: Trial,
    ctx: OperatorContext,
}

impl LocalWindowAggregate {
    /// Builds it where the aggregate can be split: rows are never taken back, and neither how they are
    /// put together nor when shows in the result. Windows of processing time close by the clock,
    /// which no exchange waits for, so they stay whole.
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
    ) -> Result<Option<Self>> {
        let input = Input::of(node, plan)?;
        let empty = Aggregates::new(aggregates, &input.types, false)?;
        let append = node.inputs.iter().all(|input| plan.nodes[*input].changes.is_append());
        let Some(time) = window.time.filter(|_| append && empty.merge_exactly()) else { return Ok(None) };
        let Some(words) = KeyWords::new(&input.types_of(keys)) else { return Ok(None) };
        Ok(Some(LocalWindowAggregate {
            time,
            intake: Intake::new(window, ctx.clone())?,
            keys: keys.to_vec(),
            aggregates: aggregates.to_vec(),
            input_types: input.types,
            held: ByWindow::new(),
            words,
            limit: HELD,
            schema: schema(empty.types()),
            trial: Trial::default(),
            ctx,
        }))
    }

    fn rows(&mut self, batch: Batch, selected: Option<&UInt32Array>, out: &mut dyn Output) -> Result<()> {
        let count = selected.map_or(batch.len(), Array::len);
        if count == 0 {
            return Ok(());
        }
        if self.trial.passes(count) {
            return self.pass(batch.selected(selected)?, out);
        }
        self.aggregate(&batch, selected.map(|rows| &**rows.values()), out)?;
        let full = self.held.groups() > self.limit || self.words.long_texts() > self.limit;
        if full { self.send_all(out) } else { Ok(()) }
    }

    /// Rows as they came, but for those without a time: only here it is known where they came from.
    fn pass(&self, mut batch: Batch, out: &mut dyn Output) -> Result<()> {
        let times = batch.change.rows.column(self.time).clone();
        if times.null_count() > 0 {
            super::times(&batch, Some(self.time), None, 0, out)?;
            batch = batch.take(&(0..times.len() as u32).filter(|row| times.is_valid(*row as usize)).collect())?;
        }
        batch.local = Some(Local::Rows);
        out.emit(batch)
    }

    fn aggregate(&mut self, batch: &Batch, selected: Option<&[u32]>, out: &mut dyn Output) -> Result<()> {
        let panes = self.intake.panes(batch, selected, out)?;
        let keys = project(batch.change.rows.columns(), &self.keys);
        let columns = keys.iter().map(KeyColumn::new).collect::<Result<Vec<_>>>()?;
        let LocalWindowAggregate { intake, held, words, aggregates, input_types, ctx, .. } = self;
        for (pane, rows) in panes {
            for (stretch, rows) in intake.stretches(pane, rows, batch) {
                let part = held.of(stretch, || Ok(Part::new(Aggregates::new(aggregates, input_types, false)?)))?;
                for rows in rows.chunks(BLOCK) {
                    words.encode(&columns, rows);
                    part.add(batch, rows, words, &ctx.metrics)?;
                }
            }
        }
        Ok(())
    }

    /// Emits what belongs to windows whose last instant is at or below `until`.
    fn send(&mut self, until: i64, out: &mut dyn Output) -> Result<()> {
        let mut ready = Ready { schema: &self.schema, batches: Vec::new(), rows: 0 };
        while let Some((stretch, part)) = self.held.take_closed(until, &self.intake.assigner) {
            self.trial.sent(part.len());
            let groups: Vec<u32> = (0..part.len() as u32).collect();
            for groups in groups.chunks(EMIT_ROWS) {
                ready.push(partials(&self.schema, stretch, &part, &self.words, groups)?, out)?;
            }
            self.held.give_back(part);
        }
        ready.emit(out)
    }

    fn send_all(&mut self, out: &mut dyn Output) -> Result<()> {
        self.send(i64::MAX, out)?;
        self.words.forget();
        self.trial.decide();
        Ok(())
    }
}

/// Partial results of many small windows, which go out together.
struct Ready<'a> {
    schema: &'a SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Ready<'_> {
    fn push(&mut self, batch: RecordBatch, out: &mut dyn Output) -> Result<()> {
        if self.rows + batch.num_rows() > EMIT_ROWS {
            self.emit(out)?;
        }
        self.rows += batch.num_rows();
        self.batches.push(batch);
        Ok(())
    }

    fn emit(&mut self, out: &mut dyn Output) -> Result<()> {
        self.rows = 0;
        let batches = std::mem::take(&mut self.batches);
        let rows = match batches.as_slice() {
            [] => return Ok(()),
            [only] => only.clone(),
            many => arrow_select::concat::concat_batches(self.schema, many)
                .map_err(|e| Error::internal(format!("partial results: {e}")))?,
        };
        out.emit(Batch { local: Some(Local::Partials), ..Batch::new(ChangeBatch::append(rows)) })
    }
}

impl Operator for LocalWindowAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        self.rows(batch, None, out)
    }

    fn process_selected(&mut self, _: usize, batch: Batch, rows: &UInt32Array, out: &mut dyn Output) -> Result<()> {
        self.rows(batch, Some(rows), out)
    }

    fn takes_selected(&self) -> bool {
        true
    }

    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        self.send(watermark, out)
    }

    fn flush(&mut self, out: &mut dyn Output) -> Result<()> {
        self.send_all(out)
    }
}
