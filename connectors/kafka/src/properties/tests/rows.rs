//! Every row: Java's own list of names, types and defaults, and what becomes of values.

use super::super::kinds::Kind;
use super::super::table::{self, Fate};
use super::super::{ClientProperties, Isolation};
use super::{come, fails, settings};

/// Name, type and default of all properties of Kafka's consumer, producer and admin client, of
/// kafka-clients 4.1.2 and 4.3.1, as their ConfigDef says.
const JAVA: &str = include_str!("java_clients.tsv");

#[test]
fn every_java_property_has_a_row_that_takes_its_default() {
    let mut count = 0;
    for line in JAVA.lines().skip(1) {
        let [name, kind, default] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let row = table::all().find(|p| p.name == name).unwrap_or_else(|| panic!("no row for {name}"));
        let fits = match kind {
            "INT" | "LONG" | "SHORT" => matches!(row.kind, Kind::Whole(..)),
            "DOUBLE" => matches!(row.kind, Kind::Decimal(..)),
            "BOOLEAN" => row.kind == Kind::Boolean,
            "PASSWORD" => row.kind == Kind::Secret,
            _ => matches!(row.kind, Kind::Text | Kind::OneOf(_)),
        };
        assert!(fits, "{name} is {kind} in Java and {:?} here", row.kind);
        if !default.is_empty() {
            come(&[(name, default)]);
        }
        count += 1;
    }
    assert!(count > 140, "the list was cut: {count}");
}

#[test]
fn names_are_there_once_and_say_why() {
    let mut seen = std::collections::BTreeSet::new();
    for row in table::all() {
        assert!(seen.insert(row.name), "{} has two rows", row.name);
        let speaks = matches!(row.fate, Fate::Same | Fate::Renamed(_)) || !row.why.is_empty();
        assert!(speaks && !row.why.ends_with('.') && !row.why.contains('|'), "{}: {}", row.name, row.why);
    }
}

#[test]
fn settings_never_have_two_names_for_one_thing() {
    // librdkafka's aliases: if both names were set, the order of a hash map would decide.
    const ALIASES: &[&str] = &[
        "metadata.broker.list",
        "max.in.flight",
        "sasl.mechanism",
        "max.partition.fetch.bytes",
        "linger.ms",
        "retries",
        "compression.type",
        "delivery.timeout.ms",
        "acks",
    ];
    for row in table::all() {
        for target in row.targets() {
            assert!(!ALIASES.contains(target), "{} is passed as the alias {target}", row.name);
        }
    }
}

#[test]
fn names_and_units_change() {
    let rows = [
        ("client.id", " me ", "client.id=me"),
        ("max.request.size", "2097152", "message.max.bytes=2097152"),
        ("batch.size", "32768", "batch.size=32768"),
        ("linger.ms", "50", "queue.buffering.max.ms=50"),
        ("buffer.memory", "33554432", "queue.buffering.max.kbytes=32768"),
        ("buffer.memory", "1025", "queue.buffering.max.kbytes=2"),
        ("fetch.max.bytes", "1048576", "fetch.max.bytes=1048576"),
        ("max.partition.fetch.bytes", "2048", "fetch.message.max.bytes=2048"),
        ("fetch.max.wait.ms", "100", "fetch.wait.max.ms=100"),
        ("receive.buffer.bytes", "65536", "socket.receive.buffer.bytes=65536"),
        ("receive.buffer.bytes", "-1", "socket.receive.buffer.bytes=0"),
        ("send.buffer.bytes", "-1", "socket.send.buffer.bytes=0"),
        ("connections.max.idle.ms", "-1", "connections.max.idle.ms=0"),
        ("metadata.max.age.ms", "60000", "topic.metadata.refresh.interval.ms=60000"),
        ("delivery.timeout.ms", "30000", "message.timeout.ms=30000"),
        ("retries", "2147483647", "message.send.max.retries=2147483647"),
        ("compression.type", "ZSTD", "compression.codec=zstd"),
        ("client.dns.lookup", "use_all_dns_ips", "client.dns.lookup=use_all_dns_ips"),
        ("transaction.timeout.ms", "600000", "transaction.timeout.ms=600000"),
        ("check.crcs", "TRUE", "check.crcs=true"),
        ("metadata.recovery.strategy", "REBOOTSTRAP", "metadata.recovery.strategy=rebootstrap"),
        ("security.protocol", "SSL", "security.protocol=ssl"),
        ("fetch.queue.backoff.ms", "5", "fetch.queue.backoff.ms=5"),
        ("max.in.flight", "3", "max.in.flight.requests.per.connection=3"),
        ("debug", "Broker, fetch", "debug=broker,fetch"),
        ("broker.address.family", "v4", "broker.address.family=v4"),
    ];
    for (name, value, setting) in rows {
        let out = come(&[(name, value)]);
        assert_eq!((settings(&out), out.notes), (vec![setting.to_owned()], Vec::<String>::new()), "{name}");
    }
    let request = come(&[("request.timeout.ms", "20000")]);
    assert_eq!(settings(&request), ["request.timeout.ms=20000", "socket.timeout.ms=20000"]);
    assert!(settings(&come(&[("client.rack", ""), ("client.id", " ")])).is_empty(), "an empty text is none");
}

#[test]
fn what_librdkafka_does_not_take_is_cut_and_noted() {
    let rows = [
        ("fetch.max.bytes", "2147483647", "fetch.max.bytes=2147483135"),
        ("max.partition.fetch.bytes", "2147483647", "fetch.message.max.bytes=1000000000"),
        ("fetch.min.bytes", "0", "fetch.min.bytes=1"),
        ("batch.size", "0", "batch.size=1"),
        ("retries", "0", "message.send.max.retries=1"),
        ("max.in.flight.requests.per.connection", "20", "max.in.flight.requests.per.connection=5"),
        ("metadata.max.age.ms", "86400000", "topic.metadata.refresh.interval.ms=3600000"),
        ("connections.max.idle.ms", "9223372036854775807", "connections.max.idle.ms=2147483647"),
        ("buffer.memory", "9223372036854775807", "queue.buffering.max.kbytes=2147483647"),
        ("socket.connection.setup.timeout.ms", "10", "socket.connection.setup.timeout.ms=1000"),
    ];
    for (name, value, setting) in rows {
        let out = come(&[(name, value)]);
        assert_eq!(settings(&out), [setting]);
        let note = out.notes.join("\n");
        assert!(note.contains(name) && note.contains(value) && out.notes.len() == 1, "{note}");
    }
}

fn noted(pairs: super::Pairs<'_>) -> String {
    let out = come(pairs);
    assert!(out.settings.is_empty(), "{out:?}");
    assert_eq!(out.notes.len(), 1, "{:?}", out.notes);
    out.notes.into_iter().next().unwrap_or_default()
}

#[test]
fn what_is_decided_or_meaningless_is_noted() {
    assert_eq!(
        noted(&[("acks", "1")]),
        "Kafka property 'acks' = '1' has no effect: writes wait for all in-sync replicas"
    );
    assert!(noted(&[("transactional.id", "a")]).contains("sink.transactional-id-prefix"));
    assert!(noted(&[("enable.auto.commit", "true")]).contains("after each epoch"));
    assert!(noted(&[("max.poll.records", "500")]).contains("max.poll.records"));
    assert!(
        noted(&[("value.serializer", "org.apache.kafka.common.serialization.StringSerializer")]).contains("format")
    );
    assert!(noted(&[("metric.reporters", "a.B")]).contains("metrics of its own"));
    assert!(noted(&[("flink.partition-discovery.interval-millis", "60000")]).contains("partitionDiscoveryIntervalMS"));
    assert!(noted(&[("flink.anything-else", "1")]).contains("Flink's own"));
    assert!(noted(&[("zookeeper.session.timeout.ms", "1")]).contains("ZooKeeper"));
    assert!(
        noted(&[("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner")])
            .contains("sink.partitioner")
    );
    let anyway = [
        ("acks", "all"),
        ("enable.auto.commit", "false"),
        ("enable.idempotence", "TRUE"),
        ("partitioner.ignore.keys", "false"),
    ];
    assert!(come(&anyway).notes.is_empty(), "what happens anyway is no news");
}

#[test]
fn unknown_names_are_errors_with_the_nearest() {
    assert_eq!(fails(&[("linger.msec", "5")]), "unknown Kafka property 'linger.msec'\nhelp: did you mean 'linger.ms'?");
    assert!(fails(&[("Fetch.Min.Bytes", "5")]).contains("'fetch.min.bytes'"));
    assert!(fails(&[("sasl.jaas.conf", "hunter2")]).contains("'sasl.jaas.config'"));
    assert!(!fails(&[("sasl.jaas.conf", "hunter2")]).contains("hunter2"));
    assert!(fails(&[("queued.max.message.kbytes", "5")]).contains("'queued.max.messages.kbytes'"));
    assert!(fails(&[("something", "5")]).contains("docs/kafka-properties.md"));
    assert!(fails(&[("error_cb", "x")]).contains("unknown"), "what only code can set");
    assert!(fails(&[("config.providers", "env")]).contains("${name}"));
    assert!(fails(&[("config.providers.env.class", "x")]).contains("cannot be used"));
    assert!(fails(&[("plugin.library.paths", "/x.so")]).contains("no code from outside"));
}

#[test]
fn values_are_checked_by_kind() {
    let rows = [
        ("linger.ms", "10 s", "'10 s' is not a whole number\nhelp: it is a number of milliseconds, without unit"),
        ("linger.ms", "-1", "'-1' is not 0 or more"),
        ("batch.size", "1mb", "without unit"),
        ("batch.size", "3000000000", "not from 0 to 2147483647"),
        ("buffer.memory", "64 mb", "a number of bytes"),
        ("check.crcs", "yes", "'yes' is not true or false"),
        ("security.protocol", "TLS", "'TLS' is not one of plaintext, ssl, sasl_plaintext, sasl_ssl"),
        ("compression.type", "brotli", "none, gzip, snappy, lz4, zstd"),
        ("isolation.level", "serializable", "read_committed, read_uncommitted"),
        ("acks", "2", "all, -1, 0, 1"),
        ("debug", "brokers", "did you mean 'broker'"),
        ("partitioner.class", "org.example.Mine", "sink.partitioner"),
        ("sasl.login.refresh.window.factor", "0.2", "0.5 to 1"),
        ("ssl.truststore.type", "P12", "PEM, PKCS12, JKS"),
        ("ssl.endpoint.identification.algorithm", "LDAPS", "https, none"),
        ("fetch.queue.backoff.ms", "300001", "0 to 300000"),
    ];
    for (name, value, part) in rows {
        let text = fails(&[(name, value)]);
        assert!(text.contains(part) && text.contains(name), "{text}");
    }
}

#[test]
fn the_connector_reads_its_own() {
    let plain = come(&[]);
    assert_eq!((plain.isolation, plain.call_timeout_ms, plain.offset_reset), (Isolation::ReadCommitted, 30_000, None));
    let out = come(&[
        ("bootstrap.servers", "a:9092,[::1]:9093, SSL://c:9094,d"),
        ("group.id", "g"),
        ("isolation.level", "READ_UNCOMMITTED"),
        ("auto.offset.reset", "Smallest"),
        ("max.block.ms", "9223372036854775807"),
    ]);
    assert!(out.settings.is_empty(), "never passed as they are: {out:?}");
    assert_eq!(out.bootstrap.as_deref(), Some("a:9092,[::1]:9093, SSL://c:9094,d"));
    assert_eq!((out.group.as_deref(), out.offset_reset.as_deref()), (Some("g"), Some("earliest")));
    assert_eq!((out.isolation, out.call_timeout_ms), (Isolation::ReadUncommitted, 2_147_483_647));
    assert_eq!(out.notes.len(), 1, "aborted rows are news: {:?}", out.notes);
    for bad in ["", "a:b", "a:", ":9092", "a b:1", "a:0", "a:70000", "http://a/b:1", "[::1]9092"] {
        let text = translate_servers(bad);
        assert!(bad.is_empty() || text.contains("host:9092,host:9092"), "{bad}: {text}");
    }
    assert!(fails(&[("auto.offset.reset", "by_duration:PT1H")]).contains("'timestamp'"));
    assert!(fails(&[("auto.offset.reset", "earlest")]).contains("'earliest'"));
}

fn translate_servers(list: &str) -> String {
    match super::translate([("bootstrap.servers", list)]) {
        Ok(ClientProperties { bootstrap, .. }) => {
            assert_eq!(bootstrap, None, "'{list}' is taken");
            String::new()
        }
        Err(e) => e.to_string(),
    }
}

#[test]
fn how_long_a_call_may_take() {
    let of = |pairs| come(pairs).call_timeout_ms;
    assert_eq!(of(&[("default.api.timeout.ms", "5000")]), 5000);
    assert_eq!(of(&[("max.block.ms", "7000"), ("default.api.timeout.ms", "5000")]), 7000);
    assert_eq!(of(&[("request.timeout.ms", "40000")]), 40_000, "no shorter than one of its requests");
    assert_eq!(of(&[("request.timeout.ms", "10000")]), 30_000);
    assert_eq!(of(&[("request.timeout.ms", "40000"), ("max.block.ms", "9000")]), 9000);
}

#[test]
fn nothing_is_said_twice() {
    assert!(fails(&[("group.id", "a"), ("group.id", "b")]).contains("twice"));
    come(&[("group.id", "a"), ("group.id", "a")]);
    let both = fails(&[("max.partition.fetch.bytes", "5"), ("fetch.message.max.bytes", "6")]);
    assert!(both.contains("max.partition.fetch.bytes") && both.contains("keep one"), "{both}");
    come(&[("max.partition.fetch.bytes", "5"), ("fetch.message.max.bytes", "5")]);
}
