//! Local parts, exchange and aggregate together give exactly what the aggregate gives that gets every
//! row: through late rows, missing times, barriers, restarts with other numbers of tasks, and with
//! some tasks that have no local part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, UInt32Array};
use tidegate_core::{Result, SqlType};
use tidegate_plan::AggregateFunction::{
    self, Avg, Count, CountAll, FirstValue, LastValue, ListAgg, Max, Min, Sum, Sum0,
};
use tidegate_plan::{AggregateCall, Changes, Op, Plan, Window, WindowKind};

use super::local::LocalWindowAggregate;
use crate::batch::{Batch, Local};
use crate::exec::exchange::Exchange;
use crate::exec::graph::Route;
use crate::exec::inbox::{Inbox, Message, Received};
use crate::operator::{BadRow, Operator, OperatorContext, Output};
use crate::ops::changes::project;
use crate::ops::test_kit::{Collected, TestClock, batch, context, fold, ints, owned, plan, text};
use crate::ops::trial::Trial;
use crate::ops::{build, local};
use crate::state::codec::{EncodedRows, Form};
use crate::state::test_data::Random;

const K: usize = 1;
const V: usize = 3;
const NARROW: usize = 4;
const MONEY: usize = 5;
const TEXT: usize = 6;
const FLAG: usize = 7;
const REAL: usize = 8;

fn input() -> Vec<(&'static str, SqlType)> {
    vec![
        ("t", SqlType::BigInt),
        ("k", SqlType::STRING),
        ("g", SqlType::BigInt),
        ("v", SqlType::BigInt),
        ("narrow", SqlType::Int),
        ("money", SqlType::Decimal(38, 4)),
        ("text", SqlType::STRING),
        ("flag", SqlType::Boolean),
        ("real", SqlType::Double),
    ]
}

fn call(function: AggregateFunction, arg: usize, ty: SqlType) -> AggregateCall {
    let args = if function == CountAll { vec![] } else { vec![arg] };
    AggregateCall { function, args, distinct: false, filter: None, data_type: ty.nullable() }
}

/// Every aggregate that can be split, over every kind of argument.
fn all_calls() -> Vec<AggregateCall> {
    let filtered = AggregateCall { filter: Some(FLAG), ..call(Sum, V, SqlType::BigInt) };
    vec![
        call(CountAll, 0, SqlType::BigInt),
        call(Count, TEXT, SqlType::BigInt),
        call(Sum, V, SqlType::BigInt),
        filtered,
        call(Sum0, NARROW, SqlType::Int),
        call(Sum, MONEY, SqlType::Decimal(38, 4)),
        call(Avg, V, SqlType::BigInt),
        call(Avg, V, SqlType::Double),
        call(Avg, MONEY, SqlType::Decimal(38, 6)),
        call(Min, V, SqlType::BigInt),
        call(Max, TEXT, SqlType::STRING),
        call(Min, TEXT, SqlType::STRING),
        call(Max, MONEY, SqlType::Decimal(38, 4)),
        call(Min, REAL, SqlType::Double),
        call(Max, FLAG, SqlType::Boolean),
    ]
}

fn window_plan(kind: WindowKind, keys: &[usize], aggregates: Vec<AggregateCall>) -> Plan {
    let input = input();
    let mut output: Vec<_> = keys.iter().map(|k| input[*k].clone()).collect();
    output.extend(aggregates.iter().map(|a| ("a", a.data_type.ty.clone())));
    output.extend(["start", "end", "time"].map(|name| (name, SqlType::BigInt)));
    let window = Window { kind, time: Some(0), zone: String::new() };
    let op = Op::WindowAggregate { window, keys: keys.to_vec(), aggregates, emit_start_end: true };
    plan(&input, Changes::APPEND, op, &output, Changes::APPEND)
}

fn local_of(plan: &Plan, ctx: OperatorContext) -> Option<LocalWindowAggregate> {
    let Op::WindowAggregate { window, keys, aggregates, .. } = &plan.nodes[1].op else { return None };
    LocalWindowAggregate::new(&plan.nodes[1], plan, window, keys, aggregates, ctx).unwrap()
}

/// Rows around a slowly rising time, sums that overflow among them; each batch with the watermark
/// that follows it, and with marks where a row may be late.
fn script(r: &mut Random, batches: usize) -> Vec<(Batch, i64)> {
    let (mut now, mut watermark) = (0i64, i64::MIN);
    let mut steps = Vec::new();
    for _ in 0..batches {
        let rows = r.below(12) as usize + 1;
        let (mut times, mut marks) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            now += r.below(4) as i64;
            let time = r.maybe(|r| now - r.below(16) as i64);
            marks.push(watermark);
            watermark = watermark.max(time.unwrap_or(i64::MIN).saturating_sub(5));
            times.push(time);
        }
        let mut batch = random_rows(r, &times);
        if times.iter().zip(&marks).any(|(t, m)| t.is_some_and(|t| t <= *m)) {
            batch.marks = Some(Int64Array::from(marks));
        }
        steps.push((batch, watermark));
    }
    steps
}

fn random_rows(r: &mut Random, times: &[Option<i64>]) -> Batch {
    macro_rules! column {
        ($f:expr) => {
            times.iter().map(|_| r.maybe($f)).collect::<Vec<_>>()
        };
    }
    let k = column!(|r| ["a", "课", "a key of many bytes", "another such long key"][r.below(4) as usize]);
    let g = column!(|r| r.below(2) as i64);
    let v = column!(|r| [1, -7, i64::MAX, i64::MIN, 12_345][r.below(5) as usize]);
    let narrow = column!(|r| [1, i32::MAX, i32::MIN][r.below(3) as usize]);
    let money = column!(|r| [1, -250, 6 * 10i128.pow(37)][r.below(3) as usize]);
    let words = column!(|r| ["x", "", "yy", "a\0b"][r.below(4) as usize]);
    let flag = column!(|r| r.below(2) == 0);
    let real = column!(|r| [0.0, -0.0, 0.1, f64::NAN][r.below(4) as usize]);
    let columns = vec![
        ints(times),
        text(&k),
        ints(&g),
        ints(&v),
        Arc::new(Int32Array::from(narrow)),
        Arc::new(Decimal128Array::from(money).with_precision_and_scale(38, 4).unwrap()),
        text(&words),
        Arc::new(BooleanArray::from(flag)),
        Arc::new(Float64Array::from(real)),
    ];
    batch(&input(), columns, &[])
}

/// A task's way to the tasks behind it.
struct Way {
    exchange: Exchange,
    bad: Vec<BadRow>,
    partials: usize,
}

impl Output for Way {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        if batch.local == Some(Local::Partials) {
            self.partials += batch.len();
        }
        self.exchange.rows(batch)
    }
    fn bad_row(&mut self, row: BadRow) -> Result<()> {
        self.bad.push(row);
        Ok(())
    }
}

struct Sender {
    /// `None`: rows go straight to the exchange.
    local: Option<LocalWindowAggregate>,
    way: Way,
}

impl Sender {
    fn rows(&mut self, batch: Batch, coins: &mut Random) {
        match &mut self.local {
            Some(local) if coins.below(2) == 0 => {
                // Each row twice, one of the two selected.
                let twice = UInt32Array::from_iter_values((0..2 * batch.len() as u32).map(|i| i / 2));
                let one = |i| 2 * i + coins.below(2) as u32;
                let rows = UInt32Array::from_iter_values((0..batch.len() as u32).map(one));
                local.process_selected(0, batch.take(&twice).unwrap(), &rows, &mut self.way).unwrap();
            }
            Some(local) => local.process(0, batch, &mut self.way).unwrap(),
            None => self.way.exchange.rows(batch).unwrap(),
        }
    }
    fn watermark(&mut self, watermark: i64) {
        if let Some(local) = &mut self.local {
            local.watermark(watermark, &mut self.way).unwrap();
        }
        self.way.exchange.broadcast(&Message::Watermark(watermark)).unwrap();
    }
    /// Between barriers the mode may change, but only while nothing is held.
    fn flush(&mut self, r: &mut Random) {
        let Some(local) = &mut self.local else { return };
        local.flush(&mut self.way).unwrap();
        local.trial = Trial::default();
        if r.below(3) == 0 {
            local.trial.passes(10_000);
            local.trial.sent(10_000);
            local.trial.decide();
        }
    }
}

struct Receiver {
    operator: Box<dyn Operator>,
    inbox: Arc<Inbox>,
    watermarks: Vec<i64>,
    low: i64,
}

impl Receiver {
    fn drain(&mut self, out: &mut Collected) {
        while let Received::Message(channel, message) = self.inbox.receive(Duration::ZERO) {
            match message {
                Message::Batch(batch) => self.operator.process(0, *batch, out).unwrap(),
                Message::Watermark(watermark) => {
                    self.watermarks[channel] = watermark;
                    let low = self.watermarks.iter().copied().min().unwrap();
                    if low > self.low {
                        self.low = low;
                        self.operator.watermark(low, out).unwrap();
                    }
                }
                Message::Barrier(_) => {}
            }
        }
    }
}

/// A job of some senders and receivers that is stopped and started again.
struct Job<'a> {
    plan: &'a Plan,
    keys: &'a [usize],
    ctx: OperatorContext,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
    store: Vec<RecordBatch>,
    out: Collected,
    partials: usize,
}

impl<'a> Job<'a> {
    fn new(plan: &'a Plan, keys: &'a [usize]) -> Self {
        let ctx = context(&Arc::new(TestClock::default()));
        let (senders, receivers, store) = Default::default();
        Job { plan, keys, ctx, senders, receivers, store, out: Collected::default(), partials: 0 }
    }

    fn start(&mut self, r: &mut Random, senders: usize, watermarks: &[i64]) {
        let tasks = if self.keys.is_empty() { 1 } else { [1, 2, 7][r.below(3) as usize] };
        let inboxes: Vec<_> = (0..tasks).map(|_| Inbox::new(senders)).collect();
        let route = Route::Hash(self.keys.iter().copied().map(Some).collect());
        self.senders = (0..senders)
            .map(|i| {
                let targets = inboxes.iter().map(|inbox| (inbox.clone(), i)).collect();
                let mut local = if r.below(4) == 0 { None } else { local_of(self.plan, self.ctx.clone()) };
                if let Some(local) = &mut local {
                    local.limit = [3, 1000][r.below(2) as usize];
                }
                let exchange = Exchange::new(route.clone(), i, targets);
                Sender { local, way: Way { exchange, bad: Vec::new(), partials: 0 } }
            })
            .collect();
        self.receivers = inboxes
            .into_iter()
            .enumerate()
            .map(|(task, inbox)| {
                let mut operator = build(&self.plan.nodes[1], self.plan, self.ctx.clone()).unwrap();
                let layout = operator.state().unwrap();
                for batch in &self.store {
                    operator.restore(&owned(batch, &layout.partition_columns, task as u32, tasks)).unwrap();
                }
                let low = watermarks.iter().copied().min().unwrap_or(i64::MIN);
                Receiver { operator, inbox, watermarks: watermarks.to_vec(), low }
            })
            .collect();
    }

    fn drain(&mut self) {
        for receiver in &mut self.receivers {
            receiver.drain(&mut self.out);
        }
    }

    fn barrier(&mut self, r: &mut Random) {
        for sender in &mut self.senders {
            sender.flush(r);
            self.out.bad.append(&mut sender.way.bad);
            self.partials += std::mem::take(&mut sender.way.partials);
        }
        self.drain();
        for receiver in &mut self.receivers {
            let snapshot = receiver.operator.snapshot().unwrap();
            self.store.extend(snapshot);
        }
        let layout = self.receivers[0].operator.state().unwrap();
        self.store = vec![fold(&self.store, &layout)];
    }
}

/// Runs scripts through a job; gives what came out, and how many partial results crossed.
fn run_split(plan: &Plan, keys: &[usize], scripts: &[Vec<(Batch, i64)>], seed: u64) -> (Collected, u64, usize) {
    let (mut r, mut coins) = (Random::new(seed + 99), Random::new(seed + 199));
    let mut job = Job::new(plan, keys);
    let mut next = vec![0; scripts.len()];
    let mut watermarks = vec![i64::MIN; scripts.len()];
    job.start(&mut r, scripts.len(), &watermarks);
    while next.iter().zip(scripts).any(|(n, s)| *n < s.len()) {
        let i = r.below(scripts.len() as u64) as usize;
        if let Some((batch, watermark)) = scripts[i].get(next[i]) {
            next[i] += 1;
            job.senders[i].rows(batch.clone(), &mut coins);
            watermarks[i] = *watermark;
            job.senders[i].watermark(*watermark);
        }
        if r.below(3) == 0 {
            job.drain();
        }
        if r.below(5) == 0 {
            job.barrier(&mut r);
            if r.below(2) == 0 {
                job.start(&mut r, scripts.len(), &watermarks);
            }
        }
    }
    for sender in &mut job.senders {
        sender.watermark(i64::MAX);
    }
    job.barrier(&mut r);
    let late = job.ctx.metrics.late.load(Ordering::Relaxed);
    (job.out, late, job.partials)
}

/// One aggregate that gets every row.
fn run_whole(plan: &Plan, scripts: &[Vec<(Batch, i64)>]) -> (Collected, u64) {
    let ctx = context(&Arc::new(TestClock::default()));
    let mut operator = build(&plan.nodes[1], plan, ctx.clone()).unwrap();
    let mut out = Collected::default();
    for (batch, _) in scripts.iter().flatten() {
        operator.process(0, batch.clone(), &mut out).unwrap();
    }
    operator.watermark(i64::MAX, &mut out).unwrap();
    (out, ctx.metrics.late.load(Ordering::Relaxed))
}

const KINDS: [WindowKind; 5] = [
    WindowKind::Tumble { size: 10, offset: 0 },
    WindowKind::Hop { slide: 4, size: 10, offset: 0 },
    WindowKind::Hop { slide: 10, size: 4, offset: 0 },
    WindowKind::Cumulate { step: 5, size: 15, offset: 0 },
    WindowKind::Hop { slide: 2, size: 10, offset: 1 },
];

#[test]
fn gives_exactly_what_the_whole_gives() {
    let mut partials = 0;
    let mut late = 0;
    for seed in 0..6 {
        for kind in KINDS {
            for keys in [&[K, 2][..], &[2], &[REAL], &[]] {
                let plan = window_plan(kind.clone(), keys, all_calls());
                let mut r = Random::new(seed + 3);
                let senders = r.below(3) + 1;
                let scripts: Vec<_> = (0..senders).map(|_| script(&mut r, 20)).collect();
                let (want, want_late) = run_whole(&plan, &scripts);
                let (got, got_late, crossed) = run_split(&plan, keys, &scripts, seed);
                assert_eq!(got.net(), want.net(), "seed {seed} {kind:?} {keys:?}");
                assert_eq!((got_late, got.bad.len()), (want_late, want.bad.len()), "seed {seed} {kind:?}");
                partials += crossed;
                late += got_late;
            }
        }
    }
    assert!(partials > 10_000 && late > 500, "the test tests something: {partials} {late}");
}

#[test]
fn only_what_order_and_rounding_do_not_show_in_is_split() {
    let split = |calls: Vec<AggregateCall>, changes: Changes| {
        let mut plan = window_plan(KINDS[0].clone(), &[K], calls);
        plan.nodes[0].changes = changes;
        local(&plan.nodes[1], &plan, context(&Arc::default())).unwrap().is_some()
    };
    for call in all_calls() {
        assert!(split(vec![call.clone()], Changes::APPEND), "{call:?}");
        assert!(!split(vec![call.clone()], Changes::ALL), "{call:?} of rows that are taken back");
        assert!(!split(vec![call.clone()], Changes::UPSERT), "{call:?} of upserts");
        if call.function != CountAll {
            let distinct = AggregateCall { distinct: true, ..call };
            assert!(!split(vec![distinct.clone()], Changes::APPEND), "{distinct:?}");
        }
    }
    let rows = call(CountAll, 0, SqlType::BigInt);
    for whole in [
        call(Sum, REAL, SqlType::Double),
        call(Avg, REAL, SqlType::Double),
        call(AggregateFunction::Variance { sample: true, root: true }, V, SqlType::Double),
        call(FirstValue, V, SqlType::BigInt),
        call(LastValue, V, SqlType::BigInt),
        call(ListAgg(",".into()), TEXT, SqlType::STRING),
        call(AggregateFunction::ArrayAgg, V, SqlType::Array(Box::new(SqlType::BigInt.nullable()))),
    ] {
        assert!(!split(vec![rows.clone(), whole.clone()], Changes::APPEND), "{whole:?}");
    }
    for (kind, time) in [(WindowKind::Session { gap: 5 }, Some(0)), (KINDS[0].clone(), None)] {
        let mut plan = window_plan(kind, &[K], vec![rows.clone()]);
        if let Op::WindowAggregate { window, .. } = &mut plan.nodes[1].op {
            window.time = time;
        }
        assert!(local(&plan.nodes[1], &plan, context(&Arc::default())).unwrap().is_none());
    }
}

/// Partial results and rows of a key meet in one task, whatever the key looks like.
#[test]
fn partials_go_where_their_rows_would_have_gone() {
    let keys = [REAL, K, 2, MONEY];
    let plan = window_plan(KINDS[0].clone(), &keys, vec![call(CountAll, 0, SqlType::BigInt)]);
    let rows = random_rows(&mut Random::new(5), &[Some(1); 500]);
    let mut held = local_of(&plan, context(&Arc::default())).unwrap();
    let mut sent = Collected::default();
    held.process(0, rows.clone(), &mut sent).unwrap();
    held.flush(&mut sent).unwrap();
    let partials = sent.batches.pop().unwrap();
    let tasks_of = |batch: Batch| {
        let inboxes: Vec<_> = (0..7).map(|_| Inbox::new(1)).collect();
        let targets = inboxes.iter().map(|inbox| (inbox.clone(), 0)).collect();
        Exchange::new(Route::Hash(keys.map(Some).to_vec()), 0, targets).rows(batch).unwrap();
        let mut tasks = BTreeSet::new();
        for (task, inbox) in inboxes.iter().enumerate() {
            while let Received::Message(_, Message::Batch(batch)) = inbox.receive(Duration::ZERO) {
                let columns = batch.change.rows.columns();
                let mut encoded = EncodedRows::default();
                match batch.local {
                    Some(Local::Partials) => encoded.load(columns[1].as_binary()),
                    _ => encoded.encode(&project(columns, &keys), batch.len(), Form::Key).unwrap(),
                }
                tasks.extend((0..batch.len()).map(|row| (encoded.row(row).to_vec(), task)));
            }
        }
        tasks
    };
    assert_eq!(tasks_of(rows), tasks_of(partials));
}

fn rows_of(keys: std::ops::Range<i64>, time: Option<i64>) -> Batch {
    let n = keys.clone().count();
    let mut batch = random_rows(&mut Random::new(1), &vec![time; n]);
    let mut columns = batch.change.rows.columns().to_vec();
    columns[2] = Arc::new(Int64Array::from_iter_values(keys));
    batch.change.rows = RecordBatch::try_new(batch.change.rows.schema(), columns).unwrap();
    batch
}

fn kinds(out: &Collected) -> Vec<(Option<Local>, usize)> {
    out.batches.iter().map(|b| (b.local, b.len())).collect()
}

#[test]
fn partials_leave_before_the_watermark_that_closes_their_window_and_no_earlier() {
    let plan = window_plan(KINDS[0].clone(), &[2], vec![call(CountAll, 0, SqlType::BigInt)]);
    let mut held = local_of(&plan, context(&Arc::default())).unwrap();
    let mut out = Collected::default();
    held.process(0, rows_of(0..3, Some(5)), &mut out).unwrap();
    held.process(0, rows_of(0..4, Some(15)), &mut out).unwrap();
    held.watermark(8, &mut out).unwrap();
    assert!(out.batches.is_empty());
    held.watermark(9, &mut out).unwrap();
    assert_eq!(kinds(&out), [(Some(Local::Partials), 3)]);
    held.flush(&mut out).unwrap();
    assert_eq!(kinds(&out)[1..], [(Some(Local::Partials), 4)]);
    held.flush(&mut out).unwrap();
    assert_eq!(out.batches.len(), 2);
}

#[test]
fn held_groups_are_bounded_and_small_windows_leave_together() {
    let plan = window_plan(WindowKind::Tumble { size: 1, offset: 0 }, &[2], vec![call(CountAll, 0, SqlType::BigInt)]);
    let mut held = local_of(&plan, context(&Arc::default())).unwrap();
    held.limit = 10;
    let mut out = Collected::default();
    for time in 0..10 {
        held.process(0, rows_of(0..1, Some(time)), &mut out).unwrap();
    }
    assert!(out.batches.is_empty());
    held.process(0, rows_of(0..1, Some(10)), &mut out).unwrap();
    assert_eq!(kinds(&out), [(Some(Local::Partials), 11)]);
}

#[test]
fn long_texts_of_keys_are_not_kept_for_ever() {
    let plan = window_plan(WindowKind::Tumble { size: 1, offset: 0 }, &[K], vec![call(CountAll, 0, SqlType::BigInt)]);
    let mut held = local_of(&plan, context(&Arc::default())).unwrap();
    held.limit = 10;
    let mut out = Collected::default();
    for time in 0..50 {
        let mut batch = rows_of(0..1, Some(time));
        let mut columns = batch.change.rows.columns().to_vec();
        columns[K] = text(&[Some(format!("a key of many bytes, {time}").as_str())]);
        batch.change.rows = RecordBatch::try_new(batch.change.rows.schema(), columns).unwrap();
        held.process(0, batch, &mut out).unwrap();
        held.watermark(time, &mut out).unwrap();
        assert!(held.words.long_texts() <= 11);
    }
    assert_eq!(out.batches.iter().map(Batch::len).sum::<usize>(), 50);
}

#[test]
fn rows_pass_where_keys_do_not_repeat() {
    let plan = window_plan(KINDS[0].clone(), &[2], vec![call(CountAll, 0, SqlType::BigInt)]);
    let mut held = local_of(&plan, context(&Arc::default())).unwrap();
    let mut out = Collected::default();
    held.process(0, rows_of(0..5_000, Some(5)), &mut out).unwrap();
    held.flush(&mut out).unwrap();
    held.process(0, rows_of(0..100, Some(5)), &mut out).unwrap();
    assert_eq!(kinds(&out), [(Some(Local::Partials), 5_000), (Some(Local::Rows), 100)]);
    // A row without a time is reported here as well, where its origin is known.
    held.process(0, rows_of(0..2, None), &mut out).unwrap();
    assert_eq!((out.bad.len(), out.batches.iter().skip(2).map(Batch::len).sum::<usize>()), (2, 0));
}
