//! Are the topics still the ones that were opened? A topic that is deleted and made again under a
//! running reader would go on at the old offsets with other records, without any error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tidegate_core::source::LostRange;
use tidegate_core::{Error, Result};

use super::{identity, lost, starts};
use crate::client::Connection;

/// How often the cluster is asked.
const EVERY: Duration = Duration::from_millis(250);
/// How old the newest answer may be when records are handed on. librdkafka pauses as long
/// (`fetch.error.backoff.ms`) before it fetches from a topic again that was gone.
const FRESH: Duration = Duration::from_millis(500);

/// Looks at the topics of one source now and then.
pub(super) struct Watch {
    connection: Connection,
    topics: Mutex<BTreeMap<String, Watched>>,
    /// When the newest question was asked that was answered.
    asked: Mutex<Option<Instant>>,
}

struct Watched {
    identity: String,
    gone: Option<&'static str>,
}

impl Watch {
    /// Watches until nobody holds it any more.
    pub(super) fn new(connection: Connection) -> Arc<Watch> {
        let watch = Arc::new(Watch { connection, topics: Mutex::default(), asked: Mutex::default() });
        let weak = Arc::downgrade(&watch);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(keep_looking(weak));
        }
        watch
    }

    /// One more topic that is read, if it is. Looks at it at once, thus blocks.
    pub(super) fn add(&self, topic: &str, identity: &str) {
        let watched = Watched { identity: identity.to_owned(), gone: None };
        if let Entry::Vacant(entry) = self.topics.lock().entry(topic.to_owned()) {
            entry.insert(watched);
        } else {
            return;
        }
        self.look();
    }

    /// What has become of a topic, if it is no longer what it was.
    pub(super) fn gone(&self, topic: &str) -> Option<Error> {
        self.topics.lock().get(topic)?.gone.map(|what| lost(topic, what))
    }

    /// Whether what is known is new enough to hand on records that were taken at this moment.
    pub(super) fn knows_of(&self, taken: Instant) -> bool {
        self.asked.lock().is_some_and(|asked| asked + FRESH >= taken)
    }

    /// What is missing between an offset and what the partition still has. Blocks.
    pub(super) fn lost(&self, topic: &str, partition: i32, offset: i64) -> Result<Option<LostRange>> {
        starts::lost(&self.connection, topic, partition, offset)
    }

    /// Asks the cluster now. Blocks. An error says nothing about the topics.
    pub(super) fn look(&self) {
        let names: Vec<String> = self.topics.lock().keys().cloned().collect();
        if names.is_empty() {
            return;
        }
        let asked = Instant::now();
        let Ok(found) = self.connection.describe(&names) else { return };
        let mut topics = self.topics.lock();
        for (name, topic) in names.iter().zip(found) {
            let Some(watched) = topics.get_mut(name) else { continue };
            watched.gone = match topic {
                None => Some("was deleted"),
                Some(topic) if identity(&topic) != watched.identity => Some("was deleted and made again"),
                Some(_) => None,
            };
        }
        // Only now: whoever sees it sees the above.
        let mut newest = self.asked.lock();
        *newest = (*newest).max(Some(asked));
    }
}

async fn keep_looking(watch: Weak<Watch>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(watch) = watch.upgrade() else { return };
        if tokio::task::spawn_blocking(move || watch.look()).await.is_err() {
            return;
        }
    }
}
