//! Expressions: lists of [`tidegate_plan::Expr`] compiled into one program and evaluated over
//! batches.
//!
//! - Equal sub-expressions are one node of the program's graph and are computed once a batch, also
//!   across the INSERTs of a [`FanoutProgram`].
//! - Sub-trees without columns are folded when they are compiled, unless they are not deterministic
//!   or fail; a clock is read once a batch ([`EvalContext`]).
//! - Branches of CASE, COALESCE, AND and OR that can fail, count or cost much run only for the rows
//!   that reach them; cheap ones run for all rows because that is faster.
//! - A row that cannot be computed (a failed CAST, a division by zero) is NULL in the result and
//!   listed in [`RowErrors`]; a cast whose rule says NULL is counted there.

mod arithmetic;
mod branch;
mod cast;
mod collection;
mod compare;
mod concat;
mod condition;
mod digest;
mod frame;
mod function;
mod graph;
mod join;
mod json;
mod json_build;
mod kernel;
mod like;
mod logic;
mod maths;
mod program;
mod regex_text;
mod string;
#[cfg(test)]
mod tests;
mod time;
mod time_text;
mod url;
mod value;
mod view;

pub use program::{CalcProgram, CalcResult, FanoutProgram, Program};

/// What evaluation needs besides the rows.
#[derive(Debug, Clone, Copy)]
pub struct EvalContext {
    /// The time of this batch, µs since 1970: one value for all its rows.
    pub now_micros: i64,
}

/// A row that could not be computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// Its index in the batch.
    pub row: u32,
    /// A short stable class, as Flink's exception is called: `NumberFormatException`.
    pub class: &'static str,
    /// The reason, for people.
    pub reason: String,
    /// The expression that failed, in words and with its place.
    pub what: String,
}

/// Casts that gave NULL because their value could not be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullCount {
    /// Which cast: `CAST(… AS BIGINT) at 12:5`.
    pub what: String,
    /// How many rows.
    pub count: u64,
    /// The first of them in the batch.
    pub first_row: u32,
}

/// What went wrong in a batch. Evaluating adds to it.
#[derive(Debug, Clone, Default)]
pub struct RowErrors {
    /// Rows that could not be computed, each once, in order of rows.
    pub errors: Vec<RowError>,
    /// Values that became NULL.
    pub nulls: Vec<NullCount>,
}

impl RowErrors {
    /// Whether nothing went wrong and nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.nulls.is_empty()
    }
}
