//! What is in an embedded directory, as declarations: so that it can be queried without a job.

use std::fmt::Write;
use std::path::Path;

use tidegate_core::Result;

use crate::log::Log;
use crate::table::TableFile;

/// CREATE TABLE statements, in the flink dialect, for every table and every topic. A topic has its
/// key and message as text, and what the log knows of each; where a table has the same name, the
/// topic is called `<name>_topic`.
pub(crate) fn declare_all(dir: &Path) -> Result<String> {
    let mut out = String::new();
    let tables = TableFile::list(dir)?;
    for name in &tables {
        if let Some(table) = TableFile::open(dir, name)? {
            out += &declare_table(name, &table);
        }
    }
    for topic in Log::list(dir)? {
        let name = if tables.contains(&topic) { format!("{topic}_topic") } else { topic.clone() };
        out += &declare_topic(&name, &topic);
    }
    Ok(out)
}

fn declare_table(name: &str, table: &TableFile) -> String {
    let mut parts: Vec<String> =
        table.columns().iter().map(|c| format!("  {} {}", identifier(&c.name), c.data_type.ty)).collect();
    if !table.primary_key().is_empty() {
        let key: Vec<String> = table.primary_key().iter().map(|k| identifier(k)).collect();
        parts.push(format!("  PRIMARY KEY ({}) NOT ENFORCED", key.join(", ")));
    }
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "CREATE TABLE {} (\n{}\n) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://embedded/tables', 'table-name' = {});",
        identifier(name),
        parts.join(",\n"),
        literal(name)
    );
    out
}

fn declare_topic(name: &str, topic: &str) -> String {
    format!(
        "CREATE TABLE {} (\n  `message_key` STRING,\n  `message` STRING,\n  `partition` INT METADATA VIRTUAL,\n  \
         `offset` BIGINT METADATA VIRTUAL,\n  `timestamp` TIMESTAMP_LTZ(3) METADATA VIRTUAL\n) WITH (\n  \
         'connector' = 'kafka', 'topic' = {}, 'properties.bootstrap.servers' = 'embedded',\n  \
         'scan.startup.mode' = 'earliest-offset', 'key.format' = 'raw', 'key.fields' = 'message_key',\n  \
         'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY');\n",
        identifier(name),
        literal(topic)
    )
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::{Column, SqlType};

    use crate::table::{Access, bound_for_tests};

    #[test]
    fn tables_and_topics_are_declared_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let columns =
            [Column::new("id", SqlType::BigInt.nullable()), Column::new("a`b", SqlType::Decimal(5, 2).nullable())];
        TableFile::declare(dir.path(), "it's", &bound_for_tests("jdbc", &columns, &["id"]), Access::Write).unwrap();
        Log::create(dir.path(), "it's", 1).unwrap();
        let script = declare_all(dir.path()).unwrap();
        let table = "CREATE TABLE `it's` (\n  `id` BIGINT,\n  `a``b` DECIMAL(5, 2),\n  PRIMARY KEY (`id`) NOT ENFORCED\n) WITH (";
        assert!(script.starts_with(table), "{script}");
        assert!(script.contains("'table-name' = 'it''s');"), "{script}");
        assert!(script.contains("CREATE TABLE `it's_topic` ("), "{script}");
    }
}
