//! ARRAY, MAP and ROW.

use std::sync::Arc;

use arrow_array::builder::NullBufferBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, MapArray, StructArray, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as ArrowType;
use tidegate_core::{Error, Result, SqlType};

use super::compare::equal_scalars;
use super::kernel::{Arg, Call, Kernel};
use super::value::{Value, arrow, integers};

/// `array[n]` from 1 and `map[key]`: NULL where there is no such element.
pub(super) fn element(args: &[Arg]) -> Result<Kernel> {
    match args[0].ty() {
        SqlType::Array(_) => Ok(Box::new(|call| {
            let list = call.args[0].expand(call.rows)?;
            let list = list.as_list::<i32>();
            let index = call.integers(1)?;
            pick(list.values(), call.rows, |i| {
                let n = index.get(i)?;
                let (from, to) = (i64::from(list.offsets()[i]), i64::from(list.offsets()[i + 1]));
                (list.is_valid(i) && n >= 1 && n <= to - from).then(|| (from + n - 1) as usize)
            })
        })),
        SqlType::Map(..) => Ok(Box::new(|call| {
            let map = call.args[0].expand(call.rows)?;
            let map = map.as_map();
            let wanted: &Value = &call.args[1];
            pick(map.values(), call.rows, |i| {
                let key = if wanted.constant { 0 } else { i };
                if map.is_null(i) || wanted.array.is_null(key) {
                    return None;
                }
                let (from, to) = (map.offsets()[i] as usize, map.offsets()[i + 1] as usize);
                // The last of equal keys, as putting them into a map one by one would leave.
                (from..to).rev().find(|k| equal_scalars(map.keys().as_ref(), *k, wanted.array.as_ref(), key))
            })
        })),
        other => Err(Error::user(format!("{other} has no elements")).help("only ARRAY and MAP can be subscripted")),
    }
}

fn pick(values: &ArrayRef, rows: usize, f: impl FnMut(usize) -> Option<usize>) -> Result<ArrayRef> {
    let indices: arrow_array::UInt32Array = (0..rows).map(f).map(|at| at.map(|a| a as u32)).collect();
    arrow_select::take::take(values, &indices, None).map_err(arrow)
}

/// CARDINALITY
pub(super) fn cardinality() -> Kernel {
    Box::new(|call| {
        let array = call.args[0].expand(call.rows)?;
        let offsets: Vec<i32> = match array.data_type() {
            ArrowType::List(_) => array.as_list::<i32>().offsets().to_vec(),
            ArrowType::Map(..) => array.as_map().offsets().to_vec(),
            other => return Err(Error::internal(format!("CARDINALITY of {other}"))),
        };
        integers(call.ty, call.rows, |i| array.is_valid(i).then(|| i64::from(offsets[i + 1] - offsets[i])))
    })
}

/// All arguments of a row one after the other: value `k` of row `i` at `i * width + k`.
fn interleaved(call: &Call<'_>, args: &[usize], ty: &ArrowType) -> Result<ArrayRef> {
    let mut arrays = Vec::with_capacity(args.len());
    for at in args {
        let value = &call.args[*at];
        arrays.push(match value.array.data_type() {
            ArrowType::Null => new_null_array(ty, value.array.len()),
            _ => Arc::clone(&value.array),
        });
    }
    if arrays.is_empty() || call.rows == 0 {
        return Ok(new_null_array(ty, 0));
    }
    let mut source = Vec::with_capacity(call.rows * args.len());
    for row in 0..call.rows {
        for (k, at) in args.iter().enumerate() {
            source.push((k, if call.args[*at].constant { 0 } else { row }));
        }
    }
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    arrow_select::interleave::interleave(&arrays, &source).map_err(arrow)
}

/// ARRAY[…]
pub(super) fn array_of(to: &SqlType) -> Result<Kernel> {
    let ArrowType::List(field) = to.to_arrow() else { return Err(Error::internal("ARRAY[…] gives an ARRAY")) };
    Ok(Box::new(move |call| {
        let width = call.args.len();
        let all: Vec<usize> = (0..width).collect();
        let values = interleaved(call, &all, field.data_type())?;
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, call.rows));
        Ok(Arc::new(ListArray::try_new(Arc::clone(&field), offsets, values, None).map_err(arrow)?))
    }))
}

/// MAP[k, v, …]
pub(super) fn map_of(to: &SqlType) -> Result<Kernel> {
    let ArrowType::Map(field, _) = to.to_arrow() else { return Err(Error::internal("MAP[…] gives a MAP")) };
    Ok(Box::new(move |call| {
        let ArrowType::Struct(fields) = field.data_type() else { return Err(Error::internal("entries are a struct")) };
        let keys: Vec<usize> = (0..call.args.len()).step_by(2).collect();
        let items: Vec<usize> = (1..call.args.len()).step_by(2).collect();
        let columns =
            vec![interleaved(call, &keys, fields[0].data_type())?, interleaved(call, &items, fields[1].data_type())?];
        let entries = StructArray::try_new(fields.clone(), columns, None).map_err(arrow)?;
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(keys.len(), call.rows));
        Ok(Arc::new(MapArray::try_new(Arc::clone(&field), offsets, entries, None, false).map_err(arrow)?))
    }))
}

/// ROW(…)
pub(super) fn row_of(to: &SqlType) -> Result<Kernel> {
    let ArrowType::Struct(fields) = to.to_arrow() else { return Err(Error::internal("ROW(…) gives a ROW")) };
    Ok(Box::new(move |call| {
        let mut columns = Vec::with_capacity(fields.len());
        for (value, field) in call.args.iter().zip(fields.iter()) {
            columns.push(match value.array.data_type() {
                ArrowType::Null => new_null_array(field.data_type(), call.rows),
                _ => value.expand(call.rows)?,
            });
        }
        if columns.is_empty() {
            let mut nulls = NullBufferBuilder::new(call.rows);
            nulls.append_n_non_nulls(call.rows);
            return Ok(Arc::new(StructArray::new_empty_fields(call.rows, nulls.finish())));
        }
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, None).map_err(arrow)?))
    }))
}
