//! Errors and warnings as a person reads them: the message, the line of SQL, a caret, the help.

use tidegate_core::options::is_secret_name;
use tidegate_core::{Error, Span};
use tidegate_plan::Warning;

/// An error in a file.
pub fn error(file: &str, text: &str, e: &Error) -> String {
    let places: Vec<&str> = e.places().collect();
    let place = if places.is_empty() { String::new() } else { format!("{}: ", places.join(" → ")) };
    let mut out = format!("error: {place}{}\n", e.message());
    out.push_str(&excerpt(file, text, e.span()));
    if let Some(help) = e.help_text() {
        out.push_str(&format!("  help: {help}\n"));
    }
    out
}

/// A warning in a file.
pub fn warning(file: &str, text: &str, w: &Warning) -> String {
    format!("warning[{}]: {}\n{}", w.code, w.message, excerpt(file, text, w.span))
}

fn excerpt(file: &str, text: &str, span: Span) -> String {
    if !span.is_known() {
        return format!("  --> {file}\n");
    }
    let mut out = format!("  --> {file}:{}:{}\n", span.line, span.column);
    if let Some(line) = text.lines().nth(span.line as usize - 1) {
        let number = span.line.to_string();
        // Long lines (hand-built JSON, nested paths) are cut around the place.
        let from = (span.column as usize).saturating_sub(70);
        let shown: String = masked(line).chars().skip(from).take(120).collect();
        let caret = " ".repeat((span.column as usize).saturating_sub(1 + from));
        out.push_str(&format!("{number} | {shown}\n{} | {caret}^\n", " ".repeat(number.len())));
    }
    out
}

/// The line with the values of secret options blotted out, character for character.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut name = String::new();
    let mut secret = false;
    let mut quoted = None;
    for c in line.chars() {
        match (quoted, c) {
            (Some(q), c) if c == q => quoted = None,
            (None, '\'' | '"' | '`') => quoted = Some(c),
            (None, '=') => {
                secret = is_secret_name(&name);
                name.clear();
            }
            (None, ',' | '(' | ')' | ';') => {
                secret = false;
                name.clear();
            }
            _ if secret && quoted.is_some() => {
                out.push('*');
                continue;
            }
            _ => name.push(c),
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out() {
        let line = "  'url' = 'x', 'password' = 'hunter2', userPassword = 'a, b', 'topic' = 't')";
        assert_eq!(masked(line), "  'url' = 'x', 'password' = '*******', userPassword = '****', 'topic' = 't')");
    }

    #[test]
    fn points_at_the_place() {
        let e = Error::user("unknown column 'b'").at(Span::new(2, 8)).help("did you mean 'a'?");
        assert_eq!(
            error("x.sql", "-- a\nSELECT b", &e),
            "error: unknown column 'b'\n  --> x.sql:2:8\n2 | SELECT b\n  |        ^\n  help: did you mean 'a'?\n"
        );
    }
}
