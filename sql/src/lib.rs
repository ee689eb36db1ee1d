//! Flink, Blink and UFlink SQL to a typed plan. No I/O.

pub mod ast;
pub mod catalog;
pub mod dialect;
pub mod parse;
pub mod settings;
