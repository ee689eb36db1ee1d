//! Tables in SQLite files: what a MySQL table, an HBase table or an Elasticsearch index is to its
//! server. `tables/<name>.db` holds the rows, what has been declared of them, and the fences of the
//! sinks that write them, so that rows and fence change in one transaction.
//!
//! | SQL | SQLite |
//! |---|---|
//! | TINYINT … BIGINT, BOOLEAN | INTEGER |
//! | FLOAT, DOUBLE | REAL |
//! | DECIMAL | TEXT, all digits of the scale |
//! | CHAR, VARCHAR | TEXT |
//! | BINARY, VARBINARY | BLOB |
//! | DATE, TIME | TEXT `2020-08-27`, `08:00:00[.123]` |
//! | TIMESTAMP | TEXT `2020-08-27 08:00:00[.123[456]]`, a wall clock |
//! | TIMESTAMP_LTZ | the same in UTC with a `Z` after it: an instant |
//! | ROW, ARRAY, MAP | TEXT with JSON; in HBase tables a ROW is a column family and becomes one column `family:qualifier` a field |
//!
//! A table without a primary key is appended to and read in that order. With one, a row replaces
//! the columns it carries of the row with its key: a column that a batch lacks keeps its value.
//!
//! Several declarations may share a table (four jobs that each write some columns of a product, a
//! sink and a lookup): columns are added as they are declared. Columns of one name must be of one
//! kind, and writers must agree on the key; where not, the error names both declarations.

mod cell;
mod declare;
mod fence;
mod file;
mod layout;
mod lookup;
mod nested;
mod sink;
mod source;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::bound as bound_for_tests;

pub use file::{Access, TableFile};
pub use lookup::TableLookup;
pub use sink::TableSink;
pub use source::TableSource;
