//! The operators of one task, called one inside the other without a queue in between.
//!
//! Elements stand in topological order and only ever hand rows to later ones, so the rest of the
//! chain can be lent to each element as its output.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, UInt32Array};
use tidegate_core::{ChangeBatch, Error, Result};

use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::operator::{BadRow, Operator, Output};

use super::bad_rows::BadRows;
use super::control::Ack;
use super::exchange::Exchange;
use super::fanout::Fanout;
use super::inbox::Message;
use super::sink::SinkWriter;
use super::watermarks::NONE;

/// Who takes an element's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consumer {
    /// A later element of the chain.
    Element {
        /// Its index.
        index: usize,
        /// Which of its inputs.
        input: usize,
    },
    /// Tasks of another stage: index into [`Shared::exchanges`].
    Exchange(usize),
    /// The result of a bare SELECT.
    Collect,
}

/// What an element does.
pub enum Work {
    /// Passes rows on: scans (whose rows come from outside) and UNION ALL.
    Pass,
    /// An operator.
    Operator(Box<dyn Operator>),
    /// Several Calcs over one input.
    Fanout(Fanout),
    /// The end of an INSERT.
    Sink(Box<SinkWriter>),
}

/// A node of the plan, or several that were fused.
pub struct Element {
    /// What it does.
    pub work: Work,
    /// Who takes its rows; one list a branch, one branch but for a fan-out.
    pub consumers: Vec<Vec<Consumer>>,
    /// The watermark of each input.
    pub inputs: Vec<i64>,
    /// The minimum of them as last passed on.
    pub watermark: i64,
    /// Counters.
    pub metrics: Arc<OperatorMetrics>,
    /// `INSERT 3 → table x`, for messages.
    pub place: String,
    /// Under which the state is stored.
    pub id: String,
}

/// What all elements of a task share.
pub struct Shared {
    /// The ways out of the task.
    pub exchanges: Vec<Exchange>,
    /// What happens to rows that cannot be computed.
    pub bad_rows: BadRows,
    /// The changes of a bare SELECT, in order.
    pub collected: Vec<ChangeBatch>,
    /// The error on its way out already says where it arose.
    pub located: bool,
}

/// Persists what changed in one operator's state and adds the references.
pub type Save<'a> = &'a mut dyn FnMut(&str, Vec<RecordBatch>, &mut Ack) -> Result<()>;

/// The operators of one task.
pub struct Chain {
    /// In topological order.
    pub elements: Vec<Element>,
    /// What they share.
    pub shared: Shared,
}

impl Chain {
    /// Of elements in topological order.
    pub fn new(mut elements: Vec<Element>, shared: Shared) -> Self {
        let takes: Vec<bool> =
            elements.iter().map(|e| matches!(&e.work, Work::Operator(op) if op.takes_selected())).collect();
        for element in &mut elements {
            let Work::Fanout(fanout) = &mut element.work else { continue };
            for (branch, consumers) in element.consumers.iter().enumerate() {
                if consumers.iter().all(|c| matches!(c, Consumer::Element { index, .. } if takes[*index])) {
                    fanout.select_only(branch);
                }
            }
        }
        Chain { elements, shared }
    }

    /// Hands rows to an element's input, and through it to everything behind.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn process(&mut self, index: usize, input: usize, batch: Batch) -> Result<()> {
        process(&mut self.elements, 0, Consumer::Element { index, input }, (batch, None), &mut self.shared)
    }

    /// A watermark of one input of an element; passed on where the minimum over its inputs rises.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn watermark(&mut self, index: usize, input: usize, watermark: i64) -> Result<()> {
        let element = &mut self.elements[index];
        element.inputs[input] = element.inputs[input].max(watermark);
        let low = element.inputs.iter().copied().min().unwrap_or(NONE);
        if low <= element.watermark {
            return Ok(());
        }
        element.watermark = low;
        self.call(index, |op, out| op.watermark(low, out))?;
        let consumers: Vec<Consumer> = self.elements[index].consumers.iter().flatten().copied().collect();
        for consumer in consumers {
            match consumer {
                Consumer::Element { index, input } => self.watermark(index, input, low)?,
                Consumer::Exchange(i) => self.shared.exchanges[i].broadcast(&Message::Watermark(low))?,
                Consumer::Collect => {}
            }
        }
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn tick(&mut self, now_ms: i64) -> Result<()> {
        (0..self.elements.len()).try_for_each(|i| self.call(i, |op, out| op.tick(now_ms, out)))
    }

    /// Emits everything that is held back.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn flush(&mut self) -> Result<()> {
        (0..self.elements.len()).try_for_each(|i| self.call(i, |op, out| op.flush(out)))
    }

    /// Persists what changed since the last barrier and collects the references. Nothing may be
    /// processed between [`Chain::flush`] and this.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn snapshot(&mut self, ack: &mut Ack, save: Save<'_>) -> Result<()> {
        for element in &mut self.elements {
            let batches = match &mut element.work {
                Work::Operator(op) => op.snapshot()?,
                Work::Sink(sink) => {
                    sink.finish(ack)?;
                    match sink.operator() {
                        Some(op) => op.snapshot()?,
                        None => continue,
                    }
                }
                Work::Pass | Work::Fanout(_) => continue,
            };
            save(&element.id, batches, ack)?;
        }
        self.shared.bad_rows.finish(ack)
    }

    /// An element's output, for what produces rows outside the chain.
    ///
    /// # Errors
    /// Where there is no such element.
    pub fn output(&mut self, index: usize) -> Result<Router<'_>> {
        let (element, rest) = split(&mut self.elements, index)?;
        Ok(Router {
            rest,
            base: index + 1,
            consumers: element.consumers.first().map_or(&[], Vec::as_slice),
            metrics: &element.metrics,
            place: &element.place,
            shared: &mut self.shared,
        })
    }

    /// An error of what feeds an element, with its place.
    pub fn locate(&mut self, index: usize, error: Error) -> Error {
        match self.elements.get(index) {
            Some(element) => located(error, &element.place, &mut self.shared),
            None => error,
        }
    }

    fn call(&mut self, index: usize, f: impl FnOnce(&mut dyn Operator, &mut dyn Output) -> Result<()>) -> Result<()> {
        let (element, rest) = split(&mut self.elements, index)?;
        let mut out = Router {
            rest,
            base: index + 1,
            consumers: element.consumers.first().map_or(&[], Vec::as_slice),
            metrics: &element.metrics,
            place: &element.place,
            shared: &mut self.shared,
        };
        let result = match &mut element.work {
            Work::Operator(op) => f(op.as_mut(), &mut out),
            // A sink's operator works row by row: it neither waits for time nor holds anything back.
            Work::Sink(_) | Work::Pass | Work::Fanout(_) => Ok(()),
        };
        result.map_err(|e| located(e, &element.place, &mut self.shared))
    }
}

fn split(elements: &mut [Element], at: usize) -> Result<(&mut Element, &mut [Element])> {
    elements
        .get_mut(at..)
        .and_then(|tail| tail.split_first_mut())
        .ok_or_else(|| Error::internal("an element of a chain hands rows to one before it"))
}

fn located(error: Error, place: &str, shared: &mut Shared) -> Error {
    if std::mem::replace(&mut shared.located, true) || place.is_empty() { error } else { error.context(place) }
}

/// A batch, and the rows of it that count; `None` for all.
type Rows<'a> = (Batch, Option<&'a UInt32Array>);

fn count((batch, selected): &Rows<'_>) -> u64 {
    selected.map_or(batch.len(), Array::len) as u64
}

fn process(rest: &mut [Element], base: usize, to: Consumer, rows: Rows<'_>, shared: &mut Shared) -> Result<()> {
    let count = count(&rows);
    let (batch, selected) = rows;
    let (index, input) = match to {
        Consumer::Exchange(i) => return shared.exchanges[i].rows(batch.selected(selected)?),
        Consumer::Collect => {
            shared.collected.push(batch.selected(selected)?.change);
            return Ok(());
        }
        Consumer::Element { index, input } => (index, input),
    };
    let (element, tail) = split(rest, index.wrapping_sub(base))?;
    if batch.local.is_none() {
        OperatorMetrics::add(&element.metrics.rows_in, count);
    }
    let mut out = Router {
        rest: tail,
        base: index + 1,
        consumers: element.consumers.first().map_or(&[], Vec::as_slice),
        metrics: &element.metrics,
        place: &element.place,
        shared,
    };
    let result = match (&mut element.work, selected) {
        (Work::Operator(op), Some(rows)) => op.process_selected(input, batch, rows, &mut out),
        (work, selected) => batch.selected(selected).and_then(|batch| match work {
            Work::Pass => out.emit(batch),
            Work::Operator(op) => op.process(input, batch, &mut out),
            Work::Sink(sink) => sink.process(input, batch, &mut out),
            Work::Fanout(fanout) => fanout.process(&batch, &element.consumers, &mut out),
        }),
    };
    result.map_err(|e| located(e, &element.place, shared))
}

/// The rest of a chain as the output of one of its elements.
pub struct Router<'a> {
    rest: &'a mut [Element],
    base: usize,
    consumers: &'a [Consumer],
    metrics: &'a OperatorMetrics,
    place: &'a str,
    shared: &'a mut Shared,
}

impl<'a> Router<'a> {
    /// The output of one branch of a fan-out.
    pub fn branch<'b>(
        &'b mut self,
        consumers: &'b [Consumer],
        metrics: &'b OperatorMetrics,
        place: &'b str,
    ) -> Router<'b>
    where
        'a: 'b,
    {
        Router { rest: self.rest, base: self.base, consumers, metrics, place, shared: self.shared }
    }

    /// Some rows of a batch, in its order.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn emit_selected(&mut self, batch: Batch, rows: &UInt32Array) -> Result<()> {
        self.hand_on((batch, Some(rows)))
    }

    fn hand_on(&mut self, rows: Rows<'_>) -> Result<()> {
        let count = count(&rows);
        if count == 0 {
            return Ok(());
        }
        if rows.0.local.is_none() {
            OperatorMetrics::add(&self.metrics.rows_out, count);
        }
        let Some((last, others)) = self.consumers.split_last() else { return Ok(()) };
        for consumer in others {
            process(self.rest, self.base, *consumer, rows.clone(), self.shared)?;
        }
        process(self.rest, self.base, *last, rows, self.shared)
    }
}

impl Output for Router<'_> {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.hand_on((batch, None))
    }

    fn bad_row(&mut self, row: BadRow) -> Result<()> {
        self.shared.bad_rows.take(row, self.place, self.metrics)
    }
}
