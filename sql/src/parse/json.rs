//! The clauses of the SQL JSON functions as named arguments.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span as RawSpan, Token, TokenWithSpan};
use tidegate_core::{DataType, Error, Result};

use super::brackets::split_commas;
use super::cursor::{Cursor, is_word, place};
use super::rewrite::{Rewritten, at, word};
use super::types;
use crate::ast::{
    ARG_ON_EMPTY, ARG_ON_ERROR, ARG_ON_NULL, ARG_RETURNING, ARG_WRAPPER, JSON_EMPTY_ARRAY, JSON_EMPTY_OBJECT,
    JSON_ERROR, JSON_NULL,
};

/// Whether a call of this name (upper case) has clauses.
pub fn is_json_function(name: &str) -> bool {
    matches!(
        name,
        "JSON_VALUE" | "JSON_QUERY" | "JSON_EXISTS" | "JSON_OBJECT" | "JSON_ARRAY" | "JSON_OBJECTAGG" | "JSON_ARRAYAGG"
    )
}

/// Rewrites what stands between the brackets of a call.
///
/// # Errors
/// Clauses that cannot be read.
pub fn arguments(out: &mut Rewritten, name: &str, inner: &[TokenWithSpan], call: &TokenWithSpan) -> Result<()> {
    let mut args = Arguments { out, span: call.span, any: false };
    let mut parts = split_commas(inner);
    match name {
        "JSON_VALUE" | "JSON_QUERY" | "JSON_EXISTS" => {
            let Some(last) = parts.pop() else { return Ok(()) };
            let clauses = clause_start(last);
            for part in parts {
                args.plain(part)?;
            }
            args.plain(&last[..clauses])?;
            args.path_clauses(name, &last[clauses..])
        }
        _ => args.constructor(name, &parts),
    }
}

/// Where the clauses after a path begin.
fn clause_start(part: &[TokenWithSpan]) -> usize {
    if matches!(part.first().map(|t| &t.token), Some(Token::SingleQuotedString(_))) {
        // '$.a' || x is still the path.
        if part.get(1).is_none_or(|t| t.token != Token::StringConcat) {
            return 1;
        }
    }
    let mut depth = 0usize;
    for (i, t) in part.iter().enumerate() {
        match &t.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            token if depth == 0 && i > 0 => {
                let begins = ["RETURNING", "DEFAULT", "ERROR", "EMPTY", "WITH", "WITHOUT"];
                let before_on = ["NULL", "TRUE", "FALSE", "UNKNOWN"];
                let on = part.get(i + 1).is_some_and(|n| is_word(&n.token, "ON"));
                if begins.iter().any(|w| is_word(token, w)) || (on && before_on.iter().any(|w| is_word(token, w))) {
                    return i;
                }
            }
            _ => {}
        }
    }
    part.len()
}

struct Arguments<'a> {
    out: &'a mut Rewritten,
    span: RawSpan,
    any: bool,
}

impl Arguments<'_> {
    fn comma(&mut self) {
        if self.any {
            self.out.tokens.push(at(Token::Comma, self.span));
        }
        self.any = true;
    }
    fn plain(&mut self, tokens: &[TokenWithSpan]) -> Result<()> {
        self.comma();
        self.out.sequence(tokens)
    }
    fn name(&mut self, name: &str, span: RawSpan) {
        self.comma();
        self.out.tokens.push(word(name, Keyword::NoKeyword, span));
        self.out.tokens.push(at(Token::RArrow, span));
    }
    fn text(&mut self, name: &str, value: &str, span: RawSpan) {
        self.name(name, span);
        self.out.tokens.push(at(Token::SingleQuotedString(value.to_owned()), span));
    }
    fn call(&mut self, function: &str, span: RawSpan) {
        self.out.tokens.push(word(function, Keyword::NoKeyword, span));
        self.out.tokens.push(at(Token::LParen, span));
        self.out.tokens.push(at(Token::RParen, span));
    }
    fn returning(&mut self, data_type: &DataType, span: RawSpan) {
        self.name(ARG_RETURNING, span);
        self.out.tokens.push(word("CAST", Keyword::CAST, span));
        self.out.tokens.push(at(Token::LParen, span));
        self.out.tokens.push(word("NULL", Keyword::NULL, span));
        self.out.tokens.push(word("AS", Keyword::AS, span));
        self.out.encoded_type(&types::encode(data_type), span);
        self.out.tokens.push(at(Token::RParen, span));
    }

    fn path_clauses(&mut self, name: &str, tokens: &[TokenWithSpan]) -> Result<()> {
        let mut c = Cursor::new(tokens);
        while !c.at_end() {
            let span = c.slice(c.position(), c.position() + 1).first().map_or(self.span, |t| t.span);
            if c.take(&["RETURNING"]) {
                let data_type = types::type_name(&mut c)?.data_type;
                self.returning(&data_type, span);
            } else if c.is("WITH") || c.is("WITHOUT") {
                self.wrapper(&mut c, span)?;
            } else {
                self.behaviour(name, &mut c, span)?;
            }
        }
        Ok(())
    }

    fn wrapper(&mut self, c: &mut Cursor<'_>, span: RawSpan) -> Result<()> {
        let kind = if c.take(&["WITHOUT"]) {
            "WITHOUT"
        } else {
            c.advance();
            if c.take(&["CONDITIONAL"]) {
                "CONDITIONAL"
            } else {
                c.take(&["UNCONDITIONAL"]);
                "UNCONDITIONAL"
            }
        };
        c.take(&["ARRAY"]);
        c.expect(&["WRAPPER"])?;
        self.text(ARG_WRAPPER, kind, span);
        Ok(())
    }

    /// `NULL ON EMPTY`, `DEFAULT x ON ERROR` and the like.
    fn behaviour(&mut self, name: &str, c: &mut Cursor<'_>, span: RawSpan) -> Result<()> {
        let start = c.position();
        while !c.at_end() && !(c.is("ON") && (is_word(c.peek_at(1), "EMPTY") || is_word(c.peek_at(1), "ERROR"))) {
            c.advance();
        }
        let what = c.slice(start, c.position());
        if c.at_end() {
            c.jump(start);
            return Err(c
                .expected(&format!("a clause of {name}"))
                .help("clauses are RETURNING type, NULL | ERROR | DEFAULT x ON EMPTY, … ON ERROR"));
        }
        c.advance();
        let event = if c.take(&["EMPTY"]) { ARG_ON_EMPTY } else { ARG_ON_ERROR };
        if event == ARG_ON_ERROR {
            c.advance();
        }
        self.name(event, span);
        self.reaction(name, what, span)
    }

    fn reaction(&mut self, name: &str, what: &[TokenWithSpan], span: RawSpan) -> Result<()> {
        let words = |ws: &[&str]| what.len() == ws.len() && Cursor::new(what).are(ws);
        match name {
            "JSON_EXISTS" if words(&["TRUE"]) => self.out.tokens.push(word("TRUE", Keyword::TRUE, span)),
            "JSON_EXISTS" if words(&["FALSE"]) => self.out.tokens.push(word("FALSE", Keyword::FALSE, span)),
            "JSON_EXISTS" if words(&["UNKNOWN"]) => self.out.tokens.push(word("NULL", Keyword::NULL, span)),
            _ if words(&["ERROR"]) => self.call(JSON_ERROR, span),
            "JSON_VALUE" | "JSON_QUERY" if words(&["NULL"]) => self.call(JSON_NULL, span),
            "JSON_QUERY" if words(&["EMPTY", "ARRAY"]) || words(&["EMPTY"]) => self.call(JSON_EMPTY_ARRAY, span),
            "JSON_QUERY" if words(&["EMPTY", "OBJECT"]) => self.call(JSON_EMPTY_OBJECT, span),
            "JSON_VALUE" if what.len() > 1 && is_word(&what[0].token, "DEFAULT") => self.out.sequence(&what[1..])?,
            _ => {
                let first = what.first().map(place).unwrap_or_default();
                return Err(Error::user(format!("{name} has no such clause before ON EMPTY or ON ERROR")).at(first));
            }
        }
        Ok(())
    }

    /// JSON_OBJECT, JSON_ARRAY and their aggregates.
    fn constructor(&mut self, name: &str, parts: &[&[TokenWithSpan]]) -> Result<()> {
        let mut on_null = None;
        for (i, part) in parts.iter().enumerate() {
            let mut part = *part;
            if let [rest @ .., a, b, c] = part
                && i + 1 == parts.len()
                && is_word(&b.token, "ON")
                && is_word(&c.token, "NULL")
                && (is_word(&a.token, "NULL") || is_word(&a.token, "ABSENT"))
            {
                let kind = if is_word(&a.token, "NULL") { "NULL" } else { "ABSENT" };
                on_null = Some((kind, a.span));
                part = rest;
            }
            if part.is_empty() {
                continue;
            }
            if name.starts_with("JSON_OBJECT") {
                self.pair(name, part)?;
            } else {
                self.plain(part)?;
            }
        }
        if let Some((kind, span)) = on_null {
            self.text(ARG_ON_NULL, kind, span);
        }
        Ok(())
    }

    /// `[KEY] k VALUE v`
    fn pair(&mut self, name: &str, part: &[TokenWithSpan]) -> Result<()> {
        let part = if part.len() > 1 && is_word(&part[0].token, "KEY") { &part[1..] } else { part };
        let mut depth = 0usize;
        let split = part.iter().position(|t| {
            match t.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && (is_word(&t.token, "VALUE") || t.token == Token::Colon)
        });
        match split {
            Some(i) if i > 0 && i + 1 < part.len() => {
                self.plain(&part[..i])?;
                self.plain(&part[i + 1..])
            }
            _ => Err(Error::user(format!("{name} needs pairs of key and value"))
                .at(part.first().map(place).unwrap_or_default())
                .help(format!("write {name}(KEY 'name' VALUE x)"))),
        }
    }
}
