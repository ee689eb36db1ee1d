//! What declarations make of a table: a pure function from what is stored and what is declared to
//! what must change.

use serde::{Deserialize, Serialize};
use tidegate_core::{Error, Result};

use super::file::Access;
use super::layout::Stored;

/// What the file remembers of its declarations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schema {
    /// Random, made with the file.
    pub(super) identity: String,
    pub(super) columns: Vec<Known>,
    pub(super) primary_key: Vec<String>,
    /// The first writer, whose word on the key counts.
    pub(super) keyed_by: Option<String>,
    /// The first declaration.
    pub(super) declared_by: String,
}

/// A column and who declared it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(flatten)]
    pub(super) column: Stored,
    pub(super) declared_by: String,
}

/// A declaration.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) columns: Vec<Stored>,
    pub(super) primary_key: Vec<String>,
    pub(super) access: Access,
    /// For messages: `orders (line 4)`.
    pub(super) who: String,
}

/// What to do to the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Make the table; drop the empty one there is, if any.
    Make(Schema),
    /// Add the last so many columns of the schema.
    Add(Schema, usize),
}

/// Lays a declaration over what is there. `identity` is for a table that is new.
pub(super) fn merge(stored: Option<&Schema>, declared: &Declared, is_empty: bool, identity: &str) -> Result<Change> {
    check(declared)?;
    let who = || declared.who.clone();
    let writer = (declared.access == Access::Write).then(who);
    let Some(stored) = stored else {
        let columns = declared.columns.iter().map(|c| Known { column: c.clone(), declared_by: who() }).collect();
        return Ok(Change::Make(Schema {
            identity: identity.to_owned(),
            columns,
            primary_key: declared.primary_key.clone(),
            keyed_by: writer,
            declared_by: who(),
        }));
    };
    let mut schema = stored.clone();
    let mut added = 0;
    for column in &declared.columns {
        match stored.columns.iter().find(|k| k.column.name.eq_ignore_ascii_case(&column.name)) {
            Some(known) if known.column.kind() == column.kind() => {}
            Some(known) => return Err(column_conflict(known, column, declared)),
            None => {
                schema.columns.push(Known { column: column.clone(), declared_by: who() });
                added += 1;
            }
        }
    }
    let mut remake = false;
    if let Some(writer) = writer {
        let same = same_key(&stored.primary_key, &declared.primary_key);
        if !same && (stored.keyed_by.is_some() || !is_empty) {
            return Err(key_conflict(stored, declared));
        }
        remake = !same;
        schema.primary_key.clone_from(&declared.primary_key);
        schema.keyed_by.get_or_insert(writer);
    }
    Ok(match (remake, added) {
        (true, _) => Change::Make(schema),
        (false, 0) if schema == *stored => Change::None,
        (false, added) => Change::Add(schema, added),
    })
}

fn check(declared: &Declared) -> Result<()> {
    for (i, c) in declared.columns.iter().enumerate() {
        if let Some(other) = declared.columns[..i].iter().find(|o| o.name.eq_ignore_ascii_case(&c.name)) {
            return Err(Error::user(format!(
                "columns '{}' and '{}' differ only in case, which an embedded table does not tell apart",
                other.name, c.name
            )));
        }
    }
    for k in &declared.primary_key {
        if !declared.columns.iter().any(|c| c.name.eq_ignore_ascii_case(k)) {
            return Err(Error::user(format!("the key column '{k}' is not a column of the data")));
        }
    }
    if declared.columns.is_empty() {
        return Err(Error::user("an embedded table needs at least one column in the data"));
    }
    Ok(())
}

fn same_key(a: &[String], b: &[String]) -> bool {
    let sorted = |k: &[String]| {
        let mut k: Vec<String> = k.iter().map(|n| n.to_ascii_lowercase()).collect();
        k.sort();
        k
    };
    sorted(a) == sorted(b)
}

fn column_conflict(known: &Known, column: &Stored, declared: &Declared) -> Error {
    Error::user(format!(
        "column '{}' is {} ({}) in the declaration {}, but {} ({}) in {}",
        column.name,
        column.ty,
        column.kind(),
        declared.who,
        known.column.ty,
        known.column.kind(),
        known.declared_by
    ))
    .help("declarations that share a table must agree on the types of its columns")
}

fn key_conflict(stored: &Schema, declared: &Declared) -> Error {
    let key = |k: &[String]| {
        if k.is_empty() { "no primary key".to_owned() } else { format!("PRIMARY KEY ({})", k.join(", ")) }
    };
    let other = stored.keyed_by.as_ref().unwrap_or(&stored.declared_by);
    Error::user(format!(
        "declaration {} has {}, but {other} has {}",
        declared.who,
        key(&declared.primary_key),
        key(&stored.primary_key)
    ))
    .help("declarations that write one table must agree on its key; use another table name, or delete the table's file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::SqlType;

    fn declared(columns: &[(&str, SqlType)], key: &[&str], access: Access, who: &str) -> Declared {
        Declared {
            columns: columns.iter().map(|(n, t)| Stored { name: (*n).into(), ty: t.clone() }).collect(),
            primary_key: key.iter().map(|k| (*k).into()).collect(),
            access,
            who: who.into(),
        }
    }
    fn made(change: Change) -> Schema {
        match change {
            Change::Make(s) | Change::Add(s, _) => s,
            Change::None => panic!("no change"),
        }
    }

    #[test]
    fn columns_grow_and_conflicts_name_both() {
        let basic =
            declared(&[("id", SqlType::BigInt), ("name", SqlType::STRING)], &["id"], Access::Write, "basic (line 1)");
        let schema = made(merge(None, &basic, true, "i").unwrap());
        assert_eq!(merge(Some(&schema), &basic, true, "x").unwrap(), Change::None);
        let stock =
            declared(&[("ID", SqlType::Int), ("stock", SqlType::Int)], &["ID"], Access::Write, "stock (line 9)");
        let Change::Add(wider, 1) = merge(Some(&schema), &stock, false, "x").unwrap() else { panic!("not added") };
        assert_eq!(wider.columns[2].column.name, "stock");
        let wrong = declared(&[("name", SqlType::BigInt)], &[], Access::Read, "other (line 3)");
        let e = merge(Some(&schema), &wrong, false, "x").unwrap_err().to_string();
        assert!(e.contains("other (line 3)") && e.contains("basic (line 1)"), "{e}");
    }

    #[test]
    fn the_writers_word_on_the_key_counts() {
        let reader = declared(&[("k", SqlType::STRING)], &[], Access::Read, "dim");
        let schema = made(merge(None, &reader, true, "i").unwrap());
        let writer = declared(&[("k", SqlType::STRING)], &["k"], Access::Write, "sink");
        let Change::Make(keyed) = merge(Some(&schema), &writer, true, "x").unwrap() else { panic!("not made") };
        assert_eq!((keyed.primary_key.as_slice(), keyed.identity.as_str()), (&["k".to_owned()][..], "i"));
        assert!(merge(Some(&schema), &writer, false, "x").is_err());
        assert_eq!(merge(Some(&keyed), &reader, false, "x").unwrap(), Change::None);
        let append = declared(&[("k", SqlType::STRING)], &[], Access::Write, "append");
        let e = merge(Some(&keyed), &append, true, "x").unwrap_err().to_string();
        assert!(e.contains("append has no primary key, but sink has PRIMARY KEY (k)"), "{e}");
    }

    #[test]
    fn declarations_that_cannot_be() {
        let twice = declared(&[("a", SqlType::Int), ("A", SqlType::Int)], &[], Access::Read, "t");
        assert!(merge(None, &twice, true, "i").is_err());
        let keyless = declared(&[("a", SqlType::Int)], &["b"], Access::Read, "t");
        assert!(merge(None, &keyless, true, "i").is_err());
        assert!(merge(None, &declared(&[], &[], Access::Read, "t"), true, "i").is_err());
    }
}
