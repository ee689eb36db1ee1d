//! Rows of datagen: equal in every replay, of the shape that is promised.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use serde_json::Value;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::source::{BatchLimits, Read, SplitReader};
use tidegate_core::split::{Bound, Position, StartMode};

use super::*;

fn spec(columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> TableSpec {
    TableSpec::new("g", Dialect::Flink, columns.iter().cloned()).with_options(options.iter().copied())
}

fn registry() -> Registry {
    Registry::new().with(crate::connectors())
}

async fn source(columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> Arc<dyn Source> {
    let table = registry().bind("datagen", spec(columns, options)).unwrap();
    registry().source(&table).await.unwrap()
}

fn limits(rows: usize) -> BatchLimits {
    BatchLimits { rows, bytes: 1 << 20, wait: Duration::ZERO }
}

fn rest(reader: &mut dyn SplitReader, rows: usize) -> Vec<RecordBatch> {
    let mut out = Vec::new();
    while let Read::Rows(batch, _) = reader.read(&limits(rows)).unwrap() {
        out.push(batch.rows);
    }
    out
}

async fn all(columns: &[(&str, SqlType)], options: &[(&str, &str)]) -> RecordBatch {
    let source = source(columns, options).await;
    let split = source.splits().await.unwrap().remove(0);
    let mut reader = source.open(&split, &Position("0@1000".into()), None).await.unwrap();
    let batches = rest(&mut *reader, 1000);
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

async fn messages(generator: &str, options: &[(&str, &str)]) -> Vec<(Option<String>, Value)> {
    let mut options = options.to_vec();
    options.extend([("generator", generator), ("number-of-rows", "5000")]);
    let rows = all(&[("message_key", SqlType::STRING), ("message", SqlType::BYTES)], &options).await;
    let (keys, values) = (rows.column(0).as_string::<i32>(), rows.column(1).as_binary::<i32>());
    (0..rows.num_rows())
        .map(|i| (keys.is_valid(i).then(|| keys.value(i).to_owned()), serde_json::from_slice(values.value(i)).unwrap()))
        .collect()
}

#[tokio::test]
async fn a_replay_from_anywhere_is_equal() {
    for generator in classroom::GENERATORS.iter().map(|(n, _)| *n) {
        let options = [("generator", generator), ("number-of-rows", "3000"), ("splits", "2"), ("disorder", "3 s")];
        let source = source(&[("message", SqlType::STRING)], &options).await;
        let split = source.splits().await.unwrap().remove(1);
        let at = source.resolve(&split, &StartMode::Earliest).await.unwrap().position;
        assert_eq!(source.bound(&split, &Bound::Latest).await.unwrap(), None);
        let mut first = source.open(&split, &at, None).await.unwrap();
        let Read::Rows(head, middle) = first.read(&limits(700)).unwrap() else { panic!("no rows") };
        assert_eq!(head.len(), 700);
        let tail = rest(&mut *first, 700);
        let again = rest(&mut *source.open(&split, &middle, None).await.unwrap(), 123);
        let schema = head.rows.schema();
        assert_eq!(concat_batches(&schema, &tail).unwrap(), concat_batches(&schema, &again).unwrap(), "{generator}");
        assert_eq!(tail.iter().map(RecordBatch::num_rows).sum::<usize>(), 800);
    }
}

#[tokio::test]
async fn timelines_have_every_event_and_some_noise() {
    let all = messages("classroom.timeline", &[("disorder", "2 s")]).await;
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut newest = i64::MIN;
    for (n, (key, m)) in all.iter().enumerate() {
        assert_eq!(key.as_deref(), Some(format!("k{n}").as_str()));
        let (data, op) = (&m["data"], &m["data"]["msg"]["msg_data"]);
        let time = data["timestamp"].as_i64().unwrap();
        assert!(newest.saturating_sub(time) <= 2000, "disorder");
        newest = newest.max(time);
        let wanted = data["msgid"] == 305 && data["msg"]["msgtype"] == 116 && data["role"] == 2;
        let kind = format!(
            "{}/{}/{}",
            op["target_type"].as_str().unwrap(),
            op["action"].as_str().unwrap(),
            op["sub_action"].as_str().unwrap()
        );
        *seen.entry(if wanted { kind } else { "other".into() }).or_default() += 1;
        assert!(op["page_index"].is_i64() && m["createTime"].as_str().unwrap().starts_with("2020-08-2"));
    }
    for kind in [
        "shape/move/",
        "shape/mouse/over",
        "shape/add/",
        "template/audio/start",
        "template/audio/pause",
        "template/match/drop:wrong",
        "template/match/drop:correct",
        "other",
    ] {
        assert!(seen[kind] > 50, "{seen:?}");
    }
}

#[tokio::test]
async fn the_other_messages_have_their_shapes() {
    let answers = messages("classroom.answer", &[]).await;
    let m = &answers[0].1;
    assert!(m["question_id"].as_str().unwrap().starts_with("题目ID_") && m["score"].is_i64(), "{m}");
    assert_eq!(m["ts"], "Aug 26, 2020 11:59:59 PM");
    assert_eq!(m.as_object().unwrap().len(), 9);
    let analysis = messages("classroom.analysis", &[]).await;
    assert!(
        analysis.iter().all(|(_, m)| m["event"].as_str().unwrap().starts_with("STUDENT_") && m["timeStamp"].is_i64())
    );
    let qos = messages("classroom.qos", &[]).await;
    assert!(qos.iter().all(|(_, m)| m["agora_audioState"]["lost"].is_i64() && m["messageCreateTime"].is_i64()));
    assert!(
        qos.iter().any(|(_, m)| m.get("user_id").is_none())
            && qos.iter().any(|(_, m)| m["agora_audioState"]["lost"] == -2)
    );
    let channels = messages("classroom.channel", &[("keys", "10")]).await;
    assert!(channels.iter().all(|(k, m)| k.is_none() && m.as_object().unwrap().len() == 8));
}

#[tokio::test]
async fn orders_change_four_times_forwards() {
    let mut statuses: HashMap<String, Vec<i64>> = HashMap::new();
    for (key, m) in messages("classroom.order", &[]).await.into_iter().take(4096) {
        assert_eq!(key.as_deref(), m["id"].as_str());
        assert_eq!(m["confirm_date_time"].is_null(), m["status"] == "1");
        statuses.entry(key.unwrap()).or_default().push(m["status"].as_str().unwrap().parse().unwrap());
    }
    assert_eq!(statuses.len(), 1024);
    assert!(statuses.values().all(|s| s[..3] == [1, 2, 3] && (s[3] == 3 || s[3] == 4)), "{statuses:?}");
    assert!(statuses.values().any(|s| s[3] == 4));
}

#[tokio::test]
async fn fields_follow_their_options() {
    let row = SqlType::Row(vec![Column::new("x", SqlType::Int.nullable())]);
    let columns = [
        ("id", SqlType::BigInt),
        ("n", SqlType::Int),
        ("t", SqlType::STRING),
        ("maybe", SqlType::Double),
        ("at", SqlType::Timestamp(3)),
        ("r", row),
        ("l", SqlType::Array(Box::new(SqlType::Int.nullable()))),
        ("m", SqlType::Map(Box::new(SqlType::STRING.not_null()), Box::new(SqlType::Decimal(5, 2).nullable()))),
    ];
    let options = [
        ("fields.id.kind", "sequence"),
        ("fields.id.start", "5"),
        ("fields.id.end", "304"),
        ("fields.n.min", "-2"),
        ("fields.n.max", "2"),
        ("fields.t.length", "7"),
        ("fields.maybe.null-rate", "0.5"),
        ("fields.at.max-past", "1 s"),
        ("fields.r.x.min", "9"),
        ("fields.r.x.max", "9"),
        ("fields.l.length", "2"),
        ("rows-per-second", "0"),
    ];
    let rows = all(&columns, &options).await;
    assert_eq!(rows.num_rows(), 300, "ends with the sequence");
    assert!(rows.column(0).as_primitive::<Int64Type>().values().iter().copied().eq(5..305));
    let n = rows.column(1).as_primitive::<Int32Type>();
    assert!((-2..=2).all(|k| n.values().contains(&k)) && n.values().iter().all(|k| (-2..=2).contains(k)));
    assert!(rows.column(2).as_string::<i32>().iter().all(|t| t.unwrap().len() == 7));
    assert!((100..200).contains(&rows.column(3).null_count()));
    assert!(rows.column(5).as_struct().column(0).as_primitive::<Int32Type>().values().iter().all(|k| *k == 9));
    assert_eq!(rows.column(6).as_list::<i32>().value(7).len(), 2);
}

#[test]
fn mistakes_are_explained() {
    let e = |columns: &[(&str, SqlType)], options: &[(&str, &str)]| {
        registry().bind("datagen", spec(columns, options)).unwrap_err().to_string()
    };
    let id = [("id", SqlType::Int)];
    assert!(e(&id, &[("fields.ud.min", "1")]).contains("did you mean 'id'"));
    assert!(e(&id, &[("fields.id.mn", "1")]).contains("fields.id.min"));
    assert!(e(&id, &[("fields.id.max", "3000000000")]).contains("do not fit INT"));
    assert!(e(&id, &[("fields.id.kind", "sequence")]).contains("'start' and 'end'"));
    assert!(e(&[("m", SqlType::STRING)], &[("generator", "classroom.anwser")]).contains("classroom.answer"));
    assert!(e(&id, &[("generator", "classroom.answer")]).contains("STRING or BYTES"));
    assert!(e(&id, &[("disorder", "1 s")]).contains("needs a 'generator'"));
    assert!(e(&id, &[("row-per-second", "1")]).contains("rows-per-second"));
}

#[tokio::test]
async fn the_pace_is_kept() {
    let source = source(&[("id", SqlType::Int)], &[("rows-per-second", "1000"), ("number-of-rows", "100")]).await;
    let split = source.splits().await.unwrap().remove(0);
    let since = Instant::now();
    let mut reader = source.open(&split, &Position("0@0".into()), None).await.unwrap();
    assert!(matches!(reader.read(&limits(100)).unwrap(), Read::Nothing));
    let mut got = 0;
    loop {
        match reader.read(&BatchLimits { wait: Duration::from_millis(50), ..limits(100) }).unwrap() {
            Read::Rows(batch, _) => got += batch.len(),
            Read::End => break,
            _ => {}
        }
    }
    assert_eq!(got, 100);
    assert!(since.elapsed() >= Duration::from_millis(99), "{:?}", since.elapsed());
}
