//! `tidegate init DIR`: a small project that runs as it is.

use std::path::Path;

use tidegate_core::{Error, Result};

const PROJECT: &str = r#"[project]
name = "my-warehouse"

[variables]
rows = "20000"

[[layer]]
name = "ods"
jobs = ["ods/events.sql"]

[[layer]]
name = "dws"
jobs = ["dws/by_grade.sql"]

[[result]]
title = "Answers by grade"
table = "answers_by_grade"
order_by = ["grade_id"]
"#;

const EVENTS: &str = "-- Made-up answers into a topic. Replace this job by your own producers.
CREATE TABLE generator (message STRING) WITH (
  'connector' = 'datagen', 'generator' = 'classroom.answer', 'number-of-rows' = '${rows}');
CREATE TABLE answers (message STRING) WITH (
  'connector' = 'kafka', 'topic' = 'answers', 'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'raw');
INSERT INTO answers SELECT message FROM generator;
";

const BY_GRADE: &str = "CREATE TABLE answers (grade_id STRING, score INT) WITH (
  'connector' = 'kafka', 'topic' = 'answers', 'properties.bootstrap.servers' = '127.0.0.1:9092',
  'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
CREATE TABLE answers_by_grade (grade_id STRING, answers BIGINT, points BIGINT, PRIMARY KEY (grade_id) NOT ENFORCED) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:mysql://127.0.0.1:3306/warehouse', 'table-name' = 'answers_by_grade');
INSERT INTO answers_by_grade SELECT grade_id, COUNT(*), SUM(CAST(score AS BIGINT)) FROM answers GROUP BY grade_id;
";

/// Writes the project.
///
/// # Errors
/// Where the directory exists and is not empty, or cannot be written.
pub fn init(dir: &Path) -> Result<String> {
    if dir.read_dir().is_ok_and(|mut d| d.next().is_some()) {
        return Err(Error::user(format!("{} is not empty", dir.display())).help("name a new directory"));
    }
    let write = |name: &str, text: &str| -> Result<()> {
        let path = dir.join(name);
        let make = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        make.and_then(|()| std::fs::write(&path, text))
            .map_err(|e| Error::external(format!("cannot write {}: {e}", path.display())).fatal())
    };
    write("project.toml", PROJECT)?;
    write("ods/events.sql", EVENTS)?;
    write("dws/by_grade.sql", BY_GRADE)?;
    Ok(format!("wrote {0}\nrun it with: tidegate run {0} --embedded {0}/data\n", dir.display()))
}
