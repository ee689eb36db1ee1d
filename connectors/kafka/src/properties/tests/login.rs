//! SASL: what a login becomes, and what is not in this build.

use super::super::resolve_files;
use super::{come, fails, settings};

const PLAIN: &str =
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"pa;ss\";";
const SHADED: &str = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"x\";";

const SASL: (&str, &str) = ("security.protocol", "SASL_PLAINTEXT");

#[test]
fn jaas_becomes_name_and_password() {
    let out = come(&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN)]);
    let all =
        ["sasl.mechanisms=PLAIN", "sasl.password=pa;ss", "sasl.username=alice", "security.protocol=sasl_plaintext"];
    assert_eq!((settings(&out), out.notes.len()), (all.map(str::to_owned).to_vec(), 0));
    resolve_files(&mut out.clone()).unwrap();
    let scram = come(&[SASL, ("sasl.mechanism", "scram-sha-512"), ("sasl.jaas.config", SHADED)]);
    assert_eq!(scram.setting("sasl.mechanisms"), Some("SCRAM-SHA-512"));
    assert_eq!(scram.setting("sasl.username"), Some("alice"));
    let own = [SASL, ("sasl.mechanisms", "PLAIN"), ("sasl.username", "bob"), ("sasl.password", "p")];
    assert_eq!(come(&own).setting("sasl.username"), Some("bob"), "librdkafka's own names");
    let both = [&own[..], &[("sasl.jaas.config", PLAIN)]].concat();
    assert!(fails(&both).contains("keep one"));
    assert!(fails(&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.mechanisms", "SCRAM-SHA-256")]).contains("keep one"));
}

#[test]
fn what_a_client_does_not_use_is_noted() {
    let server = "x.PlainLoginModule required username=\"a\" password=\"b\" user_admin=\"hunter2\";";
    let out = come(&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", server)]);
    assert!(
        out.notes[0].contains("no options but username and password") && !out.notes[0].contains("hunter2"),
        "{:?}",
        out.notes
    );
}

#[test]
fn what_is_not_in_this_build() {
    let jaas = |module: &str| format!("{module} required username=\"a\" password=\"b\";");
    let modules = [
        ("com.sun.security.auth.module.Krb5LoginModule", "Kerberos (GSSAPI)"),
        ("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule", "OAUTHBEARER"),
        ("software.amazon.msk.auth.iam.IAMLoginModule", "AWS_MSK_IAM"),
        ("com.example.VaultLoginModule", "'VaultLoginModule' is Java code"),
    ];
    for (module, part) in modules {
        let text = fails(&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", &jaas(module))]);
        assert!(text.contains(part), "{text}");
    }
    for mechanism in ["GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM"] {
        let text = fails(&[SASL, ("sasl.mechanism", mechanism)]);
        assert!(
            text.contains("SCRAM-SHA-512") && text.contains("not in this build") | text.contains("cannot run"),
            "{text}"
        );
    }
    assert!(fails(&[SASL, ("sasl.mechanism", "SCRAM-SHA-521")]).contains("did you mean 'SCRAM-SHA-512'"));
    assert!(fails(&[SASL, ("sasl.mechanism", "EXTERNAL")]).contains("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"));
    let token = "x.ScramLoginModule required username=\"a\" password=\"b\" tokenauth=\"true\";";
    assert!(fails(&[SASL, ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", token)]).contains("tokenauth"));
    let nobody = "x.ScramLoginModule required username=\"a\";";
    assert!(
        fails(&[SASL, ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", nobody)]).contains("no 'password'")
    );
}

#[test]
fn an_unfinished_login_is_noted_at_check_and_an_error_for_a_client() {
    for (pairs, part) in [
        (&[SASL][..], "sasl.mechanism is not given"),
        (&[SASL, ("sasl.mechanism", "PLAIN")], "sasl.jaas.config is not given"),
        (&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.username", "a")], "sasl.jaas.config is not given"),
    ] {
        let mut out = come(pairs);
        assert!(out.notes[0].contains(part), "{:?}", out.notes);
        let error = resolve_files(&mut out).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("PlainLoginModule required"), "{error}");
    }
}

#[test]
fn without_sasl_a_login_has_no_effect() {
    let mut out = come(&[("sasl.mechanism", "GSSAPI"), ("sasl.jaas.config", PLAIN)]);
    assert!(out.settings.is_empty() && out.notes.len() == 1, "{out:?}");
    assert!(out.notes[0].contains("'sasl.jaas.config', 'sasl.mechanism' have no effect"), "{:?}", out.notes);
    resolve_files(&mut out).unwrap();
    assert!(fails(&[("sasl.jaas.config", "x")]).contains("control flag"), "nonsense is nonsense anywhere");
}

#[test]
fn secrets_are_never_shown() {
    let out = come(&[SASL, ("sasl.mechanism", "PLAIN"), ("sasl.jaas.config", PLAIN), ("client.id", "me")]);
    let shown = format!("{out:?}");
    assert!(!shown.contains("pa;ss") && shown.contains("***") && shown.contains("\"me\""), "{shown}");
}
