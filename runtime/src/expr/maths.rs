//! Mathematics on one or two numbers: signs, rounding, functions of doubles, random numbers.

use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::decimal;
use tidegate_plan::Function;

use super::kernel::{Arg, Call, Kernel};
use super::value::{decimals, doubles, integers};

/// `-a`, ABS, SIGN
pub(super) fn unary(function: &Function, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    let (negate, abs) = (matches!(function, Function::Negate), matches!(function, Function::Abs));
    Ok(match args[0].ty() {
        t if t.is_approximate() => Box::new(move |call| {
            let a = call.doubles(0)?;
            Ok(doubles(call.ty, call.rows, |i| {
                a.get(i).map(|x| {
                    if negate {
                        -x
                    } else if abs {
                        x.abs()
                    } else if x == 0.0 || x.is_nan() {
                        x
                    } else {
                        x.signum()
                    }
                })
            }))
        }),
        SqlType::Decimal(_, scale) => {
            let SqlType::Decimal(p, s) = to else {
                return Err(Error::internal(format!("{function:?} of a decimal as {to}")));
            };
            let (p, s, scale) = (*p, *s, *scale);
            Box::new(move |call| {
                let a = call.decimals(0)?;
                decimals(p, s, call.rows, |i| {
                    a.get(i).and_then(|x| {
                        if negate {
                            decimal::rescale(-x, scale, s, p)
                        } else if abs {
                            decimal::rescale(x.abs(), scale, s, p)
                        } else {
                            decimal::rescale(x.signum(), 0, s, p)
                        }
                    })
                })
            })
        }
        _ => Box::new(move |call| {
            let a = call.integers(0)?;
            integers(call.ty, call.rows, |i| {
                a.get(i).map(|x| {
                    if negate {
                        x.wrapping_neg()
                    } else if abs {
                        x.wrapping_abs()
                    } else {
                        x.signum()
                    }
                })
            })
        }),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Floor,
    Ceil,
    HalfUp,
    Down,
}

/// FLOOR, CEIL, ROUND(x[, digits]), TRUNCATE(x[, digits])
pub(super) fn rounding(function: &Function, args: &[Arg], to: &SqlType) -> Result<Kernel> {
    let mode = match function {
        Function::Floor => Rounding::Floor,
        Function::Ceil => Rounding::Ceil,
        Function::Round => Rounding::HalfUp,
        _ => Rounding::Down,
    };
    let with_digits = args.len() > 1;
    let digits_of = move |call: &Call<'_>, i: usize| -> Result<Option<i64>> {
        if with_digits { Ok(call.integers(1)?.get(i).map(|d| d.clamp(-38, 38))) } else { Ok(Some(0)) }
    };
    if args[0].ty().is_approximate() {
        return Ok(Box::new(move |call| {
            let a = call.doubles(0)?;
            let digits = if with_digits { Some(call.integers(1)?) } else { None };
            Ok(doubles(call.ty, call.rows, |i| {
                let x = a.get(i)?;
                let digits = match &digits {
                    Some(d) => d.get(i)?.clamp(-308, 308),
                    None => 0,
                };
                Some(round_double(x, digits, mode))
            }))
        }));
    }
    let (precision, scale) = match to {
        SqlType::Decimal(p, s) => (*p, *s),
        t if t.is_integer() => (38, 0),
        other => return Err(Error::internal(format!("rounding to {other}"))),
    };
    let exact = matches!(to, SqlType::Decimal(..));
    Ok(Box::new(move |call| {
        let a = call.decimals(0)?;
        let mut values = Vec::with_capacity(call.rows);
        for i in 0..call.rows {
            let value = match (a.get(i), digits_of(call, i)?) {
                (Some(x), Some(digits)) => {
                    round_decimal(x, a.scale, digits, mode).and_then(|r| decimal::rescale(r, a.scale, scale, precision))
                }
                _ => None,
            };
            values.push(value);
        }
        if exact {
            decimals(precision, scale, call.rows, |i| values[i])
        } else {
            integers(call.ty, call.rows, |i| values[i].map(|v| v as i64))
        }
    }))
}

/// Rounds to `digits` decimals, keeping the scale.
fn round_decimal(x: i128, scale: u8, digits: i64, mode: Rounding) -> Option<i128> {
    let drop = i64::from(scale) - digits;
    if drop <= 0 {
        return Some(x);
    }
    if drop > 38 {
        return Some(0);
    }
    let unit = decimal::power_of_ten(u8::try_from(drop).ok()?);
    let quotient = match mode {
        Rounding::Floor => x.div_euclid(unit),
        Rounding::Ceil => -(-x).div_euclid(unit),
        Rounding::HalfUp => decimal::divide_half_up(x, unit)?,
        Rounding::Down => x / unit,
    };
    quotient.checked_mul(unit)
}

/// Through the shortest decimal text, as `BigDecimal.valueOf(x).setScale(digits)` does.
fn round_double(x: f64, digits: i64, mode: Rounding) -> f64 {
    match mode {
        Rounding::Floor => return x.floor(),
        Rounding::Ceil => return x.ceil(),
        Rounding::HalfUp | Rounding::Down => {}
    }
    let scale = 18_u8;
    let exact = decimal::from_double(x, 38, scale).filter(|_| (-18..=18).contains(&digits));
    match exact.and_then(|d| round_decimal(d, scale, digits, mode)) {
        Some(d) => decimal::to_double(d, scale),
        None => x, // too large to have such digits, or not finite
    }
}

/// Functions over doubles.
pub(super) fn real(function: &Function, args: usize) -> Result<Kernel> {
    let one = |f: fn(f64) -> f64| -> Kernel {
        Box::new(move |call| {
            let a = call.doubles(0)?;
            Ok(doubles(&SqlType::Double, call.rows, |i| a.get(i).map(f)))
        })
    };
    let two = |f: fn(f64, f64) -> f64| -> Kernel {
        Box::new(move |call| {
            let (a, b) = (call.doubles(0)?, call.doubles(1)?);
            Ok(doubles(&SqlType::Double, call.rows, |i| Some(f(a.get(i)?, b.get(i)?))))
        })
    };
    Ok(match function {
        Function::Power => two(f64::powf),
        Function::Sqrt => one(f64::sqrt),
        Function::Exp => one(f64::exp),
        Function::Ln => one(f64::ln),
        Function::Log10 => one(f64::log10),
        Function::Log2 => one(f64::log2),
        Function::Log if args > 1 => two(|base, x| x.ln() / base.ln()),
        Function::Log => one(f64::ln),
        Function::Trigonometric(name) => match (name.as_str(), args) {
            ("sin", _) => one(f64::sin),
            ("cos", _) => one(f64::cos),
            ("tan", _) => one(f64::tan),
            ("cot", _) => one(|x| 1.0 / x.tan()),
            ("asin", _) => one(f64::asin),
            ("acos", _) => one(f64::acos),
            ("atan", _) => one(f64::atan),
            ("atan2", 2) => two(f64::atan2),
            ("sinh", _) => one(f64::sinh),
            ("cosh", _) => one(f64::cosh),
            ("tanh", _) => one(f64::tanh),
            ("degrees", _) => one(f64::to_degrees),
            ("radians", _) => one(f64::to_radians),
            _ => return Err(Error::user(format!("unknown function {name}"))),
        },
        other => return Err(Error::internal(format!("{other:?} is no function of doubles"))),
    })
}

/// RAND() and RAND_INTEGER(bound), seeded by the system once a batch.
pub(super) fn random(integer: bool) -> Kernel {
    Box::new(move |call| {
        let mut state = getrandom::u64().map_err(|e| Error::internal(format!("no random numbers: {e}")))?;
        // SplitMix64.
        let mut next = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        if !integer {
            return Ok(doubles(&SqlType::Double, call.rows, |_| Some((next() >> 11) as f64 / (1_u64 << 53) as f64)));
        }
        let bound = call.integers(call.args.len() - 1)?;
        let problems = &mut *call.problems;
        integers(call.ty, call.rows, |i| {
            let bound = bound.get(i)?;
            match u64::try_from(bound) {
                Ok(b) if b > 0 => Some((next() % b) as i64),
                _ => {
                    problems.fail(
                        i,
                        "IllegalArgumentException",
                        format!("RAND_INTEGER needs a positive bound, not {bound}"),
                    );
                    None
                }
            }
        })
    })
}
