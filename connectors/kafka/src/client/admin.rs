//! Asking a cluster about its topics, blocking calls done aside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigEntry, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::MetadataBroker;
use tidegate_core::options::nearest;
use tidegate_core::{Error, Result};

use super::{Context, Settings};
use crate::error;
use crate::native::admin::{self, Described, OffsetAt, View};
use crate::native::coordinator::Asker;
use crate::native::groups;

/// A cluster that can be asked. Cheap to clone.
#[derive(Clone)]
pub struct Connection {
    /// How it is reached.
    pub settings: Arc<Settings>,
    asker: Arc<Asker>,
}

impl Connection {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn new(settings: Settings) -> Result<Connection> {
        let settings = Arc::new(settings);
        let made = settings.clone();
        let asker = Asker::new(move || made.reader(1));
        asker.client()?;
        Ok(Connection { settings, asker: Arc::new(asker) })
    }

    /// Runs a blocking call on a thread that may block.
    ///
    /// # Errors
    /// Of the call.
    pub async fn aside<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        let place = self.settings.bootstrap.clone();
        tokio::task::spawn_blocking(move || call(&this))
            .await
            .map_err(|e| Error::internal(format!("a Kafka call: {e}")))?
            .map_err(|e| e.context(format!("Kafka at {place}")))
    }

    /// Describes topics; `None` for those that do not exist. Blocks.
    ///
    /// # Errors
    /// No answer, or topics that must not be looked at.
    pub fn describe(&self, names: &[String]) -> Result<Vec<Option<Described>>> {
        admin::describe(&*self.asker.client()?, names, self.settings.patience)
    }

    /// Offsets of partitions of one topic. Blocks.
    ///
    /// # Errors
    /// No answer, or partitions that do not exist.
    pub fn offsets(&self, topic: &str, asked: &[(i32, OffsetAt)], view: View) -> Result<Vec<i64>> {
        admin::offsets(&*self.asker.client()?, topic, asked, view, self.settings.patience)
    }

    /// One offset. Blocks.
    ///
    /// # Errors
    /// As for [`Connection::offsets`].
    pub fn offset(&self, topic: &str, partition: i32, at: OffsetAt, view: View) -> Result<i64> {
        let all = self.offsets(topic, &[(partition, at)], view)?;
        all.first().copied().ok_or_else(|| Error::internal("an answer without offsets"))
    }

    /// The first and the last offset of a partition. Blocks. Two requests: librdkafka takes a partition once
    /// in each.
    ///
    /// # Errors
    /// As for [`Connection::offsets`].
    pub fn range(&self, topic: &str, partition: i32, view: View) -> Result<(i64, i64)> {
        Ok((self.offset(topic, partition, OffsetAt::Start, view)?, self.offset(topic, partition, OffsetAt::End, view)?))
    }

    /// Sets next offsets of a group. Blocks until the broker has them.
    ///
    /// # Errors
    /// No answer, or a group that must not be used.
    pub fn tell_group(&self, group: &str, offsets: &[(String, i32, i64)]) -> Result<()> {
        groups::tell(&self.asker, group, offsets, self.settings.patience)
    }

    /// Names of all topics. Blocks.
    ///
    /// # Errors
    /// No answer.
    pub fn topics(&self) -> Result<Vec<String>> {
        let client = self.asker.client()?;
        let metadata = client.fetch_metadata(None, self.settings.patience);
        let metadata = metadata
            .map_err(|e| client.context().told().refusal().unwrap_or_else(|| error::of(&e, "listing topics")))?;
        Ok(metadata.topics().iter().map(|t| t.name().to_owned()).collect())
    }

    /// The cluster's id. Blocks.
    ///
    /// # Errors
    /// No answer.
    pub fn cluster(&self) -> Result<String> {
        self.asker
            .client()?
            .client()
            .fetch_cluster_id(self.settings.patience)
            .ok_or_else(|| Error::external("no answer from Kafka to the question for its cluster id"))
    }

    /// What a topic that is missing means to a person: the nearest name there is, and the way on.
    /// Blocks.
    pub fn missing(&self, topic: &str) -> Error {
        let error = Error::user(format!("topic '{topic}' does not exist"));
        let all = self.topics().unwrap_or_default();
        let way = "SET 'tidegate.create-topics' = 'true' makes missing topics";
        match nearest(topic, all.iter().map(String::as_str)) {
            Some(near) => error.help(format!("did you mean '{near}'? Otherwise create it; {way}")),
            None => error.help(format!("create it, or {way}")),
        }
    }

    /// Makes a topic, and waits until the cluster describes it. `None` partitions: the cluster's
    /// default. A topic that exists already is fine.
    ///
    /// # Errors
    /// Where the cluster refuses.
    pub async fn create(&self, topic: &str, partitions: Option<u32>, config: &[(&str, &str)]) -> Result<Described> {
        let doing = format!("creating topic '{topic}'");
        let count = partitions.map_or(-1, |n| i32::try_from(n).unwrap_or(i32::MAX));
        let mut wanted = NewTopic::new(topic, count, TopicReplication::Fixed(-1));
        for (name, value) in config {
            wanted = wanted.set(name, value);
        }
        let answer = self.admin()?.create_topics([&wanted], &self.options()).await;
        match answer.map_err(|e| error::of(&e, &doing))?.into_iter().next() {
            Some(Ok(_) | Err((_, Code::TopicAlreadyExists))) => {}
            Some(Err((_, code))) => return Err(error::of_code(code, &doing)),
            None => return Err(Error::external(format!("{doing}: no answer"))),
        }
        let names = [topic.to_owned()];
        for _ in 0..100 {
            let names = names.clone();
            if let Some(Some(made)) = self.aside(move |c| c.describe(&names)).await?.pop() {
                return Ok(made);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Error::external(format!("{doing}: the cluster accepted it, but it has not appeared")))
    }

    /// The settings of a topic by name; empty where they must not be looked at.
    pub async fn topic_config(&self, topic: &str) -> BTreeMap<String, String> {
        let Ok(admin) = self.admin() else { return BTreeMap::new() };
        let asked = [ResourceSpecifier::Topic(topic)];
        let answer = admin.describe_configs(asked.iter(), &self.options()).await;
        let entries = answer.ok().and_then(|mut all| all.pop()).and_then(std::result::Result::ok);
        let entry = |e: ConfigEntry| e.value.map(|value| (e.name, value));
        entries.map(|c| c.entries.into_iter().filter_map(entry).collect()).unwrap_or_default()
    }

    /// How long a group's offsets are kept after the last commit; `None` where the cluster does not let us
    /// know.
    pub async fn offsets_retention(&self) -> Option<Duration> {
        let broker = self.aside(|c| Ok(c.any_broker())).await.ok().flatten()?;
        let answer = self.admin().ok()?.describe_configs([&ResourceSpecifier::Broker(broker)], &self.options()).await;
        let config = answer.ok()?.pop()?.ok()?;
        let entry = config.get("offsets.retention.minutes")?;
        let minutes: u64 = entry.value.as_deref()?.parse().ok()?;
        Some(Duration::from_secs(minutes * 60))
    }

    fn any_broker(&self) -> Option<i32> {
        let metadata = self.asker.client().ok()?.fetch_metadata(None, self.settings.patience).ok()?;
        metadata.brokers().first().map(MetadataBroker::id)
    }

    fn admin(&self) -> Result<AdminClient<Context>> {
        admin_client(&self.settings)
    }

    fn options(&self) -> AdminOptions {
        let patience = Some(self.settings.patience);
        AdminOptions::new().request_timeout(patience).operation_timeout(patience)
    }
}

/// A client for what only the rdkafka crate's own admin calls do.
///
/// # Errors
/// A property that librdkafka refuses.
pub fn admin_client(settings: &Settings) -> Result<AdminClient<Context>> {
    AdminClient::from_config_and_context(&settings.admin_config(), Context::default())
        .map_err(|e| error::of(&e, "making a Kafka client"))
}
