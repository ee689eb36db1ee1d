//! No text makes the parser panic, hang or run out of stack.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidegate_sql::parse::parse;

use super::declare;

const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "CREATE TABLE",
    "WITH",
    "INSERT INTO",
    "VALUES",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ".",
    "*",
    "a",
    "t",
    "`x`",
    "'s'",
    "\"d\"",
    "1",
    "1.5e3",
    "AS",
    "CAST(",
    "INT",
    "ROW<",
    "ARRAY<",
    ">",
    ">>",
    "MAP[",
    "JSON_VALUE(",
    "RETURNING",
    "ON EMPTY",
    "DEFAULT",
    "NULL",
    "CASE",
    "WHEN",
    "END",
    "TABLE",
    "TABLE(",
    "TUMBLE(",
    "DESCRIPTOR(",
    "INTERVAL",
    "SECOND",
    "WATERMARK FOR",
    "PRIMARY KEY",
    "METADATA",
    "OVER (",
    "PARTITION BY",
    "ORDER BY",
    "LEFT JOIN",
    "FOR SYSTEM_TIME AS OF",
    "UNION ALL",
    "/*+ OPTIONS('a'='b') */",
    "/*+",
    "/* c */",
    "--",
    "\n",
    "${v}",
    "${",
    "x'7b'",
    "_UTF16'é'",
    "U&'\\4e2d'",
    "中文",
    "🦀",
    "\u{0}",
    "\\",
    "=",
    "<>",
    "||",
    "=>",
    "::",
    "NOT",
    "IS",
    "BETWEEN",
    "AND",
    "IN",
    "LIKE",
    "ESCAPE",
    "EXISTS",
    "BEGIN STATEMENT SET;",
    "LIKE (",
    "INCLUDING ALL",
    "SET",
    "COMMENT",
    "PERIOD FOR SYSTEM_TIME",
    "JSON_OBJECT(",
    "KEY",
    "VALUE",
    "TRIM(",
    "POSITION(",
    "EXTRACT(",
    "CEIL(",
];

/// A small generator: the same texts in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

fn run(text: &str) {
    let variables: BTreeMap<String, String> = [("v".to_owned(), "1".to_owned())].into();
    let start = Instant::now();
    let _ = parse(text, &variables);
    assert!(start.elapsed() < Duration::from_secs(2), "too slow: {text}");
}

#[test]
fn random_tokens() {
    let mut random = Random(7);
    for _ in 0..3000 {
        let n = 1 + random.below(40);
        let words: Vec<&str> = (0..n).map(|_| PIECES[random.below(PIECES.len())]).collect();
        run(&words.join(" "));
    }
}

#[test]
fn truncated_and_cut_scripts() {
    let script = "CREATE TABLE `t` (a ROW<b ARRAY<INT>, c MAP<STRING, INT>>, t AS TO_TIMESTAMP_LTZ(a.b, 3), m STRING METADATA
        FROM 'topic' VIRTUAL, WATERMARK FOR t AS t - INTERVAL '5' SECOND, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'x');
        BEGIN STATEMENT SET; INSERT INTO t /*+ OPTIONS('k' = 'v') */ (a) SELECT CONCAT('{\"x\": ', JSON_VALUE(m, '$.a' RETURNING INT
        DEFAULT 1 ON EMPTY), CAST(x AS VARCHAR(3))), CASE WHEN a IS NULL THEN -1 ELSE a END, COUNT(DISTINCT a) FILTER (WHERE b > 1)
        FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(t), INTERVAL '1' MINUTE)) AS w LEFT JOIN d FOR SYSTEM_TIME AS OF PROCTIME() ON w.x = d.y
        WHERE name NOT LIKE 'a!_%' ESCAPE '!' GROUP BY window_start, window_end HAVING COUNT(*) > 1; END;";
    let chars: Vec<char> = script.chars().collect();
    let mut random = Random(11);
    for n in 0..chars.len() {
        run(&chars[..n].iter().collect::<String>());
    }
    for _ in 0..500 {
        let (a, b) = (random.below(chars.len()), random.below(chars.len()));
        let cut: String = chars[..a.min(b)].iter().chain(&chars[a.max(b)..]).collect();
        run(&cut);
    }
}

#[test]
fn deep_nesting_is_an_error_or_fine_but_never_an_overflow() {
    let deep =
        |open: &str, inner: &str, close: &str, n: usize| format!("SELECT {}{inner}{}", open.repeat(n), close.repeat(n));
    for n in [5, 20, 60, 500, 5000] {
        run(&deep("(", "1", ")", n));
        run(&deep("NOT ", "TRUE", "", n));
        run(&deep("- ", "1", "", n));
        run(&deep("CASE WHEN ", "1", " THEN 1 END", n));
        run(&deep("CASE ", "1", " WHEN 1 THEN 1 END", n));
        run(&deep("CAST(", "1", " AS INT)", n));
        run(&deep("f(", "1", ")", n));
        run(&deep("JSON_VALUE(", "m", ", '$.a')", n));
        run(&deep("(SELECT ", "1", ")", n));
        run(&format!("SELECT * FROM {}t{}", "(".repeat(n), ")".repeat(n)));
        run(&format!("SELECT * FROM {}SELECT 1{}", "(".repeat(n), ")".repeat(n)));
        run(&format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(n), ")".repeat(n)));
        run(&format!("SELECT a{}", "[1]".repeat(n)));
        run(&format!("SELECT a{}", ".b".repeat(n)));
        run(&format!("SELECT 1{}", " + 1".repeat(n)));
        run(&format!("SELECT 1{}", " UNION ALL SELECT 1, 2".repeat(n)));
        run(&format!("SELECT INTERVAL {}", "INTERVAL ".repeat(n)));
        run(&format!("SELECT a {}", "IS NULL ".repeat(n)));
        run(&format!("SELECT * FROM t {}", "JOIN t ON TRUE ".repeat(n)));
        run(&format!("SELECT * FROM t {}", "JOIN t ".repeat(n)));
        run(&format!("WITH {} SELECT 1", "a AS (WITH ".repeat(n)));
        run(&format!("CREATE TABLE t (a {}INT{})", "ARRAY<".repeat(n), ">".repeat(n)));
        run(&format!("CREATE TABLE t (a {}INT{})", "ROW<a ".repeat(n), ">".repeat(n)));
        run(&format!("CREATE TABLE t (a INT{})", " ARRAY".repeat(n)));
        run(&"BEGIN STATEMENT SET;".repeat(n));
        run(&"EXPLAIN ".repeat(n));
        run(&"EXECUTE ".repeat(n));
        run(&format!("SELECT a BETWEEN {} 1", "1 AND 2 BETWEEN ".repeat(n)));
    }
}

#[test]
fn declarations_of_random_tokens() {
    const COLUMNS: &[&str] = &[
        "a",
        "b INT",
        "`c`",
        "STRING",
        "AS",
        "a + 1",
        ",",
        ",",
        "METADATA",
        "FROM 'offset'",
        "VIRTUAL",
        "PRIMARY KEY (a)",
        "WATERMARK FOR a AS a",
        "WITHOFFSET(a, 5)",
        "NOT NULL",
        "COMMENT 'x'",
        ".",
        ":",
        "[0]",
        "(",
        ")",
        "ROW<x INT>",
        "f(a)",
    ];
    let mut random = Random(3);
    for _ in 0..1500 {
        let n = 1 + random.below(14);
        let columns: Vec<&str> = (0..n).map(|_| COLUMNS[random.below(COLUMNS.len())]).collect();
        let kind =
            ["'connector'='kafka'", "type='kafka11'", "type='kafka010'", "type='hbase', rowkey='a'", "type='rds'"];
        let text =
            format!("CREATE TABLE t ({}) WITH ({}, topic='t')", columns.join(" "), kind[random.below(kind.len())]);
        let _ = declare(&text);
    }
}
