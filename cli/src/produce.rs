//! `tidegate produce TOPIC`: lines of standard input into a topic.

use std::io::BufRead;

use serde::Deserialize;
use tidegate_core::{Error, Result, ResultExt};
use tidegate_local::log::{Log, Record};

use crate::args::ProduceArgs;
use crate::kafka;
use crate::topics::Place;

/// Partitions of an embedded topic that `produce` makes.
const PARTITIONS: u32 = 2;
/// Lines appended in one durable step.
const BATCH: usize = 10_000;

/// A line of `--envelope`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(default)]
    k: Option<String>,
    #[serde(default)]
    v: Option<String>,
    #[serde(default)]
    p: Option<u32>,
}

/// Somewhere messages can be put, a batch in one step.
pub trait Writes {
    /// Writes all of them, in order; they are there for good when it returns.
    ///
    /// # Errors
    /// A partition that does not exist, a topic that cannot be written.
    fn write(&mut self, batch: &[Envelope]) -> Result<()>;
}

/// Reads all of `input`; says how many messages it appended.
///
/// # Errors
/// A line that is not understood (with its number; everything before its batch is in the topic), or
/// a topic that cannot be written.
pub async fn produce(args: &ProduceArgs, input: impl BufRead) -> Result<String> {
    let mut topic: Box<dyn Writes> = match args.target.place("produce")? {
        Place::Embedded(dir) => Box::new(Log::open_or_create(dir, &args.topic, args.create.unwrap_or(PARTITIONS))?),
        Place::Kafka(properties) => Box::new(kafka::writer(&properties, &args.topic, args.create).await?),
    };
    let mut batch = Vec::with_capacity(BATCH);
    let mut count = 0;
    for (number, line) in input.lines().enumerate() {
        let line = line.context(|| "standard input")?;
        batch.push(parse(line, args.envelope).context(|| format!("line {}", number + 1))?);
        if batch.len() == BATCH {
            count += append(&mut *topic, &mut batch, &args.topic)?;
        }
    }
    count += append(&mut *topic, &mut batch, &args.topic)?;
    Ok(format!("{count} messages into topic '{}'", args.topic))
}

fn append(topic: &mut dyn Writes, batch: &mut Vec<Envelope>, name: &str) -> Result<usize> {
    topic.write(batch).context(|| format!("topic {name}"))?;
    let count = batch.len();
    batch.clear();
    Ok(count)
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

impl Writes for Log {
    fn write(&mut self, batch: &[Envelope]) -> Result<()> {
        let partitions = self.partitions();
        if let Some(bad) = batch.iter().find_map(|e| e.p.filter(|p| *p >= partitions)) {
            return Err(Error::user(format!("the topic has {partitions} partitions, no partition {bad}")));
        }
        self.produce(batch.iter().map(|e| Record {
            partition: e.p,
            key: e.k.as_deref().map(str::as_bytes),
            value: e.v.as_deref().map(str::as_bytes),
            headers: None,
            timestamp: None,
        }))?;
        Ok(())
    }
}

#[cfg(feature = "kafka")]
impl Writes for tidegate_kafka::Writer {
    fn write(&mut self, batch: &[Envelope]) -> Result<()> {
        let bytes = |t: &Option<String>| t.as_ref().map(|t| t.clone().into_bytes());
        let message = |e: &Envelope| tidegate_kafka::Message { partition: e.p, key: bytes(&e.k), value: bytes(&e.v) };
        Self::write(self, &batch.iter().map(message).collect::<Vec<_>>())
    }
}

#[cfg(not(feature = "kafka"))]
impl Writes for Box<dyn Writes> {
    fn write(&mut self, batch: &[Envelope]) -> Result<()> {
        (**self).write(batch)
    }
}
