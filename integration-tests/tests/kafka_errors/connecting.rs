//! Who cannot be reached, and who does not let us in.

use std::path::Path;
use std::process::Command;

use tidegate_integration_tests::broker::ALICE;
use tidegate_integration_tests::process::Tidegate;

use super::{End, WRONG, broker, command_fails, copy, fails, says, topics};

/// A port that nobody listens on.
const CLOSED: &str = "127.0.0.1:1";

/// Each as the source's trouble and as the sink's, all at once: most of it is waiting.
#[test]
fn brokers_that_cannot_be_reached() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "reach");
    let cases = [
        ("closed", CLOSED.to_owned(), "Connection refused"),
        ("unknown", "nowhere.invalid:9092".to_owned(), "Failed to resolve 'nowhere.invalid:9092'"),
        ("tls", broker.tls(), "another security.protocol"),
        ("sasl", broker.sasl_plaintext(), "another security.protocol"),
    ];
    std::thread::scope(|scope| {
        for (name, bootstrap, reason) in &cases {
            let job = &job;
            scope.spawn(move || {
                let sql = copy(&End::plain(job, "in").at(bootstrap), &End::plain(job, "out"));
                let said = fails(job, &format!("{name}_in"), &sql, &[3]);
                says(&said, &["table src", &format!("Kafka at {bootstrap}"), reason, "security.protocol"]);
            });
            scope.spawn(move || {
                let sql = copy(&End::plain(job, "in"), &End::plain(job, "out").at(bootstrap));
                let said = fails(job, &format!("{name}_out"), &sql, &[3]);
                says(&said, &["table out", &format!("Kafka at {bootstrap}"), reason, "security.protocol"]);
            });
            scope.spawn(move || {
                for command in ["tail", "produce"] {
                    let command = Tidegate::new([command, "t", "--bootstrap"]).arg(bootstrap);
                    let said = command_fails(command.args("--property default.api.timeout.ms=1500"), &[3]);
                    says(&said, &[&format!("Kafka at {bootstrap}"), "no answer within 1.5 s", reason]);
                }
            });
        }
    });
}

/// A refusal is no silence: it ends at once, with exit code 2.
#[test]
fn names_passwords_and_authorities_that_are_wrong() {
    let Some(broker) = broker() else { return };
    let job = topics(&broker.bootstrap(), "refused");
    let (src, out) = (End::plain(&job, "in"), End::plain(&job, "out"));
    let wrong = (ALICE.0, WRONG);
    let said =
        fails(&job, "in", &copy(&src.clone().at(&broker.sasl_plaintext()).user(wrong, "SASL_PLAINTEXT"), &out), &[2]);
    says(&said, &["table src", "the broker refuses the connection", "Authentication failed"]);
    says(&said, &["help: look at user name, password and sasl.mechanism"]);
    let said =
        fails(&job, "out", &copy(&src, &out.clone().at(&broker.sasl_plaintext()).user(wrong, "SASL_PLAINTEXT")), &[2]);
    says(&said, &["table out", "the broker refuses the connection", "Authentication failed"]);
    let command = Tidegate::new(["tail", "t", "--bootstrap"]).arg(broker.sasl_plaintext());
    let properties = [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=PLAIN",
        "sasl.username=alice",
        "sasl.password=wr0ng-s3cret",
    ];
    let command = properties.iter().fold(command, |c, p| c.arg("--property").arg(p));
    says(&command_fails(command, &[2]), &["the broker refuses the connection"]);

    let other = another_authority(broker.dir());
    let trusting = |end: &End| {
        end.clone()
            .at(&broker.sasl_tls())
            .user(ALICE, "SASL_SSL")
            .with("properties.ssl.truststore.type", "PEM")
            .with("properties.ssl.truststore.location", &other)
    };
    for (name, sql) in [("in_ca", copy(&trusting(&src), &out)), ("out_ca", copy(&src, &trusting(&out)))] {
        let said = fails(&job, name, &sql, &[2]);
        says(&said, &["the broker refuses the connection", "certificate verify failed", "truststore"]);
    }
    // A mechanism that this program does not have is refused before anybody is asked.
    let kerberos =
        copy(&src.with("properties.security.protocol", "SASL_SSL").with("properties.sasl.mechanism", "GSSAPI"), &out);
    says(&fails(&job, "kerberos", &kerberos, &[2]), &["Kerberos", "SCRAM-SHA-256"]);
}

/// A file with the certificate of an authority that has vouched for nobody here.
fn another_authority(dir: &Path) -> String {
    let path = dir.join("other-ca.pem");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=other-ca", "-keyout", "/dev/null", "-out"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    path.to_str().unwrap().to_owned()
}
