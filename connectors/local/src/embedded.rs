//! `--embedded DIR`: every table of a job as a log or a table on disk, by its kind and not by its
//! connector.
//!
//! A topic or table that is missing is made by whoever declares it first, reader or writer, so that
//! the order in which jobs start does not matter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use regex::Regex;
use tidegate_core::lookup::LookupSource;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::sink::OpenSink;
use tidegate_core::source::Source;
use tidegate_core::table::{BoundTable, Resource};
use tidegate_core::{Error, Result};

use crate::log::{DEFAULT_PARTITIONS, Log, LogSink, LogSource, LogTopics};
use crate::table::{TableLookup, TableSink, TableSource};

/// Opens tables below a directory; those of connectors that are local anyway through the registry.
#[derive(Clone)]
pub struct Embedded {
    dir: PathBuf,
    registry: Registry,
    partitions: u32,
    /// Topics are the connector's own: only tables are here.
    tables_only: bool,
}

impl Embedded {
    /// The embedded default in this directory, which is made where it is missing. New topics get
    /// two partitions, or as many as `TIDEGATE_EMBEDDED_PARTITIONS` says.
    pub fn new(dir: impl Into<PathBuf>, registry: Registry) -> Self {
        let asked = std::env::var("TIDEGATE_EMBEDDED_PARTITIONS").ok().and_then(|n| n.parse().ok());
        Embedded {
            dir: dir.into(),
            registry,
            partitions: asked.filter(|n| *n > 0).unwrap_or(DEFAULT_PARTITIONS),
            tables_only: false,
        }
    }

    /// Only tables are files in this directory; topics are where their connectors say.
    pub fn tables_only(dir: impl Into<PathBuf>, registry: Registry) -> Self {
        Embedded { tables_only: true, ..Self::new(dir, registry) }
    }

    /// Partitions of topics that are made from now on.
    #[must_use]
    pub fn with_partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// CREATE TABLE statements (flink dialect) for every table and topic of an embedded directory, to
    /// query them without a job. A topic has the columns `message_key`, `message`, `partition`,
    /// `offset` and `timestamp`; one that is named like a table is called `<name>_topic`.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn declare_all(dir: &Path) -> Result<String> {
        crate::declarations::declare_all(dir)
    }

    /// Opens a topic, made where it is missing.
    ///
    /// # Errors
    /// Where its files cannot be used.
    pub fn log(&self, topic: &str) -> Result<Log> {
        Log::open_or_create(&self.dir, topic, self.partitions)
    }
}

/// The consumer group of a declaration, in any dialect's spelling.
fn group_of(table: &BoundTable) -> Option<String> {
    ["properties.group.id", "group.id", "groupId", "groupid", "group"]
        .iter()
        .find_map(|name| table.options.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)))
        .map(|(_, v)| v.clone())
}

#[async_trait]
impl Opener for Embedded {
    async fn source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        match &table.binding.resource {
            Resource::Log { .. } if self.tables_only => self.registry.source(table).await,
            Resource::Log { topics, pattern } => {
                let topics = match pattern {
                    None => LogTopics::Named(topics.clone(), self.partitions),
                    Some(p) => LogTopics::Matching(Box::new(whole(p).map_err(|e| e.at(table.spec.span))?)),
                };
                Ok(Arc::new(LogSource::new(&self.dir, topics, group_of(table))))
            }
            Resource::Table { name } => Ok(Arc::new(TableSource::declare(&self.dir, name, table)?)),
            Resource::Own => self.registry.source(table).await,
        }
    }

    async fn sink(&self, table: &BoundTable) -> Result<OpenSink> {
        match &table.binding.resource {
            Resource::Log { .. } if self.tables_only => self.registry.sink(table).await,
            Resource::Log { topics, pattern: None } if topics.len() == 1 => {
                Ok(LogSink::new(self.log(&topics[0])?).into_open())
            }
            Resource::Log { .. } => {
                Err(Error::user(format!("table '{}' is written to: it must name exactly one topic", table.spec.name))
                    .at(table.spec.span))
            }
            Resource::Table { name } => Ok(TableSink::declare(&self.dir, name, table)?.into_open()),
            Resource::Own => self.registry.sink(table).await,
        }
    }

    async fn lookup(&self, table: &BoundTable, keys: &[String]) -> Result<Arc<dyn LookupSource>> {
        match &table.binding.resource {
            Resource::Table { name } => Ok(Arc::new(TableLookup::declare(&self.dir, name, table, keys)?)),
            Resource::Log { .. } => {
                Err(Error::user(format!("table '{}' is a topic and cannot be looked up by key", table.spec.name))
                    .help("look up in a table (jdbc, hbase), or join the streams"))
            }
            Resource::Own => self.registry.lookup(table, keys).await,
        }
    }
}

/// A pattern that must match the whole name, as Java's `matches` does.
fn whole(pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|e| Error::user(format!("topic pattern '{pattern}': {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Record;
    use crate::table::bound_for_tests;
    use tidegate_core::split::{GroupFallback, Position, StartMode};
    use tidegate_core::{Column, SqlType};

    fn topic(topics: &[&str], pattern: Option<&str>) -> BoundTable {
        let mut table = bound_for_tests("kafka", &[Column::new("m", SqlType::STRING.nullable())], &[]);
        let topics = topics.iter().map(|t| (*t).to_owned()).collect();
        table.binding.resource = Resource::Log { topics, pattern: pattern.map(str::to_owned) };
        table
    }

    #[tokio::test]
    async fn readers_and_writers_may_come_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let embedded = Embedded::new(dir.path(), Registry::new()).with_partitions(3);
        let table = topic(&["events"], None);
        assert_eq!(embedded.source(&table).await.unwrap().splits().await.unwrap().len(), 3);
        embedded.sink(&table).await.unwrap();
        assert_eq!(embedded.log("events").unwrap().partitions(), 3);
        let mut dimension = bound_for_tests("jdbc", &[Column::new("id", SqlType::BigInt.nullable())], &["id"]);
        dimension.binding.resource = Resource::Table { name: "users".into() };
        let rows = embedded.lookup(&dimension, &["id".to_owned()]).await.unwrap().scan().await.unwrap();
        assert!(rows.is_empty());
        embedded.sink(&dimension).await.unwrap();
        assert!(embedded.lookup(&table, &[]).await.is_err());
    }

    #[tokio::test]
    async fn a_sink_needs_one_topic_and_a_pattern_must_be_one() {
        let dir = tempfile::tempdir().unwrap();
        let embedded = Embedded::new(dir.path(), Registry::new());
        for table in [topic(&["a", "b"], None), topic(&[], Some("a.*"))] {
            let e = embedded.sink(&table).await.err().unwrap().to_string();
            assert!(e.contains("exactly one topic"), "{e}");
        }
        assert!(embedded.source(&topic(&[], Some("(a"))).await.is_err());
        embedded.log("prefix_a").unwrap();
        embedded.log("a1").unwrap();
        let source = embedded.source(&topic(&[], Some("a.*"))).await.unwrap();
        assert!(source.splits().await.unwrap().iter().all(|s| s.topic == "a1"));
    }

    #[tokio::test]
    async fn groups_are_found_in_every_dialects_options() {
        let dir = tempfile::tempdir().unwrap();
        let embedded = Embedded::new(dir.path(), Registry::new()).with_partitions(1);
        let log = embedded.log("t").unwrap();
        log.produce((0..9).map(|_| Record::default())).unwrap();
        for (n, option) in ["properties.group.id", "group.id", "groupId"].into_iter().enumerate() {
            let mut table = topic(&["t"], None);
            table.options.insert(option.to_owned(), "team".to_owned());
            let source = embedded.source(&table).await.unwrap();
            let split = source.splits().await.unwrap().remove(0);
            source.applied(&[(split.clone(), Position(n.to_string()))]).await.unwrap();
            let start = source.resolve(&split, &StartMode::GroupOffsets(GroupFallback::Fail)).await.unwrap();
            assert_eq!(start.position, Position(n.to_string()), "{option}");
        }
    }
}
