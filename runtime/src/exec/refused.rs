//! Rows that targets refused after they had been decided: into the dead letters of the next epoch, and
//! of one more where no epoch would follow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_core::{Error, Result};
use tidegate_plan::OnRowError;

use crate::metrics::JobMetrics;
use crate::store::{EpochContents, Positions, Reject, Store};

use super::control::Ack;
use super::coordinator::Messages;
use super::dead_letters::{DeadLetters, Letter};

/// The number of the task that the rows of dead letters come from.
pub const TASK: u32 = u32::MAX;

/// Moves refused rows from the store into epochs.
pub struct Refused {
    store: Store,
    letters: Option<DeadLetters>,
    policy: OnRowError,
    metrics: Arc<JobMetrics>,
    messages: Messages,
}

impl Refused {
    /// `letters`: the dead-letter table, where the job has one.
    pub fn new(
        store: Store,
        letters: Option<DeadLetters>,
        policy: OnRowError,
        metrics: Arc<JobMetrics>,
        messages: Messages,
    ) -> Self {
        Refused { store, letters, policy, metrics, messages }
    }

    /// Whether an epoch has something to take.
    pub fn is_due(&self) -> bool {
        (self.letters.is_some() || self.policy == OnRowError::Ignore) && self.store.rejects_waiting() > 0
    }

    /// Puts all that wait into an epoch. Rows that an earlier run kept for dead letters, in a job that
    /// now leaves such rows out, are let go.
    ///
    /// # Errors
    /// Of the state directory; a letter that cannot be written.
    pub fn take(&mut self, contents: &mut EpochContents) -> Result<()> {
        if !self.is_due() {
            return Ok(());
        }
        let rejects = self.store.rejects()?;
        if let Some(letters) = &mut self.letters {
            for reject in &rejects {
                letters.add(Letter::rejected(&reject.row, &reject.reason, &reject.key.to_string()))?;
            }
            let mut ack = Ack::default();
            letters.finish(&mut ack)?;
            contents.rows.extend(ack.rows.into_iter().map(|(sink, lane, refs)| (sink, lane, TASK, refs)));
        } else {
            self.let_go(&rejects);
        }
        contents.dead_letters = rejects.into_iter().map(|r| r.key).collect();
        Ok(())
    }
}

impl Refused {
    fn let_go(&self, rejects: &[Reject]) {
        self.metrics.ignored.fetch_add(rejects.len() as u64, Ordering::Relaxed);
        let first = rejects.first().map(|r| format!("{}: {}", r.key, r.reason)).unwrap_or_default();
        self.messages.lock().push(format!(
            "{} refused rows that an earlier run kept for dead letters are left out, as 'tidegate.on-error' is 'ignore' (first: {first})",
            rejects.len()
        ));
    }
}

/// Decides epochs after the final one, which hold nothing but dead letters.
pub struct Closing {
    /// What is still to be taken.
    pub refused: Refused,
    /// The store.
    pub store: Store,
    /// Where every split ended.
    pub positions: Positions,
    /// Where every watermark ended.
    pub watermarks: BTreeMap<(String, String), i64>,
    /// The last decided epoch plus one, for progress.
    pub decided: Arc<AtomicU64>,
}

impl Closing {
    /// To be asked once `epoch` has been applied everywhere: decides one more epoch if rows were refused,
    /// and gives its number.
    ///
    /// # Errors
    /// Of the store; refused rows that wait for a dead-letter table the job no longer has.
    pub async fn after(&mut self, epoch: u64) -> Result<Option<u64>> {
        let waiting = self.store.rejects_waiting();
        if waiting == 0 {
            return Ok(None);
        }
        if !self.refused.is_due() {
            return Err(Error::user(format!(
                "{waiting} refused rows wait for a dead-letter table, which the job no longer has"
            ))
            .help(
                "SET 'tidegate.dead-letter' = 'table' writes them, SET 'tidegate.on-error' = 'ignore' lets them go",
            ));
        }
        let epoch = epoch + 1;
        let mut contents = EpochContents {
            epoch,
            positions: self.positions.clone(),
            watermarks: self.watermarks.clone(),
            final_: true,
            ..EpochContents::default()
        };
        self.refused.take(&mut contents)?;
        self.store.decide(contents).await?;
        self.decided.store(epoch + 1, Ordering::Relaxed);
        Ok(Some(epoch))
    }
}
