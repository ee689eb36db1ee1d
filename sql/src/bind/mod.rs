//! The binder: `sqlparser`'s trees to the typed graph.
//!
//! # Why an own binder and not DataFusion's sub-crates
//! A spike compared both over the same AST. DataFusion's crates cost about ten minutes of release
//! build on two cores, the whole budget of a newcomer's first command; their coercions (`number =
//! text` compares as text), their plan-time folding of `now()`, their default LIKE escape and their
//! NULL rules contradict every dialect here somewhere, so most of what they would save had to be
//! undone by rewrites; and they lose source spans, without which no error or lint can point at its
//! line. Types and messages are exactly Flink's where they are ours to choose.
//!
//! # How it works
//! ```text
//! table    a declaration as a relation: scan → normalise → computed columns, event time
//! query    WITH, set operations, VALUES, FROM            select   one SELECT
//! group    GROUP BY, windows in both spellings           rank     ROW_NUMBER() … <= n
//! expr     expressions, with functions/ and aggregate    insert   onto the target's columns
//! ```
//! Everything about a dialect is decided here: an expression that leaves this module means one thing.
//! What differs, and why, is the table in [`differences`].

pub(crate) mod aggregate;
pub(crate) mod cast;
pub(crate) mod compare;
pub mod differences;
pub(crate) mod env;
pub(crate) mod expr;
pub(crate) mod functions;
pub(crate) mod group;
pub(crate) mod insert;
pub(crate) mod json_path;
pub(crate) mod literal;
pub(crate) mod query;
pub(crate) mod rank;
pub(crate) mod relation;
pub(crate) mod scope;
pub(crate) mod select;
pub(crate) mod table;
pub(crate) mod types;
pub(crate) mod window;
