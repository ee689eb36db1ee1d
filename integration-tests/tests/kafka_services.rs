//! The harness of the Kafka tests against real brokers: what it promises to the tests that use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, ClientContext};
use tidegate_integration_tests::broker::{self, ALICE, BOB, Broker, Settings, unique};
use tidegate_integration_tests::kafka_topics::{self as topics, Record};

const SECOND: Duration = Duration::from_secs(1);

fn texts(bootstrap: &str, topic: &str) -> Vec<String> {
    topics::read_committed(bootstrap, topic).iter().map(|m| m.text().to_owned()).collect()
}

/// The records `from..to`, in turn in both partitions.
fn numbers(from: i32, to: i32) -> impl Iterator<Item = (String, String, i32)> {
    (from..to).map(|i| (format!("k{i}"), format!("v{i}"), i % 2))
}

fn ok(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_killed_broker_keeps_its_data() {
    let settings = Settings::new().env("KAFKA_TXN_MAX_TIMEOUT_MS", 5000).extra("message.max.bytes=2345678");
    let Some(broker) = Broker::start(settings) else { return };
    let bootstrap = broker.bootstrap();
    topics::create(&bootstrap, "kept", 2);
    topics::produce(&bootstrap, "kept", numbers(0, 10_000));
    broker.kill();
    TcpStream::connect(&bootstrap).expect_err("nobody listens once kill has returned");
    broker.restart();
    assert_eq!(broker.bootstrap(), bootstrap);
    topics::produce(&bootstrap, "kept", numbers(10_000, 10_100));
    let mut read = texts(&bootstrap, "kept");
    read.sort_by_key(|v| v[1..].parse::<i32>().unwrap());
    assert_eq!(read, numbers(0, 10_100).map(|n| n.1).collect::<Vec<_>>());

    // What was set holds after the restart too.
    let config = broker.tool("configs", &["--describe", "--entity-type", "brokers", "--entity-name", "1", "--all"], "");
    let config = ok(&config);
    for want in ["message.max.bytes=2345678 ", "transaction.max.timeout.ms=5000 "] {
        assert!(config.contains(want), "{want} in {config}");
    }
    let dir = broker.dir().to_owned();
    drop(broker);
    assert!(!dir.exists());
    TcpStream::connect(&bootstrap).expect_err("dropped");
}

#[test]
fn reading_waits_for_open_transactions() {
    let Some(bootstrap) = broker::shared() else { return };
    for commit in [false, true] {
        let topic = unique("dangling");
        topics::create(&bootstrap, &topic, 2);
        topics::produce_transaction(&bootstrap, &topic, &unique("before"), numbers(0, 4));
        let open = topics::dangling_transaction(&bootstrap, &topic, &unique("open"));
        topics::produce(&bootstrap, &topic, numbers(4, 6));
        assert_eq!(topics::read_uncommitted(&bootstrap, &topic).len(), 7);
        // Two rows and a commit marker come before the open transaction.
        assert_eq!(topics::stable_offsets(&bootstrap, &topic), [3, 4]);
        assert_eq!(topics::end_offsets(&bootstrap, &topic), [5, 4]);

        let read = std::thread::scope(|scope| {
            let reader = scope.spawn(|| texts(&bootstrap, &topic));
            std::thread::sleep(SECOND);
            assert!(!reader.is_finished(), "it waits");
            if commit {
                open.commit();
            } else {
                drop(open);
            }
            reader.join().unwrap()
        });
        let dangling = if commit { &["dangling"][..] } else { &[] };
        assert_eq!(read, [&["v0", "v2"], dangling, &["v4", "v1", "v3", "v5"]].concat());
    }
}

#[test]
fn an_abandoned_transaction_stays_until_its_id_is_used_again() {
    let Some(bootstrap) = broker::shared() else { return };
    let (topic, id) = (unique("abandoned"), unique("id"));
    topics::create(&bootstrap, &topic, 1);
    topics::dangling_transaction(&bootstrap, &topic, &id).abandon();
    assert_eq!(
        (topics::stable_offsets(&bootstrap, &topic), topics::end_offsets(&bootstrap, &topic)),
        (vec![0], vec![1])
    );
    topics::produce_transaction(&bootstrap, &topic, &id, [((), "after", 0)]);
    assert_eq!(texts(&bootstrap, &topic), ["after"]);
}

#[test]
fn topics_are_made_changed_and_removed() {
    let Some(bootstrap) = broker::shared() else { return };
    let topic = unique("changed");
    assert!(!topics::exists(&bootstrap, &topic));
    topics::create_with(&bootstrap, &topic, 1, &[("cleanup.policy", "compact")]);
    let described = broker::tool(&bootstrap, "topics", &["--describe", "--topic", &topic], "").unwrap();
    assert!(ok(&described).contains("cleanup.policy=compact"));
    topics::delete(&bootstrap, &topic);
    assert!(!topics::exists(&bootstrap, &topic));

    topics::create(&bootstrap, &topic, 1);
    topics::produce(&bootstrap, &topic, (0..10).map(|i| ((), format!("v{i}"), 0)));
    topics::delete_records(&bootstrap, &topic, 0, 7);
    assert_eq!(texts(&bootstrap, &topic), ["v7", "v8", "v9"]);
    topics::add_partitions(&bootstrap, &topic, 3);
    assert_eq!(topics::partitions(&bootstrap, &topic), 3);
    topics::produce(&bootstrap, &topic, [((), "late", 2)]);
    assert_eq!(topics::end_offsets(&bootstrap, &topic), [10, 0, 1]);

    let group = unique("group");
    assert_eq!(topics::group_offsets(&bootstrap, &group, &topic), [None, None, None]);
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &bootstrap).set("group.id", &group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 2, Offset::Offset(1)).unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
    assert_eq!(topics::group_offsets(&bootstrap, &group, &topic), [None, None, Some(1)]);
}

#[test]
fn records_come_back_as_java_wrote_them_and_ours_lie_where_java_puts_them() {
    let Some(bootstrap) = broker::shared() else { return };
    let topic = unique("java");
    topics::create(&bootstrap, &topic, 7);
    let keys: Vec<String> = (0..200).map(|i| format!("键{i}")).collect();
    let lines: String = keys.iter().map(|k| format!("{k}\tjava\n")).collect();
    let args = ["--topic", &topic, "--property", "parse.key=true"];
    ok(&broker::tool(&bootstrap, "produce", &args, &lines).unwrap());
    topics::produce(&bootstrap, &topic, keys.iter().map(|k| Record::new("rust").key(k.as_str())));
    let places = |by: &str| -> Vec<(String, i32)> {
        let messages = topics::read_committed(&bootstrap, &topic);
        let mut places: Vec<_> = messages
            .iter()
            .filter(|m| m.text() == by)
            .map(|m| (m.key_text().expect("a key").to_owned(), m.partition))
            .collect();
        places.sort_unstable();
        places
    };
    assert_eq!(places("java").len(), 200);
    assert_eq!(places("java"), places("rust"));

    let whole = unique("whole");
    topics::create(&bootstrap, &whole, 1);
    let record = Record::new("值").key("k").timestamp(1_598_486_400_123).header("h", "1").header("h", ()).partition(0);
    topics::produce(&bootstrap, &whole, [record, Record::new(()).key("gone").timestamp(7)]);
    let args = ["--topic", &whole, "--from-beginning", "--max-messages", "2", "--property", "print.key=true"];
    let more = ["--property", "print.headers=true", "--property", "print.timestamp=true"];
    let read = broker::tool(&bootstrap, "consume", &[&args[..], &more].concat(), "").unwrap();
    assert_eq!(ok(&read), "CreateTime:1598486400123\th:1,h:null\tk\t值\nCreateTime:7\tNO_HEADERS\tgone\tnull\n");
    let ours = topics::read_committed(&bootstrap, &whole);
    assert_eq!((ours[0].text(), ours[0].key_text(), ours[0].timestamp), ("值", Some("k"), Some(1_598_486_400_123)));
    assert_eq!(ours[0].headers, [("h".into(), Some(b"1".to_vec())), ("h".into(), None)]);
    assert_eq!((&ours[1].value, ours[1].headers.len(), ours[1].offset), (&None, 0, 1));
}

/// A client of a secured listener.
fn secured(bootstrap: &str, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    for (name, value) in settings {
        config.set(*name, *value);
    }
    config
}

/// Keeps why a connection failed, which librdkafka tells by the way only.
#[derive(Default)]
struct Why(Mutex<Option<String>>);

impl ClientContext for Why {
    fn error(&self, error: KafkaError, reason: &str) {
        // That no broker is left follows from the reason, and comes after it.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.0.lock().unwrap().get_or_insert_with(|| format!("{error:?} {reason}"));
        }
    }
}

impl ConsumerContext for Why {}

/// Asks for a topic, which the broker grants to those who may use it.
fn reaches(config: &ClientConfig, topic: &str) -> Result<(), String> {
    let client: BaseConsumer<Why> = config.create_with_context(Why::default()).unwrap();
    let start = Instant::now();
    loop {
        if let Ok(metadata) = client.fetch_metadata(Some(topic), SECOND / 10) {
            let error = metadata.topics()[0].error();
            return error.map_or(Ok(()), |e| Err(format!("{:?}", RDKafkaErrorCode::from(e))));
        }
        client.poll(Duration::ZERO);
        if let Some(why) = client.context().0.lock().unwrap().take() {
            return Err(why);
        }
        assert!(start.elapsed() < 30 * SECOND, "neither an answer nor an error");
    }
}

fn fails(what: &str, result: Result<(), String>, with: &str) {
    let error = result.expect_err(what);
    assert!(error.contains(with), "{what}: {error}");
}

#[test]
fn secured_listeners_let_in_whom_they_should() {
    let settings = Settings::new().acl().env("KAFKA_TLS_CLIENT_AUTH", "required");
    let Some(broker) = Broker::start(settings) else { return };
    topics::create(&broker.bootstrap(), "t", 1);
    let path = |p: PathBuf| p.to_str().unwrap().to_owned();
    let ca = path(broker.ca_pem());
    let trust = ("ssl.ca.location", ca.as_str());

    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for (listener, protocol) in [(broker.sasl_plaintext(), "sasl_plaintext"), (broker.sasl_tls(), "sasl_ssl")] {
            let as_user = |(name, password): (&str, &str)| {
                let user = [("sasl.mechanism", mechanism), ("sasl.username", name), ("sasl.password", password)];
                let config = secured(&listener, &[&user[..], &[("security.protocol", protocol), trust]].concat());
                reaches(&config, "t")
            };
            let what = format!("{mechanism} {protocol}");
            assert_eq!(as_user(ALICE), Ok(()), "{what}");
            fails(&what, as_user(("alice", "wrong")), "Authentication");
            fails(&what, as_user(BOB), "TopicAuthorizationFailed");
        }
    }

    let (certificate, key, p12) = broker.client_certificate();
    let (certificate, key, p12) = (path(certificate), path(key), path(p12));
    let tls = |more: &[(&str, &str)]| {
        reaches(&secured(&broker.tls(), &[&[("security.protocol", "ssl")], more].concat()), "t")
    };
    let pem = [("ssl.certificate.location", certificate.as_str()), ("ssl.key.location", key.as_str())];
    let store = [("ssl.keystore.location", p12.as_str()), ("ssl.keystore.password", "changeit")];
    assert_eq!(tls(&[&pem[..], &[trust]].concat()), Ok(()));
    assert_eq!(tls(&[&store[..], &[trust]].concat()), Ok(()));
    fails("no certificate", tls(&[trust]), "alert bad certificate");
    fails("an authority that nobody trusts", tls(&pem), "certificate verify failed");

    let allow = ["--add", "--allow-principal", "User:bob", "--operation", "Describe", "--topic", "t"];
    ok(&broker.tool("acls", &allow, ""));
    let bob = [("sasl.mechanism", "PLAIN"), ("sasl.username", BOB.0), ("sasl.password", BOB.1)];
    let bob = secured(&broker.sasl_plaintext(), &[&bob[..], &[("security.protocol", "sasl_plaintext")]].concat());
    let start = Instant::now();
    // An ACL holds a moment after the tool has ended.
    while let Err(e) = reaches(&bob, "t") {
        assert!(start.elapsed() < 10 * SECOND, "{e}");
    }
}
