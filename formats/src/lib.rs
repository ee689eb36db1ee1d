//! Bytes to columns and back.
//!
//! | module | what |
//! |---|---|
//! | [`decode`] | messages of a source into the columns a plan asks for |
//! | [`encode`] | columns into messages for a sink |
//! | [`json`] | scanner, path programs, tree, and the SQL/JSON functions |
//! | [`text`] | numbers, timestamps and casts as text |
//!
//! Nothing here does I/O, and nothing knows a connector.

pub mod decode;
pub mod encode;
pub mod json;
pub mod text;
