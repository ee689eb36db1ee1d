//! What a compiled function looks like: a closure over its arguments' arrays.

use arrow_array::ArrayRef;
use tidegate_core::{DataType, Result, Scalar, SqlType};

use super::EvalContext;
use super::value::Value;
use super::view::{Booleans, Bytes, Decimals, Doubles, Integers, Texts};

/// A compiled operation: arguments in, an array of `call.rows` values out.
pub(super) type Kernel = Box<dyn Fn(&mut Call<'_>) -> Result<ArrayRef> + Send + Sync>;

/// One evaluation of a kernel. Where all arguments are constant `rows` is 1.
pub(super) struct Call<'a> {
    pub args: &'a [Value],
    pub rows: usize,
    pub ty: &'a SqlType,
    pub context: &'a EvalContext,
    pub problems: &'a mut Problems,
}

/// What a kernel could not compute, by row of the call.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub errors: Vec<(usize, &'static str, String)>,
    /// Rows whose value became NULL by rule: how many, the first one.
    pub nulls: Option<(u64, usize)>,
}

impl Problems {
    /// The row has no result.
    pub fn fail(&mut self, row: usize, class: &'static str, reason: impl Into<String>) {
        self.errors.push((row, class, reason.into()));
    }
    /// The row's value became NULL by rule.
    pub fn count_null(&mut self, row: usize) {
        let (count, _) = self.nulls.get_or_insert((0, row));
        *count += 1;
    }
}

impl<'a> Call<'a> {
    pub fn texts(&self, arg: usize) -> Result<Texts<'a>> {
        Texts::of(&self.args[arg])
    }
    pub fn integers(&self, arg: usize) -> Result<Integers<'a>> {
        Integers::of(&self.args[arg])
    }
    pub fn doubles(&self, arg: usize) -> Result<Doubles<'a>> {
        Doubles::of(&self.args[arg])
    }
    pub fn decimals(&self, arg: usize) -> Result<Decimals<'a>> {
        Decimals::of(&self.args[arg])
    }
    pub fn booleans(&self, arg: usize) -> Result<Booleans<'a>> {
        Booleans::of(&self.args[arg])
    }
    pub fn bytes(&self, arg: usize) -> Result<Bytes<'a>> {
        Bytes::of(&self.args[arg])
    }
}

/// What is known of an argument when a function is compiled.
pub(super) struct Arg {
    pub data_type: DataType,
    /// Its value, where it is constant.
    pub literal: Option<Scalar>,
    /// Whether it is JSON built by JSON_OBJECT or JSON_ARRAY, which nest unquoted.
    pub is_json: bool,
}

impl Arg {
    pub fn ty(&self) -> &SqlType {
        &self.data_type.ty
    }
    /// The text, where it is a constant one.
    pub fn text(&self) -> Option<&str> {
        match &self.literal {
            Some(Scalar::Text(t)) => Some(t),
            _ => None,
        }
    }
}
