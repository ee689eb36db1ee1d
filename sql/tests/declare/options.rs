//! Every row of the connectors' option tables: the name is known in its dialect, its value is
//! checked by its kind, and every default is a value that the option accepts.

use tidegate_core::options::{OptionEntry, OptionKind, OptionSpec, check_options};
use tidegate_core::{Dialect, Span};

use super::registry;

const ROWS: &[(Dialect, &str, &str)] = &[
    (
        Dialect::Flink,
        "kafka",
        "topic topic-pattern properties.bootstrap.servers properties.group.id properties.fetch.min.bytes format key.format value.format key.fields key.fields-prefix value.fields-include scan.startup.mode scan.startup.specific-offsets scan.startup.timestamp-millis scan.bounded.mode scan.bounded.specific-offsets scan.bounded.timestamp-millis scan.topic-partition-discovery.interval scan.parallelism sink.partitioner sink.delivery-guarantee sink.semantic sink.transactional-id-prefix sink.parallelism json.fail-on-missing-field json.ignore-parse-errors value.json.timestamp-format.standard key.json.map-null-key.mode json.map-null-key.literal json.encode.decimal-as-plain-number json.encode.ignore-null-fields decode.json-parser.enabled csv.field-delimiter raw.endianness",
    ),
    (
        Dialect::Flink,
        "upsert-kafka",
        "topic properties.bootstrap.servers key.format value.format key.fields-prefix value.fields-include scan.parallelism sink.parallelism sink.buffer-flush.max-rows sink.buffer-flush.interval sink.delivery-guarantee sink.transactional-id-prefix",
    ),
    (
        Dialect::Flink,
        "jdbc",
        "url table-name driver username password compatible-mode connection.max-retry-timeout scan.partition.column scan.partition.num scan.partition.lower-bound scan.partition.upper-bound scan.fetch-size scan.auto-commit filter.handling.policy lookup.cache lookup.partial-cache.max-rows lookup.partial-cache.expire-after-write lookup.partial-cache.expire-after-access lookup.partial-cache.cache-missing-key lookup.max-retries lookup.cache.max-rows lookup.cache.ttl lookup.cache.caching-missing-key sink.buffer-flush.max-rows sink.buffer-flush.interval sink.max-retries sink.parallelism",
    ),
    (
        Dialect::Flink,
        "elasticsearch-7",
        "hosts index document-id.key-delimiter username password failure-handler sink.flush-on-checkpoint sink.bulk-flush.max-actions sink.bulk-flush.max-size sink.bulk-flush.interval sink.bulk-flush.backoff.strategy sink.bulk-flush.backoff.max-retries sink.bulk-flush.backoff.delay connection.path-prefix format",
    ),
    (
        Dialect::Flink,
        "elasticsearch-8",
        "sink.bulk-flush.max-buffered-actions sink.bulk-flush.max-in-flight-actions ssl.certificate-fingerprint",
    ),
    (Dialect::Flink, "elasticsearch-6", "document-type"),
    (
        Dialect::Flink,
        "hbase-2.2",
        "table-name zookeeper.quorum zookeeper.znode.parent null-string-literal sink.buffer-flush.max-size sink.buffer-flush.max-rows sink.buffer-flush.interval sink.ignore-null-value sink.parallelism lookup.async lookup.cache lookup.partial-cache.max-rows lookup.partial-cache.expire-after-write lookup.partial-cache.expire-after-access lookup.partial-cache.caching-missing-key lookup.max-retries properties.hbase.security",
    ),
    (Dialect::Flink, "hbase-1.4", "table-name"),
    (Dialect::Flink, "hbase-2.6", "table-name"),
    (
        Dialect::Blink,
        "kafka08",
        "topic topicPattern group.id bootstrap.servers zookeeper.connect startupMode startTimeMs startTime partitionDiscoveryIntervalMS extraConfig security.protocol sasl.mechanism sasl.jaas.config timeZone",
    ),
    (Dialect::Blink, "kafka09", "topic"),
    (Dialect::Blink, "kafka010", "topic"),
    (Dialect::Blink, "kafka011", "topic"),
    (Dialect::Blink, "kafka", "topic"),
    (
        Dialect::Blink,
        "rds",
        "url tableName userName password maxRetryTimes batchSize bufferSize flushIntervalMs excludeUpdateColumns ignoreDelete partitionBy cache cacheSize cacheTTLMs cacheReloadTimeBlackList partitionedJoin async asyncResultOrder asyncTimeoutMs asyncCapacity asyncCallbackThreads asyncConnectionQueueMaxsize asyncCallbackQueueMaxsize maxJoinRows",
    ),
    (Dialect::Blink, "drds", "url"),
    (Dialect::Blink, "polardb", "url"),
    (
        Dialect::Blink,
        "cloudhbase",
        "tableName columnFamily zkQuorum endPoint zkNodeParent userName password haClusterID haClustserID maxRetryTimes bufferSize batchSize flushIntervalMs writePkValue stringWriteMod rowkeyDelimiter isDynamicTable partitionedJoin shuffleEmptyKey cacheScanLimit cache",
    ),
    (Dialect::Blink, "alihbase", "diamondKey diamondGroup"),
    (
        Dialect::Blink,
        "elasticsearch",
        "endPoint accessId accessKey index typeName bufferSize maxRetryTimes timeout discovery compression multiThread ignoreWriteError settings updateMode dynamicIndex indexField indexInterval mapping",
    ),
    (
        Dialect::UFlink,
        "kafka09",
        "bootstrapServers topic groupId topicIsPattern offsetReset offsetEnd sourceDataType schemaInfo fieldDelimiter charsetName timezone parallelism kafka.max.poll.records sinkDataType partitionKeys enableKeyPartitions updateMode zookeeperQuorum",
    ),
    (Dialect::UFlink, "kafka10", "topic"),
    (Dialect::UFlink, "kafka11", "topic"),
    (Dialect::UFlink, "kafka", "topic"),
    (
        Dialect::UFlink,
        "mysql",
        "url userName password tableName parallelism batchSize batchWaitInterval allReplace updateMode errorLimit schema driverName cache cacheSize cacheTTLMs partitionedJoin cacheMode asyncCapacity asyncTimeout asyncPoolSize asyncFailMaxNum connectRetryMaxNum",
    ),
    (
        Dialect::UFlink,
        "hbase",
        "zookeeperQuorum zookeeperParent tableName rowkey rowKey updateMode batchSize batchWaitInterval kerberosAuthEnable cache",
    ),
    (
        Dialect::UFlink,
        "elasticsearch",
        "address cluster index esType id authMesh userName password index_definition parallelism cache",
    ),
    (Dialect::UFlink, "elasticsearch6", "esType"),
    (Dialect::UFlink, "elasticsearch7", "index_definition"),
];

fn sample(spec: &OptionSpec) -> &'static str {
    match spec.kind {
        OptionKind::Integer => "7",
        OptionKind::Boolean => "TRUE",
        OptionKind::Duration => "3 min",
        OptionKind::Size => "2 mb",
        OptionKind::OneOf(all) => all[0],
        OptionKind::Text | OptionKind::Secret | OptionKind::Ignored => "x",
    }
}

fn find<'a>(specs: &'a [OptionSpec], name: &str) -> Option<&'a OptionSpec> {
    specs.iter().find(|s| {
        s.name.eq_ignore_ascii_case(name)
            || s.aliases.contains(&name)
            || s.name.strip_suffix('*').is_some_and(|p| name.starts_with(p))
    })
}

#[test]
fn every_row_is_known_and_checked() {
    let registry = registry();
    for (dialect, connector, names) in ROWS {
        let descriptor = registry.find(*dialect, connector).unwrap_or_else(|| panic!("{dialect} {connector}"));
        let specs = descriptor.descriptor().options;
        for name in names.split(' ') {
            let spec = find(specs, name).unwrap_or_else(|| panic!("{dialect} {connector}: {name}"));
            let optional = OptionSpec { required: false, ..*spec };
            let check = |value: &str| {
                let entry = OptionEntry { name: name.into(), value: value.into(), span: Span::new(1, 1) };
                check_options(&[optional], &[entry])
            };
            check(sample(spec)).unwrap_or_else(|e| panic!("{connector} {name}: {e}"));
            if !matches!(spec.kind, OptionKind::Text | OptionKind::Secret | OptionKind::Ignored) {
                assert!(check("certainly not").is_err(), "{connector} {name} accepts anything");
            }
        }
    }
}

#[test]
fn defaults_are_possible_values_and_names_do_not_clash() {
    for connector in registry().iter() {
        let d = connector.descriptor();
        let mut seen: Vec<String> = Vec::new();
        for spec in d.options {
            assert!(!spec.doc.is_empty(), "{:?} {}: no doc", d.names, spec.name);
            for n in std::iter::once(&spec.name).chain(spec.aliases) {
                assert!(!seen.contains(&n.to_lowercase()), "{:?} {n}: twice", d.names);
                seen.push(n.to_lowercase());
            }
            let plain = !spec.default.contains([' ', ';']) && !spec.default.is_empty();
            if plain && !matches!(spec.kind, OptionKind::Ignored) && spec.default != "never" {
                let entry = OptionEntry { name: spec.name.into(), value: spec.default.into(), span: Span::default() };
                check_options(&[OptionSpec { required: false, ..*spec }], &[entry])
                    .unwrap_or_else(|e| panic!("{:?} {}: {e}", d.names, spec.name));
            }
        }
    }
}

#[test]
fn secrets_are_never_shown() {
    for connector in registry().iter() {
        for spec in connector.descriptor().options.iter().filter(|s| s.kind == OptionKind::Secret) {
            assert!(tidegate_core::options::is_secret_name(spec.name), "{} is shown in plans", spec.name);
        }
    }
}
