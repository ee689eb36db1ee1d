//! Blink's and UFlink's functions and conversions, value by value, as their documentation and open
//! source have them; `docs/dialects.md` says where Tidegate chose.

use tidegate_core::Dialect;
use tidegate_integration_tests::ask::{Answer, Asker};

/// Expression and value.
type Row = (&'static str, &'static str);

/// The same in Blink and UFlink.
const SHARED: &[Row] = &[
    // CONCAT leaves NULLs out and takes anything.
    ("CONCAT('Hello', CAST(NULL AS VARCHAR), 'World')", "'HelloWorld'"),
    ("CONCAT(CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), 'World')", "'World'"),
    ("CONCAT(CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR))", "''"),
    ("CONCAT('a', 1, TRUE)", "'a1true'"),
    ("CONCAT('a', 1.50)", "'a1.50'"),
    ("CONCAT_WS('-', 'a', CAST(NULL AS VARCHAR), 'b')", "'a-b'"),
    ("CONCAT_WS('-', 'a', '', 'b')", "'a--b'"),
    ("CONCAT_WS(CAST(NULL AS VARCHAR), 'a', 'b')", "'ab'"),
    ("CONCAT_WS('-', CAST(NULL AS VARCHAR))", "''"),
    ("'a' || CAST(NULL AS VARCHAR)", "NULL"),
    ("'a' || 1", "'a1'"),
    // JSON_VALUE gives objects and arrays as text.
    (r#"JSON_VALUE('{"a":{"b": 1, "c":"x"}}', '$.a')"#, r#"'{"b":1,"c":"x"}'"#),
    (r#"JSON_VALUE('{"c":{"h":["h0","h1","h2"]}}', '$.c.h[*]')"#, r#"'["h0","h1","h2"]'"#),
    (r#"JSON_VALUE('{"c":{"h":["h0","h1","h2"]}}', '$.c.h[1]')"#, "'h1'"),
    (r#"JSON_VALUE('{"c":["only"]}', '$.c[*]')"#, "'only'"),
    (r#"JSON_VALUE('{"c":["only"]}', '$.c[4]')"#, "NULL"),
    (r#"JSON_VALUE('[10, 20, [30, 40]]', '$[2][*]')"#, "'[30,40]'"),
    (r#"JSON_VALUE('{"a":[{"b":1},{"b":2},{"c":3}]}', '$.a.b')"#, "'[1,2]'"),
    (r#"JSON_VALUE('{"a": 1}', '$')"#, r#"'{"a":1}'"#),
    (r#"JSON_VALUE('{"a": 1}', '$a')"#, "NULL"),
    (r#"JSON_VALUE('{"键": 1}', '$.键')"#, "NULL"),
    (r#"JSON_VALUE('{"a":1.10}', '$.a')"#, "'1.1'"),
    (r#"JSON_VALUE('{"a":1e10}', '$.a')"#, "'1.0E10'"),
    (r#"JSON_VALUE('{"a":12345678901234567890}', '$.a')"#, "'12345678901234567890'"),
    (r#"JSON_VALUE('{"a":null}', '$.a')"#, "NULL"),
    (r#"JSON_VALUE('{"a":true}', '$.a')"#, "'true'"),
    (r#"JSON_VALUE('not json', '$.a')"#, "NULL"),
    (r#"JSON_VALUE('[1]', '$.a')"#, "NULL"),
    (r#"JSON_VALUE(CAST('{"a":5}' AS VARBINARY), '$.a')"#, "'5'"),
    (r#"JSON_VALUE(CAST(JSON_VALUE('{"data":{"userid":5}}', '$.data') AS VARCHAR), '$.userid')"#, "'5'"),
    // Casts that fail are NULL.
    ("CAST(' 12 ' AS BIGINT)", "12"),
    ("CAST('12.9' AS BIGINT)", "12"),
    ("CAST('' AS BIGINT)", "NULL"),
    ("CAST('x' AS INT)", "NULL"),
    ("CAST('-' AS INT)", "NULL"),
    ("CAST('99999999999' AS INT)", "NULL"),
    ("CAST('x' AS DOUBLE)", "NULL"),
    ("CAST('t' AS BOOLEAN)", "true"),
    ("CAST('no' AS BOOLEAN)", "false"),
    ("CAST('maybe' AS BOOLEAN)", "NULL"),
    ("CAST(TRUE AS VARCHAR)", "'true'"),
    ("CAST(CAST('中文' AS VARBINARY) AS VARCHAR)", "'中文'"),
    ("CAST(CAST(1598528716 AS BIGINT) AS TIMESTAMP)", "2020-08-27T11:45:16Z"),
    ("CAST(TO_TIMESTAMP(1598528716999) AS BIGINT)", "1598528716"),
    // Comparisons read the text as a number.
    ("CAST(305 AS BIGINT) = '305'", "true"),
    ("CAST(305 AS BIGINT) <> '306'", "true"),
    ("CAST(305 AS BIGINT) > '4'", "true"),
    ("CAST(305 AS BIGINT) IN ('305', '306')", "true"),
    ("CASE WHEN TRUE THEN -1 ELSE 'room_1' END", "'-1'"),
    ("CASE WHEN FALSE THEN 'a' ELSE 'other' END", "'other'"),
    // Arithmetic.
    ("7 / 2", "3.5"),
    ("CAST(7 AS BIGINT) / CAST(2 AS BIGINT)", "3.5"),
    ("1 / 0", "NULL"),
    // Time.
    ("TO_TIMESTAMP(1598528716000)", "2020-08-27T11:45:16Z"),
    ("TO_TIMESTAMP('2020-08-27 19:45:16')", "2020-08-27T11:45:16Z"),
    ("TO_TIMESTAMP('garbage')", "NULL"),
    ("UNIX_TIMESTAMP('2020-08-27 19:45:16')", "1598528716"),
    ("UNIX_TIMESTAMP('garbage')", "NULL"),
    ("FROM_UNIXTIME(1598528716)", "'2020-08-27 19:45:16'"),
    ("FROM_UNIXTIME(1598528716, 'yyyyMMdd')", "'20200827'"),
    ("DATE_FORMAT(TO_TIMESTAMP(1598528716000), 'yyyy-MM-dd HH:mm:ss')", "'2020-08-27 19:45:16'"),
    ("DATE_FORMAT('2020-08-27 11:45:16', 'yyyyMMddHH')", "'2020082711'"),
    ("DATE_FORMAT('20200827', 'yyyyMMdd', 'yyyy/MM/dd')", "'2020/08/27'"),
    ("DATE_FORMAT('garbage', 'yyyyMMdd')", "NULL"),
    ("NOW() > 1598528716", "true"),
    ("NOW(100) - NOW() >= 100", "true"),
    ("NOW(CAST(NULL AS INT))", "NULL"),
    // Text.
    ("MD5('中文')", "'a7bac2239fcdcb3a067903d8077c4a07'"),
    ("MD5(CAST(NULL AS VARCHAR))", "NULL"),
    (r"'DM_x' LIKE 'DM\\_%'", "false"),
    (r"'DM_x' LIKE 'DM!_%' ESCAPE '!'", "true"),
    ("IF(CAST(NULL AS BOOLEAN), 'a', 'b')", "'b'"),
    ("_UTF16'课堂'", "'课堂'"),
    // Aggregates.
    ("SELECT AVG(x) FROM (VALUES (1), (2)) t(x)", "+I[1.0] ; -U[1.0] ; +U[1.5]"),
    (
        "SELECT SUM(x) FROM (VALUES (CAST(2147483647 AS INT)), (CAST(1 AS INT))) t(x)",
        "+I[2147483647] ; -U[2147483647] ; +U[-2147483648]",
    ),
    (
        "SELECT LAST_VALUE(v, o) FROM (VALUES ('b', CAST(2 AS BIGINT)), ('a', 1), ('tie', 2), ('c', 3)) t(v, o)",
        "+I[b] ; -U[b] ; +U[c]",
    ),
    (
        "SELECT FIRST_VALUE(v, o) FROM (VALUES ('b', CAST(2 AS BIGINT)), ('a', 1), ('tie', 1)) t(v, o)",
        "+I[b] ; -U[b] ; +U[a]",
    ),
    ("SELECT LAST_VALUE(v) FROM (VALUES ('a'), (CAST(NULL AS VARCHAR))) t(v)", "+I[a]"),
];

/// What the dialects do not accept.
const REFUSED: &[&str] =
    &["NO_SUCH_FUNCTION(1)", "JSON_VALUE('{}', CONCAT('$.', 'a'))", "UPPER()", "CAST('a' AS NOTYPE)"];

fn differing(asker: &Asker, rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter_map(|(expression, want)| match asker.ask(expression) {
            Answer::Rows { rows, .. } if rows == *want => None,
            other => Some(format!("{expression}\n  want {want}\n  got  {other:?}")),
        })
        .collect()
}

fn check(dialect: Dialect) {
    // Without table.local-time-zone: the dialects' own, Asia/Shanghai.
    let asker = Asker::with(dialect, &[("table.exec.mini-batch.enabled", "false")]);
    let mut wrong = differing(&asker, SHARED);
    for expression in REFUSED {
        let answer = asker.ask(expression);
        if !matches!(answer, Answer::Refused(_)) {
            wrong.push(format!("{expression}\n  is to be refused: {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{dialect:?}, {} of {}:\n{}", wrong.len(), SHARED.len(), wrong.join("\n"));
}

#[test]
fn blink() {
    check(Dialect::Blink);
}

#[test]
fn uflink() {
    check(Dialect::UFlink);
}

#[test]
fn the_same_text_means_something_else_in_flink() {
    let asker = Asker::new(Dialect::Flink);
    let same = SHARED.iter().filter(|(expression, value)| match asker.ask(expression) {
        Answer::Rows { rows, .. } => rows == *value,
        Answer::Refused(_) | Answer::Failed(_) => false,
    });
    let same = same.count();
    assert!(same < SHARED.len() / 2, "{same} of {} are no differences of a dialect", SHARED.len());
}

#[test]
fn blinks_time_zone_is_the_jobs() {
    let asker = Asker::with(Dialect::Blink, &[("blink.job.timeZone", "America/New_York")]);
    let rows = [
        ("FROM_UNIXTIME(1598528716)", "'2020-08-27 07:45:16'"),
        ("TO_TIMESTAMP('2020-08-27 07:45:16')", "2020-08-27T11:45:16Z"),
        ("DATE_FORMAT(TO_TIMESTAMP(1598528716000), 'HH')", "'07'"),
    ];
    assert_eq!(differing(&asker, &rows), Vec::<String>::new());
}
