//! CREATE TABLE.

use sqlparser::tokenizer::Token;
use tidegate_core::{Error, Result, ResultExt};

use super::cursor::Cursor;
use super::options::option_list;
use super::{columns, like};
use crate::ast::{ColumnDef, CreateTable, Name, Warning};

/// Reads a table from its name on.
pub fn create_table(
    c: &mut Cursor<'_>,
    temporary: bool,
    if_not_exists: bool,
    warnings: &mut Vec<Warning>,
) -> Result<CreateTable> {
    let name = c.object_name("the name of the table")?;
    let mut table = CreateTable {
        name,
        temporary,
        if_not_exists,
        columns: Vec::new(),
        primary_key: Vec::new(),
        watermark: None,
        dimension: None,
        comment: None,
        partitioned_by: Vec::new(),
        options: Vec::new(),
        like: None,
    };
    let place = format!("table {}", table.name.text);
    body(c, &mut table, warnings).context(|| place)?;
    Ok(table)
}

fn body(c: &mut Cursor<'_>, table: &mut CreateTable, warnings: &mut Vec<Warning>) -> Result<()> {
    if c.take_token(&Token::LParen) {
        columns::column_list(c, table, warnings)?;
    }
    let mut with = false;
    while !c.at_end() {
        let span = c.span();
        if c.take(&["COMMENT"]) {
            table.comment = Some(c.text("a comment")?.0);
        } else if c.take(&["PARTITIONED", "BY"]) {
            table.partitioned_by = c.name_list("the name of a column")?;
            warnings.push(Warning { message: "PARTITIONED BY has no effect here".to_owned(), span });
        } else if c.is("DISTRIBUTED") {
            return Err(Error::user("DISTRIBUTED is not supported").at(span).help("leave it out"));
        } else if c.take(&["WITH"]) {
            if with {
                return Err(Error::user("a second WITH").at(span).help("put all options into one"));
            }
            with = true;
            table.options = option_list(c)?;
        } else if c.take(&["LIKE"]) {
            table.like = Some(like::like_clause(c)?);
        } else if c.is("AS") {
            return Err(Error::user("CREATE TABLE … AS query is not supported")
                .at(span)
                .help("declare the table with its columns, then INSERT INTO it"));
        } else {
            return Err(c.expected("WITH, LIKE, COMMENT or ';'"));
        }
    }
    if !with && table.like.is_none() {
        return Err(Error::user("the table has no WITH clause")
            .at(table.name.span)
            .help("say where its data is: WITH ('connector' = 'kafka', …)"));
    }
    check_names(table)
}

/// Column names occur once; keys and watermarks name columns.
fn check_names(table: &CreateTable) -> Result<()> {
    let mut seen: Vec<&ColumnDef> = Vec::new();
    for column in &table.columns {
        if seen.iter().any(|s| s.name.text == column.name.text) {
            return Err(Error::user(format!("column '{}' is declared twice", column.name.text)).at(column.name.span));
        }
        seen.push(column);
    }
    let mut keys: Vec<&Name> = Vec::new();
    for key in &table.primary_key {
        if keys.iter().any(|k| k.text == key.text) {
            return Err(Error::user(format!("'{}' is in the primary key twice", key.text)).at(key.span));
        }
        keys.push(key);
    }
    Ok(())
}
