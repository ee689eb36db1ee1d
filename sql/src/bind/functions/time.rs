//! Date and time functions. The zone of the session becomes part of the call.

use sqlparser::ast as sp;
use tidegate_core::{Error, Result, Span, SqlType};
use tidegate_plan::{DateUnit, Expr, ExprKind, Function};

use super::{Call, Null, cast, check_arity, literal};
use crate::bind::env::Env;
use crate::bind::expr::{ExprBinder, arithmetic};
use crate::bind::types::Arithmetic;

fn zone(env: &Env) -> String {
    env.zone.clone()
}

fn is_time(t: &SqlType) -> bool {
    t.is_timestamp() || *t == SqlType::Date
}

/// NOW(), CURRENT_TIMESTAMP
pub(crate) fn now(c: Call<'_>) -> Result<Expr> {
    Ok(c.done(Function::CurrentTimestamp, vec![], SqlType::TimestampLtz(3), Null::Never))
}

/// Blink's NOW([offset]): seconds.
pub(crate) fn now_seconds(c: Call<'_>) -> Result<Expr> {
    let (env, span) = (c.env, c.span);
    let offset = if c.len() == 1 { Some(c.bigint(0)?) } else { None };
    let now = c.done(Function::UnixNow, vec![], SqlType::BigInt, Null::Never);
    match offset {
        None => Ok(now),
        Some(o) => arithmetic(env, Arithmetic::Add, now, o, span),
    }
}

/// PROCTIME()
pub(crate) fn proctime(c: Call<'_>) -> Result<Expr> {
    Ok(c.done(Function::Proctime, vec![], SqlType::TimestampLtz(3), Null::Never))
}

/// LOCALTIMESTAMP
pub(crate) fn local_timestamp(c: Call<'_>) -> Result<Expr> {
    let env = c.env;
    if !env.is_flink() {
        return now(c);
    }
    Ok(c.done(Function::LocalTimestamp { zone: zone(env) }, vec![], SqlType::Timestamp(3), Null::Never))
}

/// CURRENT_DATE
pub(crate) fn current_date(c: Call<'_>) -> Result<Expr> {
    let zone = zone(c.env);
    Ok(c.done(Function::CurrentDate { zone }, vec![], SqlType::Date, Null::Never))
}

/// CURRENT_TIME
pub(crate) fn current_time(c: Call<'_>) -> Result<Expr> {
    let zone = zone(c.env);
    Ok(c.done(Function::CurrentTime { zone }, vec![], SqlType::Time(0), Null::Never))
}

/// UNIX_TIMESTAMP(), (text[, pattern]), (timestamp)
pub(crate) fn unix_timestamp(c: Call<'_>) -> Result<Expr> {
    if c.len() == 0 {
        return Ok(c.done(Function::UnixNow, vec![], SqlType::BigInt, Null::Never));
    }
    if c.args[0].data_type.ty.is_timestamp() && c.len() == 1 {
        let x = c.arg(0)?;
        if matches!(x.data_type.ty, SqlType::Timestamp(_)) {
            let text = cast::implicit(c.env, x, &SqlType::STRING);
            let zone = zone(c.env);
            let function = Function::UnixTimestampText { zone, null_on_error: true };
            return Ok(c.done(function, vec![text], SqlType::BigInt, Null::IfAny));
        }
        return Ok(c.done(Function::UnixTimestampInstant, vec![x], SqlType::BigInt, Null::IfAny));
    }
    let args = c.texts()?;
    let blink = !c.env.is_flink();
    let zone = zone(c.env);
    let null = if blink { Null::Always } else { Null::IfAny };
    Ok(c.done(Function::UnixTimestampText { zone, null_on_error: blink }, args, SqlType::BigInt, null))
}

/// FROM_UNIXTIME(seconds[, pattern])
pub(crate) fn from_unixtime(c: Call<'_>) -> Result<Expr> {
    let mut args = vec![c.bigint(0)?];
    if c.len() > 1 {
        args.push(c.text(1)?);
    }
    let zone = zone(c.env);
    Ok(c.done(Function::FromUnixtime { zone }, args, SqlType::STRING, Null::Always))
}

/// Flink's TO_TIMESTAMP(text[, pattern]): a wall clock.
pub(crate) fn to_timestamp(c: Call<'_>) -> Result<Expr> {
    if c.args[0].data_type.ty.is_numeric() {
        return Err(c.wrong(0, "a text").help(
            "for numbers use TO_TIMESTAMP_LTZ(number, 0) for seconds, TO_TIMESTAMP_LTZ(number, 3) for milliseconds",
        ));
    }
    let args = c.texts()?;
    Ok(c.done(Function::ToTimestamp, args, SqlType::Timestamp(3), Null::Always))
}

/// Blink's TO_TIMESTAMP: milliseconds, or text in the job's zone; an instant.
pub(crate) fn to_instant(c: Call<'_>) -> Result<Expr> {
    let ty = c.args[0].data_type.ty.clone();
    if ty.is_numeric() && c.len() == 1 {
        let args = vec![c.bigint(0)?];
        return Ok(c.done(Function::EpochToInstant { seconds: false }, args, SqlType::TimestampLtz(3), Null::Always));
    }
    if ty.is_timestamp() {
        return c.arg(0);
    }
    let args = c.texts()?;
    let zone = zone(c.env);
    Ok(c.done(Function::TextToInstant { zone }, args, SqlType::TimestampLtz(3), Null::Always))
}

/// TO_TIMESTAMP_LTZ(number, 0 | 3)
pub(crate) fn to_timestamp_ltz(c: Call<'_>) -> Result<Expr> {
    let seconds = match c.args[1].kind {
        ExprKind::Literal(tidegate_core::Scalar::Int(0)) => true,
        ExprKind::Literal(tidegate_core::Scalar::Int(3)) => false,
        _ => {
            return Err(Error::user("the second argument of TO_TIMESTAMP_LTZ is 0 (seconds) or 3 (milliseconds)")
                .at(if c.args[1].span.is_known() { c.args[1].span } else { c.span }));
        }
    };
    let x = c.number(0)?;
    let args = vec![cast::implicit(c.env, x, &SqlType::BigInt)];
    Ok(c.done(Function::EpochToInstant { seconds }, args, SqlType::TimestampLtz(3), Null::Always))
}

/// TO_DATE(text[, pattern])
pub(crate) fn to_date(c: Call<'_>) -> Result<Expr> {
    let args = c.texts()?;
    Ok(c.done(Function::ToDate, args, SqlType::Date, Null::Always))
}

/// DATE_FORMAT(timestamp | text, [from pattern,] pattern)
pub(crate) fn date_format(c: Call<'_>) -> Result<Expr> {
    let ty = c.args[0].data_type.ty.clone();
    let zone = zone(c.env);
    if c.len() == 3 {
        let args = c.texts()?;
        return Ok(c.done(Function::DateFormatFromTo, args, SqlType::STRING, Null::Always));
    }
    if is_time(&ty) {
        let x = match ty {
            SqlType::Date => cast::implicit(c.env, c.arg(0)?, &SqlType::Timestamp(3)),
            _ => c.arg(0)?,
        };
        let args = vec![x, c.text(1)?];
        return Ok(c.done(Function::DateFormat { zone }, args, SqlType::STRING, Null::Always));
    }
    if !ty.is_text() && ty != SqlType::Null {
        return Err(c
            .wrong(0, "a TIMESTAMP or a text")
            .help("for epoch milliseconds use DATE_FORMAT(TO_TIMESTAMP_LTZ(ms, 3), …)"));
    }
    let args = c.texts()?;
    Ok(c.done(Function::DateFormatText, args, SqlType::STRING, Null::Always))
}

/// Blink's DATEDIFF(a, b)
pub(crate) fn datediff(c: Call<'_>) -> Result<Expr> {
    let args = (0..2).map(|i| day(&c, i)).collect::<Result<Vec<_>>>()?;
    let zone = zone(c.env);
    Ok(c.done(Function::DateDiff { zone }, args, SqlType::Int, Null::Always))
}

/// Blink's DATE_ADD, DATE_SUB
pub(crate) fn date_shift(c: Call<'_>, add: bool) -> Result<Expr> {
    let args = vec![day(&c, 0)?, c.int(1)?];
    let zone = zone(c.env);
    let function = if add { Function::DateAdd { zone } } else { Function::DateSub { zone } };
    Ok(c.done(function, args, SqlType::STRING, Null::Always))
}

fn day(c: &Call<'_>, i: usize) -> Result<Expr> {
    let x = c.arg(i)?;
    if is_time(&x.data_type.ty) { Ok(x) } else { c.text(i) }
}

/// YEAR(x) and relatives
pub(crate) fn part(c: Call<'_>, unit: DateUnit) -> Result<Expr> {
    let name = c.name.to_owned();
    extract(c.env, Some(unit), c.arg(0)?, &name, c.span)
}

/// EXTRACT(unit FROM x)
pub(crate) fn extract(env: &Env, unit: Option<DateUnit>, x: Expr, written: &str, span: Span) -> Result<Expr> {
    let Some(unit) = unit else {
        return Err(Error::user(format!("'{written}' is not a unit of time"))
            .at(span)
            .help("use YEAR, QUARTER, MONTH, WEEK, DAY, DOW, DOY, HOUR, MINUTE, SECOND or EPOCH"));
    };
    let x = time_operand(env, x, "EXTRACT", span)?;
    let nullable = x.data_type.nullable;
    let function = Function::Extract { unit, zone: zone(env) };
    Ok(Expr::new(ExprKind::Call { function, args: vec![x] }, SqlType::BigInt.nullable().with_nullable(nullable))
        .at(span))
}

fn time_operand(env: &Env, x: Expr, what: &str, span: Span) -> Result<Expr> {
    match &x.data_type.ty {
        t if is_time(t) || matches!(t, SqlType::Time(_)) => Ok(x),
        t if t.is_text() && !env.is_flink() => Ok(cast::implicit_or_null(env, x, &env.timestamp())),
        t => Err(Error::user(format!("{what} takes a TIMESTAMP or DATE, this is {t}"))
            .at(span)
            .help("write TO_TIMESTAMP(text) or CAST(… AS TIMESTAMP(3))")),
    }
}

/// FLOOR(x TO unit), CEIL(x TO unit)
pub(crate) fn floor_to(env: &Env, unit: Option<DateUnit>, x: Expr, ceil: bool, span: Span) -> Result<Expr> {
    let Some(unit) = unit else { return Err(Error::user("unknown unit of time").at(span)) };
    let x = time_operand(env, x, "FLOOR … TO", span)?;
    let data_type = x.data_type.clone();
    let zone = zone(env);
    let function = if ceil { Function::CeilTo { unit, zone } } else { Function::FloorTo { unit, zone } };
    Ok(Expr::new(ExprKind::Call { function, args: vec![x] }, data_type).at(span))
}

/// TIMESTAMPDIFF(unit, from, to), TIMESTAMPADD(unit, n, x)
pub(crate) fn unit_call(b: &mut ExprBinder<'_>, name: &str, f: &sp::Function, span: Span) -> Result<Expr> {
    let sp::FunctionArguments::List(list) = &f.args else {
        return Err(Error::user(format!("{name} takes 3 arguments, got 0")).at(span));
    };
    check_arity(name, (3, 3), list.args.len(), span)?;
    let unit = match &list.args[0] {
        sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) => {
            literal::unit_named(e.to_string().trim_matches(['`', '\'']))
        }
        _ => None,
    };
    let Some(unit) = unit.filter(|u| !matches!(u, DateUnit::DayOfWeek | DateUnit::DayOfYear | DateUnit::Epoch)) else {
        return Err(Error::user(format!("the first argument of {name} is a unit of time"))
            .at(span)
            .help(format!("write {name}(SECOND, …)")));
    };
    let mut args = Vec::with_capacity(2);
    for arg in &list.args[1..] {
        let sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(e)) = arg else {
            return Err(Error::user(format!("{arg} is not an argument of {name}")).at(span));
        };
        args.push(b.bind(e)?);
    }
    let env = b.env;
    let second = args.pop().map(|x| time_operand(env, x, name, span)).transpose()?;
    let (Some(first), Some(second)) = (args.pop(), second) else { return Err(Error::internal("arity was checked")) };
    if name == "TIMESTAMPDIFF" {
        let first = time_operand(env, first, name, span)?;
        let nullable = first.data_type.nullable || second.data_type.nullable;
        let (first, second) = same_clock(env, first, second);
        let kind = ExprKind::Call { function: Function::TimestampDiff(unit), args: vec![first, second] };
        return Ok(Expr::new(kind, SqlType::Int.nullable().with_nullable(nullable)).at(span));
    }
    let c = Call { env, name, span, args: vec![first] };
    let n = c.bigint(0)?;
    let nullable = n.data_type.nullable || second.data_type.nullable;
    let data_type = second.data_type.clone().with_nullable(nullable);
    Ok(Expr::new(ExprKind::Call { function: Function::TimestampAdd(unit), args: vec![n, second] }, data_type).at(span))
}

/// Both sides as instants, or both as wall clocks.
fn same_clock(env: &Env, a: Expr, b: Expr) -> (Expr, Expr) {
    let instant = |t: &SqlType| matches!(t, SqlType::TimestampLtz(_));
    let target = match (&a.data_type.ty, &b.data_type.ty) {
        (x, y) if instant(x) && !instant(y) => x.clone(),
        (x, y) if !instant(x) && instant(y) => y.clone(),
        (SqlType::Date, SqlType::Timestamp(p)) | (SqlType::Timestamp(p), SqlType::Date) => SqlType::Timestamp(*p),
        _ => return (a, b),
    };
    (cast::implicit(env, a, &target), cast::implicit(env, b, &target))
}
