//! The kit that every sink must pass, against the Kafka sinks on a real broker.
#![allow(clippy::unwrap_used, reason = "a test")]

use tidegate_conformance::{append_sink, fenced_sink, rows};
use tidegate_core::dialect::Dialect;
use tidegate_core::error::Span;
use tidegate_core::options::OptionEntry;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::table::{BoundTable, ColumnKind, TableColumn, TableSpec};
use tidegate_integration_tests::{broker, kafka_topics};

/// A table of the kit's rows in a topic of its own.
fn table(bootstrap: &str, topic: &str, partitions: i32, (guarantee, fence): (&str, &str)) -> (Registry, BoundTable) {
    kafka_topics::create(bootstrap, topic, partitions);
    let column = |column| TableColumn { column, kind: ColumnKind::Physical, span: Span::default() };
    let option = |(n, v): (&str, &str)| OptionEntry { name: n.into(), value: v.into(), span: Span::default() };
    let spec = TableSpec {
        name: "t".into(),
        dialect: Dialect::Flink,
        columns: rows::columns().into_iter().map(column).collect(),
        primary_key: vec![],
        is_dimension: false,
        options: [
            ("topic", topic),
            ("properties.bootstrap.servers", bootstrap),
            ("format", "json"),
            ("sink.delivery-guarantee", guarantee),
            ("tidegate.fence", fence),
            ("sink.transactional-id-prefix", topic),
        ]
        .map(option)
        .to_vec(),
        span: Span::default(),
    };
    let registry = Registry::new().with(tidegate_kafka::connectors());
    let table = registry.bind("kafka", spec).unwrap();
    (registry, table)
}

fn numbers(bootstrap: &str, topic: &str) -> Vec<u64> {
    let all = kafka_topics::read_committed(bootstrap, topic);
    all.iter().map(|m| rows::number_of(m.value.as_deref().unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_written_in_transactions_conforms() {
    let Some(bootstrap) = broker::shared() else { return };
    fenced(&bootstrap, "topic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_its_fence_in_a_group_conforms() {
    let Some(bootstrap) = broker::shared() else { return };
    fenced(&bootstrap, "group").await;
}

async fn fenced(bootstrap: &str, fence: &str) {
    let topic = broker::unique("fenced");
    let (registry, table) = table(bootstrap, &topic, 2, ("exactly-once", fence));
    let read = async || {
        let (bootstrap, topic) = (bootstrap.to_owned(), topic.clone());
        Ok(tokio::task::spawn_blocking(move || numbers(&bootstrap, &topic)).await.unwrap())
    };
    fenced_sink(async || registry.sink(&table).await, read).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_written_at_least_once_conforms() {
    let Some(bootstrap) = broker::shared() else { return };
    let topic = broker::unique("append");
    let (registry, table) = table(&bootstrap, &topic, 1, ("at-least-once", "topic"));
    let read = async || {
        let (bootstrap, topic) = (bootstrap.clone(), topic.clone());
        Ok(tokio::task::spawn_blocking(move || numbers(&bootstrap, &topic)).await.unwrap())
    };
    append_sink(async || registry.sink(&table).await, read).await.unwrap();
}
