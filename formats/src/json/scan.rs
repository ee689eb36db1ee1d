//! A scanner over the bytes of one JSON document: strings, numbers, literals, and skipping.
//!
//! Nothing is built here: every method moves the position over one token or one value and says
//! what it was. Grammar is checked as Jackson checks it in Flink: raw control characters inside
//! strings are allowed, everything else is RFC 8259. Nesting is limited to [`MAX_DEPTH`] without
//! using the machine's stack.

use super::lanes::{LANES, lanes, no_digit};
use super::nest::Nest;
pub use super::token::{Broken, Kind, MAX_DEPTH, Token, What};

/// The position in one document.
#[derive(Debug, Clone, Copy)]
pub struct Scanner<'a> {
    /// The document, and what there may be before it.
    pub(crate) data: &'a [u8],
    /// The same and what lies behind it: looked at many bytes at once, never taken for the document's.
    pub(crate) wide: &'a [u8],
    pub(crate) pos: usize,
}

impl<'a> Scanner<'a> {
    /// At the start of a document.
    pub fn new(data: &'a [u8]) -> Self {
        Scanner { data, wide: data, pos: 0 }
    }

    // What is rare and not inlined takes the scanner by value and gives the new position back: a scanner
    // whose address is known to others cannot live in registers.

    /// An error at the current position.
    #[cold]
    pub(crate) fn broken(self) -> Broken {
        let what = if self.pos >= self.data.len() { What::End } else { What::Unexpected };
        Broken { at: self.pos.min(self.data.len()), what }
    }

    /// The byte here, 0 at the end (0 is nowhere valid JSON).
    #[inline(always)]
    pub(crate) fn peek(&self) -> u8 {
        self.data.get(self.pos).copied().unwrap_or(0)
    }

    /// Moves over blanks, tabs and line ends.
    #[inline(always)]
    pub(crate) fn blanks(&mut self) {
        if self.peek() <= b' ' {
            // One blank after a colon or comma is the usual case.
            self.pos += usize::from(self.peek() == b' ');
            if self.peek() <= b' ' {
                self.pos = self.after_blanks();
            }
        }
    }

    #[inline(never)]
    fn after_blanks(mut self) -> usize {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
        }
        self.pos
    }

    /// Goes on behind what was read elsewhere.
    #[inline(always)]
    fn behind(&mut self, (token, pos): (Token, usize)) -> Token {
        self.pos = pos;
        token
    }

    /// Expects one byte and moves over it.
    #[inline(always)]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() != byte {
            return Err(self.broken());
        }
        self.pos += 1;
        Ok(())
    }

    /// A string; the position is at its opening quote.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Token, Broken> {
        let quote = self.pos;
        match self.usual_string() {
            Some(token) if token.end < self.data.len() => Ok(token),
            _ => Ok(self.behind(self.string_bytewise(quote + 1)?)),
        }
    }

    /// A string byte by byte: with escapes, or near the end of what there is.
    #[inline(never)]
    fn string_bytewise(self, start: usize) -> Result<(Token, usize), Broken> {
        let (mut at, mut kind) = (start, Kind::Text);
        loop {
            // Long runs after an escape are worth a jump.
            match memchr::memchr2(b'"', b'\\', self.data.get(at..).unwrap_or(&[])) {
                None => return Err(Broken { at: self.data.len(), what: What::End }),
                Some(n) => at += n,
            }
            if self.data[at] == b'"' {
                return Ok((Token { kind, start, end: at }, at + 1));
            }
            kind = Kind::Escaped;
            match self.data.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u') => {
                    let digits =
                        self.data.get(at + 2..at + 6).ok_or(Broken { at: self.data.len(), what: What::End })?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Err(Broken { at, what: What::Escape });
                    }
                    at += 6;
                }
                Some(_) => return Err(Broken { at, what: What::Escape }),
                None => return Err(Broken { at: self.data.len(), what: What::End }),
            }
        }
    }

    #[inline(always)]
    fn digits(&mut self) -> usize {
        let start = self.pos;
        loop {
            let Some(bytes) = lanes(self.wide, self.pos) else {
                while self.peek().is_ascii_digit() {
                    self.pos += 1;
                }
                return self.pos - start;
            };
            let others = no_digit(bytes);
            if others != 0 {
                // What follows the document is none of its digits.
                self.pos = (self.pos + others.trailing_zeros() as usize).min(self.data.len());
                return self.pos - start;
            }
            self.pos += LANES;
        }
    }

    /// A number; the position is at its first character.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Result<Token, Broken> {
        let start = self.pos;
        if self.peek() == b'-' {
            self.pos += 1;
        }
        if self.peek() == b'0' {
            self.pos += 1;
            if self.peek().is_ascii_digit() {
                return Err(self.broken());
            }
        } else if self.digits() == 0 {
            return Err(self.broken());
        }
        if matches!(self.peek(), b'.' | b'e' | b'E') {
            return Ok(self.behind(self.fraction(start)?));
        }
        Ok(Token { kind: Kind::Int, start, end: self.pos })
    }

    #[inline(never)]
    fn fraction(mut self, start: usize) -> Result<(Token, usize), Broken> {
        if self.peek() == b'.' {
            self.pos += 1;
            if self.digits() == 0 {
                return Err(self.broken());
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.pos += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.pos += 1;
            }
            if self.digits() == 0 {
                return Err(self.broken());
            }
        }
        Ok((Token { kind: Kind::Float, start, end: self.pos }, self.pos))
    }

    /// `true`, `false` or `null`; the position is at its first character.
    #[inline(always)]
    pub(crate) fn literal(&mut self) -> Result<Token, Broken> {
        let (text, kind): (&[u8], Kind) = match self.peek() {
            b't' => (b"true", Kind::True),
            b'f' => (b"false", Kind::False),
            b'n' => (b"null", Kind::Null),
            _ => return Err(self.broken()),
        };
        let start = self.pos;
        let rest = self.data.get(start..).unwrap_or(&[]);
        if !rest.starts_with(text) {
            let what = if text.starts_with(rest) { What::End } else { What::Unexpected };
            return Err(Broken { at: start, what });
        }
        self.pos += text.len();
        // A letter or digit glued to a literal is not JSON; a bracket or comma is looked at later.
        if self.peek().is_ascii_alphanumeric() {
            return Err(self.broken());
        }
        Ok(Token { kind, start, end: self.pos })
    }

    /// Any value at the position, unread: `depth` containers are open around it.
    #[inline(always)]
    pub(crate) fn skip(&mut self, depth: usize) -> Result<Token, Broken> {
        match self.peek() {
            b'"' => self.string(),
            b'{' | b'[' => Ok(self.behind(self.container(depth)?)),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.literal(),
        }
    }

    /// The same, after blanks if there are some.
    #[inline(always)]
    pub(crate) fn value(&mut self, depth: usize) -> Result<Token, Broken> {
        // The usual case needs one look.
        if self.peek() == b'"' {
            return self.string();
        }
        self.blanks();
        self.skip(depth)
    }

    /// An object or array, checked but unread, without recursion.
    #[inline(never)]
    fn container(mut self, depth: usize) -> Result<(Token, usize), Broken> {
        let start = self.pos;
        let kind = if self.peek() == b'{' { Kind::Object } else { Kind::Array };
        let mut open = Nest::new(depth);
        // Each turn stands at the start of a value.
        'value: loop {
            match self.peek() {
                b @ (b'{' | b'[') => {
                    if !open.push(b == b'{') {
                        return Err(Broken { at: self.pos, what: What::Depth });
                    }
                    self.pos += 1;
                    self.blanks();
                    if self.peek() == if b == b'{' { b'}' } else { b']' } {
                        self.pos += 1;
                        open.pop();
                    } else {
                        if b == b'{' {
                            self.name()?;
                        }
                        continue 'value;
                    }
                }
                b'"' => drop(self.string()?),
                b'-' | b'0'..=b'9' => drop(self.number()?),
                _ => drop(self.literal()?),
            }
            // After a value: close as many containers as end here, then go to the next value.
            loop {
                let Some(in_object) = open.top() else {
                    return Ok((Token { kind, start, end: self.pos }, self.pos));
                };
                self.blanks();
                match self.peek() {
                    b',' => {
                        self.pos += 1;
                        self.blanks();
                        if in_object {
                            self.name()?;
                        }
                        continue 'value;
                    }
                    b'}' if in_object => self.pos += 1,
                    b']' if !in_object => self.pos += 1,
                    _ => return Err(self.broken()),
                }
                open.pop();
            }
        }
    }

    /// A member name with its colon; ends at the member's value.
    #[inline(always)]
    pub(crate) fn name(&mut self) -> Result<Token, Broken> {
        if self.peek() != b'"' {
            return Err(self.broken());
        }
        let name = self.string()?;
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<(Kind, usize), Broken> {
        let mut s = Scanner::new(text.as_bytes());
        s.blanks();
        s.skip(0).map(|t| (t.kind, s.pos))
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, kind, end) in [
            (r#""ab" x"#, Kind::Text, 4),
            (r#""a\"b",1"#, Kind::Escaped, 6),
            ("-0.5e+3,", Kind::Float, 7),
            ("120]", Kind::Int, 3),
            (" true}", Kind::True, 5),
            (r#"{"a":[1,{"b":null}, []],"c":{}} tail"#, Kind::Object, 31),
            ("[ [ ] ]", Kind::Array, 7),
        ] {
            assert_eq!(whole(text), Ok((kind, end)), "{text}");
        }
    }

    #[test]
    fn damage_is_seen() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "01",
            "-",
            "1.",
            "1e",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "tru",
            "truex",
            "{\"a\":1,}",
            "]",
            "[1}",
            "nul",
        ] {
            assert!(whole(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(whole(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(whole(&deep(MAX_DEPTH + 1)).unwrap_err().what, What::Depth);
        assert_eq!(whole(&"[{\"a\":".repeat(100_000)).unwrap_err().what, What::Depth);
    }
}
