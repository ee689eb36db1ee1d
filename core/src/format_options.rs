//! Format options of message and file tables: their specs, and what they mean.
//!
//! A connector puts [`with_formats`] around its own specs and calls [`parse`] in `bind`. Names are
//! Flink's: `format`, `value.format`, `key.format`, `key.fields`, `key.fields-prefix`,
//! `value.fields-include`, and the formats' own options under `json.`, `csv.`, `raw.`, each also
//! with `key.` or `value.` before it.

use crate::error::{Error, Result};
use crate::options::{CheckedOptions, OptionKind, OptionSpec, nearest};
use crate::table::{CsvFormat, Format, JsonFormat, MapNullKey, RawFormat, TableSpec, TimestampText};

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

/// The names of the formats that are built in.
pub const FORMATS: &[&str] = &["json", "csv", "raw"];

/// Formats of Flink that change the kind of a row or need a schema registry: known, not built in.
const OTHERS: &[&str] = &[
    "debezium-json",
    "canal-json",
    "maxwell-json",
    "ogg-json",
    "debezium-avro-confluent",
    "avro",
    "avro-confluent",
    "protobuf",
    "parquet",
    "orc",
];

const fn spec(name: &'static str, kind: OptionKind, default: &'static str, doc: &'static str) -> OptionSpec {
    OptionSpec { name, aliases: &[], kind, default, required: false, doc }
}

/// The options that say which formats there are.
pub const SPECS: &[OptionSpec] = &[
    spec("format", OptionKind::Text, "", "The format of the value (and of files): json, csv or raw."),
    spec("value.format", OptionKind::Text, "", "The same as format, beside key.format."),
    spec("key.format", OptionKind::Text, "", "The format of the key."),
    spec("key.fields", OptionKind::Text, "", "The columns in the key: 'a;b'."),
    spec("key.fields-prefix", OptionKind::Text, "", "Before the names of key columns in the table, not in the key."),
    spec(
        "value.fields-include",
        OptionKind::OneOf(&["ALL", "EXCEPT_KEY"]),
        "ALL",
        "Whether the value has the key columns.",
    ),
    spec("decode.json-parser.enabled", OptionKind::Ignored, "true", "there is one JSON parser"),
];

/// The options of each format, without prefix.
const OWN: &[OptionSpec] = &[
    spec("json.fail-on-missing-field", OptionKind::Boolean, "false", "A missing field fails the record."),
    spec(
        "json.ignore-parse-errors",
        OptionKind::Boolean,
        "false",
        "A bad field is NULL, a broken record is skipped; both are counted.",
    ),
    spec(
        "json.timestamp-format.standard",
        OptionKind::OneOf(&["SQL", "ISO-8601"]),
        "SQL",
        "How timestamps are written.",
    ),
    spec(
        "json.map-null-key.mode",
        OptionKind::OneOf(&["FAIL", "DROP", "LITERAL"]),
        "FAIL",
        "What a NULL map key becomes.",
    ),
    spec("json.map-null-key.literal", OptionKind::Text, "null", "The text for a NULL map key in mode LITERAL."),
    spec("json.encode.decimal-as-plain-number", OptionKind::Boolean, "false", "DECIMAL without exponent."),
    spec("json.encode.ignore-null-fields", OptionKind::Boolean, "false", "NULL fields are left out."),
    spec("csv.field-delimiter", OptionKind::Text, ",", "Between fields."),
    spec("csv.disable-quote-character", OptionKind::Boolean, "false", "Fields are never quoted."),
    spec("csv.quote-character", OptionKind::Text, "\"", "Around fields."),
    spec("csv.escape-character", OptionKind::Text, "", "Before a character that stands for itself."),
    spec("csv.null-literal", OptionKind::Text, "", "What stands for NULL."),
    spec(
        "csv.ignore-parse-errors",
        OptionKind::Boolean,
        "false",
        "A bad field is NULL, a broken record is skipped; both are counted.",
    ),
    spec("csv.allow-comments", OptionKind::Boolean, "false", "Lines that begin with # are skipped."),
    spec("csv.array-element-delimiter", OptionKind::Ignored, ";", "arrays cannot be csv fields here"),
    spec("csv.write-bigdecimal-in-scientific-notation", OptionKind::Ignored, "true", "decimals are written plain"),
    spec("raw.charset", OptionKind::OneOf(&["UTF-8"]), "UTF-8", "The encoding of text."),
    spec(
        "raw.endianness",
        OptionKind::OneOf(&["big-endian", "little-endian"]),
        "big-endian",
        "The byte order of numbers.",
    ),
];

/// A connector's own specs together with those of the formats, made once for the process.
pub fn with_formats(own: &[OptionSpec]) -> &'static [OptionSpec] {
    let mut all = own.to_vec();
    all.extend_from_slice(SPECS);
    for s in OWN {
        all.push(*s);
        for prefix in ["key.", "value."] {
            let name: &'static str = Box::leak(format!("{prefix}{}", s.name).into_boxed_str());
            all.push(OptionSpec { name, ..*s });
        }
    }
    Box::leak(all.into_boxed_slice())
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
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::error::Span;
    use crate::options::{OptionEntry, check_options};
    use crate::table::{ColumnKind, TableColumn};
    use crate::types::{Column, SqlType};

    fn table(columns: &[&str], options: &[(&str, &str)]) -> TableSpec {
        let column = |n: &&str| TableColumn {
            column: Column::new(*n, SqlType::STRING.nullable()),
            kind: ColumnKind::Physical,
            span: Span::default(),
        };
        TableSpec {
            name: "t".into(),
            dialect: Dialect::Flink,
            columns: columns.iter().map(column).collect(),
            primary_key: Vec::new(),
            is_dimension: false,
            options: options
                .iter()
                .map(|(k, v)| OptionEntry { name: (*k).into(), value: (*v).into(), span: Span::default() })
                .collect(),
            span: Span::default(),
        }
    }

    fn run(columns: &[&str], options: &[(&str, &str)]) -> Result<Option<Formats>> {
        let t = table(columns, options);
        let checked = check_options(with_formats(&[]), &t.options)?;
        parse(&t, &checked)
    }

    #[test]
    fn reads_every_json_option_with_and_without_prefix() {
        let options = [
            ("key.format", "raw"),
            ("key.fields", "k"),
            ("value.format", "JSON"),
            ("value.fields-include", "except_key"),
            ("value.json.ignore-parse-errors", "true"),
            ("json.timestamp-format.standard", "iso-8601"),
            ("value.json.map-null-key.mode", "literal"),
            ("value.json.map-null-key.literal", "nil"),
            ("value.json.encode.decimal-as-plain-number", "true"),
            ("value.json.encode.ignore-null-fields", "true"),
            ("key.raw.endianness", "little-endian"),
        ];
        let f = run(&["k", "a"], &options).unwrap().unwrap();
        assert_eq!(f.key, Some(Format::Raw(RawFormat { little_endian: true })));
        assert_eq!((f.key_columns, f.value_includes_key), (vec!["k".to_owned()], false));
        let expected = JsonFormat {
            fail_on_missing_field: false,
            ignore_parse_errors: true,
            timestamps: TimestampText::Iso8601,
            map_null_key: MapNullKey::Literal("nil".into()),
            plain_decimals: true,
            omit_nulls: true,
        };
        assert_eq!(f.value, Format::Json(expected));
    }

    #[test]
    fn reads_csv_options() {
        let options = [
            ("format", "csv"),
            ("csv.field-delimiter", "\\t"),
            ("csv.disable-quote-character", "true"),
            ("csv.null-literal", "n/a"),
        ];
        let f = run(&["a"], &options).unwrap().unwrap();
        let expected =
            CsvFormat { delimiter: '\t', quote: None, null_literal: Some("n/a".into()), ..CsvFormat::default() };
        assert_eq!(f.value, Format::Csv(expected));
    }

    #[test]
    fn no_format_is_not_an_error_here() {
        assert_eq!(run(&["a"], &[]).unwrap(), None);
    }

    #[test]
    fn says_what_cannot_be() {
        let message = |columns: &[&str], options: &[(&str, &str)]| run(columns, options).unwrap_err().to_string();
        assert!(message(&["a"], &[("format", "jsn")]).contains("did you mean 'json'"));
        assert!(message(&["a"], &[("format", "canal-json")]).contains("not supported here"));
        assert!(
            message(&["a"], &[("format", "csv"), ("json.ignore-parse-errors", "true")]).contains("belongs to the json")
        );
        assert!(message(&["a", "b"], &[("format", "raw")]).contains("holds one column"));
        assert!(message(&["a", "b"], &[("format", "json"), ("key.format", "json")]).contains("without 'key.fields'"));
        assert!(message(&["a"], &[("format", "json"), ("key.fields", "a")]).contains("without 'key.format'"));
        let misspelt = [("format", "json"), ("key.format", "json"), ("key.fields", "usre")];
        assert!(message(&["user"], &misspelt).contains("did you mean 'user'"));
        let both = [("format", "json"), ("json.fail-on-missing-field", "true"), ("json.ignore-parse-errors", "true")];
        assert!(message(&["a"], &both).contains("cannot both"));
        assert!(message(&["a"], &[("format", "json"), ("value.format", "json")]).contains("both 'format'"));
        assert!(message(&["a"], &[("format", "csv"), ("csv.field-delimiter", "ab")]).contains("not one character"));
    }
}
