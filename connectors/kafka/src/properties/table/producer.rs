//! The Java producer.

use super::super::kinds::{ANY_INT, INT_FROM_0, INT_FROM_1, Kind, LONG_FROM_0};
use super::{Change, Property, connector, decided, renamed, same, translated};

use Kind::{Boolean, OneOf, Text, Whole};

const INT: i64 = i32::MAX as i64;
const COLUMNS: &str = "the table's columns and format decide";
const PARTITIONS: &str = "partitions are chosen by murmur2 of the key, as Java does, or as sink.partitioner says";
const LEVEL: &str = "compression.level, if compression.type is of its kind";

pub(super) const ROWS: &[Property] = &[
    decided("acks", OneOf(&["all", "-1", "0", "1"]), &["all", "-1"], "writes wait for all in-sync replicas"),
    decided("enable.idempotence", Boolean, &["true"], "writes are always idempotent"),
    decided(
        "transactional.id",
        Text,
        &[],
        "transactions are named by job, sink and lane; sink.transactional-id-prefix puts a text before it",
    ),
    decided(
        "transaction.two.phase.commit.enable",
        Boolean,
        &["false"],
        "a fence beside the rows does it with every broker",
    ),
    // librdkafka adds 100 to it.
    same("transaction.timeout.ms", ANY_INT)
        .limits(1000, INT - 100)
        .why("units of work are cut to fit into it; at most the broker's transaction.max.timeout.ms"),
    renamed("delivery.timeout.ms", INT_FROM_0, &["message.timeout.ms"])
        .limits(1, INT)
        .why("never longer than transaction.timeout.ms"),
    connector("max.block.ms", LONG_FROM_0, "how long a call may take before it is an error; 30000 by default"),
    renamed("max.request.size", INT_FROM_0, &["message.max.bytes"]).limits(1000, 1_000_000_000),
    same("batch.size", INT_FROM_0).limits(1, INT),
    renamed("linger.ms", LONG_FROM_0, &["queue.buffering.max.ms"])
        .limits(0, 900_000)
        .why("less than half of delivery.timeout.ms"),
    renamed("buffer.memory", LONG_FROM_0, &["queue.buffering.max.kbytes"]).change(Change::Kilobytes).limits(1, INT),
    same("max.in.flight.requests.per.connection", INT_FROM_1).limits(1, 5).why("idempotent writes have at most 5"),
    renamed("compression.type", OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]), &["compression.codec"]),
    translated("compression.gzip.level", Whole(-1, 9), LEVEL),
    translated(
        "compression.lz4.level",
        Whole(1, 17),
        "compression.level, if compression.type is of its kind; at most 12",
    ),
    translated(
        "compression.zstd.level",
        Whole(-131_072, 22),
        "compression.level, if compression.type is of its kind; from 1 to 12",
    ),
    decided("key.serializer", Text, &[], COLUMNS),
    decided("value.serializer", Text, &[], COLUMNS),
    decided(
        "partitioner.class",
        OneOf(&[
            "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
            "org.apache.kafka.clients.producer.UniformStickyPartitioner",
            "org.apache.kafka.clients.producer.RoundRobinPartitioner",
        ]),
        &["org.apache.kafka.clients.producer.internals.DefaultPartitioner"],
        PARTITIONS,
    ),
    decided("partitioner.ignore.keys", Boolean, &["false"], PARTITIONS),
    decided("partitioner.adaptive.partitioning.enable", Boolean, &[], PARTITIONS),
    decided("partitioner.availability.timeout.ms", LONG_FROM_0, &[], PARTITIONS),
];
