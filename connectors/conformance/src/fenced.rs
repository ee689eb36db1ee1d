//! What [`FencedSink`] promises, obligation by obligation.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use tidegate_core::Result as CoreResult;
use tidegate_core::sink::{
    Admits, ApplyUnit, CommitOutcome, Fence, FencedSink, Id, OpenSink, Scope, SinkInput, SinkLevel,
};

use crate::failure::{Check, Failure};
use crate::rows;

/// Checks a fenced sink. `make` opens it anew over one target, which is empty at first; `read_back`
/// gives the numbers of the rows that a reader of the target sees, in any order.
///
/// # Errors
/// The first obligation that was not kept.
pub async fn fenced_sink(
    make: impl AsyncFn() -> CoreResult<OpenSink>,
    read_back: impl AsyncFn() -> CoreResult<Vec<u64>>,
) -> Result<(), Failure> {
    let mut kit = Kit { make, read_back, input: SinkInput::Columns };
    kit.claims_and_applies().await?;
    kit.replays().await?;
    kit.gaps_and_histories().await?;
    kit.survives_reopening().await?;
    kit.zombies().await?;
    kit.lanes().await?;
    kit.dropped_calls().await?;
    kit.replaced_owners().await?;
    kit.retires().await?;
    kit.left_out_rows().await?;
    kit.turned_down().await
}

/// Between the numbers of two lanes' rows.
const LANE: u64 = 1_000_000;

struct Kit<M, R> {
    make: M,
    read_back: R,
    input: SinkInput,
}

fn scope(lane: u32) -> Scope {
    Scope { job: "conformance".into(), sink: "sink".into(), lane }
}

fn fence(incarnation: &str, position: u64, epoch: u64) -> Fence {
    // Large digests: a target that stores them as signed or floating numbers shows here.
    let digest = u64::MAX - epoch * 7919;
    Fence {
        run: Id("0123456789abcdef0123456789abcdef".into()),
        incarnation: Id(incarnation.into()),
        position,
        epoch,
        digest,
    }
}

impl<M: AsyncFn() -> CoreResult<OpenSink>, R: AsyncFn() -> CoreResult<Vec<u64>>> Kit<M, R> {
    async fn open(&mut self, check: Check) -> Result<Box<dyn FencedSink>, Failure> {
        let open = check.answered((self.make)().await, "opening")?;
        self.input = open.input;
        match open.level {
            SinkLevel::Fenced(sink) => Ok(sink),
            other => check.fail(format!("the sink promises '{}', it is not a fenced sink", other.guarantee())),
        }
    }

    fn unit(&self, lane: u32, incarnation: &str, from: u64, to: u64, epoch: u64) -> Result<ApplyUnit, Failure> {
        // Lanes write rows of their own; two batches, so that a sink that takes only the first shows.
        let (base, middle) = (u64::from(lane) * LANE, from + (to - from) / 2);
        let cut = |a: u64, b: u64| Check("the kit").answered(rows::batch(self.input, base + a, base + b), "rows");
        let rows = [(from, middle), (middle, to)].into_iter().filter(|(a, b)| a < b);
        let rows = rows.map(|(a, b)| cut(a, b)).collect::<Result<_, _>>()?;
        Ok(ApplyUnit {
            scope: scope(lane),
            from,
            to,
            fence: fence(incarnation, to, epoch),
            version: epoch as i64 * 10,
            rows,
        })
    }

    /// The target holds `zero` rows of lane 0 and `one` rows of lane 1.
    async fn rows_are(&self, check: Check, zero: u64, one: u64, when: &str) -> Result<(), Failure> {
        let mut got = check.answered((self.read_back)().await, "reading back")?;
        got.sort_unstable();
        let expected: Vec<u64> = (0..zero).chain((0..one).map(|n| LANE + n)).collect();
        check.ensure(got == expected, || format!("{when}, the target holds rows {got:?}, not {expected:?}"))
    }

    async fn fence_is(
        &self,
        check: Check,
        sink: &dyn FencedSink,
        lane: u32,
        expected: Option<&Fence>,
        when: &str,
    ) -> Result<(), Failure> {
        let got = check.answered(sink.read_fence(&scope(lane)).await, "read_fence")?;
        check.ensure(got.as_ref() == expected, || format!("{when}, read_fence gives {got:?}, not {expected:?}"))
    }

    async fn claims_and_applies(&mut self) -> Result<(), Failure> {
        let check = Check("claim and apply");
        let sink = self.open(check).await?;
        self.fence_is(check, &*sink, 0, None, "before the first claim").await?;
        let unit = self.unit(0, "a", 0, 2, 1)?;
        let mut early = sink.apply(&unit).await;
        // A target that has just been started may need a moment.
        for _ in 0..50 {
            let CommitOutcome::RetryLater(pause) = early else { break };
            tokio::time::sleep(pause).await;
            early = sink.apply(&unit).await;
        }
        check.ensure(matches!(early, CommitOutcome::Lost(_) | CommitOutcome::Replaced(_)), || {
            format!("apply without a fence answers {early:?}; a missing fence is Lost")
        })?;
        let before = check.answered(sink.claim(&scope(0), &fence("a", 0, 0)).await, "claim")?;
        check.ensure(before.is_none(), || format!("the first claim returns {before:?}, but there was no fence"))?;
        self.fence_is(check, &*sink, 0, Some(&fence("a", 0, 0)), "after the first claim").await?;
        let outcome = sink.apply(&self.unit(0, "a", 0, 5, 1)?).await;
        check.ensure(outcome == CommitOutcome::Committed, || {
            format!("the first apply answers {outcome:?}, not Committed")
        })?;
        self.rows_are(check, 5, 0, "after the first apply").await?;
        self.fence_is(check, &*sink, 0, Some(&fence("a", 5, 1)), "after the first apply").await
    }

    async fn replays(&mut self) -> Result<(), Failure> {
        let check = Check("replay");
        let sink = self.open(check).await?;
        for (from, to, epoch, what) in [(0, 5, 1, "the same unit again"), (0, 3, 1, "a unit below the fence")] {
            let outcome = sink.apply(&self.unit(0, "a", from, to, epoch)?).await;
            check.ensure(outcome == CommitOutcome::AlreadyCommitted, || {
                format!("{what} ({from}..{to}) answers {outcome:?}, not AlreadyCommitted")
            })?;
            self.rows_are(check, 5, 0, &format!("after {what}")).await?;
        }
        self.fence_is(check, &*sink, 0, Some(&fence("a", 5, 1)), "after replays").await
    }

    async fn gaps_and_histories(&mut self) -> Result<(), Failure> {
        let check = Check("contiguity");
        let sink = self.open(check).await?;
        let refused = |o: &CommitOutcome| !matches!(o, CommitOutcome::Committed | CommitOutcome::AlreadyCommitted);
        let gap = sink.apply(&self.unit(0, "a", 7, 9, 2)?).await;
        check.ensure(refused(&gap), || {
            format!("a unit above the fence (7..9 at 5) answers {gap:?}: rows 5 and 6 are lost")
        })?;
        let across = sink.apply(&self.unit(0, "a", 3, 8, 2)?).await;
        check.ensure(refused(&across), || format!("a unit across the fence (3..8 at 5) answers {across:?}"))?;
        let mut other_history = self.unit(0, "a", 0, 5, 1)?;
        other_history.fence.digest ^= 1;
        let outcome = sink.apply(&other_history).await;
        check.ensure(refused(&outcome), || {
            format!("a unit with another digest at the fence's position answers {outcome:?}: AlreadyCommitted needs an equal digest")
        })?;
        self.rows_are(check, 5, 0, "after refused units").await?;
        let next = sink.apply(&self.unit(0, "a", 5, 9, 3)?).await;
        check.ensure(next == CommitOutcome::Committed, || format!("the next unit (5..9) answers {next:?}"))?;
        let empty = sink.apply(&self.unit(0, "a", 9, 9, 4)?).await;
        check.ensure(!refused(&empty), || format!("a unit without rows answers {empty:?}"))?;
        self.rows_are(check, 9, 0, "after the next unit").await
    }

    async fn survives_reopening(&mut self) -> Result<(), Failure> {
        let check = Check("durability");
        let sink = self.open(check).await?;
        let stored = check.answered(sink.read_fence(&scope(0)).await, "read_fence")?;
        check.ensure(stored.as_ref().is_some_and(|f| f.position == 9), || {
            format!("opened anew, the fence is {stored:?}; it stood at 9")
        })?;
        self.rows_are(check, 9, 0, "opened anew").await
    }

    async fn zombies(&mut self) -> Result<(), Failure> {
        let check = Check("zombie");
        let old = self.open(check).await?;
        let new = self.open(check).await?;
        let held = check.answered(old.read_fence(&scope(0)).await, "read_fence")?;
        let before = check.answered(new.claim(&scope(0), &fence("b", 0, 0)).await, "claim")?;
        check.ensure(before == held, || format!("a claim over {held:?} returns {before:?}, not what was there"))?;
        let taken = check.answered(new.read_fence(&scope(0)).await, "read_fence")?;
        let kept = held.as_ref().map(|h| Fence { incarnation: Id("b".into()), ..h.clone() });
        check.ensure(taken == kept, || {
            format!("after the claim the fence is {taken:?}, not {kept:?}: a claim keeps position, epoch and digest")
        })?;
        let late = old.apply(&self.unit(0, "a", 9, 12, 5)?).await;
        check.ensure(matches!(&late, CommitOutcome::Replaced(f) if f.incarnation.0 == "b"), || {
            format!("the replaced incarnation's apply answers {late:?}, not Replaced")
        })?;
        let repeated = old.apply(&self.unit(0, "a", 5, 9, 3)?).await;
        check.ensure(matches!(&repeated, CommitOutcome::Replaced(_)), || {
            format!("the replaced incarnation's replay answers {repeated:?}, not Replaced")
        })?;
        self.rows_are(check, 9, 0, "after the replaced incarnation tried").await?;
        let outcome = new.apply(&self.unit(0, "b", 9, 12, 5)?).await;
        check.ensure(outcome == CommitOutcome::Committed, || {
            format!("the new incarnation's apply answers {outcome:?}")
        })?;
        let again = check.answered(new.claim(&scope(0), &fence("b", 0, 0)).await, "claiming again")?;
        check.ensure(again == Some(fence("b", 12, 5)), || format!("claiming again returns {again:?}"))?;
        self.rows_are(check, 12, 0, "after the new incarnation's apply").await
    }

    async fn lanes(&mut self) -> Result<(), Failure> {
        let check = Check("lanes");
        let sink = self.open(check).await?;
        let before = check.answered(sink.claim(&scope(1), &fence("c", 0, 0)).await, "claim of another lane")?;
        check.ensure(before.is_none(), || format!("lane 1 was never claimed, but its claim returns {before:?}"))?;
        let other = self.unit(1, "c", 0, 2, 1)?;
        let (one, zero) = (sink.apply(&other).await, sink.apply(&self.unit(0, "b", 12, 14, 6)?).await);
        check.ensure((&one, &zero) == (&CommitOutcome::Committed, &CommitOutcome::Committed), || {
            format!("two lanes in turn answer {one:?} and {zero:?}: lanes are independent")
        })?;
        self.fence_is(check, &*sink, 1, Some(&fence("c", 2, 1)), "after both lanes applied").await?;
        self.rows_are(check, 14, 2, "after both lanes applied").await
    }

    /// A crash between any two steps of `apply`: the call is dropped after it was polled some times.
    async fn dropped_calls(&mut self) -> Result<(), Failure> {
        let check = Check("atomicity");
        let (mut position, mut epoch) = (14, 6);
        for polls in 1..=6u32 {
            let owner = format!("d{polls}");
            let sink = self.open(check).await?;
            check.answered(sink.claim(&scope(0), &fence(&owner, 0, 0)).await, "claim")?;
            let unit = self.unit(0, &owner, position, position + 3, epoch + 1)?;
            poll_then_drop(sink.apply(&unit), polls).await;
            drop(sink);
            // A successor settles whatever the dropped call left behind.
            let owner = format!("e{polls}");
            let sink = self.open(check).await?;
            let held =
                check.answered(sink.claim(&scope(0), &fence(&owner, 0, 0)).await, "claim after a dropped apply")?;
            let stands = held.map_or(u64::MAX, |f| f.position);
            check.ensure(stands == position || stands == position + 3, || {
                format!("after a dropped apply of {position}..{} the fence stands at {stands}", position + 3)
            })?;
            let when = format!("after an apply that was dropped at its poll {polls} (fence at {stands})");
            self.rows_are(check, stands, 2, &when).await?;
            let outcome = sink.apply(&self.unit(0, &owner, position, position + 3, epoch + 1)?).await;
            let right = if stands == position { CommitOutcome::Committed } else { CommitOutcome::AlreadyCommitted };
            check.ensure(outcome == right, || format!("{when} its replay answers {outcome:?}, not {right:?}"))?;
            (position, epoch) = (position + 3, epoch + 1);
            self.rows_are(check, position, 2, "after that replay").await?;
        }
        Ok(())
    }

    /// An owner that has claimed and applied, and is at work when another one claims: what it knows of its
    /// own fence must not be enough.
    async fn replaced_owners(&mut self) -> Result<(), Failure> {
        let check = Check("replaced owner");
        let old = self.open(check).await?;
        check.answered(old.claim(&scope(0), &fence("f", 0, 0)).await, "claim")?;
        let outcome = old.apply(&self.unit(0, "f", 32, 34, 13)?).await;
        check.ensure(outcome == CommitOutcome::Committed, || format!("the owner's apply answers {outcome:?}"))?;
        let new = self.open(check).await?;
        check.answered(new.claim(&scope(0), &fence("g", 0, 0)).await, "claim")?;
        let late = old.apply(&self.unit(0, "f", 34, 36, 14)?).await;
        match &late {
            CommitOutcome::Replaced(by) if by.incarnation.0 == "g" => {}
            // It has found out that something is wrong, and looks at the fence.
            CommitOutcome::Unknown(_) => {
                let found = check.answered(old.read_fence(&scope(0)).await, "read_fence")?;
                check.ensure(found.as_ref().is_some_and(|f| f.incarnation.0 == "g"), || {
                    format!("an owner that was replaced and answers {late:?} reads the fence {found:?}")
                })?;
            }
            _ => return check.fail(format!("an owner that was replaced meanwhile answers {late:?}, not Replaced")),
        }
        self.rows_are(check, 34, 2, "after the replaced owner tried").await?;
        let outcome = new.apply(&self.unit(0, "g", 34, 36, 14)?).await;
        check.ensure(outcome == CommitOutcome::Committed, || format!("the new owner's apply answers {outcome:?}"))?;
        self.rows_are(check, 36, 2, "after the new owner's apply").await
    }

    async fn retires(&mut self) -> Result<(), Failure> {
        let check = Check("retire");
        let sink = self.open(check).await?;
        check.answered(sink.retire(&scope(1)).await, "retire")?;
        self.fence_is(check, &*sink, 1, None, "after retire").await?;
        let kept = check.answered(sink.read_fence(&scope(0)).await, "read_fence")?;
        check.ensure(kept.is_some(), || "retiring lane 1 removed the fence of lane 0".to_owned())?;
        check.answered(sink.retire(&scope(1)).await, "retiring a second time")?;
        self.rows_are(check, 36, 2, "after retire").await
    }

    /// A unit that comes again without the rows that were refused: its range stays what it was.
    async fn left_out_rows(&mut self) -> Result<(), Failure> {
        let check = Check("left-out rows");
        let sink = self.open(check).await?;
        check.answered(sink.claim(&scope(0), &fence("h", 0, 0)).await, "claim")?;
        for (from, to, batches, epoch, what) in
            [(36, 42, 1, 15, "half of its rows"), (42, 44, 0, 16, "none of its rows")]
        {
            let mut unit = self.unit(0, "h", from, to, epoch)?;
            unit.rows.truncate(batches);
            let outcome = sink.apply(&unit).await;
            check.ensure(outcome == CommitOutcome::Committed, || {
                format!("a unit ({from}..{to}) with {what} answers {outcome:?}: refused rows are left out of it")
            })?;
            self.fence_is(check, &*sink, 0, Some(&fence("h", to, epoch)), &format!("after a unit with {what}")).await?;
        }
        self.rows_are(check, 39, 2, "after units with rows left out").await
    }
}

impl<M: AsyncFn() -> CoreResult<OpenSink>, R: AsyncFn() -> CoreResult<Vec<u64>>> Kit<M, R> {
    /// Whoever may not take over leaves everything as it is.
    async fn turned_down(&mut self) -> Result<(), Failure> {
        let check = Check("turned down");
        let (owner, copy) = (self.open(check).await?, self.open(check).await?);
        check.answered(owner.claim(&scope(0), &fence("i", 0, 0)).await, "claim")?;
        let held = fence("i", 44, 16);
        let behind: Admits = Arc::new(|held| held.is_none_or(|f| f.position < 44));
        let answer = check.answered(copy.claim_if(&scope(0), &fence("j", 0, 0), behind).await, "claim_if")?;
        check.ensure(answer.as_ref() == Some(&held), || {
            format!("a claim that is turned down answers {answer:?}, not what is held, {held:?}")
        })?;
        self.fence_is(check, &*owner, 0, Some(&held), "after a claim that was turned down").await?;
        let mut unit = self.unit(0, "i", 44, 45, 17)?;
        unit.rows.clear();
        for _ in 0..10 {
            match owner.apply(&unit).await {
                CommitOutcome::Committed | CommitOutcome::AlreadyCommitted => {
                    let all: Admits = Arc::new(|_| true);
                    let before = copy.claim_if(&scope(0), &fence("j", 0, 0), all).await;
                    let before = check.answered(before, "claim_if")?;
                    check.ensure(before == Some(fence("i", 45, 17)), || {
                        format!("a claim that is let in answers {before:?}, not what was held")
                    })?;
                    return self.fence_is(check, &*copy, 0, Some(&fence("j", 45, 17)), "after a claim").await;
                }
                CommitOutcome::Unknown(_) | CommitOutcome::RetryLater(_) => {
                    // It may have to look who owns the lane.
                    check.answered(owner.read_fence(&scope(0)).await, "read_fence")?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return check.fail(format!("after a claim that was turned down its owner gets {other:?}")),
            }
        }
        check.fail("after a claim that was turned down its owner cannot go on".to_owned())
    }
}

/// Polls a call so many times, with pauses for what runs beside it, and drops it.
async fn poll_then_drop<T>(call: impl Future<Output = T>, polls: u32) {
    let mut call = pin!(call);
    for n in 0..polls {
        if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        if n + 1 < polls {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
}
