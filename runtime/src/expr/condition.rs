//! IN lists and fields of rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::NullBuffer;
use tidegate_core::{Error, Result, Scalar, SqlType};

use super::kernel::Kernel;
use super::value::{arrow, booleans};

/// `a IN (values)`: NULL where the operand is NULL, or where it is not found and a value is NULL.
pub(super) fn is_in(values: &[Scalar], negated: bool, ty: &SqlType) -> Result<Kernel> {
    let has_null = values.iter().any(Scalar::is_null);
    let answer = move |found: bool| match (found, has_null) {
        (false, true) => None,
        (found, _) => Some(found != negated),
    };
    if ty.is_text() {
        let texts = values.iter().filter_map(|v| if let Scalar::Text(t) = v { Some(t.clone()) } else { None });
        let texts: HashSet<String, foldhash::fast::RandomState> = texts.collect();
        return Ok(Box::new(move |call| {
            let input = call.texts(0)?;
            Ok(booleans(call.rows, |i| answer(texts.contains(input.get(i)?))))
        }));
    }
    if ty.is_approximate() {
        let numbers: Vec<f64> = values.iter().filter_map(as_double).collect();
        return Ok(Box::new(move |call| {
            let input = call.doubles(0)?;
            Ok(booleans(call.rows, |i| {
                let x = input.get(i)?;
                answer(numbers.contains(&x))
            }))
        }));
    }
    if let SqlType::Decimal(_, scale) = ty {
        let numbers: Vec<i128> = values.iter().filter_map(|v| as_decimal(v, *scale)).collect();
        return Ok(Box::new(move |call| {
            let input = call.decimals(0)?;
            Ok(booleans(call.rows, |i| {
                let x = input.get(i)?;
                answer(numbers.contains(&x))
            }))
        }));
    }
    match ty {
        SqlType::Boolean => {
            let all: Vec<bool> =
                values.iter().filter_map(|v| if let Scalar::Bool(b) = v { Some(*b) } else { None }).collect();
            Ok(Box::new(move |call| {
                let input = call.booleans(0)?;
                Ok(booleans(call.rows, |i| {
                    let x = input.get(i)?;
                    answer(all.contains(&x))
                }))
            }))
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) => {
            let all: Vec<Vec<u8>> =
                values.iter().filter_map(|v| if let Scalar::Bytes(b) = v { Some(b.clone()) } else { None }).collect();
            Ok(Box::new(move |call| {
                let input = call.bytes(0)?;
                Ok(booleans(call.rows, |i| {
                    let x = input.get(i)?;
                    answer(all.iter().any(|v| v == x))
                }))
            }))
        }
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Row(_) => {
            Err(Error::user(format!("IN is not supported for {ty}")).help("compare single fields"))
        }
        _ => {
            let numbers: HashSet<i64, foldhash::fast::RandomState> = values
                .iter()
                .filter_map(|v| if let Scalar::Int(n) | Scalar::Micros(n) = v { Some(*n) } else { None })
                .collect();
            Ok(Box::new(move |call| {
                let input = call.integers(0)?;
                Ok(booleans(call.rows, |i| answer(numbers.contains(&input.get(i)?))))
            }))
        }
    }
}

fn as_double(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Double(d) => Some(*d),
        Scalar::Int(n) => Some(*n as f64),
        _ => None,
    }
}

fn as_decimal(value: &Scalar, scale: u8) -> Option<i128> {
    match value {
        Scalar::Decimal(d) => Some(*d),
        Scalar::Int(n) => i128::from(*n).checked_mul(tidegate_formats::text::decimal::power_of_ten(scale)),
        _ => None,
    }
}

/// A field of a ROW: NULL where the row is NULL.
pub(super) fn field(index: usize) -> Kernel {
    Box::new(move |call| {
        let rows =
            call.args[0].array.as_struct_opt().ok_or_else(|| Error::internal("a field of something that is no ROW"))?;
        let column = rows.columns().get(index).ok_or_else(|| Error::internal(format!("a ROW has no field {index}")))?;
        if rows.null_count() == 0 {
            return Ok(Arc::clone(column));
        }
        let nulls = NullBuffer::union(column.nulls(), rows.nulls());
        let data = column.to_data().into_builder().nulls(nulls).build().map_err(arrow)?;
        Ok(arrow_array::make_array(data))
    })
}
