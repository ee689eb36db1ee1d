//! The typed streaming plan: what `tidegate-sql` produces and `tidegate-runtime` runs. No I/O, no
//! parser, and nothing that depends on a dialect.

pub mod aggregate;
pub mod expr;
pub mod function;
pub mod node;

pub use aggregate::{AggregateCall, AggregateFunction};
pub use expr::{Expr, ExprKind, JsonCall, JsonCallKind, JsonWrapper, OnJson};
pub use function::{DateUnit, Function, JsonKind, TrimSide};
pub use node::{
    Changes, EventTime, Insert, Node, NodeId, OnRowError, Op, Plan, Scan, Settings, Sink, SortColumn, Warning, Window,
    WindowKind,
};

/// A hash that may be persisted: XXH3, 64 bit, seed 0, of the bytes.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
