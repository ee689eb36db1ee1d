//! Random queries of valid grammar: a plan or an error of the user's, never a failure of ours.

use tidegate_core::Domain;

use super::{FLINK, try_plan};

/// A small generator of random choices that needs no crate.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % n
    }
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// What an expression should be. One in nine parts ignores it, so that mistakes are tried too.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Truth,
    Time,
}

const ALL: [Kind; 4] = [Kind::Text, Kind::Number, Kind::Truth, Kind::Time];

fn atom(d: &mut Dice, kind: Kind) -> String {
    let of: &[&str] = match kind {
        Kind::Text => &[
            "user_id",
            "'a'",
            "'305'",
            "'2020-08-27 11:45:16'",
            "''",
            "'中文'",
            "CAST(NULL AS STRING)",
            "info.city",
            "UUID()",
        ],
        Kind::Number => {
            &["id", "raw_ms", "amount", "1", "-1", "2.5", "1e3", "9223372036854775807", "RAND()", "CAST(NULL AS INT)"]
        }
        Kind::Truth => &["TRUE", "id > 5", "user_id IS NULL", "CAST(NULL AS BOOLEAN)"],
        Kind::Time => &["ts", "TIMESTAMP '2020-08-27 11:45:16'", "DATE '2020-08-27'", "CAST(NULL AS TIMESTAMP(3))"],
    };
    match d.roll(40) {
        0 => d
            .pick(&[
                "nothing",
                "info",
                "tags",
                "x'ff'",
                "NULL",
                "INTERVAL '5' SECOND",
                "INTERVAL '1' YEAR",
                "NOW()",
                "PROCTIME()",
            ])
            .to_owned(),
        _ => d.pick(of).to_owned(),
    }
}

fn expression(d: &mut Dice, depth: usize, kind: Kind) -> String {
    let kind = if d.roll(60) == 0 { ALL[d.roll(4)] } else { kind };
    if depth == 0 || d.roll(5) == 0 {
        return atom(d, kind);
    }
    let of = |d: &mut Dice, k: Kind| expression(d, depth - 1, k);
    let (t, n, b) = (Kind::Text, Kind::Number, Kind::Truth);
    match (kind, d.roll(8)) {
        (_, 0) => format!("CASE WHEN {} THEN {} ELSE {} END", of(d, b), of(d, kind), of(d, kind)),
        (_, 1) => format!("COALESCE({}, {})", of(d, kind), of(d, kind)),
        (Kind::Text, 2) => format!("CONCAT({}, {})", of(d, t), of(d, t)),
        (Kind::Text, 3) => format!("CAST({} AS {})", of(d, n), d.pick(&["STRING", "VARCHAR(3)", "CHAR(2)"])),
        (Kind::Text, 4) => format!("SUBSTRING({}, {})", of(d, t), d.pick(&["1", "-2, 1", "2, 3"])),
        (Kind::Text, 5) => format!("JSON_VALUE({}, '$.a')", of(d, t)),
        (Kind::Text, 6) => format!("({} || {})", of(d, t), of(d, t)),
        (Kind::Text, _) => format!(
            "{}({})",
            d.pick(&["UPPER", "MD5", "REVERSE", "TRIM", "LISTAGG", "MAX", "LAST_VALUE", "TYPEOF"]),
            of(d, t)
        ),
        (Kind::Number, 2 | 3) => format!("({} {} {})", of(d, n), d.pick(&["+", "-", "*", "/", "%"]), of(d, n)),
        (Kind::Number, 4) => {
            format!("TRY_CAST({} AS {})", of(d, t), d.pick(&["BIGINT", "INT", "DECIMAL(38, 10)", "DOUBLE"]))
        }
        (Kind::Number, 5) => {
            format!("EXTRACT({} FROM {})", d.pick(&["YEAR", "HOUR", "EPOCH", "DOW"]), of(d, Kind::Time))
        }
        (Kind::Number, _) => format!(
            "{}({})",
            d.pick(&["ABS", "ROUND", "FLOOR", "SIGN", "SUM", "AVG", "COUNT", "STDDEV", "MIN", "SQRT"]),
            of(d, n)
        ),
        (Kind::Truth, 2) => {
            let k = ALL[d.roll(4)];
            format!("({} {} {})", of(d, k), d.pick(&["=", "<>", "<", ">="]), of(d, k))
        }
        (Kind::Truth, 3) => format!("({} {} {})", of(d, b), d.pick(&["AND", "OR"]), of(d, b)),
        (Kind::Truth, 4) => format!("({} IN ({}, {}))", of(d, n), of(d, n), of(d, n)),
        (Kind::Truth, 5) => format!("({} BETWEEN {} AND {})", of(d, n), of(d, n), of(d, n)),
        (Kind::Truth, 6) => format!("({} LIKE {})", of(d, t), of(d, t)),
        (Kind::Truth, _) => {
            format!("({} IS {})", of(d, b), d.pick(&["NULL", "NOT NULL", "TRUE", "NOT FALSE", "UNKNOWN"]))
        }
        (Kind::Time, 2) => format!("TO_TIMESTAMP({})", of(d, t)),
        (Kind::Time, 3) => format!("({} + INTERVAL '5' SECOND)", of(d, Kind::Time)),
        (Kind::Time, _) => {
            format!("CAST({} AS {})", of(d, Kind::Time), d.pick(&["TIMESTAMP(3)", "DATE", "TIMESTAMP(0)"]))
        }
    }
}

fn any(d: &mut Dice, depth: usize) -> String {
    let kind = ALL[d.roll(4)];
    expression(d, depth, kind)
}

fn query(d: &mut Dice) -> String {
    let depth = 1 + d.roll(3);
    let from = d.pick(&[
        "orders",
        "orders o",
        "(SELECT * FROM orders)",
        "TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
        "(SELECT user_id, id, amount, info, tags, ts, raw_ms, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY amount) AS rn FROM orders)",
        "(SELECT user_id, MAX(id) AS id, MAX(amount) AS amount, MAX(ts) AS ts, MAX(raw_ms) AS raw_ms FROM orders GROUP BY user_id)",
    ]);
    let (a, b) = (expression(d, depth, Kind::Text), expression(d, depth, Kind::Number));
    let condition = match d.roll(3) {
        0 => String::new(),
        1 => " WHERE rn <= 3".to_owned(),
        _ => format!(" WHERE {}", expression(d, depth, Kind::Truth)),
    };
    let group = match d.roll(5) {
        0 => format!(" GROUP BY {}", any(d, depth)),
        1 => format!(" GROUP BY {a}, TUMBLE(ts, INTERVAL '1' MINUTE)"),
        2 => " GROUP BY window_start, window_end".to_owned(),
        _ => String::new(),
    };
    format!("SELECT {a}, {b} FROM {from}{condition}{group}")
}

#[test]
fn random_queries_never_fail_inside() {
    let mut d = Dice(20_200_827);
    let (mut planned, mut total) = (0, 0);
    for _ in 0..700 {
        let sql = query(&mut d);
        let target = d.pick(&["counts", "totals"]);
        let dialect = d.pick(&["", "SET 'tidegate.dialect' = 'flink';"]);
        let text = format!(
            "{dialect}{FLINK}INSERT INTO {target} SELECT CAST(a AS STRING), TRY_CAST(b AS BIGINT) FROM ({sql}) AS q(a, b)"
        );
        total += 1;
        match try_plan(&text) {
            Ok(p) => {
                super::sound::check(&p.plan);
                planned += 1;
            }
            Err(all) => {
                for e in all {
                    assert_eq!(e.domain(), Domain::User, "{sql}\n{e}");
                    assert!(e.span().is_known(), "no place: {sql}\n{e}");
                }
            }
        }
    }
    assert!(planned * 10 > total, "only {planned} of {total} were valid: the generator is of no use");
}

#[test]
fn random_expressions_in_the_old_dialects() {
    let registry = super::registry();
    let mut d = Dice(7);
    let mut planned = 0;
    for _ in 0..700 {
        let depth = 1 + d.roll(3);
        let sql = any(&mut d, depth);
        let mut options = tidegate_sql::PlanOptions::new(&registry);
        options.dialect = Some(tidegate_core::Dialect::Blink);
        let query = format!(
            "SELECT {sql} FROM (VALUES ('a', 1, 2, 2.5, TO_TIMESTAMP(1))) AS o(user_id, id, raw_ms, amount, ts)"
        );
        match tidegate_sql::plan_query("", &query, &options) {
            Ok(p) => {
                super::sound::check(&p.plan);
                planned += 1;
            }
            Err(all) => assert!(all.iter().all(|e| e.domain() == Domain::User), "{sql}\n{all:?}"),
        }
    }
    assert!(planned > 150, "{planned}");
}
