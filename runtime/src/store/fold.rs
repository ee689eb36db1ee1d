//! Folding: an operator's base and old deltas become one new base, in the background.
//!
//! A fold reads decided frames only, which never change, and writes a file of its own. The base
//! counts from the decision that carries its swap; the frames it replaces go after that decision is
//! durable. A fold that is lost on the way has cost nothing but its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, UInt32Array};
use arrow_row::{RowConverter, SortField};
use arrow_select::concat::concat_batches;
use hashbrown::HashSet;
use tidegate_core::sink::Id;
use tidegate_core::{Error, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::decision::Swap;
use super::frame::Kind;
use super::health::Health;
use super::ipc;
use super::ledger::{Ledger, OperatorState};
use super::reference::{Reference, StateRef};
use super::segment::read_state;
use super::storage::{AppendFile, Storage};

/// How files of bases are called.
pub const BASE_PREFIX: &str = "base-";
/// Entries of one frame of a base.
const FRAME_ROWS: usize = 16_384;

/// A fold reads and writes a whole base: done each time the deltas have grown to one, it would cost
/// more than the deltas themselves. This many mean at most so much more to read at recovery.
const DELTAS_PER_BASE: u64 = 4;

/// When an operator is folded.
#[derive(Debug, Clone, Copy)]
pub struct FoldPolicy {
    /// Its deltas have more entries than `DELTAS_PER_BASE` bases, and than this.
    pub rows: u64,
    /// Its oldest delta is older than so many epochs: it would keep a segment from being removed.
    pub epochs: u64,
}

/// A fold to be done.
pub struct Job {
    operator: String,
    upto: u64,
    refs: Vec<StateRef>,
    key_columns: Vec<usize>,
}

/// The operator that most needs folding, if any does.
pub fn next(ledger: &Ledger, policy: FoldPolicy) -> Option<Job> {
    let now = ledger.epoch?;
    let due = |s: &OperatorState| -> Option<u64> {
        let (base, deltas) = (rows(&s.base), s.deltas.iter().map(|(_, r)| rows(r)).sum::<u64>());
        let stale = s.deltas.front().is_some_and(|(epoch, _)| epoch + policy.epochs <= now);
        (deltas > 0 && (stale || deltas > (base * DELTAS_PER_BASE).max(policy.rows))).then_some(deltas)
    };
    let (operator, state, _) =
        ledger.state.iter().filter_map(|(id, s)| Some((id, s, due(s)?))).max_by_key(|(_, _, deltas)| *deltas)?;
    let key_columns = ledger.header.operators.iter().find(|o| o.id == *operator)?.key_columns.clone();
    Some(Job { operator: operator.clone(), upto: now, refs: state.refs().cloned().collect(), key_columns })
}

fn rows(refs: &[StateRef]) -> u64 {
    refs.iter().map(|r| r.rows).sum()
}

/// Where a fold reads and writes.
pub struct Place {
    /// The disk.
    pub storage: Arc<dyn Storage>,
    /// The state directory.
    pub dir: PathBuf,
    /// Whose file it is.
    pub incarnation: Id,
    /// Of the fold, unique in the incarnation.
    pub number: u64,
    /// Of the store.
    pub health: Arc<Health>,
}

/// Writes the new base, durably.
///
/// # Errors
/// Of the disk, or damage: the store has failed then.
pub fn fold(place: &Place, job: &Job) -> Result<Swap> {
    let name = format!("{BASE_PREFIX}{}-{:06}.log", place.incarnation, place.number);
    let file = place.health.watch("making a base", place.storage.create(&place.dir.join(&name)))?;
    let mut base = Base { place, name, file, written: 0, refs: Vec::new(), batches: Vec::new(), rows: 0 };
    newest_entries(&*place.storage, &place.dir, job, &mut |batch| base.add(batch))?;
    base.flush()?;
    place.health.watch("fsync of a base", base.file.sync())?;
    place.health.watch("fsync of the state directory", place.storage.sync_dir(&place.dir))?;
    Ok(Swap { operator: job.operator.clone(), upto: job.upto, base: base.refs })
}

/// Goes from the newest frame to the oldest: the first entry met of a key is its last word.
fn newest_entries(
    storage: &dyn Storage,
    dir: &Path,
    job: &Job,
    keep: &mut dyn FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    // 128 bits of hash stand for a key: at a billion keys two of them meet with odds of 1 in 10^20.
    let mut seen: HashSet<u128> = HashSet::new();
    let mut converter: Option<RowConverter> = None;
    for r in job.refs.iter().rev() {
        let batch = read_state(storage, dir, r)?;
        let deleted = batch
            .columns()
            .last()
            .and_then(|c| c.as_boolean_opt())
            .ok_or_else(|| Error::internal(format!("state of {} has no __deleted column", job.operator)))?;
        let keys = keys(&batch, &job.key_columns, &mut converter)?;
        let mut indices: Vec<u32> = (0..batch.num_rows())
            .rev()
            .filter(|i| seen.insert(keys[*i]) && !deleted.value(*i))
            .map(|i| i as u32)
            .collect();
        if indices.is_empty() {
            continue;
        }
        indices.reverse();
        keep(if indices.len() == batch.num_rows() { batch } else { take(&batch, &UInt32Array::from(indices))? })?;
    }
    Ok(())
}

fn keys(batch: &RecordBatch, columns: &[usize], converter: &mut Option<RowConverter>) -> Result<Vec<u128>> {
    if columns.is_empty() {
        return Ok(vec![0; batch.num_rows()]);
    }
    let broken = |e: arrow_schema::ArrowError| Error::internal(format!("state key: {e}"));
    let arrays: Vec<_> = columns.iter().map(|c| batch.column(*c).clone()).collect();
    if converter.is_none() {
        let fields = arrays.iter().map(|a| SortField::new(arrow_array::Array::data_type(a).clone())).collect();
        *converter = Some(RowConverter::new(fields).map_err(broken)?);
    }
    let Some(converter) = converter else { return Err(Error::internal("no converter")) };
    let rows = converter.convert_columns(&arrays).map_err(broken)?;
    Ok(rows
        .iter()
        .map(|row| {
            let high = xxh3_64_with_seed(row.as_ref(), 1);
            (u128::from(high) << 64) | u128::from(xxh3_64_with_seed(row.as_ref(), 2))
        })
        .collect())
}

fn take(batch: &RecordBatch, indices: &UInt32Array) -> Result<RecordBatch> {
    arrow_select::take::take_record_batch(batch, indices).map_err(|e| Error::internal(format!("state: {e}")))
}

/// Gathers entries into frames of a decent size.
struct Base<'a> {
    place: &'a Place,
    name: String,
    file: Arc<dyn AppendFile>,
    written: u64,
    refs: Vec<StateRef>,
    batches: Vec<RecordBatch>,
    rows: usize,
}

impl Base<'_> {
    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        self.batches.push(batch);
        if self.rows >= FRAME_ROWS { self.flush() } else { Ok(()) }
    }
    fn flush(&mut self) -> Result<()> {
        let Some(first) = self.batches.first() else { return Ok(()) };
        let batch =
            concat_batches(&first.schema(), &self.batches).map_err(|e| Error::internal(format!("state: {e}")))?;
        let (frame, checksum) = ipc::frame(Kind::State, &batch)?;
        self.place.health.watch("writing a base", self.file.append(&frame))?;
        let length = frame.len() as u64;
        let at = Reference { file: self.name.clone(), offset: self.written, length, checksum };
        self.refs.push(StateRef { at, rows: batch.num_rows() as u64 });
        self.written += length;
        self.rows = 0;
        self.batches.clear();
        Ok(())
    }
}
