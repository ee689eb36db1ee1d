//! Sinks in memory: one that keeps its word, and its twins with one fault each.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use async_trait::async_trait;
use tidegate_core::change::{ChangeBatch, RowKind};
use tidegate_core::fencing::{check_apply, claimed};
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, OpenSink, Scope, Sink, SinkInput, SinkLevel, UpsertSink,
};
use tidegate_core::{Error, Result};
use tokio::sync::Mutex;

/// What a double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The fence is written in a second step after the rows.
    RowsBeforeFence,
    /// The rows are written in a second step after the fence.
    FenceBeforeRows,
    /// Units at or below the fence are applied again.
    AppliesReplays,
    /// Whoever calls may apply.
    IgnoresIncarnation,
    /// An opening that has claimed goes by the fence it wrote last, whoever has claimed since.
    TrustsItself,
    /// A claim sets the position back to what was asked.
    ClaimResetsPosition,
    /// A claim answers with the new fence.
    ClaimReturnsNewFence,
    /// Positions between fence and unit may be missing.
    AcceptsGaps,
    /// Any unit that ends at the fence counts as this one.
    IgnoresDigest,
    /// All lanes share one fence.
    OneFenceForAllLanes,
    /// The fence lives in the sink, not in the target.
    ForgetsFenceWhenReopened,
    /// Only the first batch of a unit is written.
    DropsLaterBatches,
    /// Digests lose their low bits, as in a floating-point column.
    RoundsDigests,
    /// Without a fence, one is made up.
    AppliesUnclaimed,
    /// `retire` forgets every lane.
    RetiresAllLanes,
    /// Takes over whatever it is told.
    ClaimsRegardless,
    /// A unit must carry a row for each position of its range.
    WantsEveryRow,
    /// Deletes are ignored (upsert).
    IgnoresDeletes,
    /// Old values come back when a unit is repeated (upsert).
    KeepsFirstValue,
    /// Rows are written after the call has returned (append).
    WritesLater,
    /// Rows are written from last to first (append).
    Reverses,
}

/// Faults that a fenced sink can have.
pub const FENCED_FAULTS: &[Fault] = &[
    Fault::RowsBeforeFence,
    Fault::FenceBeforeRows,
    Fault::AppliesReplays,
    Fault::IgnoresIncarnation,
    Fault::TrustsItself,
    Fault::ClaimResetsPosition,
    Fault::ClaimReturnsNewFence,
    Fault::AcceptsGaps,
    Fault::IgnoresDigest,
    Fault::OneFenceForAllLanes,
    Fault::ForgetsFenceWhenReopened,
    Fault::DropsLaterBatches,
    Fault::RoundsDigests,
    Fault::AppliesUnclaimed,
    Fault::RetiresAllLanes,
    Fault::WantsEveryRow,
    Fault::ClaimsRegardless,
];

#[derive(Default)]
struct Target {
    rows: Vec<u64>,
    table: BTreeMap<u64, String>,
    fences: BTreeMap<Scope, Fence>,
}

/// A target in memory; clones share it.
#[derive(Clone)]
pub struct Memory {
    fault: Fault,
    target: Arc<Mutex<Target>>,
    /// The fences that this opening wrote.
    own: Arc<Mutex<BTreeMap<Scope, Fence>>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// A target that keeps its word.
    pub fn new() -> Self {
        Self::with(Fault::None)
    }
    /// A target with a fault.
    pub fn with(fault: Fault) -> Self {
        Memory { fault, target: Arc::default(), own: Arc::default() }
    }
    /// A fenced sink for it.
    pub fn open(&self) -> OpenSink {
        if self.fault == Fault::ForgetsFenceWhenReopened
            && let Ok(mut target) = self.target.try_lock()
        {
            target.fences.clear();
        }
        self.opened(SinkLevel::Fenced(Box::new(Memory { own: Arc::default(), ..self.clone() })))
    }
    /// An upsert sink for it.
    pub fn open_upsert(&self) -> OpenSink {
        self.opened(SinkLevel::Upsert(Box::new(self.clone())))
    }
    /// An append sink for it.
    pub fn open_append(&self) -> OpenSink {
        self.opened(SinkLevel::Append(Box::new(self.clone())))
    }
    fn opened(&self, level: SinkLevel) -> OpenSink {
        OpenSink { input: SinkInput::Columns, level, identity: "memory".to_owned() }
    }
    /// The rows that were appended.
    pub fn rows(&self) -> Vec<u64> {
        self.target.try_lock().map(|t| t.rows.clone()).unwrap_or_default()
    }
    /// The rows by key.
    pub fn table(&self) -> BTreeMap<u64, String> {
        self.target.try_lock().map(|t| t.table.clone()).unwrap_or_default()
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn key(&self, scope: &Scope) -> Scope {
        let lane = if self.is(Fault::OneFenceForAllLanes) { 0 } else { scope.lane };
        Scope { lane, ..scope.clone() }
    }

    fn stored(&self, fence: &Fence) -> Fence {
        let digest = if self.is(Fault::RoundsDigests) { fence.digest as f64 as u64 } else { fence.digest };
        Fence { digest, ..fence.clone() }
    }

    /// The answer this double gives before it writes anything.
    fn refusal(&self, stored: Option<&Fence>, unit: &ApplyUnit) -> Option<CommitOutcome> {
        let outcome = check_apply(stored, unit).err()?;
        let position = stored.map_or(0, |f| f.position);
        let ends_here = position == unit.to;
        let overlooked = match (&outcome, self.fault) {
            (CommitOutcome::AlreadyCommitted, Fault::AppliesReplays) => true,
            (CommitOutcome::Replaced(_), Fault::IgnoresIncarnation) => position == unit.from,
            (CommitOutcome::Lost(_), Fault::AcceptsGaps) => stored.is_some() && position < unit.from,
            (CommitOutcome::Lost(_), Fault::AppliesUnclaimed) => stored.is_none(),
            (CommitOutcome::Lost(_), Fault::IgnoresDigest) if ends_here => {
                return Some(CommitOutcome::AlreadyCommitted);
            }
            _ => false,
        };
        (!overlooked).then_some(outcome)
    }
}

fn numbers(batch: &ChangeBatch) -> Result<Vec<u64>> {
    let ids = batch.rows.column(0).as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("id is BIGINT"))?;
    Ok(ids.values().iter().map(|n| *n as u64).collect())
}

#[async_trait]
impl FencedSink for Memory {
    async fn read_fence(&self, scope: &Scope) -> Result<Option<Fence>> {
        Ok(self.target.lock().await.fences.get(&self.key(scope)).cloned())
    }

    async fn claim(&self, scope: &Scope, fence: &Fence) -> Result<Option<Fence>> {
        let mut target = self.target.lock().await;
        let before = target.fences.get(&self.key(scope)).cloned();
        let kept = if self.is(Fault::ClaimResetsPosition) { None } else { before.as_ref() };
        let new = self.stored(&claimed(kept, fence));
        target.fences.insert(self.key(scope), new.clone());
        self.own.lock().await.insert(self.key(scope), new.clone());
        Ok(if self.is(Fault::ClaimReturnsNewFence) { Some(new) } else { before })
    }

    async fn claim_if(&self, scope: &Scope, fence: &Fence, admits: Admits) -> Result<Option<Fence>> {
        let held = self.read_fence(scope).await?;
        let is_let_in = admits(held.as_ref()) || self.is(Fault::ClaimsRegardless);
        if is_let_in { self.claim(scope, fence).await } else { Ok(held) }
    }

    async fn apply(&self, unit: &ApplyUnit) -> CommitOutcome {
        let key = self.key(&unit.scope);
        let mut target = self.target.lock().await;
        let own = if self.is(Fault::TrustsItself) { self.own.lock().await.get(&key).cloned() } else { None };
        if let Some(outcome) = self.refusal(own.as_ref().or(target.fences.get(&key)), unit) {
            return outcome;
        }
        let batches = if self.is(Fault::DropsLaterBatches) { 1.min(unit.rows.len()) } else { unit.rows.len() };
        let rows: Result<Vec<Vec<u64>>> = unit.rows[..batches].iter().map(numbers).collect();
        let Ok(rows) = rows else { return CommitOutcome::Lost("the rows are not the kit's".to_owned()) };
        if self.is(Fault::WantsEveryRow) && rows.concat().len() as u64 != unit.to - unit.from {
            return CommitOutcome::Lost("rows are missing".to_owned());
        }
        let fence = self.stored(&unit.fence);
        self.own.lock().await.insert(key.clone(), fence.clone());
        match self.fault {
            Fault::RowsBeforeFence => {
                target.rows.extend(rows.concat());
                drop(target);
                tokio::task::yield_now().await;
                self.target.lock().await.fences.insert(key, fence);
            }
            Fault::FenceBeforeRows => {
                target.fences.insert(key, fence);
                drop(target);
                tokio::task::yield_now().await;
                self.target.lock().await.rows.extend(rows.concat());
            }
            _ => {
                target.rows.extend(rows.concat());
                target.fences.insert(key, fence);
            }
        }
        CommitOutcome::Committed
    }

    async fn retire(&self, scope: &Scope) -> Result<()> {
        let mut target = self.target.lock().await;
        if self.is(Fault::RetiresAllLanes) {
            target.fences.clear();
        }
        target.fences.remove(&self.key(scope));
        Ok(())
    }
}

#[async_trait]
impl UpsertSink for Memory {
    async fn upsert(&self, unit: &ApplyUnit) -> Result<CommitOutcome> {
        let mut target = self.target.lock().await;
        for batch in &unit.rows {
            let names = batch.rows.column(1).as_string::<i32>();
            for (i, id) in numbers(batch)?.into_iter().enumerate() {
                match batch.kind(i) {
                    RowKind::Insert | RowKind::UpdateAfter if self.is(Fault::KeepsFirstValue) => {
                        target.table.entry(id).or_insert_with(|| names.value(i).to_owned());
                    }
                    RowKind::Insert | RowKind::UpdateAfter => drop(target.table.insert(id, names.value(i).to_owned())),
                    RowKind::Delete if self.is(Fault::IgnoresDeletes) => {}
                    RowKind::Delete => drop(target.table.remove(&id)),
                    RowKind::UpdateBefore => {}
                }
            }
        }
        Ok(CommitOutcome::Committed)
    }
}

#[async_trait]
impl Sink for Memory {
    async fn write(&self, _: &Scope, rows: &[ChangeBatch]) -> Result<()> {
        let mut numbers: Vec<u64> = rows.iter().map(numbers).collect::<Result<Vec<_>>>()?.concat();
        match self.fault {
            Fault::WritesLater => {
                numbers.pop();
            }
            Fault::Reverses => numbers.reverse(),
            _ => {}
        }
        self.target.lock().await.rows.extend(numbers);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, append_sink, fenced_sink, upsert_sink};

    async fn fenced(fault: Fault) -> std::result::Result<(), Failure> {
        let target = Memory::with(fault);
        fenced_sink(async || Ok(target.open()), async || Ok(target.rows())).await
    }
    async fn upsert(fault: Fault) -> std::result::Result<(), Failure> {
        let target = Memory::with(fault);
        upsert_sink(async || Ok(target.open_upsert()), async || Ok(target.table())).await
    }
    async fn append(fault: Fault) -> std::result::Result<(), Failure> {
        let target = Memory::with(fault);
        append_sink(async || Ok(target.open_append()), async || Ok(target.rows())).await
    }

    #[tokio::test]
    async fn a_sink_that_keeps_its_word_passes() {
        fenced(Fault::None).await.unwrap();
        upsert(Fault::None).await.unwrap();
        append(Fault::None).await.unwrap();
    }

    #[tokio::test]
    async fn every_broken_fenced_sink_is_caught() {
        for fault in FENCED_FAULTS {
            let failure = fenced(*fault).await.err();
            let failure = failure.unwrap_or_else(|| panic!("{fault:?} was not caught"));
            assert!(!failure.check.is_empty() && failure.what.len() > 20, "{failure}");
        }
    }

    #[tokio::test]
    async fn faults_are_caught_by_the_check_for_them() {
        for (fault, check) in [
            (Fault::RowsBeforeFence, "atomicity"),
            (Fault::FenceBeforeRows, "atomicity"),
            (Fault::AppliesReplays, "replay"),
            (Fault::IgnoresIncarnation, "zombie"),
            (Fault::TrustsItself, "replaced owner"),
            (Fault::AcceptsGaps, "contiguity"),
            (Fault::IgnoresDigest, "contiguity"),
            (Fault::OneFenceForAllLanes, "lanes"),
            (Fault::RetiresAllLanes, "retire"),
            (Fault::WantsEveryRow, "left-out rows"),
            (Fault::ClaimsRegardless, "turned down"),
        ] {
            assert_eq!(fenced(fault).await.unwrap_err().check, check, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn every_broken_upsert_and_append_sink_is_caught() {
        for fault in [Fault::IgnoresDeletes, Fault::KeepsFirstValue] {
            assert!(upsert(fault).await.is_err(), "{fault:?}");
        }
        for fault in [Fault::WritesLater, Fault::Reverses] {
            assert!(append(fault).await.is_err(), "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_sink_of_another_level_is_named() {
        let target = Memory::new();
        let failure = fenced_sink(async || Ok(target.open_append()), async || Ok(target.rows())).await.unwrap_err();
        assert!(failure.to_string().contains("at least once"), "{failure}");
    }
}
