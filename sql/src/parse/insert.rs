//! INSERT INTO.

use sqlparser::tokenizer::Token;
use tidegate_core::{Error, Result, ResultExt, Span};

use super::brackets::closing;
use super::cursor::Cursor;
use super::hints::hint_options;
use super::statement::rest_as_query;
use super::tokens::{hint_end, hint_start};
use crate::ast::{Insert, Name, Warning};

/// Reads an INSERT; the cursor is at the word.
pub fn insert(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<Insert> {
    let span = c.span();
    c.expect(&["INSERT"])?;
    if c.is("OVERWRITE") {
        return Err(Error::user("INSERT OVERWRITE is not supported: a stream has no end at which to replace a table")
            .at(span)
            .help("write INSERT INTO"));
    }
    c.expect(&["INTO"])?;
    if c.is("TABLE") && matches!(c.peek_at(1), Token::Word(_)) {
        c.advance();
    }
    let table = c.object_name("the name of a table")?;
    let place = format!("INSERT INTO {}", table.text);
    insert_body(c, table, span, warnings).context(|| place)
}

fn insert_body(c: &mut Cursor<'_>, table: Name, span: Span, warnings: &mut Vec<Warning>) -> Result<Insert> {
    let mut options = Vec::new();
    while *c.peek() == hint_start() {
        let from = c.position();
        while !c.at_end() && *c.peek() != hint_end() {
            c.advance();
        }
        let (mut hinted, mut unknown) = hint_options(c.slice(from + 1, c.position()))?;
        options.append(&mut hinted);
        warnings.append(&mut unknown);
        c.advance();
    }
    if c.is("PARTITION") && *c.peek_at(1) == Token::LParen {
        partition(c, warnings)?;
    }
    let mut columns = Vec::new();
    let begins_query = |c: &Cursor<'_>| {
        *c.peek_at(1) == Token::LParen
            || ["SELECT", "WITH", "VALUES"].iter().any(|w| super::cursor::is_word(c.peek_at(1), w))
    };
    if *c.peek() == Token::LParen && !begins_query(c) {
        columns = c.name_list("the name of a column")?;
    }
    let query = rest_as_query(c, warnings)?;
    Ok(Insert { table, columns, query, options, span })
}

fn partition(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<()> {
    let span = c.span();
    c.advance();
    let end = closing(c.rest(), 0) + c.position();
    if c.slice(c.position(), end).iter().any(|t| t.token == Token::Eq) {
        return Err(Error::user("INSERT into a PARTITION with a fixed value is not supported")
            .at(span)
            .help("select the value as a column instead"));
    }
    c.jump(end + 1);
    warnings.push(Warning { message: "PARTITION has no effect here".to_owned(), span });
    Ok(())
}
