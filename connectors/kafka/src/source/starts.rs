//! Where a split starts, where it ends, and whether a stored position can still be read from.
//! Blocking.

use tidegate_core::source::{LostRange, Resolved};
use tidegate_core::split::{Bound, GroupFallback, Position, Split, StartMode};
use tidegate_core::{Error, Result};

use super::at;
use crate::client::Connection;
use crate::native::admin::{OffsetAt, View};

/// The offset a split starts at. `stored` is what its group has.
pub(super) fn start(
    c: &Connection,
    split: &Split,
    mode: &StartMode,
    stored: Option<i64>,
    group: &str,
) -> Result<Resolved> {
    let (first, end) = range(c, split)?;
    let offset = match mode {
        StartMode::Earliest => first,
        StartMode::Latest => end,
        StartMode::Timestamp(ms) => at_time(c, split, *ms)?.unwrap_or(end),
        StartMode::Offsets(all) => all.iter().find(|(p, _)| *p == split.partition).map_or(first, |(_, o)| *o),
        StartMode::GroupOffsets(fallback) => match (stored, fallback) {
            (Some(offset), _) => offset,
            (None, GroupFallback::Earliest) => first,
            (None, GroupFallback::Latest) => end,
            (None, GroupFallback::Fail) => {
                return Err(Error::user(format!("group '{group}' has no offset for {}", place(split)))
                    .help("start from earliest, latest or a timestamp, or set auto.offset.reset"));
            }
        },
    };
    if offset < first || offset > end {
        let asked = match mode {
            StartMode::GroupOffsets(_) => format!("the offset of group '{group}', {offset}"),
            _ => offset.to_string(),
        };
        return Err(Error::user(format!("{} has offsets {first} to {end}: cannot start at {asked}", place(split)))
            .help("start from earliest, latest or a timestamp (--from)"));
    }
    Ok(Resolved { position: at(offset), skipped: u64::try_from(offset - first).ok() })
}

/// The exclusive end of a bounded read. `Latest` is the end of the log, open transactions included:
/// what a writer has committed a moment ago may not count as committed everywhere yet, and would be
/// missed otherwise. Reading waits until those transactions are settled.
pub(super) fn end(c: &Connection, split: &Split, bound: &Bound, stored: Option<i64>) -> Result<Position> {
    let last = || c.offset(&split.topic, split.partition, OffsetAt::End, View::All);
    let offset = match bound {
        Bound::Latest => last()?,
        Bound::Timestamp(ms) => match at_time(c, split, *ms)? {
            Some(offset) => offset,
            None => last()?,
        },
        Bound::Offsets(all) => match all.iter().find(|(p, _)| *p == split.partition) {
            Some((_, offset)) => *offset,
            None => last()?,
        },
        Bound::GroupOffsets => match stored {
            Some(offset) => offset,
            None => c.offset(&split.topic, split.partition, OffsetAt::Start, View::All)?,
        },
    };
    Ok(at(offset))
}

/// What is missing between a stored offset and what the partition still has.
pub(super) fn lost(c: &Connection, topic: &str, partition: i32, offset: i64) -> Result<Option<LostRange>> {
    let (first, last) = c.range(topic, partition, View::All)?;
    if offset < first {
        let what = format!("offsets {offset} to {} have been removed, the oldest record is at {first}", first - 1);
        return Ok(Some(LostRange { what, records: u64::try_from(first - offset).ok(), resume: at(first) }));
    }
    if offset > last {
        let what = format!("it ends at offset {last}, and has been read up to {offset}: it has been cut off");
        return Ok(Some(LostRange { what, records: None, resume: at(last) }));
    }
    Ok(None)
}

fn range(c: &Connection, split: &Split) -> Result<(i64, i64)> {
    let view = match c.settings.isolation {
        crate::properties::Isolation::ReadCommitted => View::Committed,
        crate::properties::Isolation::ReadUncommitted => View::All,
    };
    c.range(&split.topic, split.partition, view)
}

fn at_time(c: &Connection, split: &Split, ms: i64) -> Result<Option<i64>> {
    let offset = c.offset(&split.topic, split.partition, OffsetAt::Time(ms), View::All)?;
    Ok((offset >= 0).then_some(offset))
}

fn place(split: &Split) -> String {
    format!("topic '{}' partition {}", split.topic, split.partition)
}
