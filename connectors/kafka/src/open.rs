//! From a bound table of any dialect to its source or sink, and a cluster without a table, for looking
//! at topics and filling them by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_core::message::partition_of;
use tidegate_core::sink::OpenSink;
use tidegate_core::source::Source;
use tidegate_core::table::BoundTable;
use tidegate_core::{Error, Result};

use crate::client::{Connection, Context, Settings};
use crate::descriptor::FENCE;
use crate::error;
use crate::native::produce::flush;
use crate::sink::{self, FENCE_PREFIX};
use crate::source::KafkaSource;

/// Opens a table for reading.
///
/// # Errors
/// Properties that cannot be used.
pub(crate) fn source(table: &BoundTable) -> Result<Arc<dyn Source>> {
    Ok(Arc::new(KafkaSource::open(table, discovery(table))?))
}

/// Opens a table for writing.
///
/// # Errors
/// A missing topic, properties that cannot be used, a cluster that does not answer.
pub(crate) async fn sink(table: &BoundTable) -> Result<OpenSink> {
    let option = |name: &str| table.options.get(name).map(String::as_str);
    let options =
        sink::Options { prefix: option("sink.transactional-id-prefix"), group: option(FENCE.name) == Some("group") };
    sink::open(table, options).await
}

/// How often new partitions are looked for, by the option of the dialect; every five minutes where
/// nothing is said, never where it says 0 or less.
fn discovery(table: &BoundTable) -> Option<Duration> {
    const NAMES: [&str; 4] = [
        "scan.topic-partition-discovery.interval",
        "partitionDiscoveryIntervalMS",
        "kafka.flink.partition-discovery.interval-millis",
        "flink.partition-discovery.interval-millis",
    ];
    let given = NAMES.iter().find_map(|name| table.options.get(*name)).and_then(|ms| ms.parse::<i64>().ok());
    u64::try_from(given.unwrap_or(300_000)).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// A cluster, by the properties of a client.
#[derive(Clone)]
pub struct Cluster {
    settings: Settings,
}

/// A message to be put into a topic by hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The partition; chosen by the key, or in turn, where not given.
    pub partition: Option<u32>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
}

impl Cluster {
    /// By Java property names and values; `bootstrap.servers` is needed.
    ///
    /// # Errors
    /// Properties that cannot be used.
    pub fn new<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Cluster> {
        Ok(Cluster { settings: Settings::from_pairs(properties)? })
    }

    /// One topic as a source. Needs a tokio runtime.
    ///
    /// # Errors
    /// Properties that librdkafka refuses.
    pub fn source(&self, topic: &str) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(KafkaSource::topic(self.settings.clone(), topic)?))
    }

    /// The names of all topics but the cluster's and Tidegate's own, sorted.
    ///
    /// # Errors
    /// No answer.
    pub async fn topics(&self) -> Result<Vec<String>> {
        let mut all = Connection::new(self.settings.clone())?.aside(Connection::topics).await?;
        all.retain(|t| !t.starts_with("__") && !t.starts_with(FENCE_PREFIX));
        all.sort();
        Ok(all)
    }

    /// Writes messages, in order, and returns when the broker has all of them. A missing topic is an
    /// error unless `create` says how many partitions it shall have.
    ///
    /// # Errors
    /// A missing topic, messages that the broker refuses, no answer.
    pub async fn writer(&self, topic: &str, create: Option<u32>) -> Result<Writer> {
        let connection = Connection::new(self.settings.clone())?;
        let asked = [topic.to_owned()];
        let found = connection.aside(move |c| c.describe(&asked)).await?.pop().flatten();
        let topic = match (found, create) {
            (Some(found), _) => found,
            (None, Some(partitions)) => connection.create(topic, Some(partitions), &[]).await?,
            (None, None) => {
                let name = topic.to_owned();
                return connection.aside(move |c| Err(c.missing(&name))).await;
            }
        };
        let config = connection.topic_config(&topic.name).await;
        let largest = config.get("max.message.bytes").and_then(|b| b.parse().ok());
        let producer = self.settings.producer(None, largest)?;
        let settings = self.settings.clone();
        Ok(Writer { settings, producer, largest, topic: topic.name, partitions: topic.partitions, turn: 0 })
    }
}

/// Writes to one topic. Blocks.
pub struct Writer {
    settings: Settings,
    producer: BaseProducer<Context>,
    largest: Option<usize>,
    topic: String,
    partitions: u32,
    turn: u32,
}

impl Writer {
    /// How many partitions the topic has.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Writes messages, in order; the broker has all of them when it returns.
    ///
    /// # Errors
    /// A partition the topic does not have; messages that the broker refuses; no answer.
    pub fn write(&mut self, messages: &[Message]) -> Result<()> {
        let turn = self.turn;
        match self.send(messages) {
            Err(_) if error::wants_plain(&self.producer) => {
                (self.producer, self.turn) = (self.settings.plain_producer(self.largest)?, turn);
                self.send(messages)
            }
            done => done,
        }
    }

    fn send(&mut self, messages: &[Message]) -> Result<()> {
        for message in messages {
            self.enqueue(message)?;
        }
        self.finish()
    }

    fn enqueue(&mut self, message: &Message) -> Result<()> {
        let partition = match (message.partition, &message.key) {
            (Some(p), _) if p >= self.partitions => {
                return Err(Error::user(format!("the topic has {} partitions, no partition {p}", self.partitions)));
            }
            (Some(p), _) => p,
            (None, Some(key)) => partition_of(key, self.partitions),
            (None, None) => {
                self.turn = (self.turn + 1) % self.partitions.max(1);
                self.turn
            }
        };
        loop {
            let mut record: BaseRecord<'_, [u8], [u8], usize> =
                BaseRecord::with_opaque_to(&self.topic, 0).partition(partition as i32);
            (record.key, record.payload) = (message.key.as_deref(), message.value.as_deref());
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((e, _)) if e.rdkafka_error_code() == Some(Code::QueueFull) => {
                    self.producer.poll(Duration::from_millis(50));
                }
                Err((e, _)) => return Err(error::of(&e, &self.doing())),
            }
        }
    }

    fn doing(&self) -> String {
        format!("writing to topic '{}'", self.topic)
    }

    fn finish(&mut self) -> Result<()> {
        let told = self.producer.client().context().told();
        let started = Instant::now();
        let mut done = false;
        while !done {
            done = flush(&self.producer, Duration::from_millis(50));
            self.producer.poll(Duration::ZERO);
            if let Some((_, code)) = told.take_undelivered().first() {
                return Err(error::of_code(*code, &self.doing()));
            }
            if let Some(refused) = told.refusal() {
                return Err(refused);
            }
            if !done && started.elapsed() > self.settings.patience {
                return Err(Error::external(format!("{}: no answer{}", self.doing(), told.hint())));
            }
        }
        Ok(())
    }
}
