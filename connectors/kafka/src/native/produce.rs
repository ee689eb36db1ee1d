//! Handing messages over in batches without copying their values.

use std::marker::PhantomData;
use std::os::raw::{c_int, c_void};
use std::ptr;

use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer};
use tidegate_core::{Error, Result};

use super::c_name;
use crate::client::Context;

/// Messages handed over in one call.
const BATCH: usize = 4096;

/// A topic of a producer that takes batches.
pub struct Batches<'p> {
    topic: *mut c::rd_kafka_topic_t,
    waiting: Vec<c::rd_kafka_message_t>,
    refused: Vec<(usize, Code)>,
    producer: PhantomData<&'p BaseProducer<Context>>,
}

impl<'p> Batches<'p> {
    /// A topic of a producer.
    ///
    /// # Errors
    /// A client that has failed for good.
    pub fn new(producer: &'p BaseProducer<Context>, topic: &str) -> Result<Batches<'p>> {
        let name = c_name(topic)?;
        // SAFETY: the producer outlives the handle; the name lives to the end of the call.
        let handle = unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        if handle.is_null() {
            return Err(Error::external(format!("no handle for topic '{topic}'")).fatal());
        }
        Ok(Batches { topic: handle, waiting: Vec::with_capacity(BATCH), refused: Vec::new(), producer: PhantomData })
    }

    /// Adds a message. `number` comes back with it where it cannot be delivered.
    ///
    /// # Safety
    /// The key has to stay where it is until [`Batches::send`] has been called, the value until the
    /// producer has delivered the message, has been told to abort it and has answered, or is gone.
    pub unsafe fn push(&mut self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, number: usize) {
        let pointer = |b: Option<&[u8]>| b.map_or(ptr::null_mut(), |b| b.as_ptr().cast_mut().cast::<c_void>());
        // SAFETY: an all-zero message is a valid one.
        let mut message: c::rd_kafka_message_t = unsafe { std::mem::zeroed() };
        message.partition = partition;
        (message.payload, message.len) = (pointer(value), value.map_or(0, <[u8]>::len));
        (message.key, message.key_len) = (pointer(key), key.map_or(0, <[u8]>::len));
        message._private = number as *mut c_void;
        self.waiting.push(message);
        if self.waiting.len() >= BATCH {
            self.send();
        }
    }

    /// Hands over what has been added.
    pub fn send(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let count = c_int::try_from(self.waiting.len()).unwrap_or(c_int::MAX);
        let flags = c::RD_KAFKA_MSG_F_PARTITION;
        // SAFETY: `waiting` holds `count` messages whose pointers are valid by the obligation of `push`;
        // without the copy and free flags librdkafka only reads the values.
        let taken = unsafe { c::rd_kafka_produce_batch(self.topic, -1, flags, self.waiting.as_mut_ptr(), count) };
        if taken != count {
            let refused = self.waiting.iter().map(|m| (m._private as usize, Code::from(m.err)));
            self.refused.extend(refused.filter(|(_, code)| *code != Code::NoError));
        }
        self.waiting.clear();
    }

    /// Messages that were not taken: number, reason.
    pub fn refused(&mut self) -> Vec<(usize, Code)> {
        self.send();
        std::mem::take(&mut self.refused)
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `new`, released once.
        unsafe { c::rd_kafka_topic_destroy(self.topic) };
    }
}

/// Waits until the broker has answered for every message, at most this long; lingering is over for
/// all of them. `true`: nothing is on its way any more.
pub fn flush(producer: &BaseProducer<Context>, wait: std::time::Duration) -> bool {
    let ms = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: the producer is live while borrowed.
    let code: Code = unsafe { c::rd_kafka_flush(producer.client().native_ptr(), ms) }.into();
    code == Code::NoError
}
