//! The lane machine against a model of the whole world: a target, directories and their copies,
//! processes that die, answers that get lost.

use proptest::prelude::*;
use tidegate_core::sink::{CommitOutcome, Fence, Id};

use super::*;
use crate::store::ledger::Claim;

/// One lane of a target, honest and atomic.
#[derive(Default)]
struct Target {
    fence: Option<Fence>,
    /// What was applied: one number a row, unique to the row and its history.
    rows: Vec<u64>,
}

/// A state directory: the part of it that the protocol sees.
#[derive(Clone)]
struct Directory {
    claim: Claim,
    identity: Option<String>,
    applied: Mark,
    marks: Vec<Mark>,
    rows: Vec<u64>,
}

impl Directory {
    fn new() -> Self {
        let start = Mark { position: 0, epoch: 0, digest: 7 };
        Directory { claim: Claim::Claiming, identity: None, applied: start, marks: vec![start], rows: Vec::new() }
    }
    fn history(&self, applied: Option<Mark>) -> History {
        History {
            claim: self.claim,
            runs: vec![Id("run".into())],
            identity: self.identity.clone(),
            applied: applied.unwrap_or(self.applied),
            marks: self.marks.clone(),
        }
    }
    /// A decision with so many rows, unlike any other.
    fn decide(&mut self, rows: u64, unique: u64) {
        let last = self.marks[self.marks.len() - 1];
        let mark = Mark { position: last.position + rows, epoch: last.epoch + 1, digest: unique };
        self.marks.push(mark);
        self.rows.extend((0..rows).map(|i| unique * 1000 + i));
    }
}

/// A process on a directory.
struct Process {
    machine: LaneMachine,
    action: Action,
    applied: Option<Mark>,
    incarnation: Id,
}

#[derive(Debug, Clone)]
enum Step {
    Start(usize),
    Crash(usize),
    Decide(usize, u64),
    Persist(usize),
    Copy(usize),
    /// Performs the next action of a process; the answer may get lost before or after it works.
    Act(usize, Fault, u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    Before,
    After,
}

#[derive(Default)]
struct World {
    target: Target,
    directories: Vec<Directory>,
    processes: Vec<Option<Process>>,
    unique: u64,
}

impl World {
    fn new() -> Self {
        World { directories: vec![Directory::new()], processes: vec![None], unique: 100, ..World::default() }
    }

    fn step(&mut self, step: &Step) {
        let n = self.directories.len();
        match step {
            Step::Start(i) => self.start(i % n),
            Step::Crash(i) => self.processes[i % n] = None,
            Step::Decide(i, rows) => {
                self.unique += 1;
                if self.processes[i % n].is_some() {
                    self.directories[i % n].decide(*rows, self.unique);
                }
            }
            Step::Persist(i) => {
                if let Some(applied) = self.processes[i % n].as_ref().and_then(|p| p.applied) {
                    self.directories[i % n].applied = applied;
                }
            }
            Step::Copy(i) if n < 3 => {
                self.directories.push(self.directories[i % n].clone());
                self.processes.push(None);
            }
            Step::Copy(_) => {}
            Step::Act(i, fault, take) => self.act(i % n, *fault, *take),
        }
        self.check();
    }

    /// The only thing that counts: what the target holds is a prefix of one history, once.
    fn check(&self) {
        let fits = self.directories.iter().any(|d| d.rows.starts_with(&self.target.rows));
        assert!(fits, "the target holds {:?}", self.target.rows);
    }

    fn start(&mut self, i: usize) {
        if self.processes[i].is_some() {
            return;
        }
        self.unique += 1;
        let incarnation = Id(format!("incarnation {}", self.unique));
        let mut machine = LaneMachine::new(Identity {
            run: Id("run".into()),
            incarnation: incarnation.clone(),
            target: "target".into(),
            keep_rejected: false,
            longest_pause: Duration::from_secs(1),
        });
        let action = machine.start(None);
        self.processes[i] = Some(Process { machine, action, applied: None, incarnation });
    }

    fn act(&mut self, i: usize, fault: Fault, take: u64) {
        let Some(mut process) = self.processes[i].take() else { return };
        let trouble = || Error::external("lost");
        let event = match process.action.clone() {
            Action::Stop(_) => {
                self.processes[i] = Some(process);
                return;
            }
            Action::ReadFence if fault == Fault::None => Event::FenceRead(Ok(self.target.fence.clone())),
            Action::ReadFence => Event::FenceRead(Err(trouble())),
            Action::Retire => Event::Retired(Ok(())),
            Action::Claim(fence) => Event::Claimed(self.claim(fence, fault).ok_or_else(trouble)),
            Action::RecordClaimed => {
                self.directories[i].claim = Claim::Claimed;
                self.directories[i].identity = Some("target".into());
                Event::Done
            }
            Action::Acknowledge(mark) => {
                assert!(mark.position <= self.target.rows.len() as u64, "acknowledged before it was applied");
                process.applied = Some(mark);
                Event::Done
            }
            Action::Apply(from) => {
                let history = self.directories[i].history(process.applied);
                let to = (from.position + take).min(history.decided().position);
                let to = history.mark_at(to).unwrap();
                let outcome = self.apply(i, &process.incarnation, from, to, fault);
                Event::Applied { to, outcome }
            }
            Action::RecordRejected(_) | Action::Pause(_) | Action::AwaitDecision => Event::Done,
        };
        process.action = process.machine.on(event, &self.directories[i].history(process.applied));
        self.processes[i] = Some(process);
    }

    fn claim(&mut self, fence: Fence, fault: Fault) -> Option<Option<Fence>> {
        if fault == Fault::Before {
            return None;
        }
        let before = self.target.fence.clone();
        let kept = before.clone().unwrap_or(fence.clone());
        self.target.fence = Some(Fence { run: fence.run, incarnation: fence.incarnation, ..kept });
        (fault == Fault::None).then_some(before)
    }

    fn apply(&mut self, i: usize, incarnation: &Id, from: Mark, to: Mark, fault: Fault) -> CommitOutcome {
        let lost = CommitOutcome::Unknown("lost".into());
        let Some(fence) = self.target.fence.clone().filter(|_| fault != Fault::Before) else { return lost };
        let outcome = if fence.incarnation != *incarnation {
            CommitOutcome::Replaced(fence)
        } else if fence.position == from.position {
            let rows = &self.directories[i].rows[from.position as usize..to.position as usize];
            self.target.rows.extend(rows);
            self.target.fence = Some(Fence { position: to.position, epoch: to.epoch, digest: to.digest, ..fence });
            CommitOutcome::Committed
        } else if fence.position >= to.position {
            CommitOutcome::AlreadyCommitted
        } else {
            CommitOutcome::Unknown("the fence is elsewhere".into())
        };
        if fault == Fault::None { outcome } else { lost }
    }

    /// Lets one directory run undisturbed; returns why it stopped, if it did.
    fn settle(&mut self, i: usize) -> Option<Stop> {
        self.processes.iter_mut().for_each(|p| *p = None);
        self.start(i);
        for _ in 0..1000 {
            match &self.processes[i].as_ref().unwrap().action {
                Action::Stop(stop) => return Some(stop.clone()),
                Action::AwaitDecision => return None,
                _ => self.act(i, Fault::None, 3),
            }
            self.check();
        }
        panic!("it never ends");
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![6 => Just(Fault::None), 1 => Just(Fault::Before), 1 => Just(Fault::After)];
    let step = prop_oneof![
        4 => (0usize..3).prop_map(Step::Start),
        1 => (0usize..3).prop_map(Step::Crash),
        3 => (0usize..3, 1u64..5).prop_map(|(i, n)| Step::Decide(i, n)),
        2 => (0usize..3).prop_map(Step::Persist),
        1 => (0usize..3).prop_map(Step::Copy),
        20 => (0usize..3, fault, 1u64..6).prop_map(|(i, f, t)| Step::Act(i, f, t)),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever happens, the target holds a prefix of one history, each row once; and some directory
    /// can always go on to the end of what it has decided.
    #[test]
    fn exactly_once_under_any_schedule(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        let mut finished = false;
        for i in 0..world.directories.len() {
            match world.settle(i) {
                None => {
                    finished = true;
                    prop_assert_eq!(&world.target.rows, &world.directories[i].rows);
                }
                Some(Stop::Refused(_)) => prop_assert!(world.directories.len() > 1, "only copies are refused"),
                Some(other) => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(finished, "no directory can go on");
    }
}

fn machine() -> LaneMachine {
    LaneMachine::new(Identity {
        run: Id("run".into()),
        incarnation: Id("me".into()),
        target: "target".into(),
        keep_rejected: true,
        longest_pause: Duration::from_secs(1),
    })
}

/// A machine that has claimed at 0 and is applying; ten rows are decided.
fn applying() -> (LaneMachine, History) {
    let mut directory = Directory::new();
    directory.decide(10, 200);
    let mut m = machine();
    let history = directory.history(None);
    m.start(None);
    let Action::Claim(fence) = m.on(Event::FenceRead(Ok(None)), &history) else { panic!("no claim") };
    assert_eq!(m.on(Event::Claimed(Ok(None)), &history), Action::ReadFence);
    assert_eq!(m.on(Event::FenceRead(Ok(Some(fence))), &history), Action::RecordClaimed);
    directory.claim = Claim::Claimed;
    directory.identity = Some("target".into());
    let history = directory.history(None);
    let start = history.start();
    assert_eq!(m.on(Event::Done, &history), Action::Acknowledge(start));
    assert_eq!(m.on(Event::Done, &history), Action::Apply(start));
    (m, history)
}

fn fence(incarnation: &str, mark: Mark) -> Fence {
    let (run, incarnation) = (Id("run".into()), Id(incarnation.into()));
    Fence { run, incarnation, position: mark.position, epoch: mark.epoch, digest: mark.digest }
}

/// Every outcome of an apply has its one next action.
#[test]
fn no_outcome_is_dropped() {
    let (_, history) = applying();
    let to = history.decided();
    let rejected = vec![(3, "no".to_owned())];
    let other = fence("other", to);
    for (outcome, expected) in [
        (CommitOutcome::Committed, Action::Acknowledge(to)),
        (CommitOutcome::AlreadyCommitted, Action::ReadFence),
        (CommitOutcome::RetryLater(Duration::from_secs(3)), Action::Pause(Duration::from_secs(3))),
        (CommitOutcome::RetryLater(Duration::ZERO), Action::Pause(Duration::from_millis(50))),
        (CommitOutcome::Unknown("?".into()), Action::Pause(Duration::from_millis(50))),
        (CommitOutcome::Rejected(rejected.clone()), Action::RecordRejected(rejected)),
        (CommitOutcome::Rejected(Vec::new()), Action::Stop(Stop::Rejected(Vec::new()))),
        (CommitOutcome::Replaced(other.clone()), Action::Stop(Stop::Replaced(Some(other)))),
        (CommitOutcome::Lost("gone".into()), Action::Stop(Stop::Lost("gone".into()))),
    ] {
        let (mut m, history) = applying();
        assert_eq!(m.on(Event::Applied { to, outcome }, &history), expected);
    }
}

/// After a doubt the fence decides, and it has to be our own.
#[test]
fn a_doubt_is_settled_by_the_fence() {
    let (_, history) = applying();
    let (start, to) = (history.start(), history.decided());
    let half = history.mark_at(4).unwrap();
    let wrong = Mark { digest: 1, ..to };
    for (read, expected) in [
        (Some(fence("me", start)), Action::Acknowledge(start)),
        (Some(fence("me", half)), Action::Acknowledge(half)),
        (Some(fence("me", to)), Action::Acknowledge(to)),
        (Some(fence("other", to)), Action::Stop(Stop::Replaced(Some(fence("other", to))))),
        (Some(fence("me", wrong)), Action::Stop(Stop::Refused(Refusal::OtherHistory { fence: 10, epoch: to.epoch }))),
        (None, Action::Stop(Stop::Refused(Refusal::Missing { from: 0, to: 10 }))),
    ] {
        let (mut m, history) = applying();
        m.on(Event::Applied { to, outcome: CommitOutcome::Unknown(String::new()) }, &history);
        assert_eq!(m.on(Event::Done, &history), Action::ReadFence);
        assert_eq!(m.on(Event::FenceRead(Ok(read)), &history), expected);
    }
    let (mut m, history) = applying();
    m.on(Event::Applied { to, outcome: CommitOutcome::AlreadyCommitted }, &history);
    assert!(matches!(m.on(Event::FenceRead(Ok(Some(fence("me", half)))), &history), Action::Stop(Stop::Lost(_))));
}

/// Ping-pong after a time-out: our claim may have worked unanswered, then another process claimed.
/// We do not take it back.
#[test]
fn a_lane_is_never_taken_back() {
    let history = Directory::new().history(None);
    let mut m = machine();
    m.start(None);
    m.on(Event::FenceRead(Ok(Some(fence("predecessor", history.start())))), &history);
    let lost = Error::external("time-out");
    assert!(matches!(m.on(Event::Claimed(Err(lost.clone())), &history), Action::Pause(_)));
    assert_eq!(m.on(Event::Done, &history), Action::ReadFence);
    // The predecessor is still there: the claim has not worked.
    let mut patient = m.clone();
    assert!(matches!(
        patient.on(Event::FenceRead(Ok(Some(fence("predecessor", history.start())))), &history),
        Action::Claim(_)
    ));
    // Our own: it has.
    let mut lucky = m.clone();
    assert!(matches!(lucky.on(Event::FenceRead(Ok(Some(fence("me", history.start())))), &history), Action::Claim(_)));
    // Someone new has come after us.
    let newcomer = fence("newcomer", history.start());
    assert_eq!(
        m.on(Event::FenceRead(Ok(Some(newcomer.clone()))), &history),
        Action::Stop(Stop::Replaced(Some(newcomer)))
    );
}

#[test]
fn pauses_grow_to_the_longest() {
    let longest = Duration::from_secs(5);
    let pauses: Vec<u128> = (1..10).map(|n| back_off(n, longest).as_millis()).collect();
    assert_eq!(pauses, vec![50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
}
