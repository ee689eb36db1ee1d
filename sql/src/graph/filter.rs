//! Conditions: what they read, and the part of them that a decoder can check.

use tidegate_core::scan::RowFilter;
use tidegate_core::{Scalar, SqlType};
use tidegate_plan::{Expr, ExprKind};

use super::conjuncts;

/// Whether a condition reads only these columns.
pub(crate) fn only_reads(e: &Expr, columns: Option<&Vec<usize>>) -> bool {
    let mut read = std::collections::BTreeSet::new();
    e.collect_columns(&mut read);
    columns.is_some_and(|c| read.iter().all(|r| c.contains(r)))
}

/// The conjuncts of a condition over scan fields that compare fields with constants.
pub(crate) fn pushable(e: &Expr) -> Vec<RowFilter> {
    conjuncts(e).into_iter().filter_map(translate).collect()
}

fn translate(e: &Expr) -> Option<RowFilter> {
    match &e.kind {
        ExprKind::And(all) => all.iter().map(translate).collect::<Option<Vec<_>>>().map(RowFilter::And),
        ExprKind::Or(all) => all.iter().map(translate).collect::<Option<Vec<_>>>().map(RowFilter::Or),
        ExprKind::Compare { op, left, right } => {
            if let (Some(field), Some(value)) = (field(left), constant(right)) {
                return Some(RowFilter::Compare { field, op: *op, value });
            }
            let (field, value) = (field(right)?, constant(left)?);
            Some(RowFilter::Compare { field, op: flip(*op), value })
        }
        ExprKind::In { input, values, negated: false } => {
            let field = field(input)?;
            let values: Vec<Scalar> = values.iter().filter(|v| !v.is_null()).cloned().collect();
            Some(RowFilter::In { field, values })
        }
        ExprKind::IsNull(x) => field(x).map(RowFilter::IsNull),
        ExprKind::IsNotNull(x) => field(x).map(RowFilter::IsNotNull),
        _ => None,
    }
}

fn flip(op: tidegate_core::scan::CompareOp) -> tidegate_core::scan::CompareOp {
    use tidegate_core::scan::CompareOp as C;
    match op {
        C::Lt => C::Gt,
        C::LtEq => C::GtEq,
        C::Gt => C::Lt,
        C::GtEq => C::LtEq,
        same => same,
    }
}

/// A field of a type that a decoder compares.
fn field(e: &Expr) -> Option<usize> {
    let simple = match &e.data_type.ty {
        SqlType::Boolean => true,
        t => t.is_integer() || t.is_text() || t.is_approximate(),
    };
    e.as_column().filter(|_| simple)
}

fn constant(e: &Expr) -> Option<Scalar> {
    match &e.kind {
        ExprKind::Literal(v) if !v.is_null() => Some(v.clone()),
        _ => None,
    }
}

/// The condition that some consumer wants a row: parts common to all first, so that a decoder can
/// stop early. Each consumer is its list of conjuncts; an empty one wants every row.
pub(crate) fn any_of(consumers: &[Vec<RowFilter>]) -> Option<RowFilter> {
    let first = consumers.first()?;
    if consumers.iter().any(Vec::is_empty) {
        return None;
    }
    let common: Vec<RowFilter> = first.iter().filter(|p| consumers.iter().all(|c| c.contains(p))).cloned().collect();
    let rest: Vec<Vec<RowFilter>> =
        consumers.iter().map(|c| c.iter().filter(|p| !common.contains(p)).cloned().collect()).collect();
    let mut parts = common;
    if rest.iter().all(|r: &Vec<RowFilter>| !r.is_empty()) {
        let mut branches: Vec<RowFilter> = Vec::new();
        for r in rest {
            let branch = all_of(r);
            if !branches.contains(&branch) {
                branches.push(branch);
            }
        }
        parts.push(if branches.len() == 1 { branches.remove(0) } else { RowFilter::Or(branches) });
    }
    Some(all_of(parts))
}

fn all_of(mut parts: Vec<RowFilter>) -> RowFilter {
    if parts.len() == 1 { parts.remove(0) } else { RowFilter::And(parts) }
}
