//! Which dialect a script is written in, by what its tables say.
//!
//! | sign | dialect |
//! |---|---|
//! | `SET 'tidegate.dialect' = '…'` | as it says, whatever else is written |
//! | option `connector` | flink |
//! | `type` names a connector that only one dialect knows: `rds`, `kafka010`, `cloudhbase` | blink |
//! | … `kafka11`, `mysql`, `hbase` | uflink |
//! | options `bootstrap.servers`, `` `group.id` ``, `startupMode`, `zkQuorum`, `endPoint` | blink |
//! | options `bootstrapServers`, `groupId`, `offsetReset`, `zookeeperQuorum`; `SIDE DIMENSION SIGN` | uflink |
//! | `PERIOD FOR SYSTEM_TIME`, where nothing above speaks for uflink | blink |
//! | no table at all | flink |
//!
//! Signs for two dialects, or a table without any in a script without any, are an error that asks
//! for the SET.

use tidegate_core::registry::Registry;
use tidegate_core::{Dialect, Error, Result, Span};

use crate::ast::{CreateTable, Script, StatementKind};

/// The setting that decides.
pub const SETTING: &str = "tidegate.dialect";

/// A dialect and the sign it was chosen by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferred {
    /// Which.
    pub dialect: Dialect,
    /// Why, for people.
    pub reason: String,
}

struct Sign {
    dialect: Dialect,
    what: String,
    span: Span,
}

const OPTION_SIGNS: &[(&str, Dialect)] = &[
    ("connector", Dialect::Flink),
    ("bootstrap.servers", Dialect::Blink),
    ("group.id", Dialect::Blink),
    ("startupMode", Dialect::Blink),
    ("zkQuorum", Dialect::Blink),
    ("endPoint", Dialect::Blink),
    ("columnFamily", Dialect::Blink),
    ("bootstrapServers", Dialect::UFlink),
    ("groupId", Dialect::UFlink),
    ("offsetReset", Dialect::UFlink),
    ("zookeeperQuorum", Dialect::UFlink),
    ("sourceDataType", Dialect::UFlink),
    ("sinkDataType", Dialect::UFlink),
];

/// The dialect of a script.
///
/// # Errors
/// Signs of two dialects, tables without a sign, an unknown name in the SET.
pub fn infer(script: &Script, registry: &Registry) -> Result<Inferred> {
    if let Some(chosen) = chosen(script)? {
        return Ok(chosen);
    }
    let tables: Vec<&CreateTable> = script
        .statements
        .iter()
        .filter_map(|s| match &s.kind {
            StatementKind::CreateTable(t) => Some(t),
            _ => None,
        })
        .collect();
    let mut signs: Vec<Sign> = tables.iter().flat_map(|t| signs_of(t, registry)).collect();
    if signs.is_empty() {
        signs.extend(tables.iter().filter_map(|t| period_sign(t)));
    }
    let Some(first) = signs.first() else { return undecided(&tables) };
    if let Some(other) = signs.iter().find(|s| s.dialect != first.dialect) {
        return Err(Error::user(format!(
            "{} is the {} dialect, but {} is the {} dialect",
            first.what, first.dialect, other.what, other.dialect
        ))
        .at(other.span)
        .help(format!("write all tables in one dialect, or decide with SET '{SETTING}' = '{}'", first.dialect)));
    }
    Ok(Inferred { dialect: first.dialect, reason: first.what.clone() })
}

fn chosen(script: &Script) -> Result<Option<Inferred>> {
    let mut found = None;
    for s in &script.statements {
        if let StatementKind::Set(set) = &s.kind
            && set.key.text.eq_ignore_ascii_case(SETTING)
        {
            let dialect = set.value.parse::<Dialect>().map_err(|e| e.at(set.value_span))?;
            found = Some(Inferred { dialect, reason: format!("SET '{SETTING}'") });
        }
    }
    Ok(found)
}

fn signs_of(table: &CreateTable, registry: &Registry) -> Vec<Sign> {
    let name = &table.name.text;
    let mut signs = Vec::new();
    for o in &table.options {
        if o.name.eq_ignore_ascii_case("type") {
            if let Some(dialect) = only_dialect(&o.value, registry) {
                let what = format!("type = '{}' of table {name}", o.value);
                signs.push(Sign { dialect, what, span: o.span });
            }
        } else if let Some((_, dialect)) = OPTION_SIGNS.iter().find(|(n, _)| n.eq_ignore_ascii_case(&o.name)) {
            let what = format!("option '{}' of table {name}", o.name);
            signs.push(Sign { dialect: *dialect, what, span: o.span });
        }
    }
    if let Some(sign) = table.dimension.as_ref().filter(|d| d.text.starts_with("SIDE")) {
        let what = format!("{} of table {name}", sign.text);
        signs.push(Sign { dialect: Dialect::UFlink, what, span: sign.span });
    }
    signs
}

/// The one dialect, of the two that say `type`, that knows a connector of this name.
fn only_dialect(name: &str, registry: &Registry) -> Option<Dialect> {
    let mut known = registry.dialects_of(name);
    known.retain(|d| *d != Dialect::Flink);
    match known.as_slice() {
        [one] => Some(*one),
        _ => None,
    }
}

fn period_sign(table: &CreateTable) -> Option<Sign> {
    let sign = table.dimension.as_ref()?;
    let what = format!("{} of table {}", sign.text, table.name.text);
    Some(Sign { dialect: Dialect::Blink, what, span: sign.span })
}

fn undecided(tables: &[&CreateTable]) -> Result<Inferred> {
    match tables.first() {
        None => Ok(Inferred { dialect: Dialect::Flink, reason: "no table says otherwise".to_owned() }),
        Some(t) => Err(Error::user(format!("the dialect cannot be told from table '{}' or any other", t.name.text))
            .at(t.name.span)
            .help(format!(
                "a Flink table names its connector with 'connector' = '…'; else say SET '{SETTING}' = 'blink' or 'uflink'"
            ))),
    }
}
