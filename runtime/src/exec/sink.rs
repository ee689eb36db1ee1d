//! The end of INSERTs in one task: prepares rows for their target and appends them to the job's log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{Int8Array, RecordBatch};
use arrow_select::concat::concat_batches;
use tidegate_core::{ChangeBatch, Error, Result};

use crate::batch::Batch;
use crate::metrics::InsertMetrics;
use crate::operator::{Operator, Output};
use crate::ops::sink::SinkPrepare;
use crate::store::{Appender, RowsRef, Store};

use super::control::{Ack, Control, Event, Events};

/// Rows that are collected before they are appended as one frame.
const FRAME_ROWS: usize = 4096;
/// Bytes likewise.
const FRAME_BYTES: usize = 512 << 10;

/// Brings the barrier forward when the open epoch has grown large.
pub struct EpochLimit {
    /// Asked for the size.
    pub store: Store,
    /// Bytes.
    pub bytes: u64,
    /// Whether the coordinator has been told; it resets this at the barrier.
    pub told: AtomicBool,
    /// The coordinator.
    pub events: Events,
}

impl EpochLimit {
    fn check(&self) {
        if self.store.epoch_is_large(self.bytes) && !self.told.swap(true, Ordering::Relaxed) {
            let _ = self.events.send(Event::EpochFull);
        }
    }
}

/// Where rows of a sink go.
pub enum Target {
    /// Counted and thrown away.
    Discard,
    /// To the job's log.
    Log {
        /// The log.
        appender: Appender,
        /// Its limit.
        limit: Arc<EpochLimit>,
    },
}

/// Appends the rows of one sink lane by lane, in frames of a decent size.
pub struct LogWriter {
    sink: String,
    task: u32,
    target: Target,
    control: Arc<Control>,
    lanes: BTreeMap<u32, Lane>,
}

#[derive(Default)]
struct Lane {
    waiting: Vec<ChangeBatch>,
    rows: usize,
    bytes: usize,
    refs: Vec<RowsRef>,
}

impl LogWriter {
    /// For a task (numbered over all stages) and a sink.
    pub fn new(sink: &str, task: u32, target: Target, control: Arc<Control>) -> Self {
        LogWriter { sink: sink.to_owned(), task, target, control, lanes: BTreeMap::new() }
    }

    /// Takes prepared rows.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn write(&mut self, prepared: Vec<(u32, ChangeBatch)>) -> Result<()> {
        let Target::Log { appender, limit } = &self.target else { return Ok(()) };
        for (number, change) in prepared {
            if change.is_empty() {
                continue;
            }
            self.control.touch();
            let lane = self.lanes.entry(number).or_default();
            if lane.waiting.first().is_some_and(|w| w.rows.schema() != change.rows.schema()) {
                lane.append(&self.sink, number, self.task, appender)?;
            }
            lane.rows += change.len();
            lane.bytes += change.rows.get_array_memory_size();
            lane.waiting.push(change);
            if lane.rows >= FRAME_ROWS || lane.bytes >= FRAME_BYTES {
                lane.append(&self.sink, number, self.task, appender)?;
                limit.check();
            }
        }
        Ok(())
    }

    /// Appends what is waiting and hands over the references of the epoch.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn finish(&mut self, ack: &mut Ack) -> Result<()> {
        let Target::Log { appender, .. } = &self.target else { return Ok(()) };
        for (number, lane) in &mut self.lanes {
            lane.append(&self.sink, *number, self.task, appender)?;
            if !lane.refs.is_empty() {
                ack.rows.push((self.sink.clone(), *number, std::mem::take(&mut lane.refs)));
            }
        }
        Ok(())
    }
}

impl Lane {
    fn append(&mut self, sink: &str, lane: u32, task: u32, appender: &Appender) -> Result<()> {
        let batch = match self.waiting.len() {
            0 => return Ok(()),
            1 => self.waiting.swap_remove(0),
            _ => concat(&std::mem::take(&mut self.waiting))?,
        };
        (self.rows, self.bytes) = (0, 0);
        self.refs.push(appender.rows(sink, lane, task, &batch)?);
        Ok(())
    }
}

/// Batches of one schema as one.
///
/// # Errors
/// Where the schemas differ or the columns grow too large.
pub fn concat(batches: &[ChangeBatch]) -> Result<ChangeBatch> {
    let first = batches.first().ok_or_else(|| Error::internal("nothing to join"))?;
    let rows: Vec<&RecordBatch> = batches.iter().map(|b| &b.rows).collect();
    let rows = concat_batches(&first.rows.schema(), rows).map_err(|e| Error::internal(format!("joining rows: {e}")))?;
    let kinds = batches
        .iter()
        .any(|b| b.kinds.is_some())
        .then(|| Int8Array::from_iter_values(batches.iter().flat_map(|b| (0..b.len()).map(|i| b.kind(i) as i8))));
    Ok(ChangeBatch { rows, kinds })
}

/// All INSERTs of one task into one table.
pub struct SinkWriter {
    prepare: SinkPrepare,
    log: LogWriter,
    inserts: Vec<Arc<InsertMetrics>>,
}

impl SinkWriter {
    /// `inserts`: the counters of each input.
    pub fn new(prepare: SinkPrepare, log: LogWriter, inserts: Vec<Arc<InsertMetrics>>) -> Self {
        SinkWriter { prepare, log, inserts }
    }
    /// Takes rows of an input.
    ///
    /// # Errors
    /// Rows that cannot be written, where the policy is to stop; of the state directory.
    pub fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        if let Some(insert) = self.inserts.get(input) {
            insert.rows_in.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        if matches!(self.log.target, Target::Discard) {
            return Ok(());
        }
        let prepared = self.prepare.prepare(input, batch, out)?;
        self.log.write(prepared)
    }
    /// The stateful part, if there is one.
    pub fn operator(&mut self) -> Option<&mut dyn Operator> {
        self.prepare.operator()
    }
    /// Hands over the references of the epoch.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn finish(&mut self, ack: &mut Ack) -> Result<()> {
        self.log.finish(ack)
    }
}
