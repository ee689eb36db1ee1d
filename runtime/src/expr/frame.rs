//! Evaluation: a frame is a set of rows with the values computed for them so far. A branch that only
//! some rows reach is evaluated in a frame of its own; what an outer frame has already computed is
//! taken from there.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType as ArrowType, Schema};
use tidegate_core::{Error, Result};

use super::concat;
use super::graph::{Graph, Id, Op};
use super::kernel::{Call, Problems};
use super::value::{Value, arrow, slices};
use super::{EvalContext, NullCount, RowError, RowErrors};

/// What all frames of one evaluation share.
pub(super) struct Run<'a> {
    pub graph: &'a Graph,
    pub input: &'a RecordBatch,
    pub context: &'a EvalContext,
    pub errors: RefCell<RowErrors>,
}

/// Some rows of the batch.
pub(super) struct Frame<'a> {
    pub run: &'a Run<'a>,
    pub rows: usize,
    parent: Option<&'a Frame<'a>>,
    /// Rows of the parent; `None` for all.
    in_parent: Option<UInt32Array>,
    /// Rows of the batch; `None` for all.
    in_batch: Option<UInt32Array>,
    memo: RefCell<Vec<Option<Value>>>,
}

impl<'a> Frame<'a> {
    /// All rows of the batch.
    pub fn root(run: &'a Run<'a>) -> Frame<'a> {
        let memo = RefCell::new(vec![None; run.graph.nodes.len()]);
        Frame { run, rows: run.input.num_rows(), parent: None, in_parent: None, in_batch: None, memo }
    }

    /// Rows of this frame, in their order.
    pub fn select(&'a self, rows: UInt32Array) -> Frame<'a> {
        let in_batch = match &self.in_batch {
            None => rows.clone(),
            Some(mine) => UInt32Array::from_iter_values(rows.values().iter().map(|r| mine.value(*r as usize))),
        };
        Frame {
            run: self.run,
            rows: rows.len(),
            parent: Some(self),
            in_parent: Some(rows),
            in_batch: Some(in_batch),
            memo: RefCell::new(vec![None; self.run.graph.nodes.len()]),
        }
    }

    /// The value of a node over no input at all, for folding.
    pub fn constant(graph: &Graph, id: Id, context: &EvalContext, problems: &mut Problems) -> Result<ArrayRef> {
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(1));
        let input = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).map_err(arrow)?;
        let run = Run { graph, input: &input, context, errors: RefCell::default() };
        let value = Frame::root(&run).value(id)?;
        for e in run.errors.into_inner().errors {
            problems.fail(0, e.class, e.reason);
        }
        value.expand(1)
    }

    /// The row of the batch behind a row of this frame.
    pub fn batch_row(&self, row: usize) -> u32 {
        self.in_batch.as_ref().map_or(row as u32, |rows| rows.value(row))
    }

    /// Rows of the batch, where the frame is a selection.
    pub fn batch_rows(&self) -> Option<&UInt32Array> {
        self.in_batch.as_ref()
    }

    /// The node's value for the frame's rows.
    pub fn value(&self, id: Id) -> Result<Value> {
        if let Some(value) = &self.memo.borrow()[id] {
            return Ok(value.clone());
        }
        let value = self.compute(id)?;
        self.memo.borrow_mut()[id] = Some(value.clone());
        Ok(value)
    }

    /// Whether the value is known here or further out.
    pub(super) fn knows(&self, id: Id) -> bool {
        self.memo.borrow()[id].is_some() || self.parent.is_some_and(|p| p.knows(id))
    }

    /// A value that is read at rows of the batch, without taking them: a column, or what the
    /// outermost frame knows. The flag says that it is indexed by rows of the batch.
    pub fn unselected(&self, id: Id) -> Result<(Value, bool)> {
        if self.in_batch.is_some() && self.memo.borrow()[id].is_none() {
            if let Op::Column(i) = self.run.graph.nodes[id].op {
                return Ok((Value::column(plain(self.run.input.column(i))?), true));
            }
            let mut outer = self;
            while let Some(parent) = outer.parent {
                outer = parent;
            }
            if let Some(value) = &outer.memo.borrow()[id] {
                let indexed = !value.constant;
                return Ok((value.clone(), indexed));
            }
        }
        Ok((self.value(id)?, false))
    }

    fn compute(&self, id: Id) -> Result<Value> {
        let node = &self.run.graph.nodes[id];
        match &node.op {
            Op::Literal(array) => return Ok(Value::constant(Arc::clone(array))),
            Op::Column(i) => {
                let column = plain(self.run.input.column(*i))?;
                return match &self.in_batch {
                    None => Ok(Value::column(column)),
                    Some(rows) => Ok(Value::column(take(&column, rows)?)),
                };
            }
            _ => {}
        }
        if let (Some(parent), Some(rows)) = (self.parent, &self.in_parent)
            && parent.knows(id)
        {
            let value = parent.value(id)?;
            return if value.constant { Ok(value) } else { Ok(Value::column(take(&value.array, rows)?)) };
        }
        match &node.op {
            Op::And(ids) => self.logic(ids, true),
            Op::Or(ids) => self.logic(ids, false),
            Op::Case(ids) => self.case(ids),
            Op::Coalesce(ids) => self.coalesce(ids),
            Op::Concat { pieces, skip_nulls } => concat::run(self, pieces, *skip_nulls),
            _ => self.kernel(id),
        }
    }

    fn kernel(&self, id: Id) -> Result<Value> {
        let node = &self.run.graph.nodes[id];
        let Op::Kernel { kernel, args, per_row } = &node.op else {
            return Err(Error::internal("not a kernel"));
        };
        let args = args.iter().map(|a| self.value(*a)).collect::<Result<Vec<_>>>()?;
        let constant = !per_row && args.iter().all(|a| a.constant);
        let rows = if constant { 1 } else { self.rows };
        let mut problems = Problems::default();
        let call =
            &mut Call { args: &args, rows, ty: &node.data_type.ty, context: self.run.context, problems: &mut problems };
        let mut array = kernel(call)?;
        if array.len() != rows {
            return Err(Error::internal(format!("a kernel gave {} rows instead of {rows}", array.len())));
        }
        if !problems.errors.is_empty() {
            array = self.report_errors(&array, &problems, constant, &node.what)?;
        }
        if let Some((count, first)) = problems.nulls
            && self.rows > 0
        {
            let count = if constant { self.rows as u64 } else { count };
            self.count_nulls(&node.what, count, self.batch_row(if constant { 0 } else { first }));
        }
        Ok(Value { array, constant })
    }

    /// Lists the errors and makes their rows NULL.
    fn report_errors(&self, array: &ArrayRef, problems: &Problems, constant: bool, what: &str) -> Result<ArrayRef> {
        let mut errors = self.run.errors.borrow_mut();
        for (row, class, reason) in &problems.errors {
            let rows = if constant { 0..self.rows } else { *row..row + 1 };
            errors.errors.extend(rows.map(|r| RowError {
                row: self.batch_row(r),
                class,
                reason: reason.clone(),
                what: what.to_owned(),
            }));
        }
        let mut valid = vec![true; array.len()];
        for (row, ..) in &problems.errors {
            valid[*row] = false;
        }
        let nulls = NullBuffer::union(array.nulls(), Some(&NullBuffer::from(valid)));
        let data = array.to_data().into_builder().nulls(nulls).build().map_err(arrow)?;
        Ok(arrow_array::make_array(data))
    }

    fn count_nulls(&self, what: &str, count: u64, first_row: u32) {
        let nulls = &mut self.run.errors.borrow_mut().nulls;
        match nulls.iter_mut().find(|n| n.what == what) {
            Some(n) => {
                n.count += count;
                n.first_row = n.first_row.min(first_row);
            }
            None => nulls.push(NullCount { what: what.to_string(), count, first_row }),
        }
    }
}

/// The rows whose bit is set.
pub(super) fn indices(bits: &BooleanBuffer) -> UInt32Array {
    UInt32Array::from_iter_values(bits.set_indices_u32())
}

pub(super) fn take(array: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    arrow_select::take::take(array, rows, None).map_err(arrow)
}

/// Kernels know text as Utf8 only; a view that a decoder left is copied once.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        ArrowType::Utf8View => {
            let view = array.as_string_view();
            Ok(slices(view.len(), |i| view.is_valid(i).then(|| view.value(i))))
        }
        _ => Ok(Arc::clone(array)),
    }
}
