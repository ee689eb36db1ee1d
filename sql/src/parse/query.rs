//! Queries and expressions: rewritten tokens given to `sqlparser`, its errors made ours.

use sqlparser::ast as sp;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::TokenWithSpan;
use tidegate_core::{Error, Result, Span};

use super::cursor::place;
use super::grammar::FlinkGrammar;
use super::rewrite::rewrite;
use super::tokens::text_of;
use crate::ast::{Expression, Query, Warning};

/// How deep `sqlparser` may recurse. Brackets are limited to less before.
const RECURSION: usize = 300;
/// Stack for a recursive-descent parser in a build without optimisation.
const STACK: usize = 256 << 20;

/// Reads a query.
// The method itself is not general enough over the parser's lifetime.
#[allow(clippy::redundant_closure_for_method_calls)]
pub fn query(tokens: &[TokenWithSpan], warnings: &mut Vec<Warning>) -> Result<Query> {
    let span = tokens.first().map(place).unwrap_or_default();
    let mut rewritten = rewrite(tokens)?;
    warnings.append(&mut rewritten.warnings);
    let ast = parse(rewritten.tokens, |p| p.parse_query())?;
    Ok(Query { ast, hints: rewritten.hints, span })
}

/// Reads an expression.
#[allow(clippy::redundant_closure_for_method_calls)]
pub fn expression(tokens: &[TokenWithSpan], warnings: &mut Vec<Warning>) -> Result<Expression> {
    let span = tokens.first().map(place).unwrap_or_default();
    let mut rewritten = rewrite(tokens)?;
    warnings.append(&mut rewritten.warnings);
    let expr: sp::Expr = parse(rewritten.tokens, |p| p.parse_expr())?;
    Ok(Expression { expr, text: text_of(tokens), span })
}

/// Runs a parser over tokens that it must use up, on a stack of its own.
fn parse<T: Send + 'static>(
    tokens: Vec<TokenWithSpan>,
    rule: fn(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T> {
    let end = tokens.last().map(place).unwrap_or_default();
    let work = move || {
        let mut parser = Parser::new(&FlinkGrammar).with_recursion_limit(RECURSION).with_tokens_with_locations(tokens);
        let result = rule(&mut parser);
        let left = parser.peek_token();
        (result, left)
    };
    let thread = std::thread::Builder::new().name("sql-parser".to_owned()).stack_size(STACK).spawn(work);
    let (result, left) = thread
        .map_err(|e| Error::external(format!("no thread for the SQL parser: {e}")))?
        .join()
        .map_err(|_| Error::internal("the SQL parser failed on this statement").at(end))?;
    let value = result.map_err(|e| convert(&e, end))?;
    if left.token == sqlparser::tokenizer::Token::EOF {
        Ok(value)
    } else {
        Err(Error::user(format!("unexpected '{}'", left.token)).at(place(&left)))
    }
}

/// `Expected: …, found: … at Line: 3, Column: 5` in our form.
fn convert(error: &ParserError, end: Span) -> Error {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return Error::user("this statement is nested too deeply")
                .at(end)
                .help("move inner parts into views or computed columns");
        }
        ParserError::TokenizerError(t) | ParserError::ParserError(t) => t,
    };
    let (message, span) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, parse_place(place).unwrap_or(end)),
        None => (text.as_str(), end),
    };
    let message = message
        .trim_start_matches("sql parser error: ")
        .replacen("Expected: ", "expected ", 1)
        .replacen(", found: EOF", ", found the end of the statement", 1)
        .replacen(", found: ", ", found ", 1);
    Error::user(message).at(span)
}

/// `3, Column: 5`
fn parse_place(text: &str) -> Option<Span> {
    let (line, column) = text.split_once(", Column: ")?;
    let span = Span::new(line.trim().parse().ok()?, column.trim().parse().ok()?);
    span.is_known().then_some(span)
}
