//! What happens to a row that cannot be decoded, computed or placed in time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_core::{Error, Result};
use tidegate_plan::OnRowError;

use crate::metrics::{JobMetrics, OperatorMetrics};
use crate::operator::BadRow;

use super::control::Ack;
use super::dead_letters::{DeadLetters, Letter};

/// The job's policy as one task carries it out.
pub struct BadRows {
    /// What to do.
    pub policy: OnRowError,
    /// Where rows go under [`OnRowError::DeadLetter`].
    pub letters: Option<DeadLetters>,
    /// Where they are counted.
    pub metrics: Arc<JobMetrics>,
}

impl BadRows {
    /// Stops, keeps or counts a row. `place` says which INSERT it was for.
    ///
    /// # Errors
    /// Where the policy is to stop, or the dead letters cannot be written.
    pub fn take(&mut self, row: BadRow, place: &str, metrics: &OperatorMetrics) -> Result<()> {
        let at = || row.origin.as_ref().map(|(origin, i)| origin.describe(*i));
        match (self.policy, &mut self.letters) {
            (OnRowError::Ignore, _) => {
                self.metrics.ignored.fetch_add(1, Ordering::Relaxed);
            }
            (OnRowError::DeadLetter, Some(letters)) => {
                self.metrics.dead_letters.fetch_add(1, Ordering::Relaxed);
                metrics.count(row.class, 1, || sample(at(), &row.reason));
                return letters.add(Letter::of(row, place));
            }
            (OnRowError::Stop | OnRowError::DeadLetter, _) => {
                let mut error = Error::user(row.reason.clone());
                if let Some(at) = at() {
                    error = error.context(at);
                }
                return Err(error.help(
                    "SET 'tidegate.dead-letter' = 'table' sends such rows to a table, SET 'tidegate.on-error' = 'ignore' leaves them out and counts them",
                ));
            }
        }
        metrics.count(row.class, 1, || sample(at(), &row.reason));
        Ok(())
    }

    /// Hands over what belongs to the epoch that ends.
    ///
    /// # Errors
    /// Of the state directory.
    pub fn finish(&mut self, ack: &mut Ack) -> Result<()> {
        self.letters.as_mut().map_or(Ok(()), |letters| letters.finish(ack))
    }
}

fn sample(at: Option<String>, reason: &str) -> String {
    match at {
        Some(at) => format!("{at}: {reason}"),
        None => reason.to_owned(),
    }
}
