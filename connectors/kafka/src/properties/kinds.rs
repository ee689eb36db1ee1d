//! Kinds of values, checked before anything is made of them.

use tidegate_core::options::nearest;
use tidegate_core::{Error, Result};

use super::table::Property;
use super::wrong;

/// What a value has to look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Any text; never shown.
    Secret,
    /// `true` or `false`.
    Boolean,
    /// A whole number within these limits.
    Whole(i64, i64),
    /// A number within these limits.
    Decimal(f64, f64),
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    /// Some of these with commas between, in any case.
    Several(&'static [&'static str]),
}

const INT: i64 = i32::MAX as i64;

/// Java's INT from 0.
pub(super) const INT_FROM_0: Kind = Kind::Whole(0, INT);
/// Java's INT from 1.
pub(super) const INT_FROM_1: Kind = Kind::Whole(1, INT);
/// Java's INT, any.
pub(super) const ANY_INT: Kind = Kind::Whole(-INT - 1, INT);
/// Java's LONG from 0.
pub(super) const LONG_FROM_0: Kind = Kind::Whole(0, i64::MAX);
/// Java's LONG, any.
pub(super) const ANY_LONG: Kind = Kind::Whole(i64::MIN, i64::MAX);

/// The value in its plain form: without blanks around it, booleans and choices as the table spells
/// them.
///
/// # Errors
/// Where it is of another kind. A secret is not shown.
pub(super) fn check(property: &Property, value: &str) -> Result<String> {
    // Java's clients cut blanks too.
    let value = value.trim();
    let fail = |what: String| {
        let shown = if property.kind == Kind::Secret { "***" } else { value };
        Err(help(property, wrong(property.name, format_args!("'{shown}' is not {what}"))))
    };
    match property.kind {
        Kind::Text | Kind::Secret => Ok(value.to_owned()),
        Kind::Boolean => match value.to_ascii_lowercase().as_str() {
            plain @ ("true" | "false") => Ok(plain.to_owned()),
            _ => fail("true or false".into()),
        },
        Kind::Whole(least, most) => match value.parse::<i64>() {
            Ok(n) if (least..=most).contains(&n) => Ok(n.to_string()),
            Ok(_) => fail(range(least, most)),
            Err(_) => fail("a whole number".into()),
        },
        Kind::Decimal(least, most) => match value.parse::<f64>() {
            Ok(n) if (least..=most).contains(&n) => Ok(value.to_owned()),
            _ => fail(format!("a number from {least} to {most}")),
        },
        Kind::OneOf(all) => match choose(all, value) {
            Some(found) => Ok(found.to_owned()),
            None => fail(format!("one of {}", list(all))),
        },
        Kind::Several(all) => {
            let parts = value.split(',').map(str::trim).filter(|p| !p.is_empty());
            match parts.map(|p| choose(all, p).ok_or(p)).collect::<Result<Vec<_>, _>>() {
                Ok(found) => Ok(found.join(",")),
                Err(part) => Err(match nearest(part, all.iter().copied()) {
                    Some(near) => wrong(property.name, format_args!("there is no '{part}'"))
                        .help(format!("did you mean '{near}'?")),
                    None => {
                        wrong(property.name, format_args!("there is no '{part}'")).help(format!("it has {}", list(all)))
                    }
                }),
            }
        }
    }
}

fn choose(all: &'static [&'static str], value: &str) -> Option<&'static str> {
    all.iter().find(|a| a.eq_ignore_ascii_case(value)).copied()
}

fn list(all: &[&str]) -> String {
    let shown: Vec<&str> = all.iter().copied().filter(|a| !a.is_empty()).collect();
    shown.join(", ")
}

fn range(least: i64, most: i64) -> String {
    match (least, most) {
        (least, i64::MAX) => format!("{least} or more"),
        (least, most) => format!("from {least} to {most}"),
    }
}

/// Units are the usual mistake: Flink's own options take '10 s', Kafka's take 10000.
fn help(property: &Property, error: Error) -> Error {
    match property.kind {
        Kind::Whole(..) if property.name.ends_with(".ms") => error.help("it is a number of milliseconds, without unit"),
        Kind::Whole(..) if [".bytes", ".memory", ".size"].iter().any(|end| property.name.ends_with(end)) => {
            error.help("it is a number of bytes, without unit")
        }
        Kind::OneOf(_) if !property.why.is_empty() => error.help(property.why),
        _ => error,
    }
}
