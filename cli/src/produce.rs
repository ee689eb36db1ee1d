//! `tidegate produce TOPIC`: lines of standard input into a topic.

use std::io::BufRead;

use serde::Deserialize;
use tidegate_core::{Error, Result, ResultExt};
use tidegate_local::log::{Log, Record};

use crate::args::ProduceArgs;
use crate::embedded::directory;

/// Partitions of a topic that `produce` makes.
const PARTITIONS: u32 = 2;
/// Lines appended in one durable step.
const BATCH: usize = 10_000;

/// A line of `--envelope`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(default)]
    k: Option<String>,
    #[serde(default)]
    v: Option<String>,
    #[serde(default)]
    p: Option<u32>,
}

/// Reads all of `input`; says how many messages it appended.
///
/// # Errors
/// A line that is not understood (with its number; everything before its batch is in the topic), or
/// a log that cannot be written.
pub fn produce(args: &ProduceArgs, input: impl BufRead) -> Result<String> {
    let dir = directory(&args.target, "produce")?;
    let log = Log::open_or_create(dir, &args.topic, PARTITIONS)?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut count = 0u64;
    for (number, line) in input.lines().enumerate() {
        let line = line.context(|| "standard input")?;
        batch.push(parse(line, args.envelope).context(|| format!("line {}", number + 1))?);
        if batch.len() == BATCH {
            count += append(&log, &mut batch).context(|| format!("topic {}", args.topic))?;
        }
    }
    count += append(&log, &mut batch).context(|| format!("topic {}", args.topic))?;
    Ok(format!("{count} messages into topic '{}'", args.topic))
}

fn parse(line: String, envelope: bool) -> Result<Envelope> {
    if envelope {
        serde_json::from_str(&line).map_err(|e| {
            Error::user(format!("not an envelope: {e}")).help(r#"write lines like {"k": "key", "v": "value", "p": 0}"#)
        })
    } else {
        Ok(Envelope { k: None, v: Some(line), p: None })
    }
}

fn append(log: &Log, batch: &mut Vec<Envelope>) -> Result<u64> {
    let partitions = log.partitions();
    if let Some(bad) = batch.iter().find_map(|e| e.p.filter(|p| *p >= partitions)) {
        return Err(Error::user(format!("the topic has {partitions} partitions, no partition {bad}")));
    }
    let count = log.produce(batch.iter().map(|e| Record {
        partition: e.p,
        key: e.k.as_deref().map(str::as_bytes),
        value: e.v.as_deref().map(str::as_bytes),
        headers: None,
        timestamp: None,
    }))?;
    batch.clear();
    Ok(count)
}
