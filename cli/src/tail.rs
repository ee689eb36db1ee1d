//! `tidegate tail TOPIC`: a topic's messages, a line each.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use tidegate_core::raw::RawBatch;
use tidegate_core::{Error, Result};
use tidegate_local::log::Log;

use crate::args::TailArgs;
use crate::embedded::directory;
use crate::when;

/// Prints to `out` until the end, or for ever with `--follow`.
///
/// # Errors
/// No such topic, an unreadable log, or an output that cannot be written.
pub fn tail(args: &TailArgs, out: &mut impl Write) -> Result<()> {
    let dir = directory(&args.target, "tail")?;
    let log = Log::open(dir, &args.topic)?.ok_or_else(|| {
        let known = Log::list(dir).unwrap_or_default();
        Error::user(format!("there is no topic '{}'", args.topic)).help(format!("topics here: {}", known.join(", ")))
    })?;
    let mut reader = log.tail(&when::start(&args.from, "UTC")?, args.follow)?;
    loop {
        match reader.next(Duration::from_millis(200))? {
            Some(batch) => print(&batch, args.envelope, out)?,
            None if args.follow => out.flush()?,
            None => return Ok(out.flush()?),
        }
    }
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
