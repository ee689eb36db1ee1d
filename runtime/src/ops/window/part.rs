//! What the local part of an aggregate holds of one stretch: groups that are only added to, and sent as a
//! whole.

use arrow_array::{ArrayRef, BinaryArray, UInt64Array};
use tidegate_core::Result;

use super::by_window::Table;
use crate::batch::Batch;
use crate::metrics::OperatorMetrics;
use crate::ops::report_overflows;
use crate::state::accumulators::{Aggregates, Rows};
use crate::state::codec::Form;
use crate::state::decode::decode;
use crate::state::describe_row;
use crate::state::key_words::KeyWords;
use crate::state::word_table::WordTable;

/// The groups of a stretch.
pub(super) struct Part {
    keys: WordTable,
    aggregates: Aggregates,
}

impl Part {
    /// Without groups.
    pub fn new(aggregates: Aggregates) -> Self {
        Part { keys: WordTable::default(), aggregates }
    }

    /// Takes rows of a batch, whose keys were the last that `words` encoded.
    ///
    /// # Errors
    /// Where the columns do not fit.
    pub fn add(&mut self, batch: &Batch, rows: &[u32], words: &KeyWords, metrics: &OperatorMetrics) -> Result<()> {
        let mut groups = Vec::with_capacity(rows.len());
        self.keys.intern(words, &mut groups);
        self.aggregates.grow(self.keys.len());
        let args = batch.change.rows.columns();
        // The order of arrival does not show in aggregates that can be split.
        self.aggregates.update(&Rows { groups: &groups, rows: Some(rows), args, retract: None, sequence: 0 })?;
        report_overflows(self.aggregates.take_overflows(), metrics, |group| self.describe(words, group));
        Ok(())
    }

    /// The keys of these groups in the stored form, and their hashes.
    ///
    /// # Errors
    /// For more than 2 GiB of keys.
    pub fn keys(&self, words: &KeyWords, groups: &[u32]) -> Result<(BinaryArray, UInt64Array)> {
        words.to_keys(self.keys.rows(groups, words.stride()))
    }

    /// What the aggregates of these groups hold.
    ///
    /// # Errors
    /// Where the state is broken.
    pub fn save(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.aggregates.save(groups)
    }

    fn describe(&self, words: &KeyWords, group: u32) -> String {
        let columns =
            self.keys(words, &[group]).and_then(|(keys, _)| decode(words.types(), Form::Key, [keys.value(0)]));
        columns.map_or_else(|_| "(?)".to_owned(), |columns| describe_row(&columns, 0))
    }
}

impl Table for Part {
    fn len(&self) -> usize {
        self.keys.len()
    }
    fn clear(&mut self) {
        self.aggregates.clear_below(self.keys.len() as u32);
        self.keys.clear();
    }
}
