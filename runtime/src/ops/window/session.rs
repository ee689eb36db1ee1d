//! GROUP BY over session windows: a session of a key goes on until the gap passes without a row.
//! Rows that fall between two sessions join them. As in Flink a row exactly one gap after the last
//! still belongs to the session, and a row that is taken back does not make its session shorter.
//!
//! FIRST_VALUE and LAST_VALUE of joined sessions: the session that began earlier came first.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use tidegate_core::types::arrow_schema;
use tidegate_core::{ChangeBatch, Error, Result, SqlType};
use tidegate_plan::{AggregateCall, AggregateFunction, Node, Plan, Window, WindowKind};

use super::aggregate::push_boundaries;
use super::assign::{Assigner, Bounds};
use crate::batch::Batch;
use crate::metrics::{OperatorMetrics, Share};
use crate::operator::{Operator, OperatorContext, Output, StateLayout};
use crate::ops::changes::{project, record_batch, retractions};
use crate::ops::{Input, count_overflows};
use crate::state::accumulators::Aggregates;
use crate::state::codec::{EncodedRows, Form};
use crate::state::groups::Groups;
use crate::state::keys::KeyTable;
use crate::state::physical::{View, view};

/// The operator.
pub struct SessionAggregate {
    time: Option<usize>,
    gap: i64,
    assigner: Assigner,
    keys: Vec<usize>,
    key_table: KeyTable,
    /// The open sessions of each key.
    sessions: Vec<Vec<Session>>,
    /// One group a session. Its key is the key columns and the time of the row that opened it, its
    /// last two aggregates are the first and the last time.
    groups: Groups,
    /// When to look at a session: (last instant, key, group). A session may have grown since.
    timers: BTreeSet<(i64, u32, u32)>,
    retract: bool,
    schema: SchemaRef,
    ctx: OperatorContext,
    reported: Share,
}

/// An open session: instants in ms, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Session {
    start: i64,
    end: i64,
    group: u32,
}

/// Rows assigned to groups but not yet added.
#[derive(Default)]
struct Pending {
    groups: Vec<u32>,
    rows: Vec<u32>,
}

impl SessionAggregate {
    /// Builds it.
    ///
    /// # Errors
    /// Where the plan does not fit together.
    pub fn new(
        node: &Node,
        plan: &Plan,
        window: &Window,
        keys: &[usize],
        calls: &[AggregateCall],
        ctx: OperatorContext,
    ) -> Result<Self> {
        let WindowKind::Session { gap } = window.kind else {
            return Err(Error::internal("a session window was expected"));
        };
        let input = Input::of(node, plan)?;
        let key_types = input.types_of(keys);
        let Input { mut types, retract } = input;
        // The times in ms stand behind the input's columns.
        let time = types.len();
        types.push(DataType::Int64);
        let mut aggregates = Aggregates::new(calls, &types, retract)?;
        for function in [AggregateFunction::Min, AggregateFunction::Max] {
            let data_type = SqlType::BigInt.nullable();
            let call = AggregateCall { function, args: vec![time], distinct: false, filter: None, data_type };
            aggregates.push_appending(&call, &types)?;
        }
        let mut group_types = key_types.clone();
        group_types.push(DataType::Int64);
        Ok(SessionAggregate {
            time: window.time,
            gap,
            assigner: Assigner::new(window)?,
            keys: keys.to_vec(),
            key_table: KeyTable::new(key_types),
            sessions: Vec::new(),
            groups: Groups::with(&group_types, aggregates, retract),
            timers: BTreeSet::new(),
            retract,
            schema: arrow_schema(&node.columns),
            ctx,
            reported: Share::default(),
        })
    }

    fn flush(&mut self, pending: &mut Pending, columns: &[ArrayRef], retract: Option<&[bool]>) -> Result<()> {
        if pending.groups.is_empty() {
            return Ok(());
        }
        let Pending { mut groups, mut rows } = std::mem::take(pending);
        if let Some(known) = self.groups.count_rows(&groups, Some(&rows), retract) {
            let missing = known.iter().filter(|k| !**k).count() as u64;
            self.ctx.metrics.count("retraction-of-nothing", missing, || "a session window".into());
            let mut keep = known.iter();
            groups.retain(|_| *keep.next().unwrap_or(&true));
            let mut keep = known.iter();
            rows.retain(|_| *keep.next().unwrap_or(&true));
        }
        self.groups.update(&groups, Some(&rows), columns, retract, 0)?;
        count_overflows(&mut self.groups, &self.ctx.metrics);
        Ok(())
    }

    /// The sessions that a row at `time` belongs to or joins, and the session they become; `group` is
    /// that of the earliest.
    fn overlap(&self, key: u32, time: i64) -> (Vec<Session>, Session) {
        let mut all = Session { start: time, end: time.saturating_add(self.gap), group: u32::MAX };
        let mut joined: Vec<Session> =
            self.sessions[key as usize].iter().copied().filter(|s| time <= s.end && all.end >= s.start).collect();
        joined.sort_unstable_by_key(|s| s.start);
        for s in &joined {
            all.start = all.start.min(s.start);
            all.end = all.end.max(s.end);
        }
        all.group = joined.first().map_or(u32::MAX, |s| s.group);
        (joined, all)
    }

    fn fire(&mut self, until: i64, out: &mut dyn Output) -> Result<()> {
        let mut ready: Vec<(Session, u32)> = Vec::new();
        while let Some((at, key, group)) = self.timers.first().copied() {
            if at > until {
                break;
            }
            self.timers.pop_first();
            let own = &mut self.sessions[key as usize];
            let Some(position) = own.iter().position(|s| s.group == group) else { continue };
            if own[position].end - 1 > at {
                self.timers.insert((own[position].end - 1, key, group));
                continue;
            }
            ready.push((own.remove(position), key));
        }
        for chunk in ready.chunks(8192) {
            self.emit(chunk, out)?;
        }
        for (session, key) in ready {
            self.groups.remove(session.group);
            if self.sessions[key as usize].is_empty() && self.key_table.table().is_live(key) {
                self.key_table.remove(key);
            }
        }
        self.report();
        Ok(())
    }

    fn emit(&self, ready: &[(Session, u32)], out: &mut dyn Output) -> Result<()> {
        let ready: Vec<Session> =
            ready.iter().map(|(s, _)| *s).filter(|s| !self.retract || self.groups.count(s.group) > 0).collect();
        if ready.is_empty() {
            return Ok(());
        }
        let ids: Vec<u32> = ready.iter().map(|s| s.group).collect();
        let mut columns = self.groups.keys().columns(&ids)?;
        columns.truncate(self.keys.len());
        let mut results = self.groups.results(&ids)?;
        results.truncate(results.len() - 2);
        columns.extend(results);
        let bounds: Vec<Bounds> = ready
            .iter()
            .map(|s| Bounds { start: self.assigner.wall(s.start), end: self.assigner.wall(s.end) })
            .collect();
        push_boundaries(&mut columns, &self.assigner, &self.schema, &bounds)?;
        out.emit(Batch::new(ChangeBatch::append(record_batch(&self.schema, columns, ready.len())?)))
    }

    fn report(&mut self) {
        self.reported.set(&self.ctx.metrics.state_entries, self.groups.len());
    }
}

impl Operator for SessionAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut dyn Output) -> Result<()> {
        let (times, valid) = super::times(&batch, self.time, None, self.ctx.clock.now_millis(), out)?;
        let retract = retractions(&batch.change);
        let mut columns: Vec<ArrayRef> = batch.change.rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(times.clone())));
        let mut key_columns = project(&columns, &self.keys);
        let mut ids = Vec::with_capacity(batch.len());
        self.key_table.intern(&key_columns, batch.len(), &mut ids, &mut Vec::new())?;
        self.sessions.resize(self.key_table.table().bound().max(self.sessions.len()), Vec::new());
        key_columns.push(columns[columns.len() - 1].clone());
        let mut encoded = EncodedRows::default();
        encoded.encode(&key_columns, batch.len(), Form::Key)?;
        let mut pending = Pending::default();
        let mut late = 0;
        for (row, (key, time)) in ids.iter().zip(&times).enumerate() {
            if valid.as_ref().is_some_and(|v| v.is_null(row)) {
                continue;
            }
            let (joined, mut session) = self.overlap(*key, *time);
            if batch.marks.as_ref().is_some_and(|m| session.end - 1 <= m.value(row)) {
                late += 1;
                continue;
            }
            if joined.len() > 1 {
                self.flush(&mut pending, &columns, retract.as_deref())?;
                for from in &joined[1..] {
                    self.groups.merge(session.group, from.group, 0)?;
                }
            }
            if joined.is_empty() {
                session.group = self.groups.intern_one(encoded.row(row));
                self.timers.insert((session.end - 1, *key, session.group));
            }
            let own = &mut self.sessions[*key as usize];
            own.retain(|s| !joined.contains(s));
            own.push(session);
            pending.groups.push(session.group);
            pending.rows.push(row as u32);
        }
        self.flush(&mut pending, &columns, retract.as_deref())?;
        for key in ids {
            if self.key_table.table().is_live(key) && self.sessions[key as usize].is_empty() {
                self.key_table.remove(key);
            }
        }
        OperatorMetrics::add(&self.ctx.metrics.late, late);
        self.report();
        Ok(())
    }

    fn watermark(&mut self, watermark: i64, out: &mut dyn Output) -> Result<()> {
        if self.time.is_some() || watermark == i64::MAX { self.fire(watermark, out) } else { Ok(()) }
    }

    fn tick(&mut self, now_ms: i64, out: &mut dyn Output) -> Result<()> {
        if self.time.is_none() { self.fire(now_ms - 1, out) } else { Ok(()) }
    }

    fn state(&self) -> Option<StateLayout> {
        Some(StateLayout {
            schema: self.groups.schema().clone(),
            key_columns: self.groups.entry_key(),
            partition_columns: (0..self.keys.len()).collect(),
        })
    }

    fn snapshot(&mut self) -> Result<Vec<RecordBatch>> {
        self.groups.snapshot()
    }

    fn restore(&mut self, entries: &RecordBatch) -> Result<()> {
        self.groups.restore(entries.columns())?;
        // What is known of sessions follows from the groups.
        self.key_table = KeyTable::new(self.key_table.types().to_vec());
        self.sessions.clear();
        self.timers.clear();
        let groups = self.groups.ids();
        let columns = self.groups.keys().columns(&groups)?;
        let mut keys = Vec::new();
        self.key_table.intern(&columns[..self.keys.len()], groups.len(), &mut keys, &mut Vec::new())?;
        self.sessions.resize(self.key_table.table().bound(), Vec::new());
        let results = self.groups.results(&groups)?;
        let (first, last) = (view(&results[results.len() - 2])?, view(&results[results.len() - 1])?);
        let (View::I64(first), View::I64(last)) = (first, last) else {
            return Err(Error::internal("stored sessions without times"));
        };
        for (i, (group, key)) in groups.iter().zip(keys).enumerate() {
            let session = Session { start: first[i], end: last[i] + self.gap, group: *group };
            self.sessions[key as usize].push(session);
            self.timers.insert((session.end - 1, key, *group));
        }
        self.report();
        Ok(())
    }
}
