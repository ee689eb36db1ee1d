//! Whether librdkafka takes what the table makes: real clients, no broker.

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;

use super::super::kinds::Kind;
use super::super::table::{self, Fate, Property};
use super::super::{ClientProperties, resolve_files};
use super::stores::{CERTIFICATE, ENCRYPTED_KEY, File, KEY, KEY_P12, both};
use super::{Pairs, come};

/// A consumer and a transactional producer, as the connector makes them.
fn clients(out: &ClientProperties, what: &str) {
    let mut config = ClientConfig::new();
    for (name, value) in &out.settings {
        config.set(name, value.reveal());
    }
    config.set("bootstrap.servers", "127.0.0.1:1");
    let mut producer = config.clone();
    producer.set("transactional.id", "t");
    config.create::<BaseConsumer>().unwrap_or_else(|e| panic!("{what}: a consumer: {e}"));
    producer.create::<BaseProducer>().unwrap_or_else(|e| panic!("{what}: a producer: {e}"));
}

/// Values at the ends of what a row takes.
fn samples(row: &Property) -> Vec<String> {
    match row.kind {
        Kind::Boolean => vec!["true".into(), "false".into()],
        Kind::Whole(least, most) => vec![least.to_string(), most.to_string()],
        Kind::OneOf(all) => all.iter().map(|v| (*v).to_owned()).collect(),
        Kind::Several(all) => vec![all.join(",")],
        Kind::Decimal(..) | Kind::Text | Kind::Secret => vec![text(row.name).to_owned()],
    }
}

fn text(name: &str) -> &'static str {
    match name {
        "topic.blacklist" => "^a$,^b$",
        "broker.version.fallback" => "0.10.0",
        "ssl.curves.list" => "P-256",
        "ssl.sigalgs.list" => "RSA+SHA256",
        "ssl.providers" => "default",
        "ssl.ca.pem" | "ssl.certificate.pem" => CERTIFICATE,
        "ssl.key.pem" => KEY,
        _ => "x",
    }
}

/// Rows whose values name files; they are in `stores_are_taken`.
const FILES: &[&str] = &["ssl.ca.location", "ssl.crl.location", "ssl.certificate.location", "ssl.key.location"];

#[test]
fn every_name_the_table_passes_on_exists() {
    let mut names = 0;
    for row in table::all() {
        for value in samples(row) {
            let needs: Pairs<'_> =
                match row.name.starts_with("ssl.") || row.name == "enable.ssl.certificate.verification" {
                    true => &[("security.protocol", "SSL")],
                    false => &[],
                };
            let out = match row.fate {
                Fate::Same | Fate::Renamed(_) if row.name == "security.protocol" && value.starts_with("sasl") => {
                    continue;
                }
                Fate::Same | Fate::Renamed(_) => come(&[needs, &[(row.name, value.as_str())]].concat()),
                _ => continue,
            };
            for target in row.targets() {
                assert!(out.setting(target).is_some(), "{} = '{value}' does not set {target}", row.name);
                let mut one = ClientConfig::new();
                one.set(*target, out.setting(target).unwrap_or_default());
                one.create_native_config().unwrap_or_else(|e| panic!("{} = '{value}': {e}", row.name));
                names += 1;
            }
            // A debug context writes to the log while the client lives.
            if !FILES.contains(&row.name) && row.name != "debug" && !row.name.ends_with(".pem") {
                clients(&out, &format!("{} = '{value}'", row.name));
            }
        }
    }
    assert!(names > 150, "{names}");
}

#[test]
fn names_that_code_sets_exist() {
    let levels = [("compression.type", "gzip"), ("compression.gzip.level", "9")];
    clients(&come(&levels), "a level");
    let jaas = "x.ScramLoginModule required username=\"u\" password=\"p\";";
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let login =
            [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", mechanism), ("sasl.jaas.config", jaas)];
        clients(&come(&login), mechanism);
    }
    let suites: Vec<&str> = super::super::ciphers::SUITES.iter().map(|(iana, _)| *iana).collect();
    for suite in suites {
        clients(&come(&[("security.protocol", "SSL"), ("ssl.cipher.suites", suite)]), suite);
    }
}

#[test]
fn everything_at_its_largest_and_smallest_fits_together() {
    for end in 0..2 {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let mut taken: Vec<&str> = Vec::new();
        for row in table::all().filter(|p| matches!(p.fate, Fate::Same | Fate::Renamed(_))) {
            if let Kind::Whole(least, most) = row.kind
                && row.targets().iter().all(|t| !taken.contains(t))
            {
                taken.extend(row.targets());
                pairs.push((row.name, [least, most][end].to_string()));
            }
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert!(pairs.len() > 30, "{}", pairs.len());
        clients(&come(&pairs), ["smallest", "largest"][end]);
    }
}

#[test]
fn stores_are_taken() {
    let ca = File::new("ca.pem", CERTIFICATE.as_bytes());
    let pem = File::new("key.pem", both().as_bytes());
    let encrypted = File::new("key.pem", format!("{ENCRYPTED_KEY}{CERTIFICATE}").as_bytes());
    let p12 = File::new("key.jks", KEY_P12);
    let one_line = |pem: &str| pem.trim().replace('\n', " ");
    let (certificate, key, secret) = (one_line(CERTIFICATE), one_line(KEY), one_line(ENCRYPTED_KEY));
    let cases: &[Pairs<'_>] = &[
        &[("ssl.truststore.location", ca.path())],
        &[("ssl.truststore.certificates", &certificate)],
        &[("ssl.keystore.location", pem.path())],
        &[("ssl.keystore.location", encrypted.path()), ("ssl.key.password", "key-word")],
        &[("ssl.keystore.location", p12.path()), ("ssl.keystore.password", "store-word")],
        &[("ssl.keystore.certificate.chain", &certificate), ("ssl.keystore.key", &key)],
        &[
            ("ssl.keystore.certificate.chain", &certificate),
            ("ssl.keystore.key", &secret),
            ("ssl.key.password", "key-word"),
        ],
    ];
    for case in cases {
        let mut out = come(&[&[("security.protocol", "SSL")], *case].concat());
        resolve_files(&mut out).unwrap_or_else(|e| panic!("{case:?}: {e}"));
        clients(&out, &format!("{case:?}"));
    }
}
