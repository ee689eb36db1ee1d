//! Deep and long SQL: a clear error or a plan, never a crash.

use super::{FLINK, try_plan};

fn query(select: &str) -> Result<(), String> {
    let text = format!("{FLINK}INSERT INTO counts SELECT {select}");
    try_plan(&text).map(|_| ()).map_err(|e| e[0].message().to_owned())
}

#[test]
fn deep_and_long_expressions() {
    for n in [50, 450, 20_000] {
        let ands = vec!["id = 1"; n].join(" AND ");
        let long = query(&format!("user_id, id FROM orders WHERE {ands}"));
        assert!(long.is_ok() || n > 450, "{long:?}");
        let _ = query(&format!("user_id, {} FROM orders", vec!["id"; n].join(" + ")));
        let _ = query(&format!("{}user_id{}, id FROM orders", "UPPER(".repeat(n), ")".repeat(n)));
        let _ = query(&format!("user_id, {}id{} FROM orders", "(".repeat(n), ")".repeat(n)));
        let _ = query(&format!("user_id, {}id FROM orders", "- ".repeat(n)));
        let _ = query(&format!("user_id, id FROM orders WHERE {}TRUE", "NOT ".repeat(n)));
        let _ = query(&format!(
            "user_id, {}1{} FROM orders",
            "CASE WHEN TRUE THEN ".repeat(n.min(2000)),
            " END".repeat(n.min(2000))
        ));
    }
    let deep = format!("{}SELECT user_id, id FROM orders{}", "SELECT * FROM (".repeat(500), ")".repeat(500));
    assert!(query(&format!("* FROM ({deep})")).is_err());
}

#[test]
fn views_that_double_do_not_explode() {
    let mut text = FLINK.to_owned();
    text.push_str("CREATE VIEW v0 AS SELECT user_id, id AS x FROM orders;\n");
    for i in 1..35 {
        text.push_str(&format!("CREATE VIEW v{i} AS SELECT user_id, x + x AS x FROM v{};\n", i - 1));
    }
    text.push_str("INSERT INTO counts SELECT user_id, x FROM v30");
    try_plan(&text).unwrap();
}

#[test]
fn unions_of_many_branches() {
    let branches = vec!["SELECT user_id, id FROM orders"; 500].join(" UNION ALL ");
    let text = format!("{FLINK}INSERT INTO counts {branches}");
    assert!(try_plan(&text).is_ok());
}
