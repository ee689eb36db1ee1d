//! Hashes, hexadecimal text and random identifiers.

use md5::{Digest, Md5};
use tidegate_core::Error;
use tidegate_plan::Function;

use super::kernel::{Arg, Kernel};
use super::value::texts;

/// HEX of an integer, a text or bytes.
pub(super) fn hex(args: &[Arg]) -> Kernel {
    let integer = args[0].ty().is_integer();
    Box::new(move |call| {
        if integer {
            let input = call.integers(0)?;
            return Ok(texts(call.rows, |i, out| input.get(i).map(|n| out.push_str(&format!("{n:X}"))).is_some()));
        }
        let input = call.bytes(0)?;
        Ok(texts(call.rows, |i, out| input.get(i).map(|b| push_hex(b, b"0123456789ABCDEF", out)).is_some()))
    })
}

fn push_hex(bytes: &[u8], digits: &[u8; 16], out: &mut String) {
    for b in bytes {
        out.push(char::from(digits[usize::from(b >> 4)]));
        out.push(char::from(digits[usize::from(b & 15)]));
    }
}

/// Hashes of text (its UTF-8) or bytes, in lower-case hexadecimal.
pub(super) fn digest(function: &Function) -> Kernel {
    fn with<D: Digest>() -> Kernel {
        Box::new(|call| {
            let input = call.bytes(0)?;
            Ok(texts(call.rows, |i, out| {
                input.get(i).map(|b| push_hex(&D::digest(b), b"0123456789abcdef", out)).is_some()
            }))
        })
    }
    match function {
        Function::Sha1 => with::<sha1::Sha1>(),
        Function::Sha224 => with::<sha2::Sha224>(),
        Function::Sha256 => with::<sha2::Sha256>(),
        Function::Sha384 => with::<sha2::Sha384>(),
        Function::Sha512 => with::<sha2::Sha512>(),
        _ => with::<Md5>(),
    }
}

/// Random (version 4) UUIDs.
pub(super) fn uuid() -> Kernel {
    Box::new(|call| {
        let mut random = vec![0_u8; call.rows * 16];
        getrandom::fill(&mut random).map_err(|e| Error::internal(format!("no random numbers: {e}")))?;
        Ok(texts(call.rows, |i, out| {
            let mut id = [0_u8; 16];
            id.copy_from_slice(&random[i * 16..i * 16 + 16]);
            id[6] = (id[6] & 0x0f) | 0x40;
            id[8] = (id[8] & 0x3f) | 0x80;
            for (from, to) in [(0, 4), (4, 6), (6, 8), (8, 10), (10, 16)] {
                if from > 0 {
                    out.push('-');
                }
                push_hex(&id[from..to], b"0123456789abcdef", out);
            }
            true
        }))
    })
}
