//! Script text to statements. See [`crate::ast`] for what comes out.

pub(crate) mod cursor;
pub mod types;
