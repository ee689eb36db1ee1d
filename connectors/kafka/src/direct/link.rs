//! The way to a partition's leader. Finding it and connecting takes time, which is spent on a thread of its
//! own: a task that reads must go on taking part in epochs.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};

use super::Limits;
use super::connection::{Connection, NotMade};
use crate::client::Context;

/// How long librdkafka may take to say who leads.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Which partition.
#[derive(Clone)]
pub(super) struct Way {
    /// Asks who leads.
    pub client: Arc<BaseConsumer<Context>>,
    pub topic: String,
    pub partition: i32,
    pub limits: Arc<Limits>,
}

/// How far the way has been gone.
pub(super) enum Link {
    /// Not before this moment.
    Pause(Instant),
    /// On its way.
    Asking(Receiver<Result<Connection, NotMade>>),
    /// There.
    Open(Connection),
}

/// What a step of the way came to.
pub(super) enum Step {
    /// The link is open.
    Open,
    /// Not yet.
    Wait,
    /// The leader cannot be reached at the moment.
    Unreachable(String),
    /// The leader does not speak what is needed.
    TooOld,
}

impl Link {
    /// One step on; waits at most until `deadline`.
    pub(super) fn step(&mut self, way: &Way, deadline: Instant) -> Step {
        if let Link::Pause(until) = self {
            std::thread::sleep(deadline.min(*until).saturating_duration_since(Instant::now()));
            if Instant::now() < *until {
                return Step::Wait;
            }
            *self = Link::Asking(way.go());
        }
        let Link::Asking(made) = self else { return Step::Open };
        match made.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(connection)) => {
                *self = Link::Open(connection);
                Step::Open
            }
            Ok(Err(NotMade::TooOld)) => Step::TooOld,
            Ok(Err(NotMade::Unreachable(why))) => Step::Unreachable(why),
            Err(RecvTimeoutError::Timeout) => Step::Wait,
            Err(RecvTimeoutError::Disconnected) => Step::Unreachable("connecting came to nothing".to_owned()),
        }
    }
}

impl Way {
    fn go(&self) -> Receiver<Result<Connection, NotMade>> {
        let (done, made) = sync_channel(1);
        let way = self.clone();
        let thread = std::thread::Builder::new().name("kafka-connect".to_owned());
        // Without a thread nothing is ever sent, which is told as such. Nobody may be waiting any more.
        let _ = thread.spawn(move || {
            let _ = done.send(way.connect());
        });
        made
    }

    fn connect(&self) -> Result<Connection, NotMade> {
        let (host, port) = self.leader().map_err(NotMade::Unreachable)?;
        Connection::make(&host, port, &self.limits.manner.client, self.limits.connect_within)
    }

    /// Where the leader is.
    fn leader(&self) -> Result<(String, u16), String> {
        let found = self.client.fetch_metadata(Some(&self.topic), ASK_WITHIN).map_err(|e| e.to_string())?;
        let mut partitions =
            found.topics().iter().filter(|t| t.name() == self.topic).flat_map(MetadataTopic::partitions);
        let leader = partitions.find(|p| p.id() == self.partition).map(MetadataPartition::leader);
        let broker = found.brokers().iter().find(|b| Some(b.id()) == leader);
        let broker = broker.ok_or_else(|| Code::LeaderNotAvailable.to_string())?;
        let port = u16::try_from(broker.port()).map_err(|e| e.to_string())?;
        Ok((broker.host().to_owned(), port))
    }
}
