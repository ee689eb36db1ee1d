//! Mistakes in scripts and declarations: each says what, where, and what to do.

use tidegate_core::Domain;

use super::declare;

/// Puts columns and options into a Flink Kafka table.
fn kafka(columns: &str, more: &str) -> String {
    format!(
        "CREATE TABLE t ({columns}) WITH (\n'connector' = 'kafka', 'topic' = 't',\n\
         'properties.bootstrap.servers' = 'k:1', 'format' = 'json'{more})"
    )
}

/// What the text is, the place (line, column), part of the message, part of the help ("" for none).
type Mistake = (String, (u32, u32), &'static str, &'static str);

fn m(text: impl Into<String>, at: (u32, u32), message: &'static str, help: &'static str) -> Mistake {
    (text.into(), at, message, help)
}

fn syntax() -> Vec<Mistake> {
    vec![
        m("SELEC 1", (1, 1), "'SELEC' begins no statement", "did you mean SELECT?"),
        m("SELECT 'abc", (1, 8), "a text is not closed", "''"),
        m("SELECT `abc", (1, 8), "a quoted name is not closed", "`"),
        m("SELECT 1 /* no end", (1, 19), "a comment is not closed", "*/"),
        m("SELECT (1 + 2", (1, 8), "'(' is never closed", "bracket"),
        m("SELECT 1 + 2)", (1, 13), "')' closes nothing", ""),
        m("SELECT [1)", (1, 10), "')' closes nothing", ""),
        m("SELECT 1 +\nFROM t", (2, 1), "expected an expression, found 'FROM'", ""),
        m("SELECT a FROM WHERE a = 1", (1, 15), "expected a table, found 'WHERE'", ""),
        m("SELECT FROM t", (1, 8), "expected an expression, found 'FROM'", ""),
        m("SELECT CASE WHEN a THEN 1 FROM t", (1, 27), "expected END, found FROM", ""),
        m("SELECT a FROM t GROUP a", (1, 17), "unexpected 'GROUP'", ""),
        m("SELECT INTERVAL '1' HOURS FROM t", (1, 21), "INTERVAL requires a unit", ""),
        m("SELECT a FROM t WHERE a = \"x\"", (1, 27), "'\"x\"' has no meaning here", "text is written 'x'"),
        m("SELECT a == 1 FROM t", (1, 10), "'==' has no meaning here", "equality is written ="),
        m("SELECT a::INT FROM t", (1, 9), "'::' has no meaning here", "CAST"),
        m("SELECT a，b FROM t", (1, 9), "has no meaning here", "full-width"),
        m("SELECT CAST(a BIGINT) FROM t", (1, 8), "CAST without AS", "CAST(value AS type)"),
        m("SELECT CAST(a AS BIGNIT) FROM t", (1, 18), "unknown type 'BIGNIT'", "BIGINT"),
        m("SELECT CAST(a AS DECIMAL(50, 2)) FROM t", (1, 26), "DECIMAL(50, 2) is not possible", "1 to 38"),
        m("SELECT JSON_VALUE(a, '$.b' RETURN INT) FROM t", (1, 28), "a clause of JSON_VALUE", "RETURNING"),
        m("SELECT JSON_OBJECT('k', 1)", (1, 20), "pairs of key and value", "VALUE"),
        m("SELECT a IS JSON FROM t", (1, 10), "IS JSON is not supported", "JSON_EXISTS"),
        m("SELECT 1 /*+ OPTIONS('a'='b') */", (1, 10), "must follow the name of a table", "FROM t"),
        m("SELECT ${nothing}", (1, 8), "variable '${nothing}' has no value", "--var nothing"),
        m("SELECT 1; SELECT 2 3", (1, 20), "unexpected '3'", ""),
        m("a.b.c = 5", (1, 1), "a job parameter outside SET", "SET 'key' = 'value'"),
        m("BEGIN STATEMENT SET; SELECT 1; END", (1, 22), "only INSERTs", "END"),
        m("BEGIN STATEMENT SET; INSERT INTO t SELECT 1", (1, 1), "never closed", "END"),
        m("END", (1, 1), "END without BEGIN", ""),
        m("BEGIN STATEMENT SET; END", (1, 1), "an empty statement set", ""),
        m("INSERT OVERWRITE t SELECT 1", (1, 1), "INSERT OVERWRITE is not supported", "INSERT INTO"),
        m("INSERT t SELECT 1", (1, 8), "expected INTO, found 't'", ""),
        m("INSERT INTO t PARTITION (d='1') SELECT 1", (1, 15), "fixed value", "as a column"),
        m("UPDATE t SET a = 1", (1, 1), "UPDATE is not supported", "INSERT INTO"),
        m("CREATE FUNCTION f AS 'com.x.F'", (1, 8), "CREATE FUNCTION is not supported", "built-in"),
        m("CREATE SCALAR FUNCTION f WITH com.x.F", (1, 8), "CREATE FUNCTION is not supported", "built-in"),
        m("CREATE DATABASE d", (1, 8), "CREATE DATABASE is not supported", "CREATE TABLE"),
        m("CREATE OR REPLACE TABLE t (a INT)", (1, 8), "OR REPLACE", "DROP TABLE"),
        m("CREATE TABEL t (a INT)", (1, 8), "CREATE TABEL is not supported", "CREATE TABLE"),
        m("DROP INDEX i", (1, 6), "expected TABLE or VIEW", ""),
        m("SET 'a'", (1, 5), "expected '='", "SET 'key' = 'value'"),
        m("SET 'a' = 'b' SELECT 1", (1, 15), "'SELECT' after the value", "';'"),
        m(format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100)), (1, 72), "nested deeper than 64", "view"),
        m(format!("SELECT {}1", "1 + ".repeat(2000)), (1, 4010), "more than 1000 operators", "IN"),
    ]
}

#[allow(clippy::too_many_lines)]
fn declarations() -> Vec<Mistake> {
    vec![
        m("CREATE TABLE t (a INT)", (1, 14), "the table has no WITH clause", "'connector'"),
        m("CREATE TABLE t (a INT,, b INT) WITH ('x'='y')", (1, 23), "expected a column", ""),
        m("CREATE TABLE t (a) WITH ('x'='y')", (1, 17), "column 'a' has no type", ""),
        m("CREATE TABLE t (a INTEGRE) WITH ('x'='y')", (1, 19), "unknown type 'INTEGRE'", "did you mean INT"),
        m("CREATE TABLE t (a TEXT) WITH ('x'='y')", (1, 19), "unknown type 'TEXT'", "use STRING"),
        m("CREATE TABLE t (a ROW<b INT) WITH ('x'='y')", (1, 28), "expected '>'", ""),
        m("CREATE TABLE t (a INT b INT) WITH ('x'='y')", (1, 23), "after the column", ""),
        m("CREATE TABLE t (a INT DEFAULT 1) WITH ('x'='y')", (1, 23), "DEFAULT is not supported", "leave it out"),
        m("CREATE TABLE t (a TIMESTAMP(12)) WITH ('x'='y')", (1, 29), "0 to 9 decimals", ""),
        m("CREATE TABLE t (a INT) WITH ('x'='y' 'z'='1')", (1, 38), "expected ',' or ')'", "commas"),
        m("CREATE TABLE t (a INT) WITH ('x' 'y')", (1, 34), "expected '='", ""),
        m("CREATE TABLE t (a INT) WITH ('x' = y)", (1, 36), "is not quoted", "'y'"),
        m("CREATE TABLE t (a INT) WITH (\"x\" = 'y')", (1, 30), "double quotes", "'x'"),
        m("CREATE TABLE t (a INT) WITH ('x' = 'y') AS SELECT 1", (1, 41), "AS query is not supported", "INSERT INTO"),
        m(
            "CREATE TABLE t (a INT, PRIMARY KEY (a) ENFORCED) WITH ('x'='y')",
            (1, 40),
            "cannot be ENFORCED",
            "NOT ENFORCED",
        ),
        m(
            "CREATE TABLE t (a INT, PRIMARY KEY (a), PRIMARY KEY (a)) WITH ('x'='y')",
            (1, 41),
            "second PRIMARY KEY",
            "(a, b)",
        ),
        m(kafka("a INT, a STRING", ""), (1, 24), "'a' is declared twice", ""),
        m(kafka("a INT, b INT AS a + 1", ""), (1, 30), "a type and an expression", "b AS"),
        m(kafka("a BIGINT, WATERMARK FOR a AS a", ""), (1, 41), "which is not a time", "TO_TIMESTAMP_LTZ(a, 3)"),
        m(kafka("a TIMESTAMP, WATERMARK FOR a AS a", ""), (1, 44), "not a time", "TIMESTAMP(3)"),
        m(kafka("ts TIMESTAMP(3), WATERMARK FOR tz AS tz", ""), (1, 48), "'tz', which is not a column", "'ts'"),
        m(kafka("a TIMESTAMP(3), WATERMARK FOR a AS WITHOFFSET(b, 5)", ""), (1, 63), "WITHOFFSET(b", "same column"),
        m(kafka("a INT, PRIMARY KEY (a) NOT ENFORCED", ""), (1, 14), "has no PRIMARY KEY", "upsert-kafka"),
        m(kafka("a INT METADATA FROM 'ofset'", ""), (1, 17), "Kafka has no metadata 'ofset'", "'offset'"),
        m("CREATE TABLE t (a INT) WITH ('connector'='kafak')", (1, 14), "unknown connector 'kafak'", "'kafka'"),
        m(
            kafka("a INT", ", 'scan.startup.mod' = 'x'"),
            (3, 60),
            "unknown option 'scan.startup.mod'",
            "'scan.startup.mode'",
        ),
        m(kafka("a INT", ", 'scan.startup.mode' = 'begin'"), (3, 60), "not one of", ""),
        m(kafka("a INT", ", 'scan.startup.mode' = 'timestamp'"), (1, 14), "needs 'scan.startup.timestamp-millis'", ""),
        m(kafka("a INT", ", 'sink.parallelism' = 'two'"), (3, 60), "not a whole number", ""),
        m(kafka("a INT", ", 'topic' = 'u'"), (3, 60), "given twice", ""),
        m(
            kafka("a INT", ", 'tidegate.sink-idd' = 'u'"),
            (3, 60),
            "unknown option 'tidegate.sink-idd'",
            "'tidegate.sink-id'",
        ),
        m(kafka("a INT", ", 'tidegate.on-error' = 'panic'"), (3, 60), "not one of stop", ""),
        m(kafka("a INT", ", 'tidegate.fence' = 'table'"), (3, 60), "not one of topic, group", ""),
        m(
            kafka("a INT", ", 'tidegate.fense' = 'group'"),
            (3, 60),
            "unknown option 'tidegate.fense'",
            "'tidegate.fence'",
        ),
        m(
            "CREATE TABLE t (a INT) WITH ('connector'='print','tidegate.fence'='group')",
            (1, 50),
            "unknown option 'tidegate.fence'",
            "tidegate.sink-id",
        ),
        m(
            "CREATE TABLE t (a INT) WITH ('connector'='kafka','topic'='t','format'='json')",
            (1, 14),
            "missing option 'properties.bootstrap.servers'",
            "WITH clause",
        ),
        m(
            "CREATE TABLE t (a INT) WITH ('connector'='upsert-kafka','topic'='t','properties.bootstrap.servers'='k:1','key.format'='json','value.format'='json')",
            (1, 14),
            "needs a PRIMARY KEY",
            "NOT ENFORCED",
        ),
        m(
            "CREATE TABLE t (a INT) WITH ('connector'='jdbc','url'='jdbc:postgresql://h/d','table-name'='t')",
            (1, 14),
            "postgresql databases are not supported",
            "jdbc:mysql://",
        ),
        m(
            "CREATE TABLE t (a INT, b STRING) WITH ('connector'='hbase-2.2','table-name'='t','zookeeper.quorum'='z')",
            (1, 14),
            "cannot both be the row key",
            "ROW<",
        ),
        m(
            "CREATE TABLE t (a INT) WITH ('connector'='elasticsearch-7','hosts'='h','index'='i')",
            (1, 14),
            "is not an address",
            "http://host:9200",
        ),
        m("CREATE TABLE t (a INT) WITH (type='kafka')", (1, 14), "cannot be told", "tidegate.dialect"),
        m(
            "CREATE TABLE t (a INT) WITH (type='rds', 'connector'='kafka')",
            (1, 42),
            "is the flink dialect",
            "one dialect",
        ),
        m("SET 'tidegate.dialect'='spark'", (1, 24), "unknown dialect 'spark'", "flink, blink and uflink"),
        m(
            "CREATE TABLE t (messageKey VARBINARY, messag VARBINARY) WITH (type='kafka010', topic='t')",
            (1, 39),
            "no column 'messag'",
            "'message'",
        ),
        m(
            "CREATE TABLE t (messageKey INT, message VARBINARY) WITH (type='kafka010')",
            (1, 17),
            "must be VARBINARY",
            "",
        ),
        m(
            "CREATE TABLE t (a INT) WITH (type='cloudhbase', tableName='t', zkQuorum='z')",
            (1, 14),
            "needs a PRIMARY KEY: it is the row key",
            "PRIMARY KEY (…)",
        ),
        m(
            "CREATE TABLE t (a INT) WITH (type='postgre', url='x', userName='u', password='p', tableName='t')",
            (1, 14),
            "PostgreSQL",
            "MySQL",
        ),
        m(
            "CREATE TABLE t (a INT) WITH (type='mysql', url='jdbc:mysql://h/d', userName='u', password='p', tableName='t', updateMode='upsert')",
            (1, 14),
            "needs a PRIMARY KEY",
            "PRIMARY KEY",
        ),
        m("CREATE TABLE t WITH ('connector'='b') LIKE u", (1, 44), "there is no table or view 'u'", "CREATE TABLE"),
        m("DROP VIEW v", (1, 11), "there is no table or view 'v'", ""),
        m(format!("{}; DROP VIEW t", kafka("a INT", "")), (3, 71), "'t' is a table", "DROP TABLE"),
        m(format!("{0}; {0}", kafka("a INT", "")), (3, 74), "'t' is declared twice", "IF NOT EXISTS"),
        m(
            format!("{}; CREATE TABLE u (a INT) WITH ('topic'='u') LIKE t", kafka("a INT", "")),
            (3, 77),
            "'a' is in 't' already",
            "leave it out",
        ),
        m("SET 'tidegate.requir' = 'x'", (1, 5), "unknown setting 'tidegate.requir'", "'tidegate.require'"),
        m("SET 'execution.checkpointing.interval' = 'often'", (1, 42), "not a duration", ""),
        m("SET 'table.local-time-zone' = 'Mars/Base'", (1, 31), "not a time zone", "Asia/Shanghai"),
        m("SET 'tidegate.sink-id' = 'x'", (1, 26), "belongs to a table", "WITH clause"),
        m("SET 'tidegate.on-error' = 'dead-letter'", (0, 0), "without a table", "tidegate.dead-letter"),
    ]
}

fn check(mistakes: Vec<Mistake>) {
    let mut wrong = Vec::new();
    for (text, at, message, help) in mistakes {
        let Err(e) = declare(&text) else {
            wrong.push(format!("accepted: {text}"));
            continue;
        };
        let shown = e.to_string();
        let place = (e.span().line, e.span().column);
        let helped = if help.is_empty() { true } else { e.help_text().is_some_and(|h| h.contains(help)) };
        if !e.message().contains(message) || place != at || !helped || e.domain() != Domain::User {
            wrong.push(format!(
                "{}\n   wanted {at:?} {message} | {help}\n   got    {shown}",
                text.chars().take(160).collect::<String>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn of_syntax() {
    check(syntax());
}

#[test]
fn of_declarations() {
    check(declarations());
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let d = declare(
        "SET 'table.exec.mini-batch.sise' = '5'; SET 'state.backend' = 'rocksdb'; SET 'pipeline.frobnicate' = '1';
         SELECT /*+ BROADCAST(t) */ 1;",
    )
    .unwrap();
    let settings: Vec<&str> = d.settings.warnings.iter().map(|w| w.message.as_str()).collect();
    assert!(settings[0].contains("did you mean 'table.exec.mini-batch.size'"), "{settings:?}");
    assert!(settings[1].contains("no effect here"), "{settings:?}");
    assert!(settings[2].contains("not known"), "{settings:?}");
    assert_eq!(d.script.warnings[0].message, "hint BROADCAST has no effect here");
}

/// What is written goes with its epoch: there is nothing that could be held back for less or more.
#[test]
fn a_latency_for_batches_is_accepted_and_said_to_have_no_effect() {
    for key in
        ["table.exec.mini-batch.allow-latency", "blink.miniBatch.allowLatencyMs", "blink.microBatch.allowLatencyMs"]
    {
        let d = declare(&format!("SET '{key}' = '5000'; SELECT 1;")).unwrap();
        let said: Vec<&str> = d.settings.warnings.iter().map(|w| w.message.as_str()).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        for part in [key, "has no effect here", "once an epoch", "'execution.checkpointing.interval'"] {
            assert!(said[0].contains(part), "{part}: {said:?}");
        }
    }
}

#[test]
fn blink_job_parameters_are_settings() {
    let d = declare(
        "SET 'blink.state.ttl.ms' = '129600000'; SET 'state.backend.niagara.ttl.ms' = '1000';
         SET 'blink.miniBatch.allowLatencyMs' = '5000'; SET 'blink.job.timeZone' = 'GMT+8';
         SET 'blink.checkpoint.interval.ms' = '180000'; SET 'table.exec.source.idle-timeout' = '30 s'; SELECT 1;",
    )
    .unwrap();
    let plan = &d.settings.plan;
    assert_eq!(plan.state_ttl_ms, 129_600_000, "the longest of several");
    assert_eq!((plan.zone.as_str(), plan.checkpoint_interval_ms), ("+08:00", 180_000));
    assert_eq!(d.settings.idle_timeout_ms, Some(30_000));
}

#[test]
fn secrets_do_not_appear_in_messages() {
    let text = "CREATE TABLE t (a INT) WITH ('connector'='jdbc','url'='jdbc:oracle:x?password=hunter2',
                'table-name'='t','password'='hunter2')";
    let e = declare(text).err().unwrap().to_string();
    assert!(!e.contains("hunter2"), "{e}");
}
