//! The names of format options.

use crate::options::{OptionKind, OptionSpec};

/// The names of the formats that are built in.
pub const FORMATS: &[&str] = &["json", "csv", "raw"];

/// Formats of Flink that change the kind of a row or need a schema registry: known, not built in.
pub(super) const OTHERS: &[&str] = &[
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
