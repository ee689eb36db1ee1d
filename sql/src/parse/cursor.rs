//! A cursor over the tokens of one statement, with the few things a DDL parser asks for.

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use tidegate_core::{Error, Result, Span};

use crate::ast::Name;

/// The place where a token begins.
pub fn place(token: &TokenWithSpan) -> Span {
    let start = token.span.start;
    Span::new(u32::try_from(start.line).unwrap_or(0), u32::try_from(start.column).unwrap_or(0))
}

/// Whether a token is this word (unquoted, any case).
pub fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// How a token is shown in a message.
pub fn show(token: &Token) -> String {
    match token {
        Token::EOF => "the end of the statement".to_owned(),
        other => format!("'{other}'"),
    }
}

/// Reads tokens from left to right.
#[derive(Clone)]
pub struct Cursor<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
    /// The first `>` of a `>>` has been read.
    half_shift: bool,
    /// Where the statement ends, for messages about what is missing there.
    end: Span,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first token.
    pub fn new(tokens: &'a [TokenWithSpan]) -> Self {
        let end = tokens.last().map_or(Span::default(), place);
        Cursor { tokens, at: 0, half_shift: false, end }
    }
    /// The token at the cursor.
    pub fn peek(&self) -> &'a Token {
        self.peek_at(0)
    }
    /// The token `n` after the cursor.
    pub fn peek_at(&self, n: usize) -> &'a Token {
        self.tokens.get(self.at + n).map_or(&Token::EOF, |t| &t.token)
    }
    /// Where the cursor is.
    pub fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, place)
    }
    /// Index of the token at the cursor.
    pub fn position(&self) -> usize {
        self.at
    }
    /// The tokens between two positions.
    pub fn slice(&self, from: usize, to: usize) -> &'a [TokenWithSpan] {
        self.tokens.get(from..to).unwrap_or(&[])
    }
    /// The tokens that are left.
    pub fn rest(&self) -> &'a [TokenWithSpan] {
        self.tokens.get(self.at..).unwrap_or(&[])
    }
    /// Whether nothing is left.
    pub fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }
    /// Moves on by one token.
    pub fn advance(&mut self) {
        self.at += 1;
    }
    /// Moves to the end.
    pub fn finish(&mut self) {
        self.at = self.tokens.len();
    }
    /// Moves to a token.
    pub fn jump(&mut self, to: usize) {
        self.at = to;
    }
    /// Whether the word is at the cursor.
    pub fn is(&self, word: &str) -> bool {
        is_word(self.peek(), word)
    }
    /// Whether these words follow one another at the cursor.
    pub fn are(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, w)| is_word(self.peek_at(i), w))
    }
    /// Reads these words if they are there.
    pub fn take(&mut self, words: &[&str]) -> bool {
        let found = self.are(words);
        if found {
            self.at += words.len();
        }
        found
    }
    /// Reads a token if it is there.
    pub fn take_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.at += 1;
        }
        found
    }
    /// Reads these words or says that they are missing.
    pub fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.take(words) { Ok(()) } else { Err(self.expected(&words.join(" "))) }
    }
    /// Reads a token or says that it is missing.
    pub fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.take_token(token) { Ok(()) } else { Err(self.expected(&format!("'{token}'"))) }
    }
    /// Reads the `>` that closes a type, which may be half of a `>>`.
    pub fn expect_gt(&mut self) -> Result<()> {
        match self.peek() {
            Token::Gt => self.at += 1,
            Token::ShiftRight if self.half_shift => {
                self.half_shift = false;
                self.at += 1;
            }
            Token::ShiftRight => self.half_shift = true,
            _ => return Err(self.expected("'>'")),
        }
        Ok(())
    }
    /// The error "expected …, found …" at the cursor.
    pub fn expected(&self, what: &str) -> Error {
        Error::user(format!("expected {what}, found {}", show(self.peek()))).at(self.span())
    }
    /// Reads a word of any kind, quoted or not.
    pub fn word(&mut self, what: &str) -> Result<&'a Word> {
        match self.peek() {
            Token::Word(w) => {
                self.at += 1;
                Ok(w)
            }
            _ => Err(self.expected(what)),
        }
    }
    /// Reads a name.
    pub fn name(&mut self, what: &str) -> Result<Name> {
        let span = self.span();
        let text = match self.peek() {
            Token::Word(w) => w.value.clone(),
            Token::DoubleQuotedString(s) => {
                return Err(Error::user(format!("a name in double quotes: \"{s}\""))
                    .at(span)
                    .help(format!("names are quoted with back-ticks: `{s}`")));
            }
            _ => return Err(self.expected(what)),
        };
        self.at += 1;
        if text.is_empty() {
            return Err(Error::user("an empty name").at(span));
        }
        Ok(Name { text, span })
    }
    /// Reads `[catalogue.][database.]name`; only the last part counts.
    pub fn object_name(&mut self, what: &str) -> Result<Name> {
        let mut name = self.name(what)?;
        while self.take_token(&Token::Period) {
            name = self.name(what)?;
        }
        Ok(name)
    }
    /// Reads a text literal.
    pub fn text(&mut self, what: &str) -> Result<(String, Span)> {
        let span = self.span();
        match self.peek() {
            Token::SingleQuotedString(s)
            | Token::NationalStringLiteral(s)
            | Token::UnicodeStringLiteral(s)
            | Token::EscapedStringLiteral(s) => {
                self.at += 1;
                Ok((s.clone(), span))
            }
            Token::DoubleQuotedString(s) => {
                Err(Error::user(format!("text in double quotes: \"{s}\"")).at(span).help(format!("write '{s}'")))
            }
            _ => Err(self.expected(what)),
        }
    }
    /// Reads a whole number.
    pub fn integer(&mut self, what: &str) -> Result<i64> {
        let value = match self.peek() {
            Token::Number(n, _) => n.parse::<i64>().ok(),
            _ => None,
        };
        let value = value.ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(value)
    }
    /// Reads `( name, name )`.
    pub fn name_list(&mut self, what: &str) -> Result<Vec<Name>> {
        self.expect_token(&Token::LParen)?;
        let mut names = vec![self.name(what)?];
        while self.take_token(&Token::Comma) {
            names.push(self.name(what)?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(names)
    }
    /// Says that something is left where the statement should have ended.
    pub fn expect_end(&self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.expected("';'")) }
    }
}
