//! What a certificate or key file holds, by its bytes, and PEM texts as OpenSSL reads them.

/// What a file begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// PEM.
    Pem,
    /// Java's old key store, or its JCEKS.
    Jks,
    /// PKCS#12: what keytool makes since Java 9, whatever the file is called.
    Pkcs12,
    /// A certificate or key without PEM around it.
    Der,
    /// Something else.
    Other,
}

/// Tells by the first bytes.
pub(super) fn content(bytes: &[u8]) -> Content {
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce, 0xce, 0xce, 0xce]) {
        return Content::Jks;
    }
    if holds(bytes, "-----BEGIN ") {
        return Content::Pem;
    }
    match bytes {
        [0x30, length, rest @ ..] => {
            // A DER length: short, indefinite (0x80), or so many bytes of length.
            let skip = if *length > 0x80 { usize::from(length & 0x7f) } else { 0 };
            match rest.get(skip..) {
                Some([0x02, 0x01, 0x03, ..]) => Content::Pkcs12,
                Some([_, ..]) => Content::Der,
                _ => Content::Other,
            }
        }
        _ => Content::Other,
    }
}

/// Whether the bytes hold a text.
pub(super) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Whether it has a certificate.
pub(super) fn has_certificate(bytes: &[u8]) -> bool {
    ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]
        .iter()
        .any(|name| holds(bytes, &format!("-----BEGIN {name}-----")))
}

/// Whether it has a private key.
pub(super) fn has_key(bytes: &[u8]) -> bool {
    holds(bytes, "PRIVATE KEY-----")
}

/// Whether its private key has a password.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    holds(bytes, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(bytes, "Proc-Type: 4,ENCRYPTED")
}

/// A PEM text of an option, line by line. Java also takes it on one line, with blanks (or `\n` as
/// two characters, as property files have it) where the line ends were; OpenSSL does not. `None`: there is no PEM
/// in it.
pub(super) fn normal(text: &str) -> Option<String> {
    let text = text.replace("\\n", "\n").replace("\\r", "");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (name, after) = after.split_once("-----")?;
        let (body, after) = after.split_once(&format!("-----END {name}-----"))?;
        out.push_str(&format!("-----BEGIN {name}-----\n"));
        if body.contains(':') {
            // Headers of an old encrypted key: its lines matter.
            out.push_str(body.trim());
            out.push('\n');
        } else {
            let letters: Vec<char> = body.chars().filter(|c| !c.is_whitespace()).collect();
            for line in letters.chunks(64) {
                out.extend(line);
                out.push('\n');
            }
        }
        out.push_str(&format!("-----END {name}-----\n"));
        rest = after;
    }
    (!out.is_empty()).then_some(out)
}
