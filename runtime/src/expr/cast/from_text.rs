//! Casts from text.

use arrow_array::ArrayRef;
use tidegate_core::scan::{CastRule, OnCastError};
use tidegate_core::{Error, Result, SqlType};
use tidegate_formats::text::cast::{self, CastProblem};
use tidegate_formats::text::zone::Zone;

use super::super::kernel::{Call, Kernel, Problems};
use super::super::value::{booleans, decimals, doubles, integers};
use super::super::view::Texts;

/// Text to a number, BOOLEAN or time.
pub(super) fn compile(to: SqlType, rule: CastRule, zone: Zone) -> Kernel {
    Box::new(move |call| run(call, &to, rule, &zone))
}

fn run(call: &mut Call<'_>, to: &SqlType, rule: CastRule, zone: &Zone) -> Result<ArrayRef> {
    let input = call.texts(0)?;
    let rows = call.rows;
    let mut rows_of = Rows { input, rule, problems: &mut *call.problems };
    let flavor = rule.flavor;
    if let Some((min, max)) = cast::integer_range(to) {
        return integers(to, rows, |i| rows_of.read(i, |t| cast::integer(t.as_bytes(), flavor, min, max)));
    }
    match to {
        SqlType::Double => Ok(doubles(to, rows, |i| rows_of.read(i, cast::double))),
        SqlType::Float => Ok(doubles(to, rows, |i| rows_of.read(i, |t| cast::float(t).map(f64::from)))),
        SqlType::Boolean => Ok(booleans(rows, |i| rows_of.read(i, cast::boolean))),
        SqlType::Decimal(p, s) => decimals(*p, *s, rows, |i| {
            let value = rows_of.read(i, |t| cast::decimal(t.as_bytes(), *p, *s))?;
            if value.is_none() {
                rows_of.problems.count_null(i);
            }
            value
        }),
        SqlType::Timestamp(p) => integers(to, rows, |i| rows_of.read(i, |t| cast::timestamp(t, flavor, *p))),
        SqlType::TimestampLtz(p) => integers(to, rows, |i| rows_of.read(i, |t| cast::instant(t, flavor, *p, zone))),
        SqlType::Date => integers(to, rows, |i| rows_of.read(i, cast::date)),
        SqlType::Time(_) => integers(to, rows, |i| rows_of.read(i, cast::time)),
        other => Err(Error::internal(format!("no cast from text to {other}"))),
    }
}

/// The texts of a call, and where their problems go.
struct Rows<'a, 'p> {
    input: Texts<'a>,
    rule: CastRule,
    problems: &'p mut Problems,
}

impl Rows<'_, '_> {
    fn read<T>(&mut self, row: usize, parse: impl FnOnce(&str) -> Result<T, CastProblem>) -> Option<T> {
        let text = self.input.get(row)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(_) if self.rule.on_error == OnCastError::Null => {
                self.problems.count_null(row);
                None
            }
            Err(problem) => {
                self.problems.fail(row, problem.class(), problem.reason(text));
                None
            }
        }
    }
}
