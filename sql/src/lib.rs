//! Flink, Blink and UFlink SQL to a typed plan. No I/O.

pub mod ast;
pub mod bind;
pub mod catalog;
pub mod dialect;
mod explain;
mod graph;
mod lints;
pub mod parse;
mod planner;
pub mod settings;

pub use explain::explain;
pub use planner::{PlanOptions, Planned, PlannedInsert, check_script, plan_query, plan_script};
