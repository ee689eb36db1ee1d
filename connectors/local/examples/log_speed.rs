//! How fast a log is written and read: `cargo run --profile quick -p tidegate-local --example log_speed`.
//!
//! Prints rows and rows per CPU-second for 256-byte messages, and the same for a keyed SQLite table and
//! the classroom generators.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use tidegate_core::change::ChangeBatch;
use tidegate_core::sink::{ApplyUnit, CommitOutcome, Fence, FencedSink, Id, Scope};
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::table::{BoundTable, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Column, Dialect, Error, Result, SqlType};
use tidegate_local::log::{Log, Record};
use tidegate_local::own::datagen::classroom::{Classroom, GENERATORS};
use tidegate_local::table::TableSink;

const MESSAGES: u64 = 4_000_000;
const TABLE_ROWS: i64 = 500_000;

/// CPU seconds of this process so far, user and system.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn report(what: &str, rows: u64, since: Instant, cpu_before: f64) {
    let (wall, used) = (since.elapsed().as_secs_f64(), cpu() - cpu_before);
    println!("{what}: {rows} rows, {wall:.2} s, {:.2} M rows per CPU-second", rows as f64 / used.max(0.01) / 1e6);
}

fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("tidegate-log-speed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = log(&dir).and_then(|()| table(&dir));
    generators();
    std::fs::remove_dir_all(&dir)?;
    result
}

fn generators() {
    for (name, shape) in GENERATORS {
        let classroom = Classroom { shape: *shape, start_ms: Some(0), per_second: 2000, disorder_ms: 500, keys: 2000 };
        let (since, before) = (Instant::now(), cpu());
        let (mut key, mut message) = (String::new(), String::new());
        let mut bytes = 0;
        for n in 0..1_000_000 {
            key.clear();
            message.clear();
            classroom.write(7, n, 0, &mut key, &mut message);
            bytes += message.len();
        }
        report(&format!("{name}, {} bytes each", bytes / 1_000_000), 1_000_000, since, before);
    }
}

fn log(dir: &std::path::Path) -> Result<()> {
    let log = Log::create(dir, "speed", 1)?;
    let value = [b'x'; 256];
    let (since, before) = (Instant::now(), cpu());
    for _ in 0..MESSAGES / 50_000 {
        log.produce((0..50_000).map(|_| Record { value: Some(&value), ..Record::default() }))?;
    }
    report("log, written", MESSAGES, since, before);
    for round in 1..=2 {
        let (since, before) = (Instant::now(), cpu());
        let mut reader = log.reader(0, 0, Some(MESSAGES as i64))?;
        let (mut rows, mut bytes) = (0, 0);
        let limits = BatchLimits { rows: 8192, bytes: 1 << 20, wait: Duration::ZERO };
        while let Read::Messages(batch) = reader.read(&limits)? {
            rows += batch.records.len() as u64;
            bytes += (0..batch.records.len()).map(|i| batch.value(i).map_or(0, <[u8]>::len)).sum::<usize>();
        }
        if bytes as u64 != rows * 256 {
            return Err(Error::internal("bytes are missing"));
        }
        report(&format!("log, read ({round})"), rows, since, before);
    }
    Ok(())
}

fn table(dir: &std::path::Path) -> Result<()> {
    let columns = vec![
        Column::new("id", SqlType::BigInt.nullable()),
        Column::new("name", SqlType::STRING.nullable()),
        Column::new("n", SqlType::BigInt.nullable()),
    ];
    let spec = TableSpec::new("t", Dialect::Flink, columns.iter().cloned()).with_key(&["id"]);
    let mut binding = TableBinding::new(Resource::Table { name: "t".into() });
    binding.sink = SinkChanges::Upsert;
    let sink =
        TableSink::declare(dir, "t", &BoundTable { spec, connector: "jdbc".into(), options: [].into(), binding })?;
    let scope = Scope { job: "j".into(), sink: "t".into(), lane: 0 };
    let fence = |position: u64, epoch| Fence {
        run: Id("r".into()),
        incarnation: Id("i".into()),
        position,
        epoch,
        digest: epoch,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    runtime.block_on(sink.claim(&scope, &fence(0, 0)))?;
    let (since, before) = (Instant::now(), cpu());
    for epoch in 0..10u64 {
        let per = TABLE_ROWS / 10;
        let ids = (0..per).map(|i| (epoch as i64 * per + i) % (TABLE_ROWS / 2));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(ids.clone())),
            Arc::new(StringArray::from_iter_values(ids.clone().map(|i| format!("学生ID_{i}")))),
            Arc::new(Int64Array::from_iter_values(ids)),
        ];
        let rows = RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(|e| Error::internal(e.to_string()))?;
        let (from, to) = (epoch * per as u64, (epoch + 1) * per as u64);
        let rows = vec![ChangeBatch::append(rows)];
        let unit = ApplyUnit { scope: scope.clone(), from, to, fence: fence(to, epoch + 1), version: 1, rows };
        let outcome = runtime.block_on(sink.apply(&unit));
        if outcome != CommitOutcome::Committed {
            return Err(Error::internal(format!("{outcome:?}")));
        }
    }
    report("table, upserted", TABLE_ROWS as u64, since, before);
    Ok(())
}
