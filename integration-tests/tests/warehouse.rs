//! The education warehouse, run by the program, beside the same results computed here from the
//! generated messages with plain maps: no decoder, operator or sink of the engine takes part.
#![allow(clippy::unwrap_used, clippy::type_complexity, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};
use tidegate_integration_tests::broker::{Broker, Settings};
use tidegate_integration_tests::place::Place;
use tidegate_integration_tests::process::Tidegate;
use tidegate_integration_tests::topics::{self, Message};
use tidegate_integration_tests::{root, table_rows};

const ROWS: usize = 6000;

#[test]
fn results_equal_an_independent_computation() {
    let place = Place::embedded();
    let project = Tidegate::new(["run"]).arg(project()).arg("--plain").arg("--embedded").arg(place.data());
    check(project, &place);
}

/// The same with all its topics in Kafka, by the project's own profile.
#[test]
fn results_are_the_same_with_topics_in_kafka() {
    let Some(broker) = Broker::start(Settings::new()) else { return };
    let place = Place::on(&broker.bootstrap());
    let project = Tidegate::new(["run"]).arg(project()).args("--profile services --plain --embedded-tables");
    let project = project.arg(place.data()).arg("--var").arg(format!("kafka={}", broker.bootstrap()));
    check(project, &place);
    // `query` and `tail` see the same topics.
    let count = "SELECT COUNT(*) AS n FROM timeline_client_topic";
    let said = Tidegate::new(["query", count, "--format", "csv", "--bootstrap"]).arg(broker.bootstrap()).run().ok();
    assert_eq!(said.stdout.lines().last(), Some(ROWS.to_string().as_str()), "{}", said.stdout);
    let said = Tidegate::new(["tail", "agora_record", "--bootstrap"]).arg(broker.bootstrap()).run().ok();
    assert_eq!(said.stdout.lines().count(), ROWS);
}

fn project() -> PathBuf {
    root().join("examples/education-warehouse")
}

fn check(project: Tidegate, place: &Place) {
    let out = project.args(&format!("--var rows={ROWS}")).run().ok();
    assert!(out.stdout.contains("Audio and video quality"), "result tables are printed: {}", out.stdout);
    for topic in ["timeline_client_topic", "test_topic_learning_1", "agora_record", "data_pack_order_info"] {
        assert_eq!(place.read(topic).len(), ROWS, "{topic}");
    }
    operations(place);
    performance(place);
    quality(place);
    consultants(place);
    answers(place);
    channels(place);
}

fn values(place: &Place, topic: &str) -> Vec<(Message, Value)> {
    place
        .read(topic)
        .into_iter()
        .map(|m| {
            let v = serde_json::from_str(m.value.as_deref().unwrap()).unwrap();
            (m, v)
        })
        .collect()
}

/// Numbers may come as text and the other way round; both sides are compared as text.
fn text(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn int(v: &Value) -> Option<i64> {
    text(v).parse().ok()
}

fn counted<K: Ord>(items: impl IntoIterator<Item = K>) -> BTreeMap<K, i64> {
    let mut out = BTreeMap::new();
    for i in items {
        *out.entry(i).or_insert(0) += 1;
    }
    out
}

/// The seven kinds of operation: event, target type, action, sub action, target id.
const KINDS: [(&str, &str, &str, Option<&str>, Option<&str>); 7] = [
    ("MOVE_PICTURE", "shape", "move", None, None),
    ("HOVER_PICTURE", "shape", "mouse", Some("over"), None),
    ("LINE_DRAW", "shape", "add", None, None),
    ("AUDIO_PLAY", "template", "audio", Some("start"), None),
    ("AUDIO_PAUSE", "template", "audio", Some("pause"), None),
    ("MATCH_WRONG", "template", "match", Some("drop:wrong"), Some("match")),
    ("MATCH_CORRECT", "template", "match", Some("drop:correct"), Some("match")),
];

fn operations(place: &Place) {
    let mut want = Vec::new();
    for (m, v) in values(place, "timeline_client_topic") {
        let (d, o) = (&v["data"], &v["data"]["msg"]["msg_data"]);
        if (int(&d["msgid"]), text(&d["msg"]["msgtype"]).as_str(), int(&d["role"])) != (Some(305), "116", Some(2)) {
            continue;
        }
        for (event, kind, action, sub, id) in KINDS {
            let is = |field: &str, value: Option<&str>| value.is_none_or(|x| text(&o[field]) == x);
            if is("target_type", Some(kind))
                && is("action", Some(action))
                && is("sub_action", sub)
                && is("target_id", id)
            {
                let fields = [
                    text(&v["createTime"]),
                    text(&d["timestamp"]),
                    text(&d["userid"]),
                    text(&d["roomid"]),
                    text(&o["target_id"]),
                    text(&o["page_index"]),
                    format!("STUDENT_{event}"),
                ];
                want.push((m.key.clone(), fields));
            }
        }
    }
    let got = values(place, "timeline_analysis_student").into_iter().map(|(m, v)| {
        let f = |name: &str| text(&v[name]);
        let fields = [
            f("messageCreateTime"),
            f("timeStamp"),
            f("userId"),
            f("roomId"),
            f("targetId"),
            f("pageIndex"),
            f("event"),
        ];
        (m.key, fields)
    });
    assert!(want.len() > ROWS / 4, "the data exercises the filters: {}", want.len());
    assert_eq!(counted(got), counted(want));
}

/// `yyyy-MM-dd HH:mm:ss` in UTC, as embedded tables keep the instants that Blink calls TIMESTAMP.
fn utc(ms: i64) -> String {
    let seconds = ms.div_euclid(1000);
    let db = rusqlite::Connection::open_in_memory().unwrap();
    db.query_row("SELECT datetime(?1, 'unixepoch')", [seconds], |r| r.get(0)).unwrap()
}

/// The table's rows with timestamps cut to the second and without the clock column at the end.
fn stored(place: &Place, table: &str, times: usize) -> Vec<Vec<String>> {
    table_rows(&place.data(), table, "")
        .into_iter()
        .map(|row| {
            let kept = row.len() - 1;
            let cut = |(i, v): (usize, &Value)| if i < times { text(v).chars().take(19).collect() } else { text(v) };
            row.iter().take(kept).enumerate().map(cut).collect()
        })
        .collect()
}

fn performance(place: &Place) {
    let groups = counted(values(place, "timeline_analysis_student").into_iter().map(|(_, v)| {
        let minute = int(&v["timeStamp"]).unwrap().div_euclid(60_000) * 60_000;
        (minute, text(&v["roomId"]), text(&v["userId"]), text(&v["role"]), text(&v["event"]))
    }));
    let want = groups.into_iter().map(|((minute, room, user, role, event), n)| {
        vec![utc(minute), utc(minute + 60_000), room, user, role, event, n.to_string()]
    });
    assert_eq!(counted(stored(place, "timeline_signal_analysis", 2)), counted(want));
}

fn quality(place: &Place) {
    let mut groups: BTreeMap<Vec<String>, Vec<i64>> = BTreeMap::new();
    for (_, v) in values(place, "agora_record") {
        if v["user_type"] != "student" {
            continue;
        }
        for (kind, state, field) in [("AUDIO", "agora_audioState", "lost"), ("VIDEO", "agora_videoState", "fr")] {
            let Some(value) = int(&v[state][field]).filter(|n| *n >= 0) else { continue };
            let start = int(&v["messageCreateTime"]).unwrap().div_euclid(30_000) * 30_000;
            let or_minus_one = |v: &Value| if text(v).is_empty() { "-1".to_owned() } else { text(v) };
            let key = vec![
                utc(start),
                utc(start + 30_000),
                or_minus_one(&v["user_id"]),
                or_minus_one(&v["agora_channel_id"]),
                or_minus_one(&v["classroom_id"]),
                text(&v["user_type"]),
                text(&v[state]["uid"]),
                format!("{}_{kind}_STATE", text(&v["event"])),
            ];
            groups.entry(key).or_default().push(value);
        }
    }
    let want = groups.into_iter().map(|(mut key, all)| {
        let (sum, n) = (all.iter().sum::<i64>(), all.len() as i64);
        // Blink's AVG of integers keeps the fraction.
        key.extend([sum.to_string(), json!(sum as f64 / n as f64).to_string(), n.to_string()]);
        key
    });
    assert_eq!(counted(stored(place, "user_av_record", 2)), counted(want));
}

fn consultants(place: &Place) {
    let mut newest: BTreeMap<String, [String; 3]> = BTreeMap::new();
    for (_, v) in values(place, "data_pack_order_info") {
        let entry = newest.entry(text(&v["id"])).or_default();
        // last_value ignores NULLs: a field that is missing keeps its old value.
        for (slot, field) in entry.iter_mut().zip(["cc_id", "confirm_date_time", "status"]) {
            if !v[field].is_null() {
                *slot = text(&v[field]);
            }
        }
    }
    let want = counted(
        newest
            .into_values()
            .filter(|[_, confirmed, status]| !confirmed.is_empty() && status == "3")
            .map(|[cc, confirmed, _]| (cc, confirmed[..10].to_owned())),
    );
    let got: BTreeSet<(String, String, i64)> = table_rows(&place.data(), "staff_index", "")
        .iter()
        .map(|r| (text(&r[0]), text(&r[3]), int(&r[1]).unwrap()))
        .collect();
    assert!(!got.is_empty());
    assert_eq!(got, want.into_iter().map(|((cc, day), n)| (cc, day, n)).collect());
}

fn answers(place: &Place) {
    let all = values(place, "test_topic_learning_1");
    for (i, keys) in [&["question_id"][..], &["grade_id"], &["subject_id", "question_id"]].into_iter().enumerate() {
        let want = counted(all.iter().map(|(_, v)| keys.iter().map(|k| text(&v[k])).collect::<Vec<_>>()));
        // Modern Flink: newest value of every message key.
        let compacted = topics::newest(&place.read(&format!("answer_frequency_{}", i + 1)));
        // UFlink: no keys; the newest value of every key is the one with the largest count.
        let mut largest: BTreeMap<Vec<String>, i64> = BTreeMap::new();
        for (_, v) in values(place, &format!("answer_result_{}", i + 1)) {
            let n = largest.entry(keys.iter().map(|k| text(&v[k])).collect()).or_default();
            *n = (*n).max(int(&v["frequency"]).unwrap());
        }
        let upsert: BTreeMap<Vec<String>, i64> = compacted
            .iter()
            .map(|(_, value)| serde_json::from_str::<Value>(value).unwrap())
            .map(|v| (keys.iter().map(|k| text(&v[k])).collect(), int(&v["frequency"]).unwrap()))
            .collect();
        assert_eq!(upsert, want, "modern Flink, {keys:?}");
        assert_eq!(largest, want, "UFlink, {keys:?}");
    }
}

fn channels(place: &Place) {
    let mut want = BTreeMap::new();
    for (_, v) in values(place, "blink_stg_activity__channel_name_dictionary_da") {
        want.insert(text(&v["id"]), text(&v["chinese_name"]));
    }
    let rows = table_rows(&place.data(), "channel_name_dictionary", "");
    let got: BTreeMap<String, String> = rows.iter().map(|r| (text(&r[1]), text(&r[2]))).collect();
    assert!(rows.iter().all(|r| text(&r[0]).len() == 32), "row keys are MD5");
    assert_eq!(got, want);
}
