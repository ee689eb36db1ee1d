//! JSON_VALUE, JSON_QUERY and JSON_EXISTS over text, the plain way: parse all of it, walk the path.
//!
//! The path program of [`super::program`] must give what this gives (property tests compare them);
//! expressions that the planner could not fuse into a scan are evaluated here.
//!
//! | value at the path | JSON_VALUE, Flink | JSON_VALUE, Blink | JSON_QUERY |
//! |---|---|---|---|
//! | string, number, boolean | its text | its text | lax: empty, strict: error |
//! | object, array | lax: empty, strict: error | compact text | compact text |
//! | `null` | empty | empty | empty |
//! | nothing there, not JSON, path not understood | lax: empty, strict: error | empty | as JSON_VALUE, Flink |
//!
//! Flink's mode is strict where the path does not say. Text that is not JSON is an error in both
//! modes. What follows the first value is ignored.

use tidegate_core::scan::{ChainStep, JsonMode, JsonPath, JsonRule, JsonSegment};

use super::number::java_text;
use super::tree::Json;

/// What a JSON function found, before ON EMPTY, ON ERROR and RETURNING are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A value as text, and what it was in the document.
    Value(String, ScalarKind),
    /// Nothing, or `null`: ON EMPTY decides.
    Empty,
    /// Not JSON, no such path in strict mode, the wrong kind of value: ON ERROR decides.
    Error(String),
}

impl Outcome {
    /// The text with the default NULL ON EMPTY, NULL ON ERROR.
    pub fn or_null(self) -> Option<String> {
        match self {
            Outcome::Value(text, _) => Some(text),
            Outcome::Empty | Outcome::Error(_) => None,
        }
    }
}

/// What a value was in the document; RETURNING needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// A string.
    Text,
    /// A number without fraction and exponent.
    Integer,
    /// Another number.
    Double,
    /// `true` or `false`.
    Boolean,
    /// An object or array, as compact text.
    Container,
}

/// The wrapper clause of JSON_QUERY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapper {
    /// WITHOUT WRAPPER, the default.
    None,
    /// WITH CONDITIONAL WRAPPER: what is not an array becomes an array of one.
    Conditional,
    /// WITH UNCONDITIONAL WRAPPER: an array of one around everything.
    Unconditional,
}

/// JSON_VALUE of a text that is not NULL.
pub fn json_value(text: &str, path: &JsonPath, rule: JsonRule) -> Outcome {
    let found = match rule {
        JsonRule::Blink => return blink(text, path).and_then(|j| value_text(&j)).map_or(Outcome::Empty, value),
        JsonRule::Flink => match flink(text, path) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        },
    };
    match &found {
        Json::Array(_) | Json::Object(_) if lax(path) => Outcome::Empty,
        Json::Array(_) | Json::Object(_) => {
            Outcome::Error(format!("'{}' is not a scalar: {}", path.text, found.to_text()))
        }
        scalar => value_text(scalar).map_or(Outcome::Empty, value),
    }
}

/// JSON_QUERY of a text that is not NULL.
pub fn json_query(text: &str, path: &JsonPath, rule: JsonRule, wrapper: Wrapper) -> Outcome {
    let found = match rule {
        JsonRule::Blink => blink(text, path).ok_or(Outcome::Empty),
        JsonRule::Flink => flink(text, path),
    };
    let found = match found {
        Ok(Json::Null) => return Outcome::Empty,
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let wrapped = match wrapper {
        Wrapper::Unconditional => Json::Array(vec![found]),
        Wrapper::Conditional if !matches!(found, Json::Array(_)) => Json::Array(vec![found]),
        Wrapper::None | Wrapper::Conditional => found,
    };
    if !wrapped.is_scalar() {
        return Outcome::Value(wrapped.to_text(), ScalarKind::Container);
    }
    if lax(path) || rule == JsonRule::Blink {
        return Outcome::Empty;
    }
    Outcome::Error(format!("'{}' is neither object nor array: {}", path.text, wrapped.to_text()))
}

/// JSON_EXISTS of a text that is not NULL: `Err` where the document is broken or, in strict mode,
/// the path is not there; ON ERROR (FALSE by default) decides then.
///
/// # Errors
/// The reason.
pub fn json_exists(text: &str, path: &JsonPath, rule: JsonRule) -> Result<bool, String> {
    let found = match rule {
        JsonRule::Blink => blink(text, path).ok_or(Outcome::Empty),
        JsonRule::Flink => flink(text, path),
    };
    match found {
        Ok(Json::Null) | Err(Outcome::Empty | Outcome::Value(..)) => Ok(false),
        Ok(_) => Ok(true),
        Err(Outcome::Error(reason)) => Err(reason),
    }
}

/// The text after all JSON steps and text casts of a chain; `None` is NULL. Casts to other types
/// end the walk: the caller applies them.
pub fn chain_text(text: &str, steps: &[ChainStep]) -> Option<String> {
    let mut text = text.to_owned();
    for step in steps {
        text = match step {
            ChainStep::JsonValue(path, rule) => json_value(&text, path, *rule).or_null()?,
            ChainStep::JsonQuery(path, rule) => json_query(&text, path, *rule, Wrapper::None).or_null()?,
            ChainStep::Cast(to, rule) if to.ty.is_text() => crate::decode::cast::fit(text, &to.ty, *rule),
            ChainStep::Cast(..) => break,
        };
    }
    Some(text)
}

fn lax(path: &JsonPath) -> bool {
    path.mode == Some(JsonMode::Lax)
}

fn value((text, kind): (String, ScalarKind)) -> Outcome {
    Outcome::Value(text, kind)
}

/// The text of a value that is not `null`.
fn value_text(json: &Json) -> Option<(String, ScalarKind)> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(b) => (b.to_string(), ScalarKind::Boolean),
        Json::Number(n) => {
            let integer = n.bytes().all(|b| b == b'-' || b.is_ascii_digit());
            (java_text(n), if integer { ScalarKind::Integer } else { ScalarKind::Double })
        }
        Json::Text(t) => (t.clone(), ScalarKind::Text),
        Json::Array(_) | Json::Object(_) => (json.to_text(), ScalarKind::Container),
    })
}

/// The value at a path, as JsonPath finds it for Flink: names only in objects, numbers only in
/// arrays; with `[*]` an array of everything found.
fn flink(text: &str, path: &JsonPath) -> Result<Json, Outcome> {
    let document = Json::parse(text.as_bytes()).map_err(|e| Outcome::Error(e.to_string()))?;
    let segments = path
        .segments
        .as_ref()
        .ok_or_else(|| Outcome::Error(format!("the JSON path '{}' is not supported", path.text)))?;
    let missing = || {
        if lax(path) { Outcome::Empty } else { Outcome::Error(format!("nothing at '{}'", path.text)) }
    };
    let mut many = false;
    let mut found = vec![&document];
    for segment in segments {
        let mut next = Vec::new();
        for json in found {
            match (segment, json) {
                (JsonSegment::Member(name), Json::Object(_)) => next.extend(json.get(name)),
                (JsonSegment::Index(n), Json::Array(items)) => next.extend(items.get(*n as usize)),
                (JsonSegment::AnyIndex, Json::Array(items)) => next.extend(items),
                (JsonSegment::AnyIndex, Json::Object(members)) => next.extend(members.iter().map(|(_, v)| v)),
                _ => {}
            }
        }
        many |= *segment == JsonSegment::AnyIndex;
        if next.is_empty() && !many {
            return Err(missing());
        }
        found = next;
    }
    if many {
        return Ok(Json::Array(found.into_iter().cloned().collect()));
    }
    found.first().map(|j| (*j).clone()).ok_or_else(missing)
}

/// The value at a path as Blink finds it: a document that starts as the path does, names mapped
/// over arrays, single results taken out of their array.
fn blink(text: &str, path: &JsonPath) -> Option<Json> {
    let segments = path.segments.as_ref()?;
    let document = Json::parse(text.as_bytes()).ok()?;
    let wants_array = matches!(segments.first(), Some(JsonSegment::Index(_) | JsonSegment::AnyIndex));
    match (&document, wants_array) {
        (Json::Array(_), true) | (Json::Object(_), false) => {}
        _ => return None,
    }
    let mut json = document;
    let mut i = 0;
    while i < segments.len() {
        if let JsonSegment::Member(name) = &segments[i] {
            json = blink_member(json, name)?;
            i += 1;
            continue;
        }
        // A run of brackets is one step: only its end result leaves the list.
        let mut items = vec![json];
        while let Some(segment @ (JsonSegment::Index(_) | JsonSegment::AnyIndex)) = segments.get(i) {
            items = blink_items(items, segment);
            i += 1;
        }
        json = match items.len() {
            0 => return None,
            1 => items.swap_remove(0),
            _ => Json::Array(items),
        };
    }
    Some(json)
}

fn blink_member(json: Json, name: &str) -> Option<Json> {
    match json {
        Json::Object(_) => json.get(name).cloned(),
        Json::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                match item.get(name) {
                    None | Some(Json::Null) => {}
                    Some(Json::Array(inner)) => out.extend(inner.iter().cloned()),
                    Some(other) => out.push(other.clone()),
                }
            }
            (!out.is_empty()).then_some(Json::Array(out))
        }
        _ => None,
    }
}

fn blink_items(from: Vec<Json>, segment: &JsonSegment) -> Vec<Json> {
    let mut out = Vec::new();
    for json in from {
        let Json::Array(mut items) = json else { continue };
        match segment {
            JsonSegment::Index(n) if (*n as usize) < items.len() => out.push(items.swap_remove(*n as usize)),
            JsonSegment::AnyIndex => out.append(&mut items),
            JsonSegment::Index(_) | JsonSegment::Member(_) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::test_paths::path;

    fn value_of(doc: &str, p: &str, rule: JsonRule) -> Option<String> {
        json_value(doc, &path(p), rule).or_null()
    }

    #[test]
    fn flink_json_value() {
        let v = |doc, p| value_of(doc, p, JsonRule::Flink);
        for (doc, p, want) in [
            (r#"{"a":1}"#, "$.a", Some("1")),
            (r#"{"a":null}"#, "$.a", None),
            (r#"{"a":1.50}"#, "$.a", Some("1.5")),
            (r#"{"a":""}"#, "$.a", Some("")),
            (r#"{"a":true}"#, "$.a", Some("true")),
            (r#"{"a":{"b":1}}"#, "$.a", None),
            (r#"{"a":[1,2]}"#, "$.a[1]", Some("2")),
            (r#"{"a":[1,2]}"#, "$.a[5]", None),
            (r#"{"a":[1,2]}"#, "$.a[*]", None),
            (r#"{"a":1}"#, "$", None),
            (r#""x""#, "$", Some("x")),
            ("not json", "$.a", None),
            (r#"{"a":1} trailing"#, "$.a", Some("1")),
            ("", "$.a", None),
            (r#"{"a":1,"a":2}"#, "$.a", Some("2")),
            (r#"{"a b":1}"#, "$['a b']", Some("1")),
        ] {
            assert_eq!(v(doc, p).as_deref(), want, "{doc} {p}");
        }
    }

    #[test]
    fn blink_json_value() {
        let v = |doc, p| value_of(doc, p, JsonRule::Blink);
        for (doc, p, want) in [
            (r#"{"a":{"b": 1.10}}"#, "$.a", Some(r#"{"b":1.1}"#)),
            (r#"{"a":[1,2]}"#, "$.a[*]", Some("[1,2]")),
            (r#"{"a":[1]}"#, "$.a[*]", Some("1")),
            (r#"{"a":[{"b":1},{"b":[2,3]},{"b":null},4]}"#, "$.a.b", Some("[1,2,3]")),
            (r#"{"a":[{"b":1}]}"#, "$.a.b", Some("[1]")),
            ("[1,2]", "$[1]", Some("2")),
            ("[1,2]", "$", None),
            (r#"{"a":1}"#, "$", Some(r#"{"a":1}"#)),
            ("5", "$", None),
            (r#"{"a":"5"}"#, "$.a.b", None),
        ] {
            assert_eq!(v(doc, p).as_deref(), want, "{doc} {p}");
        }
    }

    #[test]
    fn empty_and_error_differ() {
        let doc = r#"{"a":{"b":1},"n":null}"#;
        let kind = |p: &str| json_value(doc, &path(p), JsonRule::Flink);
        assert!(matches!(kind("$.x"), Outcome::Error(_)));
        assert_eq!(kind("lax $.x"), Outcome::Empty);
        assert!(matches!(kind("$.a"), Outcome::Error(_)));
        assert_eq!(kind("lax $.a"), Outcome::Empty);
        assert_eq!(kind("$.n"), Outcome::Empty);
        assert_eq!(kind("$.a.b"), Outcome::Value("1".into(), ScalarKind::Integer));
        assert_eq!(json_exists(doc, &path("$.n"), JsonRule::Flink), Ok(false));
        assert_eq!(json_exists(doc, &path("$.a"), JsonRule::Flink), Ok(true));
        assert!(json_exists(doc, &path("$.x"), JsonRule::Flink).is_err());
    }

    #[test]
    fn query_wraps() {
        let doc = r#"{"a":{"b":1, "c":"x"},"s":"x"}"#;
        let q = |p: &str, w| json_query(doc, &path(p), JsonRule::Flink, w).or_null();
        assert_eq!(q("$.a", Wrapper::None).as_deref(), Some(r#"{"b":1,"c":"x"}"#));
        assert_eq!(q("$.s", Wrapper::None), None);
        assert_eq!(q("$.s", Wrapper::Conditional).as_deref(), Some(r#"["x"]"#));
        assert_eq!(q("$.a", Wrapper::Unconditional).as_deref(), Some(r#"[{"b":1,"c":"x"}]"#));
    }
}
