//! Spellings that jobs use, each to a plan of the expected shape.

use tidegate_core::table::SinkChanges;
use tidegate_plan::{AggregateFunction, OnRowError, Op, Plan};
use tidegate_sql::explain;

use super::{FLINK, plan, scans, sink, try_plan};

fn flink(sql: &str) -> Plan {
    plan(&format!("{FLINK}{sql}"))
}

fn ops(p: &Plan) -> Vec<&'static str> {
    p.nodes
        .iter()
        .map(|n| match &n.op {
            Op::Scan(_) => "scan",
            Op::Values(_) => "values",
            Op::Calc { .. } => "calc",
            Op::Union => "union",
            Op::WindowTable(_) => "window-table",
            Op::WindowAggregate { .. } => "window",
            Op::GroupAggregate { .. } => "group",
            Op::Deduplicate { .. } => "deduplicate",
            Op::TopN { .. } => "top-n",
            Op::Normalize { .. } => "normalize",
            Op::Sink(_) => "sink",
        })
        .collect()
}

#[test]
fn queries() {
    let shape = |sql: &str| ops(&flink(sql)).join(" ");
    assert_eq!(shape("INSERT INTO counts VALUES ('a', 1), ('b', 2)"), "values calc sink");
    assert_eq!(shape("INSERT INTO counts SELECT user_id, id FROM orders"), "scan calc sink");
    assert_eq!(shape("INSERT INTO counts SELECT DISTINCT user_id, id FROM orders"), "scan calc group sink");
    assert_eq!(
        shape("INSERT INTO counts SELECT user_id, id FROM orders UNION ALL SELECT user_id, raw_ms FROM orders"),
        "scan calc calc union sink"
    );
    assert_eq!(
        shape("INSERT INTO counts SELECT user_id, id FROM orders UNION SELECT user_id, raw_ms FROM orders"),
        "scan calc calc union group sink"
    );
    assert_eq!(
        shape(
            "INSERT INTO totals WITH c AS (SELECT user_id AS u, id FROM orders WHERE id > 1) SELECT u, COUNT(*) FILTER (WHERE id > 5) FROM c GROUP BY u"
        ),
        "scan calc group sink"
    );
    assert_eq!(
        shape("INSERT INTO totals SELECT user_id, id FROM orders ORDER BY id DESC LIMIT 3"),
        "scan calc top-n sink"
    );
    assert_eq!(
        shape("INSERT INTO totals SELECT o.user_id, COUNT(DISTINCT o.id) FROM orders AS o GROUP BY o.user_id"),
        "scan calc group sink"
    );
}

#[test]
fn filters_of_aggregates_are_columns() {
    let p = flink("INSERT INTO totals SELECT user_id, COUNT(*) FILTER (WHERE id > 5) FROM orders GROUP BY user_id");
    let call = p.nodes.iter().find_map(|n| match &n.op {
        Op::GroupAggregate { aggregates, .. } => Some(aggregates[0].clone()),
        _ => None,
    });
    let call = call.unwrap();
    assert_eq!(call.function, AggregateFunction::CountAll);
    assert_eq!(call.filter, Some(1));
}

#[test]
fn processing_time_windows() {
    let text = "CREATE TABLE a (k STRING, p AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json');
        CREATE TABLE b (s TIMESTAMP(3), k STRING, n BIGINT) WITH ('connector' = 'print');
        INSERT INTO b SELECT TUMBLE_START(p, INTERVAL '1' MINUTE), k, COUNT(*) FROM a GROUP BY TUMBLE(p, INTERVAL '1' MINUTE), k;
        INSERT INTO b SELECT window_start, k, COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(p), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, k";
    let p = plan(text);
    let windows: Vec<Option<usize>> = p
        .nodes
        .iter()
        .filter_map(|n| match &n.op {
            Op::WindowAggregate { window, .. } => Some(window.time),
            _ => None,
        })
        .collect();
    assert_eq!(windows, [None], "both spellings are one window by processing time");
}

#[test]
fn hints_change_one_reference() {
    let p = flink(
        "INSERT INTO counts SELECT user_id, id FROM orders /*+ OPTIONS('scan.startup.mode' = 'latest-offset') */;
         INSERT INTO counts SELECT user_id, id FROM orders",
    );
    assert_eq!(scans(&p).len(), 2);
    assert_ne!(p.nodes[0].id, p.nodes[1].id);
}

#[test]
fn settings_and_options_reach_the_plan() {
    let p = flink(
        "CREATE TABLE bad (topic STRING, reason STRING) WITH ('connector' = 'filesystem', 'path' = 'bad.jsonl', 'format' = 'json');
         CREATE TABLE named (k STRING) WITH ('connector' = 'kafka', 'topic' = 'n', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json', 'tidegate.sink-id' = 'x-1');
         SET 'tidegate.dead-letter' = 'bad';
         SET 'pipeline.name' = 'job 1';
         INSERT INTO named SELECT user_id FROM orders",
    );
    assert_eq!(p.settings.on_error, OnRowError::DeadLetter);
    assert_eq!(p.settings.dead_letter.map(|t| p.tables[t].spec.name.as_str()), Some("bad"));
    assert_eq!(p.settings.job_name.as_deref(), Some("job 1"));
    assert_eq!(sink(&p, 0).sink_id, "x-1");
}

#[test]
fn metadata_and_computed_columns() {
    let p = plan(
        "CREATE TABLE a (v STRING, part INT METADATA FROM 'partition' VIRTUAL, t TIMESTAMP(3) METADATA FROM 'timestamp', u AS UPPER(v), w AS CONCAT(u, '!'))
           WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'json');
         CREATE TABLE b (w STRING, part BIGINT, t TIMESTAMP(3)) WITH ('connector' = 'print');
         INSERT INTO b SELECT w, part, t FROM a",
    );
    let names: Vec<&str> = scans(&p)[0].request.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        ["v", "partition", "timestamp"].map(|n| if n == "partition" {
            "part"
        } else if n == "timestamp" {
            "t"
        } else {
            n
        })
    );
    assert_eq!(sink(&p, 0).changes, SinkChanges::All);
}

#[test]
fn everything_explains_itself() {
    let p = flink(
        "CREATE VIEW v AS SELECT user_id, id, JSON_VALUE(user_id, '$.a') AS a FROM orders WHERE id > 5 AND user_id IS NOT NULL;
         INSERT INTO totals SELECT user_id, COUNT(*) FROM v GROUP BY user_id;
         INSERT INTO windows SELECT window_start, window_end, user_id, id FROM TABLE(HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE));
         INSERT INTO totals SELECT user_id, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY ts) AS rn FROM orders) WHERE rn = 1 AND id > 7",
    );
    let text = explain(&p);
    for part in [
        "dialect: flink (option 'connector' of table orders)",
        "zone: Asia/Shanghai",
        "decoded once for",
        "event time ts, 5 s behind",
        "upsert key (user_id)",
        "key (user_id); rows are replaced and removed by key",
        "guarantee: exactly once",
        "WindowTable(hop 5 min every 1 min)",
        "unbounded-state",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn deduplication_into_a_log_is_refused_by_flink_only_where_rows_change() {
    let first = "SELECT user_id, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY PROCTIME()) AS rn FROM orders) WHERE rn = 1";
    assert!(try_plan(&format!("{FLINK}INSERT INTO counts {first}")).is_ok());
    let last = first.replace("PROCTIME()", "PROCTIME() DESC");
    assert!(try_plan(&format!("{FLINK}INSERT INTO counts {last}")).is_err());
}
