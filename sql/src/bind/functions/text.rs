//! Text functions. Lengths and nullability are those Flink declares.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Span, SqlType};
use tidegate_plan::{Expr, ExprKind, Function, TrimSide};

use super::{Call, Null, cast, literal, to_text};
use crate::bind::env::Env;

/// CONCAT: Flink takes texts only and is NULL if any is; Blink casts and leaves NULLs out.
pub(crate) fn concat(c: Call<'_>) -> Result<Expr> {
    let skip_nulls = !c.env.is_flink();
    let args = c.texts()?;
    let null = if skip_nulls { Null::Never } else { Null::IfAny };
    Ok(c.done(Function::Concat { skip_nulls }, args, SqlType::STRING, null))
}

/// CONCAT_WS
pub(crate) fn concat_ws(c: Call<'_>) -> Result<Expr> {
    let blink = !c.env.is_flink();
    let args = c.texts()?;
    let nullable = !blink && args[0].data_type.nullable;
    let null = if nullable { Null::Always } else { Null::Never };
    Ok(c.done(Function::ConcatWs { null_separator_is_empty: blink }, args, SqlType::STRING, null))
}

/// `a || b`: NULL if either is, in every dialect; Flink takes texts only.
pub(crate) fn concat_operator(env: &Env, left: Expr, right: Expr, span: Span) -> Result<Expr> {
    let blame = |e: Error| e.at(span);
    let (left, right) = (to_text(env, left, "||").map_err(blame)?, to_text(env, right, "||").map_err(blame)?);
    let ty = match (&left.data_type.ty, &right.data_type.ty) {
        (SqlType::Char(a), SqlType::Char(b)) => SqlType::Char(a.saturating_add(*b)),
        (a, b) => SqlType::VarChar(length(a).saturating_add(length(b)).min(tidegate_core::types::MAX_LENGTH)),
    };
    let nullable = left.data_type.nullable || right.data_type.nullable;
    // `a || b || c` is one call.
    let mut args = match left.kind {
        ExprKind::Call { function: Function::Concat { skip_nulls: false }, args } => args,
        kind => vec![Expr { kind, ..left }],
    };
    args.push(right);
    let kind = ExprKind::Call { function: Function::Concat { skip_nulls: false }, args };
    Ok(Expr::new(kind, ty.nullable().with_nullable(nullable)).at(span))
}

fn length(t: &SqlType) -> u32 {
    match t {
        SqlType::Char(n) | SqlType::VarChar(n) => *n,
        _ => tidegate_core::types::MAX_LENGTH,
    }
}

fn varchar_of(e: &Expr) -> SqlType {
    SqlType::VarChar(length(&e.data_type.ty))
}

/// UPPER, LOWER: the argument's own type.
pub(crate) fn keep(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = c.texts()?;
    let ty = args[0].data_type.ty.clone();
    Ok(c.done(f, args, ty, Null::IfAny))
}

/// Texts to STRING, NULL if any is.
pub(crate) fn to_string(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(f, args, SqlType::STRING, Null::IfAny))
}

/// Texts to STRING, NULL where nothing is found.
pub(crate) fn find(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(f, args, SqlType::STRING, Null::Always))
}

/// Texts to INT.
pub(crate) fn to_int(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(f, args, SqlType::Int, Null::IfAny))
}

/// Texts to BOOLEAN.
pub(crate) fn to_boolean(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(f, args, SqlType::Boolean, Null::IfAny))
}

/// TRIM with its own syntax.
pub(crate) fn trim(
    env: &Env,
    side: Option<sp::TrimWhereField>,
    what: Option<Expr>,
    text: Expr,
    span: Span,
) -> Result<Expr> {
    let side = match side {
        None | Some(sp::TrimWhereField::Both) => TrimSide::Both,
        Some(sp::TrimWhereField::Leading) => TrimSide::Leading,
        Some(sp::TrimWhereField::Trailing) => TrimSide::Trailing,
    };
    let args = std::iter::once(text).chain(what).collect();
    trim_call(Call { env, name: "TRIM", span, args }, side)
}

/// TRIM, LTRIM, RTRIM, BTRIM
pub(crate) fn trim_call(c: Call<'_>, side: TrimSide) -> Result<Expr> {
    let text = c.text(0)?;
    let what = if c.len() > 1 { c.text(1)? } else { literal::text(" ") };
    let ty = varchar_of(&text);
    Ok(c.done(Function::Trim(side), vec![text, what], ty, Null::IfAny))
}

/// SUBSTRING(text, from[, length])
pub(crate) fn substring(c: Call<'_>) -> Result<Expr> {
    let text = c.text(0)?;
    let ty = varchar_of(&text);
    let mut args = vec![text, c.int(1)?];
    if c.len() > 2 {
        args.push(c.int(2)?);
    }
    Ok(c.done(Function::Substring, args, ty, Null::Always))
}

/// INSTR(text, needle[, from])
pub(crate) fn instr(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.text(0)?, c.text(1)?];
    if c.len() > 2 {
        args.push(c.int(2)?);
    }
    Ok(c.done(Function::Position, args, SqlType::Int, Null::IfAny))
}

/// LOCATE(needle, text[, from])
pub(crate) fn locate(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.text(1)?, c.text(0)?];
    if c.len() > 2 {
        args.push(c.int(2)?);
    }
    Ok(c.done(Function::Position, args, SqlType::Int, Null::IfAny))
}

/// REGEXP_EXTRACT(text, regex[, group])
pub(crate) fn regexp_extract(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.text(0)?, c.text(1)?];
    if c.len() > 2 {
        args.push(c.int(2)?);
    }
    Ok(c.done(Function::RegexpExtract, args, SqlType::STRING, Null::Always))
}

/// LPAD, RPAD
pub(crate) fn pad(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = vec![c.text(0)?, c.int(1)?, c.text(2)?];
    Ok(c.done(f, args, SqlType::STRING, Null::Always))
}

/// REPEAT, LEFT, RIGHT
pub(crate) fn counted(c: Call<'_>, f: Function) -> Result<Expr> {
    let args = vec![c.text(0)?, c.int(1)?];
    let null = if f == Function::Repeat { Null::IfAny } else { Null::Always };
    Ok(c.done(f, args, SqlType::STRING, null))
}

/// SPLIT_INDEX(text, separator, index)
pub(crate) fn split_index(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.text(0)?];
    // The separator may be given as a character code.
    let by_code = c.args[1].data_type.ty.is_integer();
    if by_code {
        let n = c.int(1)?;
        args.push(Expr::new(ExprKind::Call { function: Function::Chr, args: vec![n] }, SqlType::STRING.nullable()));
    } else {
        args.push(c.text(1)?);
    }
    args.push(c.int(2)?);
    Ok(c.done(Function::SplitIndex, args, SqlType::STRING, Null::Always))
}

/// CHR(n)
pub(crate) fn chr(c: Call<'_>) -> Result<Expr> {
    let args = vec![c.bigint(0)?];
    Ok(c.done(Function::Chr, args, SqlType::Char(1), Null::Always))
}

/// OVERLAY
pub(crate) fn overlay(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.text(0)?, c.text(1)?, c.int(2)?];
    if c.len() > 3 {
        args.push(c.int(3)?);
    }
    Ok(c.done(Function::Overlay, args, SqlType::STRING, Null::IfAny))
}

/// TO_BASE64(text)
pub(crate) fn to_base64(c: Call<'_>) -> Result<Expr> {
    let args = vec![c.text(0)?];
    Ok(c.done(Function::ToBase64, args, SqlType::STRING, Null::IfAny))
}

/// HEX(text or integer)
pub(crate) fn hex(c: Call<'_>) -> Result<Expr> {
    let x = if c.args[0].data_type.ty.is_integer() {
        cast::implicit(c.env, c.arg(0)?, &SqlType::BigInt)
    } else {
        c.text(0)?
    };
    Ok(c.done(Function::Hex, vec![x], SqlType::STRING, Null::IfAny))
}

/// UUID()
pub(crate) fn uuid(c: Call<'_>) -> Result<Expr> {
    Ok(c.done(Function::Uuid, vec![], SqlType::Char(36), Null::Never))
}
