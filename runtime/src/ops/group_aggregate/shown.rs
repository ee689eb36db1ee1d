//! What is seen of groups: their results, or what the Calc behind the aggregate makes of key and results.
//!
//! A fused Calc is asked before changes are made into rows. So columns are gathered only for groups that
//! pass its filter, those of the filter one condition after the other, and a change that cannot be seen
//! behind the Calc is none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::SchemaRef;
use tidegate_core::scan::CompareOp;
use tidegate_core::types::arrow_schema;
use tidegate_core::{Clock, Column, Result, SqlType};
use tidegate_plan::{Expr, ExprKind, Node, Op};

use crate::expr::{EvalContext, Program, RowErrors};
use crate::metrics::OperatorMetrics;
use crate::ops::changes::record_batch;
use crate::state::groups::Groups;

/// The row of a group that is not seen.
pub(super) const HIDDEN: u32 = u32::MAX;

/// What is seen of some groups.
pub(super) struct Seen {
    /// For each group its row in `columns`, or [`HIDDEN`].
    pub rows: Vec<u32>,
    /// Number of rows in `columns`.
    pub len: u32,
    /// The columns; without the key's where results are shown as they are.
    pub columns: Vec<ArrayRef>,
}

/// What is shown of a group.
pub(super) enum Shown {
    /// Its results, beside its key.
    Results,
    /// The output of the Calc behind the aggregate.
    Calc(Box<FusedCalc>),
}

impl Shown {
    /// What is seen of groups as they are now. Groups for which the Calc fails are not seen, and listed.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn of(&mut self, groups: &Groups, ids: &[u32], errors: &mut RowErrors) -> Result<Seen> {
        match self {
            Shown::Results => {
                let len = ids.len() as u32;
                Ok(Seen { rows: (0..len).collect(), len, columns: groups.results(ids)? })
            }
            Shown::Calc(calc) => calc.of(groups, ids, errors),
        }
    }
}

/// A Calc that only an aggregate feeds.
pub(super) struct FusedCalc {
    conditions: Vec<Part>,
    outputs: Part,
    clock: Arc<dyn Clock>,
    /// The columns it gives.
    pub schema: SchemaRef,
    /// Its counters.
    pub metrics: Arc<OperatorMetrics>,
}

/// Whether a Calc may be asked about one state of a group again and again: it always answers the same.
pub fn fuses(calc: &Node) -> bool {
    let Op::Calc { filter, exprs } = &calc.op else { return false };
    exprs.iter().chain(filter).all(Expr::is_deterministic)
        && filter.iter().flat_map(conjuncts).all(|c| c.data_type.ty == SqlType::Boolean)
}

impl FusedCalc {
    /// Of a Calc over an aggregate with these columns.
    ///
    /// # Errors
    /// Where an expression does not compile.
    pub fn new(calc: &Node, input: &[Column], clock: Arc<dyn Clock>, metrics: Arc<OperatorMetrics>) -> Result<Self> {
        let (filter, exprs) = match &calc.op {
            Op::Calc { filter, exprs } => (filter.as_ref(), exprs.as_slice()),
            _ => (None, &[][..]),
        };
        let conditions = filter.map(|f| conditions(f, input)).transpose()?.unwrap_or_default();
        Ok(FusedCalc {
            conditions: conditions.into_iter().map(|c| Part::new(vec![c], input)).collect::<Result<_>>()?,
            outputs: Part::new(exprs.to_vec(), input)?,
            clock,
            schema: arrow_schema(&calc.columns),
            metrics,
        })
    }

    fn of(&mut self, groups: &Groups, ids: &[u32], errors: &mut RowErrors) -> Result<Seen> {
        let now = EvalContext { now_micros: self.clock.now_micros() };
        let mut places: Vec<u32> = (0..ids.len() as u32).collect();
        let mut left = ids.to_vec();
        for condition in &mut self.conditions {
            let truth = condition.evaluate(groups, &left, &now, errors)?;
            let truth = truth[0].as_boolean();
            let kept: Vec<usize> = (0..left.len()).filter(|i| truth.is_valid(*i) && truth.value(*i)).collect();
            places = kept.iter().map(|i| places[*i]).collect();
            left = kept.iter().map(|i| left[*i]).collect();
        }
        let mut failed = RowErrors::default();
        let columns = self.outputs.evaluate(groups, &left, &now, &mut failed)?;
        let mut rows = vec![HIDDEN; ids.len()];
        places.iter().enumerate().for_each(|(row, place)| rows[*place as usize] = row as u32);
        failed.errors.iter().for_each(|e| rows[places[e.row as usize] as usize] = HIDDEN);
        errors.errors.append(&mut failed.errors);
        errors.nulls.append(&mut failed.nulls);
        Ok(Seen { rows, len: left.len() as u32, columns })
    }
}

/// Expressions over some columns of an aggregate.
struct Part {
    program: Program,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Part {
    fn new(mut exprs: Vec<Expr>, input: &[Column]) -> Result<Part> {
        let mut read = BTreeSet::new();
        exprs.iter().for_each(|e| e.collect_columns(&mut read));
        let place: BTreeMap<usize, usize> = read.iter().enumerate().map(|(i, column)| (*column, i)).collect();
        exprs.iter_mut().for_each(|e| e.remap(&|column| place[&column]));
        let own: Vec<Column> = read.iter().map(|c| input[*c].clone()).collect();
        let program = Program::compile(&exprs, &own)?;
        Ok(Part { program, columns: read.into_iter().collect(), schema: arrow_schema(&own) })
    }

    fn evaluate(
        &mut self,
        groups: &Groups,
        ids: &[u32],
        now: &EvalContext,
        errors: &mut RowErrors,
    ) -> Result<Vec<ArrayRef>> {
        let rows = record_batch(&self.schema, groups.output(&self.columns, ids)?, ids.len())?;
        self.program.evaluate(&rows, now, errors)
    }
}

/// The parts of a filter in the order in which they are asked: where none of them can fail those over the
/// same columns together, and first those that compare for equality, which leave the fewest groups.
fn conditions(filter: &Expr, input: &[Column]) -> Result<Vec<Expr>> {
    if Program::compile(std::slice::from_ref(filter), input)?.has_effects() {
        return Ok(vec![filter.clone()]);
    }
    let mut over: Vec<(BTreeSet<usize>, Vec<Expr>)> = Vec::new();
    for condition in conjuncts(filter) {
        let mut columns = BTreeSet::new();
        condition.collect_columns(&mut columns);
        match over.iter_mut().find(|(c, _)| *c == columns) {
            Some((_, parts)) => parts.push(condition.clone()),
            None => over.push((columns, vec![condition.clone()])),
        }
    }
    over.sort_by_key(|(_, parts)| !parts.iter().any(is_equality));
    Ok(over.into_iter().map(|(_, parts)| all_of(parts, filter)).collect())
}

fn conjuncts(filter: &Expr) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match &filter.kind {
        ExprKind::And(parts) => Box::new(parts.iter().flat_map(conjuncts)),
        _ => Box::new(std::iter::once(filter)),
    }
}

fn all_of(mut parts: Vec<Expr>, filter: &Expr) -> Expr {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            Expr::new(ExprKind::And(parts), filter.data_type.clone()).at(filter.span)
        }
    }
}

fn is_equality(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Compare { op: CompareOp::Eq, .. } | ExprKind::In { negated: false, .. })
}
