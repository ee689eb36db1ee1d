//! `sasl.jaas.config`: `module flag name="value" …;`, read as Java reads it (Kafka's JaasConfig over
//! java.io.StreamTokenizer): quotes of both kinds, backslash and octal escapes, comments; an
//! unquoted text that begins like a number is one, and a number is no value.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use tidegate_core::{Error, Result};

use super::wrong;

/// One login module. Options are secrets: no Debug.
pub(super) struct Login {
    /// The Java class, without its package.
    pub module: String,
    /// Its options.
    pub options: BTreeMap<String, String>,
}

/// Reads it. Errors never show a value.
pub(super) fn parse(text: &str) -> Result<Login> {
    let mut tokens = Tokens { chars: text.chars().peekable() };
    let module = match tokens.next() {
        Token::Text(class) => class,
        _ => return Err(bad("does not begin with a login module")),
    };
    match tokens.next() {
        Token::Text(flag) if FLAGS.iter().any(|f| f.eq_ignore_ascii_case(&flag)) => {}
        _ => return Err(bad("has no control flag after the login module")),
    }
    let mut options = BTreeMap::new();
    loop {
        let name = match tokens.next() {
            Token::Sign(';') => break,
            Token::End => return Err(bad("does not end with a semicolon")),
            Token::Text(name) => name,
            Token::Number | Token::Sign(_) => return Err(bad("has something between its options that is none")),
        };
        if tokens.next() != Token::Sign('=') {
            return Err(bad(&format!("has no value for {}", known(&name))));
        }
        match tokens.next() {
            Token::Text(value) => options.insert(name, value),
            Token::Number => {
                return Err(bad(&format!("has an unquoted value that begins like a number for {}", known(&name))));
            }
            Token::Sign(_) | Token::End => return Err(bad(&format!("has no value for {}", known(&name)))),
        };
    }
    if tokens.next() != Token::End {
        return Err(bad("has more than one login module"));
    }
    let class = module.rsplit('.').next().unwrap_or(&module).to_owned();
    Ok(Login { module: class, options })
}

/// The name of an option, if it surely is one: after a misplaced quote it can be a piece of a secret.
fn known(name: &str) -> &str {
    match name {
        "username" => "its option 'username'",
        "password" => "its option 'password'",
        _ => "one of its options",
    }
}

const FLAGS: &[&str] = &["required", "requisite", "sufficient", "optional"];

fn bad(what: &str) -> Error {
    wrong("sasl.jaas.config", what)
        .help("write org.apache.kafka.common.security.plain.PlainLoginModule required username=\"…\" password=\"…\";")
}

#[derive(PartialEq)]
enum Token {
    Text(String),
    Number,
    Sign(char),
    End,
}

struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Tokens<'_> {
    fn next(&mut self) -> Token {
        loop {
            let Some(c) = self.chars.next() else { return Token::End };
            match c {
                c if c <= ' ' => {}
                '/' => self.comment(),
                '"' | '\'' => return Token::Text(self.quoted(c)),
                '0'..='9' | '.' => return self.number(),
                '-' => {
                    return match self.chars.peek() {
                        Some('0'..='9' | '.') => self.number(),
                        _ => Token::Sign('-'),
                    };
                }
                c if begins_word(c) => return Token::Text(self.word(c)),
                c => return Token::Sign(c),
            }
        }
    }

    /// A single slash begins a comment too: it is the tokenizer's comment character.
    fn comment(&mut self) {
        if self.chars.next_if_eq(&'*').is_some() {
            let mut before = ' ';
            for c in self.chars.by_ref() {
                if before == '*' && c == '/' {
                    return;
                }
                before = c;
            }
        } else {
            // Whatever comes after the slash is in the comment, as in Java, even the end of the line.
            self.chars.next();
            while self.chars.next_if(|c| !matches!(c, '\n' | '\r')).is_some() {}
        }
    }

    /// Java stops after the digits and takes what follows for the next token; no value is made of it
    /// either way.
    fn number(&mut self) -> Token {
        while self.chars.next_if(|c| matches!(c, '0'..='9' | '.')).is_some() {}
        Token::Number
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.chars.next_if(|c| begins_word(*c) || matches!(c, '0'..='9' | '.' | '-')) {
            word.push(c);
        }
        word
    }

    /// Ends at the same quote, or with the line.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.chars.next_if(|c| !matches!(c, '\n' | '\r')) {
            match c {
                c if c == quote => return text,
                '\\' => text.extend(self.escaped()),
                c => text.push(c),
            }
        }
        text
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.chars.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            first @ '0'..='7' => {
                let mut code = first as u32 - '0' as u32;
                // Three digits only up to \377.
                for _ in 0..if first <= '3' { 2 } else { 1 } {
                    let Some(digit) = self.chars.next_if(|c| matches!(c, '0'..='7')) else { break };
                    code = code * 8 + (digit as u32 - '0' as u32);
                }
                char::from_u32(code)?
            }
            other => other,
        })
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$') || c >= '\u{a0}'
}
