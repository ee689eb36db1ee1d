//! `/*+ OPTIONS('k' = 'v') */`: other hints are named and skipped.

use sqlparser::tokenizer::{Token, TokenWithSpan};
use tidegate_core::options::OptionEntry;
use tidegate_core::{Result, Span};

use super::brackets::closing;
use super::cursor::Cursor;
use super::options::option_list;
use crate::ast::Warning;

/// The options of the OPTIONS hints, and warnings about the others.
///
/// # Errors
/// An OPTIONS hint that is not a list of `'k' = 'v'`.
pub fn hint_options(tokens: &[TokenWithSpan]) -> Result<(Vec<OptionEntry>, Vec<Warning>)> {
    let (mut options, mut warnings) = (Vec::new(), Vec::new());
    let mut c = Cursor::new(tokens);
    while !c.at_end() {
        let span = c.span();
        if c.take_token(&Token::Comma) {
            continue;
        }
        let name = c.name("the name of a hint")?.text;
        if *c.peek() != Token::LParen {
            warnings.push(unknown_hint(&name, span));
            continue;
        }
        let end = closing(tokens, c.position());
        if name.eq_ignore_ascii_case("OPTIONS") {
            options.append(&mut option_list(&mut c)?);
        } else {
            warnings.push(unknown_hint(&name, span));
            c.jump(end + 1);
        }
    }
    Ok((options, warnings))
}

fn unknown_hint(name: &str, span: Span) -> Warning {
    Warning { message: format!("hint {name} has no effect here"), span }
}
