//! Sinks: what each kind of table gets, and the materialiser against an oracle.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use tidegate_core::message::{KEY, PARTITION, VALUE, partition_of};
use tidegate_core::sink::SinkInput;
use tidegate_core::table::{BoundTable, Format, JsonFormat, RawFormat, Resource, SinkChanges, TableBinding, TableSpec};
use tidegate_core::{ChangeBatch, Column, DataType, Dialect, Span, SqlType};
use tidegate_plan::{Changes, Insert, Op, Plan, Sink};

use super::SinkPrepare;
use crate::operator::OperatorContext;
use crate::ops::test_kit::{Collected, TestClock, batch, context, ints, lines, node, settings, text};
use crate::state::test_data::Random;

const QUERY: [(&str, SqlType); 2] = [("id", SqlType::STRING), ("n", SqlType::BigInt)];

fn table(columns: &[(&str, DataType)], value_format: Option<Format>) -> BoundTable {
    let columns = columns.iter().map(|(name, ty)| Column::new(*name, ty.clone()));
    let mut binding = TableBinding::new(Resource::Table { name: "t".into() });
    binding.value_format = value_format;
    BoundTable {
        spec: TableSpec::new("t", Dialect::Flink, columns).with_key(&["id"]),
        connector: "test".into(),
        options: BTreeMap::new(),
        binding,
    }
}

fn wide() -> Vec<(&'static str, DataType)> {
    vec![("id", SqlType::STRING.not_null()), ("other", SqlType::STRING.nullable()), ("n", SqlType::BigInt.nullable())]
}

/// A sink of `id` and `n` into columns 0 and 2.
fn sink(table: BoundTable, changes: SinkChanges, key: Vec<usize>, change: impl FnOnce(&mut Sink)) -> Plan {
    let mut sink = Sink {
        table: 0,
        sink_id: "t".into(),
        inserts: vec![Insert { number: 1, columns: vec![0, 2], guarantee: String::new(), span: Span::default() }],
        changes,
        key,
        materialize: false,
        not_null: vec![0],
        drop_nulls: false,
    };
    change(&mut sink);
    let mut source = node(Op::Union, vec![], &QUERY, Changes::ALL);
    source.upsert_key = None;
    let n = sink.inserts.len();
    Plan {
        tables: vec![table],
        nodes: vec![source, node(Op::Sink(sink), vec![0; n], &[], Changes::ALL)],
        sinks: vec![1],
        query: None,
        settings: settings(),
        warnings: Vec::new(),
    }
}

fn prepared(plan: &Plan, input: SinkInput, lanes: u32) -> (SinkPrepare, OperatorContext) {
    let ctx = context(&Arc::new(TestClock::default()));
    (SinkPrepare::new(&plan.nodes[1], plan, input, lanes, ctx.clone()).unwrap(), ctx)
}

fn rows(rows: &[(Option<&str>, i64)], kinds: &[i8]) -> crate::batch::Batch {
    let (id, n): (Vec<_>, Vec<_>) = rows.iter().map(|(i, n)| (*i, Some(*n))).unzip();
    batch(&QUERY, vec![text(&id), ints(&n)], kinds)
}

fn all_kinds() -> crate::batch::Batch {
    rows(&[(Some("a"), 1), (Some("a"), 1), (Some("a"), 2), (Some("b"), 3)], &[0, 1, 2, 3])
}

fn written(plan: &Plan, input: SinkInput) -> (Vec<String>, OperatorContext) {
    let (mut sink, ctx) = prepared(plan, input, 1);
    let out = sink.prepare(0, all_kinds(), &mut Collected::default()).unwrap();
    (out.iter().flat_map(|(_, b)| lines(b)).collect(), ctx)
}

#[test]
fn a_table_by_key_gets_only_the_columns_of_the_insert() {
    let plan = sink(table(&wide(), None), SinkChanges::Upsert, vec![0], |_| {});
    let (lines, _) = written(&plan, SinkInput::Columns);
    assert_eq!(lines, ["+I('a', 1)", "+U('a', 2)", "-D('b', 3)"]);
}

#[test]
fn other_tables_get_null_for_the_rest() {
    let plan = sink(table(&wide(), None), SinkChanges::All, vec![], |_| {});
    let (lines, _) = written(&plan, SinkInput::Columns);
    assert_eq!(lines, ["+I('a', NULL, 1)", "-U('a', NULL, 1)", "+U('a', NULL, 2)", "-D('b', NULL, 3)"]);
    let plan = sink(table(&wide(), None), SinkChanges::NewestValues, vec![], |_| {});
    let (lines, ctx) = written(&plan, SinkInput::Columns);
    assert_eq!(lines, ["+I('a', NULL, 1)", "+I('a', NULL, 2)"]);
    assert_eq!(ctx.metrics.named()["delete-not-written"].0, 1);
}

#[test]
fn deletes_are_ignored_and_counted_where_the_table_says_so() {
    let plan = sink(table(&wide(), None), SinkChanges::UpsertIgnoreDelete, vec![0], |_| {});
    let (lines, ctx) = written(&plan, SinkInput::Columns);
    assert_eq!(lines, ["+I('a', 1)", "+U('a', 2)"]);
    assert_eq!(ctx.metrics.named()["delete-not-written"].0, 1);
}

#[test]
fn the_retract_flag_tells_additions_from_retractions() {
    let plan = sink(table(&wide(), None), SinkChanges::RetractFlag, vec![], |_| {});
    let (lines, _) = written(&plan, SinkInput::Columns);
    let want =
        ["+I('a', NULL, 1, true)", "+I('a', NULL, 1, false)", "+I('a', NULL, 2, true)", "+I('b', NULL, 3, false)"];
    assert_eq!(lines, want);
}

#[test]
fn an_update_into_an_append_only_table_is_an_error() {
    let plan = sink(table(&wide(), None), SinkChanges::AppendOnly, vec![], |_| {});
    let (mut sink, _) = prepared(&plan, SinkInput::Columns, 1);
    assert!(sink.prepare(0, all_kinds(), &mut Collected::default()).is_err());
}

#[test]
fn a_null_key_is_a_bad_row_or_dropped() {
    for drop_nulls in [false, true] {
        let plan = sink(table(&wide(), None), SinkChanges::Upsert, vec![0], |s| s.drop_nulls = drop_nulls);
        let (mut sink, ctx) = prepared(&plan, SinkInput::Columns, 1);
        let mut out = Collected::default();
        let got = sink.prepare(0, rows(&[(Some("a"), 1), (None, 7)], &[]), &mut out).unwrap();
        assert_eq!(lines(&got[0].1), ["+I('a', 1)"]);
        if drop_nulls {
            assert_eq!((out.bad.len(), ctx.metrics.named()["null-key"].0), (0, 1));
        } else {
            assert_eq!(out.bad[0].class, "null-key");
            assert_eq!(out.bad[0].reason, "column id of table t is part of the key, but is NULL in the row (NULL, 7)");
        }
    }
}

#[test]
fn rows_of_one_key_share_a_lane_whatever_the_insert() {
    let plan = sink(table(&wide(), None), SinkChanges::Upsert, vec![0], |s| s.inserts.push(s.inserts[0].clone()));
    let (mut sink, _) = prepared(&plan, SinkInput::Columns, 4);
    let names: Vec<String> = (0..100).map(|i| format!("k{i}")).collect();
    let data: Vec<(Option<&str>, i64)> = names.iter().map(|n| (Some(n.as_str()), 1)).collect();
    let mut lane_of: BTreeMap<String, u32> = BTreeMap::new();
    for input in 0..2 {
        let out = sink.prepare(input, rows(&data, &[]), &mut Collected::default()).unwrap();
        assert_eq!(out.len(), 4);
        for (lane, change) in out {
            for line in lines(&change) {
                assert_eq!(*lane_of.entry(line).or_insert(lane), lane);
            }
        }
    }
    assert_eq!(lane_of.len(), 100);
}

fn bytes(change: &ChangeBatch, column: usize) -> Vec<Option<String>> {
    let column = change.rows.column(column).as_binary::<i32>();
    column.iter().map(|v| v.map(|v| String::from_utf8(v.to_vec()).unwrap())).collect()
}

#[test]
fn messages_have_key_value_and_partition_as_kafka_would() {
    let mut table = table(&wide(), Some(Format::Json(JsonFormat::default())));
    table.binding.key_format = Some(Format::Json(JsonFormat::default()));
    table.binding.key_columns = vec!["id".into()];
    let plan = sink(table, SinkChanges::Upsert, vec![0], |_| {});
    let (mut sink, _) = prepared(&plan, SinkInput::Messages { partitions: 3 }, 1);
    let out = sink.prepare(0, all_kinds(), &mut Collected::default()).unwrap();
    let change = &out[0].1;
    let some = |s: &str| Some(s.to_owned());
    assert_eq!(bytes(change, KEY), [some(r#"{"id":"a"}"#), some(r#"{"id":"a"}"#), some(r#"{"id":"b"}"#)]);
    assert_eq!(
        bytes(change, VALUE),
        [some(r#"{"id":"a","other":null,"n":1}"#), some(r#"{"id":"a","other":null,"n":2}"#), None]
    );
    let partitions = change.rows.column(PARTITION).as_primitive::<Int32Type>();
    assert_eq!(partitions.value(2) as u32, partition_of(br#"{"id":"b"}"#, 3));
    assert_eq!(partitions.value(0), partitions.value(1));
}

#[test]
fn the_key_can_be_left_out_of_the_value_and_lose_its_prefix() {
    let columns = [
        ("k_id", SqlType::STRING.not_null()),
        ("other", SqlType::STRING.nullable()),
        ("n", SqlType::BigInt.nullable()),
    ];
    let mut table = table(&columns, Some(Format::Json(JsonFormat::default())));
    table.binding.key_format = Some(Format::Json(JsonFormat::default()));
    table.binding.key_columns = vec!["k_id".into()];
    table.binding.key_prefix = "k_".into();
    table.binding.value_includes_key = false;
    let plan = sink(table, SinkChanges::AppendOnly, vec![], |_| {});
    let (mut sink, _) = prepared(&plan, SinkInput::Messages { partitions: 1 }, 1);
    let out = sink.prepare(0, rows(&[(Some("a"), 1)], &[]), &mut Collected::default()).unwrap();
    assert_eq!(bytes(&out[0].1, KEY), [Some(r#"{"id":"a"}"#.to_owned())]);
    assert_eq!(bytes(&out[0].1, VALUE), [Some(r#"{"other":null,"n":1}"#.to_owned())]);
}

#[test]
fn a_null_raw_value_is_a_counted_tombstone_and_rows_without_key_go_round() {
    let columns = [("id", SqlType::STRING.nullable())];
    let table = table(&columns, Some(Format::Raw(RawFormat::default())));
    let plan = sink(table, SinkChanges::AppendOnly, vec![], |s| {
        s.not_null.clear();
        s.inserts[0].columns = vec![0];
    });
    let (mut sink, ctx) = prepared(&plan, SinkInput::Messages { partitions: 2 }, 2);
    let input = batch(&QUERY[..1], vec![text(&[Some("x"), None, Some("y"), Some("z")])], &[]);
    let out = sink.prepare(0, input, &mut Collected::default()).unwrap();
    assert_eq!(out.len(), 2);
    for (lane, change) in &out {
        assert_eq!(change.len(), 2);
        assert!(change.rows.column(PARTITION).as_primitive::<Int32Type>().values().iter().all(|p| *p as u32 == *lane));
    }
    assert_eq!(out.iter().map(|(_, c)| c.rows.column(VALUE).null_count()).sum::<usize>(), 1);
    assert_eq!(ctx.metrics.named()["null-value"].0, 1);
}

/// Rows of one sink key contend; what stands in the end is the last one that is still there.
#[test]
fn the_materialiser_falls_back_to_the_row_before() {
    let plan = sink(table(&wide(), None), SinkChanges::Upsert, vec![0], |s| s.materialize = true);
    let (mut sink, _) = prepared(&plan, SinkInput::Columns, 1);
    let input = rows(&[(Some("a"), 1), (Some("a"), 2), (Some("a"), 2), (Some("a"), 1)], &[0, 0, 3, 3]);
    let out = sink.prepare(0, input, &mut Collected::default()).unwrap();
    assert_eq!(lines(&out[0].1), ["+I('a', 1)", "+U('a', 2)", "+U('a', 1)", "-D('a', 1)"]);
}

#[test]
fn the_materialiser_equals_its_oracle_also_restored() {
    for seed in 0..12 {
        let plan = sink(table(&wide(), None), SinkChanges::Upsert, vec![0], |s| s.materialize = true);
        let (mut sink, _) = prepared(&plan, SinkInput::Columns, 1);
        let mut r = Random::new(seed);
        let mut live: Vec<(&str, i64)> = Vec::new();
        let mut target: BTreeMap<String, String> = BTreeMap::new();
        let mut store = Vec::new();
        for _ in 0..30 {
            let (mut data, mut kinds) = (Vec::new(), Vec::new());
            for _ in 0..r.below(6) + 1 {
                if !live.is_empty() && r.below(2) == 0 {
                    let row = live.remove(r.below(live.len() as u64) as usize);
                    // Of equal rows the oldest goes.
                    if let Some(first) = live.iter().position(|x| *x == row) {
                        live.push(row);
                        live.remove(first);
                    }
                    data.push((Some(row.0), row.1));
                    kinds.push(3);
                } else {
                    let row = (["a", "b", "c"][r.below(3) as usize], r.next() as i64);
                    live.push(row);
                    data.push((Some(row.0), row.1));
                    kinds.push(0);
                }
            }
            for (_, change) in sink.prepare(0, rows(&data, &kinds), &mut Collected::default()).unwrap() {
                for (i, line) in lines(&change).into_iter().enumerate() {
                    let key = line[3..6].to_owned();
                    if change.kind(i).is_addition() {
                        target.insert(key, line[2..].to_owned())
                    } else {
                        target.remove(&key)
                    };
                }
            }
            let operator = sink.operator().unwrap();
            store.extend(operator.snapshot().unwrap());
            if r.below(3) == 0 {
                sink = prepared(&plan, SinkInput::Columns, 1).0;
                for batch in &store {
                    sink.operator().unwrap().restore(batch).unwrap();
                }
            }
        }
        let want: BTreeMap<String, String> =
            live.iter().map(|(k, v)| (format!("'{k}"), format!("('{k}', {v})"))).collect();
        let got: BTreeMap<String, String> = target.into_iter().map(|(k, v)| (k[..2].to_owned(), v)).collect();
        assert_eq!(got, want, "seed {seed}");
    }
}
