//! The contract between Tidegate and its connectors: everything a connector author reads, and all
//! that a connector depends on. No vendor is named here.
//!
//! Start at [`source::Source`] to read a system, at [`sink`] to write one, and at
//! [`registry::Connector`] to give it a name and options.

pub mod change;
pub mod clock;
pub mod dialect;
pub mod error;
pub mod failpoint;
pub mod fencing;
pub mod format_options;
pub mod lookup;
pub mod lookup_options;
pub mod message;
mod option_values;
pub mod options;
pub mod raw;
pub mod registry;
pub mod scalar;
pub mod scan;
pub mod sink;
pub mod source;
pub mod split;
pub mod table;
pub mod types;

pub use change::{ChangeBatch, RowKind};
pub use clock::{Clock, SystemClock};
pub use dialect::Dialect;
pub use error::{Domain, Error, Result, ResultExt, Retry, Span};
pub use scalar::Scalar;
pub use types::{Column, DataType, SqlType};
