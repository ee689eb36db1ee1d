//! Several Calcs over one input, evaluated together so that what they share is computed once.

use std::sync::Arc;

use tidegate_core::{Clock, Error, Result};
use tidegate_plan::{Node, Op, Plan};

use crate::batch::Batch;
use crate::expr::{CalcResult, EvalContext, FanoutProgram, RowErrors};
use crate::metrics::OperatorMetrics;
use crate::operator::Output;
use crate::ops::calc::{Shape, report};

use super::chain::{Consumer, Router};

/// The Calcs.
pub struct Fanout {
    program: FanoutProgram,
    branches: Vec<Branch>,
    clock: Arc<dyn Clock>,
}

struct Branch {
    shape: Shape,
    metrics: Arc<OperatorMetrics>,
    place: String,
}

impl Fanout {
    /// Of Calc nodes with one common input; for each its counters and its place in messages.
    ///
    /// # Errors
    /// Where an expression does not compile.
    pub fn new(nodes: Vec<(&Node, Arc<OperatorMetrics>, String)>, plan: &Plan, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut calcs = Vec::new();
        let mut branches = Vec::new();
        let mut input = None;
        for (node, metrics, place) in nodes {
            let Op::Calc { filter, exprs } = &node.op else { return Err(Error::internal("only Calcs are fused")) };
            calcs.push((filter.as_ref(), exprs.as_slice()));
            branches.push(Branch { shape: Shape::new(node), metrics, place });
            input = node.inputs.first().copied();
        }
        let input = input.ok_or_else(|| Error::internal("a Calc without input"))?;
        let program = FanoutProgram::compile(&calcs, &plan.nodes[input].columns)?;
        Ok(Fanout { program, branches, clock })
    }

    /// Lets a branch, whose rows go to operators that take selected ones, hand on all rows with the
    /// selection, if what it computes allows that.
    pub fn select_only(&mut self, branch: usize) {
        self.program.keep_all_rows(branch);
    }

    /// Evaluates all Calcs and hands each one's rows to its consumers, in order.
    ///
    /// # Errors
    /// Whatever stops the job.
    pub fn process(&mut self, batch: &Batch, consumers: &[Vec<Consumer>], out: &mut Router<'_>) -> Result<()> {
        let now = EvalContext { now_micros: self.clock.now_micros() };
        let mut errors = RowErrors::default();
        let results = self.program.evaluate(&batch.change.rows, &now, &mut errors)?;
        // A row that one of them cannot compute is reported once, for all.
        if let (false, Some(first)) = (errors.is_empty(), self.branches.first()) {
            report(&errors, batch.origin.as_ref(), &first.metrics, out)?;
        }
        for ((branch, result), consumers) in self.branches.iter().zip(results).zip(consumers) {
            OperatorMetrics::add(&branch.metrics.rows_in, batch.len() as u64);
            let mut out = out.branch(consumers, &branch.metrics, &branch.place);
            match result {
                CalcResult { selected: Some(rows), columns, whole: true } => {
                    let all = CalcResult { selected: None, columns, whole: true };
                    out.emit_selected(branch.shape.rows(batch, all)?, &rows)?;
                }
                result => out.emit(branch.shape.rows(batch, result)?)?,
            }
        }
        Ok(())
    }
}
