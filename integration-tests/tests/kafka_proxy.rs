//! The proxy that fails on purpose, between a real broker and a real transactional producer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_integration_tests::broker::{Broker, Settings, unique};
use tidegate_integration_tests::kafka_topics as topics;
use tidegate_integration_tests::proxy::{Act, Api, Proxy, Rule};

const SECOND: Duration = Duration::from_secs(1);

/// A broker and the proxy in front of it.
struct Fixture {
    proxy: Proxy,
    broker: Broker,
}

/// A transactional producer behind the proxy that has an open transaction with one row.
struct Open {
    producer: BaseProducer,
    topic: String,
    id: String,
}

impl Fixture {
    fn start() -> Option<Self> {
        let reserved = Proxy::reserve();
        let broker = Broker::start(Settings::new().proxied(reserved.port()))?;
        Some(Fixture { proxy: reserved.start(&broker.proxy_listener()), broker })
    }
    fn producer(&self, id: &str) -> BaseProducer {
        ClientConfig::new()
            .set("bootstrap.servers", self.proxy.bootstrap())
            .set("transactional.id", id)
            .set("reconnect.backoff.ms", "20")
            .set("reconnect.backoff.max.ms", "100")
            .set("retry.backoff.ms", "20")
            .create()
            .unwrap()
    }
    fn open(&self, name: &str) -> Open {
        let (topic, id) = (unique(name), unique("id"));
        topics::create(&self.broker.bootstrap(), &topic, 1);
        let producer = self.producer(&id);
        again(|| producer.init_transactions(20 * SECOND));
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<(), str>::to(&topic).payload("row")).map_err(|(e, _)| e).unwrap();
        producer.flush(30 * SECOND).unwrap();
        Open { producer, topic, id }
    }
    /// Whether the broker still holds a transaction open; asked past the proxy.
    fn is_open(&self, open: &Open) -> bool {
        let direct = self.broker.bootstrap();
        topics::stable_offsets(&direct, &open.topic) != topics::end_offsets(&direct, &open.topic)
    }
    /// The committed rows; asked past the proxy.
    fn rows(&self, topic: &str) -> Vec<String> {
        topics::read_committed(&self.broker.bootstrap(), topic).iter().map(|m| m.text().to_owned()).collect()
    }
    fn arm(&self, api: Api, act: Act) {
        self.proxy.arm(Rule { api, nth: 1, act });
    }
}

/// As any careful producer: what may be tried again is.
fn again(mut call: impl FnMut() -> Result<(), KafkaError>) {
    let start = Instant::now();
    loop {
        match call() {
            Ok(()) => return,
            Err(KafkaError::Transaction(e)) if e.is_retriable() && start.elapsed() < 60 * SECOND => {}
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn each_act_does_what_it_says() {
    let Some(fixture) = Fixture::start() else { return };
    cut_before_or_after(&fixture, Act::CutBefore, true);
    cut_before_or_after(&fixture, Act::CutAfter, false);
    cut_before_or_after(&fixture, Act::CutAnswer, false);
    delays(&fixture, Act::Delay(SECOND), false);
    delays(&fixture, Act::BlackHole(SECOND), true);
    delays(&fixture, Act::DelayRequest(SECOND), true);
    comes_too_late(&fixture);
    every_request(&fixture);
    reading(&fixture);
}

/// The first commit meets `act`, the second is swallowed: what the broker then holds tells whether
/// the first one came through.
fn cut_before_or_after(f: &Fixture, act: Act, still_open: bool) {
    let open = f.open("cut");
    let (hits, seen) = (f.proxy.hits(), f.proxy.seen(Api::EndTxn));
    f.arm(Api::EndTxn, act);
    f.arm(Api::EndTxn, Act::HalfClose);
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| again(|| open.producer.commit_transaction(30 * SECOND)));
        f.proxy.await_hits(hits + 2);
        if still_open {
            assert!(f.is_open(&open), "{act:?}: neither commit has come through");
        } else {
            // The broker answers before it has written the marker, which reading waits for.
            assert_eq!(f.rows(&open.topic), ["row"], "{act:?}: the first commit has come through");
        }
        assert!(!commit.is_finished(), "{act:?}: the producer knows of no end");
        f.proxy.cut_all();
        commit.join().unwrap();
    });
    assert!(f.proxy.seen(Api::EndTxn) >= seen + 3, "{act:?}");
    assert_eq!(f.rows(&open.topic), ["row"], "{act:?}");
}

/// A commit takes a second longer; half-way the broker has it, or not.
fn delays(f: &Fixture, act: Act, still_open: bool) {
    let open = f.open("delay");
    let hits = f.proxy.hits();
    f.arm(Api::EndTxn, act);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| again(|| open.producer.commit_transaction(30 * SECOND)));
        f.proxy.await_hits(hits + 1);
        std::thread::sleep(SECOND / 4);
        assert_eq!(f.is_open(&open), still_open, "{act:?}");
        assert!(!commit.is_finished(), "{act:?}");
        commit.join().unwrap();
    });
    let took = start.elapsed();
    assert!(took >= SECOND && took < 10 * SECOND, "{act:?}: {took:?}");
    assert_eq!(f.rows(&open.topic), ["row"], "{act:?}");
}

/// A commit that reaches the broker when a successor has taken the id over.
fn comes_too_late(f: &Fixture) {
    let open = f.open("late");
    let hits = f.proxy.hits();
    f.arm(Api::EndTxn, Act::DelayRequest(2 * SECOND));
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| open.producer.commit_transaction(30 * SECOND));
        f.proxy.await_hits(hits + 1);
        drop(topics::transactional_producer(&f.broker.bootstrap(), &open.id, 60 * SECOND));
        let end = commit.join().unwrap();
        assert!(matches!(&end, Err(KafkaError::Transaction(e)) if e.is_fatal()), "{end:?}");
    });
    assert!(f.rows(&open.topic).is_empty());
}

/// A producer gets its row through, once, whatever happens to any one of its requests.
fn every_request(f: &Fixture) {
    use Api::{AddPartitionsToTxn, ApiVersions, EndTxn, FindCoordinator, InitProducerId, Metadata, Produce};
    for api in [ApiVersions, Metadata, FindCoordinator, InitProducerId, AddPartitionsToTxn, Produce, EndTxn] {
        for act in
            [Act::CutBefore, Act::CutAfter, Act::CutAnswer, Act::Delay(SECOND / 10), Act::DelayRequest(SECOND / 10)]
        {
            let hits = f.proxy.hits();
            f.arm(api, act);
            let open = f.open("any");
            again(|| open.producer.commit_transaction(30 * SECOND));
            assert_eq!(f.proxy.hits(), hits + 1, "{api:?} {act:?}");
            assert_eq!(f.rows(&open.topic), ["row"], "{api:?} {act:?}");
        }
    }
}

/// A consumer behind the proxy gets every row once although its answers are cut in the middle.
fn reading(f: &Fixture) {
    let topic = unique("read");
    topics::create(&f.broker.bootstrap(), &topic, 2);
    topics::produce(&f.broker.bootstrap(), &topic, (0..20_000).map(|i| ((), format!("{i:0200}"), i % 2)));
    let direct = f.rows(&topic);
    let hits = f.proxy.hits();
    for (nth, act) in [(1, Act::CutAnswer), (2, Act::CutBefore), (3, Act::CutAfter), (4, Act::Delay(SECOND / 2))] {
        f.proxy.arm(Rule { api: Api::Fetch, nth, act });
    }
    let behind = topics::read_committed(&f.proxy.bootstrap(), &topic);
    assert!(f.proxy.hits() >= hits + 3, "{}", f.proxy.hits() - hits);
    f.proxy.disarm();
    assert_eq!(behind.iter().map(|m| m.text().to_owned()).collect::<Vec<_>>(), direct);
}
