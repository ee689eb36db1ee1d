//! AND, OR, CASE and COALESCE: what is evaluated for which rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, new_null_array};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::DataType as ArrowType;
use tidegate_core::{Error, Result};

use super::frame::{Frame, indices};
use super::graph::Id;
use super::value::{Value, arrow};

impl Frame<'_> {
    /// AND and OR. A part that can fail or costs much sees only the rows that the parts before it
    /// have not decided.
    pub(super) fn logic(&self, ids: &[Id], and: bool) -> Result<Value> {
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
    pub(super) fn case(&self, ids: &[Id]) -> Result<Value> {
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

    pub(super) fn coalesce(&self, ids: &[Id]) -> Result<Value> {
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
