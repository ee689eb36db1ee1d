//! Trust and key stores: what the properties say, and, once a client is made, what the files are.
//!
//! Java's default type is JKS, and Java reads PKCS#12 under that name too, so a declared type other
//! than PEM says little: the first bytes of the file decide.

mod commands;
mod files;

use tidegate_core::options::Secret;
use tidegate_core::{Error, Result};

use super::reading::Given;
use super::sasl::without_protocol;
use super::{ClientProperties, ciphers, pem, wrong};

pub(super) use files::resolve;

/// Stores whose files are still to be looked into.
#[derive(Clone, Default)]
pub(super) struct Stores {
    trust: Option<Store>,
    key: Option<Store>,
}

#[derive(Clone)]
struct Store {
    location: String,
    password: Option<Secret>,
    key_password: Option<Secret>,
}

const TRUST: &str = "ssl.truststore.location";
const KEY: &str = "ssl.keystore.location";

/// Settings that only TLS reads, whoever set them.
fn about_tls(name: &str) -> bool {
    name.starts_with("ssl.") || name == "enable.ssl.certificate.verification"
}

/// What can be said without the files.
pub(super) fn settle(given: &Given, out: &mut ClientProperties) -> Result<()> {
    if !out.uses_tls() {
        let mut names: Vec<String> = given.names("ssl.").map(str::to_owned).collect();
        names.extend(out.settings.keys().filter(|n| about_tls(n)).cloned());
        out.settings.retain(|name, _| !about_tls(name));
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            out.note(without_protocol(&names, "SSL or SASL_SSL"));
        }
        return Ok(());
    }
    if out.setting("enable.ssl.certificate.verification") == Some("false") {
        out.note("'enable.ssl.certificate.verification' = 'false': anybody can pose as a broker");
    }
    if let Some(list) = given.get("ssl.cipher.suites") {
        match given.at("ssl.cipher.suites", ciphers::openssl(list))? {
            Some(list) => out.set("ssl.cipher.suites", list),
            None => out.note("Kafka property 'ssl.cipher.suites' has no effect: suites of TLS 1.3 are always on"),
        }
    }
    trust(given, out)?;
    keys(given, out)
}

fn is_pem(kind: Option<&str>) -> bool {
    kind == Some("PEM")
}

fn trust(given: &Given, out: &mut ClientProperties) -> Result<()> {
    let kind = given.get("ssl.truststore.type");
    let pem_name = "ssl.truststore.certificates";
    if let Some(text) = given.get(pem_name) {
        given.at(pem_name, inline(out, pem_name, "ssl.ca.pem", text, kind))?;
        if given.get(TRUST).is_some() {
            return given.at(TRUST, Err(wrong(TRUST, format_args!("is given, and '{pem_name}' too")).help("keep one")));
        }
    }
    let Some(location) = given.get(TRUST) else { return Ok(()) };
    if out.setting("ssl.ca.location").is_some() {
        return given.at(TRUST, Err(wrong(TRUST, "is given, and 'ssl.ca.location' too").help("keep one")));
    }
    if is_pem(kind) {
        out.set("ssl.ca.location", location);
        if given.get("ssl.truststore.password").is_some() {
            out.note("Kafka property 'ssl.truststore.password' has no effect: PEM has none");
        }
    } else if let Some(kind) = kind {
        out.note(format!(
            "Kafka property 'ssl.truststore.type' = '{kind}': only PEM can be used; {}",
            commands::trust(location)
        ));
    }
    out.stores.trust = Some(Store { location: location.to_owned(), password: None, key_password: None });
    Ok(())
}

fn keys(given: &Given, out: &mut ClientProperties) -> Result<()> {
    let kind = given.get("ssl.keystore.type");
    let (chain_name, key_name) = ("ssl.keystore.certificate.chain", "ssl.keystore.key");
    let (chain, key) = (given.get(chain_name), given.get(key_name));
    let secret = |name| given.get(name).map(Secret::new);
    if let (Some(chain), Some(key)) = (chain, key) {
        given.at(chain_name, inline(out, chain_name, "ssl.certificate.pem", chain, kind))?;
        given.at(key_name, inline(out, key_name, "ssl.key.pem", key, kind))?;
        if pem::is_encrypted(key.as_bytes()) && given.get("ssl.key.password").is_none() {
            return given.at(key_name, Err(no_key_password(key_name)));
        }
    } else if let Some((have, lack)) = chain.map(|_| (chain_name, key_name)).or(key.map(|_| (key_name, chain_name))) {
        return given.at(have, Err(wrong(have, format_args!("is given without '{lack}'")).help("give both")));
    }
    // Without a store it goes with librdkafka's own ssl.key.location.
    if let Some(password) = given.get("ssl.key.password") {
        out.set("ssl.key.password", password);
    }
    let Some(location) = given.get(KEY) else { return Ok(()) };
    for other in [chain_name, "ssl.certificate.location", "ssl.key.location"] {
        if given.get(other).is_some() || out.setting(other).is_some() {
            return given.at(KEY, Err(wrong(KEY, format_args!("is given, and '{other}' too")).help("keep one")));
        }
    }
    let (password, key_password) = (secret("ssl.keystore.password"), secret("ssl.key.password"));
    let store = Store { location: location.to_owned(), password, key_password };
    match kind {
        Some("PEM") => store.as_pem(out),
        Some("PKCS12") => given.at(KEY, store.as_pkcs12(out))?,
        _ => {}
    }
    out.stores.key = Some(store);
    Ok(())
}

fn inline(out: &mut ClientProperties, name: &str, setting: &str, text: &str, kind: Option<&str>) -> Result<()> {
    if kind.is_some() && !is_pem(kind) {
        let kind_name = if name.starts_with("ssl.trust") { "ssl.truststore.type" } else { "ssl.keystore.type" };
        return Err(wrong(name, "only PEM can be given as a text").help(format!("set {kind_name} = 'PEM'")));
    }
    if out.setting(setting).is_some() {
        return Err(wrong(name, format_args!("is given, and '{setting}' too")).help("keep one"));
    }
    match pem::normal(text) {
        Some(pem) => {
            out.set(setting, pem);
            Ok(())
        }
        None => {
            Err(wrong(name, "is not PEM")
                .help("it has to begin with -----BEGIN …----- and to end with -----END …-----"))
        }
    }
}

fn no_key_password(name: &str) -> Error {
    wrong(name, "the private key is encrypted").help("add 'ssl.key.password'")
}

impl Store {
    /// The key and its certificates from one PEM file.
    fn as_pem(&self, out: &mut ClientProperties) {
        out.set("ssl.certificate.location", &self.location);
        out.set("ssl.key.location", &self.location);
        match &self.key_password {
            Some(password) => out.set("ssl.key.password", password.reveal()),
            None if self.password.is_some() => {
                out.note(
                    "Kafka property 'ssl.keystore.password' has no effect: PEM has none, ssl.key.password is the key's",
                );
            }
            None => {}
        }
    }

    fn as_pkcs12(&self, out: &mut ClientProperties) -> Result<()> {
        let Some(password) = &self.password else {
            return Err(wrong(KEY, "a PKCS#12 store has a password").help("add 'ssl.keystore.password'"));
        };
        out.set("ssl.keystore.location", &self.location);
        out.set("ssl.keystore.password", password.reveal());
        out.settings.remove("ssl.key.password");
        if self.key_password.as_ref().is_some_and(|key| key != password) {
            out.note("Kafka property 'ssl.key.password' has no effect: in PKCS#12 the store's password is the key's");
        }
        Ok(())
    }
}
