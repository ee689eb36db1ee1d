//! Filter and projection.

use arrow_schema::SchemaRef;
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Column, Error, Result};
use tidegate_plan::{Expr, Node, Plan};

use super::changes::record_batch;
use crate::batch::{Batch, Origin};
use crate::expr::{CalcProgram, CalcResult, EvalContext, RowErrors};
use crate::metrics::OperatorMetrics;
use crate::operator::{BadRow, Operator, OperatorContext, Output};

/// The operator.
pub struct Calc {
    program: CalcProgram,
    shape: Shape,
    ctx: OperatorContext,
}

/// What the rows of a Calc look like.
#[derive(Debug, Clone)]
pub struct Shape {
    schema: SchemaRef,
    has_time: bool,
}

impl Shape {
    /// Of a node's output.
    pub fn new(node: &Node) -> Self {
        Shape { schema: arrow_schema(&node.columns), has_time: node.time_column.is_some() }
    }
    /// The rows of a result whose columns have the selected rows, with the kinds, marks and origin of the
    /// rows they come from.
    ///
    /// # Errors
    /// Where the columns are not those of the node.
    pub fn rows(&self, input: &Batch, result: CalcResult) -> Result<Batch> {
        let CalcResult { selected, columns, .. } = result;
        let n = selected.as_ref().map_or(input.len(), arrow_array::Array::len);
        let rows = record_batch(&self.schema, columns, n)?;
        let marks = if self.has_time { input.marks.clone() } else { None };
        let Some(selected) = selected else {
            let change = ChangeBatch { rows, kinds: input.change.kinds.clone() };
            return Ok(Batch { change, marks, origin: input.origin.clone(), local: None });
        };
        let pick = |i: &u32| *i as usize;
        let kinds = input.change.kinds.as_ref().map(|k| selected.values().iter().map(|i| k.value(pick(i))).collect());
        let marks = marks.map(|m| selected.values().iter().map(|i| m.value(pick(i))).collect());
        Ok(Batch {
            change: ChangeBatch { rows, kinds },
            marks,
            origin: input.origin.as_ref().map(|o| o.take(&selected)),
            local: None,
        })
    }
}

impl Calc {
    /// Compiles a Calc node.
    ///
    /// # Errors
    /// Where an expression does not compile.
    pub fn new(node: &Node, plan: &Plan, filter: Option<&Expr>, exprs: &[Expr], ctx: OperatorContext) -> Result<Self> {
        let input: &[Column] =
            &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("a Calc without input"))?].columns;
        Ok(Calc { program: CalcProgram::compile(filter, exprs, input)?, shape: Shape::new(node), ctx })
    }
}

impl Operator for Calc {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let mut errors = RowErrors::default();
        let now = EvalContext { now_micros: self.ctx.clock.now_micros() };
        let result = self.program.evaluate(&batch.change.rows, &now, &mut errors)?;
        report(&errors, batch.origin.as_ref(), &self.ctx.metrics, out)?;
        let rows = self.shape.rows(&batch, result)?;
        if rows.is_empty() { Ok(()) } else { out.emit(rows) }
    }
}

/// Hands over rows that could not be computed, and counts values that became NULL.
///
/// # Errors
/// Where the policy is to stop.
pub fn report(
    errors: &RowErrors,
    origin: Option<&Origin>,
    metrics: &OperatorMetrics,
    out: &mut dyn Output,
) -> Result<()> {
    for null in &errors.nulls {
        metrics.count(&format!("cast-null:{}", null.what), null.count, || {
            origin.map(|o| o.describe(null.first_row as usize)).unwrap_or_default()
        });
    }
    for error in &errors.errors {
        let origin = origin.map(|o| (o.clone(), error.row as usize));
        out.bad_row(BadRow { origin, reason: format!("{}: {}", error.what, error.reason), class: error.class })?;
    }
    Ok(())
}
