//! What declarations of each dialect mean.

use tidegate_core::registry::Registry;
use tidegate_core::split::{Bound, GroupFallback, StartMode};
use tidegate_core::table::{
    BoundTable, CsvFormat, Format, Partitioner, Resource, SinkChanges, TableBinding, TableSpec,
};
use tidegate_core::{Dialect, Result, SqlType};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn bind_table(
    dialect: Dialect,
    connector: &str,
    columns: &[(&str, SqlType)],
    key: &[&str],
    options: Pairs<'_>,
) -> Result<BoundTable> {
    let spec =
        TableSpec::new("t", dialect, columns.iter().cloned()).with_key(key).with_options(options.iter().copied());
    Registry::new().with(crate::connectors()).bind(connector, spec)
}

fn flink(more: Pairs<'_>) -> Result<TableBinding> {
    let base = [("topic", "t"), ("properties.bootstrap.servers", "k:1"), ("format", "json")];
    let options = [&base, more].concat();
    bind_table(Dialect::Flink, "kafka", &[("a", SqlType::Int)], &[], &options).map(|b| b.binding)
}

#[test]
fn flink_start_modes() {
    let start = |more: Pairs<'_>| flink(more).map(|b| b.start);
    let mode = |m: &'static str| ("scan.startup.mode", m);
    assert_eq!(start(&[]).unwrap(), Some(StartMode::GroupOffsets(GroupFallback::Fail)));
    assert_eq!(start(&[mode("EARLIEST-OFFSET")]).unwrap(), Some(StartMode::Earliest));
    assert_eq!(start(&[mode("latest-offset")]).unwrap(), Some(StartMode::Latest));
    let earliest = [mode("group-offsets"), ("properties.auto.offset.reset", "earliest")];
    assert_eq!(start(&earliest).unwrap(), Some(StartMode::GroupOffsets(GroupFallback::Earliest)));
    let timestamp = [mode("timestamp"), ("scan.startup.timestamp-millis", "1600000000000")];
    assert_eq!(start(&timestamp).unwrap(), Some(StartMode::Timestamp(1_600_000_000_000)));
    let offsets =
        [mode("specific-offsets"), ("scan.startup.specific-offsets", "partition:0,offset:42;partition:1,offset:300")];
    assert_eq!(start(&offsets).unwrap(), Some(StartMode::Offsets(vec![(0, 42), (1, 300)])));
    assert!(start(&[mode("specific-offsets")]).is_err());
    assert!(start(&[mode("specific-offsets"), ("scan.startup.specific-offsets", "0:42")]).is_err());
}

#[test]
fn flink_bounds_and_partitioners() {
    let bound = |more: Pairs<'_>| flink(more).map(|b| b.bound);
    let mode = |m: &'static str| ("scan.bounded.mode", m);
    assert_eq!(bound(&[]).unwrap(), None);
    assert_eq!(bound(&[mode("unbounded")]).unwrap(), None);
    assert_eq!(bound(&[mode("group-offsets")]).unwrap(), Some(Bound::GroupOffsets));
    let timestamp = [mode("timestamp"), ("scan.bounded.timestamp-millis", "5")];
    assert_eq!(bound(&timestamp).unwrap(), Some(Bound::Timestamp(5)));
    let offsets = [mode("specific-offsets"), ("scan.bounded.specific-offsets", "partition:0,offset:9")];
    assert_eq!(bound(&offsets).unwrap(), Some(Bound::Offsets(vec![(0, 9)])));
    assert!(bound(&[mode("timestamp")]).is_err());
    let partitioner = |p: &'static str| flink(&[("sink.partitioner", p)]).map(|b| b.partitioner);
    assert_eq!(partitioner("default").unwrap(), Partitioner::ByKey);
    assert_eq!(partitioner("fixed").unwrap(), Partitioner::Fixed);
    assert_eq!(partitioner("round-robin").unwrap(), Partitioner::RoundRobin);
    assert!(partitioner("org.example.Mine").is_err());
}

#[test]
fn flink_topics() {
    let base = [("properties.bootstrap.servers", "k:1"), ("format", "json")];
    let resource = |more: Pairs<'_>| {
        let options = [&base, more].concat();
        bind_table(Dialect::Flink, "kafka", &[("a", SqlType::Int)], &[], &options).map(|b| b.binding.resource)
    };
    let several = Resource::Log { topics: vec!["a".into(), "b".into()], pattern: None };
    assert_eq!(resource(&[("topic", "a; b")]).unwrap(), several);
    let pattern = Resource::Log { topics: vec![], pattern: Some("a.*".into()) };
    assert_eq!(resource(&[("topic-pattern", "a.*")]).unwrap(), pattern);
    assert!(resource(&[]).is_err());
    assert!(resource(&[("topic", "a"), ("topic-pattern", "a.*")]).is_err());
    assert!(resource(&[("topic", "a b")]).is_err());
    assert!(resource(&[("topic", " ")]).is_err());
}

#[test]
fn upsert_keys() {
    let base = [("topic", "t"), ("properties.bootstrap.servers", "k:1"), ("value.format", "json")];
    let bind = |key: &[&str], more: Pairs<'_>| {
        let columns = [("k_id", SqlType::Int), ("k_b", SqlType::Int), ("v", SqlType::STRING)];
        bind_table(Dialect::Flink, "upsert-kafka", &columns, key, &[&base, more].concat()).map(|b| b.binding)
    };
    let binding = bind(&["k_id"], &[("key.format", "raw")]).unwrap();
    assert_eq!((binding.key_columns, binding.value_includes_key), (vec!["k_id".to_owned()], true));
    let prefixed =
        bind(&["k_id"], &[("key.format", "json"), ("key.fields-prefix", "k_"), ("value.fields-include", "EXCEPT_KEY")]);
    assert_eq!(prefixed.unwrap().key_prefix, "k_");
    assert!(bind(&["k_id", "k_b"], &[("key.format", "raw")]).is_err(), "raw holds one column");
    assert!(bind(&["k_id"], &[]).is_err(), "no key.format");
    assert!(bind(&["k_id"], &[("key.format", "json"), ("key.fields", "k_id")]).is_err());
    assert!(
        bind(&["v"], &[("key.format", "json"), ("key.fields-prefix", "k_"), ("value.fields-include", "EXCEPT_KEY")])
            .is_err()
    );
}

fn blink(columns: &[(&str, SqlType)], more: Pairs<'_>) -> Result<BoundTable> {
    let base = [("topic", "t"), ("bootstrap.servers", "k:1")];
    bind_table(Dialect::Blink, "kafka011", columns, &[], &[&base, more].concat())
}

#[test]
fn blink_columns_and_starts() {
    let fixed = [
        ("MESSAGEKEY", SqlType::BYTES),
        ("message", SqlType::BYTES),
        ("topic", SqlType::STRING),
        ("PARTITION", SqlType::Int),
        ("offset", SqlType::BigInt),
    ];
    let bound = blink(&fixed, &[]).unwrap();
    assert_eq!(bound.connector, "kafka");
    assert_eq!(bound.binding.key_columns, ["MESSAGEKEY"]);
    assert_eq!(bound.spec.physical().count(), 2);
    assert_eq!(bound.binding.start, Some(StartMode::GroupOffsets(GroupFallback::Latest)));
    assert_eq!(bound.binding.sink, SinkChanges::NewestValues);
    let start = |more: Pairs<'_>| blink(&fixed, more).map(|b| b.binding.start);
    assert_eq!(start(&[("startupMode", "earliest")]).unwrap(), Some(StartMode::Earliest));
    let text = [("startupMode", "TIMESTAMP"), ("startTime", "1970-01-01 01:00:00"), ("timeZone", "UTC")];
    assert_eq!(start(&text).unwrap(), Some(StartMode::Timestamp(3_600_000)));
    let both = [("startupMode", "TIMESTAMP"), ("startTime", "1970-01-01 01:00:00"), ("startTimeMs", "5")];
    assert_eq!(start(&both).unwrap(), Some(StartMode::Timestamp(5)), "startTimeMs is preferred");
    assert!(start(&[("startupMode", "TIMESTAMP")]).is_err());
    assert!(start(&[("startupMode", "TIMESTAMP"), ("startTime", "yesterday")]).is_err());
    assert!(blink(&fixed[..1], &[]).is_err(), "no message");
    assert!(blink(&fixed, &[("format", "json")]).is_err(), "bytes have no format");
    blink(&fixed, &[("max.poll.records", "5"), ("extraConfig", "fetch.min.bytes=2;check.crcs=true")]).unwrap();
}

fn uflink(more: Pairs<'_>) -> Result<TableBinding> {
    let base = [("topic", "a,b"), ("bootstrapServers", "k:1")];
    let columns = [("id", SqlType::Int), ("name", SqlType::STRING)];
    bind_table(Dialect::UFlink, "kafka10", &columns, &[], &[&base, more].concat()).map(|b| b.binding)
}

#[test]
fn uflink_reads_and_writes_json() {
    let plain = uflink(&[]).unwrap();
    assert_eq!(plain.resource, Resource::Log { topics: vec!["a".into(), "b".into()], pattern: None });
    assert_eq!((plain.start, plain.sink), (Some(StartMode::Latest), SinkChanges::NewestValues));
    assert!(matches!(plain.value_format, Some(Format::Json(_))));
    assert_eq!(uflink(&[("updateMode", "upsert")]).unwrap().sink, SinkChanges::RetractFlag);
    let keyed = uflink(&[("partitionKeys", "NAME, id")]).unwrap();
    assert_eq!(keyed.key_columns, ["name", "id"]);
    assert!(uflink(&[("partitionKeys", "nam")]).unwrap_err().to_string().contains("'name'"));
    let offsets = uflink(&[("offsetReset", "{\"0\":12,\"1\":32}"), ("offsetEnd", "{\"0\":20}")]).unwrap();
    assert_eq!(offsets.start, Some(StartMode::Offsets(vec![(0, 12), (1, 32)])));
    assert_eq!(offsets.bound, Some(Bound::Offsets(vec![(0, 20)])));
    assert!(uflink(&[("offsetReset", "soon")]).is_err());
    let csv = |d: char| Some(Format::Csv(CsvFormat { delimiter: d, ..CsvFormat::default() }));
    assert_eq!(uflink(&[("sourceDataType", "csv")]).unwrap().value_format, csv('|'));
    assert_eq!(uflink(&[("sinkDataType", "csv")]).unwrap().value_format, csv(','));
    assert!(uflink(&[("sourceDataType", "avro")]).is_err());
    let pattern = Resource::Log { topics: vec![], pattern: Some("a,b".into()) };
    assert_eq!(uflink(&[("topicIsPattern", "true")]).unwrap().resource, pattern);
}

/// The option is the same in all dialects; without transactions there is no fence to keep.
#[test]
fn a_fence_in_a_group_has_a_limit() {
    let limit = |more: Pairs<'_>| flink(more).map(|b| (b.limit, b.notes));
    let fence = |place: &'static str| ("tidegate.fence", place);
    assert_eq!(limit(&[fence("topic")]).unwrap(), (None, vec![]));
    let (said, notes) = limit(&[fence("group")]).unwrap();
    assert!(said.is_some_and(|s| s.contains("offsets.retention.minutes")) && notes.is_empty());
    let (said, notes) = limit(&[fence("group"), ("sink.delivery-guarantee", "at-least-once")]).unwrap();
    assert!(said.is_none() && notes[0].contains("has no effect"), "{notes:?}");
    assert!(limit(&[fence("table")]).is_err());
    let blink = [("topic", "t"), ("bootstrap.servers", "k:1"), fence("group")];
    let bound = bind_table(Dialect::Blink, "kafka011", &[("message", SqlType::BYTES)], &[], &blink).unwrap();
    assert!(bound.binding.limit.is_some());
    let uflink = [("topic", "t"), ("bootstrapServers", "k:1"), fence("group")];
    let bound = bind_table(Dialect::UFlink, "kafka11", &[("a", SqlType::Int)], &[], &uflink).unwrap();
    assert!(bound.binding.limit.is_some());
}
