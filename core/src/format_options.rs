//! Format options of message and file tables: their specs, and what they mean.
//!
//! A connector puts [`with_formats`] around its own specs and calls [`parse`] in `bind`. Names are
//! Flink's: `format`, `value.format`, `key.format`, `key.fields`, `key.fields-prefix`,
//! `value.fields-include`, and the formats' own options under `json.`, `csv.`, `raw.`, each also
//! with `key.` or `value.` before it.

mod specs;

use crate::error::{Error, Result};
use crate::options::{CheckedOptions, nearest};
use crate::table::{CsvFormat, Format, JsonFormat, MapNullKey, RawFormat, TableSpec, TimestampText};

use specs::OTHERS;
pub use specs::{FORMATS, SPECS, with_formats};

/// What the format options of a table say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formats {
    /// How values are encoded.
    pub value: Format,
    /// How keys are encoded; `None`: keys are neither read nor written.
    pub key: Option<Format>,
    /// The columns in the key, in order.
    pub key_columns: Vec<String>,
    /// Cut from the column names to get the names inside the key.
    pub key_prefix: String,
    /// Whether the value carries the key columns too.
    pub value_includes_key: bool,
}

/// The meaning of a table's format options; `None` where it names no format.
///
/// # Errors
/// Unknown formats, options of formats that the table does not use, key columns that do not exist,
/// a raw format over several columns.
pub fn parse(table: &TableSpec, options: &CheckedOptions) -> Result<Option<Formats>> {
    let value_name = match (options.get("format"), options.get("value.format")) {
        (Some(_), Some(_)) => {
            return Err(Error::user("both 'format' and 'value.format' are given").help("keep one; they mean the same"));
        }
        (a, b) => a.or(b),
    };
    let key_name = options.get("key.format");
    let Some(value_name) = value_name else {
        return match key_name {
            Some(_) => Err(Error::user("'key.format' without 'value.format'").help("add 'value.format' = 'json'")),
            None => Ok(None),
        };
    };
    check_owners(options, key_name, value_name)?;
    let prefix = options.get("key.fields-prefix").unwrap_or("").to_owned();
    let value_includes_key = options.get("value.fields-include").unwrap_or("ALL") == "ALL";
    if !prefix.is_empty() && value_includes_key {
        return Err(Error::user("'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'"));
    }
    let key_columns = key_columns(table, options, &prefix)?;
    match (key_name, key_columns.is_empty(), table.primary_key.is_empty()) {
        (Some(_), true, true) => {
            return Err(Error::user("'key.format' without 'key.fields'").help("name the columns: 'key.fields' = 'a;b'"));
        }
        (None, false, _) => {
            return Err(Error::user("'key.fields' without 'key.format'").help("add 'key.format' = 'json'"));
        }
        _ => {}
    }
    let formats = Formats {
        value: format(value_name, options, "value.")?,
        key: key_name.map(|n| format(n, options, "key.")).transpose()?,
        key_columns,
        key_prefix: prefix,
        value_includes_key,
    };
    check_raw(table, &formats)?;
    Ok(Some(formats))
}

fn key_columns(table: &TableSpec, options: &CheckedOptions, prefix: &str) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for name in options.get("key.fields").unwrap_or("").split(';').map(str::trim).filter(|n| !n.is_empty()) {
        if !table.physical().any(|c| c.name == name) {
            let error = Error::user(format!("'key.fields' names '{name}', which is not a physical column"));
            return Err(match nearest(name, table.physical().map(|c| c.name.as_str())) {
                Some(n) => error.help(format!("did you mean '{n}'?")),
                None => error.help("columns of metadata and expressions are not in the message"),
            });
        }
        if !name.starts_with(prefix) {
            return Err(Error::user(format!(
                "key column '{name}' does not begin with '{prefix}', the 'key.fields-prefix'"
            )));
        }
        out.push(name.to_owned());
    }
    Ok(out)
}

/// `json.…` with a csv value is a mistake, not a note.
fn check_owners(options: &CheckedOptions, key: Option<&str>, value: &str) -> Result<()> {
    for name in options.values.keys() {
        let (users, rest): (Vec<&str>, &str) = if let Some(rest) = name.strip_prefix("key.") {
            (key.into_iter().collect(), rest)
        } else if let Some(rest) = name.strip_prefix("value.") {
            (vec![value], rest)
        } else {
            (vec![value], name.as_str())
        };
        let Some(owner) = FORMATS.iter().find(|f| rest.strip_prefix(**f).is_some_and(|r| r.starts_with('.'))) else {
            continue;
        };
        if !users.iter().any(|u| u.eq_ignore_ascii_case(owner)) {
            return Err(Error::user(format!("option '{name}' belongs to the {owner} format, which is not used here")));
        }
    }
    Ok(())
}

/// A raw format holds one column.
fn check_raw(table: &TableSpec, formats: &Formats) -> Result<()> {
    if matches!(formats.key, Some(Format::Raw(_))) && formats.key_columns.len() > 1 {
        return Err(Error::user("the raw format holds one column, but 'key.fields' names several"));
    }
    if !matches!(formats.value, Format::Raw(_)) {
        return Ok(());
    }
    let in_value: Vec<&str> = table
        .physical()
        .map(|c| c.name.as_str())
        .filter(|n| formats.value_includes_key || !formats.key_columns.iter().any(|k| k == n))
        .collect();
    if in_value.len() == 1 {
        return Ok(());
    }
    let error = Error::user(format!(
        "the raw format holds one column, but the value has {}: {}",
        in_value.len(),
        in_value.join(", ")
    ));
    Err(if formats.key.is_some() && formats.value_includes_key {
        error.help("add 'value.fields-include' = 'EXCEPT_KEY'")
    } else {
        error
    })
}

fn format(name: &str, options: &CheckedOptions, prefix: &str) -> Result<Format> {
    let get = |option: &str| {
        let own = options.get(&format!("{prefix}{option}"));
        if prefix == "value." { own.or_else(|| options.get(option)) } else { own }
    };
    match name.to_ascii_lowercase().as_str() {
        "json" => json(&get).map(Format::Json),
        "csv" => csv(&get).map(Format::Csv),
        "raw" => Ok(Format::Raw(RawFormat { little_endian: get("raw.endianness") == Some("little-endian") })),
        other => Err(unknown_format(other)),
    }
}

fn json<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<JsonFormat> {
    let on = |name: &str| get(name) == Some("true");
    let out = JsonFormat {
        fail_on_missing_field: on("json.fail-on-missing-field"),
        ignore_parse_errors: on("json.ignore-parse-errors"),
        timestamps: match get("json.timestamp-format.standard") {
            Some("ISO-8601") => TimestampText::Iso8601,
            _ => TimestampText::Sql,
        },
        map_null_key: match get("json.map-null-key.mode") {
            Some("DROP") => MapNullKey::Drop,
            Some("LITERAL") => MapNullKey::Literal(get("json.map-null-key.literal").unwrap_or("null").to_owned()),
            _ => MapNullKey::Fail,
        },
        plain_decimals: on("json.encode.decimal-as-plain-number"),
        omit_nulls: on("json.encode.ignore-null-fields"),
    };
    if out.fail_on_missing_field && out.ignore_parse_errors {
        return Err(Error::user("'json.fail-on-missing-field' and 'json.ignore-parse-errors' cannot both be true"));
    }
    Ok(out)
}

fn csv<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<CsvFormat> {
    let one = |name: &str| -> Result<Option<char>> {
        let Some(text) = get(name) else { return Ok(None) };
        let text = match text {
            "\\t" => "\t",
            "\\n" => "\n",
            other => other,
        };
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Some(c)),
            _ => Err(Error::user(format!("option '{name}': '{text}' is not one character"))),
        }
    };
    let quote = if get("csv.disable-quote-character") == Some("true") {
        None
    } else {
        one("csv.quote-character")?.or(Some('"'))
    };
    Ok(CsvFormat {
        delimiter: one("csv.field-delimiter")?.unwrap_or(','),
        quote,
        escape: one("csv.escape-character")?,
        null_literal: get("csv.null-literal").map(str::to_owned),
        ignore_parse_errors: get("csv.ignore-parse-errors") == Some("true"),
        allow_comments: get("csv.allow-comments") == Some("true"),
    })
}

fn unknown_format(name: &str) -> Error {
    let known = FORMATS.join(", ");
    if OTHERS.contains(&name) {
        return Error::user(format!("format '{name}' is not supported here")).help(format!("the formats are {known}"));
    }
    let error = Error::user(format!("unknown format '{name}'"));
    match nearest(name, FORMATS.iter().copied()) {
        Some(n) => error.help(format!("did you mean '{n}'?")),
        None => error.help(format!("the formats are {known}")),
    }
}

#[cfg(test)]
mod tests;
