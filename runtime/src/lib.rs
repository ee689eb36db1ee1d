//! Runs a plan: operators, state, epochs, the log, commits and recovery.

pub mod batch;
pub mod commit;
pub mod exec;
pub mod expr;
pub mod hash;
pub mod job;
pub mod metrics;
pub mod operator;
pub mod ops;
pub mod state;
pub mod store;
