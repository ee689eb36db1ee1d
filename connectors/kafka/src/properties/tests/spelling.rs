//! Where properties stand among the options of each dialect, through the connectors themselves.

use tidegate_core::registry::Registry;
use tidegate_core::split::{GroupFallback, StartMode};
use tidegate_core::table::{BoundTable, TableSpec};
use tidegate_core::{Dialect, Result, Span, SqlType};

use super::super::pairs_of;
use super::Pairs;

fn bind(dialect: Dialect, connector: &str, options: Pairs<'_>) -> Result<BoundTable> {
    let columns = ["messageKey", "message"].map(|name| (name, SqlType::BYTES));
    let key: &[&str] = if connector == "upsert-kafka" { &["messageKey"] } else { &[] };
    let mut spec = TableSpec::new("t", dialect, columns).with_key(key).with_options(options.iter().copied());
    // Each option on a line of its own.
    for (line, option) in (1..).zip(&mut spec.options) {
        option.span = Span::new(line, 1);
    }
    spec.span = Span::new(99, 1);
    Registry::new().with(crate::connectors()).bind(connector, spec)
}

fn flink(more: Pairs<'_>) -> Result<BoundTable> {
    let base = [("topic", "t"), ("properties.bootstrap.servers", "k:1"), ("format", "json")];
    bind(Dialect::Flink, "kafka", &[&base, more].concat())
}

fn blink(more: Pairs<'_>) -> Result<BoundTable> {
    bind(Dialect::Blink, "kafka011", &[&[("topic", "t"), ("bootstrap.servers", "k:1")], more].concat())
}

fn uflink(more: Pairs<'_>) -> Result<BoundTable> {
    bind(Dialect::UFlink, "kafka11", &[&[("topic", "t"), ("bootstrapServers", "k:1")], more].concat())
}

fn pairs(table: Result<BoundTable>) -> Vec<(String, String)> {
    pairs_of(&table.unwrap_or_else(|e| panic!("{e}"))).unwrap()
}

fn of(list: Pairs<'_>) -> Vec<(String, String)> {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn pairs_of_each_dialect() {
    let flink = pairs(flink(&[("properties.group.id", "g"), ("properties.linger.ms", "5"), ("sink.parallelism", "2")]));
    assert_eq!(flink, of(&[("bootstrap.servers", "k:1"), ("group.id", "g"), ("linger.ms", "5")]));
    let uflink = pairs(uflink(&[("groupId", "g"), ("kafka.linger.ms", "5"), ("parallelism", "2")]));
    assert_eq!(uflink, of(&[("bootstrap.servers", "k:1"), ("group.id", "g"), ("linger.ms", "5")]));
    let blink = pairs(blink(&[
        ("group.id", "g"),
        ("linger.ms", "5"),
        ("timeZone", "UTC"),
        ("queued.max.messages.kbytes", "9"),
        ("extraConfig", " fetch.min.bytes = 2 ;; check.crcs=true;"),
    ]));
    let expected = [
        ("bootstrap.servers", "k:1"),
        ("fetch.min.bytes", "2"),
        ("check.crcs", "true"),
        ("group.id", "g"),
        ("linger.ms", "5"),
        ("queued.max.messages.kbytes", "9"),
    ];
    assert_eq!(blink, of(&expected));
}

#[test]
fn a_jaas_text_inside_extra_config() {
    let text = "security.protocol=SASL_PLAINTEXT;sasl.jaas.config=a.PlainLoginModule required username=\"u\" \
                password=\"p;\\\"q\";sasl.mechanism=PLAIN;client.id=it's";
    let found = pairs(blink(&[("extraConfig", text)]));
    let value = |name: &str| found.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
    assert_eq!(value("sasl.jaas.config"), Some("a.PlainLoginModule required username=\"u\" password=\"p;\\\"q\";"));
    assert_eq!((value("sasl.mechanism"), value("client.id")), (Some("PLAIN"), Some("it's")));
    for bad in ["linger.ms", "linger.ms;a=b", "=5"] {
        assert!(blink(&[("extraConfig", bad)]).unwrap_err().to_string().contains("name=value;name=value"), "{bad}");
    }
}

#[test]
fn check_reports_mistakes_at_their_option() {
    let at = |table: Result<BoundTable>| {
        let error = table.err().unwrap_or_else(|| panic!("taken"));
        (error.span().line, error.to_string())
    };
    let (line, text) = at(flink(&[("properties.client.id", "c"), ("properties.fetch.min.byte", "1")]));
    assert!(line == 5 && text.contains("did you mean 'fetch.min.bytes'"), "{text}");
    let upsert =
        [("topic", "t"), ("properties.bootstrap.servers", "k:1"), ("key.format", "raw"), ("value.format", "raw")];
    let upsert = bind(Dialect::Flink, "upsert-kafka", &[&upsert[..], &[("properties.linger.ms", "x")]].concat());
    assert_eq!(at(upsert).0, 5);
    let (line, text) = at(uflink(&[("kafka.max.poll.record", "5")]));
    assert!(line == 3 && text.contains("'max.poll.records'"), "{text}");
    let (line, text) = at(blink(&[("linger.ms", "1"), ("extraConfig", "check.crcs=maybe")]));
    assert!(line == 4 && text.contains("true or false"), "{text}");
    let (line, text) = at(blink(&[("startupMod", "EARLIEST")]));
    assert!(line == 3 && text.contains("did you mean 'startupMode'"), "{text}");
    let (_, text) = at(blink(&[("heartbeat.intervall.ms", "3000")]));
    assert!(text.contains("did you mean 'heartbeat.interval.ms'"), "{text}");
    let (line, text) = at(blink(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;"),
    ]));
    assert!(line == 5 && text.contains("not in this build"), "{text}");
    assert!(at(blink(&[("group.id", "a"), ("extraConfig", "group.id=b")])).1.contains("twice"));
}

#[test]
fn no_error_shows_a_secret() {
    let text = "sasl.jaas.config=a.PlainLoginModule required password=\"hunter2\";security.protocol=x";
    let error = blink(&[("extraConfig", text)]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let tls = [("properties.security.protocol", "SSL"), ("properties.ssl.keystore.certificate.chain", "x")];
    let error = flink(&[&tls[..], &[("properties.ssl.keystore.key", "hunter2")]].concat()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn check_notes_what_has_no_effect() {
    let notes = |table: Result<BoundTable>| table.unwrap_or_else(|e| panic!("{e}")).binding.notes.join("\n");
    assert!(notes(flink(&[("properties.acks", "1")])).contains("'acks' = '1' has no effect"));
    assert!(
        notes(uflink(&[("kafka.enable.auto.commit", "true"), ("zookeeperQuorum", "z")])).contains("'zookeeperQuorum'")
    );
    assert!(notes(blink(&[("zookeeper.connect", "z"), ("commitIntervalMs", "1")])).contains("'zookeeper.connect'"));
    assert!(notes(blink(&[("zookeeper.session.timeout.ms", "6000")])).contains("ZooKeeper is not asked"));
    let discovery = notes(blink(&[("extraConfig", "flink.partition-discovery.interval-millis=60000")]));
    assert!(discovery.contains("partitionDiscoveryIntervalMS"), "{discovery}");
    assert!(notes(uflink(&[("kafka.auto.offset.reset", "earliest")])).contains("offsetReset says"));
    assert_eq!(notes(flink(&[("properties.linger.ms", "5")])), "");
}

#[test]
fn a_group_without_offsets() {
    let start = |table: Result<BoundTable>| table.unwrap_or_else(|e| panic!("{e}")).binding.start;
    let fallback = |f| Some(StartMode::GroupOffsets(f));
    assert_eq!(start(blink(&[])), fallback(GroupFallback::Latest));
    assert_eq!(start(blink(&[("auto.offset.reset", "earliest")])), fallback(GroupFallback::Earliest));
    assert_eq!(start(blink(&[("extraConfig", "auto.offset.reset=none")])), fallback(GroupFallback::Fail));
    assert_eq!(start(flink(&[])), fallback(GroupFallback::Fail));
    assert_eq!(start(flink(&[("properties.auto.offset.reset", "LATEST")])), fallback(GroupFallback::Latest));
}
