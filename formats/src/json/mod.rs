//! JSON: the scanner, the path program that reads single fields in one pass, the tree, and the
//! SQL functions over JSON text.

mod expected;
mod lanes;
mod nest;
pub mod number;
pub mod oracle;
pub mod program;
pub mod run;
pub mod scan;
mod shapes;
pub mod string;
mod token;
pub mod tree;
mod usual;

pub use oracle::{Outcome, ScalarKind, Wrapper, chain_text, json_exists, json_query, json_value};
pub use tree::Json;

#[cfg(test)]
pub(crate) mod test_paths {
    //! JSON paths for tests: `$.a['b c'][0][*]`, with an optional mode word.

    use tidegate_core::scan::{JsonMode, JsonPath, JsonSegment};

    pub(crate) fn path(text: &str) -> JsonPath {
        let (mode, rest) = match text.split_once(' ') {
            Some(("lax", rest)) => (Some(JsonMode::Lax), rest),
            Some(("strict", rest)) => (Some(JsonMode::Strict), rest),
            _ => (None, text),
        };
        JsonPath { text: text.to_owned(), mode, segments: rest.strip_prefix('$').and_then(segments) }
    }

    fn segments(mut rest: &str) -> Option<Vec<JsonSegment>> {
        let mut out = Vec::new();
        while !rest.is_empty() {
            if let Some(name) = rest.strip_prefix("['") {
                let (name, tail) = name.split_once("']")?;
                out.push(JsonSegment::Member(name.to_owned()));
                rest = tail;
            } else if let Some(index) = rest.strip_prefix('[') {
                let (index, tail) = index.split_once(']')?;
                out.push(if index == "*" { JsonSegment::AnyIndex } else { JsonSegment::Index(index.parse().ok()?) });
                rest = tail;
            } else {
                let name = rest.strip_prefix('.')?;
                let end = name.find(['.', '[']).unwrap_or(name.len());
                out.push(JsonSegment::Member(name[..end].to_owned()));
                rest = &name[end..];
            }
        }
        Some(out)
    }
}
