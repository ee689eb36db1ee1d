//! TLS and SASL of the Java clients.

use super::super::kinds::{ANY_INT, ANY_LONG, INT_FROM_0, Kind};
use super::{Change, Property, meaningless, renamed, same, translated};

use Kind::{Boolean, Decimal, OneOf, Secret, Text, Whole};

const JVM: &str = "is about a JVM; OpenSSL is used here";
const VERSIONS: &str = "OpenSSL agrees with the broker on the newest TLS version both know; its own configuration file can forbid old ones";
const KERBEROS: &str = "is for Kerberos (GSSAPI), which is not in this build";
const OAUTH: &str = "is for OAUTHBEARER, which is not in this build";
const CLASSES: &str = "Java classes cannot run here";
const STORES: &[&str] = &["PEM", "PKCS12", "JKS", "JCEKS", "BCFKS"];

pub(super) const ROWS: &[Property] = &[
    same("security.protocol", OneOf(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])),
    translated(
        "sasl.mechanism",
        Text,
        "sasl.mechanisms: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. GSSAPI, Java's default, and OAUTHBEARER are not in this build",
    ),
    translated(
        "sasl.jaas.config",
        Secret,
        "sasl.username and sasl.password, from a PlainLoginModule or a ScramLoginModule",
    ),
    translated(
        "ssl.truststore.location",
        Text,
        "ssl.ca.location, if the file is PEM; otherwise an error with the command that converts it",
    ),
    translated(
        "ssl.truststore.type",
        OneOf(STORES),
        "only PEM can be used; where it is not given the file's first bytes tell",
    ),
    translated("ssl.truststore.certificates", Secret, "ssl.ca.pem"),
    translated("ssl.truststore.password", Secret, "PEM has none"),
    translated(
        "ssl.keystore.location",
        Text,
        "ssl.keystore.location (PKCS#12), or ssl.certificate.location and ssl.key.location (PEM); JKS is an error with the keytool command",
    ),
    translated("ssl.keystore.type", OneOf(STORES), "PEM or PKCS12; where it is not given the file's first bytes tell"),
    translated("ssl.keystore.password", Secret, "ssl.keystore.password, for PKCS#12"),
    translated("ssl.keystore.certificate.chain", Secret, "ssl.certificate.pem"),
    translated("ssl.keystore.key", Secret, "ssl.key.pem"),
    translated("ssl.key.password", Secret, "ssl.key.password, for PEM"),
    translated("ssl.cipher.suites", Text, "ssl.cipher.suites under OpenSSL's names; suites of TLS 1.3 are always on"),
    renamed(
        "ssl.endpoint.identification.algorithm",
        OneOf(&["https", "none", ""]),
        &["ssl.endpoint.identification.algorithm"],
    )
    .change(Change::EmptyIsNone)
    .why("an empty text switches the check of the host's name off"),
    meaningless("ssl.protocol", Text, VERSIONS),
    meaningless("ssl.enabled.protocols", Text, VERSIONS),
    meaningless("ssl.provider", Text, JVM),
    meaningless("ssl.keymanager.algorithm", Text, JVM),
    meaningless("ssl.trustmanager.algorithm", Text, JVM),
    meaningless("ssl.secure.random.implementation", Text, JVM),
    meaningless("ssl.engine.factory.class", Text, CLASSES),
    meaningless("security.providers", Text, JVM),
    meaningless("sasl.client.callback.handler.class", Text, CLASSES),
    meaningless("sasl.login.callback.handler.class", Text, CLASSES),
    meaningless("sasl.login.class", Text, CLASSES),
    meaningless("sasl.kerberos.service.name", Text, KERBEROS),
    meaningless("sasl.kerberos.kinit.cmd", Text, KERBEROS),
    meaningless("sasl.kerberos.min.time.before.relogin", ANY_LONG, KERBEROS),
    meaningless("sasl.kerberos.ticket.renew.jitter", Decimal(f64::MIN, f64::MAX), KERBEROS),
    meaningless("sasl.kerberos.ticket.renew.window.factor", Decimal(f64::MIN, f64::MAX), KERBEROS),
    meaningless("sasl.login.connect.timeout.ms", ANY_INT, OAUTH),
    meaningless("sasl.login.read.timeout.ms", ANY_INT, OAUTH),
    meaningless("sasl.login.refresh.buffer.seconds", Whole(0, 3600), OAUTH),
    meaningless("sasl.login.refresh.min.period.seconds", Whole(0, 900), OAUTH),
    meaningless("sasl.login.refresh.window.factor", Decimal(0.5, 1.0), OAUTH),
    meaningless("sasl.login.refresh.window.jitter", Decimal(0.0, 0.25), OAUTH),
    meaningless("sasl.login.retry.backoff.max.ms", ANY_LONG, OAUTH),
    meaningless("sasl.login.retry.backoff.ms", ANY_LONG, OAUTH),
    meaningless("sasl.oauthbearer.assertion.algorithm", OneOf(&["ES256", "RS256"]), OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.aud", Text, OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.exp.seconds", Whole(0, 86_400), OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.iss", Text, OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.jti.include", Boolean, OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.nbf.seconds", Whole(0, 3600), OAUTH),
    meaningless("sasl.oauthbearer.assertion.claim.sub", Text, OAUTH),
    meaningless("sasl.oauthbearer.assertion.file", Text, OAUTH),
    meaningless("sasl.oauthbearer.assertion.private.key.file", Text, OAUTH),
    meaningless("sasl.oauthbearer.assertion.private.key.passphrase", Secret, OAUTH),
    meaningless("sasl.oauthbearer.assertion.template.file", Text, OAUTH),
    meaningless("sasl.oauthbearer.client.credentials.client.id", Text, OAUTH),
    meaningless("sasl.oauthbearer.client.credentials.client.secret", Secret, OAUTH),
    meaningless("sasl.oauthbearer.clock.skew.seconds", INT_FROM_0, OAUTH),
    meaningless("sasl.oauthbearer.expected.audience", Text, OAUTH),
    meaningless("sasl.oauthbearer.expected.issuer", Text, OAUTH),
    meaningless("sasl.oauthbearer.header.urlencode", Boolean, OAUTH),
    meaningless("sasl.oauthbearer.jwks.endpoint.refresh.ms", ANY_LONG, OAUTH),
    meaningless("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", ANY_LONG, OAUTH),
    meaningless("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", ANY_LONG, OAUTH),
    meaningless("sasl.oauthbearer.jwks.endpoint.url", Text, OAUTH),
    meaningless("sasl.oauthbearer.jwt.retriever.class", Text, OAUTH),
    meaningless("sasl.oauthbearer.jwt.validator.class", Text, OAUTH),
    meaningless("sasl.oauthbearer.scope", Text, OAUTH),
    meaningless("sasl.oauthbearer.scope.claim.name", Text, OAUTH),
    meaningless("sasl.oauthbearer.sub.claim.name", Text, OAUTH),
    meaningless("sasl.oauthbearer.token.endpoint.url", Text, OAUTH),
];
