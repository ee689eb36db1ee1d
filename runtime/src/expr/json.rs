//! JSON functions that read, through `tidegate_formats::json`.

use std::borrow::Cow;

use arrow_array::ArrayRef;
use arrow_schema::DataType as ArrowType;
use tidegate_core::scan::JsonRule;
use tidegate_core::{Error, Result, Scalar, SqlType};
use tidegate_formats::json::oracle::{self, Outcome, ScalarKind, Wrapper};
use tidegate_plan::{JsonCall, JsonCallKind, JsonKind, JsonWrapper, OnJson};

use super::kernel::{Call, Kernel};
use super::value::{Value, booleans, doubles, integers, scalar_at, texts};
use super::view::{Bytes, Texts};

/// What stands for a value that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instead {
    Null,
    Error,
    /// The argument at this index.
    Argument(usize),
}

/// JSON_VALUE, JSON_QUERY, JSON_EXISTS. Arguments: the text, then the defaults that are expressions.
pub(super) fn compile(call: &JsonCall, to: &SqlType) -> Result<Kernel> {
    let mut next = 1;
    let mut instead = |on: &OnJson| match on {
        OnJson::Null => Instead::Null,
        OnJson::Error => Instead::Error,
        OnJson::Default(_) => {
            next += 1;
            Instead::Argument(next - 1)
        }
    };
    let (path, rule) = (call.path.clone(), call.rule);
    match &call.kind {
        JsonCallKind::Value { on_empty, on_error } => {
            let (empty, error) = (instead(on_empty), instead(on_error));
            let to = to.clone();
            Ok(Box::new(move |call| value_of(call, rule, &to, empty, error, &|t| oracle::json_value(t, &path, rule))))
        }
        JsonCallKind::Query { wrapper, on_empty, on_error } => {
            let (empty, error) = (instead(on_empty), instead(on_error));
            let wrapper = match wrapper {
                JsonWrapper::Without => Wrapper::None,
                JsonWrapper::Conditional => Wrapper::Conditional,
                JsonWrapper::Unconditional => Wrapper::Unconditional,
            };
            Ok(Box::new(move |call| {
                value_of(call, rule, &SqlType::STRING, empty, error, &|t| oracle::json_query(t, &path, rule, wrapper))
            }))
        }
        JsonCallKind::Exists { on_error } => {
            let error = instead(on_error);
            Ok(Box::new(move |call| {
                let input = Documents::of(call, rule)?;
                let default = if let Instead::Argument(at) = error { Some(call.booleans(at)?) } else { None };
                let problems = &mut *call.problems;
                Ok(booleans(call.rows, |i| match oracle::json_exists(&input.get(i)?, &path, rule) {
                    Ok(found) => Some(found),
                    Err(reason) if error == Instead::Error => {
                        problems.fail(i, "TableRuntimeException", reason);
                        None
                    }
                    Err(_) => default.as_ref().and_then(|d| d.get(i)),
                }))
            }))
        }
    }
}

fn value_of(
    call: &mut Call<'_>,
    rule: JsonRule,
    to: &SqlType,
    empty: Instead,
    error: Instead,
    read: &dyn Fn(&str) -> Outcome,
) -> Result<ArrayRef> {
    let input = Documents::of(call, rule)?;
    let mut found: Vec<Option<Scalar>> = Vec::with_capacity(call.rows);
    for i in 0..call.rows {
        let Some(text) = input.get(i) else {
            found.push(None);
            continue;
        };
        let (instead, reason) = match read(&text) {
            Outcome::Value(value, kind) => {
                let converted = returning(value, kind, to);
                if let Err(reason) = &converted {
                    call.problems.fail(i, "ClassCastException", reason.clone());
                }
                found.push(converted.ok());
                continue;
            }
            Outcome::Empty => (empty, "the JSON path finds nothing".to_string()),
            Outcome::Error(reason) => (error, reason),
        };
        found.push(match instead {
            Instead::Null => None,
            Instead::Error => {
                call.problems.fail(i, "TableRuntimeException", reason);
                None
            }
            Instead::Argument(at) => default_at(&call.args[at], i),
        });
    }
    build(&found, to)
}

fn default_at(value: &Value, row: usize) -> Option<Scalar> {
    scalar_at(value.array.as_ref(), if value.constant { 0 } else { row })
}

/// The documents of a call. BYTES are UTF-8 text to Blink and never JSON to Flink (NULL).
enum Documents<'a> {
    Text(Texts<'a>),
    Bytes(Bytes<'a>),
    Never,
}

impl<'a> Documents<'a> {
    fn of(call: &Call<'a>, rule: JsonRule) -> Result<Documents<'a>> {
        Ok(match (call.args[0].array.data_type(), rule) {
            (ArrowType::Binary, JsonRule::Blink) => Documents::Bytes(call.bytes(0)?),
            (ArrowType::Binary, JsonRule::Flink) => Documents::Never,
            _ => Documents::Text(call.texts(0)?),
        })
    }
    fn get(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Documents::Text(texts) => texts.get(row).map(Cow::Borrowed),
            Documents::Bytes(bytes) => bytes.get(row).map(String::from_utf8_lossy),
            Documents::Never => None,
        }
    }
}

/// RETURNING: a value of another kind is an error, as Flink's cast of it is.
fn returning(value: String, kind: ScalarKind, to: &SqlType) -> std::result::Result<Scalar, String> {
    let wrong = |value: &str| format!("JSON_VALUE found '{value}', which is not {to}");
    match to {
        t if t.is_text() => Ok(Scalar::Text(value)),
        SqlType::Boolean if kind == ScalarKind::Boolean => Ok(Scalar::Bool(value == "true")),
        t if t.is_integer() && kind == ScalarKind::Integer => {
            let range = tidegate_formats::text::cast::integer_range(t);
            let number = value.parse::<i64>().ok().filter(|n| range.is_some_and(|(low, high)| *n >= low && *n <= high));
            number.map(Scalar::Int).ok_or_else(|| wrong(&value))
        }
        t if t.is_approximate() && kind == ScalarKind::Double => {
            value.parse().map(Scalar::Double).map_err(|_| wrong(&value))
        }
        _ => Err(wrong(&value)),
    }
}

fn build(found: &[Option<Scalar>], to: &SqlType) -> Result<ArrayRef> {
    let rows = found.len();
    let integer = |i: usize| if let Some(Scalar::Int(n)) = &found[i] { Some(*n) } else { None };
    Ok(match to {
        SqlType::Boolean => booleans(rows, |i| if let Some(Scalar::Bool(b)) = &found[i] { Some(*b) } else { None }),
        t if t.is_integer() => integers(t, rows, integer)?,
        t if t.is_approximate() => doubles(t, rows, |i| match &found[i] {
            Some(Scalar::Double(d)) => Some(*d),
            Some(Scalar::Int(n)) => Some(*n as f64),
            _ => None,
        }),
        t if t.is_text() => texts(rows, |i, out| {
            if let Some(Scalar::Text(t)) = &found[i] {
                out.push_str(t);
                true
            } else {
                false
            }
        }),
        other => return Err(Error::user(format!("JSON functions cannot return {other}"))),
    })
}

/// `x IS JSON …`
pub(super) fn is_json(kind: JsonKind) -> Kernel {
    Box::new(move |call| {
        let input = call.texts(0)?;
        Ok(booleans(call.rows, |i| {
            let text = input.get(i)?;
            if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
                return Some(false);
            }
            let first = text.trim_start().bytes().next();
            Some(match kind {
                JsonKind::Value => true,
                JsonKind::Object => first == Some(b'{'),
                JsonKind::Array => first == Some(b'['),
                JsonKind::Scalar => !matches!(first, Some(b'{' | b'[')),
            })
        }))
    })
}
