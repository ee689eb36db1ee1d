//! Fetching a partition without librdkafka in between: the records of a batch are read where they lie.
//!
//! librdkafka makes an object of each record, on one thread, and hands it over to another: more than the
//! decoding of most jobs costs. What is fetched here is the same, through a connection of its own to the
//! partition's leader; who leads, and everything else, is librdkafka's business.
//!
//! ```text
//! link        finds the leader and connects, aside; again whenever something is wrong
//! connection  frames over TCP          calls   the questions and answers
//! answer      batches → records        batch   the format; codec, aborted: what stands in the way
//! ```
//!
//! While one answer is read the next is on its way. An answer is asked for by the topic's id: another topic of
//! the same name is never read. [`Limits::of`] says where it cannot be done; then [`crate::native::fetch`] does it.
//!
//! | what goes wrong | what becomes of it |
//! |---|---|
//! | no leader, no connection, a connection that ends, an answer that is late or makes no sense | connected again after a pause; `take_outage` says so if that does not help |
//! | the broker is no longer the leader, or does not know the topic (yet) | the same |
//! | the offset is not there; the right to read is missing | [`Fetched::Failed`] |
//! | another history behind the record read last (unclean election) | [`Fetched::Failed`] with `LogTruncation` |
//! | a batch that is damaged | [`Fetched::Failed`] with `BadMessage` |
//! | a broker before 3.1, records of a format before 0.11 | [`Fetch::unable`]: librdkafka goes on |

mod aborted;
mod answer;
pub(crate) mod batch;
mod calls;
mod codec;
mod connection;
mod limits;
mod link;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaRespErr;

use self::answer::{Answer, Stop};
use self::calls::{Asked, TopicId};
use self::connection::Frame;
pub(crate) use self::limits::Limits;
use self::link::{Link, Step, Way};
use crate::client::Context;
use crate::fetched::{Fetched, Taker};
use crate::source::Buffers;

thread_local! {
    /// What answers come into. The partitions that a thread reads share it: it is most likely still in the cache of
    /// its processor.
    static MEMORY: Buffers = Buffers::default();
}

/// A partition that is being fetched.
pub(crate) struct Fetch {
    way: Way,
    link: Link,
    /// What to ask for next, or has been asked for.
    asked: Asked,
    correlation: i32,
    next: Next,
    /// The answer that is coming in, or has come.
    incoming: Frame,
    /// The answer that is read.
    answer: Answer,
    end: Option<i64>,
    outage: Option<String>,
    /// Something of which nothing more comes.
    ended: Option<Ended>,
    pause: Duration,
}

/// How it stands with the answer after the one that is read.
enum Next {
    Unasked,
    /// It, or more of it, has to come until then.
    Asked(Instant),
    /// All of it is there.
    There,
}

/// Something that another connection may mend.
struct Broken(String);

/// Something that it does not.
enum Ended {
    Failed(Code, String),
    Unable(&'static str),
}

impl Fetch {
    /// Starts fetching at an offset, for the thread that calls this.
    pub(crate) fn start(
        client: Arc<BaseConsumer<Context>>,
        limits: Arc<Limits>,
        (topic, id): (&str, TopicId),
        partition: i32,
        offset: i64,
    ) -> Fetch {
        Fetch {
            pause: limits.pause,
            answer: Answer::new(limits.check),
            way: Way { client, topic: topic.to_owned(), partition, limits },
            link: Link::Pause(Instant::now()),
            asked: Asked { topic: id, partition, offset, epoch: -1 },
            correlation: 0,
            next: Next::Unasked,
            incoming: Frame::new(MEMORY.with(Buffers::clone)),
            end: None,
            outage: None,
            ended: None,
        }
    }

    /// Gives what has been fetched to `taker`, in order, up to `most` records; waits for the first one at most
    /// this long. How many records that were. Those of the first batch that are before the offset come too.
    pub(crate) fn take(&mut self, most: usize, wait: Duration, taker: &mut impl Taker) -> usize {
        let deadline = Instant::now() + wait;
        let mut count = 0;
        // Keeps the next answer coming while this one is read.
        let mut now = Instant::now();
        self.go_on(now);
        loop {
            match self.answer.take(most, &mut count, taker) {
                Ok(false) => {}
                Ok(true) => return count,
                Err(stop) => self.ended = Some(stop.into()),
            }
            if count == most {
                return count;
            }
            if let Some(ended) = &self.ended {
                if let Ended::Failed(code, why) = ended {
                    taker.take(Fetched::Failed(*code, why.clone()));
                }
                return count;
            }
            now = Instant::now();
            self.go_on(if count == 0 { deadline } else { now });
            if self.answer.is_over() && self.ended.is_none() && (count > 0 || now >= deadline) {
                return count;
            }
        }
    }

    /// The end of the partition as the last answer told; `None` before the first.
    pub(crate) fn known_end(&self) -> Option<i64> {
        self.end
    }

    /// Why nothing can be fetched at the moment, since this was last asked.
    pub(crate) fn take_outage(&mut self) -> Option<String> {
        self.outage.take()
    }

    /// Why librdkafka has to go on, if it has.
    pub(crate) fn unable(&self) -> Option<&'static str> {
        match self.ended {
            Some(Ended::Unable(why)) => Some(why),
            _ => None,
        }
    }

    /// Whatever can be done about the next answer until then.
    fn go_on(&mut self, deadline: Instant) {
        if let Err(Broken(why)) = self.advance(deadline) {
            let (topic, partition) = (&self.way.topic, self.way.partition);
            tracing::info!("reading topic {topic} partition {partition}: {why}; connecting again");
            // Once is nothing: brokers close connections that were idle, and leaders move.
            self.outage = (self.pause > self.way.limits.pause).then_some(why);
            self.next = Next::Unasked;
            self.link = Link::Pause(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(self.way.limits.longest_pause);
        }
    }

    fn advance(&mut self, deadline: Instant) -> Result<(), Broken> {
        if matches!(self.next, Next::There) {
            return self.turn();
        }
        match self.link.step(&self.way, deadline) {
            Step::Wait => return Ok(()),
            Step::Unreachable(why) => return Err(Broken(why)),
            Step::TooOld => {
                self.ended = Some(Ended::Unable("the broker is older than Kafka 3.1"));
                return Ok(());
            }
            Step::Open => {}
        }
        self.ask()?;
        let Link::Open(connection) = &mut self.link else { return Ok(()) };
        let had = self.incoming.body().len();
        if connection.receive(&mut self.incoming, deadline.saturating_duration_since(Instant::now()))? {
            self.next = Next::There;
            return self.turn();
        }
        if self.incoming.body().len() > had {
            self.next = self.asked_now();
        }
        match self.next {
            Next::Asked(due) if Instant::now() > due => Err(Broken("the broker does not answer".to_owned())),
            _ => Ok(()),
        }
    }

    fn asked_now(&self) -> Next {
        Next::Asked(Instant::now() + self.way.limits.answer_within)
    }

    fn ask(&mut self) -> Result<(), Broken> {
        let (Next::Unasked, Link::Open(connection)) = (&self.next, &mut self.link) else { return Ok(()) };
        self.correlation = self.correlation.wrapping_add(1);
        self.incoming.clear();
        connection.send(&calls::ask(&self.asked, &self.way.limits.manner, self.correlation))?;
        self.next = self.asked_now();
        Ok(())
    }

    /// From the answer that has been read to the one that is there, if so.
    fn turn(&mut self) -> Result<(), Broken> {
        if !self.answer.is_over() {
            return Ok(());
        }
        self.next = Next::Unasked;
        let body = self.incoming.body();
        let told = calls::answered(body, self.correlation);
        let told = told.ok_or_else(|| Broken("the broker's answer makes no sense".to_owned()))?;
        if let Some(ended) = wrong(&told)? {
            self.ended = Some(ended);
            return Ok(());
        }
        if let Some((next, epoch)) = answer::reaches(&body[told.batches.clone()]) {
            (self.asked.offset, self.asked.epoch) = (next.max(self.asked.offset), epoch);
        }
        self.end = Some(told.end);
        self.pause = self.way.limits.pause;
        self.answer.begin(self.incoming.lend(), told.batches, told.aborted);
        self.ask()
    }
}

/// librdkafka has no name for it.
const INCONSISTENT_TOPIC_ID: i16 = 103;

/// What an answer without records means, if it is one.
fn wrong(told: &calls::Told) -> Result<Option<Ended>, Broken> {
    if let Some(end) = told.parted {
        let what = format!("the records that were read after offset {end} have been replaced by others");
        return Ok(Some(Ended::Failed(Code::LogTruncation, what)));
    }
    if told.error == INCONSISTENT_TOPIC_ID {
        return Err(Broken("the broker knows the topic by another id".to_owned()));
    }
    let code = RDKafkaRespErr::try_from(i32::from(told.error)).map_or(Code::Unknown, Code::from);
    match code {
        Code::NoError => Ok(None),
        Code::UnknownTopicOrPartition
        | Code::UnknownTopicId
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::ReplicaNotAvailable
        | Code::OffsetNotAvailable
        | Code::KafkaStorageError
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::RequestTimedOut => Err(Broken(code.to_string())),
        _ => Ok(Some(Ended::Failed(code, format!("error {}", told.error)))),
    }
}

impl From<io::Error> for Broken {
    fn from(e: io::Error) -> Broken {
        Broken(e.to_string())
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Ended {
        match stop {
            Stop::Damaged(what) => Ended::Failed(Code::BadMessage, what),
            Stop::Old => Ended::Unable("records are of a format before Kafka 0.11"),
        }
    }
}
