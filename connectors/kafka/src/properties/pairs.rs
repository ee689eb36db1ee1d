//! The client properties among a table's options, in the spelling of each dialect.

use std::collections::BTreeMap;

use tidegate_core::options::{CheckedOptions, is_secret_name};
use tidegate_core::table::{BoundTable, TableSpec};
use tidegate_core::{Dialect, Error, Result, Span};

use super::reading::Reading;
use super::{ClientProperties, table, wrong};
use crate::descriptor::blink_options;

/// One property, and the option it was written in.
struct Pair {
    name: String,
    value: String,
    option: String,
}

/// The raw client pairs of a bound table of any dialect: flink `properties.*`; blink bare names,
/// `bootstrap.servers`, `group.id` and `extraConfig` (`k=v;k2=v2`); uflink `kafka.*`,
/// `bootstrapServers` and `groupId`.
///
/// # Errors
/// An `extraConfig` that is no list of `k=v`.
pub fn pairs_of(table: &BoundTable) -> Result<Vec<(String, String)>> {
    let pairs = pairs_in(table.spec.dialect, &table.options)?;
    Ok(pairs.into_iter().map(|p| (p.name, p.value)).collect())
}

/// What a declaration's properties come to; errors have the place of the option.
pub(crate) fn read(spec: &TableSpec, options: &CheckedOptions) -> Result<ClientProperties> {
    let place = |option: &str| {
        let written = spec.options.iter().find(|o| o.name.eq_ignore_ascii_case(option));
        written.map_or_else(Span::default, |o| o.span)
    };
    // A place is shown with its line of SQL, where secrets are blotted out by the option's name: no
    // place where the name does not tell.
    let safe = |option: &str, pairs: &[Pair]| {
        is_secret_name(option) || !pairs.iter().any(|p| p.option == option && table::is_secret_setting(&p.name))
    };
    // Only in Blink do options and properties stand side by side.
    let neighbours: Vec<&str> = match spec.dialect {
        Dialect::Blink => blink_options().collect(),
        Dialect::Flink | Dialect::UFlink => Vec::new(),
    };
    let mut reading = Reading::new(&neighbours);
    let pairs = pairs_in(spec.dialect, &options.values)?;
    for pair in &pairs {
        let span = if safe(&pair.option, &pairs) { place(&pair.option) } else { Span::default() };
        reading.take(&pair.name, &pair.value, span)?;
    }
    reading.finish()
}

fn pairs_in(dialect: Dialect, options: &BTreeMap<String, String>) -> Result<Vec<Pair>> {
    let mut out = Vec::new();
    for (option, value) in options {
        let name = match dialect {
            Dialect::Flink => option.strip_prefix("properties."),
            Dialect::UFlink => match option.as_str() {
                "bootstrapServers" => Some("bootstrap.servers"),
                "groupId" => Some("group.id"),
                other => other.strip_prefix("kafka."),
            },
            Dialect::Blink => match option.as_str() {
                "extraConfig" => {
                    for (name, value) in extra_config(value)? {
                        out.push(Pair { name, value, option: option.clone() });
                    }
                    None
                }
                "bootstrap.servers" | "group.id" => Some(option.as_str()),
                other => blink_options().all(|own| own != other).then_some(other),
            },
        };
        if let Some(name) = name {
            out.push(Pair { name: name.to_owned(), value: value.clone(), option: option.clone() });
        }
    }
    Ok(out)
}

/// `k=v;k2=v2`. A JAAS text has semicolons and quotes of its own: it goes on to the first semicolon
/// outside quotes, which is its own end too.
fn extra_config(text: &str) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        if rest.is_empty() {
            return Ok(out);
        }
        let (name, after) = rest.split_once('=').filter(|(name, _)| !name.contains(';')).ok_or_else(not_pairs)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(not_pairs());
        }
        let jaas = name == "sasl.jaas.config";
        let end = if jaas { unquoted_semicolon(after) } else { after.find(';') }.unwrap_or(after.len());
        let value = after[..end].trim();
        out.push((name.to_owned(), if jaas { format!("{value};") } else { value.to_owned() }));
        rest = &after[end..];
    }
}

fn not_pairs() -> Error {
    wrong("extraConfig", "is not a list of properties").help("write 'name=value;name=value'")
}

fn unquoted_semicolon(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ';') => return Some(at),
            _ => {}
        }
    }
    None
}
