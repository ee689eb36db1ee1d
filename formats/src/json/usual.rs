//! A first look at a value: most are short strings without escapes and integers without sign.

use super::lanes::{LANES, lanes, no_digit, quote_or_slash};
use super::scan::{Kind, Scanner, Token};

impl Scanner<'_> {
    /// Reads the value here if it is of the usual kinds, else stays where it is: [`Scanner::value`] knows
    /// all of them. The end of the document is not looked at: whoever gets beyond it by this has read what
    /// is not the document's.
    #[inline(always)]
    pub(crate) fn usual(&mut self) -> Option<Token> {
        match self.wide.get(self.pos)? {
            b'"' => self.usual_string(),
            b'1'..=b'9' => self.usual_integer(),
            _ => None,
        }
    }

    /// A string without escapes that may reach over the end of the document.
    #[inline(always)]
    pub(crate) fn usual_string(&mut self) -> Option<Token> {
        let start = self.pos + 1;
        let mut end = start;
        loop {
            let hits = quote_or_slash(lanes(self.wide, end)?);
            if hits != 0 {
                end += hits.trailing_zeros() as usize;
                break;
            }
            end += LANES;
        }
        if *self.wide.get(end)? != b'"' {
            return None;
        }
        self.pos = end + 1;
        Some(Token { kind: Kind::Text, start, end })
    }

    #[inline(always)]
    fn usual_integer(&mut self) -> Option<Token> {
        let start = self.pos;
        let others = no_digit(lanes(self.wide, start)?);
        if others == 0 {
            return None;
        }
        let end = start + others.trailing_zeros() as usize;
        let next = *self.wide.get(end)?;
        if next >= b'.' && next != b'}' {
            return None;
        }
        self.pos = end;
        Some(Token { kind: Kind::Int, start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_read_as_ever() {
        let behind = "#".repeat(2 * LANES);
        let (mut usual, mut other) = (0, 0);
        for value in [
            r#""""#,
            r#""text""#,
            r#""a text of more than sixteen bytes, even more than thirty-two""#,
            r#""an \"escape\"""#,
            r#""\\""#,
            "1",
            "1234567890",
            "123456789012345",
            "1234567890123456",
            "12345678901234567",
            "0",
            "01",
            "-5",
            "1.5",
            "1e5",
            "1E5",
            "true",
            "null",
            "[1]",
            "{}",
            " 1",
        ] {
            for next in [",", "}", " ", "]", "\n"] {
                let text = format!("{value}{next}{behind}");
                let (mut first, mut proper) = (Scanner::new(text.as_bytes()), Scanner::new(text.as_bytes()));
                let Some(token) = first.usual() else {
                    assert_eq!(first.pos, 0, "{value}");
                    other += 1;
                    continue;
                };
                usual += 1;
                let wanted = proper.value(0).unwrap();
                assert_eq!((token.kind, token.start, token.end), (wanted.kind, wanted.start, wanted.end), "{value}");
                assert_eq!(first.pos, proper.pos, "{value}");
            }
        }
        assert_eq!((usual, other), (3 * 5 + 3 * 4, 15 * 5 + 3));
    }

    #[test]
    fn near_the_end_it_leaves_it_to_others() {
        for text in ["\"text\"", "12", "12,", "\"", "1", ""] {
            assert!(Scanner::new(text.as_bytes()).usual().is_none(), "{text}");
        }
    }
}
