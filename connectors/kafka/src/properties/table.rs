//! One row a property: what becomes of it here.

mod connection;
mod consumer;
mod librdkafka;
mod older;
mod producer;
mod security;

use super::kinds::Kind;

/// A property somebody may write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    /// As written; `flink.*` stands for every name with that prefix.
    pub name: &'static str,
    /// What its value has to look like.
    pub kind: Kind,
    /// What becomes of it.
    pub fate: Fate,
    /// How its value is changed on the way to librdkafka.
    pub change: Change,
    /// The least and the most that librdkafka takes, where Java takes more: the value is cut to it.
    pub limits: Option<(i64, i64)>,
    /// For people: why, or what is different. Ends without a full stop.
    pub why: &'static str,
}

/// What becomes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Passed to librdkafka under its own name.
    Same,
    /// Passed to librdkafka under these names.
    Renamed(&'static [&'static str]),
    /// Put together with others, see `sasl`, `stores`, `compression`.
    Translated,
    /// Read by the connector, never passed on.
    Connector,
    /// Decided by Tidegate. These values say what happens anyway; others are noted.
    Decided(&'static [&'static str]),
    /// Means nothing here: noted.
    Meaningless,
    /// An error.
    Refused,
}

/// How a value is changed on the way to librdkafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Not at all.
    Kept,
    /// Java's -1 (no limit, or as the system has it) is 0.
    MinusOneIsZero,
    /// Bytes become kilobytes, rounded up.
    Kilobytes,
    /// Java's empty text is `none`.
    EmptyIsNone,
}

/// Rows of Java's clients, and of Flink.
pub(super) const JAVA: &[&[Property]] =
    &[connection::ROWS, consumer::ROWS, producer::ROWS, security::ROWS, older::ROWS];

/// Rows of librdkafka's own names.
pub(super) const LIBRDKAFKA: &[Property] = librdkafka::ROWS;

/// All rows, in order.
pub(super) fn all() -> impl Iterator<Item = &'static Property> {
    JAVA.iter().copied().flatten().chain(LIBRDKAFKA)
}

/// The row of a name.
pub(super) fn find(name: &str) -> Option<&'static Property> {
    let prefixed = |p: &&Property| p.name.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix));
    all().find(|p| p.name == name).or_else(|| all().find(prefixed))
}

/// Whether the value of a librdkafka property must not be shown.
pub(super) fn is_secret_setting(name: &str) -> bool {
    let made_of = all().filter(|p| p.name == name || p.targets().contains(&name));
    tidegate_core::options::is_secret_name(name) || made_of.into_iter().any(|p| p.kind == Kind::Secret)
}

impl Property {
    /// The librdkafka names that it is passed as.
    pub(super) fn targets(&'static self) -> &'static [&'static str] {
        match &self.fate {
            Fate::Same => std::slice::from_ref(&self.name),
            Fate::Renamed(names) => names,
            _ => &[],
        }
    }

    const fn change(mut self, change: Change) -> Self {
        self.change = change;
        self
    }
    const fn limits(mut self, least: i64, most: i64) -> Self {
        self.limits = Some((least, most));
        self
    }
    const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }
}

const fn row(name: &'static str, kind: Kind, fate: Fate, why: &'static str) -> Property {
    Property { name, kind, fate, change: Change::Kept, limits: None, why }
}
const fn same(name: &'static str, kind: Kind) -> Property {
    row(name, kind, Fate::Same, "")
}
const fn renamed(name: &'static str, kind: Kind, to: &'static [&'static str]) -> Property {
    row(name, kind, Fate::Renamed(to), "")
}
const fn translated(name: &'static str, kind: Kind, why: &'static str) -> Property {
    row(name, kind, Fate::Translated, why)
}
const fn connector(name: &'static str, kind: Kind, why: &'static str) -> Property {
    row(name, kind, Fate::Connector, why)
}
const fn decided(name: &'static str, kind: Kind, by: &'static [&'static str], why: &'static str) -> Property {
    row(name, kind, Fate::Decided(by), why)
}
const fn meaningless(name: &'static str, kind: Kind, why: &'static str) -> Property {
    row(name, kind, Fate::Meaningless, why)
}
const fn refused(name: &'static str, why: &'static str) -> Property {
    row(name, Kind::Text, Fate::Refused, why)
}
