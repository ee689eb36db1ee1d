//! Making, changing and removing topics. Each function returns when the change can be seen.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{PATIENCE, client};

type Admin = AdminClient<DefaultClientContext>;

fn admin(bootstrap: &str) -> Admin {
    client(bootstrap).create().expect("an admin client")
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Makes a topic. Panics where it exists.
pub fn create(bootstrap: &str, topic: &str, partitions: i32) {
    create_with(bootstrap, topic, partitions, &[]);
}

/// Makes a topic with settings such as `cleanup.policy`.
pub fn create_with(bootstrap: &str, topic: &str, partitions: i32, config: &[(&str, &str)]) {
    let admin = admin(bootstrap);
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in config {
        new = new.set(name, value);
    }
    each_ok("create", wait(admin.create_topics([&new], &options())));
    until(&format!("topic {topic}"), || led(&admin, topic) == Some(partitions as usize));
}

/// Removes a topic. Panics where there is none.
pub fn delete(bootstrap: &str, topic: &str) {
    let admin = admin(bootstrap);
    each_ok("delete", wait(admin.delete_topics(&[topic], &options())));
    until(&format!("the end of topic {topic}"), || led(&admin, topic).is_none());
}

/// Brings a topic to this number of partitions.
pub fn add_partitions(bootstrap: &str, topic: &str, partitions: usize) {
    let admin = admin(bootstrap);
    let new = NewPartitions::new(topic, partitions);
    each_ok("add partitions to", wait(admin.create_partitions([&new], &options())));
    until(&format!("{partitions} partitions of {topic}"), || led(&admin, topic) == Some(partitions));
}

/// Removes the records of a partition before an offset, as retention does.
pub fn delete_records(bootstrap: &str, topic: &str, partition: i32, before: i64) {
    let admin = admin(bootstrap);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(before)).expect("an offset");
    let done = wait(admin.delete_records(&list, &options())).unwrap_or_else(|e| panic!("delete records: {e}"));
    for element in done.elements() {
        element.error().unwrap_or_else(|e| panic!("delete records of {topic} {partition} before {before}: {e}"));
    }
}

/// Whether there is such a topic.
pub fn exists(bootstrap: &str, topic: &str) -> bool {
    led(&admin(bootstrap), topic).is_some()
}

/// The number of a topic's partitions. Panics where there is none.
pub fn partitions(bootstrap: &str, topic: &str) -> usize {
    led(&admin(bootstrap), topic).unwrap_or_else(|| panic!("{bootstrap} has no topic {topic}"))
}

/// How many partitions with a leader a topic has; all topics are asked for, so that none is made.
fn led(admin: &Admin, topic: &str) -> Option<usize> {
    let all = admin.inner().fetch_metadata(None, PATIENCE).unwrap_or_else(|e| panic!("metadata: {e}"));
    let topic = all.topics().iter().find(|t| t.name() == topic)?;
    Some(topic.partitions().iter().filter(|p| p.leader() >= 0).count())
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}: not to be seen after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

type Results = Result<Vec<rdkafka::admin::TopicResult>, rdkafka::error::KafkaError>;

fn each_ok(what: &str, results: Results) {
    for result in results.unwrap_or_else(|e| panic!("{what}: {e}")) {
        result.unwrap_or_else(|(topic, e)| panic!("{what} {topic}: {e}"));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future of the admin client, which its own thread completes. No runtime, so that async
/// tests may call this too.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
