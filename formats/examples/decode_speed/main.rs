//! Rows per CPU-second of the decoder, beside serde_json into the same Arrow columns.
//!
//! `cargo run -p tidegate-formats --profile quick --example decode_speed -- DIR [JOB]` reads
//! `DIR/answer.jsonl`, `studentop.jsonl`, `mashup.jsonl`, `agora.jsonl`, `order.jsonl` (one message a
//! line) and decodes exactly the columns of the education jobs A, B1, B3, B5 and B7.

mod floor;
mod jobs;

use std::sync::Arc;

use bytes::Bytes;
use tidegate_core::Dialect;
use tidegate_core::error::{Error, Result};
use tidegate_core::raw::{ByteRange, RawBatch, RawRecord};
use tidegate_core::split::Position;
use tidegate_formats::decode::{Decoder, DecoderSpec};

const ROWS: usize = 8192;
const ROUNDS: usize = 5;
/// The clock of CPU time ticks in milliseconds: each round goes over the data some times.
const TIMES: usize = 5;

/// Nanoseconds this thread has spent on a CPU.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn batches(file: &str) -> Result<Vec<RawBatch>> {
    let text = std::fs::read(file).map_err(|e| Error::user(format!("{file}: {e}")))?;
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).collect();
    Ok(lines.chunks(ROWS).map(batch).collect())
}

fn batch(lines: &[&[u8]]) -> RawBatch {
    let mut data = Vec::new();
    let mut records = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let key = ByteRange { start: data.len() as u32, end: data.len() as u32 + 4 };
        data.extend_from_slice(b"k123");
        let start = data.len() as u32;
        data.extend_from_slice(line);
        let value = ByteRange { start, end: data.len() as u32 };
        records.push(RawRecord {
            key: Some(key),
            value: Some(value),
            headers: None,
            offset: i as i64,
            timestamp: 0,
            broker: tidegate_core::raw::BrokerFacts::default(),
        });
    }
    RawBatch {
        topic: Arc::from("bench"),
        partition: 0,
        data: Bytes::from(data),
        records,
        next: Position(String::new()),
        behind: None,
    }
}

/// Million rows per CPU-second, the best of some rounds.
fn best(batches: &[RawBatch], mut run: impl FnMut(&RawBatch) -> Result<usize>) -> Result<(f64, usize)> {
    let rows: usize = batches.iter().map(|b| b.records.len()).sum();
    let mut best = f64::MAX;
    let mut kept = 0;
    for _ in 0..ROUNDS {
        kept = 0;
        let start = cpu_nanos();
        for batch in std::iter::repeat_n(batches, TIMES).flatten() {
            kept += run(batch)?;
        }
        best = best.min((cpu_nanos() - start) as f64 / TIMES as f64);
    }
    Ok((rows as f64 * 1e3 / best, kept / TIMES))
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or_else(|| Error::user("usage: decode_speed DIR [JOB]"))?;
    let only = args.next();
    for job in jobs::all() {
        if only.as_ref().is_some_and(|o| !job.name.starts_with(o.as_str())) {
            continue;
        }
        let batches = batches(&format!("{dir}/{}.jsonl", job.data))?;
        let mut decoder = Decoder::new(DecoderSpec {
            scan: &job.scan,
            value_format: Some(&job.value),
            key_format: Some(&job.key),
            key_prefix: "",
            value_columns: &[],
            key_columns: &[],
            zone: "UTC",
            dialect: Dialect::Blink,
        })?;
        let (ours, kept) = best(&batches, |b| decoder.decode(b).map(|d| d.rows.num_rows()))?;
        let mut floor = job.floor;
        let (theirs, floor_kept) = best(&batches, |b| floor(b))?;
        println!(
            "{:<14} {ours:>6.2} M rows/CPU-s   floor {theirs:>6.2}   {:>5.2} of the floor   {kept} = {floor_kept} rows",
            job.name,
            ours / theirs
        );
    }
    Ok(())
}
