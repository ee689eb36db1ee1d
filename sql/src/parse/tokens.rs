//! Text to tokens: places mapped back to the original text, comments dropped, hints kept between two
//! marker tokens, brackets checked, statements split.

use sqlparser::tokenizer::{Location, Span as RawSpan, Token, TokenWithSpan, Tokenizer, Whitespace};
use tidegate_core::{Error, Result, Span};

use super::cursor::place;
use super::grammar::FlinkGrammar;
use super::variables::Substituted;

/// How deep brackets may be nested in one statement.
pub const MAX_DEPTH: usize = 64;
/// How many operators may stand in one chain (`a + b + …`, `x OR y OR …`) without a bracket or comma.
pub const MAX_CHAIN: usize = 1000;

/// The token that stands for `/*+`.
pub fn hint_start() -> Token {
    Token::CustomBinaryOperator("/*+".to_owned())
}

/// The token that stands for the `*/` of a hint.
pub fn hint_end() -> Token {
    Token::CustomBinaryOperator("*/".to_owned())
}

/// The tokens of each statement, `;` not included; empty statements are left out.
pub fn statements(source: &Substituted) -> Result<Vec<Vec<TokenWithSpan>>> {
    let raw = raw_tokens(&source.text, (1, 1)).map_err(|(message, l, c)| lexical(&message, source, l, c))?;
    let mut out = Vec::new();
    let mut current = Vec::new();
    for t in raw {
        let t = mapped(t, source);
        match t.token {
            Token::SemiColon => out.push(std::mem::take(&mut current)),
            Token::Whitespace(Whitespace::MultiLineComment(ref text)) if text.starts_with('+') => {
                hint(text, &t, &mut current)?;
            }
            Token::Whitespace(_) => {}
            _ => current.push(t),
        }
    }
    out.push(current);
    out.retain(|s| !s.is_empty());
    for s in &out {
        check_brackets(s)?;
        check_chains(s)?;
    }
    Ok(out)
}

type Lexical = (String, u64, u64);

/// Tokens of a text whose first character is at `(line, column)`.
fn raw_tokens(text: &str, start: (u64, u64)) -> Result<Vec<TokenWithSpan>, Lexical> {
    let shift = |l: Location| {
        if l.line == 1 {
            Location { line: start.0, column: l.column + start.1 - 1 }
        } else {
            Location { line: l.line + start.0 - 1, column: l.column }
        }
    };
    let mut out = Vec::new();
    Tokenizer::new(&FlinkGrammar, text)
        .tokenize_with_location_into_buf_with_mapper(&mut out, |t| TokenWithSpan {
            token: t.token,
            span: RawSpan { start: shift(t.span.start), end: shift(t.span.end) },
        })
        .map_err(|e| {
            let at = shift(e.location);
            (e.message, at.line, at.column)
        })?;
    Ok(out)
}

fn mapped(t: TokenWithSpan, source: &Substituted) -> TokenWithSpan {
    let map = |l: Location| {
        let (line, column) = source.original(l.line, l.column);
        Location { line, column }
    };
    TokenWithSpan { span: RawSpan { start: map(t.span.start), end: map(t.span.end) }, token: t.token }
}

fn lexical(message: &str, source: &Substituted, line: u64, column: u64) -> Error {
    let (line, column) = source.original(line, column);
    let span = Span::new(u32::try_from(line).unwrap_or(0), u32::try_from(column).unwrap_or(0));
    let lower = message.to_lowercase();
    if lower.contains("unterminated string") {
        Error::user("a text is not closed").at(span).help("close it with ', and write '' for a quote inside a text")
    } else if lower.contains("comment") {
        Error::user("a comment is not closed").at(span).help("close it with */")
    } else if lower.contains("delimited identifier") || lower.contains("close delimiter") {
        Error::user("a quoted name is not closed").at(span).help("close it with `")
    } else {
        Error::user(message.to_owned()).at(span)
    }
}

/// The tokens of a hint between markers. A hint is on known ground (its own lines), so its places
/// are computed from the comment's, which is mapped already.
fn hint(text: &str, comment: &TokenWithSpan, out: &mut Vec<TokenWithSpan>) -> Result<()> {
    let at = comment.span.start;
    let marker = |token| TokenWithSpan { token, span: comment.span };
    let inner = raw_tokens(&text[1..], (at.line, at.column + 3))
        .map_err(|(message, ..)| Error::user(format!("a hint that cannot be read: {message}")).at(place(comment)))?;
    out.push(marker(hint_start()));
    out.extend(inner.into_iter().filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::SemiColon)));
    out.push(marker(hint_end()));
    Ok(())
}

fn check_brackets(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut open: Vec<(&Token, Span)> = Vec::new();
    for t in tokens {
        match t.token {
            Token::LParen | Token::LBracket => {
                open.push((&t.token, place(t)));
                if open.len() > MAX_DEPTH {
                    return Err(Error::user(format!("brackets nested deeper than {MAX_DEPTH}"))
                        .at(place(t))
                        .help("move inner parts into a view or a computed column"));
                }
            }
            Token::RParen | Token::RBracket => {
                let fits = matches!(
                    (open.pop(), &t.token),
                    (Some((Token::LParen, _)), Token::RParen) | (Some((Token::LBracket, _)), Token::RBracket)
                );
                if !fits {
                    return Err(Error::user(format!("'{}' closes nothing that is open", t.token)).at(place(t)));
                }
            }
            _ => {}
        }
    }
    match open.pop() {
        Some((token, span)) => Err(Error::user(format!("'{token}' is never closed"))
            .at(span)
            .help("a ';' may stand too early, or a bracket is missing")),
        None => Ok(()),
    }
}

/// A chain of operators becomes a tree as deep as it is long; beyond this nobody wrote it by hand.
fn check_chains(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut expression = vec![0usize];
    let mut unions = 0;
    for t in tokens {
        match &t.token {
            Token::LParen | Token::LBracket => expression.push(0),
            Token::RParen | Token::RBracket => {
                expression.pop();
            }
            Token::Comma => {
                if let Some(n) = expression.last_mut() {
                    *n = 0;
                }
            }
            token if is_one_of(token, &["UNION", "EXCEPT", "INTERSECT"]) => unions += 1,
            token if links(token) => {
                if let Some(n) = expression.last_mut() {
                    *n += 1;
                }
            }
            _ => {}
        }
        if unions > MAX_CHAIN || expression.last().is_some_and(|n| *n > MAX_CHAIN) {
            return Err(Error::user(format!("more than {MAX_CHAIN} operators in one expression"))
                .at(place(t))
                .help("use IN (…) or CONCAT(…), or split the expression"));
        }
    }
    Ok(())
}

fn is_one_of(token: &Token, words: &[&str]) -> bool {
    words.iter().any(|w| super::cursor::is_word(token, w))
}

fn links(token: &Token) -> bool {
    match token {
        Token::Word(_) => is_one_of(token, &["AND", "OR", "NOT", "CASE", "IS", "LIKE", "IN", "BETWEEN"]),
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::Period
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq => true,
        _ => false,
    }
}

/// Tokens of a text that nobody wrote, all at one place.
pub fn at_one_place(text: &str, span: Span) -> Result<Vec<TokenWithSpan>> {
    let at = Location { line: u64::from(span.line), column: u64::from(span.column) };
    let mut tokens = raw_tokens(text, (1, 1)).map_err(|(message, ..)| Error::user(message).at(span))?;
    tokens.retain(|t| !matches!(t.token, Token::Whitespace(_)));
    for t in &mut tokens {
        t.span = RawSpan { start: at, end: at };
    }
    Ok(tokens)
}

/// Tokens as text: single spaces where the source had white space.
pub fn text_of(tokens: &[TokenWithSpan]) -> String {
    let mut out = String::new();
    let mut previous: Option<Location> = None;
    for t in tokens {
        if previous.is_some_and(|end| end != t.span.start) {
            out.push(' ');
        }
        out.push_str(&t.token.to_string());
        previous = Some(t.span.end);
    }
    out
}
