//! Certificates and keys: by declared type, and by what the files are.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{ClientProperties, resolve_files};
use super::{Pairs, come, fails};

pub(super) const CERTIFICATE: &str = include_str!("stores/certificate.pem");
pub(super) const KEY: &str = include_str!("stores/key.pem");
/// Its password is `key-word`; that of the stores is `store-word`.
pub(super) const ENCRYPTED_KEY: &str = include_str!("stores/encrypted-key.pem");
pub(super) const KEY_P12: &[u8] = include_bytes!("stores/key.p12");
const TRUST_P12: &[u8] = include_bytes!("stores/trust.p12");
const KEY_JKS: &[u8] = include_bytes!("stores/key.jks");
const TRUST_JKS: &[u8] = include_bytes!("stores/trust.jks");

const TLS: (&str, &str) = ("security.protocol", "SSL");

/// A file of a test, gone with it.
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn new(name: &str, bytes: &[u8]) -> File {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tidegate-stores-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        File(path)
    }
    pub(super) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

pub(super) fn both() -> String {
    format!("{KEY}{CERTIFICATE}")
}

fn resolved(pairs: Pairs<'_>) -> ClientProperties {
    let mut out = come(&[&[TLS], pairs].concat());
    resolve_files(&mut out).unwrap_or_else(|e| panic!("{pairs:?}: {e}"));
    out
}

fn refused(pairs: Pairs<'_>) -> String {
    let mut out = come(&[&[TLS], pairs].concat());
    match resolve_files(&mut out) {
        Ok(()) => panic!("{pairs:?} come to {out:?}"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn pem_by_declared_type_needs_no_file_at_check() {
    let trust = come(&[TLS, ("ssl.truststore.type", "pem"), ("ssl.truststore.location", "/not/here.pem")]);
    assert_eq!((trust.setting("ssl.ca.location"), trust.notes.len()), (Some("/not/here.pem"), 0));
    let key =
        [TLS, ("ssl.keystore.type", "PEM"), ("ssl.keystore.location", "/not/here.pem"), ("ssl.key.password", "k")];
    let key = come(&key);
    assert_eq!(key.setting("ssl.certificate.location"), Some("/not/here.pem"));
    assert_eq!(key.setting("ssl.key.location"), Some("/not/here.pem"));
    assert_eq!(key.setting("ssl.key.password"), Some("k"));
    let p12 =
        [TLS, ("ssl.keystore.type", "PKCS12"), ("ssl.keystore.location", "/k.p12"), ("ssl.keystore.password", "s")];
    let p12 = come(&p12);
    assert_eq!(
        (p12.setting("ssl.keystore.location"), p12.setting("ssl.keystore.password")),
        (Some("/k.p12"), Some("s"))
    );
    let missing = refused(&[("ssl.truststore.type", "PEM"), ("ssl.truststore.location", "/not/here.pem")]);
    assert!(missing.contains("cannot read '/not/here.pem'"), "{missing}");
}

#[test]
fn trust_stores_by_their_files() {
    let pem = File::new("ca.jks", CERTIFICATE.as_bytes());
    let out = resolved(&[("ssl.truststore.location", pem.path())]);
    assert_eq!(out.setting("ssl.ca.location"), Some(pem.path()), "the bytes count, not the name");

    let jks = File::new("kafka.client.truststore.jks", TRUST_JKS);
    let password = ("ssl.truststore.password", "hunter2");
    let text = refused(&[("ssl.truststore.location", jks.path()), password]);
    let pem = jks.path().replace(".jks", ".pem");
    let line = format!("keytool -list -rfc -keystore {} > {pem}", jks.path());
    assert!(text.contains(&line) && text.contains("ssl.truststore.type = 'PEM'"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let declared = come(&[TLS, ("ssl.truststore.location", jks.path()), ("ssl.truststore.type", "JKS")]);
    assert!(declared.notes[0].contains(&line), "the command is in the note of a check: {:?}", declared.notes);
    assert!(refused(&[("ssl.truststore.location", jks.path()), ("ssl.truststore.type", "PEM")]).contains(&line));

    let p12 = File::new("trust store.p12", TRUST_P12);
    let text = refused(&[("ssl.truststore.location", p12.path()), ("ssl.truststore.type", "JKS")]);
    let line = format!("openssl pkcs12 -in '{}' -nokeys -out '{}'", p12.path(), p12.path().replace(".p12", ".pem"));
    assert!(text.contains(&line), "{text}");

    let key_only = File::new("key.pem", KEY.as_bytes());
    assert!(refused(&[("ssl.truststore.location", key_only.path())]).contains("no certificate"));
    let other = File::new("x.pem", b"hello");
    assert!(refused(&[("ssl.truststore.location", other.path())]).contains("neither PEM nor PKCS#12"));
    let directory = std::env::temp_dir();
    assert!(refused(&[("ssl.truststore.location", directory.to_str().unwrap())]).contains("no file of certificates"));
}

#[test]
fn key_stores_by_their_files() {
    let pem = File::new("both.pem", both().as_bytes());
    let out = resolved(&[("ssl.keystore.location", pem.path())]);
    assert_eq!(out.setting("ssl.certificate.location"), Some(pem.path()));
    assert_eq!((out.setting("ssl.key.location"), out.setting("ssl.keystore.location")), (Some(pem.path()), None));

    // Java reads PKCS#12 under the type JKS, which is its default.
    let p12 = File::new("key.jks", KEY_P12);
    let password = ("ssl.keystore.password", "store-word");
    for kind in ["JKS", "PKCS12", "PEM"] {
        let out = resolved(&[("ssl.keystore.location", p12.path()), password, ("ssl.keystore.type", kind)]);
        assert_eq!(out.setting("ssl.keystore.location"), Some(p12.path()), "{kind}");
        assert_eq!((out.setting("ssl.keystore.password"), out.setting("ssl.key.location")), (Some("store-word"), None));
    }
    assert!(refused(&[("ssl.keystore.location", p12.path())]).contains("'ssl.keystore.password'"));
    assert!(fails(&[TLS, ("ssl.keystore.location", "k"), ("ssl.keystore.type", "PKCS12")]).contains("password"));
    let other = resolved(&[("ssl.keystore.location", p12.path()), password, ("ssl.key.password", "other")]);
    assert!(other.notes[0].contains("ssl.key.password") && other.setting("ssl.key.password").is_none());

    let jks = File::new("key.jks", KEY_JKS);
    let text = refused(&[("ssl.keystore.location", jks.path()), password]);
    let p12 = jks.path().replace(".jks", ".p12");
    let line = format!("keytool -importkeystore -srckeystore {} -destkeystore {p12} -deststoretype PKCS12", jks.path());
    assert!(text.contains(&line) && text.contains("ssl.keystore.type = 'PKCS12'"), "{text}");
    assert!(!text.contains("store-word"), "{text}");

    let encrypted = File::new("e.pem", format!("{ENCRYPTED_KEY}{CERTIFICATE}").as_bytes());
    assert!(refused(&[("ssl.keystore.location", encrypted.path())]).contains("encrypted"));
    let out = resolved(&[("ssl.keystore.location", encrypted.path()), ("ssl.key.password", "key-word")]);
    assert_eq!(out.setting("ssl.key.password"), Some("key-word"));
    let half = File::new("c.pem", CERTIFICATE.as_bytes());
    assert!(refused(&[("ssl.keystore.location", half.path())]).contains("no private key"));
}

#[test]
fn texts_are_pem_whatever_their_line_ends() {
    let one_line = CERTIFICATE.trim().replace('\n', " ");
    let escaped = KEY.trim().replace('\n', "\\n");
    let out = resolved(&[
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", &one_line),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.certificate.chain", CERTIFICATE),
        ("ssl.keystore.key", &escaped),
    ]);
    assert_eq!(out.setting("ssl.ca.pem"), Some(CERTIFICATE));
    assert_eq!(out.setting("ssl.certificate.pem"), Some(CERTIFICATE));
    assert_eq!(out.setting("ssl.key.pem"), Some(KEY));
    assert!(!format!("{out:?}").contains("BEGIN"), "{out:?}");

    let two = resolved(&[("ssl.truststore.certificates", &format!("{one_line} {one_line}"))]);
    assert_eq!(two.setting("ssl.ca.pem").unwrap(), CERTIFICATE.repeat(2));
    let not = fails(&[TLS, ("ssl.keystore.key", "hunter2"), ("ssl.keystore.certificate.chain", CERTIFICATE)]);
    assert!(not.contains("'ssl.keystore.key': is not PEM") && !not.contains("hunter2"), "{not}");
    assert!(fails(&[TLS, ("ssl.keystore.key", KEY)]).contains("'ssl.keystore.certificate.chain'"));
    let store = [TLS, ("ssl.truststore.type", "JKS"), ("ssl.truststore.certificates", CERTIFICATE)];
    assert!(fails(&store).contains("ssl.truststore.type = 'PEM'"));
    let encrypted = [TLS, ("ssl.keystore.certificate.chain", CERTIFICATE), ("ssl.keystore.key", ENCRYPTED_KEY)];
    assert!(fails(&encrypted).contains("'ssl.key.password'"));
    let twice = [TLS, ("ssl.truststore.location", "/a"), ("ssl.truststore.certificates", CERTIFICATE)];
    assert!(fails(&twice).contains("keep one"));
}

#[test]
fn host_names_and_ciphers() {
    let name = |value| come(&[TLS, ("ssl.endpoint.identification.algorithm", value)]);
    assert_eq!(name("").setting("ssl.endpoint.identification.algorithm"), Some("none"));
    assert_eq!(name("HTTPS").setting("ssl.endpoint.identification.algorithm"), Some("https"));
    let ciphers = |list| come(&[TLS, ("ssl.cipher.suites", list)]);
    let out = ciphers("TLS_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,ECDHE-RSA-AES128-GCM-SHA256");
    assert_eq!(out.setting("ssl.cipher.suites"), Some("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"));
    let only = ciphers("TLS_AES_256_GCM_SHA384");
    assert_eq!((only.setting("ssl.cipher.suites"), only.notes.len()), (None, 1));
    let unknown = fails(&[TLS, ("ssl.cipher.suites", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA385")]);
    assert!(unknown.contains("did you mean 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384'"), "{unknown}");
    let insecure = come(&[TLS, ("enable.ssl.certificate.verification", "false")]);
    assert!(insecure.notes[0].contains("anybody"), "{:?}", insecure.notes);
}

#[test]
fn without_tls_certificates_have_no_effect() {
    let pairs = [("ssl.truststore.location", "/not/here.jks"), ("ssl.ca.location", "/x"), ("ssl.protocol", "TLSv1.2")];
    let mut out = come(&pairs);
    assert!(out.settings.is_empty(), "{out:?}");
    assert!(
        out.notes.iter().any(|n| n.contains("'ssl.truststore.location', 'ssl.ca.location' have no effect")),
        "{:?}",
        out.notes
    );
    resolve_files(&mut out).unwrap();
}
