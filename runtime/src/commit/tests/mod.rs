//! Store and committers together, against a target in memory.

mod crashes;
mod levels;
mod memory;
mod takeover;
