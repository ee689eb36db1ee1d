//! The command lines that convert Java's stores.

use std::path::Path;

/// A trust store of either kind to PEM.
pub(super) fn trust(location: &str) -> String {
    let pem = with_extension(location, "pem");
    format!(
        "convert it: keytool -list -rfc -keystore {} > {} and set ssl.truststore.type = 'PEM', ssl.truststore.location = '{pem}'",
        quoted(location),
        quoted(&pem)
    )
}

/// A PKCS#12 trust store to PEM, without Java.
pub(super) fn trust_pkcs12(location: &str) -> String {
    let pem = with_extension(location, "pem");
    format!(
        "convert it: openssl pkcs12 -in {} -nokeys -out {} and set ssl.truststore.type = 'PEM', ssl.truststore.location = '{pem}'",
        quoted(location),
        quoted(&pem)
    )
}

/// A JKS key store to PKCS#12.
pub(super) fn key_jks(location: &str) -> String {
    let p12 = with_extension(location, "p12");
    format!(
        "convert it: keytool -importkeystore -srckeystore {} -destkeystore {} -deststoretype PKCS12 and set \
         ssl.keystore.type = 'PKCS12', ssl.keystore.location = '{p12}'",
        quoted(location),
        quoted(&p12)
    )
}

fn with_extension(location: &str, extension: &str) -> String {
    Path::new(location).with_extension(extension).display().to_string()
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ':' | '@');
    if path.chars().all(plain) && !path.is_empty() {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}
