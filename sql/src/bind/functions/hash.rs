//! Hash functions: hexadecimal text of fixed length.

use tidegate_core::{Error, Result, Scalar, SqlType};
use tidegate_plan::{Expr, ExprKind, Function};

use super::{Call, Null};

/// MD5, SHA…
pub(crate) fn digest(c: Call<'_>, f: Function, length: u32) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(f, args, SqlType::Char(length), Null::IfAny))
}

/// SHA2(text, bits)
pub(crate) fn sha2(c: Call<'_>) -> Result<Expr> {
    let (f, length) = match c.args[1].kind {
        ExprKind::Literal(Scalar::Int(224)) => (Function::Sha224, 56),
        ExprKind::Literal(Scalar::Int(256)) => (Function::Sha256, 64),
        ExprKind::Literal(Scalar::Int(384)) => (Function::Sha384, 96),
        ExprKind::Literal(Scalar::Int(512)) => (Function::Sha512, 128),
        _ => return Err(Error::user("the second argument of SHA2 is 224, 256, 384 or 512").at(c.args[1].span)),
    };
    let args = vec![c.text(0)?];
    Ok(c.done(f, args, SqlType::VarChar(length), Null::IfAny))
}
