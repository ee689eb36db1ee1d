//! Table options: typed, validated without I/O, unknown names are errors that suggest the nearest.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Span};

/// One `'name' = 'value'` of a WITH clause or hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionEntry {
    /// As written.
    pub name: String,
    /// As written, without quotes.
    pub value: String,
    /// Where.
    pub span: Span,
}

/// A text that never shows itself: prints `***`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }
    /// The text itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whether the value of an option of this name must not be shown.
pub fn is_secret_name(name: &str) -> bool {
    let n = name.to_ascii_lowercase();
    const MARKS: [&str; 10] = [
        "password",
        "secret",
        "accesskey",
        "access-key",
        "jaas",
        "token",
        "credential",
        "keystore.key",
        "key.pem",
        "extraconfig",
    ];
    MARKS.iter().any(|s| n.contains(s))
}

/// What a connector says about one option, for `check`, help and docs.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// Canonical name; `properties.*` stands for every name with that prefix.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// The kind of value, checked before the connector sees it.
    pub kind: OptionKind,
    /// The default in words; empty where there is none.
    pub default: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// One sentence.
    pub doc: &'static str,
}

impl OptionSpec {
    /// An optional option without default.
    pub const fn new(name: &'static str, kind: OptionKind, doc: &'static str) -> Self {
        OptionSpec { name, aliases: &[], kind, default: "", required: false, doc }
    }
    /// It must be given.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
    /// Its default in words.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
    /// Its other spellings.
    #[must_use]
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// Kinds of option values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// `10 s`, `5min`, `1 h`; a bare number is milliseconds.
    Duration,
    /// `2mb`, `64 kb`, or bytes.
    Size,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    /// Accepted and reported as without effect here; the doc says why.
    Ignored,
}

/// Options after checking: canonical names to values, and notes for the user.
#[derive(Debug, Clone, Default)]
pub struct CheckedOptions {
    /// Canonical name → value. Names under a `prefix.*` keep their full name.
    pub values: BTreeMap<String, String>,
    /// Notes such as "zookeeperQuorum is ignored: …".
    pub notes: Vec<String>,
}

impl CheckedOptions {
    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
    /// All `prefix…` options, without the prefix.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.values.iter().filter_map(move |(k, v)| k.strip_prefix(prefix).map(|k| (k, v.as_str())))
    }
    /// The options as a typed struct. Each field reads the option's text as its own type; options
    /// without a field are passed over, so names are checked by [`check_options`] alone.
    ///
    /// # Errors
    /// Where a value does not fit the struct, or a field without default has no option.
    pub fn typed<T: DeserializeOwned>(&self) -> Result<T> {
        crate::option_values::from_map(&self.values).map_err(|e| Error::user(format!("options: {e}")))
    }
}

/// Checks entries against specs. All problems of all entries are found; the first is the error and
/// the rest are in its context-free message lines.
///
/// # Errors
/// Unknown name (with the nearest known one), missing required name, value of the wrong kind, the
/// same option twice.
pub fn check_options(specs: &[OptionSpec], entries: &[OptionEntry]) -> Result<CheckedOptions> {
    let mut out = CheckedOptions::default();
    for e in entries {
        let spec = find(specs, &e.name).ok_or_else(|| unknown(specs, e))?;
        let canonical = if spec.name.ends_with('*') { e.name.clone() } else { spec.name.to_owned() };
        let value = check_value(spec, e)?;
        if spec.kind == OptionKind::Ignored {
            out.notes.push(format!("option '{}' has no effect here: {}", e.name, spec.doc));
        }
        if out.values.insert(canonical, value).is_some() {
            return Err(Error::user(format!("option '{}' is given twice", e.name)).at(e.span));
        }
    }
    let missing: Vec<&str> =
        specs.iter().filter(|s| s.required && !out.values.contains_key(s.name)).map(|s| s.name).collect();
    if missing.is_empty() {
        Ok(out)
    } else {
        Err(Error::user(format!("missing option '{}'", missing.join("', '")))
            .help(format!("add '{}' = '…' to the WITH clause", missing[0])))
    }
}

fn find<'a>(specs: &'a [OptionSpec], name: &str) -> Option<&'a OptionSpec> {
    specs.iter().find(|s| {
        s.name.eq_ignore_ascii_case(name)
            || s.aliases.iter().any(|a| a.eq_ignore_ascii_case(name))
            || s.name.strip_suffix('*').is_some_and(|p| name.len() > p.len() && name.starts_with(p))
    })
}

fn unknown(specs: &[OptionSpec], e: &OptionEntry) -> Error {
    let names: Vec<&str> =
        specs.iter().flat_map(|s| std::iter::once(s.name).chain(s.aliases.iter().copied())).collect();
    let error = Error::user(format!("unknown option '{}'", e.name)).at(e.span);
    match nearest(&e.name, names.iter().copied()) {
        Some(n) => error.help(format!("did you mean '{n}'?")),
        None => {
            let mut shown: Vec<&str> = specs.iter().map(|s| s.name).collect();
            shown.sort_unstable();
            error.help(format!("known options: {}", shown.join(", ")))
        }
    }
}

/// The known name nearest to a misspelt one, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase()), k))
        .min()
        .filter(|(d, k)| *d <= 1 + k.len().max(name.len()) / 4)
        .map(|(_, k)| k)
}

fn check_value(spec: &OptionSpec, e: &OptionEntry) -> Result<String> {
    let v = e.value.trim();
    let wrong = |what: &str| {
        let shown = if is_secret_name(&e.name) || spec.kind == OptionKind::Secret { "***" } else { v };
        Error::user(format!("option '{}': '{shown}' is not {what}", e.name)).at(e.span)
    };
    match spec.kind {
        OptionKind::Text | OptionKind::Secret | OptionKind::Ignored => Ok(e.value.clone()),
        OptionKind::Integer => v.parse::<i64>().map(|n| n.to_string()).map_err(|_| wrong("a whole number")),
        OptionKind::Boolean => match v.to_ascii_lowercase().as_str() {
            b @ ("true" | "false") => Ok(b.to_owned()),
            _ => Err(wrong("true or false")),
        },
        OptionKind::Duration => {
            parse_duration(v).map(|ms| ms.to_string()).ok_or_else(|| wrong("a duration such as '10 s' or '5 min'"))
        }
        OptionKind::Size => parse_size(v).map(|b| b.to_string()).ok_or_else(|| wrong("a size such as '2mb'")),
        OptionKind::OneOf(all) => all
            .iter()
            .find(|a| a.eq_ignore_ascii_case(v))
            .map(|a| (*a).to_owned())
            .ok_or_else(|| wrong(&format!("one of {}", all.join(", ")))),
    }
}

/// Flink's duration text in milliseconds: a number and a unit (ns, us, ms, s, min, h, d and their
/// long forms); a bare number is milliseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let t = text.trim();
    let split = t.find(|c: char| !c.is_ascii_digit()).unwrap_or(t.len());
    let n: i64 = t[..split].parse().ok()?;
    match t[split..].trim().to_ascii_lowercase().as_str() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => Some(n),
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => Some(n / 1_000_000),
        "us" | "µs" | "micro" | "micros" | "microsecond" | "microseconds" => Some(n / 1000),
        "s" | "sec" | "secs" | "second" | "seconds" => n.checked_mul(1000),
        "m" | "min" | "minute" | "minutes" => n.checked_mul(60_000),
        "h" | "hour" | "hours" => n.checked_mul(3_600_000),
        "d" | "day" | "days" => n.checked_mul(86_400_000),
        _ => None,
    }
}

/// Flink's memory-size text in bytes: a number and b, kb, mb, gb (binary); a bare number is bytes.
pub fn parse_size(text: &str) -> Option<i64> {
    let t = text.trim();
    let split = t.find(|c: char| !c.is_ascii_digit()).unwrap_or(t.len());
    let n: i64 = t[..split].parse().ok()?;
    let shift = match t[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 0,
        "k" | "kb" | "kibibytes" => 10,
        "m" | "mb" | "mebibytes" => 20,
        "g" | "gb" | "gibibytes" => 30,
        _ => return None,
    };
    n.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[OptionSpec] = &[
        OptionSpec { name: "topic", aliases: &[], kind: OptionKind::Text, default: "", required: true, doc: "" },
        OptionSpec {
            name: "properties.*",
            aliases: &[],
            kind: OptionKind::Text,
            default: "",
            required: false,
            doc: "",
        },
        OptionSpec {
            name: "flush",
            aliases: &[],
            kind: OptionKind::Duration,
            default: "1 s",
            required: false,
            doc: "",
        },
    ];

    fn entry(name: &str, value: &str) -> OptionEntry {
        OptionEntry { name: name.into(), value: value.into(), span: Span::new(3, 1) }
    }

    #[test]
    fn suggests_the_nearest_name() {
        let e = check_options(SPECS, &[entry("topik", "x")]).unwrap_err();
        assert_eq!(e.help_text(), Some("did you mean 'topic'?"));
        assert_eq!(e.span(), Span::new(3, 1));
    }

    #[test]
    fn checks_kinds_and_required() {
        assert!(check_options(SPECS, &[]).is_err());
        let ok =
            check_options(SPECS, &[entry("topic", "t"), entry("properties.a.b", "1"), entry("flush", "2 s")]).unwrap();
        assert_eq!(ok.get("flush"), Some("2000"));
        assert_eq!(ok.with_prefix("properties.").collect::<Vec<_>>(), vec![("a.b", "1")]);
        assert!(check_options(SPECS, &[entry("topic", "t"), entry("flush", "soon")]).is_err());
        assert!(check_options(SPECS, &[entry("topic", "t"), entry("topic", "u")]).is_err());
    }

    #[test]
    fn secrets_never_print() {
        assert_eq!(format!("{:?} {}", Secret::new("hunter2"), Secret::new("hunter2")), "*** ***");
        assert!(
            is_secret_name("properties.sasl.jaas.config")
                && is_secret_name("passWord")
                && !is_secret_name("topic")
                && is_secret_name("properties.ssl.keystore.key")
                && is_secret_name("extraConfig")
        );
    }
}
