//! A handle of a topic, held so that a client goes on knowing it.

use std::ptr;

use rdkafka::bindings as c;
use rdkafka::producer::{BaseProducer, Producer};
use tidegate_core::{Error, Result};

use super::c_name;
use crate::client::Context;

/// A topic that a producer is made to remember: librdkafka refreshes what it knows of topics of which
/// somebody holds a handle, and forgets others.
pub struct Held(*mut c::rd_kafka_topic_t);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Held {}

impl Held {
    /// Holds a topic.
    ///
    /// # Safety
    /// It has to be dropped before the producer.
    ///
    /// # Errors
    /// A client that has failed for good.
    pub unsafe fn new(producer: &BaseProducer<Context>, topic: &str) -> Result<Held> {
        let name = c_name(topic)?;
        // SAFETY: the producer is live while borrowed; the name lives to the end of the call.
        let handle = unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        if handle.is_null() {
            return Err(Error::external(format!("no handle for topic '{topic}'")).fatal());
        }
        Ok(Held(handle))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: made in `new`, released once; the client is still there by the obligation of `new`.
        unsafe { c::rd_kafka_topic_destroy(self.0) };
    }
}
