//! The hash of an encoded key: what [`crate::hash::hash_columns`] gives for its columns, without
//! making columns of it.

use arrow_schema::DataType;
use tidegate_core::Result;

use super::codec::width;
use super::decode::{broken, cut, float, length, signed, wide};
use super::physical::{Kind, kind};
use crate::hash;

/// The hash of a key of these types in [`super::codec::Form::Key`].
///
/// # Errors
/// Where the bytes are not such a key, or a type cannot be part of a key.
pub fn hash_key(types: &[DataType], mut key: &[u8]) -> Result<u64> {
    let mut out = 0;
    for ty in types {
        hash::mix(&mut out, value(ty, &mut key)?);
    }
    Ok(out)
}

fn value(ty: &DataType, key: &mut &[u8]) -> Result<u64> {
    let there = cut(key, 1)?[0] != 0;
    let bytes = match width(ty) {
        Some(width) => cut(key, width)?,
        None if there => {
            let n = length(key)?;
            cut(key, n)?
        }
        None => &[],
    };
    if !there {
        return Ok(hash::NULL);
    }
    Ok(match kind(ty) {
        Kind::I64 => hash::number(signed(bytes, ty)),
        Kind::I128 => hash::bytes(&wide(bytes)?.to_le_bytes()),
        Kind::F64 => hash::float(float(bytes)),
        Kind::Bytes => hash::bytes(bytes),
        Kind::Nested => return Err(broken()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::codec::{EncodedRows, Form};
    use crate::state::test_data::random_columns;

    #[test]
    fn equals_the_hash_of_the_columns() {
        for seed in 0..50 {
            let mut columns = random_columns(seed, 40);
            columns.retain(|c| kind(c.data_type()) != Kind::Nested);
            let types: Vec<_> = columns.iter().map(|c| c.data_type().clone()).collect();
            let mut rows = EncodedRows::default();
            rows.encode(&columns, 40, Form::Key).unwrap();
            for (row, want) in hash::hash_columns(&columns, 40).unwrap().into_iter().enumerate() {
                assert_eq!(hash_key(&types, rows.row(row)).unwrap(), want, "seed {seed} row {row}");
            }
        }
    }

    #[test]
    fn zeros_of_both_signs_are_one() {
        let column: arrow_array::ArrayRef = std::sync::Arc::new(arrow_array::Float64Array::from(vec![-0.0, 0.0]));
        let mut rows = EncodedRows::default();
        rows.encode(std::slice::from_ref(&column), 2, Form::Key).unwrap();
        let hashes = hash::hash_columns(&[column], 2).unwrap();
        assert!((0..2).all(|i| hash_key(&[DataType::Float64], rows.row(i)).unwrap() == hashes[i]));
    }
}
