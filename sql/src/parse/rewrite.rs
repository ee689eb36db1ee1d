//! Flink's special forms turned, on the tokens, into what `sqlparser` reads; the table of forms
//! stands in [`crate::ast`].

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span as RawSpan, Token, TokenWithSpan, Word};
use tidegate_core::{Error, Result};

use super::brackets::{closing, last_word};
use super::cursor::{Cursor, is_word, place};
use super::grammar::is_clause_word;
use super::hints::hint_options;
use super::{json, keywords, tokens, types};
use crate::ast::{TABLE_ARGUMENT, TableHint, Warning};

/// Rewritten tokens and what was taken out of them.
#[derive(Default)]
pub struct Rewritten {
    /// For `sqlparser`.
    pub tokens: Vec<TokenWithSpan>,
    /// `OPTIONS` hints by table reference.
    pub hints: Vec<TableHint>,
    /// Unknown hints.
    pub warnings: Vec<Warning>,
}

/// Rewrites the tokens of a query or expression.
///
/// # Errors
/// Tokens that Flink SQL does not have, special forms that are not complete.
pub fn rewrite(tokens: &[TokenWithSpan]) -> Result<Rewritten> {
    let mut out = Rewritten::default();
    out.sequence(tokens)?;
    Ok(out)
}

/// A word that `sqlparser` takes for a keyword (or name) as asked.
pub fn word(text: &str, keyword: Keyword, span: RawSpan) -> TokenWithSpan {
    let word = Word { value: text.to_owned(), quote_style: None, keyword };
    TokenWithSpan { token: Token::Word(word), span }
}

/// A token at a place.
pub fn at(token: Token, span: RawSpan) -> TokenWithSpan {
    TokenWithSpan { token, span }
}

impl Rewritten {
    /// Rewrites tokens and appends them.
    pub fn sequence(&mut self, tokens: &[TokenWithSpan]) -> Result<()> {
        let mut i = 0;
        while i < tokens.len() {
            i = self.one(tokens, i)?;
        }
        Ok(())
    }

    /// Rewrites what begins at `i`; gives the index after it.
    fn one(&mut self, tokens: &[TokenWithSpan], i: usize) -> Result<usize> {
        let t = &tokens[i];
        let next = tokens.get(i + 1).map_or(&Token::EOF, |t| &t.token);
        let token = match &t.token {
            Token::Word(w) if w.quote_style.is_none() => return self.unquoted(tokens, i, w),
            Token::Word(w) if w.value.is_empty() => return Err(Error::user("an empty name").at(place(t))),
            Token::Word(w) => Token::Word(keywords::settle(w, None, next)),
            start if *start == tokens::hint_start() => return self.hint(tokens, i),
            Token::Number(n, _) => Token::Number(n.clone(), false),
            Token::NationalStringLiteral(s) | Token::UnicodeStringLiteral(s) => Token::SingleQuotedString(s.clone()),
            plain if is_plain(plain) => plain.clone(),
            other => return Err(unknown_token(other, t)),
        };
        self.tokens.push(at(token, t.span));
        Ok(i + 1)
    }

    fn unquoted(&mut self, tokens: &[TokenWithSpan], i: usize, w: &Word) -> Result<usize> {
        let t = &tokens[i];
        let next = tokens.get(i + 1).map_or(&Token::EOF, |t| &t.token);
        let name = w.value.to_ascii_uppercase();
        let call = *next == Token::LParen && self.tokens.last().is_none_or(|b| b.token != Token::Period);
        match name.as_str() {
            "CAST" | "TRY_CAST" if call => self.cast(tokens, i, w),
            _ if call && json::is_json_function(&name) => {
                let end = closing(tokens, i + 1);
                self.tokens.push(word(&w.value, Keyword::NoKeyword, t.span));
                self.tokens.push(tokens[i + 1].clone());
                json::arguments(self, &name, &tokens[i + 2..end], t)?;
                self.tokens.push(tokens[end].clone());
                Ok(end + 1)
            }
            "TABLE" if matches!(next, Token::Word(_)) && self.in_arguments() => self.table_argument(tokens, i),
            "MAP" if *next == Token::LBracket => {
                let end = closing(tokens, i + 1);
                self.tokens.push(word("MAP", Keyword::NoKeyword, t.span));
                self.tokens.push(at(Token::LParen, tokens[i + 1].span));
                self.sequence(&tokens[i + 2..end])?;
                self.tokens.push(at(Token::RParen, tokens[end].span));
                Ok(end + 1)
            }
            // A character set before a text: all text is Unicode here.
            _ if w.value.starts_with('_') && matches!(next, Token::SingleQuotedString(_)) => Ok(i + 1),
            "IS" if is_json_test(&tokens[i + 1..]) => Err(Error::user("IS JSON is not supported")
                .at(place(t))
                .help("use JSON_EXISTS(text, '$'), which is FALSE where the text is not JSON")),
            _ => {
                let before = self.tokens.last().map(|b| &b.token);
                let settled = keywords::settle(w, before, next);
                // TRIM(LEADING FROM a) leaves out what it cuts.
                if settled.keyword == Keyword::FROM && before.is_some_and(is_trim_side) {
                    self.tokens.push(at(Token::SingleQuotedString(" ".to_owned()), t.span));
                }
                let before = self.tokens.last().map(|b| &b.token);
                let opens =
                    |t: &Token| matches!(t, Token::Word(b) if matches!(b.keyword, Keyword::FROM | Keyword::JOIN));
                if is_clause_word(settled.keyword) && before.is_some_and(opens) && !self.distinct_from() {
                    return Err(Error::user(format!("expected a table, found '{}'", w.value)).at(place(t)));
                }
                self.tokens.push(at(Token::Word(settled), t.span));
                Ok(i + 1)
            }
        }
    }

    /// Whether the FROM just read belongs to IS DISTINCT FROM.
    fn distinct_from(&self) -> bool {
        let n = self.tokens.len();
        n >= 2 && is_word(&self.tokens[n - 2].token, "DISTINCT")
    }

    /// Whether the last token makes what follows an argument of a call.
    fn in_arguments(&self) -> bool {
        self.tokens.last().is_some_and(|t| matches!(t.token, Token::LParen | Token::Comma | Token::RArrow))
    }

    /// `CAST(x AS type)`: the type is read here and travels as one encoded name.
    fn cast(&mut self, tokens: &[TokenWithSpan], i: usize, w: &Word) -> Result<usize> {
        let (open, end) = (i + 1, closing(tokens, i + 1));
        let inner = &tokens[open + 1..end];
        let Some(as_at) = last_word(inner, "AS") else {
            return Err(Error::user(format!("{} without AS", w.value.to_ascii_uppercase()))
                .at(place(&tokens[i]))
                .help("write CAST(value AS type)"));
        };
        let mut c = Cursor::new(&inner[as_at + 1..]);
        if c.at_end() {
            return Err(Error::user("a type is missing after AS").at(place(&inner[as_at])));
        }
        let span = inner[as_at + 1].span;
        let type_name = types::type_name(&mut c)?;
        if !c.at_end() {
            return Err(c.expected("')' after the type"));
        }
        self.tokens.push(tokens[i].clone());
        self.tokens.push(tokens[open].clone());
        self.sequence(&inner[..as_at])?;
        self.tokens.push(inner[as_at].clone());
        self.encoded_type(&types::encode(&type_name.data_type), span);
        self.tokens.push(tokens[end].clone());
        Ok(end + 1)
    }

    /// A type as `sqlparser` reads it.
    pub fn encoded_type(&mut self, encoded: &str, span: RawSpan) {
        self.tokens.push(word(types::ENCODED, Keyword::NoKeyword, span));
        self.tokens.push(at(Token::LParen, span));
        self.tokens.push(at(Token::SingleQuotedString(encoded.to_owned()), span));
        self.tokens.push(at(Token::RParen, span));
    }

    /// `TABLE a.b.t` as an argument becomes `__table(a.b.t)`.
    fn table_argument(&mut self, tokens: &[TokenWithSpan], i: usize) -> Result<usize> {
        let span = tokens[i].span;
        self.tokens.push(word(TABLE_ARGUMENT, Keyword::NoKeyword, span));
        self.tokens.push(at(Token::LParen, span));
        let mut j = i + 1;
        while matches!(tokens.get(j).map(|t| &t.token), Some(Token::Word(_) | Token::Period)) {
            j = self.name_part(tokens, j);
        }
        while tokens.get(j).is_some_and(|t| t.token == tokens::hint_start()) {
            j = self.hint(tokens, j)?;
        }
        self.tokens.push(at(Token::RParen, span));
        Ok(j)
    }

    fn name_part(&mut self, tokens: &[TokenWithSpan], j: usize) -> usize {
        let token = match &tokens[j].token {
            Token::Word(w) => Token::Word(Word { keyword: Keyword::NoKeyword, ..w.clone() }),
            other => other.clone(),
        };
        self.tokens.push(at(token, tokens[j].span));
        j + 1
    }

    /// `/*+ OPTIONS('k' = 'v') */` belongs to the name before it; other hints are named and skipped.
    fn hint(&mut self, tokens: &[TokenWithSpan], i: usize) -> Result<usize> {
        let end = (i..tokens.len()).find(|j| tokens[*j].token == tokens::hint_end()).unwrap_or(tokens.len());
        let (options, mut warnings) = hint_options(&tokens[i + 1..end])?;
        self.warnings.append(&mut warnings);
        if !options.is_empty() {
            match self.tokens.last() {
                Some(t) if matches!(&t.token, Token::Word(w) if w.keyword == Keyword::NoKeyword) => {
                    self.hints.push(TableHint { table: place(t), options });
                }
                _ => {
                    return Err(Error::user("an OPTIONS hint must follow the name of a table")
                        .at(place(&tokens[i]))
                        .help("write: FROM t /*+ OPTIONS('k' = 'v') */"));
                }
            }
        }
        Ok(end + 1)
    }
}

fn is_trim_side(token: &Token) -> bool {
    matches!(token, Token::Word(w) if matches!(w.keyword, Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING))
}

/// `IS [NOT] JSON`
fn is_json_test(after: &[TokenWithSpan]) -> bool {
    let mut c = Cursor::new(after);
    c.take(&["NOT"]);
    c.is("JSON") && !matches!(c.peek_at(1), Token::Period | Token::LParen)
}

/// Tokens that Flink's grammar has.
fn is_plain(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::HexStringLiteral(_)
            | Token::Comma
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::Gt
            | Token::LtEq
            | Token::GtEq
            | Token::Plus
            | Token::Minus
            | Token::Mul
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket
            | Token::Period
            | Token::RArrow
    )
}

fn unknown_token(token: &Token, t: &TokenWithSpan) -> Error {
    let error = Error::user(format!("'{token}' has no meaning here")).at(place(t));
    match token {
        Token::DoubleQuotedString(s) => error.help(format!("text is written '{s}', a name `{s}`")),
        Token::DoubleEq => error.help("equality is written ="),
        Token::DoubleColon => error.help("write CAST(value AS type)"),
        Token::Backslash => error.help("a quote inside a text is written ''"),
        Token::Placeholder(_) => error.help("variables are written ${name}"),
        Token::Char('，' | '（' | '）' | '；' | '‘' | '’' | '“' | '”') => {
            error.help("a full-width character: use the ASCII one")
        }
        _ => error,
    }
}
