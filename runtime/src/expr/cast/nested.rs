//! Casts of ARRAY, MAP and ROW: element by element, or to text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray};
use arrow_schema::DataType as ArrowType;
use tidegate_core::scan::{CastFlavor, CastRule};
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::cast::{fit_text, write_scalar};
use tidegate_formats::text::zone::Zone;

use super::super::kernel::{Call, Kernel, Problems};
use super::super::value::{Value, arrow, scalar_at, texts};

/// A collection as text.
pub(super) fn to_text(from: SqlType, to: SqlType, flavor: CastFlavor, zone: Zone) -> Kernel {
    Box::new(move |call| {
        let value = &call.args[0];
        Ok(texts(call.rows, |i, out| {
            let at = if value.constant { 0 } else { i };
            if value.array.is_null(at) {
                return false;
            }
            write_value(out, value.array.as_ref(), at, &from, flavor, &zone);
            let fitted = fit_text(out, &to).into_owned();
            *out = fitted;
            true
        }))
    })
}

/// `[1, 2]`, `{k=v}`, `(1, a)`; inside, NULL is `NULL`.
fn write_value(out: &mut String, array: &dyn Array, at: usize, ty: &SqlType, flavor: CastFlavor, zone: &Zone) {
    if array.is_null(at) || array.data_type() == &ArrowType::Null {
        return out.push_str("NULL");
    }
    match ty {
        SqlType::Array(element) => {
            let items = array.as_list::<i32>().value(at);
            out.push('[');
            for k in 0..items.len() {
                separate(out, k);
                write_value(out, items.as_ref(), k, &element.ty, flavor, zone);
            }
            out.push(']');
        }
        SqlType::Map(key, item) => {
            let entries = array.as_map().value(at);
            out.push('{');
            for k in 0..entries.len() {
                separate(out, k);
                write_value(out, entries.column(0).as_ref(), k, &key.ty, flavor, zone);
                out.push('=');
                write_value(out, entries.column(1).as_ref(), k, &item.ty, flavor, zone);
            }
            out.push('}');
        }
        SqlType::Row(fields) => {
            let row = array.as_struct();
            out.push('(');
            for (k, field) in fields.iter().enumerate() {
                separate(out, k);
                write_value(out, row.column(k).as_ref(), at, &field.data_type.ty, flavor, zone);
            }
            out.push(')');
        }
        scalar => {
            if let Some(value) = scalar_at(array, at) {
                write_scalar(out, &value, scalar, flavor, zone);
            }
        }
    }
}

fn separate(out: &mut String, k: usize) {
    if k > 0 {
        out.push_str(", ");
    }
}

/// A collection to one of the same shape.
pub(super) fn elements(from: &SqlType, to: &SqlType, rule: CastRule, zone: &str) -> Result<Kernel> {
    let target = to.to_arrow();
    match (from, to) {
        (SqlType::Array(a), SqlType::Array(b)) => {
            let item = super::compile(&a.ty, &b.ty, rule, zone)?;
            let ty = b.ty.clone();
            Ok(Box::new(move |call| {
                let list = whole(call)?;
                let list = list.as_list::<i32>();
                let ArrowType::List(field) = &target else { return Err(Error::internal("an ARRAY is a list")) };
                let values = inner(call, &item, list.values(), &ty, list.offsets())?;
                let array =
                    ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned());
                Ok(Arc::new(array.map_err(arrow)?))
            }))
        }
        (SqlType::Map(k1, v1), SqlType::Map(k2, v2)) => {
            let keys = super::compile(&k1.ty, &k2.ty, rule, zone)?;
            let items = super::compile(&v1.ty, &v2.ty, rule, zone)?;
            let (key_type, item_type) = (k2.ty.clone(), v2.ty.clone());
            Ok(Box::new(move |call| {
                let map = whole(call)?;
                let map = map.as_map();
                let ArrowType::Map(field, _) = &target else { return Err(Error::internal("a MAP is a map")) };
                let ArrowType::Struct(fields) = field.data_type() else {
                    return Err(Error::internal("entries are a struct"));
                };
                let new_keys = inner(call, &keys, map.keys(), &key_type, map.offsets())?;
                let new_items = inner(call, &items, map.values(), &item_type, map.offsets())?;
                let entries = StructArray::try_new(fields.clone(), vec![new_keys, new_items], None).map_err(arrow)?;
                let array =
                    MapArray::try_new(Arc::clone(field), map.offsets().clone(), entries, map.nulls().cloned(), false);
                Ok(Arc::new(array.map_err(arrow)?))
            }))
        }
        (SqlType::Row(a), SqlType::Row(b)) if a.len() == b.len() => {
            let mut kernels = Vec::with_capacity(a.len());
            for (x, y) in a.iter().zip(b) {
                kernels.push((super::compile(&x.data_type.ty, &y.data_type.ty, rule, zone)?, y.data_type.ty.clone()));
            }
            Ok(Box::new(move |call| {
                let array = whole(call)?;
                let row = array.as_struct();
                let ArrowType::Struct(fields) = &target else { return Err(Error::internal("a ROW is a struct")) };
                let mut columns = Vec::with_capacity(kernels.len());
                for (i, (kernel, ty)) in kernels.iter().enumerate() {
                    let args = [Value::column(Arc::clone(row.column(i)))];
                    let nested =
                        &mut Call { args: &args, rows: row.len(), ty, context: call.context, problems: call.problems };
                    columns.push(kernel(nested)?);
                }
                Ok(Arc::new(StructArray::try_new(fields.clone(), columns, row.nulls().cloned()).map_err(arrow)?))
            }))
        }
        _ => Err(Error::user(format!("{from} cannot be cast to {to}"))),
    }
}

fn whole(call: &Call<'_>) -> Result<ArrayRef> {
    call.args[0].expand(call.rows)
}

/// Casts the elements; problems are those of the row that holds the element.
fn inner(call: &mut Call<'_>, kernel: &Kernel, values: &ArrayRef, ty: &SqlType, offsets: &[i32]) -> Result<ArrayRef> {
    let args = [Value::column(Arc::clone(values))];
    let mut problems = Problems::default();
    let nested = &mut Call { args: &args, rows: values.len(), ty, context: call.context, problems: &mut problems };
    let out = kernel(nested)?;
    let row_of =
        |at: usize| offsets.partition_point(|o| *o as usize <= at).saturating_sub(1).min(call.rows.saturating_sub(1));
    for (at, class, reason) in problems.errors {
        call.problems.fail(row_of(at), class, reason);
    }
    if let Some((count, first)) = problems.nulls {
        for _ in 0..count {
            call.problems.count_null(row_of(first));
        }
    }
    Ok(out)
}
