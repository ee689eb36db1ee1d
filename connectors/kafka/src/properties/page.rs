//! The table as a page.

use super::kinds::Kind;
use super::table::{Change, Fate, JAVA, LIBRDKAFKA, Property};

const HEAD: &str = "# Kafka properties

A table's Kafka properties have the names and values of Kafka's Java clients (4.x; older ones are understood too), in every
dialect: `'properties.linger.ms' = '50'` (flink), `linger.ms = '50'` or `extraConfig = 'linger.ms=50;…'` (blink),
`kafka.linger.ms = '50'` (uflink). The client inside is librdkafka 2.12. This page says what becomes of each. `tidegate check`
reports unknown names, with the nearest known one, and values of the wrong kind; it notes what has no effect. Numbers are
milliseconds and bytes without unit, as in Java. A value that Java takes and librdkafka does not is cut to what it takes, and
noted. Values of passwords, keys and logins are never shown.

This page is made from the table in `connectors/kafka/src/properties/table`.

## A login

```sql
'properties.security.protocol' = 'SASL_SSL',
'properties.sasl.mechanism' = 'SCRAM-SHA-512',
'properties.sasl.jaas.config' = 'org.apache.kafka.common.security.scram.ScramLoginModule required username=\"orders\" password=\"${password}\";',
'properties.ssl.truststore.type' = 'PEM',
'properties.ssl.truststore.location' = '/etc/kafka/ca.pem'
```

PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are there. Kerberos (GSSAPI, Java's default) and OAUTHBEARER are not in this build: a clear
error. Without a trust store the system's certificates are trusted.

## Certificates and keys

| Java | here |
|---|---|
| trust store, PEM (file or text) | as it is |
| trust store, JKS | `keytool -list -rfc -keystore trust.jks > trust.pem`, then `ssl.truststore.type = 'PEM'` |
| trust store, PKCS#12 | `openssl pkcs12 -in trust.p12 -nokeys -out trust.pem`, then `ssl.truststore.type = 'PEM'` |
| key store, PEM (file or texts) | as it is |
| key store, PKCS#12 | as it is; made by Java before 8u301 it may need `ssl.providers = 'default,legacy'` |
| key store, JKS | `keytool -importkeystore -srckeystore key.jks -destkeystore key.p12 -deststoretype PKCS12`, then `ssl.keystore.type = 'PKCS12'` |

The file's first bytes count, not its name or declared type: Java writes PKCS#12 into files called `.jks`. They are looked at when
a client is made, and the error has the command with the file's name in it.

## Values that have to fit each other

librdkafka refuses some values that Java takes. The one that gives way is noted: `delivery.timeout.ms` and `request.timeout.ms` are
at most `transaction.timeout.ms` (60000 where it is not given), since writes are transactions; `linger.ms` is less than half of
that; `fetch.max.bytes` is at least the largest message.
";

/// The page `docs/kafka-properties.md`.
pub fn page() -> String {
    let mut out = String::from(HEAD);
    section(&mut out, "Passed on under the same name", "| property | |", |p| match p.fate {
        Fate::Same => Some(remark(p)),
        _ => None,
    });
    section(&mut out, "Passed on under another name", "| property | librdkafka | |", |p| match p.fate {
        Fate::Renamed(names) => Some(format!("`{}` | {}", names.join("`, `"), remark(p))),
        _ => None,
    });
    section(&mut out, "Translated", "| property | becomes |", |p| match p.fate {
        Fate::Translated => Some(remark(p)),
        _ => None,
    });
    section(&mut out, "Read by the connector", "| property | |", |p| match p.fate {
        Fate::Connector => Some(remark(p)),
        _ => None,
    });
    section(&mut out, "Decided by Tidegate: without effect", "| property | no note for | why |", |p| match p.fate {
        Fate::Decided([]) => Some(format!("| {}", remark(p))),
        Fate::Decided(by) => Some(format!("`{}` | {}", by.join("`, `"), remark(p))),
        _ => None,
    });
    section(&mut out, "Without meaning here", "| property | why |", |p| match p.fate {
        Fate::Meaningless => Some(remark(p)),
        _ => None,
    });
    section(&mut out, "Refused", "| property | why |", |p| match p.fate {
        Fate::Refused => Some(remark(p)),
        _ => None,
    });
    out.push_str(
        "\n## librdkafka's own names\n\nUnderstood too, for those who know them.\n\n| property | |\n|---|---|\n",
    );
    out.push_str(&lines(LIBRDKAFKA.iter().map(|p| (p.name, own(p)))));
    out
}

/// A table of the Java properties that `cells` says something of.
fn section(out: &mut String, title: &str, head: &str, cells: impl Fn(&Property) -> Option<String>) {
    let columns = head.matches('|').count() - 1;
    out.push_str(&format!("\n## {title}\n\n{head}\n|{}\n", "---|".repeat(columns)));
    let rows = JAVA.iter().copied().flatten().filter_map(|p| Some((p.name, cells(p)?)));
    out.push_str(&lines(rows));
}

/// A line a row; neighbours of which the same is said share one.
fn lines<'a>(rows: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut lines: Vec<(Vec<&str>, String)> = Vec::new();
    for (name, cells) in rows {
        match lines.last_mut() {
            Some((names, before)) if *before == cells && !cells.is_empty() => names.push(name),
            _ => lines.push((vec![name], cells)),
        }
    }
    lines.iter().map(|(names, cells)| format!("| `{}` | {cells} |\n", names.join("`, `"))).collect()
}

/// What becomes of one of librdkafka's own.
fn own(p: &Property) -> String {
    match p.fate {
        Fate::Same => remark(p),
        Fate::Renamed(names) => format!("`{}`; {}", names.join("`, `"), remark(p)),
        Fate::Translated | Fate::Connector => remark(p),
        Fate::Decided(_) | Fate::Meaningless => format!("no effect: {}", remark(p)),
        Fate::Refused => format!("refused: {}", remark(p)),
    }
}

/// What there is to say besides the name.
fn remark(p: &Property) -> String {
    let mut parts: Vec<String> = Vec::new();
    match p.change {
        Change::Kept | Change::EmptyIsNone => {}
        Change::MinusOneIsZero => parts.push("-1 (unlimited, or the system's) is 0".into()),
        Change::Kilobytes => parts.push("bytes become kilobytes".into()),
    }
    match (p.limits, p.kind) {
        (Some((least, most)), _) => parts.push(format!("{least} to {most}")),
        (None, Kind::Whole(least, most)) if matches!(p.fate, Fate::Same | Fate::Renamed(_)) => {
            parts.push(format!("{least} to {most}"));
        }
        _ => {}
    }
    if !p.why.is_empty() {
        parts.push(p.why.to_owned());
    }
    parts.join("; ")
}
