//! The kit that every sink must pass, against the Kafka sinks on a real broker; and what these do that the kit
//! cannot ask of every sink.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate_conformance::{append_sink, fenced_sink, rows};
use tidegate_core::dialect::Dialect;
use tidegate_core::registry::{Opener, Registry};
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, Id, OpenSink, Scope, SinkInput, SinkLevel,
};
use tidegate_core::table::{BoundTable, TableSpec};
use tidegate_integration_tests::{broker, kafka_topics};
use tokio::runtime::Handle;

/// A table of the kit's rows in a topic of its own.
fn table(bootstrap: &str, topic: &str, partitions: i32, (guarantee, fence): (&str, &str)) -> (Registry, BoundTable) {
    kafka_topics::create(bootstrap, topic, partitions);
    let options = [
        ("topic", topic),
        ("properties.bootstrap.servers", bootstrap),
        ("format", "json"),
        ("sink.delivery-guarantee", guarantee),
        ("tidegate.fence", fence),
        ("sink.transactional-id-prefix", topic),
    ];
    let spec = TableSpec::new("t", Dialect::Flink, rows::columns()).with_options(options);
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

#[tokio::test(flavor = "multi_thread")]
async fn who_claims_between_the_two_looks_of_another_claim_stays_the_owner() {
    let Some(bootstrap) = broker::shared() else { return };
    for fence in ["topic", "group"] {
        turned_down_late(&bootstrap, fence).await;
    }
}

/// A claim that was let in early, and that may not take over any more when it has shut everybody out.
async fn turned_down_late(bootstrap: &str, place: &str) {
    let topic = broker::unique("late");
    let (registry, table) = table(bootstrap, &topic, 2, ("exactly-once", place));
    let (owner, input) = fenced_of(registry.sink(&table).await.unwrap());
    let (late, _) = fenced_of(registry.sink(&table).await.unwrap());
    let looks = Arc::new(AtomicUsize::new(0));
    let admits: Admits = {
        let (owner, looks) = (owner.clone(), looks.clone());
        Arc::new(move |held| {
            if looks.fetch_add(1, Ordering::SeqCst) == 0 {
                let claims = claim_and_apply(&*owner, input);
                tokio::task::block_in_place(|| Handle::current().block_on(claims));
            }
            held.is_none()
        })
    };
    let held = late.claim_if(&scope(), &fence("late", 0), admits).await.unwrap();
    assert_eq!(held, Some(fence("owner", 3)), "{place}: what is held is the answer");
    assert_eq!(looks.load(Ordering::SeqCst), 2, "{place}");
    assert_eq!(late.read_fence(&scope()).await.unwrap(), Some(fence("owner", 3)), "{place}: nothing is written");
    apply(&*owner, input, 3, 6).await;
    let (bootstrap, topic) = (bootstrap.to_owned(), topic.clone());
    let mut rows = tokio::task::spawn_blocking(move || numbers(&bootstrap, &topic)).await.unwrap();
    rows.sort_unstable();
    assert_eq!(rows, [0, 1, 2, 3, 4, 5], "{place}: the owner goes on");
}

fn fenced_of(open: OpenSink) -> (Arc<dyn FencedSink>, SinkInput) {
    match open.level {
        SinkLevel::Fenced(sink) => (Arc::from(sink), open.input),
        other => panic!("not a fenced sink: {}", other.guarantee()),
    }
}

async fn claim_and_apply(owner: &dyn FencedSink, input: SinkInput) {
    assert_eq!(owner.claim(&scope(), &fence("owner", 0)).await.unwrap(), None);
    apply(owner, input, 0, 3).await;
}

/// Applies rows, however often the lane has to be looked at before.
async fn apply(owner: &dyn FencedSink, input: SinkInput, from: u64, to: u64) {
    let rows = vec![rows::batch(input, from, to).unwrap()];
    let unit = ApplyUnit { scope: scope(), from, to, fence: fence("owner", to), version: to as i64, rows };
    for _ in 0..10 {
        match owner.apply(&unit).await {
            CommitOutcome::Committed | CommitOutcome::AlreadyCommitted => return,
            CommitOutcome::Unknown(_) | CommitOutcome::RetryLater(_) => {
                owner.read_fence(&scope()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("rows {from} to {to} are not applied");
}

fn scope() -> Scope {
    Scope { job: "late".into(), sink: "sink".into(), lane: 0 }
}

fn fence(incarnation: &str, position: u64) -> Fence {
    Fence { run: Id("run".into()), incarnation: Id(incarnation.into()), position, epoch: position, digest: position }
}
