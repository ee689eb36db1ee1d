//! Option texts to formats, and what cannot be.

use super::*;
use crate::dialect::Dialect;
use crate::options::check_options;
use crate::types::SqlType;

fn table(columns: &[&str], options: &[(&str, &str)]) -> TableSpec {
    let columns = columns.iter().map(|name| (*name, SqlType::STRING));
    TableSpec::new("t", Dialect::Flink, columns).with_options(options.iter().copied())
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
    let expected = CsvFormat { delimiter: '\t', quote: None, null_literal: Some("n/a".into()), ..CsvFormat::default() };
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
