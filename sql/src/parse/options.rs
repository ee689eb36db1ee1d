//! `('k' = 'v', …)` of WITH and of hints.

use sqlparser::tokenizer::Token;
use tidegate_core::options::OptionEntry;
use tidegate_core::{Error, Result};

use super::cursor::Cursor;
use super::tokens::text_of;

/// Reads the brackets and the list between them. Names may be quoted, back-ticked, or bare with
/// dots; values are text, numbers or booleans.
///
/// # Errors
/// Anything else, at its place.
pub fn option_list(c: &mut Cursor<'_>) -> Result<Vec<OptionEntry>> {
    c.expect_token(&Token::LParen)?;
    let mut out = Vec::new();
    while !c.take_token(&Token::RParen) {
        out.push(option(c)?);
        if !c.take_token(&Token::Comma) {
            c.expect_token(&Token::RParen).map_err(|_| {
                c.expected("',' or ')'").help("options are written 'name' = 'value' with commas between them")
            })?;
            break;
        }
    }
    Ok(out)
}

fn option(c: &mut Cursor<'_>) -> Result<OptionEntry> {
    let span = c.span();
    let name = option_name(c)?;
    c.expect_token(&Token::Eq)?;
    let value = match c.peek() {
        Token::Number(n, _) => {
            c.advance();
            n.clone()
        }
        Token::Word(w) if ["true", "false"].iter().any(|b| w.value.eq_ignore_ascii_case(b)) => {
            c.advance();
            w.value.clone()
        }
        Token::Word(w) => {
            return Err(Error::user(format!("the value of option '{name}' is not quoted"))
                .at(c.span())
                .help(format!("write '{}'", w.value)));
        }
        _ => c.text(&format!("the value of option '{name}'"))?.0,
    };
    Ok(OptionEntry { name, value, span })
}

/// `'a.b'`, `` `a.b` ``, or `a.b-c` bare.
fn option_name(c: &mut Cursor<'_>) -> Result<String> {
    if matches!(c.peek(), Token::SingleQuotedString(_)) {
        return Ok(c.text("the name of an option")?.0);
    }
    if let Token::DoubleQuotedString(s) = c.peek() {
        return Err(Error::user(format!("the name of an option in double quotes: \"{s}\""))
            .at(c.span())
            .help(format!("write '{s}'")));
    }
    let from = c.position();
    while matches!(c.peek(), Token::Word(_) | Token::Period | Token::Minus | Token::Number(..)) {
        c.advance();
    }
    let tokens = c.slice(from, c.position());
    match tokens {
        [] => Err(c.expected("the name of an option")),
        [one] => Ok(match &one.token {
            Token::Word(w) => w.value.clone(),
            other => other.to_string(),
        }),
        several => Ok(text_of(several).replace([' ', '`'], "")),
    }
}
