//! Fetching one partition into a queue of its own, read in batches.

use std::os::raw::c_int;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::raw::BrokerFacts;
use tidegate_core::{Error, Result};

use super::{Queue, c_name, text};
use crate::client::Context;
use crate::fetched::{self, Fetched, Named, Record};

/// Messages taken from the queue in one call.
const BATCH: usize = 1024;

/// A partition that is being fetched; stopped when dropped.
pub struct Fetch {
    topic: *mut c::rd_kafka_topic_t,
    partition: i32,
    queue: Queue,
    taken: Vec<*mut c::rd_kafka_message_t>,
    client: Arc<BaseConsumer<Context>>,
}

// SAFETY: librdkafka's handles may be used from any thread, one thread at a time owns this one.
unsafe impl Send for Fetch {}

impl Fetch {
    /// Starts fetching at an offset. A partition of a client can be fetched once at a time.
    ///
    /// # Errors
    /// A partition that is being fetched already, or a client that has failed for good.
    pub fn start(client: Arc<BaseConsumer<Context>>, topic: &str, partition: i32, offset: i64) -> Result<Fetch> {
        let name = c_name(topic)?;
        let native = client.client().native_ptr();
        // SAFETY: the client is kept alive by `client`; the handles are released when dropped.
        let (handle, queue) = unsafe {
            let handle = c::rd_kafka_topic_new(native, name.as_ptr(), ptr::null_mut());
            if handle.is_null() {
                return Err(Error::external(format!("no handle for topic '{topic}'")).fatal());
            }
            (handle, Queue::new(native))
        };
        // SAFETY: both handles are live.
        if unsafe { c::rd_kafka_consume_start_queue(handle, partition, offset, queue.0) } != 0 {
            // SAFETY: made above, not used again. The error number is set by the call before.
            let code: Code = unsafe {
                c::rd_kafka_topic_destroy(handle);
                c::rd_kafka_last_error().into()
            };
            return Err(Error::external(format!("fetching topic '{topic}' partition {partition}: {code}")).fatal());
        }
        Ok(Fetch { topic: handle, partition, queue, taken: Vec::with_capacity(BATCH), client })
    }

    /// Gives what has been fetched to `each`, in order, up to `most` things; waits for the first one
    /// at most this long.
    pub fn take(&mut self, most: usize, wait: Duration, mut each: impl FnMut(Fetched<'_>)) -> usize {
        let most = most.min(BATCH);
        // librdkafka waits until a batch is full or the time is over: wait for one, then take what is there.
        let mut count = self.receive(0, most, Duration::ZERO);
        if count == 0 && !wait.is_zero() {
            count = self.receive(0, 1, wait);
            count += self.receive(count, most - count, Duration::ZERO);
        }
        // SAFETY: the queue has filled in this many messages, each destroyed once.
        unsafe {
            self.taken.set_len(count);
            for &message in &self.taken {
                each(fetched(message));
                c::rd_kafka_message_destroy(message);
            }
            self.taken.set_len(0);
        }
        count
    }

    fn receive(&mut self, from: usize, most: usize, wait: Duration) -> usize {
        let ms = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        debug_assert!(from + most <= self.taken.capacity());
        // SAFETY: `taken` has room for `BATCH` pointers and `from + most` is at most that.
        let got = unsafe { c::rd_kafka_consume_batch_queue(self.queue.0, ms, self.taken.as_mut_ptr().add(from), most) };
        usize::try_from(got).unwrap_or(0)
    }

    /// The end of the partition as the last fetch saw it; `None` before the first.
    pub fn known_end(&self) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the topic handle is live and its name NUL-terminated.
        let code: Code = unsafe {
            let name = c::rd_kafka_topic_name(self.topic);
            c::rd_kafka_get_watermark_offsets(
                self.client.client().native_ptr(),
                name,
                self.partition,
                &mut low,
                &mut high,
            )
            .into()
        };
        (code == Code::NoError && high >= 0).then_some(high)
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // SAFETY: started in `start`, released once; the queue is dropped after the fetching has ended.
        unsafe {
            c::rd_kafka_consume_stop(self.topic, self.partition);
            c::rd_kafka_topic_destroy(self.topic);
        }
    }
}

/// # Safety
/// `message` is a live message.
unsafe fn fetched<'a>(message: *const c::rd_kafka_message_t) -> Fetched<'a> {
    // SAFETY: the caller's obligation; key and payload are valid for their lengths.
    unsafe {
        let m = &*message;
        match Code::from(m.err) {
            Code::NoError => {
                let mut kind = c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
                let timestamp = c::rd_kafka_message_timestamp(message, &mut kind);
                let epoch = c::rd_kafka_message_leader_epoch(message);
                let broker = BrokerFacts {
                    log_append_time: kind == c::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
                    leader_epoch: (epoch >= 0).then_some(epoch),
                };
                let (key, value) = (bytes(m.key, m.key_len), bytes(m.payload, m.len));
                let headers = fetched::Headers::Message(Headers(m));
                Fetched::Record(Record { offset: m.offset, timestamp, broker, key, value, headers })
            }
            Code::PartitionEOF => Fetched::End(m.offset),
            code => Fetched::Failed(code, text(c::rd_kafka_message_errstr(message))),
        }
    }
}

/// # Safety
/// `at` is NULL or valid for `length` bytes.
unsafe fn bytes<'a>(at: *const std::os::raw::c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's obligation.
    (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at.cast(), length) })
}

/// The headers of a message.
pub struct Headers<'a>(&'a c::rd_kafka_message_t);

impl Headers<'_> {
    /// In order; empty for most records, at the price of one look.
    pub fn read(&self) -> Named {
        let mut out = Vec::new();
        let mut list = ptr::null_mut();
        // SAFETY: the message is live while borrowed; the list belongs to it.
        unsafe {
            if Code::from(c::rd_kafka_message_headers(self.0, &mut list)) != Code::NoError {
                return out;
            }
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            while Code::from(c::rd_kafka_header_get_all(list, out.len(), &mut name, &mut value, &mut size))
                == Code::NoError
            {
                out.push((text(name), bytes(value, size).map(<[u8]>::to_vec)));
            }
        }
        out
    }
}
