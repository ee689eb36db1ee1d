//! Runs a plan: operators, state, epochs, the log, commits and recovery.

pub mod batch;
pub mod expr;
pub mod hash;
pub mod metrics;
pub mod operator;
pub mod ops;
pub mod state;
pub mod commit;
pub mod failpoint;
pub mod store;
