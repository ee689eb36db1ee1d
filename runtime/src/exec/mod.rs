//! Execution: tasks, queues, sources, watermarks, barriers.
//!
//! ```text
//! splits ──> source task ──(exchange: bounded queues)──> task ──> sink writer ──> job log
//!               ▲   barrier, aligned at every inbox ──────────────────┘ ack
//!               └───────────────── coordinator ── decide ──> committers
//! ```
//! - [`graph`]: which nodes run chained, and where rows change tasks
//! - [`chain`], [`fanout`], [`sink`]: the operators of a task
//! - [`inbox`], [`exchange`]: queues between tasks; [`task`]: a task behind one
//! - [`source`], [`split`], [`scan`], [`lateness`], [`watermarks`], [`drift`]: a task that reads
//! - [`coordinator`]: epochs from barrier to decision
//! - [`start`], [`build`]: from a plan and a state directory to running tasks; [`follow`]: splits and
//!   ends that become known later
//! - [`bad_rows`], [`dead_letters`]: rows that cannot be computed; [`refused`]: rows that a target does
//!   not take
//! - [`query`]: a bare SELECT, without a state directory

pub mod bad_rows;
pub mod build;
pub mod chain;
pub mod control;
pub mod coordinator;
pub mod dead_letters;
pub mod drift;
pub mod exchange;
pub mod fanout;
pub mod follow;
pub mod graph;
pub mod inbox;
pub mod lateness;
pub mod query;
pub mod refused;
pub mod scan;
pub mod sink;
pub mod source;
pub mod spawn;
pub mod split;
pub mod start;
pub mod task;
pub mod tell;
pub mod values;
pub mod watermarks;

#[cfg(test)]
mod tests;
