//! The first rows of each key by an order, with or without their rank.
//!
//! Rows of equal order rank by arrival. Over input that is never taken back only the rows that can
//! still rank are kept. With a rank, a rank whose row changes is an update; without, a row that leaves
//! is `-D` and one that enters `+I`, except that the single row of a "first of each key" is updated.

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{Error, Result, RowKind};
use tidegate_plan::{Changes, Node, Plan, SortColumn};

use super::changes::{ChangeRows, project, take};
use crate::batch::Batch;
use crate::metrics::Share;
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::state::codec::{EncodedRows, Form};
use crate::state::decode::decode;
use crate::state::entries::KeyedEntries;

/// The operator.
pub struct TopN {
    keys: Vec<usize>,
    order: Vec<SortColumn>,
    from: usize,
    to: usize,
    with_rank: bool,
    retract: bool,
    state: KeyedEntries,
    types: Vec<DataType>,
    schema: SchemaRef,
    changes: Changes,
    per_row: bool,
    ttl: i64,
    ctx: OperatorContext,
    met: Vec<u64>,
    round: u64,
    reported: Share,
}

/// Arguments of [`TopN::new`] as the plan has them.
pub struct Ranks<'a> {
    /// Partition columns.
    pub keys: &'a [usize],
    /// Ordering columns.
    pub order: &'a [SortColumn],
    /// First rank, from 1.
    pub from: u64,
    /// Last rank.
    pub to: u64,
    /// Whether the rank is a column.
    pub with_rank: bool,
}

/// A ranked row: its place and its bytes.
type Ranked = (Box<[u8]>, Box<[u8]>);

/// Rows on their way out.
#[derive(Default)]
struct Emitted {
    changes: ChangeRows,
    rows: Vec<Box<[u8]>>,
    ranks: Vec<i64>,
}

impl Emitted {
    fn row(&mut self, row: &[u8], rank: usize) -> u32 {
        self.rows.push(row.into());
        self.ranks.push(rank as i64);
        (self.rows.len() - 1) as u32
    }
}

impl TopN {
    /// Builds it.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(node: &Node, plan: &Plan, ranks: &Ranks<'_>, ctx: OperatorContext) -> Result<Self> {
        let input = &plan.nodes[*node.inputs.first().ok_or_else(|| Error::internal("a top-n without input"))?];
        let types: Vec<DataType> = input.columns.iter().map(|c| c.data_type.ty.to_arrow()).collect();
        let key_types: Vec<DataType> = ranks.keys.iter().map(|k| types[*k].clone()).collect();
        Ok(TopN {
            keys: ranks.keys.to_vec(),
            order: ranks.order.to_vec(),
            from: ranks.from.max(1) as usize,
            to: usize::try_from(ranks.to).unwrap_or(usize::MAX),
            with_rank: ranks.with_rank,
            retract: input.changes.update_before || input.changes.delete,
            state: KeyedEntries::new(&key_types),
            types,
            schema: arrow_schema(&node.columns),
            changes: node.changes,
            per_row: !plan.settings.mini_batch,
            ttl: plan.settings.state_ttl_ms,
            ctx,
            met: Vec::new(),
            round: 0,
            reported: Share::default(),
        })
    }

    /// The places of rows by their order columns, arrival left out.
    fn places(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<Vec<u8>>> {
        let mut out = vec![Vec::new(); rows];
        let mut encoded = EncodedRows::default();
        for sort in &self.order {
            encoded.encode(std::slice::from_ref(&columns[sort.column]), rows, Form::Order)?;
            for (row, place) in out.iter_mut().enumerate() {
                let bytes = encoded.row(row);
                // NULL stands before values (0 < 1); where it must end up behind them, it is 2.
                let first = if bytes[0] == 0 && sort.nulls_first == sort.descending { 2 } else { bytes[0] };
                let turn = if sort.descending { 0xff } else { 0 };
                place.push(first ^ turn);
                place.extend(bytes[1..].iter().map(|b| b ^ turn));
            }
        }
        Ok(out)
    }

    fn visible(&self, id: u32) -> Vec<Ranked> {
        let all = self.state.entries().group(id).iter();
        all.take(self.to).skip(self.from - 1).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    fn add(&mut self, id: u32, place: &[u8], row: &[u8]) {
        let entries = self.state.entries().group(id);
        let full = !self.retract && entries.len() >= self.to;
        if full && entries.last_key_value().is_some_and(|(last, _)| &last[..last.len() - 8] <= place) {
            return;
        }
        let last = if full { entries.last_key_value().map(|(k, _)| k.clone()) } else { None };
        let arrival = self.state.next_arrival().to_be_bytes();
        self.state.put(id, &[place, &arrival].concat(), row);
        if let Some(last) = last {
            self.state.remove(id, &last);
        }
    }

    fn take_back(&mut self, id: u32, place: &[u8], row: &[u8]) {
        let bounds = (std::ops::Bound::Included(place), std::ops::Bound::Unbounded);
        let found = self
            .state
            .entries()
            .group(id)
            .range::<[u8], _>(bounds)
            .take_while(|(k, _)| k.starts_with(place))
            .find(|(k, v)| k.len() == place.len() + 8 && v.as_ref() == row)
            .map(|(k, _)| k.clone());
        match found {
            Some(key) => self.state.remove(id, &key),
            None => {
                let keys = self.state.keys();
                self.ctx.metrics.count("retraction-of-nothing", 1, || keys.describe(id));
            }
        }
    }

    /// Adds what the change from `old` to the rows ranked now means.
    fn compare(&self, id: u32, old: &[Ranked], out: &mut Emitted) {
        let new = self.visible(id);
        if self.with_rank || self.from == self.to {
            for i in 0..old.len().max(new.len()) {
                let (a, b) = (old.get(i), new.get(i));
                if a.map(|x| &x.1) == b.map(|x| &x.1) {
                    continue;
                }
                let rank = self.from + i;
                let a = a.map(|(_, row)| out.row(row, rank));
                let b = b.map(|(_, row)| out.row(row, rank));
                out.changes.change(self.changes, a, b);
            }
            return;
        }
        let mut entered: Vec<&Ranked> = new.iter().filter(|n| !old.contains(n)).collect();
        for (_, row) in old.iter().filter(|o| !new.contains(o)) {
            if let Some(same) = entered.iter().position(|e| e.1 == *row) {
                entered.remove(same);
            } else if self.changes.delete {
                let index = out.row(row, 0);
                out.changes.push(RowKind::Delete, index);
            }
        }
        for (_, row) in entered {
            let index = out.row(row, 0);
            out.changes.push(RowKind::Insert, index);
        }
    }

    fn emit(&self, emitted: Emitted, out: &mut dyn Output) -> Result<()> {
        if emitted.changes.is_empty() {
            return Ok(());
        }
        let mut columns = decode(&self.types, Form::Row, emitted.rows.iter().map(AsRef::as_ref))?;
        if self.with_rank {
            columns.push(std::sync::Arc::new(Int64Array::from(emitted.ranks)));
        }
        let indices = emitted.changes.indices();
        let columns = columns.iter().map(|c| take(c, &indices)).collect::<Result<Vec<_>>>()?;
        out.emit(Batch::new(emitted.changes.finish(&self.schema, columns)?))
    }

    fn expire(&mut self, id: u32) {
        let all: Vec<_> = self.state.entries().group(id).keys().cloned().collect();
        for key in all {
            self.state.remove(id, &key);
        }
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.state.keys().table().len());
    }
}

impl Operator for TopN {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let n = batch.len();
        let now = self.ctx.clock.now_millis();
        let columns = batch.change.rows.columns();
        let (ids, touched) = self.state.intern(&project(columns, &self.keys), n, now)?;
        let places = self.places(columns, n)?;
        let mut rows = EncodedRows::default();
        rows.encode(columns, n, Form::Row)?;
        self.met.resize(self.state.keys().table().bound().max(self.met.len()), 0);
        self.round += 1;
        let mut olds: Vec<(u32, Vec<Ranked>)> = Vec::new();
        let mut emitted = Emitted::default();
        for (row, id) in ids.iter().enumerate() {
            if self.met[*id as usize] != self.round {
                self.met[*id as usize] = self.round;
                if self.ttl > 0 && touched[row] > 0 && now - touched[row] > self.ttl {
                    self.expire(*id);
                }
                olds.push((*id, self.visible(*id)));
            }
            if batch.change.kind(row).is_addition() {
                self.add(*id, &places[row], rows.row(row));
            } else {
                self.take_back(*id, &places[row], rows.row(row));
            }
            if self.per_row {
                self.round += 1;
                for (id, old) in olds.drain(..) {
                    self.compare(id, &old, &mut emitted);
                }
            }
        }
        for (id, old) in &olds {
            self.compare(*id, old, &mut emitted);
        }
        for id in ids {
            if self.state.keys().table().is_live(id) && self.state.entries().group(id).is_empty() {
                self.state.remove_key(id);
            }
        }
        self.report();
        self.emit(emitted, out)
    }

    fn state(&self) -> Option<StateLayout> {
        Some(StateLayout {
            schema: self.state.schema().clone(),
            key_columns: self.state.entry_key(),
            partition_columns: (0..self.keys.len()).collect(),
        })
    }
    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        self.state.snapshot()
    }
    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        self.state.restore(entries)?;
        self.report();
        Ok(())
    }
}
