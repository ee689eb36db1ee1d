//! Applying what has been decided.

pub mod committer;
pub mod progress;

pub use committer::{CommitOptions, Committers, OnReject, start_committers};
pub use progress::{Progress, SinkProgress};
