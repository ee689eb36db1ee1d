//! Topics as a message source: a split a partition.
//!
//! - [`reader`]: reading one partition; nothing is ever reset.
//! - [`fetch`]: who fetches it; [`filling`]: what comes of it.
//! - [`starts`]: where a split starts and ends.
//! - [`watch`]: whether the topics are still the ones that were opened.
//! - [`group`]: consumer-group offsets, for people and for starting.
//!
//! Positions are offsets as text; a split's identity is the topic's id.

mod buffers;
mod fetch;
mod filling;
mod group;
mod reader;
mod starts;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use regex::Regex;
use tidegate_core::source::{LostRange, Resolved, Source, SplitReader};
use tidegate_core::split::{Bound, Position, Split, StartMode};
use tidegate_core::table::{BoundTable, ColumnKind, Resource, TableColumn};
use tidegate_core::{Error, Result};

pub(crate) use self::buffers::Buffers;
use self::fetch::Fetcher;
use self::group::Group;
use self::reader::{PartitionReader, Shared};
use self::watch::Watch;
use crate::client::{Connection, Settings};
use crate::descriptor::FETCH;
use crate::direct::Limits;
use crate::native::admin::Described;
use crate::sink::FENCE_PREFIX;

/// Which topics a source reads.
enum Topics {
    Named {
        names: Vec<String>,
        create: Option<Option<u32>>,
    },
    /// All whose whole name matches, now or later.
    Matching(Regex),
}

/// One or more topics, a split a partition.
pub struct KafkaSource {
    connection: Connection,
    topics: Topics,
    group: Option<Arc<Group>>,
    discovery: Option<Duration>,
    headers: bool,
    /// Whether fetching without librdkafka is allowed.
    direct: bool,
    watch: Arc<Watch>,
    fetcher: Mutex<Option<Fetcher>>,
    known: Mutex<BTreeMap<String, Described>>,
}

impl KafkaSource {
    /// Opens the topics of a table. `discovery`: how often new partitions are looked for.
    ///
    /// # Errors
    /// Properties or a pattern that cannot be used.
    pub fn open(table: &BoundTable, discovery: Option<Duration>) -> Result<KafkaSource> {
        let Resource::Log { topics, pattern } = &table.binding.resource else {
            return Err(Error::internal("a Kafka table that is not a log"));
        };
        let topics = match pattern {
            None => Topics::Named { names: topics.clone(), create: table.binding.create_topic },
            Some(pattern) => Topics::Matching(whole(pattern).map_err(|e| e.at(table.spec.span))?),
        };
        let is_headers = |c: &TableColumn| matches!(&c.kind, ColumnKind::Metadata { key, .. } if key == "headers");
        let headers = table.spec.columns.iter().any(is_headers);
        let direct = table.options.get(FETCH.name).is_none_or(|how| how == "direct");
        Ok(KafkaSource { headers, direct, ..Self::new(Settings::of(table)?, topics, discovery)? })
    }

    /// One topic, by the properties of a client, without a table.
    ///
    /// # Errors
    /// Properties that cannot be used.
    pub fn topic(settings: Settings, topic: &str) -> Result<KafkaSource> {
        Self::new(settings, Topics::Named { names: vec![topic.to_owned()], create: None }, None)
    }

    fn new(settings: Settings, topics: Topics, discovery: Option<Duration>) -> Result<KafkaSource> {
        let connection = Connection::new(settings)?;
        let settings = &connection.settings;
        let group = settings.group.clone().map(|name| Arc::new(Group::new(settings.clone(), name)));
        Ok(KafkaSource {
            watch: Watch::new(connection.clone()),
            connection,
            topics,
            group,
            discovery,
            headers: true,
            direct: true,
            fetcher: Mutex::default(),
            known: Mutex::default(),
        })
    }

    async fn describe(&self) -> Result<Vec<Described>> {
        let names = match &self.topics {
            Topics::Named { names, .. } => names.clone(),
            Topics::Matching(pattern) => {
                let all = self.connection.aside(Connection::topics).await?;
                let own = |n: &String| !n.starts_with("__") && !n.starts_with(FENCE_PREFIX);
                all.into_iter().filter(own).filter(|n| pattern.is_match(n)).collect()
            }
        };
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let asked = names.clone();
        let found = self.connection.aside(move |c| c.describe(&asked)).await?;
        let mut out = Vec::new();
        for (name, topic) in names.into_iter().zip(found) {
            let was_there = self.known.lock().contains_key(&name);
            match (topic, &self.topics) {
                (Some(topic), _) => out.push(topic),
                // Deleted since the topics were listed.
                (None, Topics::Matching(_)) => {}
                (None, Topics::Named { .. }) if was_there => return Err(lost(&name, "was deleted")),
                (None, Topics::Named { create: Some(partitions), .. }) => {
                    out.push(self.connection.create(&name, *partitions, &[]).await?);
                }
                (None, Topics::Named { create: None, .. }) => {
                    return self.connection.aside(move |c| Err(c.missing(&name))).await;
                }
            }
        }
        self.known.lock().extend(out.iter().map(|t| (t.name.clone(), t.clone())));
        Ok(out)
    }

    /// Who fetches, decided when the number of partitions that share its memory is known.
    fn fetcher(&self) -> Result<Fetcher> {
        let mut fetcher = self.fetcher.lock();
        if let Some(made) = &*fetcher {
            return Ok(made.clone());
        }
        let partitions = self.known.lock().values().map(|t| t.partitions as usize).sum();
        let settings = &self.connection.settings;
        let made = Fetcher {
            client: Arc::new(settings.reader(partitions)?),
            direct: Limits::of(settings, partitions).filter(|_| self.direct).map(Arc::new),
            buffers: Buffers::default(),
        };
        Ok(fetcher.insert(made).clone())
    }
}

/// A position that cannot be gone on from.
pub(crate) fn lost(topic: &str, what: &str) -> Error {
    Error::user(format!("topic '{topic}' {what}: the positions of this job no longer exist")).help(
        "restore the topic, or go on with what is there (--skip-lost), or start the job anew (--fresh-state) and say from where (--from)",
    )
}

/// What a topic is known by; clusters without topic ids have only names.
fn identity(topic: &Described) -> String {
    if topic.id.is_empty() { format!("name {}", topic.name) } else { topic.id.clone() }
}

fn offset_of(position: &Position) -> Result<i64> {
    position.0.parse().map_err(|_| Error::user(format!("'{position}' is not a Kafka offset")))
}

fn at(offset: i64) -> Position {
    Position(offset.to_string())
}

/// A pattern that must match the whole name, as Java's `matches` does.
fn whole(pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|e| Error::user(format!("topic pattern '{pattern}': {e}")))
}

#[async_trait]
impl Source for KafkaSource {
    async fn splits(&self) -> Result<Vec<Split>> {
        let mut out = Vec::new();
        for topic in self.describe().await? {
            for partition in 0..topic.partitions {
                out.push(Split {
                    id: format!("{}-{partition}", topic.name),
                    topic: topic.name.clone(),
                    partition: partition as i32,
                    identity: identity(&topic),
                });
            }
        }
        Ok(out)
    }

    async fn resolve(&self, split: &Split, mode: &StartMode) -> Result<Resolved> {
        let stored = match mode {
            StartMode::GroupOffsets(_) => self.group_offset(split).await?,
            _ => None,
        };
        let (split, mode, group) = (split.clone(), mode.clone(), self.connection.settings.group.clone());
        self.connection
            .aside(move |c| starts::start(c, &split, &mode, stored, group.as_deref().unwrap_or_default()))
            .await
    }

    async fn bound(&self, split: &Split, bound: &Bound) -> Result<Option<Position>> {
        let stored = match bound {
            Bound::GroupOffsets => self.group_offset(split).await?,
            _ => None,
        };
        let (split, bound) = (split.clone(), bound.clone());
        self.connection.aside(move |c| starts::end(c, &split, &bound, stored).map(Some)).await
    }

    async fn lost(&self, split: &Split, position: &Position) -> Result<Option<LostRange>> {
        let (split, offset) = (split.clone(), offset_of(position)?);
        self.connection.aside(move |c| starts::lost(c, &split.topic, split.partition, offset)).await
    }

    async fn open(&self, split: &Split, position: &Position, end: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let (offset, end) = (offset_of(position)?, end.map(offset_of).transpose()?);
        if let Some(gone) = self.lost(split, position).await? {
            return Err(lost(&split.topic, &format!("partition {}: {}", split.partition, gone.what)));
        }
        let (watch, watched) = (self.watch.clone(), split.clone());
        self.connection
            .aside(move |_| {
                watch.add(&watched.topic, &watched.identity);
                Ok(())
            })
            .await?;
        let shared = Shared { fetcher: self.fetcher()?, watch: self.watch.clone(), headers: self.headers };
        Ok(Box::new(PartitionReader::new(shared, split, offset, end)))
    }

    async fn applied(&self, positions: &[(Split, Position)]) -> Result<()> {
        let Some(group) = self.group.clone() else { return Ok(()) };
        let offsets = positions
            .iter()
            .map(|(split, position)| Ok((split.topic.clone(), split.partition, offset_of(position)?)))
            .collect::<Result<Vec<_>>>()?;
        self.connection.aside(move |c| group.tell(c, &offsets)).await
    }

    fn discovery_interval(&self) -> Option<Duration> {
        self.discovery
    }
}

impl KafkaSource {
    async fn group_offset(&self, split: &Split) -> Result<Option<i64>> {
        let Some(group) = self.group.clone() else {
            return Err(Error::user(format!("topic '{}': starting at group offsets needs a group id", split.topic))
                .help("add 'properties.group.id' (flink), group.id (blink) or groupId (uflink) to the table"));
        };
        let (topic, partition) = (split.topic.clone(), split.partition);
        self.connection.aside(move |c| group.offset(c, &topic, partition)).await
    }
}
