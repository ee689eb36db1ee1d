//! Blink's `kafka08` … `kafka011`. A source has the columns `messageKey`, `message`, `topic`,
//! `partition`, `offset`, in any case; a sink `messageKey` and `message`. Key and value are bytes as
//! they are; everything else is computed from them.

use async_trait::async_trait;
use serde::Deserialize;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::split::{GroupFallback, StartMode};
use tidegate_core::table::{ColumnKind, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use super::fence::{self, FENCE};
use super::fetch::FETCH;
use super::flink::raw;
use super::offsets;
use crate::properties;

use OptionKind::{Ignored, Integer, OneOf, Text};

/// Log tables of bytes.
pub struct Blink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("topic", Text, "The topic."),
    opt("topicPattern", Text, "A pattern of topics to read: 't1|t2'."),
    opt("group.id", Text, "The consumer group."),
    opt("bootstrap.servers", Text, "Brokers."),
    opt("zookeeper.connect", Ignored, "brokers are found by bootstrap.servers"),
    opt("startupMode", OneOf(&["GROUP_OFFSETS", "EARLIEST", "LATEST", "TIMESTAMP"]), "Where reading starts.")
        .default("GROUP_OFFSETS; a group without offsets starts at the end, or as auto.offset.reset says"),
    opt("startTimeMs", Integer, "For TIMESTAMP: milliseconds since the epoch."),
    opt("startTime", Text, "For TIMESTAMP: 'yyyy-MM-dd HH:mm:ss' in the table's timeZone."),
    opt("partitionDiscoveryIntervalMS", Integer, "How often new partitions are looked for.").default("60000"),
    opt("extraConfig", Text, "More properties of the Kafka client: 'k=v;k2=v2'."),
    opt("timeZone", Text, "The zone of times in this table.").default("Asia/Shanghai"),
    opt("parallelism", Integer, "Most tasks."),
    opt("commitIntervalMs", Ignored, "positions are told to the group after each epoch"),
    FENCE,
    FETCH,
    // Last: it takes every other name. `properties` knows them, and the nearest to an unknown one.
    opt("*", Text, "Any property of the Kafka client, by its own name."),
];

/// The names that are options of the table itself.
pub(crate) fn own_options() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|o| o.name).filter(|n| !n.ends_with('*'))
}

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct BlinkOptions {
    /// Brokers; kafka08 named only ZooKeeper.
    #[serde(rename = "bootstrap.servers", default)]
    pub bootstrap_servers: Option<String>,
    /// Consumer group.
    #[serde(rename = "group.id", default)]
    pub group_id: Option<String>,
    /// Partition discovery in ms.
    #[serde(rename = "partitionDiscoveryIntervalMS", default = "one_minute")]
    pub discovery_interval_ms: i64,
    /// More client properties: `k=v;k2=v2`.
    #[serde(rename = "extraConfig", default)]
    pub extra_config: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(rename = "topicPattern", default)]
    topic_pattern: Option<String>,
    #[serde(rename = "startupMode", default)]
    startup_mode: Option<String>,
    #[serde(rename = "startTimeMs", default)]
    start_time_ms: Option<i64>,
    #[serde(rename = "startTime", default)]
    start_time: Option<String>,
    #[serde(rename = "timeZone", default)]
    time_zone: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
}

fn one_minute() -> i64 {
    60_000
}

/// Fixed columns: name, metadata key (`None`: in the message).
const FIXED: &[(&str, Option<&str>)] = &[
    ("messageKey", None),
    ("message", None),
    ("topic", Some("topic")),
    ("partition", Some("partition")),
    ("offset", Some("offset")),
    ("timestamp", Some("timestamp")),
];

#[async_trait]
impl Connector for Blink {
    fn descriptor(&self) -> &Descriptor {
        const IT: &Descriptor = &Descriptor {
            names: &["kafka", "kafka08", "kafka09", "kafka010", "kafka011"],
            dialect: Dialect::Blink,
            // The formats are fixed, so there are no options for them.
            options: OWN,
            source: true,
            sink: true,
            lookup: false,
        };
        IT
    }

    fn declare(&self, mut table: TableSpec) -> Result<TableSpec> {
        for column in table.columns.iter_mut().filter(|c| c.kind == ColumnKind::Physical) {
            let name = &column.column.name;
            match FIXED.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
                Some((_, Some(key))) => {
                    column.kind = ColumnKind::Metadata { key: (*key).to_owned(), read_only: true };
                }
                Some((_, None)) if column.column.data_type.ty.is_bytes() || column.column.data_type.ty.is_text() => {}
                Some((_, None)) => {
                    return Err(Error::user(format!(
                        "column '{name}' must be VARBINARY, not {}",
                        column.column.data_type.ty
                    ))
                    .at(column.span));
                }
                None => return Err(unknown_column(name).at(column.span)),
            }
        }
        Ok(table)
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: BlinkOptions = options.typed()?;
        let client = properties::read(table, options)?;
        let physical =
            |fixed: &str| table.physical().find(|c| c.name.eq_ignore_ascii_case(fixed)).map(|c| c.name.clone());
        let key = physical("messageKey");
        let mut binding = TableBinding::new(typed.resource()?);
        if physical("message").is_none() {
            return Err(Error::user("a Kafka table needs the column 'message VARBINARY'"));
        }
        binding.value_format = Some(raw());
        binding.value_includes_key = false;
        if let Some(key) = key {
            binding.key_format = Some(raw());
            binding.key_columns = vec![key];
        }
        binding.start = Some(typed.start(offsets::group_fallback(&client, GroupFallback::Latest))?);
        binding.sink = SinkChanges::NewestValues;
        binding.time_zone.clone_from(&typed.time_zone);
        binding.parallelism = typed.parallelism;
        binding.notes = client.notes;
        fence::apply(&mut binding, options);
        Ok(binding)
    }
}

fn unknown_column(name: &str) -> Error {
    let error = Error::user(format!("a Kafka table of this dialect has no column '{name}'"));
    match nearest(name, FIXED.iter().map(|(n, _)| *n)) {
        Some(n) => error.help(format!("did you mean '{n}'?")),
        None => error.help(format!(
            "its columns are messageKey, message, topic, partition and offset; compute others: {name} AS JSON_VALUE(message, '$.{name}')"
        )),
    }
}

impl BlinkOptions {
    fn resource(&self) -> Result<Resource> {
        match (&self.topic, &self.topic_pattern) {
            (Some(topic), None) => Ok(Resource::Log { topics: offsets::topics(topic, ',')?, pattern: None }),
            (None, Some(pattern)) => Ok(Resource::Log { topics: Vec::new(), pattern: Some(pattern.clone()) }),
            (Some(_), Some(_)) => Err(Error::user("both 'topic' and 'topicPattern' are given").help("keep one")),
            (None, None) => Err(Error::user("missing option 'topic'").help("add topic = '…'")),
        }
    }

    fn start(&self, fallback: GroupFallback) -> Result<StartMode> {
        let zone = self.time_zone.as_deref().unwrap_or("Asia/Shanghai");
        Ok(match self.startup_mode.as_deref() {
            Some("EARLIEST") => StartMode::Earliest,
            Some("LATEST") => StartMode::Latest,
            Some("TIMESTAMP") => match (self.start_time_ms, &self.start_time) {
                (Some(ms), _) => StartMode::Timestamp(ms),
                (None, Some(text)) => StartMode::Timestamp(offsets::local_time("startTime", text, zone)?),
                (None, None) => {
                    return Err(Error::user("startupMode = 'TIMESTAMP' needs startTimeMs or startTime"));
                }
            },
            _ => StartMode::GroupOffsets(fallback),
        })
    }
}
