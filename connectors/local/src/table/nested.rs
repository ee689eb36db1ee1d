//! ROW, ARRAY and MAP as JSON text and back. Numbers are JSON numbers (DECIMAL as text, so that no
//! digit is lost), bytes are base64, times as in plain columns; a MAP is an object whose keys are the
//! text of its keys.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType as ArrowType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusqlite::types::{ToSqlOutput, Value as SqlValue, ValueRef};
use serde_json::{Map, Value};
use tidegate_core::{Error, Result, SqlType};

use super::cell::{self, ColumnBuilder};

/// The value of row `i`.
pub(super) fn to_json(column: &dyn Array, ty: &SqlType, i: usize) -> Value {
    if column.is_null(i) {
        return Value::Null;
    }
    match ty {
        SqlType::Row(fields) => {
            let row = column.as_struct();
            let object = fields.iter().zip(row.columns());
            Value::Object(object.map(|(f, c)| (f.name.clone(), to_json(c, &f.data_type.ty, i))).collect())
        }
        SqlType::Array(element) => {
            let items = column.as_list::<i32>().value(i);
            Value::Array((0..items.len()).map(|k| to_json(&items, &element.ty, k)).collect())
        }
        SqlType::Map(key, value) => {
            let entries = column.as_map().value(i);
            let (keys, values) = (entries.column(0), entries.column(1));
            let text = |k: usize| match to_json(keys, &key.ty, k) {
                Value::String(s) => s,
                other => other.to_string(),
            };
            Value::Object((0..entries.len()).map(|k| (text(k), to_json(values, &value.ty, k))).collect())
        }
        SqlType::Boolean => Value::Bool(column.as_boolean().value(i)),
        scalar => match cell::get(column, scalar, i) {
            ToSqlOutput::Borrowed(ValueRef::Integer(n)) => n.into(),
            ToSqlOutput::Borrowed(ValueRef::Real(d)) => {
                serde_json::Number::from_f64(d).map_or_else(|| Value::String(d.to_string()), Value::Number)
            }
            ToSqlOutput::Borrowed(ValueRef::Text(t)) => String::from_utf8_lossy(t).into_owned().into(),
            ToSqlOutput::Borrowed(ValueRef::Blob(b)) => BASE64.encode(b).into(),
            ToSqlOutput::Owned(SqlValue::Text(t)) => t.into(),
            _ => Value::Null,
        },
    }
}

/// The column of these values.
pub(super) fn from_json(values: &[Option<&Value>], ty: &SqlType) -> Result<ArrayRef> {
    let values: Vec<Option<&Value>> = values.iter().map(|v| v.filter(|v| !v.is_null())).collect();
    match ty {
        SqlType::Row(fields) => {
            let objects = each(&values, "an object", Value::as_object)?;
            let columns = fields
                .iter()
                .map(|f| {
                    let field: Vec<_> = objects.iter().map(|o| o.and_then(|o| o.get(&f.name))).collect();
                    from_json(&field, &f.data_type.ty)
                })
                .collect::<Result<Vec<_>>>()?;
            let ArrowType::Struct(arrow) = ty.to_arrow() else { return Err(Error::internal("a ROW is a struct")) };
            let nulls = NullBuffer::from_iter(objects.iter().map(Option::is_some));
            Ok(Arc::new(
                StructArray::try_new_with_length(arrow, columns, Some(nulls), values.len()).map_err(arrow_error)?,
            ))
        }
        SqlType::Array(element) => {
            let lists = each(&values, "an array", Value::as_array)?;
            let items: Vec<_> = lists.iter().flatten().flat_map(|l| l.iter().map(Some)).collect();
            let ArrowType::List(field) = ty.to_arrow() else { return Err(Error::internal("an ARRAY is a list")) };
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|l| l.map_or(0, Vec::len)));
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            let items = from_json(&items, &element.ty)?;
            Ok(Arc::new(ListArray::try_new(field, offsets, items, Some(nulls)).map_err(arrow_error)?))
        }
        SqlType::Map(key, value) => {
            map_from_json(&each(&values, "an object", Value::as_object)?, ty, &key.ty, &value.ty)
        }
        scalar => {
            let mut builder = ColumnBuilder::new(scalar);
            for v in values {
                push(&mut builder, v, scalar)?;
            }
            builder.finish()
        }
    }
}

fn map_from_json(
    objects: &[Option<&Map<String, Value>>],
    ty: &SqlType,
    key: &SqlType,
    value: &SqlType,
) -> Result<ArrayRef> {
    let ArrowType::Map(field, _) = ty.to_arrow() else { return Err(Error::internal("a MAP is a map")) };
    let ArrowType::Struct(entry) = field.data_type().clone() else {
        return Err(Error::internal("entries are structs"));
    };
    let mut keys = ColumnBuilder::new(key);
    let mut values = Vec::new();
    for (k, v) in objects.iter().flatten().flat_map(|o| o.iter()) {
        keys.push(ValueRef::Text(k.as_bytes()))?;
        values.push(Some(v));
    }
    let entries =
        StructArray::try_new(entry, vec![keys.finish()?, from_json(&values, value)?], None).map_err(arrow_error)?;
    let offsets = OffsetBuffer::from_lengths(objects.iter().map(|o| o.map_or(0, Map::len)));
    let nulls = NullBuffer::from_iter(objects.iter().map(Option::is_some));
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, Some(nulls), false).map_err(arrow_error)?))
}

fn each<'a, T: ?Sized>(
    values: &[Option<&'a Value>],
    what: &str,
    as_t: impl Fn(&'a Value) -> Option<&'a T>,
) -> Result<Vec<Option<&'a T>>> {
    values
        .iter()
        .map(|v| v.map(|v| as_t(v).ok_or_else(|| Error::user(format!("'{v}' is not {what}")))).transpose())
        .collect()
}

fn push(builder: &mut ColumnBuilder, value: Option<&Value>, ty: &SqlType) -> Result<()> {
    let number;
    let decoded;
    builder.push(match value {
        None | Some(Value::Null) => ValueRef::Null,
        Some(Value::Bool(b)) => ValueRef::Integer(i64::from(*b)),
        Some(Value::Number(n)) => match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => ValueRef::Integer(i),
            (None, Some(d)) => ValueRef::Real(d),
            (None, None) => {
                number = n.to_string();
                ValueRef::Text(number.as_bytes())
            }
        },
        Some(Value::String(s)) if ty.is_bytes() => {
            decoded = BASE64.decode(s).map_err(|e| Error::user(format!("'{s}' is not base64: {e}")))?;
            ValueRef::Blob(&decoded)
        }
        Some(Value::String(s)) => ValueRef::Text(s.as_bytes()),
        Some(other) => return Err(Error::user(format!("'{other}' does not fit {ty}"))),
    })
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn arrow_error(e: arrow_schema::ArrowError) -> Error {
    Error::internal(format!("column: {e}"))
}
