//! One unit as one transaction, and what became of it. Blocks.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_core::{ChangeBatch, Error, Result, failpoint};

use super::Target;
use super::fence::{Note, Refused};
use super::producer::TopicProducer;
use super::rows::{Message, Messages};
use crate::client::Context;
use crate::error;
use crate::native::produce::{Batches, flush};

/// One wait for the broker; errors of deliveries are looked at in between.
const SLICE: Duration = Duration::from_millis(20);
/// How long an abort may take before the producer is given up.
const ABORT: Duration = Duration::from_secs(10);
/// What a message costs a batch beyond its own bytes, about.
const OVERHEAD: usize = 200;
const PER_MESSAGE: usize = 24;
/// Messages and bytes of one request, as librdkafka has them by default.
const MOST_MESSAGES: usize = 10_000;
const DEFAULT_REQUEST: usize = 1_000_000;

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Sent {
    /// Committed.
    Committed,
    /// Aborted; these rows can never be written (number in the unit, reason).
    Refused(Vec<(u64, String)>),
    /// Aborted; the same may be tried again, in smaller pieces where it took too long.
    Again { why: String, too_slow: bool },
    /// Aborted; trying again is useless.
    Never(Error),
    /// It is not known what became of it, and the producer cannot be used any more.
    Unclear { why: String, fenced: bool },
}

/// A producer whose transactional id has been initialised: nothing of an earlier one is pending.
pub(super) struct Transactions {
    producer: TopicProducer,
    id: String,
}

impl Transactions {
    /// Takes the id over: an earlier producer under it is shut out, what it left open is aborted.
    pub(super) fn open(target: &Target, id: &str) -> Result<Transactions> {
        let producer = target.connection.settings.producer(Some(id), target.largest)?;
        let told = producer.client().context().told();
        let doing = format!("taking over transactional id '{id}'");
        producer.init_transactions(target.connection.settings.patience).map_err(|e| {
            producer.poll(Duration::ZERO);
            told.refusal().unwrap_or_else(|| {
                let error = error::of(&e, &doing);
                if matches!(e.rdkafka_error_code(), Some(Code::Fenced | Code::ProducerFenced)) {
                    // Somebody else takes it over at this moment: whoever comes last has it.
                    return Error::external(error.message().to_owned());
                }
                error
            })
        })?;
        let producer = TopicProducer::new(producer, target)?;
        Ok(Transactions { producer, id: id.to_owned() })
    }

    /// Writes rows and a fence in one transaction. The producer comes back unless what became
    /// of it is unclear.
    pub(super) fn send(
        self,
        target: &Target,
        rows: &[ChangeBatch],
        fence: &Note,
        deadline: Duration,
    ) -> (Sent, Option<Transactions>) {
        // After a commit or an abort nothing points at the rows any more; otherwise the producer goes.
        match self.send_rows(target, rows, fence, deadline) {
            sent @ (Sent::Unclear { .. } | Sent::Never(_)) => (sent, None),
            Sent::Committed => (Sent::Committed, Some(self)),
            sent @ (Sent::Refused(_) | Sent::Again { .. }) => {
                self.producer.doubt();
                (sent, Some(self))
            }
        }
    }

    fn send_rows(&self, target: &Target, rows: &[ChangeBatch], fence: &Note, deadline: Duration) -> Sent {
        let until = Instant::now() + deadline;
        let producer = self.producer.get();
        let told = producer.client().context().told();
        told.take_undelivered();
        told.take_denied();
        // A fence alone needs no topic but its own.
        if !rows.is_empty()
            && let Err(stop) = self.producer.know(target, until)
        {
            return self.judge(target, rows, stop);
        }
        if let Err(e) = producer.begin_transaction() {
            return unclear(&e);
        }
        // SAFETY: `send` returns only when the producer has finished with the rows, or drops it.
        #[allow(unsafe_code, reason = "values are not copied; see native::produce")]
        let produced = unsafe { produce(producer, target, rows, until) };
        if let Err(stop) = produced {
            return self.abort(|| self.judge(target, rows, stop));
        }
        failpoint::hit("send.rows");
        if let Err(refused) = fence.put(producer, left(until)) {
            return self.without_fence(refused);
        }
        if let Err(stop) = delivered(producer, until) {
            return self.abort(|| self.judge(target, rows, stop));
        }
        failpoint::hit("send.fence");
        if let Err(e) = producer.commit_transaction(left(until)) {
            return self.not_committed(&e);
        }
        failpoint::hit("send.committed");
        Sent::Committed
    }

    /// The fence could not be added to the transaction.
    fn without_fence(&self, Refused { code, reason, fatal }: Refused) -> Sent {
        if fatal {
            return Sent::Unclear { why: reason, fenced: is_fenced(code) };
        }
        self.abort(|| match error::of_code(code, &format!("writing the fence: {reason}")) {
            e if !error::is_missing(code) && e.domain() == tidegate_core::Domain::User => Sent::Never(e),
            _ => Sent::Again { why: reason.clone(), too_slow: false },
        })
    }

    /// The commit was not acknowledged.
    fn not_committed(&self, e: &KafkaError) -> Sent {
        let KafkaError::Transaction(error) = e else { return unclear(e) };
        if error.txn_requires_abort() && !error.is_fatal() {
            let why = error.string();
            let code = error.code();
            return self.abort(|| match error::of_code(code, &why) {
                e if !error::is_missing(code) && e.domain() == tidegate_core::Domain::User => Sent::Never(e),
                _ => Sent::Again { why: why.clone(), too_slow: false },
            });
        }
        unclear(e)
    }

    fn judge(&self, target: &Target, rows: &[ChangeBatch], stop: Stop) -> Sent {
        match self.producer.get().client().context().told().take_denied() {
            Some(denied) => Sent::Never(denied),
            None => judge(target, rows, stop),
        }
    }

    /// Aborts; `then` says what that means. An abort that fails leaves the outcome open.
    fn abort(&self, then: impl FnOnce() -> Sent) -> Sent {
        let producer = self.producer.get();
        // The abort waits for deliveries to be heard of, which only polling does.
        let aborted = std::thread::scope(|scope| {
            let abort = scope.spawn(|| producer.abort_transaction(ABORT));
            while !abort.is_finished() {
                producer.poll(Duration::from_millis(5));
            }
            abort.join()
        });
        producer.client().context().told().take_undelivered();
        match aborted {
            Ok(Ok(())) => then(),
            // Where nothing could be added to the transaction the broker has none to abort. Nothing was
            // committed either way.
            Ok(Err(e)) => match then() {
                never @ Sent::Never(_) => never,
                _ => unclear(&e),
            },
            Err(_) => Sent::Unclear { why: format!("aborting under '{}' panicked", self.id), fenced: false },
        }
    }
}

/// Why messages are not at the broker.
pub(super) enum Stop {
    /// These cannot be delivered (number, reason).
    Undelivered(Vec<(usize, Code)>),
    /// The time is over.
    Slow(String),
    /// Not now.
    Later(String),
    /// A unit that is not one of messages.
    Bad(Error),
}

/// Writes messages, in order, and returns when the broker has them.
///
/// An idempotent producer has one request a partition under way, and spins while more are waiting
/// behind it: so no more is handed over than fits into one, then the answers are awaited.
///
/// The producer has to know the topic ([`TopicProducer::know`]).
///
/// # Safety
/// The rows have to stay where they are until this has returned well, or everything has been aborted
/// and answered, or the producer is gone.
#[allow(unsafe_code, reason = "values are not copied; see native::produce")]
pub(super) unsafe fn produce(
    producer: &BaseProducer<Context>,
    target: &Target,
    rows: &[ChangeBatch],
    until: Instant,
) -> Result<(), Stop> {
    let mut batches = Batches::new(producer, &target.topic.name).map_err(Stop::Bad)?;
    let mut room = Room::new(target);
    let mut refused = Vec::new();
    let mut number = 0;
    for batch in rows {
        let messages = Messages::of(&batch.rows).map_err(Stop::Bad)?;
        let plain = messages.is_plain();
        if !plain {
            // Those that wait in a batch come first.
            batches.send();
        }
        for i in 0..messages.len() {
            let m = messages.get(i);
            if !room.take(m.partition, m.size()) {
                refused.extend(batches.refused());
                if refused.is_empty() {
                    delivered(producer, until)?;
                }
                room.clear();
                room.take(m.partition, m.size());
            }
            if plain {
                // SAFETY: by the obligation of this function.
                unsafe { batches.push(m.partition, m.key, m.value, number) };
            } else if let Err(code) = enqueue_one(producer, target, &m, number) {
                refused.push((number, code));
            }
            number += 1;
        }
    }
    refused.extend(batches.refused());
    if refused.is_empty() { delivered(producer, until) } else { Err(Stop::Undelivered(refused)) }
}

/// What still fits into one request of each partition.
struct Room {
    most: usize,
    used: Vec<(usize, usize)>,
}

impl Room {
    fn new(target: &Target) -> Room {
        let most = target.largest.unwrap_or(DEFAULT_REQUEST).min(DEFAULT_REQUEST) / 10 * 9;
        Room { most, used: vec![(0, 0); target.topic.partitions as usize] }
    }

    /// Takes a message in, unless there is no room for it. The first always fits.
    fn take(&mut self, partition: i32, size: usize) -> bool {
        let Some((messages, bytes)) = self.used.get_mut(partition as usize) else { return true };
        if *messages > 0 && (*messages >= MOST_MESSAGES || *bytes + size + PER_MESSAGE > self.most) {
            return false;
        }
        (*messages, *bytes) = (*messages + 1, *bytes + size + PER_MESSAGE);
        true
    }

    fn clear(&mut self) {
        self.used.fill((0, 0));
    }
}

/// Waits until the broker has everything that was handed over.
pub(super) fn delivered(producer: &BaseProducer<Context>, until: Instant) -> Result<(), Stop> {
    let told = producer.client().context().told();
    loop {
        let done = flush(producer, SLICE);
        producer.poll(Duration::ZERO);
        let undelivered = told.take_undelivered();
        if !undelivered.is_empty() {
            return Err(Stop::Undelivered(undelivered));
        }
        if done {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Stop::Slow(format!("not written in time{}", told.hint())));
        }
    }
}

fn enqueue_one(producer: &BaseProducer<Context>, target: &Target, m: &Message<'_>, number: usize) -> Result<(), Code> {
    let mut record = BaseRecord::with_opaque_to(&target.topic.name, number).partition(m.partition);
    (record.key, record.payload, record.timestamp) = (m.key, m.value, m.timestamp);
    record.headers = m.headers.map(headers);
    match producer.send::<[u8], [u8]>(record) {
        Ok(()) => Ok(()),
        Err((e, _)) => Err(e.rdkafka_error_code().unwrap_or(Code::Fail)),
    }
}

fn unclear(e: &KafkaError) -> Sent {
    let code = match e {
        KafkaError::Transaction(error) => Some(error.code()),
        other => other.rdkafka_error_code(),
    };
    Sent::Unclear { why: e.to_string(), fenced: code.is_some_and(is_fenced) }
}

/// Whether another producer has taken the transactional id over.
fn is_fenced(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch | Code::InvalidProducerIdMapping)
}

/// What is left of a transaction's time; never so little that nothing could be heard.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1))
}

/// What it means that messages are not at the broker.
fn judge(target: &Target, rows: &[ChangeBatch], stop: Stop) -> Sent {
    let undelivered = match stop {
        Stop::Slow(why) => return Sent::Again { why, too_slow: true },
        Stop::Later(why) => return Sent::Again { why, too_slow: false },
        Stop::Bad(e) => return Sent::Never(e),
        Stop::Undelivered(all) => all,
    };
    let Some((number, code)) = undelivered.iter().find(|(_, c)| *c != Code::PurgeQueue) else {
        return Sent::Again { why: "messages were not delivered".to_owned(), too_slow: false };
    };
    match code {
        Code::MessageSizeTooLarge => too_large(target, rows, &undelivered),
        Code::MessageTimedOut => Sent::Again { why: format!("message {number}: {code}"), too_slow: true },
        code => match error::of_code(*code, &format!("writing to topic '{}'", target.topic.name)) {
            // Whether the topic is gone for good is seen by looking at it.
            e if !error::is_missing(*code) && e.domain() == tidegate_core::Domain::User => Sent::Never(e),
            e => Sent::Again { why: e.to_string(), too_slow: *code == Code::QueueFull },
        },
    }
}

/// The broker refuses whole batches. The messages to blame are those that come near the limit, and the
/// largest one where none does.
fn too_large(target: &Target, rows: &[ChangeBatch], undelivered: &[(usize, Code)]) -> Sent {
    let refused = |n: usize| undelivered.iter().any(|(m, c)| *m == n && *c == Code::MessageSizeTooLarge);
    let mut sizes = Vec::new();
    let mut number = 0;
    for batch in rows {
        let Ok(messages) = Messages::of(&batch.rows) else { continue };
        for i in 0..messages.len() {
            if refused(number) {
                sizes.push((number as u64, messages.get(i).size()));
            }
            number += 1;
        }
    }
    let largest = sizes.iter().map(|(_, s)| *s).max().unwrap_or(0);
    let limit = target.largest.map_or(largest, |l| l.saturating_sub(OVERHEAD)).min(largest);
    let reason = |size: usize| {
        let most = target.largest.map_or_else(String::new, |l| format!(", at most {l}"));
        format!(
            "a message of {size} bytes is larger than topic '{}' takes{most} (max.message.bytes)",
            target.topic.name
        )
    };
    Sent::Refused(sizes.into_iter().filter(|(_, s)| *s >= limit).map(|(n, s)| (n, reason(s))).collect())
}

fn headers(bytes: &[u8]) -> OwnedHeaders {
    let all = tidegate_core::raw::decode_headers(bytes);
    all.iter().fold(OwnedHeaders::new_with_capacity(all.len()), |out, (name, value)| {
        out.insert(Header { key: name, value: value.as_ref() })
    })
}
