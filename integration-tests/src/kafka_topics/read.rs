//! Reading topics as an independent consumer sees them.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{PATIENCE, client, partitions};

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers in their order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its time in milliseconds since 1970.
    pub timestamp: Option<i64>,
}

impl Message {
    fn of(m: &BorrowedMessage<'_>) -> Self {
        let headers = m.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect()
        });
        Message {
            partition: m.partition(),
            offset: m.offset(),
            key: m.key().map(<[u8]>::to_vec),
            value: m.payload().map(<[u8]>::to_vec),
            headers,
            timestamp: m.timestamp().to_millis(),
        }
    }
    /// The value as text. Panics on a tombstone.
    pub fn text(&self) -> &str {
        utf8(self.value.as_deref()).unwrap_or_else(|| panic!("no value: {self:?}"))
    }
    /// The key as text.
    pub fn key_text(&self) -> Option<&str> {
        utf8(self.key.as_deref())
    }
    /// The value as JSON. Panics where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
    /// The first header of this name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.0 == name).and_then(|h| utf8(h.1.as_deref()))
    }
}

fn utf8(bytes: Option<&[u8]>) -> Option<&str> {
    bytes.map(|b| std::str::from_utf8(b).expect("UTF-8"))
}

/// Isolation levels, as Kafka spells them.
const COMMITTED: &str = "read_committed";
const UNCOMMITTED: &str = "read_uncommitted";

fn consumer(bootstrap: &str, group: &str, isolation: &str) -> BaseConsumer {
    client(bootstrap)
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "20")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .expect("a consumer")
}

fn reader(bootstrap: &str, isolation: &str) -> BaseConsumer {
    consumer(bootstrap, "tidegate-test-reader", isolation)
}

/// Every committed record from the beginning to the end, in order of partition and offset.
///
/// The end is the real one, the high watermark at the time of the call: a consumer that reads
/// committed records only stops before the first open transaction, so this waits until those that
/// are open have been decided. Panics where that takes two minutes.
pub fn read_committed(bootstrap: &str, topic: &str) -> Vec<Message> {
    let ends = end_offsets(bootstrap, topic);
    let committed = reader(bootstrap, COMMITTED);
    let start = Instant::now();
    loop {
        let stable = high(&committed, topic, ends.len());
        if stable.iter().zip(&ends).all(|(stable, end)| stable >= end) {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{topic}: a transaction has been open for {PATIENCE:?}: stable up to {stable:?}, written up to {ends:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    read(&committed, topic, ends.len())
}

/// Every record, those of open and of aborted transactions included.
pub fn read_uncommitted(bootstrap: &str, topic: &str) -> Vec<Message> {
    read(&reader(bootstrap, UNCOMMITTED), topic, partitions(bootstrap, topic))
}

/// The offset after the last record of each partition, committed or not.
pub fn end_offsets(bootstrap: &str, topic: &str) -> Vec<i64> {
    high(&reader(bootstrap, UNCOMMITTED), topic, partitions(bootstrap, topic))
}

/// The offset of each partition up to which all transactions have been decided.
pub fn stable_offsets(bootstrap: &str, topic: &str) -> Vec<i64> {
    high(&reader(bootstrap, COMMITTED), topic, partitions(bootstrap, topic))
}

/// What a consumer group has committed for each partition of a topic.
pub fn group_offsets(bootstrap: &str, group: &str, topic: &str) -> Vec<Option<i64>> {
    committed(bootstrap, group, topic).into_iter().map(|found| found.map(|(offset, _)| offset)).collect()
}

/// The texts that a consumer group has committed beside its offsets.
pub fn group_metadata(bootstrap: &str, group: &str, topic: &str) -> Vec<Option<String>> {
    committed(bootstrap, group, topic).into_iter().map(|found| found.map(|(_, text)| text)).collect()
}

fn committed(bootstrap: &str, group: &str, topic: &str) -> Vec<Option<(i64, String)>> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions(bootstrap, topic) as i32 - 1);
    // Not read_committed: that waits for open transactions, and they have committed nothing yet.
    let offsets = consumer(bootstrap, group, UNCOMMITTED)
        .committed_offsets(list, PATIENCE)
        .unwrap_or_else(|e| panic!("offsets of group {group}: {e}"));
    let mut elements = offsets.elements();
    elements.sort_by_key(rdkafka::topic_partition_list::TopicPartitionListElem::partition);
    elements
        .iter()
        .map(|e| match e.offset() {
            Offset::Offset(offset) => Some((offset, e.metadata().to_owned())),
            Offset::Invalid => None,
            other => panic!("group {group}, {topic} {}: {other:?}", e.partition()),
        })
        .collect()
}

fn high(consumer: &BaseConsumer, topic: &str, partitions: usize) -> Vec<i64> {
    (0..partitions as i32)
        .map(|p| consumer.fetch_watermarks(topic, p, PATIENCE).unwrap_or_else(|e| panic!("end of {topic} {p}: {e}")).1)
        .collect()
}

/// Reads each partition until the broker says that there is no more for this isolation level.
fn read(consumer: &BaseConsumer, topic: &str, partitions: usize) -> Vec<Message> {
    let mut list = TopicPartitionList::new();
    for p in 0..partitions as i32 {
        list.add_partition_offset(topic, p, Offset::Beginning).expect("an offset");
    }
    consumer.assign(&list).expect("an assignment");
    let mut ended = vec![false; partitions];
    let mut messages = Vec::new();
    let mut heard = Instant::now();
    while ended.contains(&false) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(m)) => {
                ended[m.partition() as usize] = false;
                messages.push(Message::of(&m));
            }
            Some(Err(KafkaError::PartitionEOF(p))) => ended[p as usize] = true,
            // librdkafka goes on by itself when a connection breaks; silence is what counts.
            Some(Err(KafkaError::MessageConsumption(_))) | None => {
                assert!(heard.elapsed() < PATIENCE, "{topic}: nothing came for {PATIENCE:?}; at the end: {ended:?}");
                continue;
            }
            Some(Err(e)) => panic!("{topic}: {e}"),
        }
        heard = Instant::now();
    }
    messages.sort_by_key(|m| (m.partition, m.offset));
    messages
}
