//! What the planner's passes make of jobs.

use tidegate_core::scan::{FieldSource, RowFilter, TimeUnit};
use tidegate_core::table::SinkChanges;
use tidegate_plan::{Changes, Op, Plan, WindowKind};

use super::{FLINK, plan, scans, sink};

fn flink(sql: &str) -> Plan {
    plan(&format!("{FLINK}{sql}"))
}

fn count(plan: &Plan, is: impl Fn(&Op) -> bool) -> usize {
    plan.nodes.iter().filter(|n| is(&n.op)).count()
}

#[test]
fn one_scan_reads_what_all_inserts_need() {
    let p = flink(
        "INSERT INTO counts SELECT user_id, id FROM orders WHERE id > 5 AND info.zip = 1;
        INSERT INTO counts SELECT UPPER(info.city), id FROM orders WHERE id > 5 AND user_id = 'x';",
    );
    let scans = scans(&p);
    assert_eq!(scans.len(), 1);
    let names: Vec<&str> = scans[0].request.fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["ts", "id", "info.zip", "user_id", "info.city"]);
    assert_eq!(sink(&p, 0).inserts.len(), 2);
    let Some(RowFilter::And(parts)) = &scans[0].request.filter else { panic!("{:?}", scans[0].request.filter) };
    assert!(matches!(parts[0], RowFilter::Compare { field: 1, .. }), "the common part comes first");
    assert!(matches!(&parts[1], RowFilter::Or(branches) if branches.len() == 2));
    assert_eq!(scans[0].request.time.unwrap().unit, TimeUnit::Micros);
}

#[test]
fn a_reader_without_condition_keeps_every_row() {
    let p = flink(
        "INSERT INTO counts SELECT user_id, id FROM orders WHERE id > 5; INSERT INTO counts SELECT user_id, id FROM orders",
    );
    assert_eq!(scans(&p)[0].request.filter, None);
}

#[test]
fn equal_subplans_run_once() {
    let p = flink(
        "CREATE VIEW per_user AS SELECT user_id, COUNT(*) AS n FROM orders GROUP BY user_id;
        INSERT INTO totals SELECT user_id, n FROM per_user WHERE n > 1;
        INSERT INTO totals SELECT user_id, n + 1 FROM (SELECT user_id, COUNT(*) AS n FROM orders GROUP BY user_id);",
    );
    assert_eq!(count(&p, |op| matches!(op, Op::GroupAggregate { .. })), 1);
    assert_eq!(p.sinks.len(), 1);
}

#[test]
fn only_needed_changes_are_emitted() {
    let p = flink("INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY user_id");
    let agg = p.nodes.iter().find(|n| matches!(n.op, Op::GroupAggregate { .. })).unwrap();
    assert_eq!(agg.changes, Changes { update_before: false, update_after: true, delete: false });
    assert_eq!(agg.upsert_key, Some(vec![0]));
    assert!(!sink(&p, 0).materialize);
    let p = flink("INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY user_id HAVING COUNT(*) > 3");
    let agg = p.nodes.iter().find(|n| matches!(n.op, Op::GroupAggregate { .. })).unwrap();
    assert!(agg.changes.update_before, "a group that leaves HAVING must be taken back");
    assert!(sink(&p, 0).materialize);
}

#[test]
fn keys_survive_only_injective_casts() {
    let ok = flink("INSERT INTO totals SELECT CAST(id AS STRING), COUNT(*) FROM orders GROUP BY id");
    assert!(!sink(&ok, 0).materialize);
    let not = flink("INSERT INTO totals SELECT CAST(amount AS STRING), COUNT(*) FROM orders GROUP BY amount");
    assert!(sink(&not, 0).materialize);
}

#[test]
fn both_window_spellings_are_one_operator() {
    let group = flink(
        "INSERT INTO windows SELECT TUMBLE_START(ts, INTERVAL '1' MINUTE), TUMBLE_END(ts, INTERVAL '1' MINUTE), user_id, COUNT(*) FROM orders WHERE id > 1 GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), user_id",
    );
    let tvf = flink(
        "INSERT INTO windows SELECT window_start, window_end, user_id, COUNT(*) FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE id > 1 GROUP BY window_start, window_end, user_id",
    );
    let window = |p: &Plan| {
        p.nodes
            .iter()
            .find(|n| matches!(n.op, Op::WindowAggregate { .. }))
            .map(|n| (n.id.clone(), format!("{:?}", n.op)))
            .unwrap()
    };
    assert_eq!(window(&group), window(&tvf));
    assert_eq!(count(&tvf, |op| matches!(op, Op::WindowTable(_))), 0);
}

#[test]
fn other_windows() {
    let kind = |sql: &str| {
        flink(sql)
            .nodes
            .into_iter()
            .find_map(|n| match n.op {
                Op::WindowAggregate { window, .. } | Op::WindowTable(window) => Some(window.kind),
                _ => None,
            })
            .unwrap()
    };
    let tvf = |f: &str| {
        format!(
            "INSERT INTO windows SELECT window_start, window_end, user_id, COUNT(*) FROM TABLE({f}) GROUP BY window_start, window_end, user_id"
        )
    };
    assert_eq!(
        kind(&tvf("HOP(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)")),
        WindowKind::Hop { slide: 60_000, size: 300_000, offset: 0 }
    );
    assert_eq!(
        kind(&tvf("CUMULATE(TABLE orders, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '1' DAY)")),
        WindowKind::Cumulate { step: 3_600_000, size: 86_400_000, offset: 0 }
    );
    assert_eq!(
        kind(&tvf(
            "HOP(DATA => TABLE orders, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '5' MINUTE, SLIDE => INTERVAL '1' MINUTE)"
        )),
        WindowKind::Hop { slide: 60_000, size: 300_000, offset: 0 }
    );
    assert_eq!(
        kind(
            "INSERT INTO windows SELECT SESSION_START(ts, INTERVAL '30' MINUTE), SESSION_END(ts, INTERVAL '30' MINUTE), user_id, COUNT(*) FROM orders GROUP BY SESSION(ts, INTERVAL '30' MINUTE), user_id"
        ),
        WindowKind::Session { gap: 1_800_000 }
    );
    assert_eq!(
        kind(
            "INSERT INTO windows SELECT window_start, window_end, user_id, id FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(ts), INTERVAL '10' SECOND))"
        ),
        WindowKind::Tumble { size: 10_000, offset: 0 }
    );
}

#[test]
fn windows_can_cascade() {
    let p = flink("INSERT INTO windows SELECT TUMBLE_START(t, INTERVAL '1' HOUR), TUMBLE_END(t, INTERVAL '1' HOUR), user_id, SUM(n)
        FROM (SELECT TUMBLE_ROWTIME(ts, INTERVAL '1' MINUTE) AS t, user_id, COUNT(*) AS n FROM orders GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), user_id)
        GROUP BY TUMBLE(t, INTERVAL '1' HOUR), user_id");
    assert_eq!(count(&p, |op| matches!(op, Op::WindowAggregate { .. })), 2);
}

#[test]
fn row_numbers() {
    let ranked = |order: &str, condition: &str| {
        flink(&format!(
            "INSERT INTO totals SELECT user_id, id FROM (SELECT user_id, id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY {order}) AS rn FROM orders) WHERE {condition}"
        ))
    };
    let op = |p: &Plan| {
        p.nodes.iter().find(|n| matches!(n.op, Op::Deduplicate { .. } | Op::TopN { .. })).unwrap().op.clone()
    };
    assert!(matches!(op(&ranked("ts DESC", "rn = 1")), Op::Deduplicate { order: Some(_), keep_last: true, .. }));
    assert!(matches!(op(&ranked("ts", "rn <= 1")), Op::Deduplicate { order: Some(_), keep_last: false, .. }));
    assert!(matches!(op(&ranked("PROCTIME() DESC", "rn = 1")), Op::Deduplicate { order: None, keep_last: true, .. }));
    assert!(matches!(op(&ranked("amount DESC", "rn <= 3")), Op::TopN { from: 1, to: 3, with_rank: false, .. }));
    assert!(matches!(op(&ranked("amount DESC", "rn BETWEEN 2 AND 5 AND id > 3")), Op::TopN { from: 2, to: 5, .. }));
    let with_rank = flink(
        "INSERT INTO totals SELECT user_id, rn FROM (SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY amount) AS rn FROM orders) WHERE rn < 4",
    );
    assert!(matches!(op(&with_rank), Op::TopN { to: 3, with_rank: true, .. }));
}

#[test]
fn ids_stay_when_the_job_grows() {
    let one = flink("INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY user_id");
    let two = flink(
        "INSERT INTO counts SELECT user_id, id FROM orders; INSERT INTO totals SELECT user_id, COUNT(*) FROM orders GROUP BY user_id",
    );
    let id = |p: &Plan| p.nodes.iter().find(|n| matches!(n.op, Op::GroupAggregate { .. })).map(|n| n.id.clone());
    let scan = |p: &Plan| p.nodes[0].id.clone();
    assert_eq!((id(&one), scan(&one)), (id(&two), scan(&two)));
}

#[test]
fn chains_of_json_functions_are_one_field() {
    let p = plan("
        CREATE TABLE src (messageKey VARBINARY, `message` VARBINARY, topic VARCHAR, `partition` INT, `offset` BIGINT,
          userid AS CAST(JSON_VALUE(CAST(JSON_VALUE(`message`, '$.data') AS VARCHAR), '$.userid') AS BIGINT),
          role AS CAST(JSON_VALUE(`message`, '$.role') AS TINYINT))
        WITH (type = 'kafka011', topic = 'a', `group.id` = 'g', bootstrap.servers = 'b:9092');
        CREATE TABLE out1 (messageKey VARBINARY, `message` VARBINARY, PRIMARY KEY (messageKey))
        WITH (type = 'kafka011', topic = 'b', bootstrap.servers = 'b:9092');
        INSERT INTO out1 SELECT messageKey, CAST(CONCAT('u', userid, `offset`) AS VARBINARY) FROM src WHERE userid = '305' AND role = '2'");
    let fields = &scans(&p)[0].request.fields;
    let text: Vec<String> = fields.iter().map(|f| format!("{} {}", f.name, f.data_type)).collect();
    assert_eq!(
        text,
        ["$.data.userid::BIGINT BIGINT", "$.role::TINYINT TINYINT", "messageKey BYTES", "offset BIGINT NOT NULL"]
    );
    assert!(matches!(&fields[0].from, FieldSource::Chain { steps, .. } if steps.len() == 3));
    assert!(matches!(&scans(&p)[0].request.filter, Some(RowFilter::And(parts)) if parts.len() == 2));
    assert_eq!(sink(&p, 0).key, [0]);
}

#[test]
fn a_failing_cast_stays_behind_the_conditions() {
    let p = plan("
        CREATE TABLE src (message STRING) WITH ('connector' = 'kafka', 'topic' = 'a', 'properties.bootstrap.servers' = 'b:9092', 'format' = 'raw');
        CREATE TABLE o (n BIGINT) WITH ('connector' = 'print');
        INSERT INTO o SELECT CAST(JSON_VALUE(message, '$.n') AS BIGINT) FROM src WHERE JSON_VALUE(message, '$.k') = 'x'");
    let types: Vec<String> = scans(&p)[0].request.fields.iter().map(|f| f.data_type.to_string()).collect();
    assert_eq!(types, ["STRING", "STRING"]);
}

#[test]
fn an_upsert_source_is_normalised() {
    let p = flink("INSERT INTO totals SELECT user_id, n + 1 FROM totals WHERE n > 3");
    let normalize = p.nodes.iter().find(|n| matches!(n.op, Op::Normalize { .. })).unwrap();
    assert!(normalize.changes.update_before);
    assert_eq!(p.nodes[normalize.inputs[0]].changes, Changes::UPSERT);
}

#[test]
fn old_dialects_write_newest_values() {
    let p = plan(
        "
        CREATE TABLE a (k VARCHAR) WITH (type = 'kafka11', bootstrapServers = 'b:9092', topic = 't', groupId = 'g');
        CREATE TABLE b (k VARCHAR, n INT) WITH (type = 'kafka11', bootstrapServers = 'b:9092', topic = 'u');
        INSERT INTO b SELECT k, COUNT(1) AS frequency FROM a GROUP BY k",
    );
    assert_eq!(sink(&p, 0).changes, SinkChanges::NewestValues);
    assert!(p.warnings.iter().any(|w| w.code == "updates-as-rows"));
}

#[test]
fn an_insert_may_name_its_columns() {
    let p = flink("INSERT INTO windows (user_id, n) SELECT user_id, id FROM orders");
    let insert = &sink(&p, 0).inserts[0];
    assert_eq!(insert.columns, [2, 3, 0, 1], "a log gets NULL in the others");
}
