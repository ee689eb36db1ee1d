//! The raw format: one column, its bytes as they are.

use tidegate_core::Scalar;
use tidegate_core::types::SqlType;

/// The value of a raw column; numbers are of fixed width, big endian unless said otherwise.
pub(crate) fn scalar(bytes: &[u8], ty: &SqlType, little_endian: bool) -> Result<Scalar, String> {
    Ok(match ty {
        SqlType::Char(_) | SqlType::VarChar(_) => Scalar::Text(String::from_utf8_lossy(bytes).into_owned()),
        SqlType::Binary(_) | SqlType::VarBinary(_) => Scalar::Bytes(bytes.to_vec()),
        SqlType::Boolean => match bytes {
            [b] => Scalar::Bool(*b != 0),
            _ => return Err(wrong_length(bytes, ty, 1)),
        },
        SqlType::TinyInt => Scalar::Int(i64::from(i8::from_be_bytes(fixed(bytes, ty, little_endian)?))),
        SqlType::SmallInt => Scalar::Int(i64::from(i16::from_be_bytes(fixed(bytes, ty, little_endian)?))),
        SqlType::Int => Scalar::Int(i64::from(i32::from_be_bytes(fixed(bytes, ty, little_endian)?))),
        SqlType::BigInt => Scalar::Int(i64::from_be_bytes(fixed(bytes, ty, little_endian)?)),
        SqlType::Float => Scalar::Double(f64::from(f32::from_be_bytes(fixed(bytes, ty, little_endian)?))),
        SqlType::Double => Scalar::Double(f64::from_be_bytes(fixed(bytes, ty, little_endian)?)),
        _ => return Err(format!("the raw format has no {ty}")),
    })
}

/// Exactly `N` bytes in big-endian order.
fn fixed<const N: usize>(bytes: &[u8], ty: &SqlType, little_endian: bool) -> Result<[u8; N], String> {
    let mut out: [u8; N] = bytes.try_into().map_err(|_| wrong_length(bytes, ty, N))?;
    if little_endian {
        out.reverse();
    }
    Ok(out)
}

fn wrong_length(bytes: &[u8], ty: &SqlType, wanted: usize) -> String {
    format!("{} bytes where a raw {ty} has {wanted}", bytes.len())
}
