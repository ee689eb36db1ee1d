//! The jobs of the education warehouse in their published spelling (Blink and UFlink), as they stand in
//! `examples/`, from real Kafka topics into real Kafka topics and tables, beside what Apache Flink made
//! of the same input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tidegate_integration_tests::broker::{Broker, Settings};
use tidegate_integration_tests::golden::{folder, lines, same, sorted, text};
use tidegate_integration_tests::place::Place;
use tidegate_integration_tests::{root, table_rows};

fn run(place: &Place, golden: &Path, input: &str, topic: &str, job: &str) {
    place.produce(topic, &text(&golden.join(input).join("input.jsonl")));
    place
        .job(&root().join("examples/education-warehouse").join(job))
        .arg("--var")
        .arg(format!("kafka={}", place.bootstrap()))
        .args("--var zookeeper=unused:2181 --var mysql=jdbc:mysql://unused/warehouse --var mysql_user=u")
        .args("--var mysql_password=p --var hbase=unused:2181")
        .args("--set table.local-time-zone=UTC --until latest")
        .run()
        .ok();
}

#[test]
fn published_jobs_on_kafka_give_what_flink_gives() {
    let Some(golden) = folder() else { return };
    let Some(broker) = Broker::start(Settings::new()) else { return };
    let place = Place::on(&broker.bootstrap());
    answers(&place, &golden);
    operations(&place, &golden);
    quality(&place, &golden);
    consultants(&place, &golden);
    // The topic that `operations` writes is what this one reads: it gets a broker of its own.
    drop(place);
    drop(broker);
    let Some(broker) = Broker::start(Settings::new()) else { return };
    performance(&Place::on(&broker.bootstrap()), &golden);
}

/// A, UFlink: the newest value of a key is the one that counts most.
fn answers(place: &Place, golden: &Path) {
    run(place, golden, "a_answer_counts", "test_topic_learning_1", "dws/answer_statistics.uflink.sql");
    for i in 1..=3 {
        let mut newest: BTreeMap<String, i64> = BTreeMap::new();
        for m in place.read(&format!("answer_result_{i}")) {
            let mut v: Value = serde_json::from_str(m.value.as_deref().unwrap()).unwrap();
            let n = v.as_object_mut().unwrap().remove("frequency").unwrap().as_i64().unwrap();
            let entry = newest.entry(v.to_string()).or_default();
            *entry = n.max(*entry);
        }
        let got = newest.into_iter().map(|(k, n)| format!("{k}\t{},\"frequency\":{n}}}", k.trim_end_matches('}')));
        let want = lines(&golden.join(format!("a_answer_counts/result{i}.final.tsv")));
        same(&format!("A {i}"), &sorted(got), &want);
    }
}

/// B1, Blink: the example builds its JSON text with other blanks.
fn operations(place: &Place, golden: &Path) {
    run(place, golden, "b_student_op", "timeline_client_topic", "dwd/student_operation.sql");
    let canonical = |key: &str, value: &str| format!("{key}\t{}", serde_json::from_str::<Value>(value).unwrap());
    let got = place.read("timeline_analysis_student");
    let got = got.iter().map(|m| canonical(m.key.as_deref().unwrap(), m.value.as_deref().unwrap()));
    let want = lines(&golden.join("b_student_op/result.sorted.tsv"));
    let want = want.iter().map(|l| l.split_once('\t').unwrap()).map(|(k, v)| canonical(k, v));
    same("B1", &sorted(got), &sorted(want));
}

/// The columns of rows that a JSON object of Flink's names, as text; times as Flink writes them.
fn rows(place: &Place, table: &str, columns: &[usize]) -> Vec<String> {
    let show = |v: &Value| match v {
        Value::String(s) => s.trim_end_matches('Z').to_owned(),
        other => other.to_string(),
    };
    let all = table_rows(&place.data(), table, "");
    sorted(all.iter().map(|r| columns.iter().map(|c| show(&r[*c])).collect::<Vec<_>>().join("|")))
}

fn objects<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let show = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    sorted(lines.into_iter().map(|line| {
        let v: Value = serde_json::from_str(line).unwrap();
        v.as_object().unwrap().values().map(show).collect::<Vec<_>>().join("|")
    }))
}

/// B3, Blink.
fn performance(place: &Place, golden: &Path) {
    run(place, golden, "c_minute_count", "timeline_analysis_student", "dws/live_performance.sql");
    let want = lines(&golden.join("c_minute_count/result.sorted.jsonl"));
    let got = rows(place, "timeline_signal_analysis", &[0, 1, 2, 3, 4, 5, 6]);
    same("B3", &got, &objects(want.iter().map(String::as_str)));
}

/// B5, Blink: AVG of Blink is not cut off, Flink's is.
fn quality(place: &Place, golden: &Path) {
    run(place, golden, "d_qos", "agora_record", "dws/av_quality.sql");
    let want = lines(&golden.join("d_qos/result.sorted.jsonl"));
    let without_average = |lines: Vec<String>| -> Vec<String> {
        lines
            .iter()
            .map(|l| l.split('|').enumerate().filter(|(i, _)| *i != 9).map(|(_, v)| v).collect::<Vec<_>>().join("|"))
            .collect()
    };
    let got = rows(place, "user_av_record", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for row in got.iter().map(|r| r.split('|').collect::<Vec<_>>()) {
        let [sum, average, count] = [8, 9, 10].map(|i| row[i].parse::<f64>().unwrap());
        assert!((average - sum / count).abs() < 1e-9, "{row:?}");
    }
    same("B5", &without_average(got), &without_average(objects(want.iter().map(String::as_str))));
}

/// B7, Blink: what is left when orders have been taken back.
fn consultants(place: &Place, golden: &Path) {
    run(place, golden, "e_consultant", "data_pack_order_info", "dws/consultant_daily.sql");
    let want = lines(&golden.join("e_consultant/result.final.tsv"));
    let want = objects(want.iter().map(|l| l.split_once('\t').unwrap().1));
    same("B7", &rows(place, "staff_index", &[0, 1, 2, 3]), &want);
}
