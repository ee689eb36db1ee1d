//! The same rows at least once: an idempotent producer without transactions and without a fence; a plain
//! one where the broker is older than those.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use parking_lot::Mutex;
use rdkafka::producer::Producer;
use tidegate_core::sink::{Scope, Sink};
use tidegate_core::{ChangeBatch, Error, Result};

use super::Target;
use super::producer::TopicProducer;
use super::transaction::{Stop, produce};
use crate::error;

/// Writes to a topic at least once.
pub(super) struct AppendSink {
    target: Arc<Target>,
    producer: Arc<Mutex<Option<TopicProducer>>>,
}

impl AppendSink {
    pub(super) fn new(target: Arc<Target>) -> AppendSink {
        AppendSink { target, producer: Arc::default() }
    }
}

#[async_trait]
impl Sink for AppendSink {
    async fn write(&self, _: &Scope, rows: &[ChangeBatch]) -> Result<()> {
        let (target, slot, rows) = (self.target.clone(), self.producer.clone(), rows.to_vec());
        self.target
            .connection
            .aside(move |_| {
                let (settings, mut slot) = (&target.connection.settings, slot.lock());
                let mut producer = match slot.take() {
                    Some(producer) => producer,
                    None => TopicProducer::new(settings.producer(None, target.largest)?, &target)?,
                };
                // After an error it is dropped, and with it all that points at the rows.
                if let Err(e) = write(&target, &producer, &rows) {
                    if !error::wants_plain(producer.get()) {
                        return Err(e);
                    }
                    producer = TopicProducer::new(settings.plain_producer(target.largest)?, &target)?;
                    write(&target, &producer, &rows)?;
                }
                *slot = Some(producer);
                Ok(())
            })
            .await
    }
}

fn write(target: &Target, known: &TopicProducer, rows: &[ChangeBatch]) -> Result<()> {
    let doing = format!("writing to topic '{}'", target.topic.name);
    let producer = known.get();
    let told = producer.client().context().told();
    told.take_undelivered();
    let until = Instant::now() + target.connection.settings.patience;
    // SAFETY: everything is delivered when this returns well, and otherwise the caller drops the producer
    // before the rows.
    #[allow(unsafe_code, reason = "values are not copied; see native::produce")]
    let produce = || unsafe { produce(producer, target, rows, until) };
    known.know(target, until).and_then(|()| produce()).map_err(|stop| match stop {
        Stop::Bad(e) => e,
        Stop::Slow(why) | Stop::Later(why) => {
            told.refusal().unwrap_or_else(|| Error::external(format!("{doing}: {why}")))
        }
        Stop::Undelivered(all) => match all.first() {
            Some((number, code)) => error::of_code(*code, &doing).context(format!("message {number} of the unit")),
            None => Error::external(doing),
        },
    })
}
