//! LIKE: `%` any text, `_` one character, no escape unless given. Constant patterns of the common
//! shapes become comparisons; the others match by backtracking over the last `%`.

use tidegate_core::{Error, Result};

use super::kernel::{Arg, Kernel};
use super::value::booleans;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matcher {
    /// No wildcard.
    Equals(String),
    /// `text%`
    StartsWith(String),
    /// `%text`
    EndsWith(String),
    /// `%text%`
    Contains(String),
    /// Anything else.
    Pieces(Vec<Piece>),
}

/// One element of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Char(char),
    /// `_`
    One,
    /// `%`
    Many,
}

impl Matcher {
    /// Compiles a pattern. An escape must be followed by `%`, `_` or itself.
    pub fn compile(pattern: &str, escape: Option<char>) -> std::result::Result<Matcher, String> {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            pieces.push(match c {
                c if Some(c) == escape => match chars.next() {
                    Some(next) if next == '%' || next == '_' || Some(next) == escape => Piece::Char(next),
                    _ => return Err(format!("Invalid escape sequence in LIKE pattern '{pattern}'")),
                },
                '%' if pieces.last() == Some(&Piece::Many) => continue,
                '%' => Piece::Many,
                '_' => Piece::One,
                c => Piece::Char(c),
            });
        }
        Ok(Matcher::simplify(pieces))
    }

    fn simplify(pieces: Vec<Piece>) -> Matcher {
        let literal = |part: &[Piece]| -> Option<String> {
            part.iter().map(|p| if let Piece::Char(c) = p { Some(*c) } else { None }).collect()
        };
        let simple = match pieces.as_slice() {
            [Piece::Many, inner @ .., Piece::Many] => literal(inner).map(Matcher::Contains),
            [Piece::Many, inner @ ..] => literal(inner).map(Matcher::EndsWith),
            [inner @ .., Piece::Many] => literal(inner).map(Matcher::StartsWith),
            all => literal(all).map(Matcher::Equals),
        };
        simple.unwrap_or(Matcher::Pieces(pieces))
    }

    /// Whether the text matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Matcher::Equals(t) => text == t,
            Matcher::StartsWith(t) => text.starts_with(t.as_str()),
            Matcher::EndsWith(t) => text.ends_with(t.as_str()),
            Matcher::Contains(t) => text.contains(t.as_str()),
            Matcher::Pieces(pieces) => wildcard(pieces, text),
        }
    }
}

/// Greedy matching: on a mismatch the last `%` takes one more character. Quadratic at worst.
fn wildcard(pieces: &[Piece], text: &str) -> bool {
    let (mut p, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let next = rest.chars().next();
        let step = match (pieces.get(p), next) {
            (Some(Piece::Many), _) => {
                p += 1;
                retry = Some((p, rest));
                continue;
            }
            (Some(Piece::One), Some(c)) => Some(c),
            (Some(Piece::Char(want)), Some(c)) if *want == c => Some(c),
            (None, None) => return true,
            _ => None,
        };
        if let Some(c) = step {
            p += 1;
            rest = &rest[c.len_utf8()..];
            continue;
        }
        match retry {
            Some((at, from)) if !from.is_empty() => {
                let skip = from.chars().next().map_or(0, char::len_utf8);
                rest = &from[skip..];
                retry = Some((at, rest));
                p = at;
            }
            _ => return false,
        }
    }
}

/// `a LIKE pattern`
pub(super) fn compile(args: &[Arg], escape: Option<char>, negated: bool) -> Result<Kernel> {
    if let Some(pattern) = args[1].text() {
        let matcher = Matcher::compile(pattern, escape)
            .map_err(|e| Error::user(e).help("after the escape character only %, _ or itself may stand"))?;
        return Ok(Box::new(move |call| {
            let texts = call.texts(0)?;
            Ok(booleans(call.rows, |i| texts.get(i).map(|t| matcher.matches(t) != negated)))
        }));
    }
    Ok(Box::new(move |call| {
        let (texts, patterns) = (call.texts(0)?, call.texts(1)?);
        let mut last: Option<(&str, Matcher)> = None;
        let problems = &mut *call.problems;
        Ok(booleans(call.rows, |i| {
            let (text, pattern) = (texts.get(i)?, patterns.get(i)?);
            if last.as_ref().is_none_or(|(p, _)| *p != pattern) {
                match Matcher::compile(pattern, escape) {
                    Ok(m) => last = Some((pattern, m)),
                    Err(reason) => {
                        problems.fail(i, "RuntimeException", reason);
                        return None;
                    }
                }
            }
            last.as_ref().map(|(_, m)| m.matches(text) != negated)
        }))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        Matcher::compile(pattern, None).unwrap().matches(text)
    }

    #[test]
    fn shapes_are_recognised() {
        assert_eq!(Matcher::compile("%测试%", None).unwrap(), Matcher::Contains("测试".into()));
        assert_eq!(Matcher::compile("a%", None).unwrap(), Matcher::StartsWith("a".into()));
        assert_eq!(Matcher::compile("%", None).unwrap(), Matcher::EndsWith(String::new()));
        assert!(Matcher::compile("a!b", Some('!')).is_err());
    }

    #[test]
    fn probes() {
        assert!(like("测试abc", "%测试%"));
        assert!(!like("DM_x", "DM\\\\_%"));
        assert!(!like("DMxx", "DM\\_%"));
        assert!(Matcher::compile("DM!_%", Some('!')).unwrap().matches("DM_x"));
        assert!(!Matcher::compile("DM!_%", Some('!')).unwrap().matches("DMxx"));
        assert!(like("a%b", "a%b"));
        assert!(like("中文", "_文") && !like("中文", "_"));
    }

    #[test]
    fn agrees_with_a_regular_expression() {
        // Every text and pattern over a small alphabet, against another implementation.
        let words = |alphabet: &[char], longest: usize| {
            let mut all = vec![String::new()];
            let mut from = 0;
            for _ in 0..longest {
                let to = all.len();
                for k in from..to {
                    for c in alphabet {
                        all.push(format!("{}{c}", all[k]));
                    }
                }
                from = to;
            }
            all
        };
        let texts = words(&['a', '中'], 5);
        for pattern in words(&['a', '_', '%'], 4) {
            let regex = pattern.replace('_', ".").replace('%', ".*");
            let regex = regex::Regex::new(&format!("(?s)^{regex}$")).unwrap();
            let matcher = Matcher::compile(&pattern, None).unwrap();
            for text in &texts {
                assert_eq!(matcher.matches(text), regex.is_match(text), "{text} LIKE {pattern}");
            }
        }
    }
}
