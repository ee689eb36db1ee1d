//! A job of one source, one sink and one operator, small enough to be computed by hand: the source
//! gives 0, 1, 2, …; the sink gets each number; the operator keeps, per number modulo 5, the largest
//! one seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use tidegate_core::split::Position;
use tidegate_core::table::{BoundTable, Resource, TableBinding, TableSpec};
use tidegate_core::{ChangeBatch, Clock, Column, Dialect};

use super::super::fold::FoldPolicy;
use super::super::planning::UnitLimits;
use super::super::*;

pub(crate) const SOURCE: &str = "numbers";
pub(crate) const OPERATOR: &str = "largest";

/// A clock that a test moves.
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl Clock for TestClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) fn clock() -> Arc<TestClock> {
    Arc::new(TestClock(AtomicI64::new(1_700_000_000_000_000)))
}

pub(crate) fn table(name: &str) -> BoundTable {
    BoundTable {
        spec: TableSpec::new(name, Dialect::Flink, Vec::<Column>::new()),
        connector: "memory".to_owned(),
        options: BTreeMap::new(),
        binding: TableBinding::new(Resource::Own),
    }
}

pub(crate) fn sink(name: &str, lanes: u32) -> SinkInfo {
    SinkInfo { id: name.to_owned(), table: table(name), lanes, key: Vec::new() }
}

pub(crate) fn header(sinks: &[&str]) -> JobHeader {
    JobHeader {
        plan_fingerprint: "p1".to_owned(),
        dialect: Dialect::Flink,
        zone: "UTC".to_owned(),
        operators: vec![OperatorInfo {
            id: OPERATOR.to_owned(),
            label: "GroupAggregate(k)".to_owned(),
            schema: "k BIGINT, v BIGINT".to_owned(),
            key_columns: vec![0],
        }],
        sinks: sinks.iter().map(|s| sink(s, 1)).collect(),
        sources: vec![SOURCE.to_owned()],
    }
}

pub(crate) fn options(dir: &Path, sinks: &[&str]) -> OpenOptions {
    OpenOptions {
        dir: dir.to_owned(),
        job: "job".to_owned(),
        header: header(sinks),
        fresh_state: false,
        allow_dropped_state: false,
        adopt: false,
        reset_fence: false,
        drop_pending: false,
        retention: Duration::ZERO,
        pending_limit_bytes: 1 << 20,
    }
}

/// Everything small, so that a few rows reach every limit.
pub(crate) fn small() -> Tuning {
    Tuning {
        segment_bytes: 2000,
        cache_bytes: 2000,
        unit_limits: UnitLimits { rows: 5, bytes: 1 << 20 },
        fold: FoldPolicy { rows: 4, epochs: 3 },
        background_fold: false,
    }
}

pub(crate) fn rows(values: std::ops::Range<i64>) -> ChangeBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    ChangeBatch::append(RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(values))]).unwrap())
}

pub(crate) fn values(batch: &ChangeBatch) -> Vec<i64> {
    batch.rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

pub(crate) fn delta(entries: &[(i64, i64, bool)]) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, false),
        Field::new("v", DataType::Int64, false),
        Field::new("__deleted", DataType::Boolean, false),
    ]));
    let k = Int64Array::from_iter_values(entries.iter().map(|e| e.0));
    let v = Int64Array::from_iter_values(entries.iter().map(|e| e.1));
    let d = BooleanArray::from_iter(entries.iter().map(|e| Some(e.2)));
    RecordBatch::try_new(schema, vec![Arc::new(k), Arc::new(v), Arc::new(d)]).unwrap()
}

/// Puts state together the way an operator does.
pub(crate) fn restore(reader: Option<StateReader>) -> Result<BTreeMap<i64, i64>> {
    let mut state = BTreeMap::new();
    for batch in reader.into_iter().flatten() {
        let batch = batch?;
        let (k, v) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
        for i in 0..batch.num_rows() {
            if batch.column(2).as_boolean().value(i) {
                state.remove(&k.value(i));
            } else {
                state.insert(k.value(i), v.value(i));
            }
        }
    }
    Ok(state)
}

/// What the operator has to hold after the numbers below `n`.
pub(crate) fn state_at(n: i64) -> BTreeMap<i64, i64> {
    (0..n).map(|i| (i % 5, i)).collect()
}

pub(crate) fn position_of(recovered: &Recovered) -> i64 {
    let key = (SOURCE.to_owned(), "0".to_owned());
    recovered.positions.get(&key).map_or(0, |p| p.position.0.parse().unwrap())
}

/// Epoch `epoch` reads the numbers `from..to` and writes them to each sink.
pub(crate) fn contents(store: &Store, epoch: u64, from: i64, to: i64, sinks: &[&str]) -> Result<EpochContents> {
    let appender = store.appender();
    let mut out = EpochContents { epoch, ..EpochContents::default() };
    if from < to {
        let middle = (from + to) / 2;
        for sink in sinks {
            // Two tasks, handed over in the wrong order: the lane is in order of the log.
            let early = appender.rows(sink, 0, 1, &rows(from..middle))?;
            let late = appender.rows(sink, 0, 0, &rows(middle..to))?;
            out.rows.push(((*sink).to_owned(), 0, 0, vec![late]));
            out.rows.push(((*sink).to_owned(), 0, 1, vec![early]));
        }
        let entries: Vec<_> = (from..to).map(|i| (i % 5, i, false)).collect();
        out.state.push((OPERATOR.to_owned(), 0, vec![appender.state(OPERATOR, 0, &delta(&entries))?]));
    }
    let key = (SOURCE.to_owned(), "0".to_owned());
    out.positions.insert(key.clone(), SavedPosition { position: Position(to.to_string()), identity: "i".to_owned() });
    out.watermarks.insert(key, to);
    Ok(out)
}

/// Reads everything decided for a lane, back from the store.
pub(crate) fn decided_rows(store: &Store, sink: &str, from: u64) -> Vec<i64> {
    let key = decision::LaneKey { sink: sink.to_owned(), lane: 0 };
    let mut at = from;
    let mut out = Vec::new();
    while let Some(unit) = store.next_unit(&key, at, units::Cut::AsDecided, small().unit_limits).unwrap() {
        out.extend(store.read_unit(&unit).unwrap().iter().flat_map(values));
        at = unit.to;
    }
    out
}
