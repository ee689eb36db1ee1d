//! `datagen`: made-up rows. Flink's options and random or sequence fields, or, with
//! `'generator' = 'classroom.…'`, realistic messages of online classrooms.
//!
//! A row is a pure function of the seed, its number and the moment the source was first started:
//! a position is both, so that replays are equal and any split can begin anywhere.
//!
//! Where Flink takes the wall clock for a time field, here it is the moment at which the row is due:
//! the first start plus the row's number over `rows-per-second`.

pub mod classroom;
mod columns;
mod fields;
mod random;
mod source;

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_core::dialect::Dialect;
use tidegate_core::options::{CheckedOptions, OptionKind, OptionSpec, nearest};
use tidegate_core::registry::{Connector, Descriptor};
use tidegate_core::source::Source;
use tidegate_core::table::{BoundTable, Resource, TableBinding, TableSpec};
use tidegate_core::{Column, Error, Result, SqlType};

use super::option;
use crate::text;
use classroom::{Classroom, GENERATORS, Shape};
use fields::FieldOptions;
use source::DatagenSource;

const OPTIONS: &[OptionSpec] = &[
    option(
        "rows-per-second",
        OptionKind::Integer,
        "10000",
        "Rows a second; 0: as fast as they are taken. A classroom generator with 'number-of-rows' is not slowed down unless this is given.",
    ),
    option("number-of-rows", OptionKind::Integer, "", "How many rows; without it the source never ends."),
    option(
        "fields.*",
        OptionKind::Text,
        "",
        "fields.<column>.kind, min, max, length, start, end, null-rate, max-past, var-len.",
    ),
    option("scan.parallelism", OptionKind::Ignored, "", "use 'splits' to make rows on several threads"),
    option(
        "splits",
        OptionKind::Integer,
        "1",
        "Splits that can be read on threads of their own; row n belongs to split n modulo this.",
    ),
    option("seed", OptionKind::Integer, "7", "Another seed makes other rows."),
    option(
        "generator",
        OptionKind::Text,
        "",
        "A classroom generator: messages in one column, their key in a second if there is one.",
    ),
    option(
        "start-time",
        OptionKind::Text,
        "2020-08-27 00:00:00",
        "Event time of the first message, UTC, or 'now' (classroom generators).",
    ),
    option("events-per-second", OptionKind::Integer, "2000", "Messages a second of event time (classroom generators)."),
    option("disorder", OptionKind::Duration, "511 ms", "How far event times go back at most (classroom generators)."),
    option("keys", OptionKind::Integer, "2000", "How many users, questions or channels (classroom generators)."),
];

/// The connector.
pub struct Datagen {
    descriptor: Descriptor,
}

impl Datagen {
    pub(super) fn new(dialect: Dialect) -> Self {
        let descriptor =
            Descriptor { names: &["datagen"], dialect, options: OPTIONS, source: true, sink: false, lookup: false };
        Datagen { descriptor }
    }
}

#[async_trait]
impl Connector for Datagen {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn bind(&self, table: &TableSpec, options: &CheckedOptions) -> Result<TableBinding> {
        let columns: Vec<Column> = table.physical().cloned().collect();
        let settings = settings(&columns, options)?;
        let mut binding = TableBinding::new(Resource::Own);
        if settings.rows.is_none() {
            binding.notes.push("datagen without 'number-of-rows' never ends".to_owned());
        }
        Ok(binding)
    }

    async fn open_source(&self, table: &BoundTable) -> Result<Arc<dyn Source>> {
        let columns: Vec<Column> = table.spec.physical().cloned().collect();
        let settings = settings(&columns, &table.checked())?;
        Ok(Arc::new(DatagenSource::new(&table.spec.name, columns, settings)))
    }
}

/// What the options say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    /// `None`: for ever.
    pub(crate) rows: Option<u64>,
    /// `None`: as fast as possible.
    pub(crate) rate: Option<u64>,
    pub(crate) splits: u64,
    pub(crate) rows_of: Rows,
}

/// What the rows are.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// A value a column.
    Fields(Vec<FieldOptions>),
    /// Messages; the indices of the key's and the message's column.
    Messages { classroom: Classroom, key: Option<usize>, message: usize },
}

fn settings(columns: &[Column], options: &CheckedOptions) -> Result<Settings> {
    let number = |name: &str, least: i64| match options.get(name).map(str::parse::<i64>) {
        None => Ok(None),
        Some(Ok(n)) if n >= least => Ok(Some(n as u64)),
        Some(_) => Err(Error::user(format!("option '{name}' must be at least {least}"))),
    };
    let rows = number("number-of-rows", 0)?;
    let (rows_of, default_rate) = match options.get("generator") {
        Some(name) => {
            if let Some((field, _)) = options.with_prefix("fields.").next() {
                return Err(Error::user(format!("option 'fields.{field}' has no meaning beside 'generator'")));
            }
            (messages(name, columns, options)?, if rows.is_some() { 0 } else { 10_000 })
        }
        None => {
            let own = ["start-time", "events-per-second", "disorder", "keys"];
            if let Some(alien) = own.iter().find(|o| options.get(o).is_some()) {
                return Err(Error::user(format!("option '{alien}' needs a 'generator'"))
                    .help(format!("the generators are {}", names().join(", "))));
            }
            (Rows::Fields(fields::parse(columns, options)?), 10_000)
        }
    };
    let rate = number("rows-per-second", 0)?.unwrap_or(default_rate);
    let mut settings = Settings {
        seed: options.get("seed").and_then(|s| s.parse::<i64>().ok()).unwrap_or(7) as u64,
        rows,
        rate: (rate > 0).then_some(rate),
        splits: number("splits", 1)?.unwrap_or(1),
        rows_of,
    };
    if let Rows::Fields(fields) = &settings.rows_of {
        // A sequence that is used up ends the source.
        let used_up = fields.iter().filter_map(FieldOptions::sequence_length).min();
        settings.rows = [settings.rows, used_up].into_iter().flatten().min();
    }
    Ok(settings)
}

fn names() -> Vec<&'static str> {
    GENERATORS.iter().map(|(n, _)| *n).collect()
}

fn messages(name: &str, columns: &[Column], options: &CheckedOptions) -> Result<Rows> {
    let shape = GENERATORS.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, s)| *s).ok_or_else(|| {
        let e = Error::user(format!("unknown generator '{name}'"));
        match nearest(name, names().into_iter()) {
            Some(n) => e.help(format!("did you mean '{n}'?")),
            None => e.help(format!("the generators are {}", names().join(", "))),
        }
    })?;
    let (key, message) = match columns {
        [_] => (None, 0),
        [first, second] => {
            let is_key = |c: &Column| c.name.to_ascii_lowercase().contains("key");
            match (is_key(first), is_key(second)) {
                (true, false) => (Some(0), 1),
                (false, true) => (Some(1), 0),
                _ => return Err(Error::user("of two columns of a generator, exactly one is to be named like 'key'")),
            }
        }
        _ => {
            return Err(Error::user(format!(
                "a table with 'generator' has a column for the message and may have one for its key, not {} columns",
                columns.len()
            ))
            .help("(message STRING), or (message_key STRING, message STRING)"));
        }
    };
    if let Some(c) = columns.iter().find(|c| !matches!(c.data_type.ty, SqlType::VarChar(_) | SqlType::VarBinary(_))) {
        return Err(Error::user(format!(
            "column '{}' is {}: messages and keys are STRING or BYTES",
            c.name, c.data_type.ty
        )));
    }
    let int = |name: &str, default: i64| -> Result<i64> {
        let n = options.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
        if n >= 0 { Ok(n) } else { Err(Error::user(format!("option '{name}' must not be negative"))) }
    };
    let start_ms = match options.get("start-time") {
        None => Some(classroom::START_MS),
        Some(t) if t.trim().eq_ignore_ascii_case("now") => None,
        Some(t) => Some(text::parse_timestamp(t.trim()).map(|us| us.div_euclid(1000)).ok_or_else(|| {
            Error::user(format!("option 'start-time': '{t}' is not a time")).help("'2020-08-27 00:00:00', or 'now'")
        })?),
    };
    let classroom = Classroom {
        shape,
        start_ms,
        per_second: int("events-per-second", 2000)?.max(1),
        disorder_ms: int("disorder", if shape == Shape::Analysis { 4095 } else { 511 })?,
        keys: int("keys", 2000)?.max(1) as u64,
    };
    Ok(Rows::Messages { classroom, key, message })
}

#[cfg(test)]
mod tests;
