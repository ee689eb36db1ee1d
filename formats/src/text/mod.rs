//! Text to value and value to text, as Java and Flink print and read them: pure functions, no I/O,
//! no Arrow.
//!
//! | module | what |
//! |---|---|
//! | [`number`] | integers, `Double.toString`, Java's number parsing |
//! | [`decimal`] | exact decimals: text, rounding, limits |
//! | [`buffer`] | what printers append to |
//! | [`short`] | comparing and copying a few bytes |
//! | [`calendar`] | days, months and weekdays on plain integers |
//! | [`zone`] | offsets of a time zone, from a table |
//! | [`timestamp`] | SQL text of TIMESTAMP, DATE and TIME |
//! | [`pattern`] | `yyyy-MM-dd HH:mm:ss` and friends, in both of Java's readings |
//! | [`cast`] | CAST between text and every scalar type |
//!
//! Printers append to a [`buffer::TextBuffer`] so that a caller can build a row's text without temporaries.

pub mod buffer;
pub mod calendar;
pub mod cast;
pub mod decimal;
pub mod number;
pub mod pattern;
pub mod short;
pub mod timestamp;
pub mod zone;
