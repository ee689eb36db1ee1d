//! What Flink's connectors put among the client's properties, and what old Kafka clients had.

use super::super::kinds::{ANY_INT, ANY_LONG, Kind};
use super::{Property, decided, meaningless};

use Kind::{Boolean, OneOf, Text};

const DISCOVERY: &str =
    "partitionDiscoveryIntervalMS (blink) or scan.topic-partition-discovery.interval (flink) says it";
const FLINK: &str = "is a setting of Flink's own connector";
const METRICS: &str = "Tidegate has metrics of its own";
const ZOOKEEPER: &str = "brokers are found by bootstrap.servers, ZooKeeper is not asked";
const KAFKA_08: &str = "was a setting of Kafka 0.8's consumer";
const KAFKA_010: &str = "was a setting of old Kafka producers; max.block.ms has taken its place";
const TOLD: &str = "the group is told positions after each epoch that has reached every sink";

pub(super) const ROWS: &[Property] = &[
    meaningless("flink.partition-discovery.interval-millis", ANY_LONG, DISCOVERY),
    meaningless("partition.discovery.interval.ms", ANY_LONG, DISCOVERY),
    meaningless("flink.*", Text, FLINK),
    meaningless("client.id.prefix", Text, "client.id names the client"),
    meaningless("flink.disable-metrics", Boolean, METRICS),
    meaningless("register.consumer.metrics", Boolean, METRICS),
    meaningless("register.producer.metrics", Boolean, METRICS),
    decided("commit.offsets.on.checkpoint", Boolean, &["true"], TOLD),
    meaningless("zookeeper.*", Text, ZOOKEEPER),
    decided("auto.commit.enable", Boolean, &["false"], TOLD),
    decided("dual.commit.enabled", Boolean, &["false"], TOLD),
    decided("offsets.storage", OneOf(&["kafka", "zookeeper"]), &["kafka"], TOLD),
    meaningless("consumer.id", Text, KAFKA_08),
    meaningless("consumer.timeout.ms", ANY_INT, KAFKA_08),
    meaningless("num.consumer.fetchers", ANY_INT, KAFKA_08),
    meaningless("queued.max.message.chunks", ANY_INT, KAFKA_08),
    meaningless("rebalance.max.retries", ANY_INT, KAFKA_08),
    meaningless("rebalance.backoff.ms", ANY_INT, KAFKA_08),
    meaningless("refresh.leader.backoff.ms", ANY_INT, KAFKA_08),
    meaningless("block.on.buffer.full", Boolean, KAFKA_010),
    meaningless("metadata.fetch.timeout.ms", ANY_LONG, KAFKA_010),
    meaningless("timeout.ms", ANY_INT, KAFKA_010),
];
