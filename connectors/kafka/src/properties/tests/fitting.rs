//! Values that have to fit each other.

use super::{come, settings};

#[test]
fn deliveries_and_requests_fit_into_a_transaction() {
    let out = come(&[("delivery.timeout.ms", "120000"), ("request.timeout.ms", "90000")]);
    assert_eq!(out.setting("message.timeout.ms"), Some("60000"));
    assert_eq!(out.setting("socket.timeout.ms"), Some("60100"));
    assert!(
        out.notes
            .iter()
            .any(|n| n.contains("'delivery.timeout.ms': 120000 is more than transaction.timeout.ms, 60000 is used"))
    );
    assert!(out.notes.iter().any(|n| n.contains("'request.timeout.ms'")), "by the name it was written with");
    let longer = come(&[("delivery.timeout.ms", "120000"), ("transaction.timeout.ms", "600000")]);
    assert_eq!((longer.setting("message.timeout.ms"), longer.notes.len()), (Some("120000"), 0));
}

#[test]
fn lingering_ends_before_the_delivery() {
    let out = come(&[("linger.ms", "5000"), ("delivery.timeout.ms", "4001")]);
    assert_eq!((out.setting("queue.buffering.max.ms"), out.notes.len()), (Some("2000"), 1));
    assert_eq!(come(&[("linger.ms", "900000")]).setting("queue.buffering.max.ms"), Some("29999"));
}

#[test]
fn a_fetch_holds_the_largest_message() {
    let small = come(&[("fetch.max.bytes", "5000")]);
    assert_eq!((small.setting("fetch.max.bytes"), small.notes.len()), (Some("1000000"), 1));
    let larger =
        come(&[("fetch.max.bytes", "2000000"), ("max.request.size", "3000000"), ("receive.message.max.bytes", "2000")]);
    assert_eq!(
        settings(&larger),
        ["fetch.max.bytes=3000000", "message.max.bytes=3000000", "receive.message.max.bytes=3000512"]
    );
    assert_eq!(come(&[("receive.message.max.bytes", "2000")]).setting("receive.message.max.bytes"), Some("52429312"));
}

#[test]
fn pauses_between_connections_grow() {
    let first = come(&[("reconnect.backoff.ms", "5000")]);
    assert_eq!(settings(&first), ["reconnect.backoff.max.ms=5000", "reconnect.backoff.ms=5000"]);
    let short = come(&[("reconnect.backoff.max.ms", "20")]);
    assert_eq!(settings(&short), ["reconnect.backoff.max.ms=20", "reconnect.backoff.ms=20"]);
    let both = come(&[("reconnect.backoff.ms", "5000"), ("reconnect.backoff.max.ms", "2000")]);
    assert_eq!((both.setting("reconnect.backoff.ms"), both.notes.len()), (Some("2000"), 1));
}

#[test]
fn the_level_of_the_compression_that_is_used() {
    let out = come(&[("compression.type", "lz4"), ("compression.lz4.level", "17"), ("compression.zstd.level", "3")]);
    assert_eq!(settings(&out), ["compression.codec=lz4", "compression.level=12"]);
    assert!(out.notes[0].contains("12 is used") && out.notes[1].contains("compression.type is lz4"), "{:?}", out.notes);
    let gzip = come(&[("compression.gzip.level", "-1"), ("compression.type", "gzip")]);
    assert_eq!(settings(&gzip), ["compression.codec=gzip", "compression.level=-1"]);
    let fast = come(&[("compression.type", "zstd"), ("compression.zstd.level", "-5")]);
    assert_eq!(fast.setting("compression.level"), Some("1"), "librdkafka's -1 is its default, not a speed");
}
