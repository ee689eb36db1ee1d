//! What the committers of all levels share: reading units, recording, pausing, stopping.

use std::sync::Arc;
use std::time::Duration;

use tidegate_core::sink::{ApplyUnit, CommitOutcome, Fence, OpenSink, Scope, SinkLevel};
use tidegate_core::{ChangeBatch, Error, Result, Retry};
use tokio::sync::watch;

use super::board::Board;
use super::committer::{CommitOptions, OnReject};
use super::protocol::{Stop, back_off};
use crate::store::decision::LaneKey;
use crate::store::planning::UnitLimits;
use crate::store::units::{Cut, Planned};
use crate::store::{RejectKey, Store};

/// What to do about a dead letter that is refused.
const LAST_RESORT: &str = "these are dead letters, which have nowhere else to go: change the dead-letter table so that \
                           it takes them and start again; they are kept until then";

/// One lane and everything its committer needs.
#[derive(Clone)]
pub struct Lane {
    pub(super) store: Store,
    pub(super) key: LaneKey,
    pub(super) scope: Scope,
    pub(super) sink: Arc<OpenSink>,
    pub(super) options: Arc<CommitOptions>,
    pub(super) board: Arc<Board>,
    pub(super) stop: watch::Receiver<bool>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// As hoped.
    Over,
    /// The committers are being stopped.
    Stopped,
}

impl Lane {
    /// What happens to refused rows.
    pub fn on_reject(&self) -> OnReject {
        self.options.on_reject.get(&self.key.sink).copied().unwrap_or_default()
    }

    /// The next rows, if there are any. Reading may block: it is done aside.
    ///
    /// # Errors
    /// Of the store.
    pub async fn next_unit(&self, from: u64, cut: Cut) -> Result<Option<(Planned, Vec<ChangeBatch>)>> {
        let asked = match &self.sink.level {
            SinkLevel::Fenced(sink) => sink.unit_size(),
            _ => None,
        };
        let limits = asked.map_or_else(
            || UnitLimits { rows: self.options.unit_rows, bytes: self.options.unit_bytes },
            |size| UnitLimits { rows: size.rows.max(1), bytes: size.bytes.max(1) },
        );
        let key = self.key.clone();
        self.aside(move |store| {
            let Some(planned) = store.next_unit(&key, from, cut, limits)? else { return Ok(None) };
            let rows = store.read_unit(&planned)?;
            Ok(Some((planned, rows)))
        })
        .await
    }

    /// Does something with the store on a thread that may block.
    ///
    /// # Errors
    /// Of the store.
    pub async fn aside<T: Send + 'static>(&self, f: impl FnOnce(&Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || f(&store)).await.map_err(|e| Error::internal(format!("committer: {e}")))?
    }

    /// The unit as the sink gets it.
    pub fn unit(&self, planned: &Planned, rows: Vec<ChangeBatch>) -> ApplyUnit {
        let (run, incarnation) = self.store.identity();
        let mark = planned.mark;
        let fence = Fence { run, incarnation, position: mark.position, epoch: mark.epoch, digest: mark.digest };
        ApplyUnit {
            scope: self.scope.clone(),
            from: planned.from,
            to: planned.to,
            fence,
            version: planned.version,
            rows,
        }
    }

    /// Waits for more to apply.
    pub async fn await_decision(&self, from: u64) -> Waited {
        let mut decided = self.store.decided();
        let mut stop = self.stop.clone();
        loop {
            decided.borrow_and_update();
            if self.store.lane_decided(&self.key).is_ok_and(|m| m.position > from) {
                return Waited::Over;
            }
            tokio::select! {
                result = decided.changed() => if result.is_err() { return Waited::Stopped },
                () = stopped(&mut stop) => return Waited::Stopped,
            }
        }
    }

    /// Waits, unless stopped.
    pub async fn pause(&self, pause: Duration) -> Waited {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => Waited::Over,
            () = stopped(&mut stop) => Waited::Stopped,
        }
    }

    /// The pause after so many failures in a row.
    pub fn back_off(&self, failures: u32) -> Duration {
        back_off(failures, self.options.max_pause)
    }

    /// Whether the committers are being stopped.
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Just before rows are sent to a target.
    pub fn sending(&self) {
        tidegate_core::failpoint::hit("apply.before");
    }

    /// The target has answered; nothing knows yet.
    pub fn answered(&self) {
        tidegate_core::failpoint::hit("apply.before_acknowledge");
    }

    /// Notes an applied unit.
    pub fn acknowledge(&self, planned: &Planned) {
        self.board.applied(&self.key, planned.mark, self.delay(planned));
        tidegate_core::failpoint::hit("apply.after");
    }

    /// From the decision of a unit's newest rows to now, ms.
    pub fn delay(&self, planned: &Planned) -> Option<u64> {
        u64::try_from((self.store.now_millis() - planned.decided_at).max(0)).ok()
    }

    /// Makes refusals durable.
    ///
    /// # Errors
    /// Of the store.
    pub async fn record_rejected(&self, rows: Vec<(u64, String)>) -> Result<()> {
        let (key, ignore) = (self.key.clone(), self.on_reject() == OnReject::Ignore);
        let first = rows.first().map(|(position, reason)| format!("{}: {reason}", RejectKey::of(&key, *position)));
        let count = self.aside(move |store| store.record_rejected(&key, &rows, ignore)).await?;
        if count > 0 {
            self.board.rejected(&self.key, count, ignore, &first.unwrap_or_default());
        }
        Ok(())
    }

    /// A reason to stop as an error.
    pub fn stop_error(&self, stop: Stop) -> Error {
        let is_refused_letter =
            matches!(stop, Stop::Rejected(_)) && self.options.dead_letters.as_ref() == Some(&self.key.sink);
        let error = stop_error(&self.key, stop);
        if is_refused_letter { error.help(LAST_RESORT) } else { error }
    }

    /// Shows an error that may pass as an absence; gives it back.
    pub fn noted(&self, error: Error) -> Error {
        if error.retry_advice() != Retry::Never {
            self.board.absent(&self.key, &error.to_string());
        }
        error
    }
}

/// Returns once the committers are being stopped.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stop.wait_for(|s| *s).await;
}

/// Refused rows by position instead of by index in the unit.
pub fn by_position(outcome: CommitOutcome, planned: &Planned) -> CommitOutcome {
    let CommitOutcome::Rejected(rows) = outcome else { return outcome };
    let positions: Option<Vec<(u64, String)>> =
        rows.into_iter().map(|(index, reason)| Some((planned.position_of(index)?, reason))).collect();
    match positions {
        Some(rows) => CommitOutcome::Rejected(rows),
        None => CommitOutcome::Lost("the sink refuses rows that it was not given".to_owned()),
    }
}

/// Why a lane stopped, in words.
pub fn stop_error(key: &LaneKey, stop: Stop) -> Error {
    let place = |e: Error| e.context(format!("sink {} lane {}", key.sink, key.lane));
    match stop {
        Stop::Refused(refusal) => refusal.to_error(key),
        Stop::Replaced(fence) => {
            let by = fence.map_or_else(String::new, |f| format!(" (incarnation {} of run {})", f.incarnation, f.run));
            place(Error::replaced(format!("this process has been replaced: another one has claimed the target{by}")))
                .help("only one process may run a job; what this one had not applied the other one applies. If that one has stopped too (it ran on an older copy of this state directory), run the same command again: the newest directory goes on, any other is refused and changes nothing")
        }
        Stop::Lost(what) => place(Error::external(format!("applied rows are lost: {what}")).fatal())
            .help("look at the target before going on: what was applied to it is no longer there or cannot be checked"),
        Stop::Rejected(rows) => {
            let shown: Vec<String> = rows.iter().take(3).map(|(p, reason)| format!("row {p}: {reason}")).collect();
            let more = rows.len().saturating_sub(3);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            place(Error::user(format!("the target refuses rows: {}{rest}", shown.join("; "))))
                .help("set 'tidegate.dead-letter' to keep such rows aside, or change the table or the query")
        }
        Stop::Failed(error) => place(error),
    }
}

/// The level's name, for messages.
pub fn level_name(level: &SinkLevel) -> &'static str {
    match level {
        SinkLevel::Discard => "discard",
        SinkLevel::Append(_) => "append",
        SinkLevel::Upsert(_) => "upsert",
        SinkLevel::Fenced(_) => "fenced",
        SinkLevel::TwoPhase(_) => "two-phase",
    }
}
