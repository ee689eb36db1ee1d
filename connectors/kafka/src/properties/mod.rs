//! Properties of Kafka clients: people write the names and values of Kafka's Java clients, the
//! client here is librdkafka.
//!
//! `table` has a row for every property and says what becomes of it; what takes more than a name
//! and a unit is in `sasl` (logins), `stores` (certificates and keys) and `agree` (values that
//! librdkafka wants to fit each other). Nothing here talks to a broker. `docs/kafka-properties.md` is
//! made from the table.

mod agree;
mod ciphers;
mod compression;
mod jaas;
mod kinds;
mod page;
mod pairs;
mod pem;
mod reading;
mod sasl;
mod servers;
mod stores;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use tidegate_core::options::Secret;
use tidegate_core::{Error, Result};

pub use page::page;
pub use pairs::pairs_of;
pub(crate) use pairs::read;
use stores::Stores;

/// What a source sees of open and aborted transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Only what has been committed.
    #[default]
    ReadCommitted,
    /// Everything, aborted records too.
    ReadUncommitted,
}

/// What the properties of a table come to, for librdkafka.
#[derive(Clone)]
pub struct ClientProperties {
    /// librdkafka property → value. Names are librdkafka's own, never its aliases, so a later
    /// setting of the same name replaces one of these.
    pub settings: BTreeMap<String, Secret>,
    /// For people: what was ignored or means something else here.
    pub notes: Vec<String>,
    /// `bootstrap.servers` as given.
    pub bootstrap: Option<String>,
    /// `group.id` as given.
    pub group: Option<String>,
    /// `isolation.level`; committed where nothing is said, unlike Java.
    pub isolation: Isolation,
    /// `auto.offset.reset` as given, in small letters: `earliest`, `latest` or `none`.
    pub offset_reset: Option<String>,
    /// How long a call may take before it is an error, in ms.
    pub call_timeout_ms: u64,
    /// Key and trust stores whose files nobody has looked into yet.
    stores: Stores,
}

/// Used where neither `default.api.timeout.ms` nor `max.block.ms` is given.
const CALL_TIMEOUT_MS: u64 = 30_000;

impl Default for ClientProperties {
    fn default() -> Self {
        ClientProperties {
            settings: BTreeMap::new(),
            notes: Vec::new(),
            bootstrap: None,
            group: None,
            isolation: Isolation::default(),
            offset_reset: None,
            call_timeout_ms: CALL_TIMEOUT_MS,
            stores: Stores::default(),
        }
    }
}

impl fmt::Debug for ClientProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&'_ String, &'_ Secret)| {
            let value = if table::is_secret_setting(name) { "***".to_owned() } else { value.reveal().to_owned() };
            (name.clone(), value)
        };
        f.debug_struct("ClientProperties")
            .field("settings", &self.settings.iter().map(shown).collect::<BTreeMap<_, _>>())
            .field("notes", &self.notes)
            .field("bootstrap", &self.bootstrap)
            .field("group", &self.group)
            .field("isolation", &self.isolation)
            .field("offset_reset", &self.offset_reset)
            .field("call_timeout_ms", &self.call_timeout_ms)
            .finish_non_exhaustive()
    }
}

impl ClientProperties {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(Secret::reveal)
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.insert(name.to_owned(), Secret::new(value));
    }

    fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    fn uses_sasl(&self) -> bool {
        self.setting("security.protocol").is_some_and(|p| p.starts_with("sasl"))
    }

    fn uses_tls(&self) -> bool {
        self.setting("security.protocol").is_some_and(|p| p.ends_with("ssl"))
    }
}

/// Translates pairs of Java property name and value, without any prefix of a dialect.
///
/// # Errors
/// An unknown name (with the nearest known one), a value of the wrong kind, two properties that
/// contradict each other, a login that this build cannot do.
pub fn translate<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<ClientProperties> {
    let mut reading = reading::Reading::new(&[]);
    for (name, value) in pairs {
        reading.take(name, value, tidegate_core::Span::default())?;
    }
    reading.finish()
}

/// What can only be said with the files at hand, or only matters once there is a client: called when
/// a client is made, not when a job is checked.
///
/// # Errors
/// A store that is missing or cannot be used (with the command that converts it), a login without
/// mechanism, name or password.
pub fn resolve_files(properties: &mut ClientProperties) -> Result<()> {
    sasl::complete(properties)?;
    stores::resolve(properties)
}

/// An error about one property.
fn wrong(property: &str, what: impl fmt::Display) -> Error {
    Error::user(format!("Kafka property '{property}': {what}"))
}
