//! Applying what has been decided: the second half of exactly once.
//!
//! Where to find a step:
//! - reading all fences, refusing before any is claimed: [`start`] (the calls), [`admission`] and
//!   [`verify`] (the rules, pure)
//! - claim, apply, doubt, replaced: [`protocol`] (the rules, pure), `fenced` (the calls)
//! - sinks without a fence: `plain`; with a native two-phase commit: `two_phase`
//! - removed sinks: [`start::drain_removed`]
//! - starting, stopping, waiting: [`committer`]; how long a stop waits: `patience` (pure); how far it is: [`progress`], [`board`]
//! - cutting decided rows into units: [`crate::store::units`]; recording: [`crate::store::lanes`]

pub mod admission;
pub mod board;
pub mod committer;
mod fenced;
mod lane;
mod patience;
mod plain;
pub mod progress;
pub mod protocol;
pub mod start;
#[cfg(test)]
mod tests;
mod two_phase;
pub mod verify;

pub use committer::{CommitOptions, Committers, OnReject, start_committers};
pub use progress::{Progress, SinkProgress};
pub use start::foresee;
