//! A window table function without aggregation: each row once for each window it lies in, with
//! window_start, window_end and window_time. Nothing is late here.

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::SchemaRef;
use tidegate_core::types::arrow_schema;
use tidegate_core::{Error, Result};
use tidegate_plan::{Node, Window, WindowKind};

use super::aggregate::push_boundaries;
use super::assign::{Assigner, Bounds};
use crate::batch::Batch;
use crate::operator::{Operator, OperatorContext, Output};
use crate::ops::changes::record_batch;

/// The operator.
pub struct WindowTable {
    time: Option<usize>,
    assigner: Assigner,
    schema: SchemaRef,
    ctx: OperatorContext,
}

impl WindowTable {
    /// Builds it.
    ///
    /// # Errors
    /// For session windows, which only an aggregation can close.
    pub fn new(node: &Node, window: &Window, ctx: OperatorContext) -> Result<Self> {
        if matches!(window.kind, WindowKind::Session { .. }) {
            return Err(Error::user("a SESSION window needs a GROUP BY over window_start and window_end"));
        }
        Ok(WindowTable {
            time: window.time,
            assigner: Assigner::new(window)?,
            schema: arrow_schema(&node.columns),
            ctx,
        })
    }
}

impl Operator for WindowTable {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let (times, valid) = super::times(&batch, self.time, None, self.ctx.clock.now_millis(), out)?;
        let (mut rows, mut bounds): (Vec<u32>, Vec<Bounds>) = Default::default();
        for (row, time) in times.iter().enumerate() {
            if valid.as_ref().is_some_and(|v| v.is_null(row)) {
                continue;
            }
            let pane = self.assigner.pane(*time);
            for b in self.assigner.windows(pane) {
                rows.push(row as u32);
                bounds.push(b);
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        let mut batch = batch.take(&UInt32Array::from(rows))?;
        let mut columns: Vec<ArrayRef> = batch.change.rows.columns().to_vec();
        push_boundaries(&mut columns, &self.assigner, &self.schema, &bounds)?;
        batch.change.rows = record_batch(&self.schema, columns, bounds.len())?;
        out.emit(batch)
    }
}
