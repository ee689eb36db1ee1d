//! The steps of a start, in the order that the protocol asks for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_core::registry::Opener;
use tidegate_core::sink::OpenSink;
use tidegate_core::{Error, Result};
use tidegate_plan::{Op, Plan};
use tokio::sync::watch;

use super::end::End;
use super::header::header;
use super::{Job, JobOptions, Running, Sinks, channel, is_discard, on_reject, open_sink};
use crate::commit::{CommitOptions, OnReject, foresee, start_committers};
use crate::exec::build::{Builder, LetterBox, SinkShape, metrics_of};
use crate::exec::control::Control;
use crate::exec::coordinator::Coordinator;
use crate::exec::graph::Graph;
use crate::exec::refused::{Closing, Refused, TASK};
use crate::exec::sink::EpochLimit;
use crate::exec::source::ReadLimits;
use crate::exec::spawn::{Parts, Tasks};
use crate::exec::start::{Ask, Feed, OpenedSource, Starts, open_sources};
use crate::exec::tell::Teller;
use crate::metrics::Progress;
use crate::store::{EpochContents, OpenOptions, Recovered, Store};

pub(super) async fn launch(plan: Arc<Plan>, opener: Arc<dyn Opener>, options: JobOptions) -> Result<Job> {
    let started_millis = options.clock.now_millis();
    let all: Vec<usize> = (0..plan.nodes.len()).collect();
    let wanted = Graph::build(&plan, 1, &BTreeMap::new()).stages.into_iter().next().map_or(all, |s| s.nodes);
    let (sinks, shapes, letters) = open_sinks(&plan, opener.as_ref()).await?;
    let sources = open_sources(&plan, &wanted, opener.as_ref(), options.clock.as_ref()).await?;

    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    let tasks = options.tasks.or(plan.settings.parallelism).unwrap_or(cores).max(1);
    let splits = sources.iter().map(|s| (s.node, s.splits.len())).collect();
    let graph = Graph::build(&plan, tasks, &splits);
    let (events, inbox) = channel();
    let control = Arc::new(Control::default());
    let mut builder = Builder {
        inboxes: Builder::make_inboxes(&graph),
        plan: plan.clone(),
        graph,
        metrics: Arc::new(metrics_of(&plan)),
        clock: options.clock.clone(),
        control: control.clone(),
        sinks: shapes,
        lanes: BTreeMap::new(),
        letters,
        log: None,
    };

    let (store, recovered) =
        open_store(&options, open_options(&builder, &options, header(&builder, &sources)?), &sinks).await?;
    let messages: crate::exec::coordinator::Messages = Arc::default();
    messages.lock().extend(notes(&recovered, &options));

    let (feeds, mut starts) = resolve(sources, &builder, &asked(&options), &recovered).await?;
    messages.lock().append(&mut starts.messages);

    let commit_options = commit_options(&plan, &builder);
    let opened: Sinks = sinks.into_iter().filter(|(_, s)| !is_discard(s)).collect();
    let committers = start_committers(Arc::new(store.clone()), opener, opened, commit_options).await?;
    let applied = committers.progress();

    let mut epoch = recovered.epoch.map_or(0, |e| e + 1);
    if !recovered.finished && (starts.changed || recovered.epoch.is_none()) {
        let contents = EpochContents {
            epoch,
            positions: starts.positions.clone(),
            watermarks: recovered.watermarks.clone(),
            ..EpochContents::default()
        };
        store.decide(contents).await?;
        epoch += 1;
    }
    let decided = Arc::new(AtomicU64::new(epoch));
    let shared = Arc::new(Running {
        name: options.name.clone(),
        clock: options.clock.clone(),
        started_millis,
        metrics: builder.metrics.clone(),
        control: control.clone(),
        messages: messages.clone(),
        decided: decided.clone(),
        live: Mutex::new(Some((store.clone(), applied.clone()))),
        last: Mutex::new(Progress::default()),
    });
    let (finish, finished) = watch::channel(false);
    let (done_sender, done) = watch::channel(None);
    let listeners = feeds.iter().map(|f| (f.opened.id.clone(), (f.opened.source.clone(), f.known.clone()))).collect();
    let teller = Arc::new(Teller::start(store.clone(), listeners));
    let end = End { committers, shared: shared.clone(), finish, teller: teller.clone(), patience: options.patience };
    let limit = Arc::new(EpochLimit {
        store: store.clone(),
        bytes: plan.settings.epoch_bytes.max(1),
        told: AtomicBool::new(false),
        events: events.clone(),
    });
    builder.lanes = recovered.lanes;
    builder.log = Some((store.appender(), limit.clone()));
    let letters = builder.dead_letters(0, 1, TASK)?;
    let refused =
        Refused::new(store.clone(), letters, plan.settings.on_error, builder.metrics.clone(), messages.clone());
    if recovered.finished {
        messages.lock().push(
            "all input has been read to its end before; what is decided is applied, --fresh-state starts anew".into(),
        );
        let (positions, watermarks) = (recovered.positions, recovered.watermarks);
        let closing = Closing { refused, store, positions, watermarks, decided };
        tokio::spawn(async move {
            let result = end.ended(epoch.saturating_sub(1), closing, inbox).await;
            done_sender.send_replace(Some(result));
        });
        return Ok(Job { shared, events, finished, done });
    }

    let parts = Parts {
        appender: store.appender(),
        control: control.clone(),
        events: events.clone(),
        clock: options.clock.clone(),
        limits: read_limits(options.limits, plan.settings.epoch_bytes),
        epoch,
    };
    let mut tasks = Tasks::make(&builder, &feeds, &starts, &recovered.watermarks, recovered.state, &parts).await?;
    let (count, reading) = tasks.count();
    let follows: Vec<_> = tasks.follows.drain(..).map(|f| tokio::spawn(f.run())).collect();
    let coordinator = Coordinator {
        store,
        control,
        events: inbox,
        applied,
        tasks: count,
        sources: reading,
        interval: Duration::from_millis(u64::try_from(plan.settings.checkpoint_interval_ms).unwrap_or(1000).max(10)),
        limit,
        epoch,
        positions: starts.positions,
        watermarks: recovered.watermarks,
        refused,
        teller: teller.clone(),
        decided,
        messages,
    };
    let threads = tasks.start(&options.name)?;
    tokio::spawn(async move {
        let result = end.run(coordinator, threads, &follows).await;
        done_sender.send_replace(Some(result));
    });
    Ok(Job { shared, events, finished, done })
}

/// Batches so small that an epoch does not outgrow its limit many times by the one that is under way.
fn read_limits(asked: ReadLimits, epoch_bytes: u64) -> ReadLimits {
    let share = usize::try_from(epoch_bytes / 8).unwrap_or(usize::MAX);
    ReadLimits { bytes: asked.bytes.min(share.max(64 << 10)), ..asked }
}

fn asked(options: &JobOptions) -> Ask {
    Ask {
        from: options.from.clone(),
        until: options.until.clone(),
        upstream: options.upstream.clone(),
        skip_lost: options.skip_lost,
    }
}

/// Where every source starts and ends.
async fn resolve(
    sources: Vec<OpenedSource>,
    builder: &Builder,
    ask: &Ask,
    recovered: &Recovered,
) -> Result<(Vec<Feed>, Starts)> {
    let mut starts = Starts::default();
    let mut feeds = Vec::new();
    for opened in sources {
        let feed = Feed::new(opened, &builder.plan, &builder.metrics, ask, &recovered.watermarks);
        if !recovered.finished {
            feed.resolve(&recovered.positions, ask, &mut starts).await?;
        }
        feeds.push(feed);
    }
    Ok((feeds, starts))
}

type Shapes = BTreeMap<usize, SinkShape>;

async fn open_sinks(plan: &Plan, opener: &dyn Opener) -> Result<(Sinks, Shapes, Option<LetterBox>)> {
    let mut sinks = Sinks::new();
    let mut shapes = Shapes::new();
    for id in &plan.sinks {
        let Op::Sink(sink) = &plan.nodes[*id].op else { continue };
        let table = plan.tables.get(sink.table).ok_or_else(|| Error::internal("a sink without table"))?;
        let opened = open_sink(opener, table).await?;
        if plan.settings.require_exactly_once && !opened.level.is_exactly_once() {
            return Err(promises_less(&table.spec.name, &opened));
        }
        shapes.insert(*id, SinkShape { input: opened.input, discard: is_discard(&opened) });
        sinks.insert(sink.sink_id.clone(), opened);
    }
    let Some((node, sink, columns)) = LetterBox::node(plan) else { return Ok((sinks, shapes, None)) };
    if !sinks.contains_key(&sink) {
        let table = plan.settings.dead_letter.and_then(|t| plan.tables.get(t));
        let opened = open_sink(opener, table.ok_or_else(|| Error::internal("no dead-letter table"))?).await?;
        sinks.insert(sink.clone(), opened);
    }
    let shape = sinks.get(&sink).map(|s| SinkShape { input: s.input, discard: is_discard(s) });
    let letters = shape.map(|shape| LetterBox { node, sink, columns, shape });
    Ok((sinks, shapes, letters))
}

/// `tidegate.require = exactly-once`, judged before anything is claimed or read.
fn promises_less(table: &str, sink: &OpenSink) -> Error {
    Error::user(format!(
        "table {table} promises no more than '{}', and tidegate.require asks for exactly-once",
        sink.level.guarantee()
    ))
    .help("write to another target, or SET 'tidegate.require' = 'at-least-once'")
}

fn open_options(builder: &Builder, options: &JobOptions, header: crate::store::JobHeader) -> OpenOptions {
    let settings = &builder.plan.settings;
    OpenOptions {
        dir: options.state_dir.clone(),
        job: options.name.clone(),
        header,
        fresh_state: options.fresh_state,
        allow_dropped_state: options.allow_dropped_state,
        adopt: options.adopt,
        reset_fence: options.reset_fence,
        drop_pending: options.drop_pending,
        retention: Duration::from_millis(u64::try_from(settings.log_retention_ms).unwrap_or(0)),
        pending_limit_bytes: settings.pending_bytes,
    }
}

/// Opens the directory. Where flags would make it forget something, the fences are judged first: a
/// start that a target refuses changes nothing.
async fn open_store(options: &JobOptions, open: OpenOptions, sinks: &Sinks) -> Result<(Store, Recovered)> {
    if options.drops_something() {
        let histories = Store::preview(options.storage.as_ref(), &open)?;
        foresee(&options.name, &histories, sinks, CommitOptions::default().patience).await?;
    }
    Store::open(options.storage.clone(), options.clock.clone(), open)
}

fn notes(recovered: &Recovered, options: &JobOptions) -> Vec<String> {
    let mut out = recovered.notes.clone();
    if options.from.is_some() && recovered.epoch.is_some() && !recovered.positions.is_empty() {
        out.push("--from is not used: the job goes on where it stopped; --fresh-state starts it anew".into());
    }
    for sink in &recovered.removed_sinks {
        out.push(format!(
            "sink {sink} is no longer in the job: what was decided for it has been applied first, unless dropped"
        ));
    }
    if let Some(epoch) = recovered.epoch {
        out.push(format!("going on after epoch {epoch}"));
    }
    out
}

fn commit_options(plan: &Plan, builder: &Builder) -> CommitOptions {
    let mut options = CommitOptions::default();
    for id in &plan.sinks {
        if let Op::Sink(sink) = &plan.nodes[*id].op {
            options.on_reject.insert(sink.sink_id.clone(), on_reject(&plan.settings));
        }
    }
    // A dead letter that is refused has nowhere else to go.
    if let Some(letters) = &builder.letters {
        options.on_reject.insert(letters.sink.clone(), OnReject::Stop);
        options.dead_letters = Some(letters.sink.clone());
    }
    options
}
