//! A topic as a fenced sink: rows and fence travel in one transaction.
//!
//! - [`names`]: what fences and transactional ids are called.
//! - [`fence`]: the two places for a fence, a topic or a group; reading the newest one.
//! - [`lane`]: one lane: who owns it, what is in doubt, when its producer is made anew.
//! - [`producer`]: a producer that knows its topic.
//! - [`transaction`]: one unit as one transaction, and what became of it.
//! - [`pace`]: units so large that a transaction never outlasts its time-out. Pure.
//! - [`refresh`]: fences in a group are written again before they expire.
//! - [`append`]: the same rows at least once, without transactions.
//!
//! **Why a fence topic a sink** and not one a job: a reader of committed records sees a partition up to
//! its first open transaction. In a shared topic another sink's transaction would hide this lane's
//! newest fence, and a lane in doubt would go on from an older one. Here only one transactional id
//! ever writes to a lane's partition, and once it has been initialised nothing there is open. A group
//! has no such trouble: what is open is known for each of its partitions.

mod append;
mod fence;
mod lane;
mod names;
mod pace;
mod producer;
mod refresh;
mod rows;
mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, OpenSink, Scope, SinkInput, SinkLevel, UnitSize, outcome_of,
};
use tidegate_core::table::{BoundTable, Resource};
use tidegate_core::{Error, Result, Retry};

use self::append::AppendSink;
use self::fence::Keeping;
use self::lane::Lane;
pub(crate) use self::names::FENCE_PREFIX;
use self::names::Names;
use self::pace::Pace;
use crate::client::{Connection, Settings};
use crate::native::admin::Described;

/// What all lanes of a sink share.
pub(crate) struct Target {
    pub(crate) connection: Connection,
    /// The output topic as it was when it was opened.
    pub(crate) topic: Described,
    /// The largest message it takes, where that is known.
    pub(crate) largest: Option<usize>,
    pub(crate) names: Names,
    pub(crate) keeping: Keeping,
    pub(crate) pace: Mutex<Pace>,
}

/// What the options of a table say about a sink.
pub(crate) struct Options<'a> {
    /// `sink.transactional-id-prefix`
    pub(crate) prefix: Option<&'a str>,
    /// `tidegate.fence` = 'group'
    pub(crate) group: bool,
}

/// Opens a table for writing.
///
/// # Errors
/// More than one topic, a missing topic, properties that cannot be used, a cluster that does not answer.
pub(crate) async fn open(table: &BoundTable, options: Options<'_>) -> Result<OpenSink> {
    let topic = match &table.binding.resource {
        Resource::Log { topics, pattern: None } if topics.len() == 1 => &topics[0],
        _ => {
            return Err(Error::user(format!(
                "table '{}' is written to: it must name exactly one topic",
                table.spec.name
            ))
            .at(table.spec.span));
        }
    };
    let connection = Connection::new(Settings::of(table)?)?;
    let name = [topic.clone()];
    let found = connection.aside(move |c| c.describe(&name)).await?.pop().flatten();
    let topic = match (found, table.binding.create_topic) {
        (Some(found), _) => found,
        (None, Some(partitions)) => connection.create(topic, partitions, &[]).await?,
        (None, None) => {
            let name = topic.clone();
            return connection.aside(move |c| Err(c.missing(&name))).await;
        }
    };
    let cluster = connection.aside(Connection::cluster).await?;
    let largest = connection.topic_config(&topic.name).await.get("max.message.bytes").and_then(|b| b.parse().ok());
    let pace = Mutex::new(Pace::new(connection.settings.transaction_timeout()));
    let mut identity = format!("kafka {cluster} {} {}", topic.name, topic.id);
    let input = SinkInput::Messages { partitions: topic.partitions };
    let keeping = if options.group && table.binding.exactly_once {
        // Whoever changes the option would find an old fence when changing it back: the place counts.
        identity += " (fence in a group)";
        Keeping::Group { retention: connection.offsets_retention().await }
    } else {
        Keeping::Topic
    };
    let target = Arc::new(Target { connection, topic, largest, names: Names::new(options.prefix), keeping, pace });
    let level = if table.binding.exactly_once {
        SinkLevel::Fenced(Box::new(KafkaSink { target, lanes: Mutex::default() }))
    } else {
        SinkLevel::Append(Box::new(AppendSink::new(target)))
    };
    Ok(OpenSink { input, level, identity })
}

/// Writes to a topic exactly once.
struct KafkaSink {
    target: Arc<Target>,
    lanes: Mutex<BTreeMap<Scope, Arc<Mutex<Lane>>>>,
}

impl KafkaSink {
    fn lane(&self, scope: &Scope) -> Arc<Mutex<Lane>> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(scope) {
            return lane.clone();
        }
        let lane = Arc::new(Mutex::new(Lane::new(self.target.clone(), scope.clone())));
        if let Keeping::Group { retention } = self.target.keeping {
            refresh::keep(&lane, refresh::interval(retention));
        }
        lanes.insert(scope.clone(), lane.clone());
        lane
    }

    /// Runs a blocking call on the lane. One that nobody waits for any more runs to its end, and the
    /// next one waits for it.
    async fn with<T: Send + 'static>(
        &self,
        scope: &Scope,
        call: impl FnOnce(&mut Lane) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lane = self.lane(scope);
        self.target.connection.aside(move |_| call(&mut lane.lock())).await
    }
}

#[async_trait]
impl FencedSink for KafkaSink {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        self.with(scope, Lane::read).await
    }

    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        self.claim_if(scope, fence, Arc::new(|_| true)).await
    }

    /// Looks at the fence first without shutting anybody out, and again once the transactional id is its
    /// own, where nothing can change any more. Who is turned down only then has made the owner look, too.
    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let held = self.read_fence(scope).await?;
        if !admits(held.as_ref()) {
            return Ok(held);
        }
        let place = fence::ensure(&self.target, scope).await?;
        let fence = fence.clone();
        self.with(scope, move |lane| lane.claim(&fence, &place, &admits)).await
    }

    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let unit = unit.clone();
        match self.with(&unit.scope.clone(), move |lane| Ok(lane.apply(&unit))).await {
            Ok(outcome) => outcome,
            // Nothing was begun, except where the call itself is gone.
            Err(e) if e.retry_advice() == Retry::Never => CommitOutcome::Unknown(e.to_string()),
            Err(e) => outcome_of(&e),
        }
    }

    fn unit_size(&self) -> Option<UnitSize> {
        Some(self.target.pace.lock().size())
    }

    async fn retire(&self, scope: &Scope) -> Result<()> {
        self.with(scope, Lane::retire).await
    }
}
