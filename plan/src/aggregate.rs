//! Aggregate calls.

use serde::{Deserialize, Serialize};
use tidegate_core::DataType;

/// One aggregate over columns of the operator's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// Which.
    pub function: AggregateFunction,
    /// Input columns of its arguments.
    pub args: Vec<usize>,
    /// Each distinct argument counts once.
    pub distinct: bool,
    /// A BOOLEAN input column: only rows where it is TRUE count.
    pub filter: Option<usize>,
    /// The result's type; for AVG it decides between truncating integers, decimals and doubles.
    pub data_type: DataType,
}

/// Aggregate functions. NULL arguments are ignored by all but `CountAll`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AggregateFunction {
    /// COUNT(*), COUNT(1)
    CountAll,
    /// COUNT(x)
    Count,
    /// SUM, of the argument's type (decimals widen to 38 digits); integers wrap as Flink's do.
    /// NULL where there was no value.
    Sum,
    /// SUM0: zero where there was no value.
    Sum0,
    /// AVG: sum and count; the result type decides how they are divided.
    Avg,
    /// MIN
    Min,
    /// MAX
    Max,
    /// FIRST_VALUE(x[, order]): the first non-NULL in arrival order, or that of the smallest order
    FirstValue,
    /// LAST_VALUE(x[, order]): the last non-NULL in arrival order, or that of the largest order (ties
    /// keep the earlier row)
    LastValue,
    /// LISTAGG(x, separator)
    ListAgg(String),
    /// STDDEV_POP, STDDEV_SAMP, VAR_POP, VAR_SAMP
    Variance {
        /// The sample variant (n - 1).
        sample: bool,
        /// The square root of it.
        root: bool,
    },
    /// COLLECT → MULTISET is refused; ARRAY_AGG keeps arrival order.
    ArrayAgg,
}
