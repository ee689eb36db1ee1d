//! The sink materialiser: keeps all rows that contend for one sink key where the query's upsert key
//! is another one. The row that came last stands; when it is taken back, the one before it stands
//! again. So a `-D` of one row never removes another.

use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::{Error, Result, RowKind};
use tidegate_plan::Changes;

use crate::batch::Batch;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::ops::changes::{ChangeRows, project, take};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;
use crate::state::entries::KeyedEntries;

/// The operator. Its rows are those of the sink: all inputs have the same columns.
pub struct Materialize {
    key: Vec<usize>,
    /// For each input the columns that identify its rows; `None`: the whole row does.
    upsert_keys: Vec<Option<Vec<usize>>>,
    types: Vec<DataType>,
    schema: SchemaRef,
    state: KeyedEntries,
    ctx: OperatorContext,
}

/// An entry's value: which input and upsert key it has, then the row.
fn pack(input: usize, identity: &[u8], row: &[u8]) -> Vec<u8> {
    let mut out = ((identity.len() + 4) as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&(input as u32).to_le_bytes());
    out.extend_from_slice(identity);
    out.extend_from_slice(row);
    out
}

fn unpack(value: &[u8]) -> Result<(&[u8], &[u8])> {
    let broken = || Error::internal("a stored contending row is broken");
    let (length, rest) = value.split_first_chunk::<4>().ok_or_else(broken)?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(broken)
}

impl Materialize {
    /// For rows of `schema` whose sink key stands at `key`.
    pub fn new(schema: SchemaRef, key: Vec<usize>, upsert_keys: Vec<Option<Vec<usize>>>, ctx: OperatorContext) -> Self {
        let types: Vec<DataType> = schema.fields().iter().map(|f| f.data_type().clone()).collect();
        let key_types: Vec<DataType> = key.iter().map(|k| types[*k].clone()).collect();
        Materialize { state: KeyedEntries::new(&key_types), key, upsert_keys, types, schema, ctx }
    }

    /// The first entry of a key with this identity.
    fn find(&self, id: u32, identity: &[u8]) -> Result<Option<Box<[u8]>>> {
        for (place, value) in self.state.entries().group(id) {
            if unpack(value)?.0 == identity {
                return Ok(Some(place.clone()));
            }
        }
        Ok(None)
    }

    fn add(&mut self, id: u32, identity: &[u8], packed: &[u8]) -> Result<RowKind> {
        let first = self.state.entries().group(id).is_empty();
        let place = match self.find(id, identity)? {
            Some(place) => place,
            None => Box::from(self.state.next_arrival().to_be_bytes()),
        };
        self.state.put(id, &place, packed);
        Ok(if first { RowKind::Insert } else { RowKind::UpdateAfter })
    }

    /// Takes a row back; the outer `None`: nothing to emit; the inner: the key is gone.
    fn take_back(&mut self, id: u32, identity: &[u8]) -> Result<Option<Option<Vec<u8>>>> {
        let Some(place) = self.find(id, identity)? else {
            let keys = self.state.keys();
            self.ctx.metrics.count("retraction-of-nothing", 1, || keys.describe(id));
            return Ok(None);
        };
        let was_last = self.state.entries().group(id).last_key_value().is_some_and(|(k, _)| *k == place);
        self.state.remove(id, &place);
        match self.state.entries().group(id).last_key_value() {
            None => Ok(Some(None)),
            Some((_, value)) if was_last => Ok(Some(Some(unpack(value)?.1.to_vec()))),
            Some(_) => Ok(None),
        }
    }

    /// The identity of row `row` of an input among the contenders.
    fn identity<'a>(input: usize, rows: &'a Identities, row: usize) -> Vec<u8> {
        let bytes: &'a [u8] = rows.own.as_ref().unwrap_or(&rows.full).row(row);
        [&(input as u32).to_le_bytes(), bytes].concat()
    }
}

struct Identities {
    full: EncodedRows,
    own: Option<EncodedRows>,
}

impl Operator for Materialize {
    fn process(&mut self, input: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let n = batch.len();
        let columns = batch.change.rows.columns();
        let (ids, _) = self.state.intern(&project(columns, &self.key), n, self.ctx.clock.now_millis())?;
        let mut rows = Identities { full: EncodedRows::default(), own: None };
        rows.full.encode(columns, n, Form::Row)?;
        if let Some(key) = self.upsert_keys.get(input).and_then(Option::as_ref) {
            let mut own = EncodedRows::default();
            own.encode(&project(columns, key), n, Form::Key)?;
            rows.own = Some(own);
        }
        // Rows to emit are rows of the batch, or earlier rows that stand again (after the batch's).
        let mut changes = ChangeRows::default();
        let mut again: Vec<Vec<u8>> = Vec::new();
        for (row, id) in ids.iter().enumerate() {
            let identity = Self::identity(input, &rows, row);
            if batch.change.kind(row).is_addition() {
                let packed = pack(input, &identity[4..], rows.full.row(row));
                changes.push(self.add(*id, &identity, &packed)?, row as u32);
            } else {
                match self.take_back(*id, &identity)? {
                    None => {}
                    Some(None) => changes.change(Changes::ALL, Some(row as u32), None),
                    Some(Some(earlier)) => {
                        changes.push(RowKind::UpdateAfter, (n + again.len()) as u32);
                        again.push(earlier);
                    }
                }
            }
        }
        for id in ids {
            if self.state.keys().table().is_live(id) && self.state.entries().group(id).is_empty() {
                self.state.remove_key(id);
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let earlier = decode(&self.types, Form::Row, again.iter().map(Vec::as_slice))?;
        let indices: UInt32Array = changes.indices();
        let columns = columns
            .iter()
            .zip(&earlier)
            .map(
                |(a, b)| {
                    if b.is_empty() { take(a, &indices) } else { take(&crate::ops::changes::concat(a, b)?, &indices) }
                },
            )
            .collect::<Result<Vec<ArrayRef>>>()?;
        out.emit(Batch::new(changes.finish(&self.schema, columns)?))
    }

    fn state(&self) -> Option<StateLayout> {
        Some(StateLayout {
            schema: self.state.schema().clone(),
            key_columns: self.state.entry_key(),
            partition_columns: (0..self.key.len()).collect(),
        })
    }
    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        self.state.snapshot()
    }
    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        self.state.restore(entries)
    }
}
