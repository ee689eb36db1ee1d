//! Topics of the benchmark: made, filled, measured, deleted.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_core::{Error, Result};

use super::batches::Batches;
use crate::data::{self, generate};
use crate::jobs::{Job, SEED};

/// Partitions of every topic.
pub const PARTITIONS: i32 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

/// A client's error, as an error of ours.
pub fn failed(doing: &str, e: &KafkaError) -> Error {
    Error::external(format!("{doing}: {e}"))
}

/// The cluster under test.
pub struct Cluster {
    /// Its brokers.
    pub bootstrap: String,
    admin: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
}

/// What is in one or several topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Volume {
    /// Committed messages.
    pub messages: u64,
    /// Bytes of all keys.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
}

impl Cluster {
    /// Connects.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn connect(bootstrap: &str) -> Result<Cluster> {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .create()
            .map_err(|e| failed("making a client", &e))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let cluster = Cluster { bootstrap: bootstrap.to_owned(), admin, runtime };
        cluster
            .names()
            .map_err(|e| e.context(format!("asking {bootstrap}")).help("start a broker as the README says"))?;
        Ok(cluster)
    }

    fn names(&self) -> Result<Vec<String>> {
        let all = self.admin.inner().fetch_metadata(None, PATIENCE).map_err(|e| failed("listing topics", &e))?;
        Ok(all.topics().iter().map(|t| t.name().to_owned()).collect())
    }

    /// Makes topics and waits until they are there.
    ///
    /// # Errors
    /// They exist, or may not be made.
    pub fn create(&self, names: &[String]) -> Result<()> {
        let new: Vec<_> = names.iter().map(|n| NewTopic::new(n, PARTITIONS, TopicReplication::Fixed(1))).collect();
        let made = self.runtime.block_on(self.admin.create_topics(&new, &AdminOptions::new()));
        for result in made.map_err(|e| failed("making topics", &e))? {
            result.map_err(|(name, code)| Error::external(format!("making topic '{name}': {code}")))?;
        }
        self.wait_for(|there| names.iter().all(|n| there.contains(n)))
    }

    /// Deletes topics that may be there, and waits until they are gone.
    ///
    /// # Errors
    /// They may not be deleted.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let texts: Vec<&str> = names.iter().map(String::as_str).collect();
        let gone = self.runtime.block_on(self.admin.delete_topics(&texts, &AdminOptions::new()));
        for result in gone.map_err(|e| failed("deleting topics", &e))? {
            match result {
                Ok(_) | Err((_, Code::UnknownTopicOrPartition)) => {}
                Err((name, code)) => return Err(Error::external(format!("deleting topic '{name}': {code}"))),
            }
        }
        self.wait_for(|there| names.iter().all(|n| !there.contains(n)))
    }

    /// Deletes what a run has made: its outputs, and the fences of its job, whose names contain its own.
    ///
    /// # Errors
    /// As for [`Cluster::delete`].
    pub fn delete_of(&self, run: &str) -> Result<()> {
        self.delete(&self.names()?.into_iter().filter(|n| n.contains(run)).collect::<Vec<_>>())
    }

    fn wait_for(&self, is_so: impl Fn(&[String]) -> bool) -> Result<()> {
        let start = Instant::now();
        while !is_so(&self.names()?) {
            if start.elapsed() > PATIENCE {
                return Err(Error::external("topics that were made or deleted do not show in the cluster"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Records between beginning and end of all partitions.
    fn records(&self, topic: &str) -> Result<u64> {
        let mut records = 0;
        for partition in 0..PARTITIONS {
            let ends = self.admin.inner().fetch_watermarks(topic, partition, PATIENCE);
            let (low, high) = ends.map_err(|e| failed(&format!("asking for the end of '{topic}'"), &e))?;
            records += u64::try_from(high - low).unwrap_or(0);
        }
        Ok(records)
    }

    /// The topic with a job's first messages, made where it is not there yet.
    ///
    /// # Errors
    /// The cluster does not take them.
    pub fn input(&self, job: &Job, rows: u64) -> Result<String> {
        let topic = format!("bench-in-{}-{rows}", job.topic);
        if self.names()?.contains(&topic) {
            if self.records(&topic)? == rows {
                return Ok(topic);
            }
            self.delete(std::slice::from_ref(&topic))?;
        }
        eprintln!("making {rows} messages for {} …", job.topic);
        self.create(std::slice::from_ref(&topic))?;
        let producer = self.producer(&[("linger.ms", "20"), ("queue.buffering.max.kbytes", "262144")])?;
        let mut sent = Ok(());
        generate(job.workload, rows, SEED, |m| {
            if sent.is_ok() {
                sent = send(&producer, &topic, &m);
            }
        });
        sent?;
        producer.flush(PATIENCE).map_err(|e| failed("producing", &e))?;
        match self.records(&topic)? {
            n if n == rows => Ok(topic),
            n => Err(Error::external(format!("topic '{topic}' took {n} of {rows} messages"))),
        }
    }

    /// A producer that keeps the order.
    ///
    /// # Errors
    /// A property that is not one.
    pub fn producer(&self, properties: &[(&str, &str)]) -> Result<BaseProducer> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set("enable.idempotence", "true");
        config.set("delivery.report.only.error", "true");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        config.create().map_err(|e| failed("making a producer", &e))
    }

    /// How much committed data topics hold.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn volume(&self, topics: &[String]) -> Result<Volume> {
        let mut volume = Volume::default();
        for topic in topics {
            let mut batches = Batches::open(&self.bootstrap, topic)?;
            while !batches.at_end() {
                batches.next(Duration::from_millis(100), |m| {
                    volume.messages += 1;
                    volume.key_bytes += m.key.map_or(0, <[u8]>::len) as u64;
                    volume.value_bytes += m.value.map_or(0, <[u8]>::len) as u64;
                })?;
            }
        }
        Ok(volume)
    }
}

fn send(producer: &BaseProducer, topic: &str, m: &data::Message) -> Result<()> {
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(m.partition as i32).payload(m.value.as_bytes());
    if let Some(key) = &m.key {
        record = record.key(key.as_bytes());
    }
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(Code::QueueFull), back)) => {
                record = back;
                producer.poll(Duration::from_millis(5));
            }
            Err((e, _)) => return Err(failed("producing", &e)),
        }
    }
}
