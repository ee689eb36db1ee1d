//! What could not be decoded, counted so that one broken column cannot flood the report.

use std::collections::BTreeSet;

use crate::json::scan::Broken;

/// Something that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The message, as an index into the batch; the first one where `count` is above 1.
    pub record: u32,
    /// The field of the scan; `None` where the record as a whole is meant.
    pub field: Option<usize>,
    /// What became of it.
    pub kind: DecodeErrorKind,
    /// Why, for people.
    pub reason: String,
    /// How many messages this stands for: always 1 for [`DecodeErrorKind::RowFailed`].
    pub count: u64,
}

/// What became of something undecodable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeErrorKind {
    /// The message has no row and must not be passed over: it stops the job or goes to the
    /// dead-letter table. One entry for each such message.
    RowFailed,
    /// The message has no row because `ignore-parse-errors` says so. One entry for the batch.
    RowSkipped,
    /// The field is NULL: a bad field under `ignore-parse-errors`, or a cast whose failure is NULL in
    /// the dialect. One entry for each field in the batch. Without a field: a message that is not
    /// JSON, whose JSON functions are all NULL.
    FieldNull,
}

/// What a failed conversion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBad {
    Fail,
    Skip,
    Null,
    /// NULL or replaced, by rule and not worth counting.
    Quiet,
}

/// Collects the errors of a batch.
#[derive(Debug)]
pub(crate) struct Problems {
    errors: Vec<DecodeError>,
    /// The entry of each field's NULLs.
    nulls: Vec<Option<usize>>,
    skipped: Option<usize>,
    not_json: Option<usize>,
    bad_rows: BTreeSet<u32>,
}

impl Problems {
    pub(crate) fn new(fields: usize) -> Self {
        Problems {
            errors: Vec::new(),
            nulls: vec![None; fields],
            skipped: None,
            not_json: None,
            bad_rows: BTreeSet::new(),
        }
    }

    /// A record that has no row.
    pub(crate) fn record(&mut self, on: OnBad, record: u32, reason: String) {
        self.add(on, record, None, reason);
    }

    /// A field of a row (counted from the batch's first row) that could not be converted.
    pub(crate) fn field(&mut self, on: OnBad, record: u32, row: u32, field: usize, reason: String) {
        if matches!(on, OnBad::Fail | OnBad::Skip) && !self.bad_rows.insert(row) {
            return;
        }
        self.add(on, record, Some(field), reason);
    }

    /// A message that JSON functions read, and that is not JSON.
    pub(crate) fn not_json(&mut self, record: u32, broken: &Broken) {
        match self.not_json.and_then(|at| self.errors.get_mut(at)) {
            Some(entry) => entry.count += 1,
            None => {
                self.not_json = Some(self.errors.len());
                self.add(OnBad::Null, record, None, broken.to_string());
            }
        }
    }

    /// A text that is not UTF-8: whether it is to be replaced.
    pub(crate) fn invalid_text(&mut self, on: OnBad, records: &[u32], row: usize, field: usize) {
        let record = records.get(row).copied().unwrap_or(0);
        self.field(on, record, row as u32, field, "the text is not UTF-8".to_owned());
    }

    fn add(&mut self, on: OnBad, record: u32, field: Option<usize>, reason: String) {
        let (kind, known) = match on {
            OnBad::Quiet => return,
            OnBad::Fail => (DecodeErrorKind::RowFailed, None),
            OnBad::Skip => (DecodeErrorKind::RowSkipped, self.skipped),
            OnBad::Null => (DecodeErrorKind::FieldNull, field.and_then(|f| self.nulls[f])),
        };
        if let Some(entry) = known.and_then(|at| self.errors.get_mut(at)) {
            entry.count += 1;
            return;
        }
        let place = Some(self.errors.len());
        match (on, field) {
            (OnBad::Skip, _) => self.skipped = place,
            (OnBad::Null, Some(f)) => self.nulls[f] = place,
            _ => {}
        }
        self.errors.push(DecodeError { record, field, kind, reason, count: 1 });
    }

    /// Rows that were built but must go, sorted.
    pub(crate) fn bad_rows(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.bad_rows).into_iter().collect()
    }

    pub(crate) fn into_errors(self) -> Vec<DecodeError> {
        self.errors
    }
}
