//! Which statement it is, and all statements but CREATE TABLE.

use sqlparser::tokenizer::{Token, TokenWithSpan};
use tidegate_core::options::nearest;
use tidegate_core::{Error, Result, ResultExt, Span};

use super::cursor::{Cursor, place};
use super::insert::insert;
use super::tokens::text_of;
use super::{query, table};
use crate::ast::{CreateView, Drop, Insert, Name, Query, Setting, Statement, StatementKind, Warning};

/// What a piece of text between two `;` is.
// A script has few of them; boxes would only be in the way.
#[allow(clippy::large_enum_variant)]
pub enum Piece {
    /// A statement.
    Statement(Statement),
    /// BEGIN STATEMENT SET, and perhaps its first INSERT.
    SetBegins(Span, Option<Insert>),
    /// END
    SetEnds(Span),
}

/// Reads the tokens between two `;`.
pub fn piece(tokens: &[TokenWithSpan], warnings: &mut Vec<Warning>) -> Result<Piece> {
    let mut c = Cursor::new(tokens);
    let span = c.span();
    if c.take(&["BEGIN", "STATEMENT", "SET"]) {
        return set_begins(&mut c, span, warnings);
    }
    if c.take(&["EXECUTE", "STATEMENT", "SET"]) {
        c.expect(&["BEGIN"])?;
        return set_begins(&mut c, span, warnings);
    }
    if c.is("END") && (tokens.len() == 1 || c.are(&["END", "STATEMENT", "SET"])) {
        return Ok(Piece::SetEnds(span));
    }
    statement(&mut c, warnings).map(Piece::Statement)
}

fn set_begins(c: &mut Cursor<'_>, span: Span, warnings: &mut Vec<Warning>) -> Result<Piece> {
    let first = if c.at_end() { None } else { Some(insert(c, warnings)?) };
    Ok(Piece::SetBegins(span, first))
}

fn statement(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<Statement> {
    let span = c.span();
    let first = match c.peek() {
        Token::Word(w) => w.value.to_ascii_uppercase(),
        Token::LParen => "SELECT".to_owned(),
        _ => return Err(c.expected("a statement")),
    };
    let kind = match first.as_str() {
        "CREATE" => create(c, warnings)?,
        "DROP" => StatementKind::Drop(drop_object(c)?),
        "SET" => StatementKind::Set(set(c)?),
        "RESET" => reset(c)?,
        "INSERT" => StatementKind::Insert(insert(c, warnings)?),
        // EXECUTE INSERT INTO … is how Flink writes a single job.
        "EXECUTE" if super::cursor::is_word(c.peek_at(1), "INSERT") => {
            c.advance();
            StatementKind::Insert(insert(c, warnings)?)
        }
        "EXPLAIN" => explain(c, warnings)?,
        "SELECT" | "WITH" | "VALUES" => StatementKind::Query(rest_as_query(c, warnings)?),
        _ => return Err(refused(c, &first, span)),
    };
    Ok(Statement { kind, span })
}

/// The query that the rest of the statement is.
pub fn rest_as_query(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<Query> {
    let tokens = c.rest();
    if tokens.is_empty() {
        return Err(c.expected("a query"));
    }
    c.finish();
    let tokens = without_emit(tokens, warnings);
    query::query(tokens, warnings)
}

/// Blink's `EMIT WITH DELAY …` at the end changes when results appear, not which.
fn without_emit<'a>(tokens: &'a [TokenWithSpan], warnings: &mut Vec<Warning>) -> &'a [TokenWithSpan] {
    let found = tokens.iter().enumerate().position(|(i, _)| {
        let c = Cursor::new(&tokens[i..]);
        c.are(&["EMIT", "WITH", "DELAY"]) || c.are(&["EMIT", "WITHOUT", "DELAY"])
    });
    let Some(i) = found else { return tokens };
    warnings.push(Warning {
        message: "EMIT has no effect here: a window gives its result once, when it closes".to_owned(),
        span: place(&tokens[i]),
    });
    &tokens[..i]
}

fn create(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<StatementKind> {
    c.advance();
    let span = c.span();
    if c.are(&["OR"]) {
        return Err(Error::user("CREATE OR REPLACE and CREATE OR ALTER are not supported")
            .at(span)
            .help("write DROP TABLE IF EXISTS … first"));
    }
    let temporary = c.take(&["TEMPORARY"]);
    if c.take(&["SYSTEM"]) || c.is("FUNCTION") || c.peek_at(1) == &Token::EOF && c.is("FUNCTION") {
        return Err(no_functions(span));
    }
    if ["SCALAR", "AGGREGATE", "TABLE", "AGGREGATION"].iter().any(|w| c.are(&[w, "FUNCTION"])) {
        return Err(no_functions(span));
    }
    if c.take(&["TABLE"]) {
        let if_not_exists = c.take(&["IF", "NOT", "EXISTS"]);
        let created = table::create_table(c, temporary, if_not_exists, warnings)?;
        return Ok(StatementKind::CreateTable(created));
    }
    if c.take(&["VIEW"]) {
        return create_view(c, temporary, warnings).map(StatementKind::CreateView);
    }
    let what = c.word("TABLE or VIEW")?.value.clone();
    let error = Error::user(format!("CREATE {} is not supported", what.to_uppercase())).at(span);
    Err(match what.to_ascii_uppercase().as_str() {
        "CATALOG" | "DATABASE" | "SCHEMA" => {
            error.help("there is one catalogue and one database: declare tables with CREATE TABLE")
        }
        "MATERIALIZED" => error.help("use CREATE TABLE and INSERT INTO"),
        other => match nearest(other, ["TABLE", "VIEW"].into_iter()) {
            Some(n) => error.help(format!("did you mean CREATE {n}?")),
            None => error.help("CREATE TABLE and CREATE VIEW are"),
        },
    })
}

fn no_functions(span: Span) -> Error {
    Error::user("CREATE FUNCTION is not supported: functions written in Java or Python cannot run in this process")
        .at(span)
        .help("express it with built-in functions, or run that job on Flink")
}

fn create_view(c: &mut Cursor<'_>, temporary: bool, warnings: &mut Vec<Warning>) -> Result<CreateView> {
    let if_not_exists = c.take(&["IF", "NOT", "EXISTS"]);
    let name = c.object_name("the name of the view")?;
    let mut columns = Vec::new();
    if c.take_token(&Token::LParen) {
        loop {
            columns.push(c.name("the name of a column")?);
            if c.take(&["COMMENT"]) {
                c.text("a comment")?;
            }
            if !c.take_token(&Token::Comma) {
                break;
            }
        }
        c.expect_token(&Token::RParen)?;
    }
    if c.take(&["COMMENT"]) {
        c.text("a comment")?;
    }
    c.expect(&["AS"])?;
    let query = rest_as_query(c, warnings).context(|| format!("view {}", name.text))?;
    Ok(CreateView { name, temporary, if_not_exists, columns, query })
}

fn drop_object(c: &mut Cursor<'_>) -> Result<Drop> {
    c.advance();
    c.take(&["TEMPORARY"]);
    let view = if c.take(&["VIEW"]) {
        true
    } else if c.take(&["TABLE"]) {
        false
    } else {
        return Err(c.expected("TABLE or VIEW"));
    };
    let if_exists = c.take(&["IF", "EXISTS"]);
    let name = c.object_name("a name")?;
    c.expect_end()?;
    Ok(Drop { view, if_exists, name })
}

/// `SET 'k' = 'v'` and `SET k=v`, where v is everything to the end.
fn set(c: &mut Cursor<'_>) -> Result<Setting> {
    c.advance();
    let from = c.position();
    let span = c.span();
    let key = if let Token::SingleQuotedString(s) = c.peek() {
        c.advance();
        s.clone()
    } else {
        while !c.at_end() && *c.peek() != Token::Eq {
            c.advance();
        }
        text_of(c.slice(from, c.position())).replace(['`', ' '], "")
    };
    if key.is_empty() {
        return Err(c.expected("a key").help("write SET 'key' = 'value'"));
    }
    c.expect_token(&Token::Eq).map_err(|e| e.help("write SET 'key' = 'value'"))?;
    let value_span = c.span();
    let value = match c.rest() {
        [] => return Err(c.expected("a value").help("write SET 'key' = 'value'")),
        [one] => match &one.token {
            Token::SingleQuotedString(s) | Token::DoubleQuotedString(s) => s.clone(),
            other => other.to_string(),
        },
        several if matches!(several[0].token, Token::SingleQuotedString(_)) => {
            return Err(Error::user(format!("'{}' after the value of '{key}'", several[1].token))
                .at(place(&several[1]))
                .help("a ';' may be missing"));
        }
        several => text_of(several),
    };
    c.finish();
    Ok(Setting { key: Name { text: key, span }, value, value_span })
}

fn reset(c: &mut Cursor<'_>) -> Result<StatementKind> {
    c.advance();
    if c.at_end() {
        return Ok(StatementKind::Reset(None));
    }
    let span = c.span();
    let text = match c.peek() {
        Token::SingleQuotedString(s) => s.clone(),
        _ => text_of(c.rest()).replace(['`', ' '], ""),
    };
    Ok(StatementKind::Reset(Some(Name { text, span })))
}

fn explain(c: &mut Cursor<'_>, warnings: &mut Vec<Warning>) -> Result<StatementKind> {
    c.advance();
    if !c.take(&["PLAN", "FOR"]) {
        while ["ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN"].iter().any(|w| c.is(w)) {
            c.advance();
            c.take_token(&Token::Comma);
        }
    }
    if c.is("EXPLAIN") {
        return Err(c.expected("a statement to explain"));
    }
    let inner = statement(c, warnings)?;
    Ok(StatementKind::Explain(Box::new(inner)))
}

const STATEMENTS: &[&str] = &["CREATE", "DROP", "SET", "RESET", "INSERT", "EXPLAIN", "SELECT", "WITH", "BEGIN"];

fn refused(c: &Cursor<'_>, first: &str, span: Span) -> Error {
    if *c.peek_at(1) == Token::Period || *c.peek_at(1) == Token::Eq {
        return Error::user("a job parameter outside SET").at(span).help("write SET 'key' = 'value';");
    }
    let unsupported = |why: &str| Error::user(format!("{first} is not supported here")).at(span).help(why.to_owned());
    match first {
        "USE" | "SHOW" | "DESCRIBE" | "DESC" => unsupported("a job file declares tables and INSERTs; leave it out"),
        "ADD" | "REMOVE" | "LOAD" | "UNLOAD" => unsupported("there are no jars or modules; leave it out"),
        "ALTER" => unsupported("change the CREATE TABLE statement"),
        "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" => unsupported("rows are written with INSERT INTO"),
        "COMPILE" | "CALL" | "ANALYZE" => unsupported("leave it out"),
        "END" => Error::user("END without BEGIN STATEMENT SET").at(span),
        _ => {
            let e = Error::user(format!("'{}' begins no statement", text_of(c.slice(c.position(), c.position() + 1))))
                .at(span);
            match nearest(first, STATEMENTS.iter().copied()) {
                Some(n) => e.help(format!("did you mean {n}?")),
                None => e.help(format!("statements begin with {}", STATEMENTS.join(", "))),
            }
        }
    }
}
