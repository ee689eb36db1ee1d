//! JSON functions: reading through `tidegate_formats::json`, and building.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use tidegate_core::scan::JsonRule;
use tidegate_core::{Error, Result, Scalar, SqlType};
use tidegate_formats::json::oracle::{self, Outcome, ScalarKind, Wrapper};
use tidegate_formats::text::decimal::write_decimal;
use tidegate_formats::text::number::{write_double, write_float, write_integer};
use tidegate_formats::text::timestamp::{write_date, write_iso, write_time};
use tidegate_plan::{JsonCall, JsonCallKind, JsonKind, JsonWrapper, OnJson};

use super::kernel::{Arg, Call, Kernel};
use super::value::{Bytes, Texts, Value, booleans, doubles, integers, scalar_at, texts};

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

/// Appends a JSON string.
fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, b) in text.bytes().enumerate() {
        let escape: &str = match b {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{b:04X}"));
        } else {
            out.push_str(escape);
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

/// Appends a value as JSON: numbers plain, times as ISO text, collections nested.
fn write_value(out: &mut String, array: &dyn Array, at: usize, ty: &SqlType) {
    if array.data_type() == &ArrowType::Null || array.is_null(at) {
        return out.push_str("null");
    }
    match ty {
        SqlType::Array(element) => {
            let items = array.as_list::<i32>().value(at);
            out.push('[');
            for k in 0..items.len() {
                comma(out, k);
                write_value(out, items.as_ref(), k, &element.ty);
            }
            return out.push(']');
        }
        SqlType::Map(key, item) => {
            let entries = array.as_map().value(at);
            out.push('{');
            for k in 0..entries.len() {
                comma(out, k);
                write_key(out, entries.column(0).as_ref(), k, &key.ty);
                write_value(out, entries.column(1).as_ref(), k, &item.ty);
            }
            return out.push('}');
        }
        SqlType::Row(fields) => {
            out.push('{');
            for (k, field) in fields.iter().enumerate() {
                comma(out, k);
                write_string(out, &field.name);
                out.push(':');
                write_value(out, array.as_struct().column(k).as_ref(), at, &field.data_type.ty);
            }
            return out.push('}');
        }
        _ => {}
    }
    match (scalar_at(array, at), ty) {
        (None | Some(Scalar::Null), _) => out.push_str("null"),
        (Some(Scalar::Bool(b)), _) => out.push_str(if b { "true" } else { "false" }),
        (Some(Scalar::Int(days)), SqlType::Date) => quoted(out, |o| write_date(o, days)),
        (Some(Scalar::Int(ms)), SqlType::Time(p)) => quoted(out, |o| write_time(o, ms * 1000, *p)),
        (Some(Scalar::Int(n)), _) => write_integer(out, n),
        (Some(Scalar::Double(d)), SqlType::Float) => write_float(out, d as f32),
        (Some(Scalar::Double(d)), _) => write_double(out, d),
        (Some(Scalar::Decimal(d)), SqlType::Decimal(_, s)) => write_decimal(out, d, *s),
        (Some(Scalar::Decimal(d)), _) => write_decimal(out, d, 0),
        (Some(Scalar::Text(t)), _) => write_string(out, &t),
        (Some(Scalar::Bytes(b)), _) => {
            use base64::Engine as _;
            quoted(out, |o| base64::engine::general_purpose::STANDARD.encode_string(&b, o));
        }
        (Some(Scalar::Micros(us)), SqlType::TimestampLtz(_)) => quoted(out, |o| {
            write_iso(o, us);
            o.push('Z');
        }),
        (Some(Scalar::Micros(us)), _) => quoted(out, |o| write_iso(o, us)),
    }
}

fn write_key(out: &mut String, array: &dyn Array, at: usize, ty: &SqlType) {
    let mut key = String::new();
    write_value(&mut key, array, at, ty);
    if key.starts_with('"') {
        out.push_str(&key);
    } else {
        write_string(out, &key);
    }
    out.push(':');
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

fn comma(out: &mut String, k: usize) {
    if k > 0 {
        out.push(',');
    }
}

/// A value argument of JSON_OBJECT and JSON_ARRAY.
struct Part {
    ty: SqlType,
    /// Built by a JSON function: goes in as it is.
    is_json: bool,
}

impl Part {
    fn of(arg: &Arg) -> Part {
        Part { ty: arg.ty().clone(), is_json: arg.is_json }
    }
    fn is_null(&self, value: &Value, row: usize) -> bool {
        value.array.data_type() == &ArrowType::Null || value.array.is_null(if value.constant { 0 } else { row })
    }
    fn write(&self, out: &mut String, value: &Value, row: usize) {
        let at = if value.constant { 0 } else { row };
        match (self.is_json, scalar_at(value.array.as_ref(), at)) {
            (true, Some(Scalar::Text(json))) => out.push_str(&json),
            _ => write_value(out, value.array.as_ref(), at, &self.ty),
        }
    }
}

/// JSON_STRING(value)
pub(super) fn json_string(args: &[Arg]) -> Result<Kernel> {
    let part = Part { ty: args[0].ty().clone(), is_json: false };
    Ok(Box::new(move |call| {
        let value = &call.args[0];
        Ok(texts(call.rows, |i, out| {
            if part.is_null(value, i) {
                return false;
            }
            part.write(out, value, i);
            true
        }))
    }))
}

/// JSON_OBJECT: keys and values in turn.
pub(super) fn object(absent_on_null: bool, args: &[Arg]) -> Result<Kernel> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::user("JSON_OBJECT needs a value for every key"));
    }
    let parts: Vec<Part> = args.iter().map(Part::of).collect();
    Ok(Box::new(move |call| {
        let problems = &mut *call.problems;
        let args = call.args;
        Ok(texts(call.rows, |i, out| {
            out.push('{');
            for k in (0..parts.len()).step_by(2) {
                let absent = absent_on_null && parts[k + 1].is_null(&args[k + 1], i);
                if absent {
                    continue;
                }
                if parts[k].is_null(&args[k], i) {
                    problems.fail(i, "NullPointerException", "a key of JSON_OBJECT is NULL");
                    return false;
                }
                if out.len() > 1 {
                    out.push(',');
                }
                parts[k].write(out, &args[k], i);
                out.push(':');
                parts[k + 1].write(out, &args[k + 1], i);
            }
            out.push('}');
            true
        }))
    }))
}

/// JSON_ARRAY
pub(super) fn array(absent_on_null: bool, args: &[Arg]) -> Result<Kernel> {
    let parts: Vec<Part> = args.iter().map(Part::of).collect();
    Ok(Box::new(move |call| {
        let args = call.args;
        Ok(texts(call.rows, |i, out| {
            out.push('[');
            for (part, value) in parts.iter().zip(args) {
                if absent_on_null && part.is_null(value, i) {
                    continue;
                }
                if out.len() > 1 {
                    out.push(',');
                }
                part.write(out, value, i);
            }
            out.push(']');
            true
        }))
    }))
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
