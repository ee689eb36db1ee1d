//! `tidegate check` on broken files: every mistake gets a message that names the thing, the place and
//! what to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::type_complexity, reason = "tests")]

use std::fmt::Write as _;

use tidegate_integration_tests::process::Tidegate;

/// A source and sinks that the broken statements use; 12 lines.
const TABLES: &str =
    "CREATE TABLE src (id BIGINT, name STRING, amount DECIMAL(10, 2), ts TIMESTAMP(3), tags ARRAY<STRING>,
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'kafka', 'topic' = 'src',
  'properties.bootstrap.servers' = 'h:9092', 'format' = 'json');
CREATE TABLE plain (id BIGINT, name STRING, ts TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'plain',
  'properties.bootstrap.servers' = 'h:9092', 'format' = 'json');
CREATE TABLE log_sink (id BIGINT, name STRING) WITH ('connector' = 'kafka', 'topic' = 'out',
  'properties.bootstrap.servers' = 'h:9092', 'format' = 'json');
CREATE TABLE keyed (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc',
  'url' = 'jdbc:mysql://h/db', 'table-name' = 'keyed');
CREATE TABLE append_sink (id BIGINT, n BIGINT) WITH ('connector' = 'jdbc',
  'url' = 'jdbc:mysql://h/db', 'table-name' = 'append_sink');

";

/// Statement (it starts on line 13), what the message must contain, and the line it must name (0: any).
const MISTAKES: &[(&str, &[&str], u32)] = &[
    ("INSERT INTO log_sink SELECT idd, name FROM src;", &["idd", "did you mean 'id'"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM srcc;", &["srcc", "did you mean 'src'"], 13),
    ("INSERT INTO lok_sink SELECT id, name FROM src;", &["lok_sink", "did you mean 'log_sink'"], 13),
    ("INSERT INTO log_sink SELECT id FROM src;", &["log_sink", "2", "1"], 13),
    ("INSERT INTO log_sink SELECT name, id FROM src;", &["STRING", "BIGINT"], 13),
    ("INSERT INTO log_sink (id, nam) SELECT id, name FROM src;", &["nam", "did you mean 'name'"], 13),
    ("INSERT INTO log_sink SELECT COUNT(*), name FROM src GROUP BY name;", &["log_sink", "upsert-kafka"], 13),
    ("INSERT INTO append_sink SELECT id, COUNT(*) FROM src GROUP BY id;", &["append_sink", "PRIMARY KEY"], 13),
    ("INSERT INTO keyed SELECT id, SUM(name) FROM src GROUP BY id;", &["SUM"], 13),
    ("INSERT INTO keyed SELECT id, COUNT(*) FROM src;", &["id", "GROUP BY"], 13),
    ("INSERT INTO keyed SELECT id, COUNT(*) FROM src WHERE COUNT(*) > 1 GROUP BY id;", &["COUNT", "WHERE"], 13),
    ("INSERT INTO log_sink SELECT id, UPER(name) FROM src;", &["UPER", "UPPER"], 13),
    ("INSERT INTO log_sink SELECT id, UPPER(name, name) FROM src;", &["UPPER"], 13),
    ("INSERT INTO log_sink SELECT id, CONCAT(name, id) FROM src;", &["CONCAT", "BIGINT"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src WHERE id = '305';", &["BIGINT", "305"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src WHERE name;", &["condition", "STRING"], 13),
    ("INSERT INTO log_sink SELECT id, CASE WHEN id IS NULL THEN -1 ELSE name END FROM src;", &["CASE"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src ORDER BY id;", &["ORDER BY"], 13),
    ("INSERT INTO log_sink SELECT a.id, b.name FROM src a JOIN plain b ON a.id = b.id;", &["JOIN"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src, plain;", &["JOIN"], 0),
    (
        "INSERT INTO keyed SELECT id, COUNT(*) FROM plain GROUP BY id, TUMBLE(ts, INTERVAL '1' MINUTE);",
        &["ts", "WATERMARK"],
        13,
    ),
    (
        "INSERT INTO keyed SELECT id, COUNT(*) FROM src GROUP BY id, TUMBLE(name, INTERVAL '1' MINUTE);",
        &["TUMBLE", "name"],
        13,
    ),
    ("INSERT INTO keyed SELECT id, COUNT(*) FROM src GROUP BY id, TUMBLE(ts, 60);", &["INTERVAL"], 13),
    ("INSERT INTO keyed SELECT id, TUMBLE_START(ts, INTERVAL '1' MINUTE) FROM src GROUP BY id;", &["TUMBLE"], 13),
    ("INSERT INTO log_sink SELEC id, name FROM src;", &["SELEC"], 13),
    ("INSERT INTO log_sink SELECT id, 'open FROM src;", &["not closed"], 13),
    ("INSERT INTO log_sink SELECT (id, name FROM src;", &["never closed"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src WHERE name LIKE '%a' ESCAPE 'ab';", &["ESCAPE"], 13),
    ("INSERT INTO log_sink SELECT id, CAST(name AS BIGNT) FROM src;", &["BIGNT"], 13),
    ("INSERT INTO log_sink SELECT id, CAST(tags AS BIGINT) FROM src;", &["ARRAY", "BIGINT"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src WHERE amount IN (SELECT n FROM keyed);", &["IN"], 13),
    (
        "INSERT INTO log_sink SELECT id, JSON_VALUE(name, '$.a' RETURNING BIGINT) FROM src;",
        &["BIGINT", "RETURNING"],
        13,
    ),
    ("INSERT INTO log_sink SELECT id, ${missing} FROM src;", &["missing", "--var"], 13),
    ("CREATE TABLE src (id BIGINT) WITH ('connector' = 'blackhole');", &["src", "exists"], 13),
    ("CREATE TABLE t (id BIGINT, id STRING) WITH ('connector' = 'blackhole');", &["id", "twice"], 13),
    ("CREATE TABLE t (id BIGINT, PRIMARY KEY (idd) NOT ENFORCED) WITH ('connector' = 'blackhole');", &["idd"], 13),
    ("CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafca', 'topic' = 't');", &["kafca", "did you mean 'kafka'"], 13),
    ("CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topik' = 't');", &["topik", "did you mean 'topic'"], 13),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');",
        &["properties.bootstrap.servers"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'h:1');",
        &["format"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'h:1', 'format' = 'jsom');",
        &["jsom", "json"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'h:1', 'format' = 'json', 'scan.startup.mode' = 'begin');",
        &["scan.startup.mode", "earliest-offset"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'h:1', 'format' = 'json', 'json.ignore-parse-errors' = 'yes');",
        &["json.ignore-parse-errors", "true or false"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT) WITH ('connector' = 'upsert-kafka', 'topic' = 't', 'properties.bootstrap.servers' = 'h:1', 'key.format' = 'json', 'value.format' = 'json');",
        &["PRIMARY KEY"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT, WATERMARK FOR tz AS tz - INTERVAL '5' SECOND) WITH ('connector' = 'blackhole');",
        &["tz"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT, WATERMARK FOR id AS id - INTERVAL '5' SECOND) WITH ('connector' = 'blackhole');",
        &["id", "TIMESTAMP"],
        13,
    ),
    (
        "CREATE TABLE t (id BIGINT, x AS idd + 1) WITH ('connector' = 'blackhole');\nINSERT INTO log_sink SELECT x, 'a' FROM t;",
        &["idd"],
        13,
    ),
    ("CREATE TABLE t (id BIGINT);", &["connector"], 13),
    ("CREATE FUNCTION f AS 'com.example.F';", &["CREATE FUNCTION"], 13),
    ("CREATE VIEW v AS SELECT nope FROM src;\nINSERT INTO log_sink SELECT id, name FROM v;", &["nope"], 13),
    ("DROP TABLE nothing;", &["nothing"], 13),
    ("SET 'tidegate.on-eror' = 'stop';", &["tidegate.on-eror", "tidegate.on-error"], 13),
    ("SET 'tidegate.on-error' = 'perhaps';", &["tidegate.on-error"], 13),
    ("SET 'execution.checkpointing.interval' = 'often';", &["execution.checkpointing.interval"], 13),
    ("SET 'table.local-time-zone' = 'Mars/Olympus';", &["Mars/Olympus"], 13),
    ("SET 'tidegate.dead-letter' = 'nowhere';\nINSERT INTO log_sink SELECT id, name FROM src;", &["nowhere"], 0),
    ("INSERT INTO src SELECT id, name, amount, ts, tags FROM src LIMIT 5;", &["LIMIT"], 13),
    ("INSERT INTO log_sink SELECT id, name FROM src UNION ALL SELECT id FROM plain;", &["UNION"], 13),
    ("SELECT 1; SELECT 2;", &["SELECT"], 13),
];

#[test]
fn every_mistake_has_a_useful_message() {
    let dir = tempfile::tempdir().unwrap();
    let mut failures = String::new();
    for (i, (statement, parts, line)) in MISTAKES.iter().enumerate() {
        let file = dir.path().join(format!("m{i}.sql"));
        std::fs::write(&file, format!("{TABLES}{statement}\n")).unwrap();
        let out = Tidegate::new(["check"]).arg(&file).run();
        let said = format!("{}{}", out.stderr, out.stdout);
        let missing: Vec<_> = parts.iter().filter(|p| !said.to_lowercase().contains(&p.to_lowercase())).collect();
        let place = *line == 0 || said.contains(&format!(":{line}:"));
        if out.status.code() != Some(2) || !missing.is_empty() || !place {
            let _ = writeln!(
                failures,
                "--- {statement}\nexit {:?}, missing {missing:?}, line named: {place}\n{said}",
                out.status.code()
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(MISTAKES.len() >= 40);
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("deep.sql");
    let deep = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    let chain = vec!["1"; 20_000].join(" + ");
    let nots = format!("{} TRUE", "NOT ".repeat(20_000));
    for expression in [deep, chain, nots] {
        std::fs::write(&file, format!("{TABLES}INSERT INTO append_sink SELECT id, {expression} FROM src;")).unwrap();
        let out = Tidegate::new(["check"]).arg(&file).run();
        assert!(
            out.status.code().is_some_and(|c| c == 2 || c == 0),
            "{:?} {}",
            out.status,
            &out.stderr[..out.stderr.len().min(500)]
        );
    }
}

#[test]
fn less_than_the_required_guarantee_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("require.sql");
    let run = |connector: &str| {
        let sql = format!(
            "SET 'tidegate.require' = 'exactly-once';
CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');
CREATE TABLE t (id BIGINT) WITH ({connector});
INSERT INTO t SELECT id FROM g;"
        );
        std::fs::write(&file, sql).unwrap();
        Tidegate::job(&file, &dir.path().join("data")).args("--fresh-state").run()
    };
    let said = run("'connector' = 'print'").fails_with(2);
    assert!(said.contains("table t") && said.contains("at least once") && said.contains("help:"), "{said}");
    run("'connector' = 'jdbc', 'url' = 'jdbc:mysql://h/db', 'table-name' = 't'").ok();
}

#[test]
fn secrets_are_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret.sql");
    let sql = "CREATE TABLE t (id BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h/db',
  'table-name' = 't', 'username' = 'u', 'password' = 'hunter2', 'sink.max-retries' = 'many');
CREATE TABLE g (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
INSERT INTO t SELECT id FROM g;";
    for sql in [sql.to_owned(), sql.replace("'many'", "'3'")] {
        std::fs::write(&file, sql).unwrap();
        for command in ["check", "explain"] {
            let out = Tidegate::new([command]).arg(&file).run();
            assert!(
                !format!("{}{}", out.stdout, out.stderr).contains("hunter2"),
                "{command}: {}{}",
                out.stdout,
                out.stderr
            );
        }
    }
}
