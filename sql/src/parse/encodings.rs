//! Tests of the encodings that [`crate::ast`] promises the binder.

use std::collections::BTreeMap;

use sqlparser::ast as sp;
use tidegate_core::{Dialect, Span, SqlType};

use super::{parse, parse_query};
use crate::ast::{StatementKind, WatermarkKind, cast_type, span_of};

fn shown(sql: &str) -> String {
    parse_query(sql).unwrap_or_else(|e| panic!("{sql}: {e}")).ast.to_string()
}

/// The text of the one select item, or the error.
fn item(expression: &str) -> String {
    shown(&format!("SELECT {expression}")).trim_start_matches("SELECT ").to_owned()
}

#[test]
fn json_clauses_are_named_arguments() {
    assert_eq!(item("JSON_VALUE(a, '$.b')"), "JSON_VALUE(a, '$.b')");
    let all = item("JSON_VALUE(a, '$.b' RETURNING INT DEFAULT 1 + 2 ON EMPTY ERROR ON ERROR)");
    let ty = r#"CAST(NULL AS __type({"ty":"Int","nullable":true}))"#;
    assert_eq!(
        all.replace("'{", "{").replace("}'", "}"),
        format!("JSON_VALUE(a, '$.b', __returning => {ty}, __on_empty => 1 + 2, __on_error => __error())")
    );
    assert_eq!(
        item("json_query(m, '$.a' WITH CONDITIONAL ARRAY WRAPPER EMPTY OBJECT ON EMPTY NULL ON ERROR)"),
        "json_query(m, '$.a', __wrapper => 'CONDITIONAL', __on_empty => __empty_object(), __on_error => __null())"
    );
    assert_eq!(item("JSON_QUERY(m, '$.a' WITH WRAPPER)"), "JSON_QUERY(m, '$.a', __wrapper => 'UNCONDITIONAL')");
    assert_eq!(item("JSON_EXISTS(m, '$.a' UNKNOWN ON ERROR)"), "JSON_EXISTS(m, '$.a', __on_error => NULL)");
    assert_eq!(item("JSON_VALUE(m, '$.' || k NULL ON EMPTY)"), "JSON_VALUE(m, '$.' || k, __on_empty => __null())");
    assert_eq!(
        item("JSON_OBJECT(KEY 'a' VALUE JSON_VALUE(m, '$.x' ERROR ON ERROR), 'b' VALUE 1 ABSENT ON NULL)"),
        "JSON_OBJECT('a', JSON_VALUE(m, '$.x', __on_error => __error()), 'b', 1, __on_null => 'ABSENT')"
    );
    assert_eq!(item("JSON_ARRAY(1, 'x' NULL ON NULL)"), "JSON_ARRAY(1, 'x', __on_null => 'NULL')");
    assert_eq!(item("JSON_OBJECT()"), "JSON_OBJECT()");
    assert_eq!(item("JSON_STRING('x')"), "JSON_STRING('x')");
}

#[test]
fn casts_carry_their_type() {
    for (written, expected) in [
        ("bigint(20)", "BIGINT"),
        ("VARCHAR", "STRING"),
        ("ROW<a INT, b ARRAY<ROW<c STRING NOT NULL>>>", "ROW<`a` INT, `b` ARRAY<ROW<`c` STRING NOT NULL>>>"),
        ("MAP<STRING, DECIMAL(10, 2)>", "MAP<STRING, DECIMAL(10, 2)>"),
        ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)"),
        ("double precision", "DOUBLE"),
        ("INT ARRAY", "ARRAY<INT>"),
        ("BYTES", "BYTES"),
    ] {
        let query = parse_query(&format!("SELECT TRY_CAST(x AS {written})")).unwrap();
        let sp::SetExpr::Select(select) = query.ast.body.as_ref() else { panic!() };
        let sp::SelectItem::UnnamedExpr(sp::Expr::Cast { data_type, kind, .. }) = &select.projection[0] else {
            panic!()
        };
        assert_eq!(*kind, sp::CastKind::TryCast);
        assert_eq!(cast_type(data_type, Dialect::Flink).unwrap().to_string(), expected);
    }
    let query = parse_query("SELECT CAST(x AS TIMESTAMP)").unwrap();
    let sp::SetExpr::Select(select) = query.ast.body.as_ref() else { panic!() };
    let sp::SelectItem::UnnamedExpr(sp::Expr::Cast { data_type, .. }) = &select.projection[0] else { panic!() };
    assert_eq!(cast_type(data_type, Dialect::Flink).unwrap().ty, SqlType::Timestamp(6));
    assert_eq!(cast_type(data_type, Dialect::Blink).unwrap().ty, SqlType::TimestampLtz(3));
}

#[test]
fn window_functions_take_tables() {
    assert_eq!(
        shown("SELECT * FROM TABLE(TUMBLE(TABLE a.b.`t`, DESCRIPTOR(c), INTERVAL '1' MINUTE)) AS w"),
        "SELECT * FROM TABLE(TUMBLE(__table(a.b.`t`), DESCRIPTOR(c), INTERVAL '1' MINUTE)) AS w"
    );
    assert_eq!(
        shown("SELECT * FROM TABLE(HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(c), SLIDE => INTERVAL '1' MINUTE))"),
        "SELECT * FROM TABLE(HOP(DATA => __table(t), TIMECOL => DESCRIPTOR(c), SLIDE => INTERVAL '1' MINUTE))"
    );
    let hinted = "SELECT * FROM TABLE(TUMBLE(TABLE t /*+ OPTIONS('a'='b') */, DESCRIPTOR(c), INTERVAL '1' DAY))";
    let query = parse_query(hinted).unwrap();
    assert_eq!(query.hints[0].table, Span::new(1, 34));
}

#[test]
fn words_are_names_where_they_can_be() {
    for text in [
        "SELECT timestamp, role, action, type, level, offset, partition, message FROM t",
        "SELECT t.date, t.time, t.end, x.table, `select` FROM t AS x WHERE offset > 5 AND format = 'a'",
        "SELECT date AS day, time AS second, position, row, first, last, top, filter, over, interval FROM t",
        "SELECT value, key, data, user, current, rows, set, values, window, year(x) AS year FROM format AS settings",
        "SELECT LEFT(a, 3), RIGHT(a, 2), IF(a, b, c), REPLACE(a, b, c), MOD(a, 2), CONVERT(a), MAP(k, v) FROM t",
    ] {
        shown(text);
    }
    assert_eq!(item("DATE '2020-01-01'"), "DATE '2020-01-01'");
    assert_eq!(item("TIMESTAMP '2020-01-01 00:00:00'"), "TIMESTAMP '2020-01-01 00:00:00'");
}

#[test]
fn other_forms() {
    assert_eq!(item("_UTF16'中文' || U&'\\4e2d'"), "'中文' || '中'");
    assert_eq!(item("x'7b22'"), "X'7b22'");
    assert_eq!(item("MAP['a', 1, 'b', 2]['a']"), "MAP('a', 1, 'b', 2)['a']");
    assert_eq!(item("ARRAY[1, 2][1]"), "ARRAY[1, 2][1]");
    assert_eq!(item("ROW(1, 'a')"), "ROW(1, 'a')");
    assert_eq!(item("TIMESTAMPDIFF(SECOND, a, b)"), "TIMESTAMPDIFF(SECOND, a, b)");
    assert_eq!(item("CEIL(ts TO HOUR)"), "CEIL(ts TO HOUR)");
    assert_eq!(item("EXTRACT(DAY FROM ts)"), "EXTRACT(DAY FROM ts)");
    assert_eq!(item("INTERVAL '100' SECOND(3)"), "INTERVAL '100' SECOND (3)");
    assert_eq!(item("INTERVAL '1-2' YEAR TO MONTH"), "INTERVAL '1-2' YEAR TO MONTH");
    assert_eq!(item("a NOT LIKE 'x!_' ESCAPE '!'"), "a NOT LIKE 'x!_' ESCAPE '!'");
    assert_eq!(item("1E7"), "1E7");
    assert_eq!(item("'DM\\\\_%'"), "'DM\\\\_%'", "a backslash is a backslash");
    assert_eq!(item("TRIM(BOTH ' ' FROM a)"), "TRIM(BOTH ' ' FROM a)");
    assert_eq!(item("TRIM(LEADING FROM a)"), "TRIM(LEADING ' ' FROM a)");
    assert_eq!(item("OVERLAY(a PLACING 'x' FROM 2 FOR 1)"), "OVERLAY(a PLACING 'x' FROM 2 FOR 1)");
    assert_eq!(item("SUBSTRING(a FROM 2 FOR 1)"), "SUBSTRING(a FROM 2 FOR 1)");
    assert_eq!(item("POSITION('b' IN a)"), "POSITION('b' IN a)");
    assert_eq!(item("a SIMILAR TO 'x'"), "a SIMILAR TO 'x'");
    assert_eq!(item("a IS NOT DISTINCT FROM b"), "a IS NOT DISTINCT FROM b");
    assert_eq!(item("a IS NOT TRUE"), "a IS NOT TRUE");
    assert_eq!(item("a IS UNKNOWN"), "a IS UNKNOWN");
    assert_eq!(item("COUNT(DISTINCT a) FILTER (WHERE b > 1)"), "COUNT(DISTINCT a) FILTER (WHERE b > 1)");
    let row_number = "ROW_NUMBER() OVER (PARTITION BY a, b ORDER BY c DESC NULLS LAST)";
    assert_eq!(item(row_number), row_number);
    let frame = "SUM(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 5 PRECEDING AND CURRENT ROW)";
    assert_eq!(item(frame), frame);
    let range = "SUM(a) OVER (ORDER BY c RANGE BETWEEN INTERVAL '1' HOUR PRECEDING AND CURRENT ROW)";
    assert_eq!(item(range), range);
}

#[test]
fn queries_of_other_forms() {
    for text in [
        "SELECT a FROM (VALUES ('a'), ('b')) AS t (a)",
        "SELECT * FROM a LEFT JOIN d FOR SYSTEM_TIME AS OF a.pt AS x ON a.k = x.k",
        "SELECT * FROM t CROSS JOIN UNNEST(t.items) AS i (x, y)",
        "SELECT a, COUNT(*) FROM t GROUP BY GROUPING SETS ((a), ())",
        "SELECT DISTINCT a FROM t WHERE a IN (SELECT b FROM u) OR EXISTS (SELECT 1 FROM v)",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x UNION ALL SELECT 2 ORDER BY a LIMIT 10",
        "SELECT * FROM a, b WHERE a.x = b.y AND a.t BETWEEN b.t - INTERVAL '1' HOUR AND b.t",
        "SELECT a.* FROM t AS a FULL OUTER JOIN u USING (k)",
        "SELECT t1.a FROM (SELECT a FROM t) t1 JOIN (SELECT a FROM u) AS t2 ON t1.a = t2.a",
        "SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS ONLY",
    ] {
        shown(text);
    }
}

#[test]
fn places_are_those_of_the_text_before_variables() {
    let variables: BTreeMap<String, String> =
        [("t".to_owned(), "a_long_table_name".to_owned()), ("w".to_owned(), "a = 1\n AND b = 2".to_owned())].into();
    let script = parse("SELECT\n  x FROM ${t} WHERE ${w} AND JSON_VALUE(c, '$.d') = e", &variables).unwrap();
    let StatementKind::Query(q) = &script.statements[0].kind else { panic!() };
    let sp::SetExpr::Select(select) = q.ast.body.as_ref() else { panic!() };
    let Some(sp::Expr::BinaryOp { right, .. }) = &select.selection else { panic!() };
    assert_eq!(span_of(right.as_ref()), Span::new(2, 30), "JSON_VALUE");
    let sp::Expr::BinaryOp { right: e, .. } = right.as_ref() else { panic!() };
    assert_eq!(span_of(e.as_ref()), Span::new(2, 53));
}

#[test]
fn watermarks_in_both_spellings() {
    let kinds = |text: &str| {
        let script = parse(&format!("CREATE TABLE t (c BIGINT, {text}) WITH ('a' = 'b')"), &BTreeMap::new()).unwrap();
        let StatementKind::CreateTable(t) = script.statements.into_iter().next().unwrap().kind else { panic!() };
        t.watermark.unwrap()
    };
    assert!(matches!(kinds("WATERMARK wk FOR c AS WithOffset( c , 60000 )").kind, WatermarkKind::WithOffset(60_000)));
    assert!(matches!(kinds("watermark for c as withoffset(C, 0)").kind, WatermarkKind::WithOffset(0)));
    let WatermarkKind::Expr(e) = kinds("WATERMARK FOR `c` AS `c` - INTERVAL '5' SECOND").kind else { panic!() };
    assert_eq!(e.text, "`c` - INTERVAL '5' SECOND");
}
