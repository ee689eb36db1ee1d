//! Logins: mechanism, and name and password out of JAAS.

use tidegate_core::options::nearest;
use tidegate_core::{Error, Result};

use super::reading::Given;
use super::{ClientProperties, jaas, wrong};

/// What librdkafka can do in this build.
const MECHANISMS: &[&str] = &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// Mechanisms that are known and not here, and what they would need.
const MISSING_MECHANISMS: &[(&str, &str)] = &[
    ("GSSAPI", "Kerberos (GSSAPI) needs Cyrus SASL, which is not in this build"),
    ("OAUTHBEARER", "OAUTHBEARER needs an OAuth client, which is not in this build"),
    ("AWS_MSK_IAM", "AWS_MSK_IAM is a mechanism of Amazon's Java library, which cannot run here"),
];

/// Login modules by class, whoever's package they are in (Flink shades Kafka's). `None`: user name
/// and password.
const MODULES: &[(&str, Option<&str>)] = &[
    ("PlainLoginModule", None),
    ("ScramLoginModule", None),
    ("Krb5LoginModule", Some("Kerberos (GSSAPI) needs Cyrus SASL, which is not in this build")),
    ("OAuthBearerLoginModule", Some("OAUTHBEARER needs an OAuth client, which is not in this build")),
    ("IAMLoginModule", Some("AWS_MSK_IAM is a mechanism of Amazon's Java library, which cannot run here")),
];

const INSTEAD: &str = "use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or a TLS certificate";
const JAAS: &str = "sasl.jaas.config";

/// Sets mechanism, name and password.
pub(super) fn settle(given: &Given, out: &mut ClientProperties) -> Result<()> {
    let login = given.get(JAAS).map(|text| given.at(JAAS, jaas::parse(text))).transpose()?;
    if !out.uses_sasl() {
        let names: Vec<&str> = given.names("sasl.").collect();
        if !names.is_empty() {
            out.note(without_protocol(&names, "SASL_SSL or SASL_PLAINTEXT"));
        }
        return Ok(());
    }
    for name in ["sasl.mechanism", "sasl.mechanisms"] {
        if let Some(text) = given.get(name) {
            let mechanism = given.at(name, mechanism(name, text))?;
            given.at(name, put(out, "sasl.mechanisms", mechanism, name))?;
        }
    }
    if let Some(login) = login {
        given.at(JAAS, log_in(&login, out))?;
    }
    for name in ["sasl.username", "sasl.password"] {
        if let Some(text) = given.get(name) {
            given.at(name, put(out, name, text, name))?;
        }
    }
    if let Some(gap) = gap(out) {
        let text = format!("no broker can be reached yet: {gap}");
        out.note(text);
    }
    Ok(())
}

/// Properties that only count under another `security.protocol`.
pub(super) fn without_protocol(names: &[&str], protocol: &str) -> String {
    let list = names.join("', '");
    let have = if names.len() == 1 { "property" } else { "properties" };
    let has = if names.len() == 1 { "has" } else { "have" };
    format!("Kafka {have} '{list}' {has} no effect: security.protocol is not {protocol}")
}

/// Set once, or twice to the same.
fn put(out: &mut ClientProperties, setting: &str, value: &str, by: &str) -> Result<()> {
    if out.setting(setting).is_some_and(|before| before != value) {
        return Err(wrong(by, "says something else than another property for the same").help("keep one"));
    }
    out.set(setting, value);
    Ok(())
}

fn mechanism(name: &str, text: &str) -> Result<&'static str> {
    if let Some(found) = MECHANISMS.iter().find(|m| m.eq_ignore_ascii_case(text)) {
        return Ok(found);
    }
    if let Some((_, why)) = MISSING_MECHANISMS.iter().find(|(m, _)| m.eq_ignore_ascii_case(text)) {
        return Err(wrong(name, why).help(INSTEAD));
    }
    let error = wrong(name, format_args!("there is no mechanism '{text}'"));
    Err(match nearest(text, MECHANISMS.iter().copied()) {
        Some(near) => error.help(format!("did you mean '{near}'?")),
        None => error.help(INSTEAD),
    })
}

fn log_in(login: &jaas::Login, out: &mut ClientProperties) -> Result<()> {
    match MODULES.iter().find(|(class, _)| *class == login.module) {
        Some((_, None)) => {}
        Some((_, Some(why))) => return Err(wrong(JAAS, why).help(INSTEAD)),
        None => {
            let what = format!("the login module '{}' is Java code and cannot run here", login.module);
            return Err(wrong(JAAS, what).help("use PlainLoginModule or ScramLoginModule"));
        }
    }
    if login.options.get("tokenauth").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Err(wrong(JAAS, "delegation tokens (tokenauth) are not in librdkafka").help("use a user's password"));
    }
    for (option, setting) in [("username", "sasl.username"), ("password", "sasl.password")] {
        match login.options.get(option) {
            Some(value) => put(out, setting, value, JAAS)?,
            None => {
                return Err(wrong(JAAS, format_args!("the login module has no '{option}'"))
                    .help(format!("add {option}=\"…\" before the semicolon")));
            }
        }
    }
    if login.options.keys().any(|o| !matches!(o.as_str(), "username" | "password" | "tokenauth")) {
        // Not by name: a misplaced quote can make a piece of a secret look like one.
        out.note(format!("Kafka property '{JAAS}': a client uses no options but username and password"));
    }
    Ok(())
}

/// What is missing for a login.
fn gap(out: &ClientProperties) -> Option<&'static str> {
    if !out.uses_sasl() {
        None
    } else if out.setting("sasl.mechanisms").is_none() {
        Some("sasl.mechanism is not given, and GSSAPI, Java's default, is not in this build")
    } else if out.setting("sasl.username").is_none() || out.setting("sasl.password").is_none() {
        Some("sasl.jaas.config is not given, which holds user name and password")
    } else {
        None
    }
}

/// A login needs all of it. A job may be checked, and run on embedded logs, without.
pub(super) fn complete(out: &ClientProperties) -> Result<()> {
    match gap(out) {
        None => Ok(()),
        Some(gap) => Err(Error::user(format!("security.protocol asks for a login (SASL), but {gap}")).help(
            "set sasl.mechanism = 'PLAIN' and sasl.jaas.config = \
             'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"…\" password=\"…\";'",
        )),
    }
}
