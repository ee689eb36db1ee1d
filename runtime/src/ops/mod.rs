//! The streaming operators, one file each, over the keyed state of [`crate::state`].

pub mod calc;
#[cfg(test)]
mod calc_tests;
mod changes;
pub mod first;
pub mod group_aggregate;
#[cfg(test)]
mod group_aggregate_tests;
#[cfg(test)]
mod group_calc_tests;
#[cfg(test)]
mod keyed_tests;
pub mod latest;
pub mod sink;
#[cfg(test)]
pub(crate) mod test_kit;
pub mod top_n;
mod trial;
pub mod window;

use std::sync::Arc;

use arrow_schema::DataType;
use tidegate_core::{Error, Result};
use tidegate_plan::{Node, Op, Plan, WindowKind};

use self::latest::{Keep, LatestRow};
use self::top_n::Ranks;
use self::window::local::LocalWindowAggregate;
use crate::metrics::OperatorMetrics;
use crate::operator::{Operator, OperatorContext};
use crate::state::groups::Groups;

/// The operator of a GROUP BY and the Calc behind it, for which [`group_aggregate::fuses`] holds.
///
/// # Errors
/// Where the plan does not fit together.
pub fn build_fused(
    (node, ctx): (&Node, OperatorContext),
    (calc, metrics): (&Node, Arc<OperatorMetrics>),
    plan: &Plan,
) -> Result<Box<dyn Operator>> {
    let Op::GroupAggregate { keys, aggregates } = &node.op else {
        return Err(Error::internal(format!("{} takes no Calc in", node.label)));
    };
    let aggregate = group_aggregate::GroupAggregate::new(node, plan, keys, aggregates, ctx)?;
    Ok(Box::new(aggregate.with_calc(calc, node, metrics)?))
}

/// The operator of a node. Scans, constant rows, unions and sinks belong to the execution.
///
/// # Errors
/// Where the plan does not fit together.
pub fn build(node: &Node, plan: &Plan, ctx: OperatorContext) -> Result<Box<dyn Operator>> {
    Ok(match &node.op {
        Op::Calc { filter, exprs } => Box::new(calc::Calc::new(node, plan, filter.as_ref(), exprs, ctx)?),
        Op::GroupAggregate { keys, aggregates } => {
            Box::new(group_aggregate::GroupAggregate::new(node, plan, keys, aggregates, ctx)?)
        }
        Op::WindowAggregate { window, keys, aggregates, .. } => {
            if matches!(window.kind, WindowKind::Session { .. }) {
                Box::new(window::session::SessionAggregate::new(node, plan, window, keys, aggregates, ctx)?)
            } else {
                Box::new(window::aggregate::WindowAggregate::new(node, plan, window, keys, aggregates, ctx)?)
            }
        }
        Op::WindowTable(window) => Box::new(window::table::WindowTable::new(node, window, ctx)?),
        Op::Deduplicate { keys, order, keep_last: false } if order.is_none() || node.changes.is_append() => {
            Box::new(first::FirstRow::new(node, plan, keys, *order, ctx))
        }
        Op::Deduplicate { keys, order, keep_last } => {
            let keep = if *keep_last { Keep::Last } else { Keep::First };
            Box::new(LatestRow::new(node, plan, keys, *order, keep, ctx)?)
        }
        Op::Normalize { keys } => Box::new(LatestRow::new(node, plan, keys, None, Keep::Upsert, ctx)?),
        Op::TopN { keys, order, from, to, with_rank } => {
            let ranks = Ranks { keys, order, from: *from, to: *to, with_rank: *with_rank };
            Box::new(top_n::TopN::new(node, plan, &ranks, ctx)?)
        }
        _ => return Err(Error::internal(format!("{} is no operator", node.label))),
    })
}

/// The part of a node that stands before the exchange in front of it, where it has one. It hands on
/// batches with [`crate::batch::Batch::local`] and has no state.
///
/// # Errors
/// Where the plan does not fit together.
pub fn local(node: &Node, plan: &Plan, ctx: OperatorContext) -> Result<Option<Box<dyn Operator>>> {
    Ok(match &node.op {
        Op::WindowAggregate { window, keys, aggregates, .. } if !matches!(window.kind, WindowKind::Session { .. }) => {
            LocalWindowAggregate::new(node, plan, window, keys, aggregates, ctx)?.map(|op| Box::new(op) as _)
        }
        _ => None,
    })
}

/// What an aggregate reads.
struct Input {
    types: Vec<DataType>,
    /// Whether rows can be taken back.
    retract: bool,
}

impl Input {
    fn of(node: &Node, plan: &Plan) -> Result<Self> {
        let input = &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("an aggregate without input"))?];
        let types = input.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        Ok(Input { types, retract: input.changes.update_before || input.changes.delete })
    }
    /// The types of some columns.
    fn types_of(&self, columns: &[usize]) -> Vec<DataType> {
        columns.iter().map(|c| self.types[*c].clone()).collect()
    }
}

/// Counts sums that have left their range since the last call.
fn count_overflows(groups: &mut Groups, metrics: &OperatorMetrics) {
    let overflows = groups.take_overflows();
    report_overflows(overflows, metrics, |group| groups.keys().describe(group));
}

/// Reports so many overflows, one of them of a group whose key `describe` gives.
fn report_overflows(overflows: Option<(u64, u32)>, metrics: &OperatorMetrics, describe: impl FnOnce(u32) -> String) {
    if let Some((n, group)) = overflows {
        metrics.count("sum-overflow", n, || format!("group {}", describe(group)));
    }
}
