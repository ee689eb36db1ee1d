//! Listeners with TLS, with names and passwords, and with client certificates, in the spelling of each
//! dialect: properties are those of Java's clients.

use std::path::Path;
use std::sync::OnceLock;

use tidegate_integration_tests::broker::{ALICE, Broker, Settings};
use tidegate_integration_tests::kafka_job::KafkaJob;
use tidegate_integration_tests::kafka_topics::Record;
use tidegate_integration_tests::process::{Finished, Tidegate};

use super::says;

/// One broker for all of them; it ends with this process. Its TLS listener wants a certificate.
fn broker() -> Option<&'static Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    let settings = || Settings::new().secure().env("KAFKA_TLS_CLIENT_AUTH", "required");
    BROKER.get_or_init(|| Broker::start(settings())).as_ref()
}

fn jaas(module: &str) -> String {
    let (name, password) = ALICE;
    format!("org.apache.kafka.common.security.{module} required username=\"{name}\" password=\"{password}\";")
}

const PLAIN: &str = "plain.PlainLoginModule";
const SCRAM: &str = "scram.ScramLoginModule";

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Properties of a listener with names and passwords.
fn sasl(protocol: &str, mechanism: &str, module: &str) -> Vec<(&'static str, String)> {
    vec![
        ("security.protocol", protocol.to_owned()),
        ("sasl.mechanism", mechanism.to_owned()),
        ("sasl.jaas.config", jaas(module)),
    ]
}

fn truststore(broker: &Broker) -> Vec<(&'static str, String)> {
    vec![("ssl.truststore.type", "PEM".to_owned()), ("ssl.truststore.location", text(&broker.ca_pem()))]
}

/// A job that copies the topic `in` to the topic `out` of a listener, by these properties at both ends.
fn copies(broker: &Broker, listener: &str, name: &str, properties: &[(&str, String)]) {
    let options: String = properties.iter().map(|(k, v)| format!(", 'properties.{k}' = '{v}'")).collect();
    let table = |table: &str, topic: &str, more: &str| {
        format!(
            "CREATE TABLE {table} (id BIGINT) WITH ('connector' = 'kafka', 'topic' = '${{p}}{topic}', \
             'properties.bootstrap.servers' = '${{kafka}}', 'format' = 'json'{more}{options});\n"
        )
    };
    let sql = table("src", "in", ", 'properties.group.id' = '${p}g', 'scan.startup.mode' = 'earliest-offset'")
        + &table("out", "out", "")
        + "INSERT INTO out SELECT id FROM src;\n";
    copies_by(broker, listener, name, &sql);
}

fn copies_by(broker: &Broker, listener: &str, name: &str, sql: &str) {
    let job = KafkaJob::behind(&broker.bootstrap(), listener, name);
    job.create("in", 1);
    job.create("out", 1);
    job.produce("in", (0..3).map(|id| Record::new(format!(r#"{{"id":{id}}}"#))));
    let run = job.bounded(name, sql).run().ok();
    assert_eq!(job.numbers("out", "id"), [0, 1, 2], "{name}");
    assert!(!run.stderr.contains("WARN"), "{name}: {}", run.stderr);
    let explained = job.command("explain", name, sql).run().ok();
    for said in [run, explained] {
        keeps_secrets(&said);
    }
}

/// Nothing a person sees has a password in it.
fn keeps_secrets(said: &Finished) {
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(!all.contains(ALICE.1) && !all.contains("changeit"), "{all}");
}

#[test]
fn names_and_passwords() {
    let Some(broker) = broker() else { return };
    let cases = [("PLAIN", PLAIN), ("SCRAM-SHA-256", SCRAM), ("SCRAM-SHA-512", SCRAM)];
    for (mechanism, module) in cases {
        let properties = [sasl("SASL_SSL", mechanism, module), truststore(broker)].concat();
        copies(broker, &broker.sasl_tls(), mechanism, &properties);
    }
    copies(broker, &broker.sasl_plaintext(), "plaintext", &sasl("SASL_PLAINTEXT", "PLAIN", PLAIN));
}

#[test]
fn client_certificates() {
    let Some(broker) = broker() else { return };
    let (certificate, key, p12) = broker.client_certificate();
    let read = |p: &Path| std::fs::read_to_string(p).unwrap();
    let tls = |more: Vec<(&'static str, String)>| {
        [vec![("security.protocol", "SSL".to_owned())], truststore(broker), more].concat()
    };
    let chain = vec![
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.certificate.chain", read(&certificate)),
        ("ssl.keystore.key", read(&key)),
    ];
    copies(broker, &broker.tls(), "chain", &tls(chain));
    // Java's PEM store is one file with the key and the certificate.
    let both = broker.dir().join("tls/client.pem");
    std::fs::write(&both, read(&key) + &read(&certificate)).unwrap();
    let file = vec![("ssl.keystore.type", "PEM".to_owned()), ("ssl.keystore.location", text(&both))];
    copies(broker, &broker.tls(), "pem", &tls(file));
    let store = vec![
        ("ssl.keystore.type", "PKCS12".to_owned()),
        ("ssl.keystore.location", text(&p12)),
        ("ssl.keystore.password", "changeit".to_owned()),
    ];
    copies(broker, &broker.tls(), "pkcs12", &tls(store));
}

#[test]
fn the_older_dialects() {
    let Some(broker) = broker() else { return };
    let uflink = |table: &str, topic: &str, more: &str| {
        format!(
            "CREATE TABLE {table} (id BIGINT) WITH (type = 'kafka11', bootstrapServers = '${{kafka}}', \
             topic = '${{p}}{topic}', kafka.security.protocol = 'SASL_SSL', kafka.sasl.mechanism = 'PLAIN', \
             kafka.sasl.jaas.config = '{}', kafka.ssl.truststore.type = 'PEM', kafka.ssl.truststore.location = '{}'{more});\n",
            jaas(PLAIN),
            text(&broker.ca_pem())
        )
    };
    let sql = uflink("src", "in", ", offsetReset = 'earliest'")
        + &uflink("target", "out", "")
        + "INSERT INTO target SELECT id FROM src;\n";
    copies_by(broker, &broker.sasl_tls(), "uflink", &sql);

    let blink = |table: &str, topic: &str, more: &str| {
        format!(
            "CREATE TABLE {table} (message VARBINARY) WITH (type = 'kafka011', bootstrap.servers = '${{kafka}}', \
             topic = '${{p}}{topic}', extraConfig = 'security.protocol=SASL_SSL;sasl.mechanism=SCRAM-SHA-256;\
             sasl.jaas.config={};ssl.truststore.type=PEM;ssl.truststore.location={}'{more});\n",
            jaas(SCRAM),
            text(&broker.ca_pem())
        )
    };
    let sql = blink("src", "in", ", startupMode = 'EARLIEST'")
        + &blink("target", "out", "")
        + "INSERT INTO target SELECT message FROM src;\n";
    copies_by(broker, &broker.sasl_tls(), "blink", &sql);
}

#[test]
fn produce_tail_and_query_take_properties() {
    let Some(broker) = broker() else { return };
    let job = KafkaJob::on(&broker.bootstrap(), "hand");
    let topic = job.full("t");
    let properties = [sasl("SASL_SSL", "SCRAM-SHA-512", SCRAM), truststore(broker)].concat();
    let command = |name: &str, args: &[&str]| {
        let command = args.iter().fold(Tidegate::new([name]), Tidegate::arg).arg("--bootstrap").arg(broker.sasl_tls());
        properties.iter().fold(command, |c, (k, v)| c.arg("--property").arg(format!("{k}={v}")))
    };
    command("produce", &[&topic, "--create", "1"]).run_with_input("a\nb\n").ok();
    let out = command("tail", &[&topic]).run().ok();
    assert_eq!(out.stdout, "a\nb\n");
    let out = command("query", &[&format!("SELECT COUNT(*) AS n FROM `{topic}`"), "--format", "json"]).run().ok();
    assert_eq!(out.stdout.trim(), r#"{"n":2}"#);
    // An error about the query does not show the properties it was planned with.
    let out = command("query", &["SELECT nothing FROM nowhere"]).run();
    keeps_secrets(&out);
    says(&out.fails_with(2), &["nowhere"]);
}
