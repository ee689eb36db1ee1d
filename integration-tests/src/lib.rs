//! Runs the `tidegate` program as a person would and reads what it left behind by other means than
//! the engine: topics through the log's reader, tables through SQLite.
//!
//! Everything here panics on failure: it exists for tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "test support")]

pub mod ask;
pub mod broker;
pub mod deaths;
pub mod golden;
pub mod javatext;
pub mod kafka_acls;
pub mod kafka_job;
pub mod kafka_kill;
pub mod kafka_topics;
pub mod kill;
pub mod old_broker;
pub mod oracle;
pub mod place;
pub mod process;
pub mod proxy;
pub mod python;
pub mod settle;
pub mod topics;
pub mod wide;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// All rows of an embedded table as JSON values, in order of `order_by`.
pub fn table_rows(data: &Path, table: &str, order_by: &str) -> Vec<Vec<Value>> {
    let path = data.join("tables").join(format!("{table}.db"));
    let db = rusqlite::Connection::open_with_flags(&path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let order = if order_by.is_empty() { String::new() } else { format!(" ORDER BY {order_by}") };
    let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\"{order}")).expect("a table");
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            (0..columns)
                .map(|i| {
                    row.get_ref(i).map(|v| match v {
                        rusqlite::types::ValueRef::Null => Value::Null,
                        rusqlite::types::ValueRef::Integer(n) => Value::from(n),
                        rusqlite::types::ValueRef::Real(r) => Value::from(r),
                        rusqlite::types::ValueRef::Text(t) => Value::from(String::from_utf8_lossy(t).into_owned()),
                        rusqlite::types::ValueRef::Blob(b) => Value::from(format!("{b:02x?}")),
                    })
                })
                .collect()
        })
        .expect("rows");
    rows.map(|r| r.expect("a row")).collect()
}
