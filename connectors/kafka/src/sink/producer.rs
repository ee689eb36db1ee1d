//! A producer that knows the topic it writes to.
//!
//! librdkafka puts the messages of a batch aside where it does not know their topic's partitions yet, and
//! adds a partition of no number for them to the transaction. The broker refuses that, and the producer is
//! lost. So the topic is asked for before the first batch, a handle of it is held for the life of the
//! producer, and it is asked for again before the answer can have aged out of the client's cache (which
//! it does when the brokers are away for long).

use std::cell::Cell;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer};

use tidegate_core::Result;

use super::Target;
use super::transaction::Stop;
use crate::client::Context;
use crate::native::topic::Held;

/// A producer and what it knows.
pub(super) struct TopicProducer {
    /// Goes first.
    _topic: Held,
    producer: BaseProducer<Context>,
    asked: Cell<Option<Instant>>,
}

impl TopicProducer {
    pub(super) fn new(producer: BaseProducer<Context>, target: &Target) -> Result<TopicProducer> {
        // SAFETY: fields are dropped in their order, the handle before the producer.
        #[allow(unsafe_code, reason = "the handle has no lifetime of its own")]
        let topic = unsafe { Held::new(&producer, &target.topic.name) }?;
        Ok(TopicProducer { _topic: topic, producer, asked: Cell::new(None) })
    }

    pub(super) fn get(&self) -> &BaseProducer<Context> {
        &self.producer
    }

    /// Something has gone wrong: what is known may be the reason.
    pub(super) fn doubt(&self) {
        self.asked.set(None);
    }

    /// Makes sure that the topic's partitions are known. Asks the cluster now and then.
    pub(super) fn know(&self, target: &Target, until: Instant) -> Result<(), Stop> {
        let settings = &target.connection.settings;
        if self.asked.get().is_some_and(|at| at.elapsed() < settings.knowledge_lasts()) {
            return Ok(());
        }
        let asking = Instant::now();
        let patience = until.saturating_duration_since(asking).min(settings.patience).max(Duration::from_millis(1));
        let metadata = self.producer.client().fetch_metadata(Some(&target.topic.name), patience);
        let partitions = metadata.ok().and_then(|m| Some(m.topics().first()?.partitions().len())).unwrap_or(0);
        if partitions == 0 {
            return Err(Stop::Later(format!("topic '{}' cannot be looked at", target.topic.name)));
        }
        self.asked.set(Some(asking));
        Ok(())
    }
}
