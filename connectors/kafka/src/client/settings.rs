//! From a table's properties to the configuration of a client.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;
use tidegate_core::table::BoundTable;
use tidegate_core::{Error, Result};

use super::Context;
use crate::error;
use crate::properties::{ClientProperties, Isolation, pairs_of, resolve_files, translate};

/// Bytes prefetched over all partitions of a source.
const PREFETCH_KIB: usize = 24 << 10;
const LEAST_PREFETCH_KIB: usize = 1 << 10;
const MOST_PREFETCH_KIB: usize = 4 << 10;

/// What is prefetched of each of so many partitions.
fn prefetch_kib(partitions: usize) -> usize {
    (PREFETCH_KIB / partitions.max(1)).clamp(LEAST_PREFETCH_KIB, MOST_PREFETCH_KIB)
}

/// What is asked for at once of each of so many partitions.
pub fn fetch_bytes(partitions: usize) -> usize {
    (prefetch_kib(partitions) << 9).min(1 << 20)
}

/// How to reach a cluster, and as whom.
#[derive(Clone)]
pub struct Settings {
    config: ClientConfig,
    /// As given, for messages.
    pub bootstrap: String,
    /// The consumer group, if any.
    pub group: Option<String>,
    /// What a source sees of open and aborted transactions.
    pub isolation: Isolation,
    /// How long a call may take before it is an error.
    pub patience: Duration,
}

impl Settings {
    /// Of a table, in any dialect.
    ///
    /// # Errors
    /// Properties that make no sense together, key stores that cannot be used, no brokers.
    pub fn of(table: &BoundTable) -> Result<Settings> {
        let pairs = pairs_of(table)?;
        Self::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }

    /// Of Java property names and values.
    ///
    /// # Errors
    /// As for [`Settings::of`].
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Settings> {
        let mut properties = translate(pairs)?;
        resolve_files(&mut properties)?;
        Self::from_properties(properties)
    }

    fn from_properties(properties: ClientProperties) -> Result<Settings> {
        let bootstrap = properties.bootstrap.clone().ok_or_else(|| {
            Error::user("no brokers are given")
                .help("add the dialect's option for them: properties.bootstrap.servers, bootstrap.servers or bootstrapServers")
        })?;
        let mut config = ClientConfig::new();
        // librdkafka drops log lines below its own level before anyone sees them.
        let debugging = properties.settings.contains_key("debug");
        config.set_log_level(if debugging { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config.set("client.id", "tidegate").set("allow.auto.create.topics", "false");
        config.set("reconnect.backoff.max.ms", "1000");
        for (name, value) in &properties.settings {
            config.set(name, value.reveal());
        }
        config.set("bootstrap.servers", &bootstrap);
        Ok(Settings {
            config,
            bootstrap,
            group: properties.group,
            isolation: properties.isolation,
            patience: Duration::from_millis(properties.call_timeout_ms.max(100)),
        })
    }

    /// The value of a librdkafka property, if the user gave one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.config.get(name)
    }

    /// A consumer that belongs to no group: it fetches, and asks about topics and offsets.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn reader(&self, partitions: usize) -> Result<BaseConsumer<Context>> {
        let mut config = self.consumer_config();
        default(&mut config, "queued.max.messages.kbytes", &prefetch_kib(partitions).to_string());
        // As Java does: what was damaged on the way is noticed.
        default(&mut config, "check.crcs", "true");
        // By default a consumer that is slower than the broker stands still for a second at a time.
        default(&mut config, "fetch.queue.backoff.ms", "10");
        default(&mut config, "fetch.message.max.bytes", &fetch_bytes(partitions).to_string());
        let isolation = match self.isolation {
            Isolation::ReadCommitted => "read_committed",
            Isolation::ReadUncommitted => "read_uncommitted",
        };
        config.set("isolation.level", isolation);
        self.create(&config)
    }

    /// A consumer that reads committed records only, whatever the user said. It never joins `group`, but may
    /// ask for its offsets: librdkafka looks for a group's coordinator again through the client's own group,
    /// and crashes where there is none.
    ///
    /// # Errors
    /// As for [`Settings::reader`].
    pub fn committed_reader(&self, group: Option<&str>) -> Result<BaseConsumer<Context>> {
        let mut config = self.consumer_config();
        if let Some(group) = group {
            config.set("group.id", group);
        }
        config.set("isolation.level", "read_committed").set("fetch.wait.max.ms", "50");
        config.set("fetch.error.backoff.ms", "50").set("queued.max.messages.kbytes", "4096");
        self.create(&config)
    }

    fn consumer_config(&self) -> ClientConfig {
        let mut config = self.config.clone();
        for name in PRODUCER_ONLY {
            config.remove(name);
        }
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error").set("enable.partition.eof", "true");
        config
    }

    fn create(&self, config: &ClientConfig) -> Result<BaseConsumer<Context>> {
        config.create_with_context(Context::default()).map_err(|e| error::of(&e, "making a Kafka consumer"))
    }

    /// A producer; transactional where an id is given. `largest` is the largest message the topic takes.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn producer(&self, transactional_id: Option<&str>, largest: Option<usize>) -> Result<BaseProducer<Context>> {
        let mut config = self.producer_config(largest);
        config.set("enable.idempotence", "true");
        if let Some(id) = transactional_id {
            default(&mut config, "transaction.timeout.ms", &DEFAULT_TRANSACTION_TIMEOUT.as_millis().to_string());
            config.set("transactional.id", id);
        } else {
            config.remove("transaction.timeout.ms");
        }
        config.create_with_context(Context::default()).map_err(|e| error::of(&e, "making a Kafka producer"))
    }

    /// A producer for brokers that know no idempotent ones: one request at a time keeps the order.
    ///
    /// # Errors
    /// As for [`Settings::producer`].
    pub fn plain_producer(&self, largest: Option<usize>) -> Result<BaseProducer<Context>> {
        let mut config = self.producer_config(largest);
        config.remove("transaction.timeout.ms");
        config.set("enable.idempotence", "false").set("max.in.flight.requests.per.connection", "1");
        config.create_with_context(Context::default()).map_err(|e| error::of(&e, "making a Kafka producer"))
    }

    fn producer_config(&self, largest: Option<usize>) -> ClientConfig {
        let mut config = self.config.clone();
        for name in CONSUMER_ONLY {
            config.remove(name);
        }
        default(&mut config, "queue.buffering.max.messages", "2000000");
        default(&mut config, "queue.buffering.max.kbytes", "1048576");
        config.set("delivery.report.only.error", "true");
        // The broker measures whole batches: no batch may be larger than its largest message.
        let asked = self.get("message.max.bytes").and_then(|b| b.parse::<usize>().ok());
        if let Some(bytes) = [asked, largest].into_iter().flatten().min() {
            config.set("message.max.bytes", bytes.max(1000).to_string());
        }
        config
    }

    /// How long what a client has heard of a topic is good: librdkafka keeps it for three times as long.
    pub fn knowledge_lasts(&self) -> Duration {
        let given = self.get("topic.metadata.refresh.interval.ms").and_then(|ms| ms.parse().ok());
        given.filter(|ms| *ms > 0).map_or(DEFAULT_REFRESH, Duration::from_millis)
    }

    /// How long a transaction may be open before the broker aborts it.
    pub fn transaction_timeout(&self) -> Duration {
        let given = self.get("transaction.timeout.ms").and_then(|ms| ms.parse().ok());
        given.map_or(DEFAULT_TRANSACTION_TIMEOUT, Duration::from_millis)
    }
}

/// `topic.metadata.refresh.interval.ms`
const DEFAULT_REFRESH: Duration = Duration::from_secs(300);
const DEFAULT_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// What only one kind of client may be given: librdkafka warns of the rest.
const PRODUCER_ONLY: &[&str] = &[
    "transaction.timeout.ms",
    "message.timeout.ms",
    "message.send.max.retries",
    "retries",
    "linger.ms",
    "queue.buffering.max.ms",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
    "compression.type",
    "compression.codec",
    "compression.level",
    "batch.size",
    "batch.num.messages",
    "request.timeout.ms",
    "delivery.timeout.ms",
];
const CONSUMER_ONLY: &[&str] = &[
    "fetch.min.bytes",
    "fetch.max.bytes",
    "fetch.wait.max.ms",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.queue.backoff.ms",
    "fetch.error.backoff.ms",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "check.crcs",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "group.instance.id",
];

fn default(config: &mut ClientConfig, name: &str, value: &str) {
    if config.get(name).is_none() {
        config.set(name, value);
    }
}

impl Settings {
    /// What an admin client needs: neither a consumer's nor a producer's properties.
    pub(super) fn admin_config(&self) -> ClientConfig {
        let mut config = self.config.clone();
        for name in PRODUCER_ONLY.iter().chain(CONSUMER_ONLY) {
            config.remove(name);
        }
        config
    }
}
