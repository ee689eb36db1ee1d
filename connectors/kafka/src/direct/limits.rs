//! What the properties of a client mean for fetching, and which of them only librdkafka can do.

use std::time::Duration;

use super::calls::Manner;
use crate::client::{Settings, fetch_bytes};
use crate::properties::Isolation;

/// Times and sizes.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(super) manner: Manner,
    /// Whether the sums of batches are looked at.
    pub(super) check: bool,
    pub(super) connect_within: Duration,
    pub(super) answer_within: Duration,
    /// Before a connection is made again, at first.
    pub(super) pause: Duration,
    pub(super) longest_pause: Duration,
}

/// Partitions of a source that have connections of their own, at most: brokers count connections.
const MOST_PARTITIONS: usize = 64;

/// Properties that are about librdkafka's own connections.
const OF_CONNECTIONS: &[&str] = &[
    "debug",
    "client.rack",
    "client.dns.lookup",
    "broker.address.family",
    "broker.version.fallback",
    "api.version.request",
    "receive.message.max.bytes",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.keepalive.enable",
    "socket.nagle.disable",
];

impl Limits {
    /// For so many partitions. `None`: only librdkafka can do it.
    pub(crate) fn of(settings: &Settings, partitions: usize) -> Option<Limits> {
        let plain = settings.get("security.protocol").is_none_or(|p| p.eq_ignore_ascii_case("plaintext"));
        let own = OF_CONNECTIONS.iter().any(|name| settings.get(name).is_some());
        if !plain || own || partitions > MOST_PARTITIONS {
            return None;
        }
        let number = |name: &str, otherwise: i32| settings.get(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise);
        let ms = |name: &str, otherwise: i32| Duration::from_millis(number(name, otherwise).max(0) as u64);
        let wait_ms = number("fetch.wait.max.ms", 500);
        let pause = ms("reconnect.backoff.ms", 100).max(Duration::from_millis(10));
        Some(Limits {
            manner: Manner {
                client: settings.get("client.id").unwrap_or_default().to_owned(),
                wait_ms,
                least_bytes: number("fetch.min.bytes", 1),
                most_bytes: number("fetch.message.max.bytes", fetch_bytes(partitions) as i32)
                    .min(number("fetch.max.bytes", i32::MAX)),
                committed_only: settings.isolation == Isolation::ReadCommitted,
            },
            check: settings.get("check.crcs") != Some("false"),
            connect_within: ms("socket.connection.setup.timeout.ms", 30_000),
            answer_within: ms("socket.timeout.ms", 60_000) + Duration::from_millis(wait_ms.max(0) as u64),
            pause,
            longest_pause: ms("reconnect.backoff.max.ms", 1000).max(pause),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)], partitions: usize) -> Option<Limits> {
        let servers = ("bootstrap.servers", "127.0.0.1:9");
        Limits::of(&Settings::from_pairs(pairs.iter().copied().chain([servers])).unwrap(), partitions)
    }

    #[test]
    fn what_only_librdkafka_can_do_is_left_to_it() {
        assert!(of(&[], MOST_PARTITIONS).is_some());
        assert!(of(&[("security.protocol", "PLAINTEXT")], 1).is_some());
        assert!(of(&[], MOST_PARTITIONS + 1).is_none());
        for (name, value) in [
            ("security.protocol", "SSL"),
            ("client.rack", "west"),
            ("receive.buffer.bytes", "100000"),
            ("broker.address.family", "v4"),
        ] {
            assert!(of(&[(name, value)], 1).is_none(), "{name}");
        }
    }

    #[test]
    fn properties_have_the_meaning_they_have_for_librdkafka() {
        let plain = of(&[], 1).unwrap();
        let manner = &plain.manner;
        assert_eq!((manner.wait_ms, manner.least_bytes, manner.most_bytes), (500, 1, 1 << 20));
        assert!(manner.committed_only && plain.check && manner.client == "tidegate");
        assert_eq!(plain.answer_within, Duration::from_millis(60_500));
        assert_eq!(of(&[], 48).unwrap().manner.most_bytes, 1 << 19);
        let given = of(
            &[
                ("fetch.max.wait.ms", "70"),
                ("fetch.min.bytes", "5"),
                ("max.partition.fetch.bytes", "9000"),
                ("isolation.level", "read_uncommitted"),
                ("check.crcs", "false"),
                ("request.timeout.ms", "1500"),
                ("client.id", "me"),
            ],
            1,
        );
        let given = given.unwrap();
        let manner = &given.manner;
        assert_eq!((manner.wait_ms, manner.least_bytes, manner.most_bytes), (70, 5, 9000));
        assert!(!manner.committed_only && !given.check && manner.client == "me");
        assert_eq!(given.answer_within, Duration::from_millis(1570));
    }
}
