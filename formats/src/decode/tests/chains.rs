//! JSON functions over messages, fused: always the same as the plain functions.

use proptest::prelude::*;
use tidegate_core::Scalar;
use tidegate_core::scan::{CastFlavor, CastRule, ChainStep, CompareOp, JsonRule, JsonSegment, OnCastError, RowFilter};
use tidegate_core::table::{Format, RawFormat};
use tidegate_core::types::SqlType;

use super::super::DecodeErrorKind;
use super::super::chain::ChainFunction;
use super::{Table, batch, chain, shown, texts};
use crate::json::oracle::chain_text;
use crate::json::test_paths::path;

const TRY: CastRule = CastRule { on_error: OnCastError::Null, flavor: CastFlavor::Blink };

fn value(p: &str, rule: JsonRule) -> ChainStep {
    ChainStep::JsonValue(path(p), rule)
}

fn cast(ty: SqlType, rule: CastRule) -> ChainStep {
    ChainStep::Cast(ty.nullable(), rule)
}

fn raw() -> Format {
    Format::Raw(RawFormat::default())
}

/// The nested spelling of the student-operation job, with its filter.
fn student() -> Table {
    let b = JsonRule::Blink;
    let varchar = || cast(SqlType::STRING, TRY);
    let data = |p: &str| vec![value("$.data", b), varchar(), value(p, b)];
    let big = |mut steps: Vec<ChainStep>, ty: SqlType| {
        steps.push(cast(ty, TRY));
        steps
    };
    let msg = |p: &str| vec![value("$.data", b), varchar(), value("$.msg", b), varchar(), value(p, b)];
    let mut table = Table::of(
        raw(),
        vec![
            chain("createTime", SqlType::STRING, vec![value("$.createTime", b)]),
            chain("userid", SqlType::BigInt, big(data("$.userid"), SqlType::BigInt)),
            chain("role", SqlType::TinyInt, big(data("$.role"), SqlType::TinyInt)),
            chain("msgid", SqlType::BigInt, big(data("$.msgid"), SqlType::BigInt)),
            chain("msgtype", SqlType::STRING, msg("$.msgtype")),
            chain("target", SqlType::STRING, msg("$.msg_data.target_id")),
        ],
    );
    table.filter = Some(RowFilter::And(vec![
        RowFilter::Compare { field: 3, op: CompareOp::Eq, value: Scalar::Int(305) },
        RowFilter::Compare { field: 4, op: CompareOp::Eq, value: Scalar::Text("116".into()) },
        RowFilter::Compare { field: 2, op: CompareOp::Eq, value: Scalar::Int(2) },
    ]));
    table
}

fn message(data: &str) -> String {
    format!("{{\"createTime\": \"2020\", \"data\": {data}}}")
}

const DATA: &str =
    r#"{"userid": 10001, "role": ROLE, "msgid": MSGID, "msg": {"msgtype": TYPE, "msg_data": {"target_id": "p"}}}"#;

fn with(role: &str, msgid: &str, ty: &str) -> String {
    message(&DATA.replace("ROLE", role).replace("MSGID", msgid).replace("TYPE", ty))
}

#[test]
fn nested_blink_chains_with_a_filter() {
    let table = student();
    let kept = |m: &str| shown(&table.decode(&[m]).rows, &table.fields).concat();
    let row = r#"{"createTime":"2020","userid":10001,"role":2,"msgid":305,"msgtype":"116","target":"p"}"#;
    for (role, msgid, ty) in [
        ("2", "305", "116"),
        ("\"2\"", "305", "116"),
        ("\" 2 \"", "305", "116"),
        ("2.0", "\"305\"", "\"116\""),
        ("2", "305.9", "116"),
    ] {
        assert_eq!(kept(&with(role, msgid, ty)), row, "{role} {msgid} {ty}");
    }
    for (role, msgid, ty) in [
        ("300", "305", "116"),
        ("null", "305", "116"),
        ("2", "301", "116"),
        ("2", "305", "116.0"),
        ("2", "305", "\" 116\""),
    ] {
        assert_eq!(kept(&with(role, msgid, ty)), "", "{role} {msgid} {ty}");
    }
    let whole = DATA.replace("ROLE", "2").replace("MSGID", "305").replace("TYPE", "116");
    let as_text = serde_json::to_string(&whole).unwrap();
    assert_eq!(kept(&message(&as_text)), row, "a text holding JSON is read again");
    let inner = DATA.replace("ROLE", "2").replace("MSGID", "305").replace("TYPE", "116");
    let (head, msg) = inner.split_once("\"msg\": ").unwrap();
    let msg = serde_json::to_string(msg.trim_end_matches('}').to_owned().as_str()).unwrap();
    let half = format!("{head}\"msg\": {}", msg.replace("\\\"p\\\"", "\\\"p\\\"}}"));
    assert_eq!(kept(&message(&format!("{half}}}"))), row, "{half}");
    for broken in ["", "not json", "[]", "{\"data\":5}", &with("2", "305", "116")[..80], "null"] {
        assert_eq!(kept(broken), "", "{broken}");
    }
    assert_eq!(kept(&(with("2", "305", "116") + " x")), row);
}

#[test]
fn casts_fail_or_are_null_and_counted() {
    let steps = |on_error| {
        vec![value("$.a", JsonRule::Flink), cast(SqlType::BigInt, CastRule { on_error, flavor: CastFlavor::Flink })]
    };
    let docs =
        [r#"{"a":1}"#, r#"{"a":"x"}"#, "{}", r#"{"a":" +5.9 "}"#, r#"{"a":""}"#, r#"{"a":1e3}"#, r#"{"a":null}"#];
    let table = Table::of(raw(), vec![chain("a", SqlType::BigInt, steps(OnCastError::Null))]);
    let decoded = table.decode(&docs);
    assert_eq!(
        shown(&decoded.rows, &table.fields),
        [r#"{"a":1}"#, "{}", "{}", r#"{"a":5}"#, "{}", r#"{"a":1000}"#, "{}"]
    );
    assert_eq!(
        (decoded.errors[0].kind, decoded.errors[0].record, decoded.errors[0].count),
        (DecodeErrorKind::FieldNull, 1, 2)
    );
    let table = Table::of(raw(), vec![chain("a", SqlType::BigInt, steps(OnCastError::Fail))]);
    let decoded = table.decode(&docs);
    assert_eq!(decoded.rows.num_rows(), 5);
    assert_eq!(
        decoded.errors.iter().map(|e| (e.kind, e.record)).collect::<Vec<_>>(),
        [(DecodeErrorKind::RowFailed, 1), (DecodeErrorKind::RowFailed, 4)]
    );
}

/// Where an integer stands in a text that had escapes, the digits at the same place of the message are others.
#[test]
fn integers_of_documents_in_texts() {
    let b = JsonRule::Blink;
    let steps = vec![value("$.d", b), cast(SqlType::STRING, TRY), value("$.x", b), cast(SqlType::BigInt, TRY)];
    let table = Table::of(raw(), vec![chain("x", SqlType::BigInt, steps)]);
    let got = table.decode(&[r#"{"1234567890":0,"d":"{\"x\":77}"}"#]);
    assert_eq!(shown(&got.rows, &table.fields), [r#"{"x":77}"#]);
}

#[test]
fn messages_that_are_not_json_are_counted() {
    let table = Table::of(raw(), vec![chain("a", SqlType::STRING, vec![value("$.a", JsonRule::Flink)])]);
    let decoded = table.decode(&[r#"{"a":"x"}"#, "oops", "", r#"{"a":1"#, "[]"]);
    assert_eq!(texts(&decoded.rows, 0), [Some("x"), None, None, None, None]);
    assert_eq!(decoded.errors.len(), 1);
    let e = &decoded.errors[0];
    assert_eq!((e.kind, e.field, e.record, e.count), (DecodeErrorKind::FieldNull, None, 1, 3));
    assert_eq!(e.reason, "not JSON at byte 0");
}

#[test]
fn messages_that_are_not_utf8_are_replaced() {
    let table = Table::of(
        raw(),
        vec![chain("a", SqlType::STRING, vec![value("$.a", JsonRule::Blink)]), chain("m", SqlType::STRING, vec![])],
    );
    let decoded = table.decoder().decode(&batch(&[Some(b"{\"a\":\"x\xff\"}"), None])).unwrap();
    assert_eq!(texts(&decoded.rows, 0), [Some("x\u{fffd}"), None]);
    assert_eq!(texts(&decoded.rows, 1), [Some("{\"a\":\"x\u{fffd}\"}"), None]);
    assert_eq!(decoded.errors, []);
    assert!(decoded.records.is_none());
}

/// Few names, so that paths hit.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c d"), Just("é"), Just("a_rather_long_name")].prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("-0".to_owned()),
        Just("1.50".to_owned()),
        Just("1e3".to_owned()),
        Just("1e400".to_owned()),
        Just("-12345678901234567890".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}"))
    ];
    let text = prop_oneof![
        Just("".to_owned()),
        Just("x".to_owned()),
        Just(" 305 ".to_owned()),
        Just("中\"\\\n\u{1}😀".to_owned()),
        Just("[1,2]".to_owned()),
        Just("5".to_owned()),
        Just("{\"a\":{\"b\":1}".to_owned())
    ];
    let leaf = prop_oneof![
        number,
        text.prop_map(|t| serde_json::to_string(&t).unwrap()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("\"\\u4e2d\\ud83d\\ude00\\/\"".to_owned()),
        Just("\"\\ud83d\"".to_owned()),
    ];
    let tree = leaf.prop_recursive(4, 40, 5, |inner| {
        let name = prop_oneof![3 => name().prop_map(|n| format!("\"{n}\"")), 1 => Just("\"\\u0061\"".to_owned())];
        let member = (name, inner.clone(), prop_oneof![Just(""), Just(" "), Just("\n\t")])
            .prop_map(|(n, v, s)| format!("{s}{n}{s}:{s}{v}{s}"));
        prop_oneof![
            4 => prop::collection::vec(member, 0..5).prop_map(|m| format!("{{{}}}", m.join(","))),
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(|m| format!("[{}]", m.join(" ,"))),
            1 => inner.prop_map(|v| serde_json::to_string(&v).unwrap()),
        ]
    });
    (tree, prop_oneof![5 => Just(0), 1 => 1..60usize, 1 => 1000..1003usize]).prop_map(|(doc, damage)| match damage {
        0 => doc,
        1000 => doc + " tail",
        1001 => doc.replacen(':', " ", 1),
        1002 => doc.replacen('1', "1x", 1),
        cut => doc.chars().take(doc.chars().count().saturating_sub(cut)).collect(),
    })
}

fn steps() -> impl Strategy<Value = Vec<ChainStep>> {
    let segment = prop_oneof![
        8 => name().prop_map(JsonSegment::Member), 1 => (0..3u32).prop_map(JsonSegment::Index), 1 => Just(JsonSegment::AnyIndex)
    ];
    let one = (prop::collection::vec(segment, 0..4), 0..3).prop_map(|(segments, which)| {
        let path = tidegate_core::scan::JsonPath { text: "$…".to_owned(), mode: None, segments: Some(segments) };
        match which {
            0 => ChainStep::JsonValue(path, JsonRule::Flink),
            1 => ChainStep::JsonValue(path, JsonRule::Blink),
            _ => ChainStep::JsonQuery(path, JsonRule::Flink),
        }
    });
    let step = prop_oneof![6 => one, 1 => Just(cast(SqlType::STRING, TRY)), 1 => Just(cast(SqlType::VarChar(3), CastRule { on_error: OnCastError::Fail, flavor: CastFlavor::Flink }))];
    prop::collection::vec(step, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The path program gives what the plain functions give, for many chains over many documents at
    /// once (sharing a tree, learned layouts, leftovers of the document before).
    #[test]
    fn fused_equals_plain(docs in prop::collection::vec(document(), 1..12), chains in prop::collection::vec(steps(), 1..6)) {
        let fields = chains.iter().enumerate().map(|(i, s)| chain(&format!("c{i}"), SqlType::STRING, s.clone())).collect();
        let table = Table::of(raw(), fields);
        let texts_of: Vec<&str> = docs.iter().map(String::as_str).collect();
        let decoded = table.decode(&texts_of);
        for (i, steps) in chains.iter().enumerate() {
            let got = texts(&decoded.rows, i);
            for (doc, got) in docs.iter().zip(got) {
                let want = chain_text(doc, steps);
                prop_assert_eq!(got, want.as_deref(), "{} over {}", i, doc);
            }
            let mut function = ChainFunction::new(steps).unwrap();
            for doc in &docs {
                prop_assert_eq!(function.eval(doc).map(std::borrow::Cow::into_owned), chain_text(doc, steps), "function {} over {}", i, doc);
            }
        }
    }

    /// Any bytes: no panic, and the same answer as the plain functions.
    #[test]
    fn any_bytes(doc in prop::collection::vec(prop_oneof![prop::sample::select(b"{}[]\":,\\ua019-.eE tfn ".to_vec()), any::<u8>()], 0..60)) {
        let steps = vec![value("$.a", JsonRule::Blink)];
        let table = Table::of(raw(), vec![chain("a", SqlType::STRING, steps.clone())]);
        let decoded = table.decoder().decode(&batch(&[Some(&doc)])).unwrap();
        let want = chain_text(&String::from_utf8_lossy(&doc), &steps);
        prop_assert_eq!(texts(&decoded.rows, 0)[0], want.as_deref());
    }
}
