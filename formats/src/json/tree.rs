//! A JSON document as a tree: for what needs all of a value (containers as text, nested columns,
//! the oracle), not for the hot path.

use super::scan::{Broken, Kind, MAX_DEPTH, Scanner, Token, What};
use super::string::{Escapes, quote, unescape};

/// A JSON value. Objects keep the place of a name's first and the value of its last appearance.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// An unfinished container.
enum Open {
    Array(Vec<Json>),
    Object(Vec<(String, Json)>, String),
}

impl Json {
    /// The first value in `data`; what follows it is not looked at.
    ///
    /// # Errors
    /// Where it is not JSON or nested too deep.
    pub fn parse(data: &[u8]) -> Result<Json, Broken> {
        let mut s = Scanner::new(data);
        s.blanks();
        let mut open: Vec<Open> = Vec::new();
        'value: loop {
            let mut done = match s.peek() {
                b'{' => {
                    deeper(&s, &open)?;
                    s.pos += 1;
                    s.blanks();
                    if s.peek() == b'}' {
                        s.pos += 1;
                        Json::Object(Vec::new())
                    } else {
                        let name = name(&mut s)?;
                        open.push(Open::Object(Vec::new(), name));
                        continue 'value;
                    }
                }
                b'[' => {
                    deeper(&s, &open)?;
                    s.pos += 1;
                    s.blanks();
                    if s.peek() == b']' {
                        s.pos += 1;
                        Json::Array(Vec::new())
                    } else {
                        open.push(Open::Array(Vec::new()));
                        continue 'value;
                    }
                }
                _ => scalar(data, s.skip(0)?),
            };
            loop {
                let Some(top) = open.last_mut() else { return Ok(done) };
                s.blanks();
                match top {
                    Open::Array(items) => {
                        items.push(done);
                        if s.peek() == b',' {
                            s.pos += 1;
                            s.blanks();
                            continue 'value;
                        }
                        s.expect(b']')?;
                        done = Json::Array(std::mem::take(items));
                    }
                    Open::Object(members, current) => {
                        members.push((std::mem::take(current), done));
                        if s.peek() == b',' {
                            s.pos += 1;
                            s.blanks();
                            *current = name(&mut s)?;
                            continue 'value;
                        }
                        s.expect(b'}')?;
                        done = Json::Object(last_wins(std::mem::take(members)));
                    }
                }
                open.pop();
            }
        }
    }

    /// A scanned value as a tree.
    ///
    /// # Errors
    /// Where a container does not parse; the scanner has checked it, so it does.
    pub fn of_token(data: &[u8], token: Token) -> Result<Json, Broken> {
        match token.kind {
            Kind::Object | Kind::Array => Json::parse(&data[token.start..token.end]),
            _ => Ok(scalar(data, token)),
        }
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Whether this is neither object nor array.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Json::Array(_) | Json::Object(_))
    }

    /// Compact text, numbers as Java prints them.
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.print(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Recursion is bounded by [`MAX_DEPTH`].
    fn print(&self, out: &mut Vec<u8>) {
        match self {
            Json::Null => out.extend_from_slice(b"null"),
            Json::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
            Json::Number(n) => {
                let text = super::number::java_text(n);
                // Jackson quotes what is no JSON number.
                if text.ends_with('y') {
                    quote(&text, Escapes::Few, out);
                } else {
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Json::Text(t) => quote(t, Escapes::Few, out),
            Json::Array(items) => {
                out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    item.print(out);
                }
                out.push(b']');
            }
            Json::Object(members) => {
                out.push(b'{');
                for (i, (name, value)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    quote(name, Escapes::Few, out);
                    out.push(b':');
                    value.print(out);
                }
                out.push(b'}');
            }
        }
    }
}

fn deeper(s: &Scanner<'_>, open: &[Open]) -> Result<(), Broken> {
    if open.len() >= MAX_DEPTH {
        return Err(Broken { at: s.pos, what: What::Depth });
    }
    Ok(())
}

/// A member name with its colon.
fn name(s: &mut Scanner<'_>) -> Result<String, Broken> {
    if s.peek() != b'"' {
        return Err(s.broken());
    }
    let token = s.string()?;
    s.blanks();
    s.expect(b':')?;
    s.blanks();
    Ok(text(s.data, token))
}

/// The text of a string token; what is not UTF-8 becomes U+FFFD, as Java decodes bytes.
pub(crate) fn text(data: &[u8], token: Token) -> String {
    let inside = &data[token.start..token.end];
    if token.kind != Kind::Escaped {
        return String::from_utf8_lossy(inside).into_owned();
    }
    let mut out = Vec::with_capacity(inside.len());
    unescape(inside, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn scalar(data: &[u8], token: Token) -> Json {
    match token.kind {
        Kind::True => Json::Bool(true),
        Kind::False => Json::Bool(false),
        Kind::Int | Kind::Float => Json::Number(String::from_utf8_lossy(&data[token.start..token.end]).into_owned()),
        Kind::Text | Kind::Escaped => Json::Text(text(data, token)),
        Kind::Missing | Kind::Null | Kind::Object | Kind::Array | Kind::Bad => Json::Null,
    }
}

/// One entry a name: at the place of the first, with the value of the last.
fn last_wins(members: Vec<(String, Json)>) -> Vec<(String, Json)> {
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::with_capacity(members.len());
    let mut out: Vec<(String, Json)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        match seen.get(&name) {
            Some(at) => out[*at].1 = value,
            None => {
                seen.insert(name.clone(), out.len());
                out.push((name, value));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap().to_text()
    }

    #[test]
    fn text_is_compact_and_javas() {
        assert_eq!(
            again(r#" {"b": 1.50, "a" :[1e3 ,"x\n", null,true] , "b":2} x"#),
            r#"{"b":2,"a":[1000.0,"x\n",null,true]}"#
        );
        assert_eq!(again("[ ]"), "[]");
        assert_eq!(again(r#"{"a":1e400,"b":-0}"#), r#"{"a":"Infinity","b":0}"#);
    }

    #[test]
    fn depth_and_damage() {
        assert_eq!(Json::parse("[".repeat(100_000).as_bytes()).unwrap_err().what, What::Depth);
        assert!(Json::parse(("[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH)).as_bytes()).is_ok());
        for bad in ["", "{\"a\":1", "[1 2]", "{\"a\" 1}", "{1:2}"] {
            assert!(Json::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
