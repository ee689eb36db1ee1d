//! Which records belong to transactions that were aborted: a broker sends them too, and tells of each where
//! it began (KIP-98, "Reading committed messages").

use super::batch::Batch;

/// The aborted transactions of one answer.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// First offset and producer, those that begin last first.
    ahead: Vec<(i64, i64)>,
    /// Producers whose transaction has begun and not ended.
    begun: Vec<i64>,
}

impl Aborted {
    /// By first offset and producer, in any order.
    pub(super) fn new(mut told: Vec<(i64, i64)>) -> Aborted {
        told.sort_unstable_by(|a, b| b.cmp(a));
        Aborted { ahead: told, begun: Vec::new() }
    }

    /// Whether the records of the next batch, in order, were never committed.
    pub(super) fn hides(&mut self, batch: &Batch<'_>) -> bool {
        let header = &batch.header;
        while let Some((_, producer)) = self.ahead.pop_if(|(first, _)| *first < header.next()) {
            self.begun.push(producer);
        }
        if batch.is_abort() {
            self.begun.retain(|producer| *producer != header.producer);
        }
        header.is_transactional() && !header.is_control() && self.begun.contains(&header.producer)
    }
}
