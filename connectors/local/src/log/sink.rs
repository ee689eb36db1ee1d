//! A topic as a fenced sink: rows and fence travel in one commit record.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, BinaryArray, RecordBatch};
use async_trait::async_trait;
use tidegate_core::fencing::{check_apply, check_rows, claimed};
use tidegate_core::message::{HEADERS, KEY, PARTITION, TIMESTAMP, VALUE, message_schema};
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, OpenSink, Scope, SinkInput, SinkLevel, outcome_of,
};
use tidegate_core::{Error, Result, Retry};

use super::append::{MAX_RECORD, Pending, Record, Writer};
use super::topic::{Commit, Log, Shared};

/// Appends messages to a topic, exactly once.
pub struct LogSink {
    log: Log,
}

impl LogSink {
    /// A sink that appends to this topic.
    pub fn new(log: Log) -> Self {
        LogSink { log }
    }
    /// The sink as openers give it.
    pub fn into_open(self) -> OpenSink {
        OpenSink {
            input: SinkInput::Messages { partitions: self.log.partitions() },
            identity: format!("log {} {}", self.log.name(), self.log.id()),
            level: SinkLevel::Fenced(Box::new(self)),
        }
    }

    /// File work happens off the caller's task; a dropped call runs to its end there.
    async fn off_task<R: Send + 'static>(&self, work: impl FnOnce(&Log) -> R + Send + 'static) -> Result<R> {
        let log = self.log.clone();
        tokio::task::spawn_blocking(move || work(&log)).await.map_err(|e| Error::internal(format!("log sink: {e}")))
    }
}

#[async_trait]
impl FencedSink for LogSink {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        let scope = scope.clone();
        self.off_task(move |log| {
            log.shared.check_identity()?;
            Ok(log.shared.commit()?.fence(&scope).cloned())
        })
        .await?
    }

    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        self.claim_if(scope, fence, Arc::new(|_| true)).await
    }

    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let (scope, fence) = (scope.clone(), fence.clone());
        self.off_task(move |log| {
            log.shared.locked(|_, writer| {
                let mut commit = writer.commit().clone();
                let before = commit.fence(&scope).cloned();
                if !admits(before.as_ref()) {
                    return Ok(before);
                }
                set_fence(&mut commit, &scope, Some(claimed(before.as_ref(), &fence)));
                writer.write_commit(commit)?;
                Ok(before)
            })
        })
        .await?
    }

    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let unit = unit.clone();
        let done = self.off_task(move |log| {
            // An error before the lock or the first write is clear; a failed write is not.
            let mut writing = false;
            let outcome = log.shared.locked(|shared, writer| apply(shared, writer, &unit, &mut writing));
            match outcome {
                Ok(o) => o,
                Err(e) if writing && e.retry_advice() != Retry::Never => CommitOutcome::Unknown(e.to_string()),
                Err(e) => outcome_of(&e),
            }
        });
        done.await.unwrap_or_else(|e| CommitOutcome::Unknown(e.to_string()))
    }

    async fn retire(&self, scope: &Scope) -> Result<()> {
        let scope = scope.clone();
        self.off_task(move |log| {
            log.shared.locked(|_, writer| {
                let mut commit = writer.commit().clone();
                set_fence(&mut commit, &scope, None);
                writer.write_commit(commit)
            })
        })
        .await?
    }
}

fn set_fence(commit: &mut Commit, scope: &Scope, fence: Option<Fence>) {
    commit.fences.retain(|(s, _)| s != scope);
    commit.fences.extend(fence.map(|f| (scope.clone(), f)));
}

fn apply(shared: &Shared, writer: &mut Writer, unit: &ApplyUnit, writing: &mut bool) -> Result<CommitOutcome> {
    let mut commit = writer.commit().clone();
    if let Err(outcome) = check_apply(commit.fence(&unit.scope), unit) {
        return Ok(outcome);
    }
    check_rows(unit)?;
    let mut pending = Pending::new(&commit);
    let mut rejected = Vec::new();
    let mut row = 0u64;
    for batch in &unit.rows {
        push_batch(shared, &mut pending, &batch.rows, &mut row, &mut rejected)?;
    }
    if !rejected.is_empty() {
        return Ok(CommitOutcome::Rejected(rejected));
    }
    set_fence(&mut commit, &unit.scope, Some(unit.fence.clone()));
    *writing = true;
    writer.write(shared, pending, commit)?;
    Ok(CommitOutcome::Committed)
}

fn push_batch(
    shared: &Shared,
    pending: &mut Pending,
    rows: &RecordBatch,
    row: &mut u64,
    rejected: &mut Vec<(u64, String)>,
) -> Result<()> {
    let shape = message_schema();
    let fits = rows.num_columns() == shape.fields().len()
        && rows.columns().iter().zip(shape.fields()).all(|(c, f)| c.data_type() == f.data_type());
    if !fits {
        return Err(Error::internal(format!("a message sink was given {:?}", rows.schema())));
    }
    let (keys, values, headers) = (
        rows.column(KEY).as_binary::<i32>(),
        rows.column(VALUE).as_binary::<i32>(),
        rows.column(HEADERS).as_binary::<i32>(),
    );
    let partitions = rows.column(PARTITION).as_primitive::<Int32Type>();
    let timestamps = rows.column(TIMESTAMP).as_primitive::<Int64Type>();
    for i in 0..rows.num_rows() {
        let record = Record {
            partition: None,
            key: at(keys, i),
            value: at(values, i),
            headers: at(headers, i),
            timestamp: timestamps.is_valid(i).then(|| timestamps.value(i)),
        };
        if let Some(reason) = too_long(&record) {
            rejected.push((*row, reason));
        } else {
            let partition = u32::try_from(partitions.value(i)).map_err(|_| Error::internal("negative partition"))?;
            pending.push(shared, partition, &record)?;
        }
        *row += 1;
    }
    Ok(())
}

fn too_long(record: &Record<'_>) -> Option<String> {
    let size: usize = [record.key, record.value, record.headers].iter().flatten().map(|b| b.len()).sum();
    (size > MAX_RECORD).then(|| format!("a record of {size} bytes is longer than a topic takes ({MAX_RECORD})"))
}

fn at(column: &BinaryArray, i: usize) -> Option<&[u8]> {
    column.is_valid(i).then(|| column.value(i))
}
