//! Evaluation: a frame is a set of rows with the values computed for them so far. A branch that only
//! some rows reach is evaluated in a frame of its own; what an outer frame has already computed is
//! taken from there.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
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
    fn knows(&self, id: Id) -> bool {
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
            array = self.report_errors(&array, &problems, constant)?;
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
    fn report_errors(&self, array: &ArrayRef, problems: &Problems, constant: bool) -> Result<ArrayRef> {
        let mut errors = self.run.errors.borrow_mut();
        for (row, class, reason) in &problems.errors {
            let rows = if constant { 0..self.rows } else { *row..row + 1 };
            errors.errors.extend(rows.map(|r| RowError { row: self.batch_row(r), class, reason: reason.clone() }));
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

    /// AND and OR. A part that can fail or costs much sees only the rows that the parts before it
    /// have not decided.
    fn logic(&self, ids: &[Id], and: bool) -> Result<Value> {
        let n = self.rows;
        let (mut truth, mut falsity) = if and {
            (BooleanBuffer::new_set(n), BooleanBuffer::new_unset(n))
        } else {
            (BooleanBuffer::new_unset(n), BooleanBuffer::new_set(n))
        };
        for (i, id) in ids.iter().enumerate() {
            let open = if and { !&falsity } else { !&truth };
            let lazy = i > 0 && self.run.graph.is_lazy(*id) && !self.knows(*id);
            let undecided = open.count_set_bits();
            if undecided == 0 {
                break;
            }
            let (t, f) = if lazy && undecided < n {
                let rows = UInt32Array::from_iter_values(open.set_indices_u32());
                let inner = self.select(rows.clone());
                let (t, f) = tristate(&inner.value(*id)?, rows.len())?;
                // Rows that are decided already: the neutral value.
                (scatter(&rows, &t, n, and), scatter(&rows, &f, n, !and))
            } else {
                tristate(&self.value(*id)?, n)?
            };
            if and {
                truth = &truth & &t;
                falsity = &falsity | &f;
            } else {
                truth = &truth | &t;
                falsity = &falsity & &f;
            }
        }
        let known = &truth | &falsity;
        let nulls = (known.count_set_bits() < n).then(|| NullBuffer::new(known));
        Ok(Value::column(Arc::new(BooleanArray::new(truth, nulls))))
    }

    /// CASE: which branch each row takes, the branches' values, and their interleaving.
    fn case(&self, ids: &[Id]) -> Result<Value> {
        let (otherwise, pairs) = ids.split_last().ok_or_else(|| Error::internal("CASE without ELSE"))?;
        let mut remaining: Option<UInt32Array> = None;
        let mut choices: Vec<Choice> = Vec::with_capacity(pairs.len() / 2 + 1);
        for pair in pairs.chunks_exact(2) {
            let (hit, miss) = self.split(pair[0], remaining.as_ref())?;
            remaining = Some(miss);
            choices.push(Choice { id: pair[1], rows: hit });
        }
        let rest = remaining.unwrap_or_else(|| UInt32Array::from_iter_values(0..self.rows as u32));
        choices.push(Choice { id: *otherwise, rows: rest });
        self.assemble(&choices)
    }

    /// The rows (of `among`) for which a condition is TRUE, and the others.
    fn split(&self, condition: Id, among: Option<&UInt32Array>) -> Result<(UInt32Array, UInt32Array)> {
        let lazy = self.run.graph.is_lazy(condition) && !self.knows(condition);
        let Some(among) = among else {
            let (t, _) = tristate(&self.value(condition)?, self.rows)?;
            return Ok((indices(&t), indices(&!&t)));
        };
        let (mut hit, mut miss) = (Vec::new(), Vec::new());
        if lazy && among.len() < self.rows {
            if !among.is_empty() {
                let (t, _) = tristate(&self.select(among.clone()).value(condition)?, among.len())?;
                for (i, row) in among.values().iter().enumerate() {
                    if t.value(i) { hit.push(*row) } else { miss.push(*row) }
                }
            }
        } else {
            let (t, _) = tristate(&self.value(condition)?, self.rows)?;
            for row in among.values() {
                if t.value(*row as usize) { hit.push(*row) } else { miss.push(*row) }
            }
        }
        Ok((hit.into(), miss.into()))
    }

    fn coalesce(&self, ids: &[Id]) -> Result<Value> {
        let mut remaining = UInt32Array::from_iter_values(0..self.rows as u32);
        let mut choices: Vec<Choice> = Vec::with_capacity(ids.len());
        for (i, id) in ids.iter().enumerate() {
            if remaining.is_empty() {
                break;
            }
            let value = self.branch(*id, &remaining)?;
            let (mut hit, mut miss) = (Vec::new(), Vec::new());
            for (k, row) in remaining.values().iter().enumerate() {
                let null = value.value.array.is_null(value.position(k, *row));
                if null && i + 1 < ids.len() { miss.push(*row) } else { hit.push(*row) }
            }
            // A value taken for some of the rows only is found again by the row it belongs to.
            choices.push(Choice { id: *id, rows: hit.into() });
            remaining = miss.into();
        }
        self.assemble(&choices)
    }

    /// A branch's value for some rows: for these alone where it is lazy, else for all.
    fn branch(&self, id: Id, rows: &UInt32Array) -> Result<Branch> {
        let lazy = self.run.graph.is_lazy(id) && !self.knows(id) && rows.len() < self.rows;
        if lazy {
            return Ok(Branch { value: self.select(rows.clone()).value(id)?, by_row: false });
        }
        Ok(Branch { value: self.value(id)?, by_row: true })
    }

    fn assemble(&self, choices: &[Choice]) -> Result<Value> {
        let used: Vec<&Choice> = choices.iter().filter(|c| !c.rows.is_empty()).collect();
        if let [only] = used.as_slice() {
            // Every row takes the same branch.
            return self.value(only.id);
        }
        let Some(first) = choices.first() else { return Err(Error::internal("no branches")) };
        if used.is_empty() {
            let ty = self.run.graph.nodes[first.id].data_type.ty.to_arrow();
            return Ok(Value::column(new_null_array(&ty, 0)));
        }
        let mut values: Vec<Value> = Vec::with_capacity(used.len());
        let mut source = vec![(0_usize, 0_usize); self.rows];
        for choice in used {
            let branch = self.branch(choice.id, &choice.rows)?;
            for (k, row) in choice.rows.values().iter().enumerate() {
                source[*row as usize] = (values.len(), branch.position(k, *row));
            }
            values.push(branch.value);
        }
        let arrays = same_type(&values)?;
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        Ok(Value::column(arrow_select::interleave::interleave(&arrays, &source).map_err(arrow)?))
    }
}

/// Rows that take one branch.
struct Choice {
    id: Id,
    rows: UInt32Array,
}

/// A branch's value, and how it is indexed.
struct Branch {
    value: Value,
    /// By the frame's rows, not by the position among the branch's rows.
    by_row: bool,
}

impl Branch {
    fn position(&self, k: usize, row: u32) -> usize {
        if self.value.constant {
            0
        } else if self.by_row {
            row as usize
        } else {
            k
        }
    }
}

/// A bare NULL has no type of its own: it takes that of the other branches.
fn same_type(values: &[Value]) -> Result<Vec<ArrayRef>> {
    let ty = values.iter().map(|v| v.array.data_type()).find(|t| **t != ArrowType::Null);
    let Some(ty) = ty else { return Ok(values.iter().map(|v| Arc::clone(&v.array)).collect()) };
    values
        .iter()
        .map(|v| match v.array.data_type() {
            t if t == ty => Ok(Arc::clone(&v.array)),
            ArrowType::Null => Ok(new_null_array(ty, v.array.len())),
            other => Err(Error::internal(format!("branches of {ty} and {other}"))),
        })
        .collect()
}

/// Where a boolean value is TRUE and where FALSE.
pub(super) fn tristate(value: &Value, rows: usize) -> Result<(BooleanBuffer, BooleanBuffer)> {
    if value.array.data_type() == &ArrowType::Null {
        return Ok((BooleanBuffer::new_unset(rows), BooleanBuffer::new_unset(rows)));
    }
    let Some(array) = value.array.as_boolean_opt() else {
        return Err(Error::internal(format!("a condition is {}, not BOOLEAN", value.array.data_type())));
    };
    if value.constant {
        let full = |on: bool| if on { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
        let known = array.is_valid(0);
        return Ok((full(known && array.value(0)), full(known && !array.value(0))));
    }
    let values = array.values();
    Ok(match array.nulls() {
        None => (values.clone(), !values),
        Some(nulls) => (values & nulls.inner(), &!values & nulls.inner()),
    })
}

fn scatter(rows: &UInt32Array, bits: &BooleanBuffer, n: usize, default: bool) -> BooleanBuffer {
    let mut out = vec![default; n];
    for (i, row) in rows.values().iter().enumerate() {
        out[*row as usize] = bits.value(i);
    }
    BooleanBuffer::from(out)
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
