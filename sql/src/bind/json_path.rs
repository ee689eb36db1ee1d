//! JSON paths, parsed by the dialect's grammar. A path outside the supported form has no segments:
//! it finds nothing, as it does in the original.

use tidegate_core::scan::{JsonMode, JsonPath, JsonRule, JsonSegment};

/// Parses a path as written in the SQL text.
pub(crate) fn parse(text: &str, rule: JsonRule) -> JsonPath {
    match rule {
        JsonRule::Flink => {
            let (mode, rest) = mode(text);
            JsonPath { text: text.to_owned(), mode, segments: flink(rest) }
        }
        JsonRule::Blink => JsonPath { text: text.to_owned(), mode: None, segments: blink(text) },
    }
}

fn mode(text: &str) -> (Option<JsonMode>, &str) {
    let trimmed = text.trim_start();
    for (word, mode) in [("strict", JsonMode::Strict), ("lax", JsonMode::Lax)] {
        if let Some(head) = trimmed.get(..word.len()) {
            let rest = &trimmed[word.len()..];
            if head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace) {
                return (Some(mode), rest.trim());
            }
        }
    }
    (None, text)
}

/// `$`, `.name`, `['name']`, `[n]`, `[*]`; a path without `$` is taken as `$.path`.
fn flink(text: &str) -> Option<Vec<JsonSegment>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let Some(mut rest) = text.strip_prefix('$') else {
        return flink(&format!("$.{text}"));
    };
    let mut out = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || name == "*" || name.contains(['(', ')', '?', '@']) {
                return None;
            }
            out.push(JsonSegment::Member(name.to_owned()));
            rest = &after[end..];
        } else {
            let (segment, after) = bracket(rest)?;
            out.push(segment);
            rest = after;
        }
    }
    Some(out)
}

/// `['name']`, `["name"]`, `[n]`, `[*]`.
fn bracket(text: &str) -> Option<(JsonSegment, &str)> {
    let body = text.strip_prefix('[')?;
    let quote = body.trim_start().chars().next().filter(|c| matches!(c, '\'' | '"'));
    if let Some(q) = quote {
        let inner = &body.trim_start()[1..];
        let end = inner.find(q)?;
        let after = inner[end + 1..].trim_start().strip_prefix(']')?;
        return Some((JsonSegment::Member(inner[..end].to_owned()), after));
    }
    let end = body.find(']')?;
    Some((index(body[..end].trim())?, &body[end + 1..]))
}

fn index(inside: &str) -> Option<JsonSegment> {
    if inside == "*" {
        return Some(JsonSegment::AnyIndex);
    }
    inside.parse().ok().map(JsonSegment::Index)
}

/// Blink splits at every dot; keys are letters, digits, `_ - :` and white space; `[n]` and `[*]`
/// follow a key. Anything else finds nothing.
fn blink(text: &str) -> Option<Vec<JsonSegment>> {
    let rest = text.strip_prefix('$')?;
    let mut out = Vec::new();
    for (i, part) in rest.split('.').enumerate() {
        let bracket = part.find('[').unwrap_or(part.len());
        let (key, mut indexes) = part.split_at(bracket);
        if i == 0 && !key.is_empty() {
            return None;
        }
        if i > 0 && (!key.is_empty() || indexes.is_empty()) {
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':') || c.is_ascii_whitespace();
            if key.is_empty() || !key.chars().all(legal) {
                return None;
            }
            out.push(JsonSegment::Member(key.to_owned()));
        }
        while !indexes.is_empty() {
            let body = indexes.strip_prefix('[')?;
            let end = body.find(']')?;
            out.push(index(&body[..end])?);
            indexes = &body[end + 1..];
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use JsonSegment::{AnyIndex, Index, Member};

    fn member(s: &str) -> JsonSegment {
        Member(s.to_owned())
    }

    #[test]
    fn flink_paths() {
        let p = |s: &str| parse(s, JsonRule::Flink).segments;
        assert_eq!(p("$.a.b[1][*]"), Some(vec![member("a"), member("b"), Index(1), AnyIndex]));
        assert_eq!(p("a"), Some(vec![member("a")]));
        assert_eq!(p("$['a b']"), Some(vec![member("a b")]));
        assert_eq!(p("$"), Some(vec![]));
        assert_eq!(p("$..b"), None);
        assert_eq!(parse("lax $.b", JsonRule::Flink).mode, Some(JsonMode::Lax));
    }

    #[test]
    fn blink_paths() {
        let p = |s: &str| parse(s, JsonRule::Blink).segments;
        assert_eq!(p("$.ccc.hhh[*]"), Some(vec![member("ccc"), member("hhh"), AnyIndex]));
        assert_eq!(p("$[0].a"), Some(vec![Index(0), member("a")]));
        assert_eq!(p("$.名"), None);
        assert_eq!(p("$x"), None);
        assert_eq!(p("a"), None);
    }
}
