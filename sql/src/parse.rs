//! Script text to statements. See [`crate::ast`] for what comes out.
//!
//! ```text
//! text ─ variables ─> text ─ tokens ─> tokens of each statement ─┬─ DDL: own parser ─> ast
//!                                                                └─ queries, expressions:
//!                                                                   rewrite ─> sqlparser ─> ast
//! ```
//! Every place is one of the original text, before variables were replaced.

mod brackets;
mod columns;
pub(crate) mod cursor;
#[cfg(test)]
mod encodings;
mod grammar;
mod hints;
mod insert;
mod json;
mod keywords;
mod like;
mod options;
mod query;
mod rewrite;
mod statement;
mod table;
mod tokens;
pub mod types;
mod variables;

use std::collections::BTreeMap;

use tidegate_core::{Error, Result, Span};

use crate::ast::{Insert, Query, Script, Statement, StatementKind};
use statement::Piece;

/// Reads a script. `variables` give `${name}` its value.
///
/// # Errors
/// The first mistake, with line and column.
pub fn parse(text: &str, variables: &BTreeMap<String, String>) -> Result<Script> {
    let source = variables::substitute(text, variables)?;
    let mut script = Script::default();
    let mut set: Option<(Span, Vec<Insert>)> = None;
    for tokens in tokens::statements(&source)? {
        match statement::piece(&tokens, &mut script.warnings)? {
            Piece::SetBegins(span, first) if set.is_none() => set = Some((span, first.into_iter().collect())),
            Piece::SetBegins(span, _) => {
                return Err(Error::user("a statement set inside a statement set").at(span).help("write END; first"));
            }
            Piece::SetEnds(span) => {
                let (begin, inserts) =
                    set.take().ok_or_else(|| Error::user("END without BEGIN STATEMENT SET").at(span))?;
                if inserts.is_empty() {
                    return Err(Error::user("an empty statement set").at(begin));
                }
                script.statements.push(Statement { kind: StatementKind::StatementSet(inserts), span: begin });
            }
            Piece::Statement(s) => match (&mut set, s.kind) {
                (None, kind) => script.statements.push(Statement { kind, span: s.span }),
                (Some((_, inserts)), StatementKind::Insert(insert)) => inserts.push(insert),
                (Some(_), _) => {
                    return Err(Error::user("only INSERTs may stand in a statement set")
                        .at(s.span)
                        .help("move it before BEGIN STATEMENT SET, or write END; first"));
                }
            },
        }
    }
    match set {
        Some((span, _)) => Err(Error::user("the statement set is never closed").at(span).help("write END; after it")),
        None => Ok(script),
    }
}

/// Reads one query, without variables.
///
/// # Errors
/// As for [`parse`]; anything but one query.
pub fn parse_query(text: &str) -> Result<Query> {
    let script = parse(text, &BTreeMap::new())?;
    match script.statements.into_iter().next().map(|s| s.kind) {
        Some(StatementKind::Query(q)) => Ok(q),
        _ => Err(Error::user("a query is expected").help("write SELECT …")),
    }
}

/// An expression that the catalogue makes; all of it stands at one place.
pub(crate) fn synthetic_expression(text: &str, span: Span) -> Result<crate::ast::Expression> {
    let tokens = tokens::at_one_place(text, span)?;
    let mut expression = query::expression(&tokens, &mut Vec::new())?;
    text.clone_into(&mut expression.text);
    Ok(expression)
}
