//! Runs a plan: operators, state, epochs, the log, commits and recovery.

pub mod batch;
pub mod hash;
pub mod metrics;
pub mod operator;
