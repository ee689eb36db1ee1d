//! What the tests of operators share: nodes, a clock that stands still, an output that collects, and
//! a run that is interrupted by snapshots and restores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::{Array, ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Clock, Column, Dialect, Result, SqlType};
use tidegate_plan::{Changes, Node, OnRowError, Op, Plan, Settings};

use crate::batch::Batch;
use crate::hash;
use crate::metrics::OperatorMetrics;
use crate::operator::{BadRow, Operator, OperatorContext, Output};
use crate::state::describe_row;
use crate::state::test_data::Random;

/// A clock that is set by hand (ms).
#[derive(Debug, Default)]
pub(crate) struct TestClock(pub AtomicI64);

impl Clock for TestClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed) * 1000
    }
}

pub(crate) fn context(clock: &Arc<TestClock>) -> OperatorContext {
    OperatorContext { clock: clock.clone(), task: 0, tasks: 1, metrics: Arc::new(OperatorMetrics::default()) }
}

pub(crate) fn settings() -> Settings {
    Settings {
        dialect: Dialect::Flink,
        dialect_reason: String::new(),
        zone: "UTC".into(),
        job_name: None,
        checkpoint_interval_ms: 1000,
        state_ttl_ms: 0,
        mini_batch: true,
        on_error: OnRowError::Stop,
        dead_letter: None,
        epoch_bytes: 1 << 20,
        pending_bytes: 1 << 20,
        log_retention_ms: 0,
        require_exactly_once: false,
        parallelism: None,
        raw: Vec::new(),
    }
}

pub(crate) fn node(op: Op, inputs: Vec<usize>, columns: &[(&str, SqlType)], changes: Changes) -> Node {
    Node {
        op,
        inputs,
        columns: columns.iter().map(|(n, t)| Column::new(*n, t.clone().nullable())).collect(),
        changes,
        unique_keys: Vec::new(),
        upsert_key: None,
        time_column: None,
        id: "node".into(),
        label: "node".into(),
    }
}

/// A plan of an input with these columns and one operator over it.
pub(crate) fn plan(
    input: &[(&str, SqlType)],
    input_changes: Changes,
    op: Op,
    output: &[(&str, SqlType)],
    changes: Changes,
) -> Plan {
    Plan {
        tables: Vec::new(),
        nodes: vec![node(Op::Union, vec![], input, input_changes), node(op, vec![0], output, changes)],
        sinks: Vec::new(),
        query: Some(1),
        settings: settings(),
        warnings: Vec::new(),
    }
}

#[derive(Default)]
pub(crate) struct Collected {
    pub batches: Vec<Batch>,
    pub bad: Vec<BadRow>,
}

impl Output for Collected {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.batches.push(batch);
        Ok(())
    }
    fn bad_row(&mut self, row: BadRow) -> Result<()> {
        self.bad.push(row);
        Ok(())
    }
}

impl Collected {
    /// `+I(…)` lines.
    pub fn lines(&self) -> Vec<String> {
        self.batches.iter().flat_map(|b| lines(&b.change)).collect()
    }
    /// The rows that are there in the end, with how often; a row taken back that was not there shows
    /// as a negative number.
    pub fn net(&self) -> BTreeMap<String, i64> {
        let mut out = BTreeMap::new();
        for batch in &self.batches {
            for i in 0..batch.len() {
                let row = describe_row(batch.change.rows.columns(), i);
                *out.entry(row).or_insert(0) += if batch.change.kind(i).is_addition() { 1 } else { -1 };
            }
        }
        out.retain(|_, n| *n != 0);
        out
    }
}

pub(crate) fn lines(change: &ChangeBatch) -> Vec<String> {
    (0..change.len())
        .map(|i| format!("{}{}", change.kind(i).symbol(), describe_row(change.rows.columns(), i)))
        .collect()
}

pub(crate) fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn ints(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// A batch of rows; `kinds` as numbers, empty for all `+I`.
pub(crate) fn batch(input: &[(&str, SqlType)], columns: Vec<ArrayRef>, kinds: &[i8]) -> Batch {
    let columns_of: Vec<Column> = input.iter().map(|(n, t)| Column::new(*n, t.clone().nullable())).collect();
    let rows = RecordBatch::try_new(arrow_schema(&columns_of), columns).unwrap();
    Batch::new(if kinds.is_empty() {
        ChangeBatch::append(rows)
    } else {
        ChangeBatch::new(rows, Int8Array::from(kinds.to_vec())).unwrap()
    })
}

/// What happens to an operator.
#[allow(clippy::large_enum_variant, reason = "a test's script")]
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Rows(Batch),
    Watermark(i64),
}

/// Runs an operator straight through.
pub(crate) fn run(make: &dyn Fn() -> Box<dyn Operator>, steps: &[Step]) -> Collected {
    let mut out = Collected::default();
    let mut operator = make();
    for step in steps {
        apply(operator.as_mut(), step.clone(), &mut out);
    }
    out
}

fn apply(operator: &mut dyn Operator, step: Step, out: &mut Collected) {
    match step {
        Step::Rows(batch) => operator.process(0, batch, out).unwrap(),
        Step::Watermark(w) => operator.watermark(w, out).unwrap(),
    }
    operator.flush(out).unwrap();
}

/// Runs an operator that is again and again snapshotted, dropped, and restored into some number of
/// tasks; rows find their task by the hash of the columns `keys`.
pub(crate) fn run_restored(
    make: &dyn Fn() -> Box<dyn Operator>,
    steps: &[Step],
    keys: &[usize],
    seed: u64,
) -> Collected {
    let mut r = Random::new(seed);
    let mut out = Collected::default();
    let mut tasks: Vec<Box<dyn Operator>> = vec![make()];
    let mut store: Vec<RecordBatch> = Vec::new();
    for step in steps {
        for (task, part) in split(step, keys, tasks.len() as u32).into_iter().enumerate() {
            apply(tasks[task].as_mut(), part, &mut out);
        }
        if r.below(3) == 0 {
            for task in &mut tasks {
                store.extend(task.snapshot().unwrap());
            }
            // What happens after the snapshot is lost here, so there is nothing: restore now.
            if r.below(2) == 0 {
                let layout = tasks[0].state().unwrap();
                for batch in &store {
                    assert_eq!(batch.schema(), layout.schema);
                }
                if r.below(2) == 0 {
                    store = vec![fold(&store, &layout)];
                }
                let n = [1, 2, 7][r.below(3) as usize];
                tasks = (0..n)
                    .map(|task| {
                        let mut operator = make();
                        for batch in &store {
                            operator.restore(&owned(batch, &layout.partition_columns, task, n)).unwrap();
                        }
                        operator
                    })
                    .collect();
            }
        }
    }
    out
}

fn split(step: &Step, keys: &[usize], tasks: u32) -> Vec<Step> {
    let Step::Rows(batch) = step else { return vec![step.clone(); tasks as usize] };
    let owners = owners(batch.change.rows.columns(), keys, batch.len(), tasks);
    (0..tasks)
        .map(|task| {
            let rows: Vec<u32> = (0..batch.len() as u32).filter(|i| owners[*i as usize] == task).collect();
            Step::Rows(batch.take(&UInt32Array::from(rows)).unwrap())
        })
        .collect()
}

fn owners(columns: &[ArrayRef], keys: &[usize], rows: usize, tasks: u32) -> Vec<u32> {
    if keys.is_empty() {
        return vec![0; rows];
    }
    let keys: Vec<ArrayRef> = keys.iter().map(|k| columns[*k].clone()).collect();
    hash::hash_columns(&keys, rows).unwrap().into_iter().map(|h| hash::owner(h, tasks)).collect()
}

pub(crate) fn owned(batch: &RecordBatch, partition: &[usize], task: u32, tasks: u32) -> RecordBatch {
    let owners = owners(batch.columns(), partition, batch.num_rows(), tasks);
    let rows: Vec<u32> = (0..batch.num_rows() as u32).filter(|i| owners[*i as usize] == task).collect();
    ChangeBatch::append(batch.clone()).take(&UInt32Array::from(rows)).unwrap().rows
}

/// The newest entry of each key, without deleted ones, as the store folds deltas.
pub(crate) fn fold(deltas: &[RecordBatch], layout: &crate::operator::StateLayout) -> RecordBatch {
    let all = arrow_select::concat::concat_batches(&layout.schema, deltas).unwrap();
    let mut newest = BTreeMap::new();
    let keys: Vec<ArrayRef> = layout.key_columns.iter().map(|k| all.column(*k).clone()).collect();
    let mut rows = crate::state::codec::EncodedRows::default();
    rows.encode(&keys, all.num_rows(), crate::state::codec::Form::Key).unwrap();
    for i in 0..all.num_rows() {
        newest.insert(rows.row(i).to_vec(), i as u32);
    }
    let deleted = all.column(all.num_columns() - 1);
    let deleted = arrow_array::cast::AsArray::as_boolean(deleted.as_ref());
    let keep: Vec<u32> = newest.into_values().filter(|i| !deleted.value(*i as usize)).collect();
    assert!(deleted.null_count() == 0);
    ChangeBatch::append(all).take(&UInt32Array::from(keep)).unwrap().rows
}
