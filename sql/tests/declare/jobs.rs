//! Jobs in the shape in which they are published, in each dialect.

use tidegate_core::scan::Root;
use tidegate_core::split::{Bound, GroupFallback, StartMode};
use tidegate_core::table::{ColumnKind, Format, Resource, SinkChanges, SourceChanges};
use tidegate_core::{Dialect, Span, SqlType};
use tidegate_sql::ast::{StatementKind, WatermarkKind};
use tidegate_sql::catalog::TableDef;

use super::{Declared, declare};

fn table(d: &Declared, name: &str) -> TableDef {
    TableDef::clone(d.catalog.table(name, Span::default()).unwrap())
}

const ANSWERS: &str = "
-- answers of a quiz
CREATE TABLE answers (
  pupil VARCHAR, question VARCHAR, grade VARCHAR, score INT, answered VARCHAR, ts TIMESTAMP
) WITH (
  type = 'kafka11',
  bootstrapServers = 'k1:9092,k2:9092',
  zookeeperQuorum = 'z:2181/kafka',
  offsetReset = 'earliest',
  topic = 'answers_1',
  groupId = 'g1',
  parallelism = '3'
);
CREATE TABLE counts (question VARCHAR, frequency INT) WITH (
  type='kafka11', bootstrapServers='k1:9092', topic='counts', parallelism ='1'
);
CREATE TABLE result (question VARCHAR, frequency BIGINT, PRIMARY KEY (question))
WITH (type='mysql', url='jdbc:mysql://m:3306/d?charset=utf8', userName='u', password='p', tableName='result');
insert into counts select question, COUNT(1) AS frequency from answers group by question;
insert into result select question, COUNT(1) from answers group by question;
";

#[test]
fn uflink() {
    let d = declare(ANSWERS).unwrap();
    assert_eq!(d.inferred.dialect, Dialect::UFlink);
    assert_eq!(d.inferred.reason, "type = 'kafka11' of table answers");
    assert_eq!(d.settings.plan.zone, "Asia/Shanghai");
    let answers = table(&d, "ANSWERS");
    let binding = &answers.bound.binding;
    assert_eq!(binding.resource, Resource::Log { topics: vec!["answers_1".into()], pattern: None });
    assert_eq!((binding.start.clone(), binding.parallelism), (Some(StartMode::Earliest), Some(3)));
    assert!(matches!(binding.value_format, Some(Format::Json(_))));
    let ts = answers.bound.spec.columns.iter().find(|c| c.column.name == "ts").unwrap();
    assert_eq!(ts.column.data_type.ty, SqlType::TimestampLtz(3), "an instant in this dialect");
    assert_eq!(answers.hidden.len(), 1, "PROCTIME is there but not shown");
    assert_eq!(answers.bound.spec.columns[answers.hidden[0]].column.name, "PROCTIME");
    assert!(d.catalog.warnings.iter().any(|w| w.message.contains("'zookeeperQuorum' has no effect")));
    assert_eq!(table(&d, "counts").bound.binding.sink, SinkChanges::NewestValues);
    let result = table(&d, "result").bound;
    assert_eq!((result.binding.sink, result.binding.null_keeps), (SinkChanges::UpsertIgnoreDelete, true));
    assert_eq!(result.connector, "mysql");
}

const OPERATIONS: &str = "
CREATE TABLE ops (
  messageKey VARBINARY,
  `message` VARBINARY,
  topic VARCHAR,
  `partition` INT,
  `offset` BIGINT,
  userid AS CAST(JSON_VALUE(CAST(JSON_VALUE(message,'$.data') AS VARCHAR), '$.userid') AS BIGINT),
  `role` AS CAST(JSON_VALUE(CAST(JSON_VALUE(message,'$.data') AS VARCHAR), '$.role') AS TINYINT),
  sentAt AS TO_TIMESTAMP(CAST(JSON_VALUE(message, '$.sentAt') AS BIGINT)),
  WATERMARK wk FOR sentAt AS WITHOFFSET(sentAt, 60000)
) WITH (
  type = 'kafka010',
  topic = 'ops_topic',
  `group.id` = 'g',
  bootstrap.servers = 'k:9092',
  startupMode = 'TIMESTAMP',
  startTime = '2020-01-01 08:00:00'
);
CREATE TABLE out_topic (messageKey VARBINARY, message VARBINARY, PRIMARY KEY (messageKey))
WITH (type='KAFKA010', topic='out', bootstrap.servers='k:9092');
CREATE TABLE staff_index (
  cc_id bigint(20) NOT NULL, cc_index bigint(10) NOT NULL, type int(6) NOT NULL,
  attribution_time varchar NOT NULL, update_time timestamp NOT NULL,
  PRIMARY KEY (cc_id, type, attribution_time)
) WITH (type='RDS', url='jdbc:mysql://m:3306/d', tableName='staff_index', userName='u', password='p');
CREATE TABLE channel_da (rowkey VARCHAR, id VARCHAR, level VARCHAR, PRIMARY KEY (rowkey), PERIOD FOR SYSTEM_TIME)
WITH (type='cloudhbase', zkQuorum='z:2181', tableName='ns:channel', columnFamily='cf', cache='LRU', cacheSize='100');
CREATE TABLE es_sink (uk VARCHAR, n BIGINT, PRIMARY KEY (uk))
WITH (type='elasticsearch', endPoint='http://e:9200', accessId='a', accessKey='k', index='i', typeName='t');
CREATE VIEW moves AS SELECT * FROM ops WHERE `role` = '2';
INSERT INTO out_topic
SELECT messageKey, CAST(CONCAT('{ \"at\": ', NOW()*1000, '}') AS VARBINARY) FROM moves WHERE userid = '305';
INSERT INTO es_sink SELECT ch.level, COUNT(DISTINCT o.userid)
FROM ops AS o LEFT JOIN channel_da FOR SYSTEM_TIME AS OF PROCTIME() AS ch ON ch.rowkey = MD5(CAST(o.userid AS VARCHAR))
GROUP BY ch.level, TUMBLE(sentAt, INTERVAL '30' SECOND);
";

#[test]
fn blink() {
    let d = declare(OPERATIONS).unwrap();
    assert_eq!(d.inferred.dialect, Dialect::Blink);
    let ops = table(&d, "ops");
    let kinds: Vec<bool> = ops.bound.spec.columns.iter().map(|c| c.kind == ColumnKind::Physical).collect();
    assert_eq!(kinds, [true, true, false, false, false, false, false, false]);
    assert!(
        matches!(&ops.bound.spec.columns[4].kind, ColumnKind::Metadata { key, read_only: true } if key == "offset")
    );
    let binding = &ops.bound.binding;
    assert_eq!(binding.key_columns, ["messageKey"]);
    assert!(matches!((&binding.key_format, &binding.value_format), (Some(Format::Raw(_)), Some(Format::Raw(_)))));
    assert_eq!(binding.start, Some(StartMode::Timestamp(1_577_836_800_000)), "08:00 in Shanghai");
    let watermark = ops.watermark.as_ref().unwrap();
    assert!(matches!(watermark.kind, WatermarkKind::WithOffset(60_000)));
    assert_eq!(ops.computed.len(), 3);
    assert_eq!(ops.expression_of(7).unwrap().text, "TO_TIMESTAMP(CAST(JSON_VALUE(message, '$.sentAt') AS BIGINT))");
    let out = table(&d, "out_topic").bound;
    assert_eq!((out.connector.as_str(), out.binding.sink), ("kafka", SinkChanges::NewestValues));
    assert_eq!(table(&d, "staff_index").bound.binding.sink, SinkChanges::Upsert);
    assert!(table(&d, "channel_da").bound.spec.is_dimension);
    assert_eq!(table(&d, "es_sink").bound.binding.resource, Resource::Table { name: "i".into() });
    assert_eq!(d.script.statements.len(), 8);
}

const FLINK: &str = "
SET 'table.local-time-zone' = 'UTC';
SET execution.checkpointing.interval = 5 s;
CREATE TABLE clicks (
  k STRING, `user` ROW<id BIGINT, tags ARRAY<STRING>, m MAP<STRING, ROW<a INT, b DECIMAL(10, 2)>>> COMMENT 'who',
  at_ms BIGINT, off BIGINT METADATA FROM 'offset' VIRTUAL, `timestamp` TIMESTAMP_LTZ(3) METADATA,
  t AS TO_TIMESTAMP_LTZ(at_ms, 3), pt AS PROCTIME(),
  WATERMARK FOR t AS t - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka', 'topic' = 'a;b', 'properties.bootstrap.servers' = 'k:9092', 'properties.group.id' = 'g',
  'properties.auto.offset.reset' = 'latest', 'scan.bounded.mode' = 'latest-offset',
  'key.format' = 'raw', 'key.fields' = 'k', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY',
  'value.json.ignore-parse-errors' = 'true', 'properties.security.protocol' = 'SASL_SSL'
);
CREATE TABLE totals (id BIGINT, n BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH (
  'connector' = 'upsert-kafka', 'topic' = 'totals', 'properties.bootstrap.servers' = 'k:9092',
  'key.format' = 'json', 'value.format' = 'json'
);
CREATE TEMPORARY TABLE totals_2 WITH ('topic' = 'totals-2') LIKE totals (INCLUDING ALL OVERWRITING OPTIONS);
CREATE TABLE shop (id INT PRIMARY KEY NOT ENFORCED, name STRING) WITH (
  'connector' = 'jdbc', 'url' = 'jdbc:mysql://m:3306/d', 'table-name' = 'shop', 'lookup.cache' = 'PARTIAL',
  'lookup.partial-cache.max-rows' = '10', 'lookup.partial-cache.expire-after-write' = '1 min'
);
CREATE TABLE wide (rowkey STRING, cf ROW<a STRING, b BIGINT>) WITH (
  'connector' = 'hbase-2.2', 'table-name' = 'wide', 'zookeeper.quorum' = 'z:2181'
);
BEGIN STATEMENT SET;
INSERT INTO totals /*+ OPTIONS('sink.parallelism' = '2') */ (n, id)
SELECT COUNT(*), id FROM (SELECT `user`.id AS id FROM clicks /*+ OPTIONS('scan.startup.mode' = 'earliest-offset') */ AS c)
GROUP BY id;
INSERT INTO totals_2 SELECT window_start_id, 1 FROM (
  SELECT COUNT(*) AS window_start_id FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(t), INTERVAL '1' MINUTE))
  GROUP BY window_start, window_end);
END;
";

#[test]
fn flink() {
    let d = declare(FLINK).unwrap();
    assert_eq!(d.inferred.dialect, Dialect::Flink);
    assert_eq!((d.settings.plan.zone.as_str(), d.settings.plan.checkpoint_interval_ms), ("UTC", 5000));
    let clicks = table(&d, "clicks");
    let binding = &clicks.bound.binding;
    assert_eq!(binding.resource, Resource::Log { topics: vec!["a".into(), "b".into()], pattern: None });
    assert_eq!(binding.start, Some(StartMode::GroupOffsets(GroupFallback::Latest)));
    assert_eq!(binding.bound, Some(Bound::Latest));
    assert!(matches!(&binding.value_format, Some(Format::Json(j)) if j.ignore_parse_errors));
    assert!(!binding.value_includes_key);
    assert_eq!(
        clicks.bound.spec.columns[1].column.data_type.ty.to_string(),
        "ROW<`id` BIGINT, `tags` ARRAY<STRING>, `m` MAP<STRING, ROW<`a` INT, `b` DECIMAL(10, 2)>>>"
    );
    let totals = table(&d, "totals").bound;
    assert_eq!((totals.binding.source, totals.binding.sink), (SourceChanges::Upsert, SinkChanges::Upsert));
    assert!(!totals.spec.columns[0].column.data_type.nullable, "key columns are NOT NULL");
    let second = table(&d, "totals_2").bound;
    assert_eq!(second.binding.resource, Resource::Log { topics: vec!["totals-2".into()], pattern: None });
    assert_eq!(second.spec.primary_key, ["id"]);
    assert_eq!(table(&d, "wide").bound.spec.primary_key, ["rowkey"]);
    assert!(d.catalog.get("CLICKS", Span::default()).is_err(), "names are compared with their case");
}

#[test]
fn hints_belong_to_their_tables() {
    let d = declare(FLINK).unwrap();
    let StatementKind::StatementSet(inserts) = &d.script.statements.last().unwrap().kind else { panic!() };
    assert_eq!(inserts[0].options[0].name, "sink.parallelism");
    assert_eq!(inserts[0].columns.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(), ["n", "id"]);
    let hint = &inserts[0].query.hints[0];
    assert_eq!((hint.options[0].name.as_str(), hint.table), ("scan.startup.mode", Span::new(29, 55)));
    let clicks = d.catalog.table("clicks", Span::default()).unwrap();
    let hinted = d.catalog.with_options(clicks, &hint.options).unwrap();
    assert_eq!(hinted.bound.binding.start, Some(StartMode::Earliest));
    assert_ne!(clicks.bound.binding.start, Some(StartMode::Earliest), "only the copy is changed");
    let wrong = tidegate_core::options::OptionEntry { name: "scan.start".into(), ..hint.options[0].clone() };
    let e = d.catalog.with_options(clicks, &[wrong]).unwrap_err();
    assert!(e.to_string().contains("unknown option 'scan.start'"), "{e}");
}

#[test]
fn uflink_paths_cells_and_row_keys() {
    let d = declare(
        "CREATE TABLE src (user.name varchar AS uname, user.tags[0].id int AS tag, plain varchar AS renamed, n int,
            CHARACTER_LENGTH(plain) AS len, ts BIGINT, WATERMARK FOR ts AS withOffset( ts , 3000 ))
         WITH (type='kafka11', bootstrapServers='k:1', topic='t');
         CREATE TABLE cells (cf:id varchar, cf:name varchar AS title, age int)
         WITH (type='hbase', zookeeperQuorum='z:1', zookeeperParent='/hbase', tableName='t', rowkey='md5(cf:id)+title');
         CREATE TABLE dim (id INT, name VARCHAR, PRIMARY KEY(id), SIDE DIMENSION SIGN)
         WITH (type='mysql', url='jdbc:mysql://m:1/d', userName='u', password='p', tableName='d', cache='ALL');",
    )
    .unwrap();
    let src = table(&d, "src");
    let names: Vec<&str> = src.bound.spec.columns.iter().map(|c| c.column.name.as_str()).collect();
    assert_eq!(names, ["uname", "tag", "renamed", "n", "len", "ts", "user", "plain", "ROWTIME"]);
    assert_eq!(src.hidden, [6, 7, 8]);
    assert_eq!(src.expression_of(1).unwrap().expr.to_string(), "`user`.`tags`[1].`id`");
    assert_eq!(
        src.bound.spec.columns[6].column.data_type.ty.to_string(),
        "ROW<`name` STRING, `tags` ARRAY<ROW<`id` INT>>>"
    );
    let cells = table(&d, "cells").bound;
    assert_eq!(cells.spec.primary_key, ["cf:id", "title"]);
    assert_eq!(cells.options.get("cell.title").map(String::as_str), Some("cf:name"));
    let dim = table(&d, "dim").bound;
    assert!(dim.spec.is_dimension);
    assert_eq!(dim.binding.lookup.ttl_ms, Some(60_000));
}

#[test]
fn statements_of_every_kind() {
    let d = declare(
        "SET 'table.exec.state.ttl' = '1 h'; RESET 'table.exec.state.ttl'; RESET;
         CREATE TABLE IF NOT EXISTS t (a INT) WITH ('connector'='kafka','topic'='t','properties.bootstrap.servers'='k:1','format'='json');
         CREATE TABLE IF NOT EXISTS t (b INT) WITH ('connector'='nothing');
         CREATE TEMPORARY VIEW IF NOT EXISTS v (x, y) AS WITH c AS (SELECT a FROM t) SELECT a, a + 1 FROM c;
         EXPLAIN PLAN FOR INSERT INTO t SELECT x FROM v;
         EXPLAIN CHANGELOG_MODE, ESTIMATED_COST SELECT * FROM v;
         EXECUTE STATEMENT SET BEGIN INSERT INTO t VALUES (1), (2); INSERT INTO t (SELECT x FROM v); END;
         EXECUTE INSERT INTO t SELECT 1;
         (SELECT a FROM t) UNION ALL SELECT 2;
         DROP VIEW v; DROP TABLE IF EXISTS nothing; DROP TABLE default_catalog.default_database.t;",
    )
    .unwrap();
    assert_eq!(d.catalog.objects().count(), 0);
    let kinds: Vec<&str> = d
        .script
        .statements
        .iter()
        .map(|s| match &s.kind {
            StatementKind::CreateTable(_) => "table",
            StatementKind::CreateView(_) => "view",
            StatementKind::Drop(_) => "drop",
            StatementKind::Set(_) => "set",
            StatementKind::Reset(_) => "reset",
            StatementKind::Insert(_) => "insert",
            StatementKind::StatementSet(_) => "statement set",
            StatementKind::Explain(_) => "explain",
            StatementKind::Query(_) => "query",
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "set",
            "reset",
            "reset",
            "table",
            "table",
            "view",
            "explain",
            "explain",
            "statement set",
            "insert",
            "query",
            "drop",
            "drop",
            "drop"
        ]
    );
}

#[test]
fn a_chosen_dialect_wins() {
    let text = "CREATE TABLE t (messageKey VARBINARY, message VARBINARY) WITH (type='kafka', topic='t');";
    let e = declare(text).err().unwrap();
    assert!(e.to_string().contains("tidegate.dialect"), "{e}");
    let d = declare(&format!("SET 'tidegate.dialect' = 'Blink'; {text}")).unwrap();
    assert_eq!(d.inferred.reason, "SET 'tidegate.dialect'");
    let root = if table(&d, "T").bound.binding.key_format.is_some() { Root::Key } else { Root::Value };
    assert_eq!(root, Root::Key);
}
