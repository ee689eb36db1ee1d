//! JSON_OBJECT, JSON_ARRAY and JSON_STRING.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType as ArrowType;
use tidegate_core::{Error, Result, Scalar, SqlType};
use tidegate_formats::text::decimal::write_decimal;
use tidegate_formats::text::number::{write_double, write_float, write_integer};
use tidegate_formats::text::timestamp::{write_date, write_iso, write_time};

use super::kernel::{Arg, Kernel};
use super::value::{Value, scalar_at, texts};

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
