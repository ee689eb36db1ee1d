//! The same text in each dialect, row by row of the table of differences.

use tidegate_core::Dialect::{self, Blink, Flink, UFlink};
use tidegate_core::scan::{CastFlavor, JsonRule, OnCastError};
use tidegate_core::{Scalar, SqlType};
use tidegate_plan::{Expr, ExprKind, Function, Op};

use super::{expression, plan};

fn ty(dialect: Dialect, sql: &str) -> String {
    match expression(dialect, sql) {
        Ok(e) => e.data_type.to_string(),
        Err(e) => format!("ERROR {}", e.message()),
    }
}

fn function(dialect: Dialect, sql: &str) -> Function {
    match expression(dialect, sql).unwrap().kind {
        ExprKind::Call { function, .. } => function,
        other => panic!("{sql}: {other:?}"),
    }
}

/// `sql`, its type in flink (`ERROR…`: a part of the message), its type in blink and uflink.
const TYPES: &[(&str, &str, &str)] = &[
    ("CONCAT('a', 1)", "ERROR CONCAT takes", "STRING NOT NULL"),
    ("CONCAT('a', CAST(NULL AS VARCHAR))", "STRING", "STRING NOT NULL"),
    ("'a' || 1", "ERROR || takes", "STRING NOT NULL"),
    ("7 / 2", "INT NOT NULL", "DOUBLE"),
    ("7 / 2.0", "DECIMAL(17, 6) NOT NULL", "DECIMAL(17, 6)"),
    ("NOW()", "TIMESTAMP_LTZ(3) NOT NULL", "BIGINT NOT NULL"),
    ("NOW() * 1000", "ERROR '*' is not defined", "BIGINT NOT NULL"),
    ("NOW(100)", "ERROR NOW takes", "BIGINT NOT NULL"),
    ("TO_TIMESTAMP(1598528716000)", "ERROR TO_TIMESTAMP takes", "TIMESTAMP_LTZ(3)"),
    ("TO_TIMESTAMP('2020-08-27 11:45:16')", "TIMESTAMP(3)", "TIMESTAMP_LTZ(3)"),
    ("CAST('2020-08-27 11:45:16' AS TIMESTAMP)", "TIMESTAMP(6) NOT NULL", "TIMESTAMP_LTZ(3)"),
    ("CAST(5 AS TIMESTAMP)", "ERROR a INT cannot be cast", "TIMESTAMP_LTZ(3)"),
    ("CAST(TO_TIMESTAMP(5000) AS BIGINT)", "ERROR", "BIGINT"),
    ("CAST(305 AS BIGINT) = '305'", "ERROR a BIGINT cannot be compared", "BOOLEAN NOT NULL"),
    ("'3' = 3", "ERROR", "BOOLEAN NOT NULL"),
    ("CASE WHEN RAND() > 1 THEN -1 ELSE 'room' END", "ERROR the values of CASE mix", "STRING NOT NULL"),
    ("CASE WHEN RAND() > 1 THEN 'a' ELSE 'other' END", "VARCHAR(5) NOT NULL", "VARCHAR(5) NOT NULL"),
    ("COALESCE('a', 1)", "ERROR the values of COALESCE mix", "STRING NOT NULL"),
    ("CAST('5' AS BIGINT)", "BIGINT NOT NULL", "BIGINT NOT NULL"),
    ("CAST('x' AS BIGINT)", "BIGINT NOT NULL", "BIGINT"),
    ("TRY_CAST('x' AS BIGINT)", "BIGINT", "BIGINT"),
    ("JSON_VALUE(x'7b7d', '$.a')", "STRING", "STRING"),
    ("UNIX_TIMESTAMP('2020-08-27 11:45:16')", "BIGINT NOT NULL", "BIGINT"),
    ("DATE_FORMAT('20200827', 'yyyyMMdd', 'yyyy')", "ERROR DATE_FORMAT takes 2", "STRING"),
    ("date_format('2020-08-27 00:00:00', 'yyyy')", "STRING", "STRING"),
    ("LENGTH('abc')", "ERROR unknown function LENGTH", "INT NOT NULL"),
    ("DATEDIFF('2020-08-27', '2020-08-01')", "ERROR unknown function DATEDIFF", "INT"),
    ("KEYVALUE('k1=v1;k2=v2', ';', '=', 'k2')", "ERROR unknown function KEYVALUE", "STRING"),
    ("TO_TIMESTAMP_LTZ(5, 3)", "TIMESTAMP_LTZ(3)", "ERROR unknown function TO_TIMESTAMP_LTZ"),
    ("MD5('a')", "CHAR(32) NOT NULL", "CHAR(32) NOT NULL"),
    ("'5' + 1", "ERROR '+' is not defined", "DOUBLE"),
];

#[test]
fn types_by_dialect() {
    let mut wrong = Vec::new();
    for (sql, flink, blink) in TYPES {
        for (dialect, wanted) in [(Flink, flink), (Blink, blink), (UFlink, blink)] {
            let got = ty(dialect, sql);
            let equal = if wanted.starts_with("ERROR") { got.starts_with(wanted) } else { got == **wanted };
            if !equal {
                wrong.push(format!("{dialect}: {sql}: wanted {wanted}, got {got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn functions_by_dialect() {
    assert_eq!(function(Flink, "CONCAT('a', 'b')"), Function::Concat { skip_nulls: false });
    assert_eq!(function(Blink, "CONCAT('a', 'b')"), Function::Concat { skip_nulls: true });
    assert_eq!(function(Blink, "'a' || 'b'"), Function::Concat { skip_nulls: false });
    assert_eq!(function(Blink, "CONCAT_WS(',', 'b')"), Function::ConcatWs { null_separator_is_empty: true });
    assert_eq!(function(Blink, "TO_TIMESTAMP(5)"), Function::EpochToInstant { seconds: false });
    assert_eq!(function(Blink, "CAST(5 AS TIMESTAMP)"), Function::EpochToInstant { seconds: true });
    assert_eq!(function(Blink, "TO_TIMESTAMP('x')"), Function::TextToInstant { zone: "Asia/Shanghai".to_owned() });
    assert_eq!(function(Flink, "TO_TIMESTAMP('x')"), Function::ToTimestamp);
    assert_eq!(function(Blink, "DATE_FORMAT('a', 'b', 'c')"), Function::DateFormatFromTo);
    assert_eq!(function(Blink, "1 / 0"), Function::Divide { null_on_zero: true });
}

fn cast_of(e: &Expr) -> Option<(OnCastError, CastFlavor)> {
    match &e.kind {
        ExprKind::Cast { rule, .. } => Some((rule.on_error, rule.flavor)),
        _ => None,
    }
}

#[test]
fn casts_by_dialect() {
    let cast = |d, sql: &str| cast_of(&expression(d, sql).unwrap()).unwrap();
    assert_eq!(cast(Flink, "CAST('x' AS BIGINT)"), (OnCastError::Fail, CastFlavor::Flink));
    assert_eq!(cast(Flink, "TRY_CAST('x' AS BIGINT)"), (OnCastError::Null, CastFlavor::Flink));
    assert_eq!(cast(Blink, "CAST('x' AS BIGINT)"), (OnCastError::Null, CastFlavor::Blink));
}

#[test]
fn a_text_beside_a_number_becomes_a_number_before_the_job_runs() {
    let e = expression(Blink, "CAST(RAND() AS BIGINT) = '305'").unwrap();
    let ExprKind::Compare { right, .. } = e.kind else { panic!() };
    assert_eq!((right.kind, right.data_type.ty), (ExprKind::Literal(Scalar::Int(305)), SqlType::BigInt));
}

#[test]
fn in_lists_by_dialect() {
    let values = |d| match expression(d, "CAST(RAND() AS BIGINT) IN ('1', '2')").unwrap().kind {
        ExprKind::In { input, values, .. } => (input.data_type.ty, values.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(values(Flink), (SqlType::BigInt, 2));
    assert_eq!(values(Blink), (SqlType::STRING, 2));
}

#[test]
fn json_rules_by_dialect() {
    let rule = |d| match expression(d, "JSON_VALUE(UUID(), '$.a')").unwrap().kind {
        ExprKind::Json(call) => call.rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(Flink), JsonRule::Flink);
    assert_eq!(rule(UFlink), JsonRule::Blink);
}

const BLINK: &str = "
CREATE TABLE src (messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
  uid AS CAST(JSON_VALUE(`message`, '$.uid') AS BIGINT), room AS JSON_VALUE(`message`, '$.room'),
  ms AS CAST(JSON_VALUE(`message`, '$.ms') AS BIGINT), lost AS CAST(JSON_VALUE(`message`, '$.lost') AS BIGINT),
  WATERMARK wk FOR ms AS WITHOFFSET(ms, 60000))
WITH (type = 'kafka010', topic = 'a', `group.id` = 'g', bootstrap.servers = 'b:9092');
CREATE TABLE rds (s TIMESTAMP, e TIMESTAMP, uid BIGINT, room VARCHAR, total INT, mean DOUBLE)
WITH (type = 'RDS', url = 'jdbc:mysql://h:3306/d', tableName = 't', userName = 'u', password = 'p');
";

#[test]
fn a_bigint_is_a_time_attribute_in_blink() {
    let p = plan(&format!(
        "{BLINK}INSERT INTO rds SELECT TUMBLE_START(ms, INTERVAL '30' SECOND), TUMBLE_END(ms, INTERVAL '30' SECOND),
           CASE WHEN uid IS NULL THEN -1 ELSE uid END, CASE WHEN room IS NULL THEN -1 ELSE room END, SUM(lost), AVG(lost)
         FROM src WHERE lost >= 0 GROUP BY TUMBLE(ms, INTERVAL '30' SECOND), uid, room"
    ));
    let window = p.nodes.iter().find(|n| matches!(n.op, Op::WindowAggregate { .. })).unwrap();
    let Op::WindowAggregate { window: w, aggregates, .. } = &window.op else { panic!() };
    assert_eq!(w.zone, "Asia/Shanghai");
    assert_eq!(aggregates[1].data_type.ty, SqlType::Double);
    assert_eq!(window.columns[4].data_type.ty, SqlType::TimestampLtz(3));
    let scan = super::scans(&p)[0];
    assert_eq!(scan.event_time.as_ref().unwrap().delay_ms, Some(60_000));
    assert!(scan.request.filter.is_some() && scan.request.time.is_some());
}

#[test]
fn uflink_tables_have_rowtime() {
    let p = plan(
        "CREATE TABLE a (k VARCHAR, t BIGINT, WATERMARK FOR t AS WITHOFFSET(t, 1000)) WITH (type = 'kafka11', bootstrapServers = 'b:9092', topic = 't', groupId = 'g');
         CREATE TABLE b (k VARCHAR, n INT) WITH (type = 'kafka11', bootstrapServers = 'b:9092', topic = 'u');
         INSERT INTO b SELECT K, COUNT(1) FROM a GROUP BY TUMBLE(ROWTIME, INTERVAL '2' SECOND), k",
    );
    assert!(p.nodes.iter().any(|n| matches!(n.op, Op::WindowAggregate { .. })));
}

#[test]
fn last_value_takes_an_order() {
    let p = plan(&format!(
        "{BLINK}CREATE TABLE o (uid BIGINT, room VARCHAR) WITH (type = 'RDS', url = 'jdbc:mysql://h:3306/d', tableName = 'o', userName = 'u', password = 'p');
         INSERT INTO o SELECT uid, last_value(room, ms) FROM src GROUP BY uid"
    ));
    let args = p.nodes.iter().find_map(|n| match &n.op {
        Op::GroupAggregate { aggregates, .. } => Some(aggregates[0].args.len()),
        _ => None,
    });
    assert_eq!(args, Some(2));
}
