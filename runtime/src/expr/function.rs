//! Which kernel computes which function.

use std::sync::Arc;

use arrow_array::ArrayRef;
use tidegate_core::{Error, Result, SqlType};
use tidegate_plan::Function;

use super::kernel::{Arg, Kernel};
use super::value::{arrow, doubles, integers};
use super::{
    arithmetic, collection, compare, digest, join, json, json_build, maths, regex_text, string, time, time_text,
};

/// A kernel and what the graph must know of it.
pub(super) struct Compiled {
    pub kernel: Kernel,
    pub can_fail: bool,
    pub costly: bool,
}

impl From<Kernel> for Compiled {
    fn from(kernel: Kernel) -> Compiled {
        Compiled { kernel, can_fail: false, costly: false }
    }
}

fn can_fail(kernel: Kernel) -> Compiled {
    Compiled { kernel, can_fail: true, costly: false }
}

fn costly(kernel: Kernel) -> Compiled {
    Compiled { kernel, can_fail: false, costly: true }
}

/// The kernel of a function for arguments of these types and a result of type `to`.
///
/// # Errors
/// Where the arguments are too few, or a constant one has no meaning (an unknown zone, a broken
/// pattern).
pub(super) fn compile(function: &Function, args: &[Arg], to: &SqlType) -> Result<Compiled> {
    use Function as F;
    let least = least_arguments(function);
    if args.len() < least {
        return Err(Error::user(format!("{function:?} needs {least} arguments and has {}", args.len())));
    }
    Ok(match function {
        F::Add | F::Subtract | F::Multiply | F::Divide { .. } | F::Modulo => {
            can_fail(arithmetic::binary(function, args, to)?)
        }
        F::Negate | F::Abs | F::Sign => maths::unary(function, args, to)?.into(),
        F::Floor | F::Ceil | F::Round | F::Truncate => maths::rounding(function, args, to)?.into(),
        F::Power | F::Sqrt | F::Exp | F::Ln | F::Log10 | F::Log2 | F::Log | F::Trigonometric(_) => {
            maths::real(function, args.len())?.into()
        }
        F::Rand | F::RandInteger => maths::random(matches!(function, F::RandInteger)).into(),
        F::Pi => {
            Kernel::from(Box::new(|call| Ok(doubles(&SqlType::Double, call.rows, |_| Some(std::f64::consts::PI)))))
                .into()
        }
        F::Greatest | F::Least => extreme(args, matches!(function, F::Greatest))?.into(),
        F::AddInterval | F::SubtractInterval => {
            time::interval(matches!(function, F::SubtractInterval), args, to)?.into()
        }

        F::Concat { .. } => join::empty().into(),
        F::ConcatWs { null_separator_is_empty } => join::concat_ws(*null_separator_is_empty, args)?.into(),
        F::RegexpExtract | F::RegexpReplace | F::Regexp => costly(regex_text::compile(function, args)?),
        F::Md5 | F::Sha1 | F::Sha224 | F::Sha256 | F::Sha384 | F::Sha512 => costly(digest::digest(function)),
        F::Uuid => digest::uuid().into(),
        F::Lpad | F::Rpad | F::Repeat => can_fail(string::compile(function, args, to)?),
        F::Upper
        | F::Lower
        | F::Trim(_)
        | F::Substring
        | F::CharLength
        | F::Replace
        | F::Position
        | F::Reverse
        | F::Left
        | F::Right
        | F::SplitIndex
        | F::Initcap
        | F::Ascii
        | F::Chr
        | F::Overlay
        | F::ToBase64
        | F::FromBase64
        | F::Hex
        | F::StartsWith
        | F::EndsWith
        | F::KeyValue
        | F::ParseUrl => string::compile(function, args, to)?.into(),

        F::Coalesce => return Err(Error::user("COALESCE needs an argument")),
        F::IsDistinctFrom { negated } => compare::is_distinct(*negated, args)?.into(),

        F::JsonString => costly(json_build::json_string(args)?),
        F::JsonObject { absent_on_null } => {
            Compiled { can_fail: true, ..costly(json_build::object(*absent_on_null, args)?) }
        }
        F::JsonArray { absent_on_null } => costly(json_build::array(*absent_on_null, args)?),
        F::IsJson(kind) => costly(json::is_json(*kind)),

        F::CurrentTimestamp
        | F::Proctime
        | F::LocalTimestamp { .. }
        | F::CurrentDate { .. }
        | F::CurrentTime { .. }
        | F::UnixNow => time::clock(function, args)?.into(),
        F::EpochToInstant { seconds } => time::epoch_to_instant(*seconds).into(),
        F::UnixTimestampInstant => Kernel::from(Box::new(|call| {
            let input = call.integers(0)?;
            integers(call.ty, call.rows, |i| input.get(i).map(|us| us.div_euclid(1_000_000)))
        }))
        .into(),
        F::Extract { unit, zone } => time::extract(*unit, args, zone)?.into(),
        F::FloorTo { unit, zone } => time::round_to(*unit, false, args, zone)?.into(),
        F::CeilTo { unit, zone } => time::round_to(*unit, true, args, zone)?.into(),
        F::TimestampDiff(unit) => time::difference(*unit, args)?.into(),
        F::TimestampAdd(unit) => time::add_unit(*unit, args, to)?.into(),
        F::ToTimestamp
        | F::TextToInstant { .. }
        | F::DateFormat { .. }
        | F::DateFormatText
        | F::DateFormatFromTo
        | F::FromUnixtime { .. }
        | F::UnixTimestampText { .. }
        | F::ToDate
        | F::DateDiff { .. }
        | F::DateAdd { .. }
        | F::DateSub { .. }
        | F::ConvertTz => time_text::compile(function, args)?.into(),

        F::Element => collection::element(args)?.into(),
        F::Cardinality => collection::cardinality().into(),
        F::ArrayOf => collection::array_of(to)?.into(),
        F::MapOf => collection::map_of(to)?.into(),
        F::RowOf => collection::row_of(to)?.into(),
    })
}

/// Fewer arguments are the planner's mistake; said here so that no kernel indexes past the end.
fn least_arguments(function: &Function) -> usize {
    use Function as F;
    match function {
        F::Rand
        | F::Pi
        | F::Uuid
        | F::Concat { .. }
        | F::Coalesce
        | F::JsonObject { .. }
        | F::JsonArray { .. }
        | F::CurrentTimestamp
        | F::Proctime
        | F::LocalTimestamp { .. }
        | F::CurrentDate { .. }
        | F::CurrentTime { .. }
        | F::UnixNow
        | F::ArrayOf
        | F::MapOf
        | F::RowOf => 0,
        F::Add
        | F::Subtract
        | F::Multiply
        | F::Divide { .. }
        | F::Modulo
        | F::AddInterval
        | F::SubtractInterval
        | F::Power
        | F::Log
        | F::Trim(_)
        | F::Substring
        | F::Position
        | F::RegexpExtract
        | F::Regexp
        | F::Repeat
        | F::Left
        | F::Right
        | F::StartsWith
        | F::EndsWith
        | F::ParseUrl
        | F::IsDistinctFrom { .. }
        | F::DateFormat { .. }
        | F::DateFormatText
        | F::TimestampDiff(_)
        | F::TimestampAdd(_)
        | F::DateDiff { .. }
        | F::DateAdd { .. }
        | F::DateSub { .. }
        | F::Element => 2,
        F::Replace
        | F::RegexpReplace
        | F::Lpad
        | F::Rpad
        | F::SplitIndex
        | F::Overlay
        | F::DateFormatFromTo
        | F::ConvertTz => 3,
        F::KeyValue => 4,
        _ => 1,
    }
}

/// GREATEST and LEAST: NULL where any argument is NULL.
fn extreme(args: &[Arg], greatest: bool) -> Result<Kernel> {
    let mut family = compare::Family::Null;
    for pair in args.windows(2) {
        family = compare::family(pair[0].ty(), pair[1].ty())
            .ok_or_else(|| Error::user(format!("{} and {} cannot be compared", pair[0].ty(), pair[1].ty())))?;
    }
    Ok(Box::new(move |call| {
        let mut choice = vec![(0, 0); call.rows];
        for (row, chosen) in choice.iter_mut().enumerate() {
            let at = |k: usize| if call.args[k].constant { 0 } else { row };
            *chosen = (0, at(0));
            for k in 0..call.args.len() {
                if call.args[k].array.is_null(at(k)) {
                    *chosen = (k, at(k));
                    break;
                }
                let order = compare::order(family, &call.args[k], row, &call.args[chosen.0], row)?;
                if order.is_some_and(|o| if greatest { o.is_gt() } else { o.is_lt() }) {
                    *chosen = (k, at(k));
                }
            }
        }
        let arrays: Vec<ArrayRef> = call.args.iter().map(|a| Arc::clone(&a.array)).collect();
        let arrays: Vec<&dyn arrow_array::Array> = arrays.iter().map(AsRef::as_ref).collect();
        arrow_select::interleave::interleave(&arrays, &choice).map_err(arrow)
    }))
}
