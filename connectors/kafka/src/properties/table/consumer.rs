//! The Java consumer, the share consumer too.

use super::super::kinds::{ANY_INT, INT_FROM_0, INT_FROM_1, Kind};
use super::{Property, connector, decided, renamed, same};

use Kind::{Boolean, OneOf, Text};

const ASSIGNED: &str = "the job gives partitions to its tasks itself and is no member of the group";
const COLUMNS: &str = "the table's columns and format decide";
const TOLD: &str = "the group is told positions after each epoch that has reached every sink";
const NO_SHARE: &str = "share groups are not read";

pub(super) const ROWS: &[Property] = &[
    connector("group.id", Text, "the group that is told how far the job is"),
    connector(
        "isolation.level",
        OneOf(&["read_committed", "read_uncommitted"]),
        "read_committed by default, unlike Java; an explicit read_uncommitted is honoured",
    ),
    connector(
        "auto.offset.reset",
        Text,
        "earliest, latest or none: for group offsets that do not exist, at the first start only. Later no position is ever reset",
    ),
    same("check.crcs", Boolean).why("true by default, as in Java; librdkafka's own default is false"),
    same("fetch.min.bytes", INT_FROM_0).limits(1, 100_000_000),
    renamed("fetch.max.wait.ms", INT_FROM_0, &["fetch.wait.max.ms"]).limits(0, 300_000),
    same("fetch.max.bytes", INT_FROM_0).limits(0, 2_147_483_135).why("never less than max.request.size"),
    renamed("max.partition.fetch.bytes", INT_FROM_0, &["fetch.message.max.bytes"]).limits(1, 1_000_000_000),
    decided("max.poll.records", INT_FROM_1, &[], "batches close at a number of rows, of bytes, or after some ms"),
    decided("max.poll.interval.ms", INT_FROM_1, &[], ASSIGNED),
    decided("session.timeout.ms", ANY_INT, &[], ASSIGNED),
    decided("heartbeat.interval.ms", ANY_INT, &[], ASSIGNED),
    decided("group.instance.id", Text, &[], ASSIGNED),
    decided("group.protocol", OneOf(&["classic", "consumer"]), &[], ASSIGNED),
    decided("group.remote.assignor", Text, &[], ASSIGNED),
    decided("partition.assignment.strategy", Text, &[], ASSIGNED),
    decided("enable.auto.commit", Boolean, &["false"], TOLD),
    decided("auto.commit.interval.ms", INT_FROM_0, &[], TOLD),
    decided("key.deserializer", Text, &[], COLUMNS),
    decided("value.deserializer", Text, &[], COLUMNS),
    decided("exclude.internal.topics", Boolean, &["true"], "a pattern never finds topics that begin with __"),
    decided("allow.auto.create.topics", Boolean, &["false"], "topics are made where tidegate.create-topics says so"),
    decided("share.acknowledgement.mode", OneOf(&["implicit", "explicit"]), &[], NO_SHARE),
    decided("share.acquire.mode", OneOf(&["batch_optimized", "record_limit"]), &[], NO_SHARE),
];
