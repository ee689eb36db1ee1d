//! What a directory remembers against the job as it is planned now. Pure: no I/O.
//!
//! The rule is to refuse what would lose or mix up state silently, to name it, and to say which flag
//! accepts it.

use tidegate_core::sink::Id;
use tidegate_core::{Error, Result};

use super::api::OpenOptions;
use super::decision::FORMAT;
use super::header::OperatorInfo;
use super::ledger::{Claim, Lane, Ledger, SinkEntry};
use crate::hash::HASH_VERSION;

/// What changed by opening the directory with this job.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sinks seen for the first time in a directory that is not new.
    pub new_sinks: Vec<String>,
    /// Sinks that are no longer in the job and not retired yet.
    pub removed_sinks: Vec<String>,
    /// Operators whose state was dropped.
    pub dropped_operators: Vec<String>,
    /// For people.
    pub notes: Vec<String>,
}

/// The ledger to go on with: the old one, or a new one, under a new incarnation.
///
/// # Errors
/// The directory does not fit the job and no flag accepts the difference.
pub fn reconcile(old: Option<Ledger>, options: &OpenOptions, run: Id, incarnation: Id) -> Result<(Ledger, Changes)> {
    let mut changes = Changes::default();
    let is_new = old.is_none();
    let mut ledger = match old {
        None => Ledger::new(options.job.clone(), options.header.clone(), run, incarnation),
        Some(mut ledger) => {
            check_origin(&ledger, options)?;
            if options.fresh_state || options.adopt || options.reset_fence {
                let before = std::mem::replace(&mut ledger.run, run);
                changes.notes.push(format!("a new run, {}, goes on from run {before}", ledger.run));
                ledger.lineage.push(before);
            }
            ledger.incarnation = incarnation;
            if options.fresh_state {
                forget_progress(&mut ledger, &mut changes);
            } else {
                check_meaning(&ledger, options)?;
                tell_changes(&ledger, options, &mut changes);
                drop_operators(&mut ledger, options, &mut changes)?;
                drop_sources(&mut ledger, options, &mut changes);
            }
            ledger
        }
    };
    ledger.engine = env!("CARGO_PKG_VERSION").to_owned();
    ledger.header = options.header.clone();
    sinks(&mut ledger, options, is_new, &mut changes);
    ledger.count_references();
    Ok((ledger, changes))
}

/// The directory belongs to this job and to a format this version knows.
fn check_origin(ledger: &Ledger, options: &OpenOptions) -> Result<()> {
    let refuse = |what: String, help: &str| Err(Error::user(what).context("state directory").help(help));
    if ledger.format > FORMAT {
        return refuse(
            format!(
                "it was written by Tidegate {}, whose format {} is newer than {FORMAT}",
                ledger.engine, ledger.format
            ),
            "use that version or a newer one",
        );
    }
    if ledger.job != options.job {
        return refuse(
            format!("it belongs to job '{}', not to '{}'", ledger.job, options.job),
            "give each job a state directory of its own, or the job its old name",
        );
    }
    if ledger.hash != HASH_VERSION {
        return refuse(
            format!("its rows are spread by hash {}, this version has {HASH_VERSION}", ledger.hash),
            "use the version that wrote it",
        );
    }
    Ok(())
}

/// State made under another dialect or zone means something else.
fn check_meaning(ledger: &Ledger, options: &OpenOptions) -> Result<()> {
    let (old, new) = (&ledger.header, &options.header);
    let differs = if old.dialect != new.dialect {
        format!("its state was made by the {} dialect, the job is in {} now", old.dialect, new.dialect)
    } else if old.zone != new.zone {
        format!("its state was made in time zone {}, the job's is {} now", old.zone, new.zone)
    } else {
        return Ok(());
    };
    Err(Error::user(differs)
        .context("state directory")
        .help("set it back, or start with --fresh-state to drop the state and begin anew"))
}

/// What is new in a plan starts with what is read from now on.
fn tell_changes(ledger: &Ledger, options: &OpenOptions, changes: &mut Changes) {
    if ledger.header.plan_fingerprint == options.header.plan_fingerprint {
        return;
    }
    let known = |o: &&OperatorInfo| ledger.header.operators.iter().any(|k| k.id == o.id);
    let new: Vec<&str> = options.header.operators.iter().filter(|o| !known(o)).map(OperatorInfo::name).collect();
    let empty = if new.is_empty() { String::new() } else { format!(", with empty state: {}", new.join(", ")) };
    changes.notes.push(format!(
        "the job has changed since its last run: what is new in it starts at the current positions{empty}"
    ));
}

fn drop_operators(ledger: &mut Ledger, options: &OpenOptions, changes: &mut Changes) -> Result<()> {
    let mut gone = Vec::new();
    let name = |id: &str| ledger.header.operators.iter().find(|o| o.id == id).map_or(id, OperatorInfo::name).to_owned();
    for id in ledger.state.keys() {
        let before = ledger.header.operators.iter().find(|o| o.id == *id);
        let now = options.header.operators.iter().find(|o| o.id == *id);
        match now {
            None => gone.push((id.clone(), name(id), "is no longer in the plan")),
            Some(now) if before.is_some_and(|b| !b.keeps_the_same(now)) => {
                gone.push((id.clone(), name(id), "keeps other columns now"));
            }
            Some(_) => {}
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    if !options.allow_dropped_state {
        let list: Vec<String> = gone.iter().map(|(_, name, why)| format!("{name} {why}")).collect();
        return Err(Error::user(format!("the job has changed and state would be lost: {}", list.join("; ")))
            .context("state directory")
            .help("start with --allow-dropped-state to drop the state of these operators, with --fresh-state to begin anew, or undo the change"));
    }
    for (id, name, why) in gone {
        ledger.state.remove(&id);
        changes.notes.push(format!("state of {name} dropped: it {why}"));
        changes.dropped_operators.push(id);
    }
    Ok(())
}

fn drop_sources(ledger: &mut Ledger, options: &OpenOptions, changes: &mut Changes) {
    let known = |source: &String| options.header.sources.contains(source);
    let mut gone: Vec<String> = ledger.positions.iter().map(|((s, _), _)| s.clone()).filter(|s| !known(s)).collect();
    gone.dedup();
    for source in gone {
        changes.notes.push(format!("source {source} is no longer in the job: its positions are forgotten"));
    }
    ledger.positions.retain(|((s, _), _)| known(s));
    ledger.watermarks.retain(|((s, _), _)| known(s));
}

fn forget_progress(ledger: &mut Ledger, changes: &mut Changes) {
    changes.dropped_operators = ledger.state.keys().cloned().collect();
    ledger.state.clear();
    ledger.positions.clear();
    ledger.watermarks.clear();
    ledger.finished = false;
    changes.notes.push("fresh state: sources start as the job says, operators start empty".to_owned());
}

fn sinks(ledger: &mut Ledger, options: &OpenOptions, is_new: bool, changes: &mut Changes) {
    let here = ledger.here();
    for info in &options.header.sinks {
        if let Some(entry) = ledger.sinks.get_mut(&info.id) {
            entry.removed = false;
            entry.info = with_stored_lanes(info, entry.lanes.len() as u32, changes);
        } else {
            let lanes = (0..info.lanes.max(1)).map(|n| (n, Lane::new(Claim::Claiming, here))).collect();
            ledger
                .sinks
                .insert(info.id.clone(), SinkEntry { info: info.clone(), identity: None, removed: false, lanes });
            if !is_new {
                changes
                    .notes
                    .push(format!("sink {} is new: it starts with empty state at the current positions", info.id));
                changes.new_sinks.push(info.id.clone());
            }
        }
    }
    for (id, entry) in &mut ledger.sinks {
        if !options.header.sinks.iter().any(|s| s.id == *id) {
            entry.removed = true;
            changes.removed_sinks.push(id.clone());
            if options.drop_pending {
                drop_pending(id, entry, changes);
            }
        }
        if options.adopt || options.reset_fence {
            expect_no_fence(id, entry, options.adopt, changes);
        }
    }
}

/// The number of lanes is fixed in the store.
fn with_stored_lanes(info: &super::header::SinkInfo, lanes: u32, changes: &mut Changes) -> super::header::SinkInfo {
    if info.lanes.max(1) != lanes {
        changes
            .notes
            .push(format!("sink {} keeps the {lanes} lanes it was made with; {} were asked for", info.id, info.lanes));
    }
    super::header::SinkInfo { lanes, ..info.clone() }
}

fn drop_pending(id: &str, entry: &mut SinkEntry, changes: &mut Changes) {
    for lane in entry.lanes.values_mut() {
        let end = lane.decided();
        let dropped = end.position - lane.applied.position.min(end.position);
        if dropped > 0 {
            changes.notes.push(format!("sink {id}: up to {dropped} decided rows dropped"));
        }
        let version = lane.version;
        *lane = Lane::new(Claim::Overwriting, end);
        lane.version = version;
    }
}

fn expect_no_fence(id: &str, entry: &mut SinkEntry, adopt: bool, changes: &mut Changes) {
    for (n, lane) in &mut entry.lanes {
        lane.claim = if adopt { Claim::Overwriting } else { Claim::Claiming };
        let (from, to) = (lane.applied.position, lane.decided().position);
        if from < to {
            changes.notes.push(format!(
                "sink {id} lane {n}: rows {from} to {} may be applied twice where its fence is missing or foreign",
                to - 1
            ));
        }
    }
}
