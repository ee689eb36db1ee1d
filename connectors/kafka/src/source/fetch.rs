//! Who fetches a partition: [`crate::direct`] where it can, otherwise librdkafka.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use rdkafka::consumer::BaseConsumer;
use tidegate_core::Result;
use tidegate_core::split::Split;

use super::buffers::Buffers;
use crate::client::Context;
use crate::direct::{self, Limits};
use crate::fetched::Taker;
use crate::native;

/// The client of a source, and how its partitions are fetched.
#[derive(Clone)]
pub(super) struct Fetcher {
    /// Fetches where nobody else can, and knows who leads.
    pub client: Arc<BaseConsumer<Context>>,
    /// How it is done without; `None`: it is not.
    pub direct: Option<Arc<Limits>>,
    /// For records that are copied; shared by all partitions.
    pub buffers: Buffers,
}

/// A partition that is being fetched; stopped when dropped.
pub(super) enum Fetch {
    Direct(Box<direct::Fetch>),
    Client(native::fetch::Fetch),
}

/// A partition, by the name and the id of its topic.
pub(super) struct Place {
    pub topic: Arc<str>,
    id: Option<[u8; 16]>,
    pub partition: i32,
}

impl Place {
    pub(super) fn of(split: &Split) -> Place {
        Place { topic: split.topic.as_str().into(), id: topic_id(&split.identity), partition: split.partition }
    }
}

impl Fetcher {
    /// Starts fetching at an offset.
    pub(super) fn start(&self, place: &Place, offset: i64) -> Result<Fetch> {
        let (topic, partition) = (&*place.topic, place.partition);
        if let (Some(limits), Some(id)) = (&self.direct, place.id) {
            tracing::debug!("topic {topic} partition {partition} is fetched from offset {offset} on");
            let fetch = direct::Fetch::start(self.client.clone(), limits.clone(), (topic, id), partition, offset);
            return Ok(Fetch::Direct(Box::new(fetch)));
        }
        tracing::debug!("topic {topic} partition {partition} is fetched by librdkafka from offset {offset} on");
        Ok(Fetch::Client(native::fetch::Fetch::start(self.client.clone(), topic, partition, offset)?))
    }

    /// Lets librdkafka go on, where that turns out to be needed.
    pub(super) fn leave_to_client(&mut self, place: &Place, fetch: &Fetch) -> bool {
        let Fetch::Direct(direct) = fetch else { return false };
        let Some(why) = direct.unable() else { return false };
        tracing::info!("reading topic {} partition {} by librdkafka: {why}", place.topic, place.partition);
        self.direct = None;
        true
    }
}

impl Fetch {
    /// Gives what has been fetched to `taker`, in order, up to `most` things; waits for the first one
    /// at most this long. How many that were.
    pub(super) fn take(&mut self, most: usize, wait: Duration, taker: &mut impl Taker) -> usize {
        match self {
            Fetch::Direct(fetch) => fetch.take(most, wait, taker),
            Fetch::Client(fetch) => fetch.take(most, wait, |fetched| taker.take(fetched)),
        }
    }

    /// The end of the partition as the last fetch saw it; `None` before the first.
    pub(super) fn known_end(&self) -> Option<i64> {
        match self {
            Fetch::Direct(fetch) => fetch.known_end(),
            Fetch::Client(fetch) => fetch.known_end(),
        }
    }

    /// Why no leader can be reached, since this was last asked; librdkafka tells of it on its own queue.
    pub(super) fn take_outage(&mut self) -> Option<String> {
        match self {
            Fetch::Direct(fetch) => fetch.take_outage(),
            Fetch::Client(_) => None,
        }
    }
}

/// A topic's id as librdkafka shows it: base64 without the padding.
fn topic_id(identity: &str) -> Option<[u8; 16]> {
    let plain = identity.replace('-', "+").replace('_', "/");
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    use rdkafka::types::RDKafkaApiKey;

    use super::*;
    use crate::client::Settings;
    use crate::fetched::Fetched;

    /// What is behind an offset, and whether librdkafka fetched it in the end.
    fn read_behind(place: &Place, settings: &Settings, offset: i64) -> (Vec<i64>, bool) {
        let client = Arc::new(settings.reader(1).unwrap());
        let direct = Limits::of(settings, 1).map(Arc::new);
        assert!(direct.is_some());
        let mut fetcher = Fetcher { client, direct, buffers: Buffers::default() };
        let mut fetch = fetcher.start(place, offset).unwrap();
        let (mut offsets, start) = (Vec::new(), Instant::now());
        while offsets.last() != Some(&9) {
            assert!(start.elapsed() < Duration::from_secs(20), "{offsets:?}");
            fetch.take(100, Duration::from_millis(50), &mut |fetched: Fetched<'_>| {
                if let Fetched::Record(record) = fetched {
                    offsets.push(record.offset);
                }
            });
            if fetcher.leave_to_client(place, &fetch) {
                fetch = fetcher.start(place, offset).unwrap();
            }
        }
        (offsets, fetcher.direct.is_none())
    }

    #[test]
    fn brokers_that_know_topics_by_name_only_are_left_to_librdkafka() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("orders", 1, 1).unwrap();
        cluster.apiversion(RDKafkaApiKey::Fetch, Some(4), Some(12)).unwrap();
        let servers = cluster.bootstrap_servers();
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
        for _ in 0..10 {
            let record: BaseRecord<'_, (), str> = BaseRecord::to("orders").partition(0).payload("x");
            producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
        let settings = Settings::from_pairs([("bootstrap.servers", servers.as_str())]).unwrap();
        let place = Place { topic: "orders".into(), id: Some([1; 16]), partition: 0 };
        assert_eq!(read_behind(&place, &settings, 4), ((4..10).collect(), true));
    }

    #[test]
    fn ids_are_base64() {
        assert_eq!(topic_id("AAAAAAAAAAAAAAAAAAAAAQ"), Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(topic_id("_____________________w"), Some([255; 16]));
        assert_eq!(topic_id("/////////////////////w"), Some([255; 16]));
        assert_eq!(topic_id("name orders"), None);
    }
}
