//! Topics as a message source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use regex::Regex;
use tidegate_core::source::{Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, GroupFallback, Position, Split, StartMode};
use tidegate_core::{Error, Result};

use super::groups::Groups;
use super::topic::{Log, lost};

/// Which topics a source reads.
#[derive(Debug, Clone)]
pub enum LogTopics {
    /// These; one that is missing is made with this many partitions, so that readers may start
    /// before writers.
    Named(Vec<String>, u32),
    /// All whose whole name matches, now or later.
    Matching(Box<Regex>),
}

/// One or more topics of an embedded directory, a split a partition.
pub struct LogSource {
    root: PathBuf,
    topics: LogTopics,
    group: Option<String>,
    groups: Groups,
}

impl LogSource {
    /// A source over topics; `group` is whose offsets are read and told.
    pub fn new(root: &Path, topics: LogTopics, group: Option<String>) -> Self {
        LogSource { root: root.to_owned(), topics, group, groups: Groups::new(root) }
    }

    fn logs(&self) -> Result<Vec<Log>> {
        match &self.topics {
            LogTopics::Named(names, partitions) => {
                names.iter().map(|n| Log::open_or_create(&self.root, n, *partitions)).collect()
            }
            LogTopics::Matching(pattern) => {
                let names = Log::list(&self.root)?;
                names
                    .iter()
                    .filter(|n| pattern.is_match(n))
                    .filter_map(|n| Log::open(&self.root, n).transpose())
                    .collect()
            }
        }
    }

    fn log_of(&self, split: &Split) -> Result<(Log, u32)> {
        let log = Log::open(&self.root, &split.topic)?.ok_or_else(|| lost(&split.topic, "was deleted"))?;
        if log.id() != split.identity {
            return Err(lost(&split.topic, "was deleted and made again"));
        }
        Ok((log, u32::try_from(split.partition).map_err(|_| Error::internal("negative partition"))?))
    }

    fn group_offset(&self, log: &Log, partition: u32) -> Result<Option<i64>> {
        let Some(group) = &self.group else {
            return Err(Error::user(format!("topic '{}': starting at group offsets needs a group id", log.name()))
                .help("add 'properties.group.id' (flink) or the dialect's group option to the table"));
        };
        self.groups.offset(group, log, partition)
    }

    fn start(&self, log: &Log, partition: u32, mode: &StartMode) -> Result<i64> {
        let range = log.range(partition)?;
        let offset = match mode {
            StartMode::GroupOffsets(fallback) => match (self.group_offset(log, partition)?, fallback) {
                (Some(offset), _) => offset,
                (None, GroupFallback::Earliest) => range.first,
                (None, GroupFallback::Latest) => range.next,
                (None, GroupFallback::Fail) => {
                    let group = self.group.as_deref().unwrap_or_default();
                    return Err(Error::user(format!(
                        "group '{group}' has no offset for topic '{}' partition {partition}",
                        log.name()
                    ))
                    .help("start from earliest, latest or a timestamp, or set auto.offset.reset"));
                }
            },
            other => log.start_offset(partition, other)?,
        };
        if offset < range.first || offset > range.next {
            return Err(Error::user(format!(
                "topic '{}' partition {partition} has offsets {}..{}: cannot start at {offset}",
                log.name(),
                range.first,
                range.next
            )));
        }
        Ok(offset)
    }
}

fn offset_of(position: &Position) -> Result<i64> {
    position.0.parse().map_err(|_| Error::user(format!("'{position}' is not a log position")))
}

#[async_trait]
impl Source for LogSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        let mut out = Vec::new();
        for log in self.logs()? {
            for partition in 0..log.partitions() {
                out.push(Split {
                    id: format!("{}-{partition}", log.name()),
                    topic: log.name().to_owned(),
                    partition: partition as i32,
                    identity: log.id().to_owned(),
                });
            }
        }
        Ok(out)
    }

    async fn resolve(&self, split: &Split, mode: &StartMode) -> Result<Resolved> {
        let (log, partition) = self.log_of(split)?;
        let offset = self.start(&log, partition, mode)?;
        let skipped = (offset - log.range(partition)?.first).max(0) as u64;
        Ok(Resolved { position: Position(offset.to_string()), skipped: Some(skipped) })
    }

    async fn bound(&self, split: &Split, bound: &Bound) -> Result<Option<Position>> {
        let (log, partition) = self.log_of(split)?;
        let range = log.range(partition)?;
        let offset = match bound {
            Bound::Latest => range.next,
            Bound::Timestamp(t) => log.offset_at(partition, *t)?,
            Bound::Offsets(all) => all.iter().find(|(p, _)| *p == split.partition).map_or(range.next, |(_, o)| *o),
            Bound::GroupOffsets => self.group_offset(&log, partition)?.unwrap_or(range.first),
        };
        Ok(Some(Position(offset.to_string())))
    }

    async fn open(&self, split: &Split, at: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let (log, partition) = self.log_of(split)?;
        let end = end.map(offset_of).transpose()?;
        Ok(Box::new(log.reader(partition, offset_of(at)?, end)?))
    }

    async fn applied(&self, positions: &[(Split, Position)]) -> Result<()> {
        let Some(group) = &self.group else { return Ok(()) };
        let mut by_topic: BTreeMap<&str, (Log, Vec<(u32, i64)>)> = BTreeMap::new();
        for (split, position) in positions {
            let (log, partition) = self.log_of(split)?;
            by_topic.entry(&split.topic).or_insert_with(|| (log, Vec::new())).1.push((partition, offset_of(position)?));
        }
        for (log, offsets) in by_topic.into_values() {
            self.groups.commit(group, &log, &offsets)?;
        }
        Ok(())
    }

    fn discovery_interval(&self) -> Option<Duration> {
        matches!(self.topics, LogTopics::Matching(_)).then_some(Duration::from_secs(5))
    }
}
