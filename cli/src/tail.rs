//! `tidegate tail TOPIC`: a topic's messages, a line each.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidegate_core::raw::RawBatch;
use tidegate_core::source::{BatchLimits, Read, Source, SplitReader};
use tidegate_core::split::Bound;
use tidegate_core::{Error, Result};
use tidegate_local::log::{Log, LogSource, LogTopics};

use crate::args::TailArgs;
use crate::topics::Place;
use crate::{kafka, when};

const LIMITS: BatchLimits = BatchLimits { rows: 8192, bytes: 1 << 20, wait: Duration::from_millis(2) };

/// Prints to `out` until the end, or for ever with `--follow`.
///
/// # Errors
/// No such topic, a topic that cannot be read, or an output that cannot be written.
pub async fn tail(args: &TailArgs, out: &mut impl Write) -> Result<()> {
    let source: Arc<dyn Source> = match args.target.place("tail")? {
        Place::Embedded(dir) => {
            if Log::open(dir, &args.topic)?.is_none() {
                let known = Log::list(dir).unwrap_or_default();
                return Err(Error::user(format!("there is no topic '{}'", args.topic))
                    .help(format!("topics here: {}", known.join(", "))));
            }
            Arc::new(LogSource::new(dir, LogTopics::Named(vec![args.topic.clone()], 1), None))
        }
        Place::Kafka(properties) => kafka::source(&properties, &args.topic)?,
    };
    let mut readers = open(&*source, args).await?;
    let mut idle = Duration::from_millis(1);
    while !readers.is_empty() {
        let mut read = false;
        let mut left = Vec::new();
        for mut reader in readers {
            match reader.read(&LIMITS)? {
                Read::Messages(batch) => {
                    print(&batch, args.envelope, out)?;
                    read = true;
                }
                Read::End => continue,
                Read::Nothing | Read::Rows(..) => {}
            }
            left.push(reader);
        }
        readers = left;
        if !read {
            out.flush()?;
            tokio::time::sleep(idle).await;
        }
        idle = if read { Duration::from_millis(1) } else { (idle * 2).min(Duration::from_millis(50)) };
    }
    Ok(out.flush()?)
}

/// Readers of all partitions: to what is there now, or for ever.
async fn open(source: &dyn Source, args: &TailArgs) -> Result<Vec<Box<dyn SplitReader>>> {
    let start = when::start(&args.from, "UTC")?;
    let mut readers = Vec::new();
    for split in source.splits().await? {
        let at = source.resolve(&split, &start).await?.position;
        let end = if args.follow { None } else { source.bound(&split, &Bound::Latest).await? };
        readers.push(source.open(&split, &at, end.as_ref()).await?);
    }
    Ok(readers)
}

fn print(batch: &RawBatch, envelope: bool, out: &mut impl Write) -> Result<()> {
    let text = |b: Option<&[u8]>| b.map(|b| String::from_utf8_lossy(b).into_owned());
    for i in 0..batch.records.len() {
        if envelope {
            let line = json!({"p": batch.partition, "k": text(batch.key(i)), "v": text(batch.value(i))});
            writeln!(out, "{line}")?;
        } else {
            out.write_all(batch.value(i).unwrap_or_default())?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
