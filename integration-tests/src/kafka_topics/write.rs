//! Producing records, plainly and in transactions.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::{PATIENCE, Record, client};

/// Remembers the first record that was not delivered.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl ClientContext for Failure {}

impl ProducerContext for Failure {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((e, _)) = result {
            self.0.lock().unwrap().get_or_insert_with(|| e.to_string());
        }
    }
}

/// Produces records in their order and returns when the broker has all of them. Panics on a failure.
pub fn produce<R: Into<Record>>(bootstrap: &str, topic: &str, records: impl IntoIterator<Item = R>) {
    let failure = Failure::default();
    let producer: BaseProducer<Failure> = client(bootstrap)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "200000")
        .set("message.timeout.ms", PATIENCE.as_millis().to_string())
        .create_with_context(failure.clone())
        .expect("a producer");
    for record in records {
        send(&producer, topic, &record.into());
    }
    deliver(&producer, topic);
    if let Some(e) = failure.0.lock().unwrap().take() {
        panic!("produce into {topic}: {e}");
    }
}

/// Produces records in one committed transaction of the transactional id `id`.
pub fn produce_transaction<R: Into<Record>>(
    bootstrap: &str,
    topic: &str,
    id: &str,
    records: impl IntoIterator<Item = R>,
) {
    let producer = transactional_producer(bootstrap, id, Duration::from_secs(60));
    producer.begin_transaction().expect("a transaction begins");
    for record in records {
        send(&producer, topic, &record.into());
    }
    deliver(&producer, topic);
    // Fails where one of the records did.
    producer.commit_transaction(PATIENCE).unwrap_or_else(|e| panic!("commit into {topic}: {e}"));
}

/// A producer that has called `init_transactions`, which ends what an earlier one of this id left.
pub fn transactional_producer(bootstrap: &str, id: &str, timeout: Duration) -> BaseProducer {
    let producer: BaseProducer = client(bootstrap)
        .set("transactional.id", id)
        .set("transaction.timeout.ms", timeout.as_millis().to_string())
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).unwrap_or_else(|e| panic!("init transactions of {id}: {e}"));
    producer
}

/// An open transaction with one row in it, which a reader of committed records cannot pass. Dropping
/// it aborts.
pub struct DanglingTransaction {
    producer: Option<BaseProducer>,
}

/// Opens a transaction of the id `id`, produces one row into partition 0, and leaves it open. The
/// broker aborts it by itself after ten minutes.
pub fn dangling_transaction(bootstrap: &str, topic: &str, id: &str) -> DanglingTransaction {
    let producer = transactional_producer(bootstrap, id, Duration::from_secs(600));
    producer.begin_transaction().expect("a transaction begins");
    // With a key: compacted topics take no others.
    send(&producer, topic, &Record::new("dangling").key("dangling").partition(0));
    deliver(&producer, topic);
    DanglingTransaction { producer: Some(producer) }
}

impl DanglingTransaction {
    /// Ends it well.
    pub fn commit(mut self) {
        let producer = self.producer.take().expect("open");
        producer.commit_transaction(PATIENCE).unwrap_or_else(|e| panic!("commit: {e}"));
    }
    /// Goes away without a word, like a producer that was killed: it stays open at the broker.
    pub fn abandon(mut self) {
        drop(self.producer.take());
    }
}

impl Drop for DanglingTransaction {
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            let aborted = producer.abort_transaction(PATIENCE);
            // A test that fails has said why; a second panic would hide it.
            if !std::thread::panicking() {
                aborted.unwrap_or_else(|e| panic!("abort: {e}"));
            }
        }
    }
}

/// Waits until each record is delivered, or given up. The crate's own `flush` looks ten times a second.
fn deliver<C: ProducerContext<DeliveryOpaque = ()>>(producer: &BaseProducer<C>, topic: &str) {
    let start = Instant::now();
    while producer.in_flight_count() > 0 {
        assert!(start.elapsed() < PATIENCE, "produce into {topic}: not all delivered after {PATIENCE:?}");
        producer.poll(Duration::from_millis(2));
    }
}

/// Hands a record to a producer; waits while its queue is full. Panics where it is refused.
pub fn send<C: ProducerContext<DeliveryOpaque = ()>>(producer: &BaseProducer<C>, topic: &str, record: &Record) {
    let mut next: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
    if let Some(key) = &record.key {
        next = next.key(key.as_slice());
    }
    if let Some(value) = &record.value {
        next = next.payload(value.as_slice());
    }
    if let Some(partition) = record.partition {
        next = next.partition(partition);
    }
    if let Some(ms) = record.timestamp {
        next = next.timestamp(ms);
    }
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        next = next.headers(
            record
                .headers
                .iter()
                .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: value.as_deref() })),
        );
    }
    let start = Instant::now();
    while let Err((e, back)) = producer.send(next) {
        let full = matches!(e, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
        assert!(full && start.elapsed() < PATIENCE, "produce into {topic}: {e}");
        producer.poll(Duration::from_millis(10));
        next = back;
    }
    producer.poll(Duration::ZERO);
}
