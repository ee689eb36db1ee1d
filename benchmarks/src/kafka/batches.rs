//! All partitions of a topic through one queue of librdkafka's, read in batches: the cheapest way to
//! consume that it has.
#![allow(unsafe_code, reason = "the rdkafka crate has no batch consumption; message by message costs twice as much")]

use std::ffi::CString;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings as c;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use tidegate_core::{Error, Result};

use super::cluster::failed;

/// Messages taken from the queue in one call.
const BATCH: usize = 1024;

/// A consumer of one whole topic, from its beginning.
pub struct Batches {
    topic: *mut c::rd_kafka_topic_t,
    queue: *mut c::rd_kafka_queue_t,
    /// Which partitions have been read to their end.
    ended: Vec<bool>,
    taken: Vec<*mut c::rd_kafka_message_t>,
    /// Last: it outlives what was made from it.
    _consumer: BaseConsumer,
}

// SAFETY: librdkafka's handles may be used from any thread, and one thread at a time owns these.
unsafe impl Send for Batches {}

/// A message, borrowed from the client.
pub struct Borrowed<'a> {
    /// Partition.
    pub partition: i32,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl Batches {
    /// Starts fetching committed messages of all partitions, with the settings of Tidegate's own source.
    ///
    /// # Errors
    /// A cluster that does not answer, a topic that does not exist.
    pub fn open(bootstrap: &str, topic: &str) -> Result<Batches> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("enable.partition.eof", "true");
        config.set("isolation.level", "read_committed").set("enable.auto.commit", "false");
        config.set("fetch.queue.backoff.ms", "2").set("queued.max.messages.kbytes", "16384");
        let consumer: BaseConsumer = config.create().map_err(|e| failed("making a consumer", &e))?;
        let metadata = consumer
            .fetch_metadata(Some(topic), Duration::from_secs(10))
            .map_err(|e| failed("asking for a topic", &e))?;
        let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
        let name = CString::new(topic).map_err(|_| Error::user("a topic's name has no NUL"))?;
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as what is made here, which `drop` releases before it.
        let mut batches = unsafe {
            let queue = c::rd_kafka_queue_new(client);
            let handle = c::rd_kafka_topic_new(client, name.as_ptr(), ptr::null_mut());
            Batches {
                topic: handle,
                queue,
                ended: Vec::new(),
                taken: vec![ptr::null_mut(); BATCH],
                _consumer: consumer,
            }
        };
        let first = i64::from(c::RD_KAFKA_OFFSET_BEGINNING);
        for partition in 0..partitions {
            // SAFETY: both handles are live.
            if unsafe { c::rd_kafka_consume_start_queue(batches.topic, partition as i32, first, batches.queue) } != 0 {
                return Err(Error::external(format!("topic '{topic}' partition {partition} cannot be fetched")));
            }
            batches.ended.push(false);
        }
        if partitions == 0 {
            return Err(Error::external(format!("topic '{topic}' does not exist")));
        }
        Ok(batches)
    }

    /// Whether every partition has been read to its end.
    pub fn at_end(&self) -> bool {
        self.ended.iter().all(|&e| e)
    }

    /// Gives the next messages to `each`; waits for the first one at most this long.
    ///
    /// # Errors
    /// What the client says instead of a message.
    pub fn next(&mut self, wait: Duration, mut each: impl FnMut(&Borrowed<'_>)) -> Result<()> {
        // librdkafka waits until a batch is full or the time is over: wait for one, then take what is there.
        let mut count = self.receive(0, BATCH, 0);
        if count == 0 {
            count = self.receive(0, 1, c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX));
            count += self.receive(count, BATCH - count, 0);
        }
        let mut refused = Ok(());
        for &message in &self.taken[..count] {
            // SAFETY: the queue has filled in `count` live messages, each destroyed once; key and payload
            // are valid for their lengths until then.
            unsafe {
                let m = &*message;
                match Code::from(m.err) {
                    Code::NoError => {
                        each(&Borrowed {
                            partition: m.partition,
                            key: bytes(m.key, m.key_len),
                            value: bytes(m.payload, m.len),
                        });
                    }
                    Code::PartitionEOF => {
                        if let Some(ended) = self.ended.get_mut(m.partition as usize) {
                            *ended = true;
                        }
                    }
                    code => refused = Err(Error::external(format!("consuming: {code}"))),
                }
                c::rd_kafka_message_destroy(message);
            }
        }
        refused
    }

    fn receive(&mut self, from: usize, most: usize, wait_ms: c_int) -> usize {
        let room = &mut self.taken[from..from + most];
        // SAFETY: there is room for `most` pointers.
        let got = unsafe { c::rd_kafka_consume_batch_queue(self.queue, wait_ms, room.as_mut_ptr(), most) };
        usize::try_from(got).unwrap_or(0)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // SAFETY: made in `open`, released once, before the client that they belong to.
        unsafe {
            for partition in 0..self.ended.len() {
                c::rd_kafka_consume_stop(self.topic, partition as i32);
            }
            c::rd_kafka_topic_destroy(self.topic);
            c::rd_kafka_queue_destroy(self.queue);
        }
    }
}

/// # Safety
/// `at` is NULL or valid for `length` bytes.
unsafe fn bytes<'a>(at: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's obligation.
    (!at.is_null()).then(|| unsafe { std::slice::from_raw_parts(at.cast(), length) })
}
