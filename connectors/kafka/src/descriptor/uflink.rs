//! UFlink's and DTStack's `kafka09` … `kafka11`: JSON objects with plain columns.
//!
//! Differences from DTStack: the written key is a JSON object of `partitionKeys` (DTStack joins the
//! values), and the partition is chosen by murmur2 of it, as Kafka's own client does.

use async_trait::async_trait;
use serde::Deserialize;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::split::{Bound, StartMode};
use tidegate_core::table::{CsvFormat, Format, JsonFormat, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{Dialect, Error, Result};

use super::fence::{self, FENCE};
use super::fetch::FETCH;
use super::offsets;
use crate::properties;

use OptionKind::{Boolean, Ignored, Integer, OneOf, Text};

/// Log tables of JSON or CSV.
pub struct UFlink;

const fn opt(name: &'static str, kind: OptionKind, doc: &'static str) -> OptionSpec {
    OptionSpec::new(name, kind, doc)
}

const OWN: &[OptionSpec] = &[
    opt("bootstrapServers", Text, "Brokers.").required(),
    opt("topic", Text, "The topics: 'a,b'.").required(),
    opt("groupId", Text, "The consumer group.").default("a random one"),
    opt("topicIsPattern", Boolean, "The topic is a pattern.").default("false"),
    opt("offsetReset", Text, "Where reading starts: latest, earliest, timestamp or '{\"0\":12}'.").default("latest"),
    opt("timestampOffset", Integer, "For offsetReset = 'timestamp': milliseconds since the epoch."),
    opt("offsetEnd", Text, "Where reading ends: '{\"0\":12}', exclusive."),
    opt("sourceDataType", OneOf(&["dt_nest", "json", "csv", "avro"]), "How values are encoded.").default("dt_nest"),
    opt("sinkDataType", OneOf(&["json", "csv", "avro"]), "How values are encoded.").default("json"),
    opt("schemaInfo", Ignored, "avro is not supported"),
    opt("fieldDelimiter", Text, "Between csv fields.").default("| for sources, ',' for sinks"),
    opt("charsetName", OneOf(&["UTF-8", "UTF8"]), "The encoding of text.").default("UTF-8"),
    opt("timezone", Text, "The zone of times in this table.").default("Asia/Shanghai"),
    opt("parallelism", Integer, "Most tasks.").default("1"),
    opt("partitionKeys", Text, "The columns of the written key: 'a,b'."),
    opt("enableKeyPartitions", Boolean, "Accepted; partitionKeys says it.").default("false"),
    opt("updateMode", OneOf(&["append", "upsert"]), "append: newest values; upsert: every change with a retract flag.")
        .default("append"),
    opt("zookeeperQuorum", Ignored, "brokers are found by bootstrapServers"),
    FENCE,
    FETCH,
    opt("kafka.*", Text, "Any property of a Kafka client, see docs/kafka-properties.md."),
];

/// The options as a client needs them.
#[derive(Debug, Clone, Deserialize)]
pub struct UFlinkOptions {
    /// Brokers.
    #[serde(rename = "bootstrapServers")]
    pub bootstrap_servers: String,
    /// Consumer group.
    #[serde(rename = "groupId", default)]
    pub group_id: Option<String>,
    topic: String,
    #[serde(rename = "topicIsPattern", default)]
    topic_is_pattern: bool,
    #[serde(rename = "offsetReset", default)]
    offset_reset: Option<String>,
    #[serde(rename = "timestampOffset", default)]
    timestamp_offset: Option<i64>,
    #[serde(rename = "offsetEnd", default)]
    offset_end: Option<String>,
    #[serde(rename = "sourceDataType", default)]
    source_data_type: Option<String>,
    #[serde(rename = "sinkDataType", default)]
    sink_data_type: Option<String>,
    #[serde(rename = "fieldDelimiter", default)]
    field_delimiter: Option<String>,
    #[serde(default)]
    timezone: Option<String>,
    #[serde(default)]
    parallelism: Option<u32>,
    #[serde(rename = "partitionKeys", default)]
    partition_keys: Option<String>,
    #[serde(rename = "updateMode", default)]
    update_mode: Option<String>,
}

#[async_trait]
impl Connector for UFlink {
    fn descriptor(&self) -> &Descriptor {
        const IT: &Descriptor = &Descriptor {
            names: &["kafka", "kafka08", "kafka09", "kafka10", "kafka11"],
            dialect: Dialect::UFlink,
            options: OWN,
            source: true,
            sink: true,
            lookup: false,
        };
        IT
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let typed: UFlinkOptions = options.typed()?;
        let client = properties::read(table, options)?;
        let mut binding = TableBinding::new(typed.resource()?);
        binding.value_format = Some(typed.format()?);
        binding.start = Some(typed.start()?);
        binding.bound = typed.bound()?;
        binding.key_columns = typed.key_columns(table)?;
        if !binding.key_columns.is_empty() {
            if !matches!(binding.value_format, Some(Format::Json(_))) {
                return Err(Error::user("'partitionKeys' needs sinkDataType = 'json'"));
            }
            binding.key_format = Some(Format::Json(JsonFormat::default()));
        }
        binding.sink = match typed.update_mode.as_deref() {
            Some("upsert") => SinkChanges::RetractFlag,
            _ => SinkChanges::NewestValues,
        };
        binding.time_zone.clone_from(&typed.timezone);
        binding.parallelism = typed.parallelism;
        binding.notes = client.notes;
        fence::apply(&mut binding, options);
        if client.offset_reset.is_some() {
            binding
                .notes
                .push("option 'kafka.auto.offset.reset' has no effect: offsetReset says where reading starts".into());
        }
        Ok(binding)
    }
}

impl UFlinkOptions {
    fn resource(&self) -> Result<Resource> {
        if self.topic_is_pattern {
            return Ok(Resource::Log { topics: Vec::new(), pattern: Some(self.topic.clone()) });
        }
        Ok(Resource::Log { topics: offsets::topics(&self.topic, ',')?, pattern: None })
    }

    fn format(&self) -> Result<Format> {
        let name = match (self.source_data_type.as_deref(), self.sink_data_type.as_deref()) {
            (Some("dt_nest"), None) => "json",
            (Some(a), Some(b)) if a != b => {
                return Err(Error::user(format!("sourceDataType = '{a}' and sinkDataType = '{b}'"))
                    .help("declare one table to read and one to write"));
            }
            (a, b) => a.or(b).unwrap_or("json"),
        };
        match name {
            "avro" => Err(Error::user("avro is not supported here").help("use json or csv")),
            "csv" => {
                let default = if self.sink_data_type.is_some() { "," } else { "|" };
                let text = self.field_delimiter.as_deref().unwrap_or(default);
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(delimiter), None) => Ok(Format::Csv(CsvFormat { delimiter, ..CsvFormat::default() })),
                    _ => Err(Error::user(format!("option 'fieldDelimiter': '{text}' is not one character"))),
                }
            }
            _ => Ok(Format::Json(JsonFormat::default())),
        }
    }

    fn start(&self) -> Result<StartMode> {
        match self.offset_reset.as_deref().map(str::trim) {
            None => Ok(StartMode::Latest),
            Some(t) if t.eq_ignore_ascii_case("latest") => Ok(StartMode::Latest),
            Some(t) if t.eq_ignore_ascii_case("earliest") => Ok(StartMode::Earliest),
            Some(t) if t.eq_ignore_ascii_case("timestamp") => self
                .timestamp_offset
                .map(StartMode::Timestamp)
                .ok_or_else(|| Error::user("offsetReset = 'timestamp' needs timestampOffset")),
            Some(t) if t.starts_with('{') => offsets::json_offsets("offsetReset", t).map(StartMode::Offsets),
            Some(t) => Err(Error::user(format!("option 'offsetReset': '{t}' is not a start"))
                .help("use latest, earliest, timestamp or '{\"0\":12,\"1\":32}'")),
        }
    }

    fn bound(&self) -> Result<Option<Bound>> {
        let Some(text) = &self.offset_end else { return Ok(None) };
        offsets::json_offsets("offsetEnd", text).map(|o| Some(Bound::Offsets(o)))
    }

    fn key_columns(&self, table: &TableSpec) -> Result<Vec<String>> {
        let names = self.partition_keys.as_deref().unwrap_or("").split(',').map(str::trim).filter(|n| !n.is_empty());
        let find = |name: &str| {
            let found = table.physical().find(|c| c.name.eq_ignore_ascii_case(name)).map(|c| c.name.clone());
            found.ok_or_else(|| {
                let error = Error::user(format!("'partitionKeys' names '{name}', which is not a column of the table"));
                match nearest(name, table.physical().map(|c| c.name.as_str())) {
                    Some(n) => error.help(format!("did you mean '{n}'?")),
                    None => error,
                }
            })
        };
        names.map(find).collect()
    }
}
