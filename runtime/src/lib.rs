//! Runs a plan: operators, state, epochs, the log, commits and recovery.

pub mod batch;
pub mod hash;
pub mod metrics;
pub mod operator;
pub mod commit;
pub mod failpoint;
pub mod store;
