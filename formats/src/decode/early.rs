//! Integers that are wanted before there are columns: by the filter, and as event time. They are read
//! once a chunk; the columns take them from here, too.

use super::field::Field;
use super::filter::Predicate;
use super::read::Reader;
use super::value::PlainInts;

/// For each such field and row of a chunk the number, if its digits are the value as they stand.
#[derive(Debug, Default)]
pub(crate) struct Early {
    fields: Vec<usize>,
    values: Vec<Vec<Option<i64>>>,
}

impl Early {
    /// Chooses the fields, and tells them where their values will be.
    pub(crate) fn choose(fields: &mut [Field], filter: Option<&Predicate>, time: Option<usize>) -> Self {
        let mut wanted = Vec::from_iter(time);
        if let Some(filter) = filter {
            filter.integers(&mut wanted);
        }
        let mut early = Early::default();
        for index in wanted {
            match fields.get_mut(index) {
                Some(field) if field.plain_digits && field.early.is_none() => {
                    field.early = Some(early.fields.len());
                    early.fields.push(index);
                    early.values.push(Vec::new());
                }
                _ => {}
            }
        }
        early
    }

    /// Reads them for the first `rows` rows of a chunk.
    pub(crate) fn read(&mut self, fields: &[Field], readers: &[Reader], data: &[u8], rows: usize) {
        for (index, values) in self.fields.iter().zip(&mut self.values) {
            values.clear();
            if let Some(plain) = PlainInts::of(&fields[*index], readers, data, &[]) {
                plain.each(0..rows, |_, n| values.push(n));
            }
        }
    }

    /// What has been read for a field; empty where nothing has.
    #[inline]
    pub(crate) fn of(&self, field: &Field) -> &[Option<i64>] {
        field.early.and_then(|at| self.values.get(at)).map_or(&[], Vec::as_slice)
    }
}
