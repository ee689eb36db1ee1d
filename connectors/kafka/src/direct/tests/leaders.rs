//! Leaders that move, go away and come back, and offsets that are not there, on librdkafka's own cluster in
//! memory: a broker of the tests is alone and never gives up a partition.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use crate::client::{Context, Settings};
use crate::direct::connection::{Connection, Frame};
use crate::direct::wire::Request;
use crate::direct::{Fetch, Limits};
use crate::fetched::Fetched;

const PATIENCE: Duration = Duration::from_secs(20);
const TOPIC: &str = "orders";

struct Cluster {
    brokers: MockCluster<'static, DefaultProducerContext>,
    settings: Settings,
    client: Arc<BaseConsumer<Context>>,
    producer: BaseProducer,
    produced: u32,
}

impl Cluster {
    fn start() -> Cluster {
        let brokers = MockCluster::new(2).unwrap();
        brokers.create_topic(TOPIC, 1, 2).unwrap();
        brokers.partition_leader(TOPIC, 0, Some(1)).unwrap();
        let servers = brokers.bootstrap_servers();
        let pairs = [("bootstrap.servers", servers.as_str()), ("fetch.max.wait.ms", "50")];
        let settings = Settings::from_pairs(pairs).unwrap();
        let client = Arc::new(settings.reader(1).unwrap());
        let producer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
        Cluster { brokers, settings, client, producer, produced: 0 }
    }

    fn fetch(&self, offset: i64) -> Fetch {
        let id = self.topic_id();
        self.fetch_of(id, offset)
    }

    /// By a request of our own (Metadata 12): the cluster in memory describes no topics.
    fn topic_id(&self) -> [u8; 16] {
        let servers = self.brokers.bootstrap_servers();
        let (host, port) = servers.split(',').next().unwrap().rsplit_once(':').unwrap();
        let mut connection = Connection::make(host, port.parse().unwrap(), "test", PATIENCE).unwrap();
        let mut request = Request::new(3, 12, 1, "test");
        request.no_tags().count(1).bytes(&[0; 16]).count(TOPIC.len() as u8).bytes(TOPIC.as_bytes()).no_tags();
        request.i8(0).i8(0).no_tags();
        connection.send(&request.finish()).unwrap();
        let mut frame = Frame::default();
        assert!(connection.receive(&mut frame, PATIENCE).unwrap());
        // The name with its length in front, and then the id.
        let name = [&[TOPIC.len() as u8 + 1], TOPIC.as_bytes()].concat();
        let at = frame.body().windows(name.len()).position(|w| w == name).unwrap() + name.len();
        frame.body()[at..at + 16].try_into().unwrap()
    }

    fn fetch_of(&self, id: [u8; 16], offset: i64) -> Fetch {
        let limits = Arc::new(Limits::of(&self.settings, 1).unwrap());
        Fetch::start(self.client.clone(), limits, (TOPIC, id), 0, offset)
    }

    /// The next ten.
    fn produce(&mut self) {
        for _ in 0..10 {
            let value = self.produced.to_string();
            let record: BaseRecord<'_, (), str> = BaseRecord::to(TOPIC).partition(0).payload(&value);
            self.producer.send(record).map_err(|(e, _)| e).unwrap();
            self.produced += 1;
        }
        self.producer.flush(PATIENCE).unwrap();
    }
}

/// What comes until there are so many of them.
fn values(fetch: &mut Fetch, count: usize) -> Vec<u32> {
    let mut out = Vec::new();
    let start = Instant::now();
    while out.len() < count {
        assert!(start.elapsed() < PATIENCE, "{out:?} {:?}", fetch.take_outage());
        fetch.take(3, Duration::from_millis(20), &mut |fetched: Fetched<'_>| match fetched {
            Fetched::Record(r) => out.push(String::from_utf8_lossy(r.value.unwrap()).parse().unwrap()),
            Fetched::End(_) => {}
            Fetched::Failed(code, why) => panic!("{code}: {why}"),
        });
    }
    out
}

/// What is said of an outage, in which nothing comes.
fn outage(fetch: &mut Fetch) -> String {
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "nothing is said of it");
        let asked = Instant::now();
        fetch.take(10, Duration::from_millis(20), &mut |_: Fetched<'_>| panic!("something came"));
        assert!(asked.elapsed() < Duration::from_millis(500), "it waited for longer than it may");
        if let Some(why) = fetch.take_outage() {
            return why;
        }
    }
}

#[test]
fn a_leader_that_moves_is_followed() {
    let mut cluster = Cluster::start();
    cluster.produce();
    // The batch that the offset is in comes whole.
    let mut fetch = cluster.fetch(4);
    assert_eq!(values(&mut fetch, 10), (0..10).collect::<Vec<_>>());
    assert_eq!(fetch.known_end(), Some(10));
    for (round, leader) in [2, 1, 2].into_iter().enumerate() {
        cluster.brokers.partition_leader(TOPIC, 0, Some(leader)).unwrap();
        cluster.produce();
        let first = 10 * (round as u32 + 1);
        assert_eq!(values(&mut fetch, 10), (first..first + 10).collect::<Vec<_>>());
    }
}

#[test]
fn a_leader_that_is_away_is_waited_for() {
    let mut cluster = Cluster::start();
    cluster.produce();
    let mut fetch = cluster.fetch(0);
    assert_eq!(values(&mut fetch, 10), (0..10).collect::<Vec<_>>());
    cluster.brokers.broker_down(1).unwrap();
    let why = outage(&mut fetch);
    assert!(!why.is_empty());
    cluster.brokers.broker_up(1).unwrap();
    cluster.produce();
    assert_eq!(values(&mut fetch, 10), (10..20).collect::<Vec<_>>());
    assert_eq!(fetch.take_outage(), None);
}

#[test]
fn an_offset_that_is_not_there_is_told() {
    let mut cluster = Cluster::start();
    cluster.produce();
    let mut fetch = cluster.fetch(11);
    let start = Instant::now();
    let mut told = None;
    while told.is_none() {
        assert!(start.elapsed() < PATIENCE);
        fetch.take(10, Duration::from_millis(20), &mut |fetched: Fetched<'_>| match fetched {
            Fetched::Failed(code, _) => told = Some(code),
            Fetched::Record(_) | Fetched::End(_) => panic!("something came"),
        });
    }
    assert_eq!(told, Some(Code::OffsetOutOfRange));
}

/// Another topic of the name is not read: that it is another one is found out elsewhere.
#[test]
fn a_topic_of_another_id_is_not_read() {
    let mut cluster = Cluster::start();
    cluster.produce();
    let mut fetch = cluster.fetch_of([7; 16], 0);
    outage(&mut fetch);
}
