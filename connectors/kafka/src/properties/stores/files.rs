//! A look into the files when a client is made.

use tidegate_core::{Error, Result};

use super::super::pem::{self, Content};
use super::super::{ClientProperties, wrong};
use super::{KEY, Store, TRUST, commands, no_key_password};

/// Certificates and keys are small; what is larger is something else.
const MOST_BYTES: u64 = 16 << 20;

/// Sets what the files turn out to be.
///
/// # Errors
/// A file that cannot be read or used.
pub(in super::super) fn resolve(out: &mut ClientProperties) -> Result<()> {
    if !out.uses_tls() {
        return Ok(());
    }
    if let Some(store) = out.stores.trust.clone() {
        trust(&store, out)?;
    }
    if let Some(store) = out.stores.key.clone() {
        keys(&store, out)?;
    }
    Ok(())
}

fn trust(store: &Store, out: &mut ClientProperties) -> Result<()> {
    let location = &store.location;
    let bytes = read(TRUST, location)?;
    match pem::content(&bytes) {
        Content::Pem if pem::has_certificate(&bytes) => {
            out.set("ssl.ca.location", location);
            Ok(())
        }
        Content::Pem => Err(wrong(TRUST, format_args!("'{location}' has no certificate in it"))),
        Content::Jks => {
            Err(wrong(TRUST, format_args!("'{location}' is a Java key store (JKS), which only Java reads"))
                .help(commands::trust(location)))
        }
        Content::Pkcs12 => Err(wrong(TRUST, format_args!("'{location}' is PKCS#12, and librdkafka takes only PEM"))
            .help(commands::trust_pkcs12(location))),
        Content::Der | Content::Other => Err(not_pem(TRUST, location)),
    }
}

fn keys(store: &Store, out: &mut ClientProperties) -> Result<()> {
    let location = &store.location;
    let bytes = read(KEY, location)?;
    match pem::content(&bytes) {
        Content::Pem => {
            if !pem::has_key(&bytes) {
                return Err(wrong(KEY, format_args!("'{location}' has no private key in it"))
                    .help("the file has to hold the private key and its certificates"));
            }
            if !pem::has_certificate(&bytes) {
                return Err(wrong(KEY, format_args!("'{location}' has no certificate in it"))
                    .help("the file has to hold the private key and its certificates"));
            }
            if pem::is_encrypted(&bytes) && store.key_password.is_none() {
                return Err(no_key_password(KEY));
            }
            forget(out);
            store.as_pem(out);
            Ok(())
        }
        Content::Pkcs12 => {
            forget(out);
            store.as_pkcs12(out)
        }
        Content::Jks => Err(wrong(KEY, format_args!("'{location}' is a Java key store (JKS), which only Java reads"))
            .help(commands::key_jks(location))),
        Content::Der | Content::Other => Err(not_pem(KEY, location)),
    }
}

/// What was set by the declared type.
fn forget(out: &mut ClientProperties) {
    for name in ["ssl.certificate.location", "ssl.key.location", "ssl.keystore.location", "ssl.keystore.password"] {
        out.settings.remove(name);
    }
}

fn not_pem(name: &str, location: &str) -> Error {
    wrong(name, format_args!("'{location}' is neither PEM nor PKCS#12"))
        .help("a PEM file begins with -----BEGIN …-----")
}

fn read(name: &str, location: &str) -> Result<Vec<u8>> {
    let cannot = |why: String| {
        wrong(name, format_args!("cannot read '{location}': {why}")).help(
            "the file has to be on this machine; a relative path counts from the directory Tidegate was started in",
        )
    };
    let about = std::fs::metadata(location).map_err(|e| cannot(e.to_string()))?;
    if about.is_dir() || about.len() > MOST_BYTES {
        return Err(cannot("it is no file of certificates or keys".into()));
    }
    std::fs::read(location).map_err(|e| cannot(e.to_string()))
}
