//! What every Java client has: brokers, sockets, metadata, metrics.

use super::super::kinds::{ANY_LONG, INT_FROM_0, INT_FROM_1, Kind, LONG_FROM_0};
use super::{Change, Property, connector, meaningless, refused, renamed, same};

use Kind::{Boolean, OneOf, Text, Whole};

const INT: i64 = i32::MAX as i64;
const METRICS: &str = "Tidegate has metrics of its own";
const NO_LOOK_UP: &str =
    "values are not looked up by Java classes here; write a variable of Tidegate's in the SQL file: '${name}'";

pub(super) const ROWS: &[Property] = &[
    connector("bootstrap.servers", Text, "the brokers to begin with: `host:port,host:port`"),
    meaningless("bootstrap.controllers", Text, "brokers are found by bootstrap.servers"),
    same("client.id", Text),
    same("client.rack", Text),
    same("client.dns.lookup", OneOf(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])),
    connector("default.api.timeout.ms", INT_FROM_0, "how long a call may take before it is an error; 30000 by default"),
    renamed("request.timeout.ms", INT_FROM_0, &["socket.timeout.ms", "request.timeout.ms"])
        .limits(10, 300_000)
        .why("how long an answer may take, and how long a broker may wait for its replicas"),
    renamed("retries", INT_FROM_0, &["message.send.max.retries"])
        .limits(1, INT)
        .why("of writes; idempotent writes have at least one"),
    same("retry.backoff.ms", LONG_FROM_0).limits(1, 300_000),
    same("retry.backoff.max.ms", LONG_FROM_0).limits(1, 300_000),
    same("reconnect.backoff.ms", LONG_FROM_0).limits(0, 3_600_000),
    same("reconnect.backoff.max.ms", LONG_FROM_0).limits(0, 3_600_000),
    same("connections.max.idle.ms", ANY_LONG).change(Change::MinusOneIsZero).limits(0, INT),
    same("socket.connection.setup.timeout.ms", ANY_LONG)
        .limits(1000, INT)
        .why("does not grow with each failure; includes the TLS and SASL handshake"),
    meaningless("socket.connection.setup.timeout.max.ms", ANY_LONG, "the time does not grow with each failure"),
    renamed("send.buffer.bytes", Whole(-1, INT), &["socket.send.buffer.bytes"])
        .change(Change::MinusOneIsZero)
        .limits(0, 100_000_000),
    renamed("receive.buffer.bytes", Whole(-1, INT), &["socket.receive.buffer.bytes"])
        .change(Change::MinusOneIsZero)
        .limits(0, 100_000_000),
    renamed("metadata.max.age.ms", LONG_FROM_0, &["topic.metadata.refresh.interval.ms"])
        .limits(1000, 3_600_000)
        .why("librdkafka's own metadata.max.age.ms is the age of its cache and follows it"),
    meaningless("metadata.max.idle.ms", Whole(5000, i64::MAX), "topics are asked for while the job uses them"),
    same("metadata.recovery.strategy", OneOf(&["none", "rebootstrap"])),
    same("metadata.recovery.rebootstrap.trigger.ms", LONG_FROM_0).limits(0, INT),
    same("enable.metrics.push", Boolean),
    meaningless("metric.reporters", Text, METRICS),
    meaningless("metrics.num.samples", INT_FROM_1, METRICS),
    meaningless("metrics.recording.level", OneOf(&["INFO", "DEBUG", "TRACE"]), METRICS),
    meaningless("metrics.sample.window.ms", LONG_FROM_0, METRICS),
    meaningless("auto.include.jmx.reporter", Boolean, METRICS),
    meaningless("interceptor.classes", Text, "Java classes cannot run here"),
    meaningless("internal.leave.group.on.close", Boolean, "the job is no member of its group"),
    meaningless("internal.throw.on.fetch.stable.offset.unsupported", Boolean, "brokers that old are refused"),
    meaningless("internal.auto.downgrade.txn.commit", Boolean, "brokers that old are refused"),
    refused("config.providers", NO_LOOK_UP),
    refused("config.providers.*", NO_LOOK_UP),
];
