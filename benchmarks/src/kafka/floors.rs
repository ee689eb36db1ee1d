//! Two loops that do the least a job with Kafka at both ends could do. Each runs as a process of its
//! own, so that CPU time and memory are those of a whole process, as for the jobs.
#![allow(unsafe_code, reason = "a floor must not copy more than it has to: messages are handed over in place")]

use std::ffi::CString;
use std::os::raw::c_void;
use std::ptr;
use std::time::Duration;

use clap::ValueEnum;
use rdkafka::ClientConfig;
use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer};
use tidegate_core::{Error, Result};

use super::batches::{Batches, Borrowed};
use super::cluster::{PARTITIONS, failed};
use crate::floor::{BATCH, Columns, decode};
use crate::jobs;

/// Bytes of one transaction.
const TRANSACTION: usize = 16 << 20;
/// Messages handed to the producer in one call.
const HANDED: usize = 4096;
const WAIT: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

/// What a loop does with what it consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Decodes the columns that the job reads.
    Decode,
    /// Produces as much as the job does.
    Copy,
}

/// One run of a floor.
#[derive(clap::Args)]
pub struct Args {
    /// Which
    kind: Kind,
    /// The job beside which it stands
    job: String,
    /// Brokers
    bootstrap: String,
    /// Topic that is consumed from beginning to end
    topic: String,
    /// Topic that is produced to
    #[arg(long, default_value = "")]
    out: String,
    /// Messages to consume
    #[arg(long, default_value_t = 0)]
    rows: u64,
    /// Messages to produce
    #[arg(long, default_value_t = 0)]
    messages: u64,
    /// Bytes of all their keys
    #[arg(long, default_value_t = 0)]
    key_bytes: u64,
    /// Bytes of all their values
    #[arg(long, default_value_t = 0)]
    value_bytes: u64,
}

/// Runs it.
///
/// # Errors
/// A topic that cannot be read or written.
pub fn run(args: &Args) -> Result<()> {
    match args.kind {
        Kind::Decode => consume_and_decode(args),
        Kind::Copy => consume_and_produce(args),
    }
}

fn consume_and_decode(args: &Args) -> Result<()> {
    let names = [args.job.clone()];
    let workload = jobs::chosen(&names)?.first().map(|j| j.workload).ok_or_else(|| Error::internal("no such job"))?;
    let mut batches = Batches::open(&args.bootstrap, &args.topic)?;
    let mut columns = Columns::new();
    let (mut rows, mut in_batch, mut bad) = (0, 0, 0u64);
    while !batches.at_end() {
        batches.next(WAIT, |m| {
            let text = m.value.and_then(|v| std::str::from_utf8(v).ok());
            if text.is_none_or(|t| decode(workload, t, &mut columns).is_err()) {
                bad += 1;
            }
            rows += 1;
            in_batch += 1;
            if in_batch == BATCH {
                columns.finish();
                in_batch = 0;
            }
        })?;
    }
    columns.finish();
    expect(args, rows)?;
    if bad > 0 { Err(Error::internal(format!("{bad} messages do not parse"))) } else { Ok(()) }
}

fn expect(args: &Args, rows: u64) -> Result<()> {
    if rows == args.rows {
        return Ok(());
    }
    Err(Error::external(format!("topic '{}' gave {rows} of {} messages", args.topic, args.rows)))
}

fn consume_and_produce(args: &Args) -> Result<()> {
    let mut batches = Batches::open(&args.bootstrap, &args.topic)?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &args.bootstrap)
        .set("transactional.id", &args.out)
        .set("delivery.report.only.error", "true")
        .set("queue.buffering.max.messages", "2000000")
        .set("queue.buffering.max.kbytes", "1048576")
        .create()
        .map_err(|e| failed("making a producer", &e))?;
    producer.init_transactions(PATIENCE).map_err(|e| failed("beginning", &e))?;
    let mut open = Transaction::begin(&producer, &args.out)?;
    let (mut rows, mut made) = (0, Share::default());
    let mut failure = Ok(());
    while !batches.at_end() {
        batches.next(WAIT, |m| {
            rows += 1;
            while failure.is_ok() && made.messages * args.rows < rows * args.messages {
                let (key, value) = made.next(args);
                failure = open.add(m, key, value);
            }
        })?;
        std::mem::replace(&mut failure, Ok(()))?;
    }
    open.commit()?;
    expect(args, rows)
}

/// What has been produced so far: keys and values get longer by one byte here and there, so that all
/// together have exactly the bytes that were asked for.
#[derive(Default)]
struct Share {
    messages: u64,
}

impl Share {
    /// Lengths of the next message's key and value.
    fn next(&mut self, args: &Args) -> (usize, usize) {
        let upto = |bytes: u64, n: u64| u128::from(bytes) * u128::from(n) / u128::from(args.messages.max(1));
        let n = self.messages;
        self.messages += 1;
        let length = |bytes| (upto(bytes, n + 1) - upto(bytes, n)) as usize;
        (length(args.key_bytes), length(args.value_bytes))
    }
}

/// A transaction that is being filled: messages stay in one buffer until it has been committed.
struct Transaction<'p> {
    producer: &'p BaseProducer,
    topic: *mut c::rd_kafka_topic_t,
    /// Never freed: where the loop fails the client may still be sending from it.
    bytes: &'static mut Vec<u8>,
    waiting: Vec<c::rd_kafka_message_t>,
}

impl<'p> Transaction<'p> {
    fn begin(producer: &'p BaseProducer, topic: &str) -> Result<Transaction<'p>> {
        let name = CString::new(topic).map_err(|_| Error::user("a topic's name has no NUL"))?;
        // SAFETY: the producer outlives the handle.
        let handle = unsafe { c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        // `rd_kafka_produce_batch` puts partition -1 of a topic that is not known yet into the transaction,
        // which no broker accepts.
        let known = producer.client().fetch_metadata(Some(topic), PATIENCE);
        known.map_err(|e| failed("asking for a topic", &e))?;
        producer.begin_transaction().map_err(|e| failed("beginning", &e))?;
        let bytes = Box::leak(Box::new(Vec::with_capacity(TRANSACTION)));
        Ok(Transaction { producer, topic: handle, bytes, waiting: Vec::with_capacity(HANDED) })
    }

    /// Adds a message made of the bytes of another one.
    fn add(&mut self, from: &Borrowed<'_>, key: usize, value: usize) -> Result<()> {
        if self.bytes.len() + key + value > self.bytes.capacity() {
            self.commit()?;
            self.producer.begin_transaction().map_err(|e| failed("beginning", &e))?;
        }
        let source = from.value.unwrap_or(b"-");
        let (key, value) = (self.take(source, key), self.take(source, value));
        // SAFETY: an all-zero message is a valid one.
        let mut message: c::rd_kafka_message_t = unsafe { std::mem::zeroed() };
        message.partition = from.partition % PARTITIONS;
        (message.key, message.key_len) = key;
        (message.payload, message.len) = value;
        self.waiting.push(message);
        if self.waiting.len() == HANDED { self.hand_over() } else { Ok(()) }
    }

    /// Copies this many bytes, the source over and over where it is too short. The buffer never grows.
    fn take(&mut self, source: &[u8], length: usize) -> (*mut c_void, usize) {
        let start = self.bytes.len();
        while self.bytes.len() < start + length {
            let rest = start + length - self.bytes.len();
            self.bytes.extend_from_slice(&source[..rest.min(source.len())]);
        }
        if length == 0 { (ptr::null_mut(), 0) } else { (self.bytes[start..].as_mut_ptr().cast(), length) }
    }

    fn hand_over(&mut self) -> Result<()> {
        let count = self.waiting.len() as i32;
        let flags = c::RD_KAFKA_MSG_F_PARTITION;
        // SAFETY: the messages point into `bytes`, which stays as it is until they have been delivered.
        let taken = unsafe { c::rd_kafka_produce_batch(self.topic, -1, flags, self.waiting.as_mut_ptr(), count) };
        let refused = self.waiting.iter().map(|m| Code::from(m.err)).find(|code| *code != Code::NoError);
        self.waiting.clear();
        match refused {
            Some(code) if taken != count => Err(Error::external(format!("producing: {code}"))),
            _ => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<()> {
        self.hand_over()?;
        self.producer.commit_transaction(PATIENCE).map_err(|e| failed("committing", &e))?;
        self.bytes.clear();
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: made in `begin`, released once.
        unsafe { c::rd_kafka_topic_destroy(self.topic) };
    }
}
