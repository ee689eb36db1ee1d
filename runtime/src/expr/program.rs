//! Compiled programs: what operators hold.

use std::cell::RefCell;

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use tidegate_core::{Column, Error, Result, SqlType};
use tidegate_plan::Expr;

use super::branch::tristate;
use super::frame::{Frame, Run, indices};
use super::graph::{Graph, Id};
use super::value::Value;
use super::{EvalContext, RowErrors};

/// A list of expressions over one input.
pub struct Program {
    graph: Graph,
    outputs: Vec<Id>,
}

impl Program {
    /// Compiles expressions over columns `input`.
    ///
    /// # Errors
    /// A combination of types or a constant argument that no function takes, with its place in the
    /// SQL text.
    pub fn compile(exprs: &[Expr], input: &[Column]) -> Result<Program> {
        let mut graph = Graph::new(input);
        let outputs = exprs.iter().map(|e| graph.add(e)).collect::<Result<_>>()?;
        Ok(Program { graph, outputs })
    }

    /// Whether some row may fail, or be counted: then only rows that need the result may be given to it.
    pub fn has_effects(&self) -> bool {
        self.outputs.iter().any(|id| self.graph.nodes[*id].effects)
    }

    /// Evaluates all expressions for all rows. A row that fails is NULL in the columns that need
    /// what failed, and listed.
    ///
    /// # Errors
    /// Where the batch does not have the columns the program was compiled for.
    pub fn evaluate(&mut self, rows: &RecordBatch, ctx: &EvalContext, errors: &mut RowErrors) -> Result<Vec<ArrayRef>> {
        let run = Run { graph: &self.graph, input: rows, context: ctx, errors: RefCell::default() };
        let frame = Frame::root(&run);
        let columns = outputs(&frame, &self.outputs)?;
        drop(frame);
        finish(run.errors.into_inner(), errors);
        Ok(columns)
    }
}

/// A filter and a projection as one program.
pub struct CalcProgram {
    fanout: FanoutProgram,
}

/// Rows that passed a filter, projected.
#[derive(Debug, Clone)]
pub struct CalcResult {
    /// The input's rows that passed and did not fail, in order; `None` for all.
    pub selected: Option<UInt32Array>,
    /// The output columns, one value a selected row.
    pub columns: Vec<ArrayRef>,
    /// The columns have a value for each row of the input instead ([`FanoutProgram::keep_all_rows`]).
    pub whole: bool,
}

impl CalcProgram {
    /// Compiles a filter (rows for which it is TRUE are kept) and the output columns.
    ///
    /// # Errors
    /// As [`Program::compile`]; a filter that is not BOOLEAN.
    pub fn compile(filter: Option<&Expr>, exprs: &[Expr], input: &[Column]) -> Result<CalcProgram> {
        Ok(CalcProgram { fanout: FanoutProgram::compile(&[(filter, exprs)], input)? })
    }

    /// Evaluates the filter, then the columns for the rows it keeps. Rows that fail are listed and
    /// left out.
    ///
    /// # Errors
    /// As [`Program::evaluate`].
    pub fn evaluate(&mut self, rows: &RecordBatch, ctx: &EvalContext, errors: &mut RowErrors) -> Result<CalcResult> {
        let mut results = self.fanout.evaluate(rows, ctx, errors)?;
        results.pop().ok_or_else(|| Error::internal("a calc program without output"))
    }
}

/// Many filters and projections over one input, sharing what they have in common.
pub struct FanoutProgram {
    graph: Graph,
    outputs: Vec<Output>,
}

struct Output {
    filter: Option<Id>,
    columns: Vec<Id>,
    /// The columns have all rows of the input.
    whole: bool,
}

impl FanoutProgram {
    /// Compiles `(filter, columns)` pairs.
    ///
    /// # Errors
    /// As [`CalcProgram::compile`].
    pub fn compile(outputs: &[(Option<&Expr>, &[Expr])], input: &[Column]) -> Result<FanoutProgram> {
        let mut graph = Graph::new(input);
        let mut compiled = Vec::with_capacity(outputs.len());
        for (filter, columns) in outputs {
            if let Some(f) = filter
                && !matches!(f.data_type.ty, SqlType::Boolean | SqlType::Null)
            {
                return Err(Error::user(format!("a filter must be BOOLEAN, not {}", f.data_type.ty)).at(f.span));
            }
            let filter = filter.map(|f| graph.add(f)).transpose()?;
            let columns = columns.iter().map(|e| graph.add(e)).collect::<Result<_>>()?;
            compiled.push(Output { filter, columns, whole: false });
        }
        Ok(FanoutProgram { graph, outputs: compiled })
    }

    /// Makes the columns of a pair for all rows of the input, whichever its filter keeps, if computing them
    /// for the others costs little and shows nowhere. Says whether it does.
    pub fn keep_all_rows(&mut self, output: usize) -> bool {
        let Some(output) = self.outputs.get_mut(output) else { return false };
        output.whole = output.columns.iter().all(|id| !self.graph.is_lazy(*id));
        output.whole
    }

    /// Evaluates every pair. A row that fails in one of them is left out of all: it is one record
    /// to its reader, who gets it back as a whole.
    ///
    /// # Errors
    /// As [`Program::evaluate`].
    pub fn evaluate(
        &mut self,
        rows: &RecordBatch,
        ctx: &EvalContext,
        errors: &mut RowErrors,
    ) -> Result<Vec<CalcResult>> {
        let run = Run { graph: &self.graph, input: rows, context: ctx, errors: RefCell::default() };
        let root = Frame::root(&run);
        // All filters first: what they compute for all rows the projections take from there.
        let filters = self.outputs.iter().map(|o| selection(&root, o.filter)).collect::<Result<Vec<_>>>()?;
        let mut results = Vec::with_capacity(self.outputs.len());
        for (output, selected) in self.outputs.iter().zip(filters) {
            results.push(project(&root, output, selected)?);
        }
        drop(root);
        let mut own = RowErrors::default();
        finish(run.errors.into_inner(), &mut own);
        if !own.errors.is_empty() {
            for result in &mut results {
                leave_out(result, &own, rows.num_rows())?;
            }
        }
        errors.errors.append(&mut own.errors);
        errors.nulls.append(&mut own.nulls);
        Ok(results)
    }
}

/// The rows a filter keeps; `None` for all.
fn selection(root: &Frame<'_>, filter: Option<Id>) -> Result<Option<UInt32Array>> {
    let Some(id) = filter else { return Ok(None) };
    let (truth, _) = tristate(&root.value(id)?, root.rows)?;
    if truth.count_set_bits() == root.rows {
        return Ok(None);
    }
    Ok(Some(indices(&truth)))
}

fn project(root: &Frame<'_>, output: &Output, selected: Option<UInt32Array>) -> Result<CalcResult> {
    let columns = match &selected {
        Some(rows) if !output.whole => outputs(&root.select(rows.clone()), &output.columns)?,
        _ => outputs(root, &output.columns)?,
    };
    Ok(CalcResult { selected, columns, whole: output.whole })
}

fn outputs(frame: &Frame<'_>, ids: &[Id]) -> Result<Vec<ArrayRef>> {
    ids.iter()
        .map(|id| {
            let value: Value = frame.value(*id)?;
            value.expand(frame.rows)
        })
        .collect()
}

/// Removes failed rows from a result.
fn leave_out(result: &mut CalcResult, errors: &RowErrors, rows: usize) -> Result<()> {
    let failed = |row: u32| errors.errors.binary_search_by_key(&row, |e| e.row).is_ok();
    let selected = result.selected.take().unwrap_or_else(|| UInt32Array::from_iter_values(0..rows as u32));
    let kept: UInt32Array =
        selected.values().iter().enumerate().filter(|(_, row)| !failed(**row)).map(|(i, _)| i as u32).collect();
    if !result.whole {
        for column in &mut result.columns {
            *column = super::frame::take(column, &kept)?;
        }
    }
    result.selected = Some(kept.values().iter().map(|i| selected.value(*i as usize)).collect());
    Ok(())
}

/// Sorts by row, keeps one error a row, and hands over.
fn finish(mut own: RowErrors, out: &mut RowErrors) {
    own.errors.sort_by_key(|e| e.row);
    own.errors.dedup_by_key(|e| e.row);
    out.errors.append(&mut own.errors);
    out.nulls.append(&mut own.nulls);
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({} nodes, {} outputs)", self.graph.nodes.len(), self.outputs.len())
    }
}

impl std::fmt::Debug for CalcProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CalcProgram({} nodes)", self.fanout.graph.nodes.len())
    }
}

impl std::fmt::Debug for FanoutProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FanoutProgram({} nodes, {} outputs)", self.graph.nodes.len(), self.outputs.len())
    }
}
