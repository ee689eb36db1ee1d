//! The hash of key columns. It chooses tasks, lanes and owners of persisted state, so it is part of
//! the stored format: version 1, XXH3-64 over a canonical encoding of the columns.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use tidegate_core::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

/// Named in the store's header; a directory with another version is refused.
pub const HASH_VERSION: &str = "xxh3-1";

/// One hash a row over the columns, in order. All integers of a value hash alike whatever their
/// width, NULL is a value of its own, and `-0.0` equals `0.0`.
///
/// # Errors
/// Where a column's type cannot be a key (ARRAY, MAP, ROW).
pub fn hash_columns(columns: &[ArrayRef], rows: usize) -> Result<Vec<u64>> {
    let mut out = vec![0u64; rows];
    for column in columns {
        fold(column, &mut out)?;
    }
    Ok(out)
}

/// The task that owns a hash.
pub fn owner(hash: u64, tasks: u32) -> u32 {
    // The high half: the low bits index the hash tables inside a task.
    (((hash >> 32) * u64::from(tasks)) >> 32) as u32
}

/// The value of a NULL.
pub(crate) const NULL: u64 = 0x9e37_79b9_7f4a_7c15;

/// Adds the value of one more column.
pub(crate) fn mix(acc: &mut u64, value: u64) {
    let x = (acc.rotate_left(5) ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
    *acc = x ^ (x >> 32);
}

fn fold_with<A: Array + ?Sized>(array: &A, out: &mut [u64], value: impl Fn(usize) -> u64) {
    for (i, acc) in out.iter_mut().enumerate() {
        mix(acc, if array.is_null(i) { NULL } else { value(i) });
    }
}

/// The value of an integer, a time or a truth value.
pub(crate) fn number(n: i64) -> u64 {
    let x = (n as u64).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 29)
}

/// The value of a FLOAT or DOUBLE.
pub(crate) fn float(f: f64) -> u64 {
    number(if f == 0.0 { 0 } else { f.to_bits() as i64 })
}

/// The value of text and bytes, and of the little-endian bytes of a DECIMAL.
pub(crate) fn bytes(b: &[u8]) -> u64 {
    xxh3_64(b)
}

fn fold(column: &ArrayRef, out: &mut [u64]) -> Result<()> {
    macro_rules! ints {
        ($t:ty) => {{
            let a = column.as_primitive::<$t>();
            fold_with(a, out, |i| number(i64::from(a.value(i))))
        }};
    }
    match column.data_type() {
        DataType::Null => fold_with(column.as_ref(), out, |_| NULL),
        DataType::Boolean => {
            let a = column.as_boolean();
            fold_with(a, out, |i| number(i64::from(a.value(i))));
        }
        DataType::Int8 => ints!(Int8Type),
        DataType::Int16 => ints!(Int16Type),
        DataType::Int32 => ints!(Int32Type),
        DataType::Int64 => ints!(Int64Type),
        DataType::Date32 => ints!(Date32Type),
        DataType::Time32(TimeUnit::Millisecond) => ints!(Time32MillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => ints!(TimestampMicrosecondType),
        DataType::Float32 => {
            let a = column.as_primitive::<Float32Type>();
            fold_with(a, out, |i| float(f64::from(a.value(i))));
        }
        DataType::Float64 => {
            let a = column.as_primitive::<Float64Type>();
            fold_with(a, out, |i| float(a.value(i)));
        }
        DataType::Decimal128(..) => {
            let a = column.as_primitive::<Decimal128Type>();
            fold_with(a, out, |i| bytes(&a.value(i).to_le_bytes()));
        }
        DataType::Utf8 => {
            let a = column.as_string::<i32>();
            fold_with(a, out, |i| bytes(a.value(i).as_bytes()));
        }
        DataType::Binary => {
            let a = column.as_binary::<i32>();
            fold_with(a, out, |i| bytes(a.value(i)));
        }
        other => return Err(Error::user(format!("a column of type {other} cannot be part of a key"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int32Array, Int64Array, StringArray};
    use std::sync::Arc;

    /// These numbers are in people's state directories: they must never change.
    #[test]
    fn is_pinned() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("题目ID_1"), Some(""), None]));
        let int: ArrayRef = Arc::new(Int64Array::from(vec![Some(42), None, Some(-1)]));
        let got = hash_columns(&[text, int], 3).unwrap();
        assert_eq!(got, PINNED);
    }
    const PINNED: [u64; 3] = [13_320_700_464_126_094_826, 3_144_200_413_339_794_320, 13_821_195_904_058_696_777];

    #[test]
    fn widths_agree() {
        let narrow: ArrayRef = Arc::new(Int32Array::from(vec![7]));
        let wide: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        assert_eq!(hash_columns(&[narrow], 1).unwrap(), hash_columns(&[wide], 1).unwrap());
    }

    #[test]
    fn owners_spread() {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
        let mut count = [0; 7];
        for h in hash_columns(&[ids], 10_000).unwrap() {
            count[owner(h, 7) as usize] += 1;
        }
        assert!(count.iter().all(|c| (1000..2000).contains(c)), "{count:?}");
    }
}
