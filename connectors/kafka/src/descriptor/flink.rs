//! Flink's `kafka`.

use std::sync::LazyLock;

use async_trait::async_trait;
use serde::Deserialize;
use tidegate_core::format_options::{self, Formats, with_formats};
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::split::{Bound, GroupFallback, StartMode};
use tidegate_core::table::{Format, Partitioner, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use super::fence::{self, FENCE};
use super::fetch::FETCH;
use super::{metadata, offsets};
use crate::properties;

use OptionKind::{Boolean, Duration, Ignored, Integer, OneOf, Text};

/// Append-only log tables.
pub struct Flink;

const START: &[&str] = &["group-offsets", "earliest-offset", "latest-offset", "timestamp", "specific-offsets"];
const END: &[&str] = &["unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"];
const GUARANTEES: &[&str] = &["at-least-once", "exactly-once", "none"];

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

pub(super) const SERVERS: OptionSpec =
    opt("properties.bootstrap.servers", Text, "Brokers: 'host:9092,host:9092'.").required();
pub(super) const GROUP: OptionSpec =
    opt("properties.group.id", Text, "The consumer group that positions are shown in.");
pub(super) const PROPERTIES: OptionSpec =
    opt("properties.*", Text, "Any other property of a Kafka client, see docs/kafka-properties.md.");
pub(super) const GUARANTEE: OptionSpec =
    opt("sink.delivery-guarantee", OneOf(GUARANTEES), "exactly-once unless at-least-once (or none) is asked for.")
        .default("exactly-once")
        .aliases(&["sink.semantic"]);
pub(super) const TRANSACTION_PREFIX: OptionSpec =
    opt("sink.transactional-id-prefix", Text, "Before the names of the job's transactions.");
pub(super) const SCAN_PARALLELISM: OptionSpec = opt("scan.parallelism", Integer, "Most tasks that read.");
pub(super) const SINK_PARALLELISM: OptionSpec = opt("sink.parallelism", Integer, "Most tasks that write.");

const OWN: &[OptionSpec] = &[
    opt("topic", Text, "One topic, or several to read: 'a;b'."),
    opt("topic-pattern", Text, "A pattern of topics to read."),
    SERVERS,
    GROUP,
    PROPERTIES,
    opt("scan.startup.mode", OneOf(START), "Where reading starts.").default("group-offsets"),
    opt("scan.startup.specific-offsets", Text, "'partition:0,offset:42;partition:1,offset:300'"),
    opt("scan.startup.timestamp-millis", Integer, "Milliseconds since the epoch."),
    opt("scan.bounded.mode", OneOf(END), "Where reading ends.").default("unbounded"),
    opt("scan.bounded.specific-offsets", Text, "As for startup, exclusive."),
    opt("scan.bounded.timestamp-millis", Integer, "Milliseconds since the epoch."),
    opt("scan.topic-partition-discovery.interval", Duration, "How often new partitions are looked for.")
        .default("5 min"),
    opt("scan.check.duplicated.group.id", Boolean, "Warn of another reader with the same group.").default("false"),
    SCAN_PARALLELISM,
    opt("sink.partitioner", Text, "default, fixed or round-robin.").default("default"),
    GUARANTEE,
    TRANSACTION_PREFIX,
    FENCE,
    FETCH,
    opt("sink.transaction-naming-strategy", Ignored, "transactions are named by job, sink and lane"),
    SINK_PARALLELISM,
];

/// The options as a client needs them; durations in ms.
#[derive(Debug, Clone, Deserialize)]
pub struct FlinkOptions {
    /// Brokers.
    #[serde(rename = "properties.bootstrap.servers")]
    pub bootstrap_servers: String,
    /// Consumer group.
    #[serde(rename = "properties.group.id", default)]
    pub group_id: Option<String>,
    /// Partition discovery; 0: never.
    #[serde(rename = "scan.topic-partition-discovery.interval", default = "five_minutes")]
    pub discovery_interval_ms: i64,
    /// Before the names of transactions.
    #[serde(rename = "sink.transactional-id-prefix", default)]
    pub transactional_id_prefix: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(rename = "topic-pattern", default)]
    topic_pattern: Option<String>,
    #[serde(rename = "scan.startup.mode", default)]
    start: Option<String>,
    #[serde(rename = "scan.startup.specific-offsets", default)]
    start_offsets: Option<String>,
    #[serde(rename = "scan.startup.timestamp-millis", default)]
    start_timestamp: Option<i64>,
    #[serde(rename = "scan.bounded.mode", default)]
    end: Option<String>,
    #[serde(rename = "scan.bounded.specific-offsets", default)]
    end_offsets: Option<String>,
    #[serde(rename = "scan.bounded.timestamp-millis", default)]
    end_timestamp: Option<i64>,
    #[serde(rename = "sink.partitioner", default)]
    partitioner: Option<String>,
    #[serde(rename = "sink.parallelism", default)]
    pub(super) sink_parallelism: Option<u32>,
    #[serde(rename = "scan.parallelism", default)]
    pub(super) scan_parallelism: Option<u32>,
}

fn five_minutes() -> i64 {
    300_000
}

#[async_trait]
impl Connector for Flink {
    fn descriptor(&self) -> &Descriptor {
        static IT: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            names: &["kafka"],
            dialect: Dialect::Flink,
            options: with_formats(OWN),
            source: true,
            sink: true,
            lookup: false,
        });
        &IT
    }

    fn declare(&self, table: TableSpec) -> Result<TableSpec> {
        metadata::declare(table)
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: FlinkOptions = options.typed()?;
        let client = properties::read(table, options)?;
        let formats = format_options::parse(table, options)?
            .ok_or_else(|| Error::user("missing option 'format'").help("add 'format' = 'json'"))?;
        if !table.primary_key.is_empty() {
            return Err(Error::user(
                "a 'kafka' table has no PRIMARY KEY: rows with one key may stand in it many times",
            )
            .help("use 'connector' = 'upsert-kafka', or leave the key out"));
        }
        let mut binding = TableBinding::new(typed.resource()?);
        apply(&mut binding, formats);
        binding.start = Some(typed.start(offsets::group_fallback(&client, GroupFallback::Fail))?);
        binding.bound = typed.bound()?;
        binding.sink = SinkChanges::AppendOnly;
        binding.exactly_once = is_exactly_once(options);
        binding.partitioner = typed.partitioner()?;
        binding.parallelism = typed.sink_parallelism.or(typed.scan_parallelism);
        binding.notes = client.notes;
        fence::apply(&mut binding, options);
        Ok(binding)
    }
}

/// What `sink.delivery-guarantee` asks for; not asking is asking for the best.
pub(super) fn is_exactly_once(options: &CheckedOptions) -> bool {
    options.get(GUARANTEE.name).is_none_or(|g| g == "exactly-once")
}

/// Puts formats into a binding.
pub(super) fn apply(binding: &mut TableBinding, formats: Formats) {
    binding.value_format = Some(formats.value);
    binding.key_format = formats.key;
    binding.key_columns = formats.key_columns;
    binding.key_prefix = formats.key_prefix;
    binding.value_includes_key = formats.value_includes_key;
}

/// A raw column as it is.
pub(super) fn raw() -> Format {
    Format::Raw(tidegate_core::table::RawFormat::default())
}

impl FlinkOptions {
    fn resource(&self) -> Result<Resource> {
        match (&self.topic, &self.topic_pattern) {
            (Some(topic), None) => Ok(Resource::Log { topics: offsets::topics(topic, ';')?, pattern: None }),
            (None, Some(pattern)) => Ok(Resource::Log { topics: Vec::new(), pattern: Some(pattern.clone()) }),
            (Some(_), Some(_)) => Err(Error::user("both 'topic' and 'topic-pattern' are given").help("keep one")),
            (None, None) => {
                Err(Error::user("missing option 'topic'").help("add 'topic' = '…' or 'topic-pattern' = '…'"))
            }
        }
    }

    fn start(&self, fallback: GroupFallback) -> Result<StartMode> {
        Ok(match self.start.as_deref() {
            Some("earliest-offset") => StartMode::Earliest,
            Some("latest-offset") => StartMode::Latest,
            Some("timestamp") => StartMode::Timestamp(
                self.start_timestamp.ok_or_else(|| needs("scan.startup", "timestamp", "timestamp-millis"))?,
            ),
            Some("specific-offsets") => {
                let text = self.start_offsets.as_deref();
                let text = text.ok_or_else(|| needs("scan.startup", "specific-offsets", "specific-offsets"))?;
                StartMode::Offsets(offsets::flink_offsets("scan.startup.specific-offsets", text)?)
            }
            _ => StartMode::GroupOffsets(fallback),
        })
    }

    fn bound(&self) -> Result<Option<Bound>> {
        Ok(match self.end.as_deref() {
            Some("latest-offset") => Some(Bound::Latest),
            Some("group-offsets") => Some(Bound::GroupOffsets),
            Some("timestamp") => Some(Bound::Timestamp(
                self.end_timestamp.ok_or_else(|| needs("scan.bounded", "timestamp", "timestamp-millis"))?,
            )),
            Some("specific-offsets") => {
                let text = self.end_offsets.as_deref();
                let text = text.ok_or_else(|| needs("scan.bounded", "specific-offsets", "specific-offsets"))?;
                Some(Bound::Offsets(offsets::flink_offsets("scan.bounded.specific-offsets", text)?))
            }
            _ => None,
        })
    }

    fn partitioner(&self) -> Result<Partitioner> {
        match self.partitioner.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("default") => Ok(Partitioner::ByKey),
            Some("fixed") => Ok(Partitioner::Fixed),
            Some("round-robin") => Ok(Partitioner::RoundRobin),
            Some(_) => Err(Error::user("option 'sink.partitioner' names a Java class, which cannot run here")
                .help("use default, fixed or round-robin")),
        }
    }
}

fn needs(prefix: &str, mode: &str, option: &str) -> Error {
    Error::user(format!("'{prefix}.mode' = '{mode}' needs '{prefix}.{option}'"))
}
