//! Mistakes: each has its place and says what to do.

use super::{FLINK, try_plan};

struct Mistake {
    /// After [`FLINK`].
    sql: &'static str,
    /// Part of the message.
    says: &'static str,
    /// Part of the help; empty where the message is enough.
    help: &'static str,
    /// The text that the place must point at.
    at: &'static str,
}

const fn m(sql: &'static str, says: &'static str, help: &'static str, at: &'static str) -> Mistake {
    Mistake { sql, says, help, at }
}

const MISTAKES: &[Mistake] = &[
    m(
        "INSERT INTO counts SELECT usr_id, 1 FROM orders",
        "unknown column 'usr_id'",
        "did you mean 'user_id'?",
        "usr_id",
    ),
    m("INSERT INTO counts SELECT USER_ID, id FROM orders", "unknown column 'USER_ID'", "case sensitive", "USER_ID"),
    m("INSERT INTO counts SELECT o.user_id, p.id FROM orders o", "'p' is neither", "", "p.id"),
    m(
        "INSERT INTO counts SELECT o.user_idd, id FROM orders o",
        "unknown column 'user_idd'",
        "did you mean 'user_id'",
        "o.user_idd",
    ),
    m(
        "INSERT INTO counts SELECT a, b FROM (SELECT user_id AS a, user_id AS a, id AS b FROM orders)",
        "'a' is ambiguous",
        "different names",
        "a, b",
    ),
    m(
        "INSERT INTO counts SELECT user_id, id FROM ordres",
        "no table or view 'ordres'",
        "did you mean 'orders'",
        "ordres",
    ),
    m(
        "INSERT INTO count SELECT user_id, id FROM orders",
        "no table or view 'count'",
        "did you mean 'counts'",
        "count SELECT",
    ),
    m(
        "INSERT INTO counts SELECT UPER(user_id), id FROM orders",
        "unknown function UPER",
        "did you mean UPPER?",
        "UPER",
    ),
    m(
        "INSERT INTO counts SELECT REPLACE(user_id, 'a'), id FROM orders",
        "REPLACE takes 3 arguments, got 2",
        "",
        "REPLACE",
    ),
    m(
        "INSERT INTO counts SELECT CONCAT(user_id, id), id FROM orders",
        "CONCAT takes a text as argument 2, this is BIGINT",
        "CAST(… AS STRING)",
        "id)",
    ),
    m(
        "INSERT INTO counts SELECT user_id, id FROM orders WHERE id = '305'",
        "BIGINT cannot be compared with a text",
        "without quotes: 305",
        "id =",
    ),
    m(
        "INSERT INTO counts SELECT user_id, id FROM orders WHERE COUNT(*) > 1",
        "COUNT is not allowed in WHERE",
        "HAVING",
        "COUNT",
    ),
    m("INSERT INTO counts SELECT user_id, id FROM orders WHERE id", "a condition is needed here", "compare it", "id"),
    m(
        "INSERT INTO totals SELECT user_id, id FROM orders GROUP BY user_id",
        "'id' is neither in GROUP BY",
        "MAX(column)",
        "id",
    ),
    m(
        "INSERT INTO totals SELECT user_id, SUM(COUNT(*)) FROM orders GROUP BY user_id",
        "not allowed in an aggregate",
        "sub-query",
        "COUNT",
    ),
    m(
        "INSERT INTO totals SELECT user_id AS u, COUNT(*) FROM orders GROUP BY u",
        "unknown column 'u'",
        "GROUP BY needs its expression: user_id",
        "u",
    ),
    m(
        "INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY 1",
        "not positions",
        "repeat the expression",
        "1",
    ),
    m(
        "INSERT INTO counts SELECT user_id, COUNT(*) FROM orders GROUP BY user_id",
        "takes new rows only",
        "upsert-kafka",
        "INSERT",
    ),
    m(
        "INSERT INTO counts SELECT user_id FROM orders",
        "the query has 1 columns, table 'counts' takes 2",
        "user_id, n",
        "INSERT",
    ),
    m(
        "INSERT INTO counts SELECT user_id, user_id FROM orders",
        "column 'n' is BIGINT, the query gives STRING",
        "CAST(… AS BIGINT)",
        "user_id FROM",
    ),
    m("INSERT INTO counts (user_id, m) SELECT user_id, id FROM orders", "no column 'm' to write", "", "m)"),
    m(
        "INSERT INTO windows SELECT TUMBLE_START(raw_ms, INTERVAL '1' MINUTE), ts, user_id, COUNT(*) FROM orders GROUP BY TUMBLE(raw_ms, INTERVAL '1' MINUTE), user_id",
        "'raw_ms' has no watermark",
        "WATERMARK FOR raw_ms",
        "raw_ms, INTERVAL '1' MINUTE), user_id",
    ),
    m(
        "INSERT INTO windows SELECT TUMBLE_START(ts, INTERVAL '2' MINUTE), TUMBLE_END(ts, INTERVAL '1' MINUTE), user_id, COUNT(*) FROM orders GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), user_id",
        "TUMBLE_START does not match",
        "must be the same",
        "TUMBLE_START",
    ),
    m(
        "INSERT INTO windows SELECT ts, ts, user_id, COUNT(*) FROM orders GROUP BY TUMBLE(ts, INTERVAL '1' MONTH), user_id",
        "fixed length",
        "DAY, HOUR",
        "'1' MONTH",
    ),
    m(
        "INSERT INTO windows SELECT ts, ts, user_id, id FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(raw_ms), INTERVAL '1' MINUTE))",
        "'raw_ms' has no watermark",
        "WATERMARK FOR",
        "raw_ms",
    ),
    m(
        "INSERT INTO windows SELECT ts, ts, user_id, id FROM TABLE(TUMBL(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
        "TUMBL is not a table function",
        "TUMBLE",
        "TUMBL(",
    ),
    m(
        "INSERT INTO counts SELECT a.user_id, b.id FROM orders a JOIN orders b ON a.id = b.id",
        "regular join of two streams is not supported yet",
        "later version",
        "orders b",
    ),
    m("INSERT INTO counts SELECT a.user_id, b.id FROM orders a, orders b", "cross join", "UNION ALL", "orders b"),
    m(
        "INSERT INTO counts SELECT user_id, SUM(id) OVER (PARTITION BY user_id ORDER BY ts) FROM orders",
        "OVER aggregates",
        "",
        "SUM",
    ),
    m(
        "INSERT INTO counts SELECT user_id, rn FROM (SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY ts) AS rn FROM orders)",
        "without a bound",
        "rn = 1",
        "ROW_NUMBER",
    ),
    m("INSERT INTO counts SELECT user_id, id FROM orders ORDER BY id", "ORDER BY without LIMIT", "LIMIT n", "id"),
    m(
        "INSERT INTO counts SELECT user_id, id FROM orders UNION ALL SELECT user_id FROM orders",
        "have 2 and 1 columns",
        "",
        "SELECT user_id FROM",
    ),
    m(
        "INSERT INTO counts SELECT CASE WHEN id IS NULL THEN -1 ELSE user_id END, id FROM orders",
        "the values of CASE mix types: INT and STRING",
        "'-1'",
        "CASE",
    ),
    m(
        "INSERT INTO counts SELECT JSON_VALUE(user_id, CONCAT('$.', user_id)), id FROM orders",
        "must be a constant text",
        "'$.a.b'",
        "CONCAT",
    ),
    m(
        "INSERT INTO counts SELECT info.citty, id FROM orders",
        "the ROW has no field 'citty'",
        "did you mean 'city'",
        "info.citty",
    ),
    m("INSERT INTO counts SELECT user_id.x, id FROM orders", "a STRING has no field 'x'", "JSON_VALUE", "user_id.x"),
    m("INSERT INTO counts SELECT user_id[1], id FROM orders", "needs an ARRAY or MAP", "JSON_VALUE", "user_id[1]"),
    m("INSERT INTO counts SELECT tags['x'], id FROM orders", "indexed by a whole number", "", "tags"),
    m("INSERT INTO counts SELECT user_id, CAST(ts AS BIGINT) FROM orders", "cannot be cast to BIGINT", "", "ts"),
    m(
        "INSERT INTO counts SELECT user_id, id + user_id FROM orders",
        "'+' is not defined for BIGINT and STRING",
        "CAST the operands",
        "id + user_id",
    ),
    m(
        "INSERT INTO counts SELECT user_id, ts - raw_ms FROM orders",
        "'-' is not defined for TIMESTAMP(3) and BIGINT",
        "INTERVAL",
        "ts - raw_ms",
    ),
    m(
        "INSERT INTO counts SELECT TO_TIMESTAMP(raw_ms), id FROM orders",
        "TO_TIMESTAMP takes a text",
        "TO_TIMESTAMP_LTZ",
        "raw_ms)",
    ),
    m(
        "INSERT INTO counts SELECT user_id, SUM(user_id) FROM orders GROUP BY user_id",
        "SUM needs a number, this is STRING",
        "CAST",
        "SUM",
    ),
    m(
        "INSERT INTO counts SELECT user_id, id FROM orders WHERE id IN (SELECT id FROM orders)",
        "sub-queries inside expressions",
        "FROM",
        "id",
    ),
    m("INSERT INTO counts SELECT EXTRACT(CENTURY FROM ts), id FROM orders", "not a unit of time", "YEAR", "ts"),
    m("INSERT INTO counts SELECT \"x\", id FROM orders", "has no meaning here", "text is written 'x'", "\"x\""),
    m(
        "INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY ROLLUP (user_id)",
        "ROLLUP",
        "one INSERT for each",
        "user_id)",
    ),
    m(
        "SELECT 1; INSERT INTO counts SELECT user_id, id FROM orders",
        "bare SELECT beside INSERTs",
        "INSERT INTO",
        "SELECT 1",
    ),
];

#[test]
fn every_mistake_has_a_place_and_advice() {
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let text = format!("{FLINK}{}", mistake.sql);
        let errors = match try_plan(&text) {
            Ok(_) => {
                wrong.push(format!("accepted: {}", mistake.sql));
                continue;
            }
            Err(e) => e,
        };
        let e = &errors[0];
        let line = text.lines().nth((e.span().line as usize).saturating_sub(1)).unwrap_or_default();
        let rest: String = line.chars().skip((e.span().column as usize).saturating_sub(1)).collect();
        let problems = [
            (!e.message().contains(mistake.says), "message"),
            (!e.help_text().unwrap_or_default().contains(mistake.help), "help"),
            (!rest.starts_with(mistake.at), "place"),
        ];
        let problems: Vec<&str> = problems.iter().filter(|(bad, _)| *bad).map(|(_, what)| *what).collect();
        if !problems.is_empty() {
            wrong.push(format!("{}\n  {}: {e}\n  points at: {rest}", mistake.sql, problems.join(", ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n"));
}

#[test]
fn independent_mistakes_are_told_together() {
    let text = format!(
        "{FLINK}INSERT INTO counts SELECT usr_id, CONCAT(id) FROM orders WHERE id = 'x';\nINSERT INTO counts SELECT user_id FROM orders"
    );
    let errors = try_plan(&text).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(
        errors.windows(2).all(|w| (w[0].span().line, w[0].span().column) <= (w[1].span().line, w[1].span().column))
    );
}

#[test]
fn a_broken_table_is_told_once() {
    let text = "CREATE TABLE a (x BIGINTT) WITH ('connector' = 'print');\nCREATE TABLE b (x BIGINT) WITH ('connector' = 'print');\nINSERT INTO b SELECT x FROM a";
    let errors = try_plan(text).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
}
