//! Finding one's way between brackets, which are balanced before anything here is called.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::cursor::is_word;

/// Index of the bracket that closes the one at `open`. Brackets are balanced here.
pub fn closing(tokens: &[TokenWithSpan], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, t) in tokens.iter().enumerate().skip(open) {
        match t.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}

/// Parts between the commas outside all brackets; nothing at all gives no part.
pub fn split_commas(tokens: &[TokenWithSpan]) -> Vec<&[TokenWithSpan]> {
    let mut out = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (i, t) in tokens.iter().enumerate() {
        match t.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                out.push(&tokens[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    if !tokens.is_empty() {
        out.push(&tokens[start..]);
    }
    out
}

/// The last place of a word outside all brackets.
pub fn last_word(tokens: &[TokenWithSpan], text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut found = None;
    for (i, t) in tokens.iter().enumerate() {
        match t.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            ref w if depth == 0 && is_word(w, text) => found = Some(i),
            _ => {}
        }
    }
    found
}
