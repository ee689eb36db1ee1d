//! The streaming operators, one file each, over the keyed state of [`crate::state`].

mod changes;
pub mod group_aggregate;
pub mod sink;
pub mod window;

use tidegate_core::{Error, Result};
use tidegate_plan::{Node, Op, Plan, WindowKind};

use crate::operator::{Operator, OperatorContext};

/// The operator of a node. Scans, constant rows, unions and sinks belong to the execution.
///
/// # Errors
/// Where the plan does not fit together.
pub fn build(node: &Node, plan: &Plan, ctx: OperatorContext) -> Result<Box<dyn Operator>> {
    Ok(match &node.op {
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
        _ => return Err(Error::internal(format!("{} is no operator", node.label))),
    })
}
