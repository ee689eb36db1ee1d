//! A network that cuts, delays and swallows at every step of a commit: jobs wait and go on, none ever
//! ends by itself.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tidegate_integration_tests::broker::{Broker, Settings};
use tidegate_integration_tests::kafka_kill::Kill;
use tidegate_integration_tests::oracle;
use tidegate_integration_tests::process::Running;
use tidegate_integration_tests::proxy::{Act, Api, Proxy, Rule};
use tidegate_integration_tests::settle::copy_dir;

use super::{PATIENCE, fails, start_and_claim, start_and_replace};

/// Of transactions and of requests, ms.
const TRANSACTION: u32 = 2500;
const REQUEST: u32 = 1500;
/// Longer than a request waits, than a transaction is given, and than the broker keeps one open.
const LONG: Duration = Duration::from_millis(4500);

/// What a connection can do at a request.
const ACTS: [Act; 5] = [Act::CutBefore, Act::CutAfter, Act::CutAnswer, Act::Delay(LONG), Act::HalfClose];

/// A job behind the proxy that is fed while things go wrong.
struct Fed {
    job: Kill,
    running: Running,
    producer: BaseProducer,
    fed: i64,
}

impl Fed {
    fn start(broker: &Broker, proxy: &Proxy, fence: &'static str) -> Fed {
        let mut job = Kill::behind(&broker.bootstrap(), &proxy.bootstrap(), fence);
        (job.timeout, job.request, job.fence) = (TRANSACTION, REQUEST, fence);
        let running = start_and_claim(&job, job.unbounded());
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &job.direct)
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .create()
            .unwrap();
        Fed { job, running, producer, fed: 0 }
    }

    fn feed(&mut self) {
        assert!(self.running.is_running(), "it ended by itself: {}", self.running.stderr());
        for id in self.fed..self.fed + 20 {
            let (topic, value) = (self.job.topic("events"), oracle::event(id).to_string());
            let record: BaseRecord<'_, (), str> = BaseRecord::to(&topic).partition((id % 2) as i32).payload(&value);
            self.producer.send(record).map_err(|(e, _)| e).unwrap();
        }
        self.producer.flush(PATIENCE).unwrap();
        self.fed += 20;
    }

    fn settle(&mut self) {
        self.job.wait_counted(&mut self.running, self.fed);
    }

    /// SIGKILL, and at once a new process.
    fn again(&mut self) {
        self.running.kill();
        self.running = self.job.unbounded().start();
    }
}

/// Feeds until as many rules have been met.
fn feed_until_met(jobs: &mut [Fed], proxy: &Proxy, hits: usize, what: &str) {
    let start = std::time::Instant::now();
    while proxy.hits() < hits {
        jobs.iter_mut().for_each(Fed::feed);
        std::thread::sleep(Duration::from_millis(50));
        assert!(start.elapsed() < PATIENCE, "{what}: it was never met");
    }
}

fn broker_behind_a_proxy() -> Option<(Broker, Proxy)> {
    let reserved = Proxy::reserve();
    let settings = Settings::new().proxied(reserved.port()).env("KAFKA_TXN_ABORT_SCAN_MS", 500);
    let broker = Broker::start(settings)?;
    let proxy = reserved.start(&broker.proxy_listener());
    Some((broker, proxy))
}

#[test]
fn connections_that_fail_at_every_step() {
    let Some((broker, proxy)) = broker_behind_a_proxy() else { return };
    // Two places for the fence.
    let mut jobs = ["topic", "group"].map(|fence| Fed::start(&broker, &proxy, fence));

    steps_of_a_running_job(&mut jobs, &proxy);
    steps_of_settling_a_doubt(&mut jobs[..1], &proxy, &[Api::InitProducerId, Api::FindCoordinator, Api::ListOffsets]);
    steps_of_settling_a_doubt(&mut jobs[1..], &proxy, &[Api::InitProducerId, Api::OffsetFetch]);
    steps_of_a_start(&mut jobs, &proxy);
    for Fed { job, running, fed, .. } in jobs {
        running.terminate();
        running.wait(PATIENCE).ok();
        job.feed(fed..fed + 100);
        job.finish(fed + 100);
    }
}

/// Requests that a job makes all the time.
fn steps_of_a_running_job(jobs: &mut [Fed], proxy: &Proxy) {
    let transaction = [Api::AddPartitionsToTxn, Api::Produce, Api::AddOffsetsToTxn, Api::TxnOffsetCommit, Api::EndTxn];
    for api in transaction.into_iter().chain([Api::Fetch, Api::Metadata, Api::OffsetCommit]) {
        let late = transaction.contains(&api).then_some(Act::DelayRequest(LONG));
        for (i, act) in ACTS.into_iter().chain(late).enumerate() {
            let what = format!("{api:?} {act:?}");
            let hits = proxy.hits();
            proxy.arm(Rule { api, nth: 1 + i as u32 % 3, act });
            feed_until_met(jobs, proxy, hits + 1, &what);
        }
        jobs.iter_mut().for_each(Fed::settle);
    }
    let hits = proxy.hits();
    proxy.arm(Rule { api: Api::EndTxn, nth: 2, act: Act::BlackHole(LONG) });
    feed_until_met(jobs, proxy, hits + 1, "nothing passes");
    jobs.iter_mut().for_each(Fed::settle);
}

/// A commit without an answer, and then the requests that find out what became of it fail, too.
fn steps_of_settling_a_doubt(jobs: &mut [Fed], proxy: &Proxy, requests: &[Api]) {
    for &api in requests {
        for act in ACTS {
            let hits = proxy.hits();
            proxy.arm(Rule { api: Api::EndTxn, nth: 1, act: Act::HalfClose });
            proxy.arm(Rule { api, nth: 1, act });
            feed_until_met(jobs, proxy, hits + 2, &format!("a doubt, then {api:?} {act:?}"));
        }
        jobs.iter_mut().for_each(Fed::settle);
    }
}

/// Requests that a job makes when it starts.
fn steps_of_a_start(jobs: &mut [Fed], proxy: &Proxy) {
    // In turn of the one job and of the other, whose fence is in a group.
    let apis = [
        Api::ApiVersions,
        Api::OffsetFetch,
        Api::Metadata,
        Api::InitProducerId,
        Api::ListOffsets,
        Api::FindCoordinator,
        Api::Fetch,
    ];
    for (i, api) in apis.into_iter().enumerate() {
        for act in ACTS {
            let hits = proxy.hits();
            jobs[i % 2].again();
            proxy.arm(Rule { api, nth: 1, act });
            feed_until_met(jobs, proxy, hits + 1, &format!("a start, {api:?} {act:?}"));
        }
        jobs.iter_mut().for_each(Fed::settle);
    }
}

/// What a client knows of a topic ages while it hears nothing of the cluster. A batch for a topic that has
/// been forgotten costs the producer (see `sink/producer.rs`), which is then made anew.
#[test]
fn what_is_known_of_a_topic_is_asked_for_again_before_it_is_forgotten() {
    let Some((broker, proxy)) = broker_behind_a_proxy() else { return };
    let mut job = Kill::behind(&broker.bootstrap(), &proxy.bootstrap(), "knowledge");
    // Forgotten after three times as long. What is read goes on coming.
    (job.age, job.timeout, job.source) = (1000, 60_000, Some(job.direct.clone()));
    let mut running = start_and_claim(&job, job.unbounded());
    job.feed(0..100);
    job.wait_counted(&mut running, 100);
    let producers = proxy.seen(Api::InitProducerId);
    for round in 1..4 {
        let hits = proxy.hits();
        proxy.arm(Rule { api: Api::Metadata, nth: 1, act: Act::BlackHole(LONG) });
        proxy.await_hits(hits + 1);
        // Everything is forgotten by now, and nothing passes yet.
        std::thread::sleep(LONG.saturating_sub(Duration::from_millis(700)));
        job.feed(round * 100..round * 100 + 100);
        job.wait_counted(&mut running, round * 100 + 100);
    }
    assert_eq!(proxy.seen(Api::InitProducerId), producers, "a producer was lost");
    running.terminate();
    running.wait(PATIENCE).ok();
    job.feed(400..500);
    job.finish(500);
}

/// A commit is under way, its sender stands still, a copy takes over and finishes; then the commit
/// reaches the broker, and then the sender wakes up.
#[test]
fn a_commit_that_comes_after_the_successor() {
    let Some((broker, proxy)) = broker_behind_a_proxy() else { return };
    let mut job = Kill::behind(&broker.bootstrap(), &proxy.bootstrap(), "late");
    job.timeout = 60_000;
    job.feed(0..1000);
    job.settle(job.unbounded(), 1000);
    let earlier = start_and_claim(&job, job.unbounded());
    let owner = job.owner();
    let hits = proxy.hits();
    proxy.arm(Rule { api: Api::EndTxn, nth: 1, act: Act::DelayRequest(Duration::from_secs(12)) });
    let sent = std::time::Instant::now();
    job.feed(1000..1500);
    proxy.await_hits(hits + 1);
    earlier.pause();
    let copy = job.beside("copy");
    copy_dir(&job.state(), &copy);
    job.feed(1500..2000);
    let mut later = start_and_replace(&job, job.on(&copy), owner.as_ref());
    job.wait_counted(&mut later, 2000);
    assert!(sent.elapsed() < Duration::from_secs(12), "the commit was not late");
    std::thread::sleep(Duration::from_secs(13).saturating_sub(sent.elapsed()));
    earlier.resume();
    let said = fails(earlier, 4);
    assert!(said.contains("has been replaced"), "{said}");
    later.terminate();
    later.wait(PATIENCE).ok();
    job.on(&copy).args("--until latest").start().wait(PATIENCE).ok();
    job.check(2000);
}
