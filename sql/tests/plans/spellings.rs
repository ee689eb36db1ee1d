//! Expressions as ordinary Flink jobs write them, with the types they have.

use super::FLINK;

const EXPRESSIONS: &[(&str, &str)] = &[
    ("TO_TIMESTAMP(FROM_UNIXTIME(raw_ms / 1000, 'yyyy-MM-dd HH:mm:ss'))", "TIMESTAMP(3)"),
    ("CAST(amount AS DECIMAL(12, 3))", "DECIMAL(12, 3)"),
    ("DATE_FORMAT(ts, 'HH')", "STRING"),
    ("TIMESTAMPDIFF(SECOND, ts, ts + INTERVAL '1' DAY)", "INT"),
    ("TIMESTAMPADD(DAY, 1, ts)", "TIMESTAMP(3)"),
    ("FLOOR(ts TO MINUTE)", "TIMESTAMP(3)"),
    ("CEIL(ts TO HOUR)", "TIMESTAMP(3)"),
    ("EXTRACT(DOW FROM ts)", "BIGINT"),
    ("HOUR(ts)", "BIGINT"),
    ("JSON_VALUE(user_id, '$.a' RETURNING INT)", "INT"),
    ("JSON_VALUE(user_id, 'lax $.a' DEFAULT 'x' ON EMPTY NULL ON ERROR)", "STRING"),
    ("JSON_QUERY(user_id, '$.a' WITH CONDITIONAL ARRAY WRAPPER)", "STRING"),
    ("JSON_EXISTS(user_id, '$.a')", "BOOLEAN"),
    ("JSON_OBJECT(KEY 'a' VALUE id, KEY 'b' VALUE user_id ABSENT ON NULL)", "STRING NOT NULL"),
    ("JSON_ARRAY(1, user_id)", "STRING NOT NULL"),
    ("SPLIT_INDEX(user_id, ',', 0)", "STRING"),
    ("REGEXP_REPLACE(user_id, '[0-9]', '')", "STRING"),
    ("TRIM(BOTH 'x' FROM user_id)", "STRING"),
    ("TRIM(LEADING FROM user_id)", "STRING"),
    ("OVERLAY(user_id PLACING '****' FROM 4 FOR 4)", "STRING"),
    ("POSITION('a' IN user_id)", "INT"),
    ("SUBSTRING(user_id FROM 2 FOR 3)", "STRING"),
    ("user_id IS DISTINCT FROM 'a'", "BOOLEAN NOT NULL"),
    ("NOT (id = 1 AND id != 2)", "BOOLEAN"),
    ("id BETWEEN 1 AND 5 OR id NOT IN (7, 8)", "BOOLEAN"),
    ("CURRENT_DATE", "DATE NOT NULL"),
    ("LOCALTIMESTAMP", "TIMESTAMP(3) NOT NULL"),
    ("ts >= TIMESTAMP '2020-08-27 00:00:00'", "BOOLEAN"),
    ("MAP['a', 1]['a']", "INT"),
    ("ARRAY[1, 2][1]", "INT"),
    ("CARDINALITY(tags)", "INT"),
    ("tags[1]", "STRING"),
    ("ROW(1, 'a')", "ROW<`EXPR$0` INT NOT NULL, `EXPR$1` CHAR(1) NOT NULL> NOT NULL"),
    ("o.info.city", "STRING"),
    ("IF(id > 1, 'a', 'bb')", "VARCHAR(2) NOT NULL"),
    ("COALESCE(user_id, 'none')", "STRING NOT NULL"),
    ("IFNULL(id, 0)", "BIGINT NOT NULL"),
    ("NULLIF(id, 0)", "BIGINT"),
    ("CASE user_id WHEN 'a' THEN 1 WHEN 'b' THEN 2 END", "INT"),
    ("-id", "BIGINT"),
    ("id % 10", "INT"),
    ("MOD(id, 10)", "INT"),
    ("POWER(2, 10)", "DOUBLE NOT NULL"),
    ("ROUND(amount, 1)", "DECIMAL(10, 1)"),
    ("CAST(id AS STRING) || '-' || user_id", "STRING"),
    ("'it''s'", "CHAR(4) NOT NULL"),
    ("_UTF16'中文'", "CHAR(2) NOT NULL"),
    ("user_id SIMILAR TO 'a.*'", "!not supported"),
    ("CAST(ts AS TIMESTAMP_LTZ(3))", "TIMESTAMP_LTZ(3)"),
    ("UNIX_TIMESTAMP(CAST(ts AS STRING))", "BIGINT"),
    ("TO_TIMESTAMP_LTZ(raw_ms, 3)", "TIMESTAMP_LTZ(3)"),
    ("TYPEOF(id)", "STRING"),
    ("CONCAT_WS('-', user_id, 'x')", "STRING NOT NULL"),
    ("LPAD(user_id, 5, '0')", "STRING"),
    ("HEX(id)", "STRING"),
    ("SHA2(user_id, 256)", "VARCHAR(64)"),
    ("CAST(NULL AS ROW<a INT, b STRING>)", "ROW<`a` INT, `b` STRING>"),
    ("INTERVAL '1 02:03:04' DAY TO SECOND", "INTERVAL DAY TO SECOND NOT NULL"),
];

const AGGREGATES: &[(&str, &str)] = &[
    ("COUNT(DISTINCT CASE WHEN id > 1 THEN user_id END)", "BIGINT NOT NULL"),
    ("SUM(IF(id > 1, 1, 0))", "INT NOT NULL"),
    ("SUM(amount)", "DECIMAL(38, 2)"),
    ("AVG(amount)", "DECIMAL(38, 6)"),
    ("AVG(id)", "BIGINT"),
    ("MAX(ts)", "TIMESTAMP(3)"),
    ("LISTAGG(DISTINCT user_id, ';')", "STRING"),
    ("FIRST_VALUE(user_id)", "STRING"),
    ("STDDEV_POP(id)", "DOUBLE"),
    ("COUNT(*) FILTER (WHERE id > 1) * 1.0 / COUNT(*)", "DECIMAL(38, 17) NOT NULL"),
];

fn type_of(sql: &str) -> Result<String, String> {
    let registry = super::registry();
    let options = tidegate_sql::PlanOptions::new(&registry);
    match tidegate_sql::plan_query(FLINK, sql, &options) {
        Ok(p) => {
            super::sound::check(&p.plan);
            Ok(p.columns[0].data_type.to_string())
        }
        Err(e) => Err(e[0].to_string()),
    }
}

fn compare(cases: &[(&str, &str)], query: impl Fn(&str) -> String) {
    let mut wrong = Vec::new();
    for (sql, wanted) in cases {
        let got = type_of(&query(sql));
        let equal = match (&got, wanted.strip_prefix('!')) {
            (Ok(t), None) => t == wanted,
            (Err(e), Some(part)) => e.contains(part),
            _ => false,
        };
        if !equal {
            wrong.push(format!("{sql}: wanted {wanted}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions() {
    compare(EXPRESSIONS, |e| format!("SELECT {e} FROM orders o"));
}

#[test]
fn aggregates() {
    compare(AGGREGATES, |e| {
        format!("SELECT {e}, DATE_FORMAT(ts, 'yyyy') FROM orders GROUP BY DATE_FORMAT(ts, 'yyyy') HAVING COUNT(*) > 1")
    });
}
