//! `${name}`: replaced before anything else, with a map back to the places of the original text.

use std::collections::BTreeMap;

use tidegate_core::options::nearest;
use tidegate_core::{Error, Result, Span};

/// Text with its variables replaced.
pub struct Substituted {
    /// The text.
    pub text: String,
    /// Where a stretch of the text comes from, in order: (line, column) here, the same there, and
    /// whether it is a variable's value (all of which comes from one place).
    anchors: Vec<(Span, Span, bool)>,
}

impl Substituted {
    /// The place in the original text.
    pub fn original(&self, line: u64, column: u64) -> (u64, u64) {
        let here = (line, column);
        let i = self.anchors.partition_point(|(to, ..)| (u64::from(to.line), u64::from(to.column)) <= here);
        let Some((to, from, is_value)) = i.checked_sub(1).and_then(|i| self.anchors.get(i)) else { return here };
        let (from_line, from_column) = (u64::from(from.line), u64::from(from.column));
        if *is_value {
            (from_line, from_column)
        } else if line == u64::from(to.line) {
            (from_line, from_column + (column - u64::from(to.column)))
        } else {
            (from_line + (line - u64::from(to.line)), column)
        }
    }
}

/// Where a scan of SQL text is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Sql,
    Quoted(char),
    LineComment,
    BlockComment,
}

/// Replaces `${name}` everywhere but in comments.
///
/// # Errors
/// A name that is not given, `${` that is not closed.
pub fn substitute(text: &str, variables: &BTreeMap<String, String>) -> Result<Substituted> {
    let mut out = String::with_capacity(text.len());
    let (mut here, mut there) = (Span::new(1, 1), Span::new(1, 1));
    let mut anchors = Vec::new();
    let mut state = State::Sql;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if matches!(state, State::Sql | State::Quoted(_)) && rest.starts_with("${") {
            let (name, length) = variable(rest, there)?;
            let value = variables.get(name).ok_or_else(|| undefined(name, there, variables))?;
            anchors.push((here, there, true));
            out.push_str(value);
            step(&mut here, value);
            step(&mut there, &rest[..length]);
            rest = &rest[length..];
            anchors.push((here, there, false));
            continue;
        }
        let length = c.len_utf8() + usize::from(opens_or_closes(state, rest));
        state = next_state(state, rest, c);
        out.push_str(&rest[..length]);
        step(&mut here, &rest[..length]);
        step(&mut there, &rest[..length]);
        rest = &rest[length..];
    }
    Ok(Substituted { text: out, anchors })
}

/// Whether the two characters here belong together (`--`, `/*`, `*/`).
fn opens_or_closes(state: State, rest: &str) -> bool {
    match state {
        State::Sql => rest.starts_with("--") || rest.starts_with("/*"),
        State::BlockComment => rest.starts_with("*/"),
        State::Quoted(_) | State::LineComment => false,
    }
}

fn next_state(state: State, rest: &str, c: char) -> State {
    match state {
        State::Sql if rest.starts_with("--") => State::LineComment,
        // A hint is SQL.
        State::Sql if rest.starts_with("/*") && !rest.starts_with("/*+") => State::BlockComment,
        State::Sql if matches!(c, '\'' | '`' | '"') => State::Quoted(c),
        State::Quoted(q) if c == q => State::Sql,
        State::LineComment if c == '\n' => State::Sql,
        State::BlockComment if rest.starts_with("*/") => State::Sql,
        same => same,
    }
}

/// The name at `${name}` and the length of it all.
fn variable(rest: &str, at: Span) -> Result<(&str, usize)> {
    let inner = &rest[2..];
    let end = inner.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(inner.len());
    if end == 0 || !inner[end..].starts_with('}') {
        return Err(Error::user("'${' without a name and '}'").at(at).help("variables are written ${name}"));
    }
    Ok((&inner[..end], end + 3))
}

fn undefined(name: &str, at: Span, variables: &BTreeMap<String, String>) -> Error {
    let e = Error::user(format!("variable '${{{name}}}' has no value")).at(at);
    match nearest(name, variables.keys().map(String::as_str)) {
        Some(n) => e.help(format!("did you mean '${{{n}}}'?")),
        None => e.help(format!("give it with --var {name}=…")),
    }
}

fn step(at: &mut Span, text: &str) {
    for c in text.chars() {
        if c == '\n' {
            at.line += 1;
            at.column = 1;
        } else {
            at.column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn replaces_and_maps_back() {
        let s = substitute("a '${x}' b\nc ${x}${y} d", &vars(&[("x", "long value"), ("y", "1\n2")])).unwrap();
        assert_eq!(s.text, "a 'long value' b\nc long value1\n2 d");
        let at = s.text.find('b').unwrap() as u64 + 1;
        assert_eq!(s.original(1, at), (1, 10));
        assert_eq!(s.original(3, 3), (2, 12), "d, after a value of two lines");
        assert_eq!(s.original(2, 5), (2, 3), "inside a value: where the variable stands");
        assert_eq!(s.original(1, 1), (1, 1));
    }

    #[test]
    fn leaves_comments_alone_but_not_hints() {
        let s = substitute("-- ${n}\n/* ${n} */ '--' ${x} /*+ ${x} */", &vars(&[("x", "1")])).unwrap();
        assert_eq!(s.text, "-- ${n}\n/* ${n} */ '--' 1 /*+ 1 */");
    }

    #[test]
    fn names_what_is_missing() {
        let e = substitute("SELECT\n  '${topik}'", &vars(&[("topic", "1")])).err().unwrap();
        assert_eq!(e.span(), Span::new(2, 4));
        assert_eq!(e.help_text(), Some("did you mean '${topic}'?"));
        assert!(substitute("${a b}", &vars(&[])).is_err());
    }
}
